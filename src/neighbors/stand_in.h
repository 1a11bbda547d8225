/* What stands for the ratings in the sums of a similarity. */
#ifndef CFMPI_STAND_IN_H
#define CFMPI_STAND_IN_H

#include "definition.h"

/* Ratings to be compared; `columns` is the transpose of `rows`, or NULL where
 * nothing depends on it. */
typedef struct cf_compared {
    const cf_csr *rows, *columns;
    bool of_items;
    const char *what; /* where they are from */
} cf_compared;

/* values [own entries of rows] for all ratings. CF_BAD_DATA, agreed.
 * Collective; 8 bytes a column on each rank. */
int cf_stand_in(double *values, const cf_par *par, const cf_compared *c,
                const cf_ratings_measure *by);

#endif
