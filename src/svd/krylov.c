/* Method  Block Krylov iteration on C = AᵀA (or AAᵀ, whichever is smaller)
 *         with Rayleigh-Ritz: each step multiplies the newest block of the
 *         basis by C, takes it apart along the whole basis (which gives the
 *         next columns of T = QᵀCQ) and appends what is left, made
 *         orthonormal. Eigenpairs of T (ScaLAPACK) give the triplets; with F
 *         the part of C Q_last outside the basis, ‖Cv − θv‖ = ‖F s_last‖, so
 *         the residual is known without touching the matrix. A full basis
 *         is restarted from its best Ritz vectors. When a block brings
 *         nothing new, random columns leave the invariant subspace, and
 *         convergence has to be seen again behind them.
 * Start   Noise times (number of ratings)^1.5, which leans towards the
 *         leading vectors.
 * Cost    A step: one pass over the matrix with 16 columns and
 *         8 n p 16 flops against p basis columns; some 5 dim basis columns
 *         in all for residuals of 1e-3.
 * References  Musco, Musco: Randomized block Krylov methods. NIPS 2015.
 *             Stewart: A Krylov-Schur algorithm. SIMAX 23 (2001).
 *             Saad: Numerical methods for large eigenvalue problems, ch. 6. */
#include <cblas.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "basis.h"
#include "cfmpi/exchange.h"
#include "cfmpi/grid.h"
#include "cfmpi/memory.h"
#include "cfmpi/progress.h"
#include "cfmpi/random.h"
#include "cfmpi/svd.h"
#include "product.h"

#define CHECK_AHEAD 4  /* steps between looks at T, at most */
#define SETTLE_STEPS 3 /* steps behind random columns before trusting T */

struct cf_svd {
    cf_svd_options options;
    cf_operator op;
    cf_basis basis;
    int capacity;
    double *t;     /* [capacity x capacity] QᵀCQ, symmetric */
    double *theta; /* [capacity] eigenvalues of T, descending */
    double *s;     /* [count x wanted] leading eigenvectors of T */
    int wanted;    /* columns of s */
    double *w;     /* [ld x CF_BLOCK] C Q_last less the basis */
    int last;      /* columns of the newest block */
    double gram[CF_BLOCK * CF_BLOCK]; /* wᵀw */
    double worst;                     /* estimated residual at the last look */
    int steps, next_look, looked;
    int untrusted;   /* steps to go behind random columns */
    bool all_random; /* the newest block is nothing but random columns */
    bool null_seen;  /* C took such a block to zero: nothing was missed */
    bool exhausted;  /* nothing more can be gained */
};

static int smaller(cf_gidx a, cf_gidx b)
{
    return (int)CF_MIN(a, b);
}

/* Ratings of each row of C that this rank owns. */
static void popularity(const cf_svd *s, double *weight)
{
    const cf_operator *op = &s->op;
    const cf_csr *a = op->a;
    if (!op->by_items) {
        for (int64_t i = 0; i < op->n_loc; i++)
            weight[i] = (double)(a->indptr[i + 1] - a->indptr[i]);
        return;
    }
    int64_t *count = cf_alloc(a->cols, sizeof *count, "column counts");
    cf_csr_col_counts(a, op->par, count);
    for (int64_t i = 0; i < op->n_loc; i++)
        weight[i] = (double)count[op->part.begin[op->par->rank] + i];
    cf_free(count);
}

static void start(cf_svd *s)
{
    cf_basis *b = &s->basis;
    double *weight = cf_alloc(b->n_loc, sizeof *weight, "item weights");
    popularity(s, weight);
    for (int64_t i = 0; i < b->n_loc; i++)
        for (int c = 0; c < s->last; c++)
            s->w[i + (int64_t)c * b->ld] =
                pow(weight[i], 1.5) *
                cf_random_normal(b->seed, (uint64_t)c,
                                 (uint64_t)(b->row_begin + i));
    cf_free(weight);
    cf_basis_append(b, s->w, s->last, 0);
}

cf_svd *cf_svd_begin(const cf_csr *a, const cf_par *par,
                     const cf_svd_options *options)
{
    cf_svd *s = cf_calloc(1, sizeof *s, "SVD");
    int dim = options->dim;
    s->options = *options;
    cf_operator_begin(&s->op, a, par);
    s->capacity = smaller(s->op.order, 6 * (int64_t)dim + 8 * CF_BLOCK);
    s->last = smaller(s->op.order, CF_BLOCK);
    cf_basis_begin(&s->basis, par, &s->op.part, s->capacity, options->seed);
    s->t = cf_calloc((int64_t)s->capacity * s->capacity, sizeof *s->t,
                     "projected matrix");
    s->theta = cf_calloc(s->capacity, sizeof *s->theta, "eigenvalues");
    s->w =
        cf_calloc((int64_t)s->basis.ld * CF_BLOCK, sizeof *s->w, "SVD block");
    s->next_look = CF_MIN(s->capacity, 2 * dim);
    s->worst = INFINITY;
    start(s);
    return s;
}

