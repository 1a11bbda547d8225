/* An orthonormal basis that grows block by block, rows spread over the ranks.
 * Columns come in blocks of 16, each [n_loc x 16] row-major, one block after
 * the other; the last may have fewer columns, with zeros behind. */
#ifndef CFMPI_BASIS_H
#define CFMPI_BASIS_H

#include "cfmpi/context.h"
#include "cfmpi/partition.h"
#include "kernels.h"

/* Columns of the widest step. */
#define CF_WIDTH_MAX 256

typedef struct cf_basis {
    const cf_par *par;
    const cf_kernels *kernels;
    cf_gidx row_begin; /* first own row, for random numbers */
    int64_t n_loc;     /* own rows */
    int capacity;      /* columns there is room for */
    int count;         /* columns in use; whole blocks but for the last */
    char *q;           /* reals [capacity / 16][n_loc x 16] */
    uint64_t seed;
    uint64_t refills; /* random columns put in so far */
} cf_basis;

/* An empty basis for rows split by `part`; `capacity` is rounded up to whole
 * blocks. Local. */
void cf_basis_begin(cf_basis *b, const cf_par *par, const cf_part *part,
                    const cf_kernels *kernels, int capacity, uint64_t seed);

/* Safe on {0} and twice. Local. */
void cf_basis_end(cf_basis *b);

/* Zeros for `width` columns, as blocks; freed by cf_free. Local. */
void *cf_basis_columns(const cf_basis *b, int width);

/* One element of such columns. Local. */
double cf_basis_get(const cf_basis *b, const void *w, int64_t row, int column);
void cf_basis_set(const cf_basis *b, void *w, int64_t row, int column,
                  double x);

/* A random number for an own row, uniform in (-1/2, 1/2). Local. */
double cf_basis_noise(const cf_basis *b, uint64_t stream, int64_t row);

/* The block that begins with column `first`. Local. */
void *cf_basis_block(const cf_basis *b, const void *w, int first);

/* Numbers times `sign` as reals of these kernels; out [count]. Local. */
void cf_basis_reals(const cf_kernels *k, const double *c, int64_t count,
                    double sign, void *out);

/* Of a block [n_loc x 16]: the squared lengths of its columns on this rank;
 * its columns times factors; its numbers as float32. Local. */
void cf_basis_squares(const cf_basis *b, const void *block,
                      double sum[CF_BLOCK]);
void cf_basis_scale(const cf_basis *b, void *block,
                    const double factor[CF_BLOCK]);
void cf_basis_floats(const cf_basis *b, const void *block, float *out);

/* w -= Q (Qᵀ w) until nothing is left of it; the coefficients [count x width]
 * go to `h` and wᵀw [width x width] of what is left to `gram`, both
 * column-major. Returns how much longer, at most, what a column lost is than
 * what it kept, the two newest blocks apart. Collective; three small
 * all-reduces or more. */
double cf_basis_project(const cf_basis *b, void *w, int width, double *h,
                        double *gram);

/* The same along the leading 64 columns and the two newest blocks only.
 * Collective. */
void cf_basis_project_partly(const cf_basis *b, void *w, int width, double *h,
                             double *gram);

/* Makes w orthonormal and orthogonal to the basis, and appends it. w must
 * have been projected, unless it is zero. Columns of w that depend on the
 * rest, or are shorter than `negligible`, give way to random ones.
 * Collective. */
void cf_basis_append(cf_basis *b, void *w, int width, double negligible);

/* out = Q s for the columns of s [count x ...] column-major from `first` to
 * `last`; out holds blocks of 16 columns. Local. */
void cf_basis_combine(const cf_basis *b, const double *s, int first, int last,
                      void *out);

/* Q, nearly orthonormal, becomes Q (3 - QᵀQ) / 2: a step of Newton's method
 * towards the closest orthonormal basis, which squares the error. Collective;
 * 4 n count^2 flops. */
void cf_basis_polish(cf_basis *b);

/* Q becomes Q s for the first `keep` columns of s, a multiple of 16 unless it
 * is count. Local. */
void cf_basis_rotate(cf_basis *b, const double *s, int keep);

#endif
