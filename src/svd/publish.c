/* Method  V = Q S, or Aᵀ Q S / σ when the basis is on the users, made unit
 *         length and rounded to float32 with its signs fixed.
 * Cost    2 p n dim flops for p basis columns; all of V passes through every
 *         rank (4 cols dim bytes), 16 columns at a time. */
#include <math.h>
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "cfmpi/random.h"
#include "solver.h"

/* Columns [first, last) of the eigenvectors of C that all ranks hold, own rows
 * as they lie in the basis. */
static void own_rows(const cf_svd *s, int first, int last, double *out)
{
    const cf_operator *op = &s->op;
    cf_gidx begin = op->part.begin[op->par->rank];
    memset(out, 0, (size_t)op->n_loc * CF_BLOCK * sizeof *out);
    for (cf_gidx i = 0; i < op->order; i++) {
        cf_gidx at = (op->by_items ? op->packed.position[i] : i) - begin;
        for (int k = first; at >= 0 && at < op->n_loc && k < last; k++)
            out[at * CF_BLOCK + k - first] = s->s[i + k * op->order];
    }
}

/* Columns [first, last) of the eigenvectors of C; out holds blocks. */
static void eigenvectors(const cf_svd *s, int first, int last, void *out)
{
    if (!s->by_gram)
        cf_basis_combine(&s->basis, s->s, first, last, out);
    for (int k = first; k < last && s->by_gram; k += CF_BLOCK)
        own_rows(s, k, CF_MIN(k + CF_BLOCK, last),
                 (double *)out + (int64_t)(k - first) * s->op.n_loc);
}

/* The same, brought to own positions. */
static void right_columns(cf_svd *s, cf_basis *v, int first, int last)
{
    void *u;
    if (s->op.by_items) {
        eigenvectors(s, first, last, cf_basis_block(v, v->q, first));
        return;
    }
    u = cf_alloc(s->op.n_loc * CF_BLOCK, s->op.kernels->real, "block");
    for (int k = first; k < last; k += CF_BLOCK) {
        eigenvectors(s, k, CF_MIN(k + CF_BLOCK, last), u);
        cf_operator_transpose(&s->op, u, cf_basis_block(v, v->q, k));
    }
    cf_free(u);
}

/* Makes columns [first, last) of v unit length, and zero where σ is. */
static void normalise(const cf_svd *s, cf_basis *v, int first, int last)
{
    double sum[CF_BLOCK];
    void *block = cf_basis_block(v, v->q, first);
    cf_basis_squares(v, block, sum);
    cf_allreduce(v->par, sum, CF_BLOCK, MPI_DOUBLE, MPI_SUM);
    for (int c = 0; c < CF_BLOCK; c++) {
        bool zero = first + c >= last || !(sum[c] > 0) ||
                    (cf_svd_is_zero(s, first + c) && !s->op.by_items);
        sum[c] = zero ? 0 : 1 / sqrt(sum[c]);
    }
    cf_basis_scale(v, block, sum);
}

/* Takes the first k columns and then its own length out of column k; x is
 * room for k sums. */
static void orthonormalise(cf_basis *v, int k, double *x)
{
    double length = 0;
    memset(x, 0, (size_t)k * sizeof *x);
    for (int64_t i = 0; i < v->n_loc; i++)
        for (int j = 0; j < k; j++)
            x[j] += cf_basis_get(v, v->q, i, j) * cf_basis_get(v, v->q, i, k);
    cf_allreduce(v->par, x, k, MPI_DOUBLE, MPI_SUM);
    for (int64_t i = 0; i < v->n_loc; i++) {
        double y = cf_basis_get(v, v->q, i, k);
        for (int j = 0; j < k; j++)
            y -= x[j] * cf_basis_get(v, v->q, i, j);
        cf_basis_set(v, v->q, i, k, y);
        length += y * y;
    }
    cf_allreduce(v->par, &length, 1, MPI_DOUBLE, MPI_SUM);
    for (int64_t i = 0; i < v->n_loc; i++)
        cf_basis_set(v, v->q, i, k, cf_basis_get(v, v->q, i, k) / sqrt(length));
}

/* Random orthonormal vectors in place of those whose σ are zero, which the
 * users' side does not give. */
static void complete(const cf_svd *s, cf_basis *v)
{
    int dim = s->options.dim, first = 0;
    double *x = cf_alloc(dim, sizeof *x, "coefficients");
    while (first < dim && !cf_svd_is_zero(s, first))
        first++;
    for (int k = first; k < dim; k++) {
        for (int64_t i = 0; i < v->n_loc; i++)
            cf_basis_set(v, v->q, i, k,
                         cf_random_normal(v->seed, (uint64_t)k,
                                          (uint64_t)(v->row_begin + i)));
        /* Twice is enough. */
        orthonormalise(v, k, x);
        orthonormalise(v, k, x);
    }
    cf_free(x);
}

