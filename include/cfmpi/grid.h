/* Dense problems on a block-cyclic grid of processes (ScaLAPACK). */
#ifndef CFMPI_GRID_H
#define CFMPI_GRID_H

#include "cfmpi/context.h"

/* Eigenvalues and the leading eigenvectors of a symmetric matrix that every
 * rank holds: a [n x n], column-major, leading dimension `lda`, not changed.
 * values [n] come in descending order, vectors [n x want] column-major, the
 * same bits on all ranks. The work is done on a grid of process rows and
 * columns, more than one of each from 4 ranks on; ranks that do not fit it
 * wait. CF_BAD_DATA when n is beyond ScaLAPACK's 32-bit sizes, CF_INTERNAL
 * when it does not converge. Collective; about 9 n^3 / P flops, n^2 (3/P)
 * doubles a rank. Source: Tisseur, Dongarra 1999 (divide and conquer). */
int cf_grid_eigen(const cf_par *par, const double *a, int n, int lda, int want,
                  double *values, double *vectors);

#endif
