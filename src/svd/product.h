/* The ratings times a few columns, in float64. */
#ifndef CFMPI_PRODUCT_H
#define CFMPI_PRODUCT_H

#include <stdbool.h>

#include "cfmpi/csr.h"

#define CF_BLOCK 16 /* columns that go through the matrix at a time */

/* C = AᵀA on the items or AAᵀ on the users, whichever side is smaller. Its
 * rows are split by `part`. */
typedef struct cf_operator {
    const cf_csr *a;
    const cf_par *par;
    bool by_items;
    cf_part part;
    int64_t n_loc;    /* own rows of C */
    cf_gidx order;    /* rows of C */
    double *gathered; /* [cols x CF_BLOCK] */
    double *summed;   /* [cols x CF_BLOCK] */
    int64_t passes;   /* applications so far */
} cf_operator;

void cf_operator_begin(cf_operator *op, const cf_csr *a, const cf_par *par);
void cf_operator_end(cf_operator *op);

/* y = C x for `width` <= CF_BLOCK columns; x, y [n_loc x width] row-major.
 * Collective. Items: all-gather x, reduce-scatter y, so 2·8·cols·width·(P-1)/P
 * bytes a rank; users: one all-reduce of the same size. */
void cf_operator_apply(cf_operator *op, const double *x, double *y, int width);

/* w += Aᵀ x over own rows; x [n_loc x width], w [cols x width]. Local. */
void cf_product_transpose(const cf_csr *a, const double *x, double *w,
                          int width);

/* y = A x over own rows; x [cols x width], y [n_loc x width]. Local. */
void cf_product(const cf_csr *a, const double *x, double *y, int width);

#endif
