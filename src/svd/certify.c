/* Method  What is published is what is measured: V as stored in float32 is
 *         multiplied by the matrix in float64, 16 columns at a time; rounded
 *         to float32 that is U·Σ (or is compared with it), which goes back
 *         through Aᵀ, as in the solver when all of it is there. After
 *         float32 iterations σ are the lengths of U·Σ: their error is of the
 *         order of the square of that of V.
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
#include "solver.h"

/* Sums of squares of 16 triplets. */
typedef struct squares {
    double left[CF_BLOCK], right[CF_BLOCK], length[CF_BLOCK];
} squares;

/* What a sweep over the matrix is for: to compare the user rows, or to make
 * them, and perhaps σ as well. */
enum purpose { COMPARE, MAKE_USERS, MAKE_USERS_AND_SIGMA };

typedef struct sweep {
    cf_embedding *e;
    cf_operator *op;
    enum purpose purpose;
    float *v;  /* [cols x 16] of V, by position */
    float *u;  /* [own rows, in whole tiles x 16] of stored user rows */
    double *w; /* [own positions x 16] */
} sweep;

/* V of the triplets from k on; zeros behind narrow blocks. */
static void spread_items(sweep *s, int k)
{
    /* Room that is free until the products. */
    float *all = s->op->summed;
    cf_operator_gather_items(s->op, s->e->items, s->e->dim, k, all);
    for (int64_t j = 0; j < s->op->a->cols; j++)
        memcpy(s->v + (int64_t)s->op->packed.position[j] * CF_BLOCK,
               all + j * CF_BLOCK, CF_BLOCK * sizeof *all);
}

static bool differ(float x, float y)
{
    return x < y || x > y || isnan(x) != isnan(y);
}

/* Stores the rows of A·V in a tile, unless they are there to be compared, and
 * leaves what is stored in s->u. A·V is computed, and left, times
 * 2^-exponent. */
static void take_tile(sweep *s, int64_t tile, int k, int width, squares *sum)
{
    const double *y = s->op->tile;
    float *kept = s->u + tile * CF_TILE * CF_BLOCK;
    double up[CF_BLOCK], down[CF_BLOCK];
    for (int c = 0; c < width; c++) {
        double sigma = s->e->sigma[k + c];
        double scale = ldexp(1, s->op->packed.exponent);
        up[c] = sigma > 0 ? scale : 0; /* zeros where σ is */
        down[c] = 1 / scale;
        if (sigma > 0 && s->e->scale != CF_EMBEDDING_US)
            down[c] *= sigma / cf_embedding_power(s->e, k + c);
    }
    int64_t begin = tile * CF_TILE;
    int64_t end = CF_MIN(begin + CF_TILE, s->op->a->n_loc);
    for (int64_t i = begin; i < end; i++, y += CF_BLOCK, kept += CF_BLOCK) {
        float *stored = s->e->users + i * s->e->dim + k;
        for (int c = 0; c < width; c++) {
            float made = (float)(up[c] * y[c]);
            if (s->purpose != COMPARE)
                stored[c] = made;
            else
                s->e->rows_off +=
                    differ(cf_embedding_rescaled(s->e, k + c, made), stored[c]);
            double x = down[c] * (double)stored[c], d = y[c] - x;
            kept[c] = (float)x;
            sum->left[c] += d * d;
            sum->length[c] += x * x;
        }
    }
}

/* ‖AᵀUΣ/σ − σv‖² on own positions; everything times 2^-exponent. */
static void compare_items(const sweep *s, int k, int width, squares *sum)
{
    const cf_operator *op = s->op;
    int64_t m = cf_part_count(&op->item_part, op->par->rank);
    const float *v = s->v + op->item_part.begin[op->par->rank] * CF_BLOCK;
    double sigma[CF_BLOCK], inverse[CF_BLOCK];
    for (int c = 0; c < width; c++) {
        sigma[c] = ldexp(s->e->sigma[k + c], -op->packed.exponent);
        inverse[c] = sigma[c] > 0 ? 1 / sigma[c] : 0;
    }
    const double *w = s->w;
    for (int64_t i = 0; i < m; i++, v += CF_BLOCK, w += CF_BLOCK)
        for (int c = 0; c < width; c++) {
            double d = w[c] * inverse[c] - sigma[c] * (double)v[c];
            sum->right[c] += d * d;
        }
}

