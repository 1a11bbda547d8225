/* Columns of a matrix by how many entries they have. */
#ifndef CFMPI_POPULARITY_H
#define CFMPI_POPULARITY_H

#include "cfmpi/csr.h"

/* Position of each column, those of most entries first, of as many the smaller
 * column first; counts of 2^20 and more are as many. count [cols], of the
 * column at each position, and position [cols] are the caller's; the same on
 * all ranks. Collective. */
void cf_csr_popularity(const cf_csr *a, const cf_par *par, cf_lidx *position,
                       int64_t *count);

#endif
