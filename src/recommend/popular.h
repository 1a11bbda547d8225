/* Lists by popularity: in place of others, or at their end. */
#ifndef CFMPI_POPULAR_H
#define CFMPI_POPULAR_H

#include "cfmpi/recommend.h"

/* What is filled in and for whom. */
typedef struct cf_popular {
    const cf_csr *ratings;
    const uint8_t *candidate; /* [items] */
    const int64_t *count;     /* [items] ratings */
    const uint8_t *asked;     /* [users] or NULL: all */
    bool scored;              /* else scores are NaN */
} cf_popular;

/* Adds to each finished list of out->lists that is short the most rated of the
 * candidates that the user has not rated and that are not in the list, of as
 * many the smaller row first. filled [own users] or NULL: how many of them.
 * Collective; reads the ratings of these users, 8 bytes each on the wire, in
 * batches; memory: 9 bytes an item. */
void cf_popular_fill(cf_recommendations *out, const cf_par *par,
                     const cf_popular *p, int32_t *filled);

#endif
