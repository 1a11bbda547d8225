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

/* A symmetric matrix of order n dealt out over the grid, to be filled by sums.
 * Memory: n^2 / P doubles a rank, three times that while it is solved. */
typedef struct cf_grid_matrix cf_grid_matrix;

/* Zeros. CF_BAD_DATA when n is beyond ScaLAPACK's 32-bit sizes, with the ranks
 * that would do. Collective. */
int cf_grid_begin(cf_grid_matrix **g, const cf_par *par, int64_t n);

/* Adds the sum over ranks of panel [width x n], row-major: rows (and columns)
 * first .. first + width - 1. Collective; the bytes of the panel times
 * (P-1)/P are sent. */
void cf_grid_add(cf_grid_matrix *g, int64_t first, int64_t width,
                 const double *panel);

/* Eigenpairs as by cf_grid_eigen; the matrix is used up. Collective. */
int cf_grid_solve(cf_grid_matrix *g, int want, double *values, double *vectors);

/* NULL is allowed. Collective. */
void cf_grid_end(cf_grid_matrix *g);

#endif
