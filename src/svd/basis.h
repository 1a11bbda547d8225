/* An orthonormal basis that grows block by block, rows spread over the ranks.
 */
#ifndef CFMPI_BASIS_H
#define CFMPI_BASIS_H

#include <stdbool.h>

#include "cfmpi/context.h"
#include "cfmpi/partition.h"

/* Columns of the widest block. */
#define CF_WIDTH_MAX 256

/* Columns are stored one after the other (column-major, leading dimension
 * `ld`), so the leading columns are one matrix for BLAS. */
typedef struct cf_basis {
    const cf_par *par;
    cf_gidx row_begin; /* first own row, for random numbers */
    int64_t n_loc;     /* own rows */
    int ld;            /* max(1, n_loc) */
    int capacity;      /* columns there is room for */
    int count;         /* columns in use */
    double *q;         /* [ld x capacity] */
    uint64_t seed;
    uint64_t refills; /* random columns put in so far */
} cf_basis;

void cf_basis_begin(cf_basis *b, const cf_par *par, const cf_part *part,
                    int capacity, uint64_t seed);
void cf_basis_end(cf_basis *b);

/* w -= Q (Qᵀ w) for `width` columns of w [ld x width]; the coefficients
 * [count x width] go to `h` and, when `add`, are added to what is there.
 * Collective; one all-reduce. */
void cf_basis_project(const cf_basis *b, double *w, int width, double *h,
                      bool add);

/* g = wᵀw [width x width]. Collective; one all-reduce. */
void cf_basis_gram(const cf_basis *b, const double *w, int width, double *g);

/* Makes w orthonormal and orthogonal to the basis, and appends it. Columns of
 * w that depend on the rest, or are shorter than `negligible`, give way to
 * random ones. Collective. */
void cf_basis_append(cf_basis *b, double *w, int width, double negligible);

#endif
