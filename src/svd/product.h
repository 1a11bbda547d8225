/* The ratings times blocks of 16 columns. Row-major blocks of reals, by
 * position on the item side. */
#ifndef CFMPI_PRODUCT_H
#define CFMPI_PRODUCT_H

#include "cfmpi/svd.h"
#include "kernels.h"

/* C = AᵀA on the items or AAᵀ on the users, whichever side is smaller. Its
 * rows, in the order of positions where they are items, are split by
 * `part`. */
typedef struct cf_operator {
    const cf_csr *a;
    const cf_par *par;
    const cf_kernels *kernels;
    cf_packed packed;
    bool by_items;
    cf_part part;
    cf_part item_part; /* positions of each rank */
    int64_t n_loc;     /* own rows of C */
    cf_gidx order;     /* rows of C */
    void *gathered;    /* [cols x CF_BLOCK] */
    void *summed;      /* [cols x CF_BLOCK] */
    void *tile;        /* [CF_TILE x CF_BLOCK] */
    void *between;     /* [own rows, in whole tiles x CF_BLOCK] of A x */
    int64_t passes;    /* applications so far */
    cf_svd_times times;
} cf_operator;

/* Packs the matrix, which stays in use: see cf_packed_begin. Collective. */
void cf_operator_begin(cf_operator *op, cf_csr *a, const cf_par *par,
                       enum cf_precision precision, bool in_place);

/* Changes the type of number. Local. */
void cf_operator_precision(cf_operator *op, enum cf_precision precision);

/* Safe on {0} and twice. Local. */
void cf_operator_end(cf_operator *op);

/* y = C x; x, y [n_loc x 16]. Collective. Items: all-gather x, reduce-scatter
 * y, so 2·16·real·cols·(P-1)/P bytes a rank; users: one all-reduce of as
 * many. */
void cf_operator_apply(cf_operator *op, const void *x, void *y);

/* Columns [first, first + 16) of the rows [own items x dim] of all ranks; all
 * [cols x 16] by item, with zeros where the rows end. Collective;
 * 64·cols·(P-1)/P bytes a rank. */
void cf_operator_gather_items(const cf_operator *op, const float *rows, int dim,
                              int first, float *all);

/* w = Aᵀ x for own rows x [rows x 16]; w [own positions x 16]. Collective. */
void cf_operator_transpose(cf_operator *op, const void *x, void *w);

#endif
