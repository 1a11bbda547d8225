/* A rotation that brings what rows differ in to the front. */
#ifndef CFMPI_PRINCIPAL_H
#define CFMPI_PRINCIPAL_H

#include "arrange.h"

/* Principal directions of rows about the mean of the `cell` rows among which
 * they lie in a slab, as row vectors, the one with most variance first: [dim x
 * dim], the same on all ranks, orthonormal to float32 rounding. Rows are taken
 * times `scale`, or with a length of 1 where that is 0. NULL where rows are too
 * few or too long for it to pay, or squares beyond float32. Free with cf_free.
 * Collective; dim² flops for each of some 128 dim sampled rows, and about 10
 * dim³ on one rank. */
float *cf_principal(const cf_par *par, const cf_slab *slab, int dim, int cell,
                    float scale);

#endif
