/* Rows are made fit to be compared. */
#ifndef CFMPI_COMPARABLE_H
#define CFMPI_COMPARABLE_H

#include "cfmpi/context.h"
#include "cfmpi/neighbors.h"

/* Whether the rows of `a` can be compared with those of `b`, perhaps the same,
 * and what both are to be multiplied by for it, a power of two. For cosines
 * every row is scaled in place instead, by a power of two of its own.
 * CF_BAD_DATA names a row that is not finite, or says that products are beyond
 * float32; agreed. Collective. */
int cf_make_comparable(const cf_par *par, const cf_points *a,
                       const cf_points *b, int dim,
                       enum cf_similarity similarity, double *scale);

#endif