static void sweep_block(sweep *s, int k)
{
    cf_embedding *e = s->e;
    cf_operator *op = s->op;
    const cf_packed *p = &op->packed;
    int width = CF_MIN(CF_BLOCK, e->dim - k);
    squares sum = {0};
    spread_items(s, k);
    for (int64_t t = 0; t < p->tiles; t++) {
        op->kernels->gather_floats(p, t, s->v, op->tile);
        take_tile(s, t, k, width, &sum);
    }
    memset(op->summed, 0, (size_t)p->cols * CF_BLOCK * sizeof(double));
    for (int64_t t = 0; t < p->tiles; t++)
        op->kernels->scatter_floats(p, t, s->u + t * CF_TILE * CF_BLOCK,
                                    op->summed);
    cf_allreduce(op->par, &sum, 3 * CF_BLOCK, MPI_DOUBLE, MPI_SUM);
    for (int c = 0; c < width && s->purpose == MAKE_USERS_AND_SIGMA; c++)
        if (e->sigma[k + c] > 0)
            e->sigma[k + c] = ldexp(sqrt(sum.length[c]), p->exponent);
    cf_reduce_scatter_rows(op->par, &op->item_part, op->summed, s->w, CF_BLOCK,
                           MPI_DOUBLE);
    compare_items(s, k, width, &sum);
    cf_allreduce(op->par, sum.right, CF_BLOCK, MPI_DOUBLE, MPI_SUM);
    for (int c = 0; c < width; c++) {
        double sigma = e->sigma[k + c] > 0 ? e->sigma[k + c] : e->sigma[0];
        double scale = ldexp(sigma, -p->exponent);
        /* Not `scale > 0`: a NaN must show. */
        e->left[k + c] = scale == 0 ? 0 : sqrt(sum.left[c]) / scale;
        e->right[k + c] = scale == 0 ? 0 : sqrt(sum.right[c]) / scale;
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
        for (int64_t i = 0; i < (int64_t)rows * dim; i++)
            u[i] = (double)e->users[at * dim + i];
        cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, dim, rows, 1, u, dim,
                    1, g, dim);
    }
    cf_allreduce(par, g, (int64_t)dim * dim, MPI_DOUBLE, MPI_SUM);
    for (int r = 0; r < dim; r++)
        for (int c = r; c < dim; c++)
            if (e->sigma[r] > 0 && e->sigma[c] > 0)
                most = fmax(most, fabs(g[r * (int64_t)dim + c] /
                                           (cf_embedding_power(e, r) *
                                            cf_embedding_power(e, c)) -
                                       (r == c)));
    cf_free(g);
    cf_free(u);
    return most;
}

static void certify(cf_embedding *e, cf_operator *op, enum purpose purpose)
{
    const cf_par *par = op->par;
    sweep s = {.e = e, .op = op, .purpose = purpose};
    e->rows_off = 0;
    s.v = cf_alloc(op->a->cols * CF_BLOCK, sizeof *s.v, "panel of V");
    s.u = op->between;
    memset(s.u, 0,
           (size_t)(op->packed.tiles * CF_TILE) * CF_BLOCK * sizeof *s.u);
    s.w = cf_alloc(cf_part_count(&op->item_part, par->rank) * CF_BLOCK,
                   sizeof *s.w, "panel of AᵀU");
    for (int k = 0; k < e->dim; k += CF_BLOCK) {
        sweep_block(&s, k);
        cf_progress_step(k, e->dim);
    }
    cf_free(s.v);
    cf_free(s.w);
    e->rows_off = cf_sum_i64(par, e->rows_off);
    e->orthogonality = orthogonality(e, op->a->n_loc, par);
    e->max_residual = 0;
    for (int k = 0; k < e->dim; k++) /* a NaN wins, and stays */
        if (!(e->residual[k] <= e->max_residual))
            e->max_residual = e->residual[k];
}

void cf_svd_certify(cf_embedding *e, cf_csr *a, const cf_par *par)
{
    cf_operator op;
    cf_operator_begin(&op, a, par, CF_DOUBLE, true);
    certify(e, &op, COMPARE);
    cf_operator_end(&op);
}

void cf_svd_complete(cf_svd *s, cf_embedding *e)
{
    bool single = s->precision == CF_SINGLE;
    int64_t users = s->op.a->n_loc;
    int64_t items = cf_part_count(&s->op.item_part, s->op.par->rank);
    cf_operator_precision(&s->op, CF_DOUBLE);
    e->scale = CF_EMBEDDING_US;
    certify(e, &s->op, single ? MAKE_USERS_AND_SIGMA : MAKE_USERS);
    if (single)
        cf_embedding_sort(e, users, items);
    if (s->options.scale == CF_EMBEDDING_US)
        return;
    /* What is rounded once more is certified once more. */
    cf_embedding_rescale(e, users, s->options.scale);
    certify(e, &s->op, COMPARE);
}
