/* Method  What is published is what is measured: the stored float32 U·Σ and V
 *         are multiplied by the matrix in float64, 16 columns at a time.
 * Cost    4 nnz dim flops, 2 n dim^2 for UᵀU; traffic as for dim/16 passes of
 *         the solver.
 * Note    With U = AV/σ the left residual is only the rounding of U to
 *         float32, whatever V is; the right one is what counts. */
#include <cblas.h>
#include <math.h>
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "cfmpi/progress.h"
#include "cfmpi/svd.h"
#include "product.h"

/* Rows of A·V for one row of A; `sum` [dim] in float64. */
static void embed_row(const cf_csr *a, int64_t i, const float *items, int dim,
                      double *sum)
{
    memset(sum, 0, (size_t)dim * sizeof *sum);
    for (int64_t e = a->indptr[i]; e < a->indptr[i + 1]; e++) {
        const float *v = items + (int64_t)a->indices[e] * dim;
        double x = a->values[e];
        for (int k = 0; k < dim; k++)
            sum[k] += x * (double)v[k];
    }
}

void cf_svd_embed_rows(const cf_csr *a, const float *items, int dim, float *out)
{
    double *sum = cf_alloc(dim, sizeof *sum, "embedding row");
    for (int64_t i = 0; i < a->n_loc; i++) {
        embed_row(a, i, items, dim, sum);
        for (int k = 0; k < dim; k++)
            out[i * dim + k] = (float)sum[k];
    }
    cf_free(sum);
}

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

/* Room for one block of triplets. */
typedef struct block {
    double *v, *v_all; /* own items, all items */
    double *us, *av;   /* own users: stored U·Σ, and A·V computed */
    double *w_all, *w; /* AᵀU·Σ of all items, own items */
    double sums[2 * CF_BLOCK];
} block;

static void residual_block(cf_embedding *e, const cf_csr *a, const cf_par *par,
                           block *b, int k, int width)
{
    int64_t n = a->n_loc, m = cf_part_count(&e->item_part, par->rank);
    columns(e->items, m, e->dim, k, width, b->v);
    columns(e->users, n, e->dim, k, width, b->us);
    cf_allgather_rows(par, &e->item_part, b->v, b->v_all,
                      (size_t)width * sizeof(double));
    cf_product(a, b->v_all, b->av, width);
    memset(b->w_all, 0, (size_t)(a->cols * width) * sizeof(double));
    cf_product_transpose(a, b->us, b->w_all, width);
    cf_reduce_scatter_rows(par, &e->item_part, b->w_all, b->w, width);
    memset(b->sums, 0, sizeof b->sums);
    for (int64_t i = 0; i < n; i++)
        for (int c = 0; c < width; c++) {
            double d = b->av[i * width + c] - b->us[i * width + c];
            b->sums[c] += d * d;
        }
    for (int64_t i = 0; i < m; i++)
        for (int c = 0; c < width; c++) {
            double sigma = e->sigma[k + c];
            double d = sigma > 0 ? b->w[i * width + c] / sigma -
                                       sigma * b->v[i * width + c]
                                 : 0;
            b->sums[CF_BLOCK + c] += d * d;
        }
    cf_allreduce(par, b->sums, 2 * CF_BLOCK, MPI_DOUBLE, MPI_SUM);
    for (int c = 0; c < width; c++) {
        double scale = e->sigma[k + c] > 0 ? e->sigma[k + c] : e->sigma[0];
        e->left[k + c] = scale > 0 ? sqrt(b->sums[c]) / scale : 0;
        e->right[k + c] = scale > 0 ? sqrt(b->sums[CF_BLOCK + c]) / scale : 0;
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

void cf_svd_certify(cf_embedding *e, const cf_csr *a, const cf_par *par)
{
    int64_t n = a->n_loc, m = cf_part_count(&e->item_part, par->rank);
    block b = {0};
    b.v = cf_alloc((2 * m + 2 * n + 2 * a->cols) * CF_BLOCK, sizeof *b.v,
                   "certificate block");
    b.w = b.v + m * CF_BLOCK;
    b.us = b.w + m * CF_BLOCK;
    b.av = b.us + n * CF_BLOCK;
    b.v_all = b.av + n * CF_BLOCK;
    b.w_all = b.v_all + a->cols * CF_BLOCK;
    for (int k = 0; k < e->dim; k += CF_BLOCK) {
        residual_block(e, a, par, &b, k, CF_MIN(CF_BLOCK, e->dim - k));
        cf_progress_step(k, e->dim);
    }
    cf_free(b.v);
    e->orthogonality = orthogonality(e, n, par);
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