void cf_svd_end(cf_svd *s)
{
    if (s == NULL)
        return;
    cf_operator_end(&s->op);
    cf_basis_end(&s->basis);
    cf_free(s->t);
    cf_free(s->theta);
    cf_free(s->s);
    cf_free(s->w);
    cf_free(s);
}

/* w = C Q_last. */
static void multiply(cf_svd *s)
{
    const cf_basis *b = &s->basis;
    int width = s->last;
    double *x = cf_alloc(2 * b->n_loc * width, sizeof *x, "SVD block");
    double *y = x + b->n_loc * width;
    const double *q = b->q + (int64_t)(b->count - width) * b->ld;
    for (int64_t i = 0; i < b->n_loc; i++)
        for (int c = 0; c < width; c++)
            x[i * width + c] = q[i + (int64_t)c * b->ld];
    cf_operator_apply(&s->op, x, y, width);
    for (int64_t i = 0; i < b->n_loc; i++)
        for (int c = 0; c < width; c++)
            s->w[i + (int64_t)c * b->ld] = y[i * width + c];
    cf_free(x);
}

/* Takes w apart along the basis; the coefficients are columns of T. */
static void project(cf_svd *s)
{
    int p = s->basis.count, width = s->last, first = p - width;
    double *h = cf_alloc((int64_t)p * width, sizeof *h, "coefficients");
    cf_basis_project(&s->basis, s->w, width, h, false);
    cf_basis_project(&s->basis, s->w, width, h, true);
    for (int c = 0; c < width; c++)
        for (int r = 0; r < p; r++) {
            double x = h[r + (int64_t)c * p];
            if (r >= first) /* the diagonal block is symmetric but for
                               rounding */
                x = 0.5 * (x + h[first + c + (int64_t)(r - first) * p]);
            s->t[r + (int64_t)(first + c) * s->capacity] = x;
            s->t[first + c + (int64_t)r * s->capacity] = x;
        }
    cf_free(h);
    cf_basis_gram(&s->basis, s->w, width, s->gram);
}

/* ‖F s_last‖ of eigenvector k. */
static double remainder_norm(const cf_svd *s, int k)
{
    int p = s->basis.count, width = s->last;
    const double *e = s->s + (int64_t)k * p + (p - width);
    double sum = 0;
    for (int c = 0; c < width; c++)
        for (int r = 0; r < width; r++)
            sum += e[r] * e[c] * s->gram[r + c * width];
    return sqrt(fmax(sum, 0));
}

/* Eigenvalues below the rounding of the largest are taken for zero. */
static bool is_zero(const cf_svd *s, int k)
{
    return s->theta[k] <= 100 * DBL_EPSILON * s->theta[0];
}

/* Eigenpairs of T and the worst estimated residual. */
static int look(cf_svd *s)
{
    int status = CF_OK, p = s->basis.count;
    s->wanted = CF_MIN(p, s->options.dim + 2 * CF_BLOCK);
    cf_free(s->s);
    s->s = cf_alloc((int64_t)p * s->wanted, sizeof *s->s, "Ritz vectors");
    CF_TRY(cf_grid_eigen(s->op.par, s->t, p, s->capacity, s->wanted, s->theta,
                         s->s));
    s->worst = p < s->options.dim ? INFINITY : 0;
    for (int k = 0; k < CF_MIN(p, s->options.dim); k++) {
        double scale = is_zero(s, k) ? s->theta[0] : s->theta[k];
        if (scale > 0)
            s->worst = fmax(s->worst, remainder_norm(s, k) / scale);
    }
done:
    return status;
}

/* Steps to go until the residual should be under `target`, from its fall
 * since the look before. */
static int predict_steps(double before, double now, int steps, double target)
{
    double rate = steps > 0 ? log(before / now) / steps : 0;
    if (!(rate > 0.01))
        return CHECK_AHEAD;
    double ahead = ceil(log(now / target) / (1.5 * rate));
    return (int)fmin(fmax(ahead, 1), CHECK_AHEAD);
}

