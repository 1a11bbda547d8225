/* Method  Row by row: gather y_i = Σ a_ij x_j, and for AᵀA scatter
 *         w_j += a_ij y_i at once, so that the matrix is read once a pass.
 *         The width is a constant in the usual case, which lets the compiler
 *         keep a row of the block in registers.
 * Cost    4 nnz width flops a pass; 8 bytes an entry of matrix, and for each
 *         entry two block rows of 8 width bytes, mostly from cache. */
#include "product.h"

#include <string.h>

#include "cfmpi/cpu.h"
#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"

#define INLINE static inline __attribute__((always_inline))

INLINE void gather_row(const cf_csr *a, int64_t i, const double *x, double *sum,
                       int width)
{
    for (int c = 0; c < width; c++)
        sum[c] = 0;
    for (int64_t e = a->indptr[i]; e < a->indptr[i + 1]; e++) {
        const double *row = x + (int64_t)a->indices[e] * width;
        double v = a->values[e];
        for (int c = 0; c < width; c++)
            sum[c] += v * row[c];
    }
}

INLINE void scatter_row(const cf_csr *a, int64_t i, const double *y, double *w,
                        int width)
{
    for (int64_t e = a->indptr[i]; e < a->indptr[i + 1]; e++) {
        double *row = w + (int64_t)a->indices[e] * width;
        double v = a->values[e];
        for (int c = 0; c < width; c++)
            row[c] += v * y[c];
    }
}

CF_VECTORISED static void fused_block(const cf_csr *a, const double *x,
                                      double *w)
{
    double y[CF_BLOCK];
    for (int64_t i = 0; i < a->n_loc; i++) {
        gather_row(a, i, x, y, CF_BLOCK);
        scatter_row(a, i, y, w, CF_BLOCK);
    }
}

static void fused(const cf_csr *a, const double *x, double *w, int width)
{
    double y[CF_BLOCK];
    if (width == CF_BLOCK) {
        fused_block(a, x, w);
        return;
    }
    for (int64_t i = 0; i < a->n_loc; i++) {
        gather_row(a, i, x, y, width);
        scatter_row(a, i, y, w, width);
    }
}

CF_VECTORISED static void product_block(const cf_csr *a, const double *x,
                                        double *y)
{
    for (int64_t i = 0; i < a->n_loc; i++)
        gather_row(a, i, x, y + i * CF_BLOCK, CF_BLOCK);
}

void cf_product(const cf_csr *a, const double *x, double *y, int width)
{
    if (width == CF_BLOCK) {
        product_block(a, x, y);
        return;
    }
    for (int64_t i = 0; i < a->n_loc; i++)
        gather_row(a, i, x, y + i * width, width);
}

CF_VECTORISED static void transpose_block(const cf_csr *a, const double *x,
                                          double *w)
{
    for (int64_t i = 0; i < a->n_loc; i++)
        scatter_row(a, i, x + i * CF_BLOCK, w, CF_BLOCK);
}

void cf_product_transpose(const cf_csr *a, const double *x, double *w,
                          int width)
{
    if (width == CF_BLOCK) {
        transpose_block(a, x, w);
        return;
    }
    for (int64_t i = 0; i < a->n_loc; i++)
        scatter_row(a, i, x + i * width, w, width);
}

void cf_operator_begin(cf_operator *op, const cf_csr *a, const cf_par *par)
{
    *op = (cf_operator){.a = a, .par = par, .by_items = a->cols <= a->rows};
    if (op->by_items)
        cf_part_even(&op->part, a->cols, par->size);
    else
        cf_part_copy(&op->part, &a->part);
    op->n_loc = cf_part_count(&op->part, par->rank);
    op->order = cf_part_rows(&op->part);
    int64_t size = a->cols * CF_BLOCK;
    op->gathered =
        cf_alloc(op->by_items ? size : 0, sizeof(double), "gathered block");
    op->summed = cf_alloc(size, sizeof(double), "summed block");
}

void cf_operator_end(cf_operator *op)
{
    cf_part_free(&op->part);
    cf_free(op->gathered);
    cf_free(op->summed);
    *op = (cf_operator){0};
}

void cf_operator_apply(cf_operator *op, const double *x, double *y, int width)
{
    size_t bytes = (size_t)op->a->cols * (size_t)width * sizeof(double);
    memset(op->summed, 0, bytes);
    op->passes++;
    if (op->by_items) {
        cf_allgather_rows(op->par, &op->part, x, op->gathered,
                          (size_t)width * sizeof(double));
        fused(op->a, op->gathered, op->summed, width);
        cf_reduce_scatter_rows(op->par, &op->part, op->summed, y, width);
    } else {
        cf_product_transpose(op->a, x, op->summed, width);
        cf_allreduce(op->par, op->summed, op->a->cols * width, MPI_DOUBLE,
                     MPI_SUM);
        cf_product(op->a, op->summed, y, width);
    }
}