/* All of V on own positions: an orthonormal basis of its own. */
static void right_vectors(cf_svd *s, cf_basis *v)
{
    int dim = s->options.dim;
    cf_basis_begin(v, s->op.par, &s->op.item_part, s->op.kernels, dim,
                   s->options.seed + 1);
    right_columns(s, v, 0, dim);
    for (int k = 0; k < dim; k += CF_BLOCK)
        normalise(s, v, k, CF_MIN(k + CF_BLOCK, dim));
    v->count = dim;
    if (s->precision == CF_SINGLE) {
        cf_basis_polish(v);
        for (int k = 0; k < dim; k += CF_BLOCK)
            normalise(s, v, k, CF_MIN(k + CF_BLOCK, dim));
    }
    if (!s->op.by_items)
        complete(s, v);
}

/* Sixteen columns of V as float32 for all items in their own order, signs
 * fixed: the entry of largest size, the first one where several are equal, is
 * positive. */
static void gather_panel(const cf_svd *s, const cf_basis *v, int first,
                         float *room, float *panel)
{
    int64_t cols = s->op.a->cols;
    float *own = panel; /* is filled from `room` at the end only */
    cf_basis_floats(v, cf_basis_block(v, v->q, first), own);
    cf_allgather_rows(v->par, &s->op.item_part, own, room,
                      CF_BLOCK * sizeof *room);
    float best[CF_BLOCK] = {0}, sign[CF_BLOCK];
    for (int c = 0; c < CF_BLOCK; c++)
        sign[c] = 1;
    for (int64_t j = 0; j < cols; j++) {
        const float *row = room + (int64_t)s->op.packed.position[j] * CF_BLOCK;
        for (int c = 0; c < CF_BLOCK; c++) {
            panel[j * CF_BLOCK + c] = row[c];
            if (fabsf(row[c]) > best[c]) {
                best[c] = fabsf(row[c]);
                sign[c] = row[c] < 0 ? -1 : 1;
            }
        }
    }
    for (int64_t j = 0; j < cols; j++)
        for (int c = 0; c < CF_BLOCK; c++)
            panel[j * CF_BLOCK + c] *= sign[c];
}

static void allocate(cf_embedding *e, const cf_svd *s)
{
    int rank = s->op.par->rank, dim = s->options.dim;
    cf_embedding_free(e);
    e->dim = dim;
    cf_part_copy(&e->user_part, &s->op.a->part);
    cf_part_copy(&e->item_part, &s->op.item_part);
    e->users = cf_alloc_streamed(cf_part_count(&e->user_part, rank) * dim,
                                 sizeof *e->users, "user embedding");
    e->items = cf_alloc(cf_part_count(&e->item_part, rank) * dim,
                        sizeof *e->items, "item embedding");
    e->sigma = cf_calloc(4 * (int64_t)dim, sizeof *e->sigma, "triplets");
    e->residual = e->sigma + dim;
    e->left = e->residual + dim;
    e->right = e->left + dim;
}

void cf_svd_publish(cf_svd *s, cf_embedding *e)
{
    const cf_csr *a = s->op.a;
    int dim = s->options.dim;
    cf_basis v = {0};
    right_vectors(s, &v);
    if (s->precision == CF_SINGLE) /* more is only done anew in float64 */
        cf_basis_end(&s->basis);
    allocate(e, s);
    int64_t m = cf_part_count(&e->item_part, s->op.par->rank);
    int64_t first_item = e->item_part.begin[s->op.par->rank];
    float *room = cf_alloc(2 * a->cols * CF_BLOCK, sizeof *room, "panel of V");
    float *panel = room + a->cols * CF_BLOCK;
    for (int k = 0; k < dim; k += CF_BLOCK) {
        int width = CF_MIN(CF_BLOCK, dim - k);
        gather_panel(s, &v, k, room, panel);
        for (int64_t i = 0; i < m; i++)
            memcpy(e->items + i * dim + k, panel + (first_item + i) * CF_BLOCK,
                   (size_t)width * sizeof *panel);
    }
    cf_free(room);
    cf_basis_end(&v);
    for (int k = 0; k < dim; k++)
        e->sigma[k] = cf_svd_is_zero(s, k)
                          ? 0
                          : ldexp(sqrt(s->theta[k]), s->op.packed.exponent);
    e->passes = s->op.passes;
}
