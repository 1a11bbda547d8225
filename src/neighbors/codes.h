/* Ratings as small whole numbers. */
#ifndef CFMPI_CODES_H
#define CFMPI_CODES_H

#include "bytes.h"
#include "cfmpi/csr.h"
#include "definition.h"

typedef struct cf_codes {
    uint8_t *code; /* [own entries]; NULL where there are none */
    double step;   /* rating = code x step, a power of two */
    int largest;   /* of all ranks, at least 1 */
} cf_codes;

/* The codes of ratings that are all positive multiples of one power of two from
 * 1/8 to 1, at most cf_codes_most() times that, in rows so short that sums of
 * products have 32 bits; where it is only asked which
 * ratings there are, each is 1. Collective. */
void cf_codes_find(cf_codes *c, const cf_csr *a, const cf_par *par,
                   const cf_ratings_measure *by);

/* The largest code that ratings may have to be compared by codes, 0 where what
 * is compared are no whole numbers. Local. */
int cf_codes_most(const cf_ratings_measure *by);

/* Whether nothing but Σxy is asked for, and less than a known one is of no use.
 * Local. */
bool cf_codes_are_screened(const cf_ratings_measure *by);

#endif
