/* Method  What is published is what is measured: the stored float32 U·Σ and V
 *         are multiplied by the matrix in float64, 16 columns at a time, tile
 *         by tile as the solver goes through it.
 * Cost    4 nnz dim flops, n dim^2 for UᵀU; 12 cols dim (P-1)/P bytes sent by
 *         a rank.
 * Note    With U = AV/σ the left residual is only the rounding of U to
 *         float32, whatever V is; the right one is what counts. */
#include <cblas.h>
#include <math.h>
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "cfmpi/progress.h"
#include "krylov.h"

void cf_svd_scale_rows(float *rows, int64_t count, int dim, const double *sigma)
{
    for (int64_t i = 0; i < count; i++)
        for (int k = 0; k < dim; k++)
            rows[i * dim + k] = (float)((double)rows[i * dim + k] * sigma[k]);
}

/* Columns [k, k + width) of a float32 matrix as float64, row-major. */
static void columns(const float *from, int64_t rows, int dim, int k, int width,
                    double *to)
{
    for (int64_t i = 0; i < rows; i++)
        for (int c = 0; c < width; c++)
            to[i * width + c] = (double)from[i * dim + k + c];
}

/* Sums of squares of 16 triplets. */
typedef struct squares {
    double left[CF_BLOCK], right[CF_BLOCK];
} squares;

/* V of 16 triplets by position, in float64; zeros behind narrow blocks. */
static void spread_items(const cf_embedding *e, cf_operator *op, int k,
                         int width, double *x)
{
    int64_t m = cf_part_count(&e->item_part, op->par->rank);
    /* Room that is free until the products. */
    float *all = op->summed;
    float *own = cf_calloc(m * CF_BLOCK, sizeof *own, "panel of V");
    for (int64_t i = 0; i < m; i++)
        memcpy(own + i * CF_BLOCK, e->items + i * e->dim + k,
               (size_t)width * sizeof *own);
    cf_allgather_rows(op->par, &e->item_part, own, all, CF_BLOCK * sizeof *all);
    for (int64_t j = 0; j < op->a->cols; j++) {
        double *row = x + (int64_t)op->packed.position[j] * CF_BLOCK;
        for (int c = 0; c < CF_BLOCK; c++)
            row[c] = (double)all[j * CF_BLOCK + c];
    }
    cf_free(own);
}

/* Compares the rows of A·V in a tile, which are computed times 2^-exponent,
 * with the stored U·Σ, and puts the stored ones in their place. */
static void compare_tile(const cf_embedding *e, const cf_operator *op,
                         int64_t tile, int k, int width, squares *sum)
{
    double *y = op->tile, scale = ldexp(1, -op->packed.exponent);
    int64_t begin = tile * CF_TILE, end = CF_MIN(begin + CF_TILE, op->a->n_loc);
    for (int64_t i = begin; i < end; i++, y += CF_BLOCK) {
        const float *stored = e->users + i * e->dim + k;
        for (int c = 0; c < width; c++) {
            double d = y[c] - scale * (double)stored[c];
            sum->left[c] += d * d;
            y[c] = scale * (double)stored[c];
        }
    }
}

/* ‖AᵀUΣ/σ − σv‖² on own positions; everything times 2^-exponent. */
static void compare_items(const cf_embedding *e, const cf_operator *op, int k,
                          int width, const double *v, const double *w,
                          squares *sum)
{
    int64_t m = cf_part_count(&op->item_part, op->par->rank);
    for (int c = 0; c < width; c++) {
        double sigma = ldexp(e->sigma[k + c], -op->packed.exponent);
        for (int64_t i = c; i < m * CF_BLOCK && sigma > 0; i += CF_BLOCK) {
            double d = w[i] / sigma - sigma * v[i];
            sum->right[c] += d * d;
        }
    }
}