/* Replaces the basis by its best Ritz vectors; T becomes diagonal. */
static void restart(cf_svd *s)
{
    cf_basis *b = &s->basis;
    int p = b->count, keep = s->wanted, chunk = 1024;
    double *rows = cf_alloc((int64_t)chunk * keep, sizeof *rows, "restart");
    for (int64_t at = 0; at < b->n_loc; at += chunk) {
        int n = (int)CF_MIN(chunk, b->n_loc - at);
        cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, n, keep, p, 1,
                    b->q + at, b->ld, s->s, p, 0, rows, chunk);
        for (int c = 0; c < keep; c++)
            memcpy(b->q + at + (int64_t)c * b->ld, rows + (int64_t)c * chunk,
                   (size_t)n * sizeof *rows);
    }
    cf_free(rows);
    memset(s->t, 0, (size_t)s->capacity * (size_t)s->capacity * sizeof *s->t);
    for (int k = 0; k < keep; k++)
        s->t[k + (int64_t)k * s->capacity] = s->theta[k];
    b->count = keep;
    s->next_look = keep + CHECK_AHEAD * CF_BLOCK;
}

/* Appends the next block; false when the basis spans the whole space. */
static bool grow(cf_svd *s)
{
    cf_basis *b = &s->basis;
    int left = smaller(s->op.order - b->count, CF_BLOCK);
    double negligible = 10 * DBL_EPSILON * fmax(s->theta[0], 0);
    if (left == 0)
        return false;
    s->last = CF_MIN(s->last, left);
    int replaced = cf_basis_append(b, s->w, s->last, negligible);
    s->untrusted = replaced > 0 ? SETTLE_STEPS : CF_MAX(s->untrusted - 1, 0);
    s->all_random = replaced >= s->last;
    return true;
}

/* Whether C takes the newest block to zero, but for rounding. A random
 * direction would have shown any part of C that the basis has missed. */
static bool is_null(const cf_svd *s)
{
    int p = s->basis.count, first = p - s->last;
    double most = 0, floor = 100 * DBL_EPSILON * s->theta[0];
    for (int c = 0; c < s->last; c++) {
        most = fmax(most, sqrt(s->gram[c + c * s->last]));
        for (int r = 0; r < p; r++)
            most =
                fmax(most, fabs(s->t[r + (int64_t)(first + c) * s->capacity]));
    }
    return s->looked > 0 && most <= floor;
}

/* One step, and a look at T when it is due. */
static int step(cf_svd *s, double target)
{
    int status = CF_OK;
    multiply(s);
    project(s);
    s->steps++;
    s->null_seen = s->null_seen || (s->all_random && is_null(s));
    bool full = s->basis.count + CF_BLOCK > s->capacity;
    if (s->basis.count < s->next_look && !full)
        goto done;
    double before = s->worst;
    CF_TRY(look(s));
    s->next_look =
        s->basis.count + CF_BLOCK * predict_steps(before, s->worst,
                                                  s->steps - s->looked, target);
    s->looked = s->steps;
    cf_progress_step((double)s->op.passes,
                     (double)s->op.passes + s->next_look / CF_BLOCK -
                         (double)s->basis.count / CF_BLOCK);
done:
    return status;
}

static bool converged(const cf_svd *s, double target)
{
    return s->looked == s->steps && s->worst <= target &&
           (s->untrusted == 0 || s->null_seen) &&
           s->basis.count >= s->options.dim;
}

/* The next block, behind a restart when there is no room. */
static void advance(cf_svd *s)
{
    bool whole = s->basis.count == s->op.order;
    if (!whole && s->basis.count + CF_MIN(s->last, CF_BLOCK) > s->capacity)
        restart(s);
    if (whole || !grow(s))
        s->exhausted = true;
}

/* ---- from the basis to what is published ---- */

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
                is_zero(s, k + c) ? 0
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
    while (zeros < s->options.dim && is_zero(s, s->options.dim - 1 - zeros))
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
    struct place {
        double size;
        int64_t row;
    };
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

/* Publishes the triplets in float32. */
static void publish(const cf_svd *s, cf_embedding *e)
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
        e->sigma[k] = is_zero(s, k) ? 0 : sqrt(s->theta[k]);
        for (int64_t i = 0; e->sigma[k] <= 0 && i < s->op.a->n_loc; i++)
            e->users[i * dim + k] = 0;
    }
    e->passes = s->op.passes;
}

int cf_svd_solve(cf_svd *s, double target, cf_embedding *e, bool *more)
{
    int status = CF_OK;
    /* Whatever the passes allowed, there must be dim columns. */
    while (!s->exhausted && !converged(s, target) &&
           (s->op.passes < s->options.max_passes ||
            s->basis.count < s->options.dim)) {
        if (s->steps > 0)
            advance(s);
        if (!s->exhausted)
            CF_TRY(step(s, target));
    }
    if (s->looked != s->steps)
        CF_TRY(look(s));
    publish(s, e);
    *more = !s->exhausted && s->op.passes < s->options.max_passes;
done:
    return status;
}
