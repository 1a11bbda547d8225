/* All singular values at once, from the Gram matrix. */
#ifndef CFMPI_GRAM_H
#define CFMPI_GRAM_H

#include "cfmpi/csr.h"

/* Eigenvalues of AᵀA, or of AAᵀ where there are fewer users than items, times
 * 2^(-2 exponent), descending, and the leading eigenvectors: values [order],
 * vectors [order x want] column-major by item or user, the same on all ranks.
 * CF_BAD_DATA when the order is beyond ScaLAPACK's 32-bit sizes. Collective. */
int cf_gram_eigen(const cf_csr *a, const cf_par *par, int exponent, int want,
                  double *values, double *vectors);

#endif