static void certify_block(cf_embedding *e, cf_operator *op, double *x,
                          double *own, int k)
{
    const cf_packed *p = &op->packed;
    int width = CF_MIN(CF_BLOCK, e->dim - k);
    squares sum = {0};
    spread_items(e, op, k, width, x);
    memset(op->summed, 0, (size_t)p->cols * CF_BLOCK * sizeof(double));
    for (int64_t t = 0; t < p->tiles; t++) {
        op->kernels->gather(p, t, x, op->tile);
        compare_tile(e, op, t, k, width, &sum);
        op->kernels->scatter(p, t, op->tile, op->summed);
    }
    cf_reduce_scatter_rows(op->par, &op->item_part, op->summed, own, CF_BLOCK,
                           MPI_DOUBLE);
    int64_t first = op->item_part.begin[op->par->rank];
    compare_items(e, op, k, width, x + first * CF_BLOCK, own, &sum);
    cf_allreduce(op->par, &sum, 2 * CF_BLOCK, MPI_DOUBLE, MPI_SUM);
    for (int c = 0; c < width; c++) {
        double sigma = e->sigma[k + c] > 0 ? e->sigma[k + c] : e->sigma[0];
        double scale = ldexp(sigma, -p->exponent);
        e->left[k + c] = scale > 0 ? sqrt(sum.left[c]) / scale : 0;
        e->right[k + c] = scale > 0 ? sqrt(sum.right[c]) / scale : 0;
        e->residual[k + c] =
            e->left[k + c] > e->right[k + c] ? e->left[k + c] : e->right[k + c];
    }
}

/* max |UᵀU − I|, U = users/σ, in float64 by chunks of rows. */
static double orthogonality(const cf_embedding *e, int64_t n, const cf_par *par)
{
    int dim = e->dim, chunk = 512;
    double *g = cf_calloc((int64_t)dim * dim, sizeof *g, "UᵀU");
    double *u = cf_alloc((int64_t)chunk * dim, sizeof *u, "rows of U");
    double most = 0;
    for (int64_t at = 0; at < n; at += chunk) {
        int rows = (int)CF_MIN(chunk, n - at);
        columns(e->users + at * dim, rows, dim, 0, dim, u);
        cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, dim, rows, 1, u, dim,
                    1, g, dim);
    }
    cf_allreduce(par, g, (int64_t)dim * dim, MPI_DOUBLE, MPI_SUM);
    for (int r = 0; r < dim; r++)
        for (int c = r; c < dim; c++)
            if (e->sigma[r] > 0 && e->sigma[c] > 0)
                most = fmax(most, fabs(g[r * (int64_t)dim + c] /
                                           (e->sigma[r] * e->sigma[c]) -
                                       (r == c)));
    cf_free(g);
    cf_free(u);
    return most;
}

void cf_svd_certify(cf_embedding *e, const cf_csr *a, const cf_par *par,
                    cf_svd *solver)
{
    cf_operator own = {0}, *op = solver == NULL ? &own : &solver->op;
    if (solver == NULL)
        cf_operator_begin(op, a, par, CF_DOUBLE);
    else
        cf_operator_precision(op, CF_DOUBLE);
    int64_t m = cf_part_count(&op->item_part, par->rank);
    double *x = cf_alloc((a->cols + m) * CF_BLOCK, sizeof *x, "panel of V");
    for (int k = 0; k < e->dim; k += CF_BLOCK) {
        certify_block(e, op, x, x + a->cols * CF_BLOCK, k);
        cf_progress_step(k, e->dim);
    }
    cf_free(x);
    cf_operator_end(&own);
    e->orthogonality = orthogonality(e, a->n_loc, par);
    e->max_residual = 0;
    for (int k = 0; k < e->dim; k++) /* a NaN wins, and stays */
        if (!(e->residual[k] <= e->max_residual))
            e->max_residual = e->residual[k];
}

void cf_embedding_free(cf_embedding *e)
{
    cf_part_free(&e->user_part);
    cf_part_free(&e->item_part);
    cf_free(e->users);
    cf_free(e->items);
    cf_free(e->sigma);
    *e = (cf_embedding){0};
}
