/* Method  V = Q S in float64, or Aᵀ Q S / σ when the basis is on the users; its
 *         signs are fixed, it is rounded to float32, and the user rows are
 *         A·V of what was rounded.
 * Cost    2 p n dim flops for p basis columns, 2 nnz dim for A·V; all of V
 *         passes through every rank (4 cols dim bytes). */
#include <cblas.h>
#include <math.h>
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "krylov.h"

/* block = Q S for columns [k, k + width) of the triplets, [ld x width]. */
static void ritz_vectors(const cf_svd *s, int k, int width, double *block)
{
    const cf_basis *b = &s->basis;
    cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, (int)b->n_loc, width,
                b->count, 1, b->q, b->ld, s->s + (int64_t)k * b->count,
                b->count, 0, block, b->ld);
}

/* Right vectors of the block when the iteration ran on the users: Aᵀu/σ,
 * own items only. */
static void to_items(const cf_svd *s, const cf_part *items, int k, int width,
                     const double *u, double *v, int v_ld)
{
    const cf_operator *op = &s->op;
    int64_t n = s->basis.n_loc, m = cf_part_count(items, op->par->rank);
    double *x = cf_alloc((n + m) * width, sizeof *x, "SVD block");
    double *y = x + n * width;
    for (int64_t i = 0; i < n; i++)
        for (int c = 0; c < width; c++)
            x[i * width + c] = u[i + (int64_t)c * s->basis.ld];
    memset(op->summed, 0,
           (size_t)op->a->cols * (size_t)width * sizeof *op->summed);
    cf_product_transpose(op->a, x, op->summed, width);
    cf_reduce_scatter_rows(op->par, items, op->summed, y, width);
    for (int64_t i = 0; i < m; i++)
        for (int c = 0; c < width; c++)
            v[i + (int64_t)c * v_ld] =
                cf_svd_is_zero(s, k + c)
                    ? 0
                    : y[i * width + c] / sqrt(s->theta[k + c]);
    cf_free(x);
}

/* All of V, own items, in float64: an orthonormal basis of its own, in which
 * the columns of zero σ are random. */
static void right_vectors(const cf_svd *s, const cf_part *items, cf_basis *v)
{
    const cf_par *par = s->op.par;
    cf_basis_begin(v, par, items, s->options.dim, s->options.seed + 1);
    double *u =
        cf_alloc((int64_t)s->basis.ld * CF_BLOCK, sizeof *u, "SVD block");
    for (int k = 0; k < s->options.dim; k += CF_BLOCK) {
        int width = CF_MIN(CF_BLOCK, s->options.dim - k);
        double *block = v->q + (int64_t)k * v->ld;
        if (s->op.by_items) {
            ritz_vectors(s, k, width, block);
        } else {
            ritz_vectors(s, k, width, u);
            to_items(s, items, k, width, u, block, v->ld);
        }
    }
    v->count = s->options.dim;
    int zeros = 0;
    while (zeros < s->options.dim &&
           cf_svd_is_zero(s, s->options.dim - 1 - zeros))
        zeros++;
    if (zeros > 0 && !s->op.by_items) {
        double *w = cf_calloc((int64_t)v->ld * CF_BLOCK, sizeof *w, "block");
        v->count -= zeros;
        for (int left = zeros; left > 0; left -= CF_BLOCK) {
            memset(w, 0, (size_t)v->ld * CF_BLOCK * sizeof *w);
            cf_basis_append(v, w, CF_MIN(left, CF_BLOCK), 0);
        }
        cf_free(w);
    }
    cf_free(u);
}

/* The largest entry of each column of V, as float32, is positive; the first
 * one where several are equal. */
static void fix_signs(const cf_basis *v, double *sign)
{
    const cf_par *par = v->par;
    for (int k = 0; k < v->count; k++) {
        const double *q = v->q + (int64_t)k * v->ld;
        float best = -1;
        int64_t row = INT64_MAX;
        for (int64_t i = 0; i < v->n_loc; i++)
            if (fabsf((float)q[i]) > best) {
                best = fabsf((float)q[i]);
                row = v->row_begin + i;
            }
        float most = best;
        MPI_Allreduce(MPI_IN_PLACE, &most, 1, MPI_FLOAT, MPI_MAX, par->comm);
        int64_t first = cf_min_i64(par, best >= most ? row : INT64_MAX);
        int64_t negative =
            best >= most && row == first && q[row - v->row_begin] < 0;
        sign[k] = cf_max_i64(par, negative) ? -1 : 1;
    }
}

static void allocate(cf_embedding *e, const cf_svd *s)
{
    int rank = s->op.par->rank, dim = s->options.dim;
    cf_embedding_free(e);
    e->dim = dim;
    cf_part_copy(&e->user_part, &s->op.a->part);
    cf_part_even(&e->item_part, s->op.a->cols, s->op.par->size);
    e->users = cf_alloc(cf_part_count(&e->user_part, rank) * dim,
                        sizeof *e->users, "user embedding");
    e->items = cf_alloc(cf_part_count(&e->item_part, rank) * dim,
                        sizeof *e->items, "item embedding");
    e->sigma = cf_calloc(4 * (int64_t)dim, sizeof *e->sigma, "triplets");
    e->residual = e->sigma + dim;
    e->left = e->residual + dim;
    e->right = e->left + dim;
}

void cf_svd_publish(const cf_svd *s, cf_embedding *e)
{
    const cf_par *par = s->op.par;
    int dim = s->options.dim;
    cf_basis v = {0};
    allocate(e, s);
    right_vectors(s, &e->item_part, &v);
    double *sign = cf_alloc(dim, sizeof *sign, "signs");
    fix_signs(&v, sign);
    for (int64_t i = 0; i < v.n_loc; i++)
        for (int k = 0; k < dim; k++)
            e->items[i * dim + k] =
                (float)(sign[k] * v.q[i + (int64_t)k * v.ld]);
    cf_free(sign);
    cf_basis_end(&v);
    float *all = cf_alloc(s->op.a->cols * dim, sizeof *all, "V on all ranks");
    cf_allgather_rows(par, &e->item_part, e->items, all,
                      (size_t)dim * sizeof *all);
    cf_svd_embed_rows(s->op.a, all, dim, e->users);
    cf_free(all);
    for (int k = 0; k < dim; k++) {
        e->sigma[k] = cf_svd_is_zero(s, k) ? 0 : sqrt(s->theta[k]);
        for (int64_t i = 0; e->sigma[k] <= 0 && i < s->op.a->n_loc; i++)
            e->users[i * dim + k] = 0;
    }
    e->passes = s->op.passes;
}
