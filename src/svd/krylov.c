/* Method  Block Krylov iteration on C = AᵀA (or AAᵀ, whichever is smaller)
 *         with Rayleigh-Ritz: each step multiplies the newest block of the
 *         basis by C, takes it apart along the whole basis (which gives the
 *         next columns of T = QᵀCQ) and appends what is left, made
 *         orthonormal. Eigenpairs of T (ScaLAPACK) give the triplets; with F
 *         the part of C Q_last outside the basis, ‖Cv − θv‖ = ‖F s_last‖, so
 *         the residual is known without touching the matrix. A full basis
 *         is restarted from its best Ritz vectors.
 * Missed triplets  A block of b columns finds at most b copies of a repeated
 *         singular value, and no residual tells. So where b/2 values or more
 *         are as good as equal, convergence is not believed before a random
 *         block has been iterated in the complement of the basis; an
 *         eigenvalue there above the smallest wanted one means that something
 *         is missing, and the work begins anew with blocks twice as wide. A
 *         value that exceeds the smallest wanted one by little can escape the
 *         few steps of the probe. What the starting block holds too little of
 *         is seen too late: every row takes part in it.
 * Precision  float32 first: its rounding, ε σ1²/σ² of a triplet, is below the
 *         usual tolerances. Where it is not, or σ vanish, the work begins anew
 *         in float64, if passes are left to come as far again; σ² less than
 *         100 ε σ1² is taken for zero there.
 * Start   Noise times (number of ratings)^1.5 and a constant: it leans towards
 *         the leading vectors, and holds a tenth of an even share of those
 *         that live on few ratings.
 * Cost    A step: one pass over the matrix with 16 columns and
 *         4 n p 16 flops against p basis columns, half of the time against
 *         96 of them; some 5 dim basis columns in all for residuals of 1e-3.
 * Traffic  Bytes that a rank sends, with r bytes a number (4 or 8), m items
 *         and share = (P-1)/P; an all-reduce of b bytes sends 2 b share from
 *         16 KiB on, else b log2 P:
 *         a pass 2·16·r·m·share (AᵀA); orthogonalising it, all-reduces of
 *         8·16 bytes a basis column that it meets and of five times 2 KiB;
 *         a look at T, some 10 p² / P on the grid's processes and an
 *         all-reduce of 8 p (dim + 32); V, 4·m·dim·share; the certificate,
 *         12·m·dim·share. Held against Open MPI's own count by
 *         tests/oracle/test_traffic.py.
 * References  Musco, Musco: Randomized block Krylov methods. NIPS 2015.
 *             Stewart: A Krylov-Schur algorithm. SIMAX 23 (2001).
 *             Saad: Numerical methods for large eigenvalue problems, ch. 6. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "cfmpi/clock.h"
#include "cfmpi/exchange.h"
#include "cfmpi/grid.h"
#include "cfmpi/memory.h"
#include "cfmpi/progress.h"
#include "solver.h"

/* Steps between looks at T, at most: a look costs about as much as a step. */
#define CHECK_AHEAD 6
/* Blocks beyond `dim` columns before the first look at what begins with earlier
 * vectors: with half of them the earlier ones are there, and what is new is
 * not to be seen yet. */
#define START_LOOK 8
/* The residual's logarithm falls so much faster than it did on average up to
 * the first look, and than between the last two looks. */
#define LATE_FALL 2.8
#define NEXT_FALL 1.6
/* Of a block, to parts of the basis that were left out before: the next parts
 * may wait longer, they may not, it is too much. The loss grows as leading
 * vectors converge, up to twentyfold in a step. */
#define LITTLE_LOST 2e-5
#define SOME_LOST 1e-4
#define MUCH_LOST 1e-3
/* Where it has come to this, a step in part may lose more than it gains. */
#define SMALL_RESIDUAL 1e-4
/* Steps in a row that may leave parts of the basis out. */
#define PARTLY_LEAST 2
#define PARTLY_MOST 5
/* Of the usual weight in the starting block, that of rows without ratings. */
#define LEAST_NOISE 0.1
/* Residuals between eigenvalues that may be taken for one. */
#define CLOSE 4
/* Products with a random block that seeks what was missed. */
#define PROBE_STEPS 3
/* Of an eigenvalue: less is none of its own. */
#define PROBE_MARGIN 1e-5
/* Of the largest eigenvalue, in a product in float32. */
#define SINGLE_ROUNDING 1e-7

static int smaller(cf_gidx a, cf_gidx b)
{
    return (int)CF_MIN(a, b);
}

/* Ratings of each row of C that this rank owns. */
static double ratings_of(const cf_operator *op, int64_t row)
{
    const cf_packed *p = &op->packed;
    if (op->by_items)
        return (double)p->count[op->part.begin[op->par->rank] + row];
    return (double)(p->indptr[row + 1] - p->indptr[row]);
}

/* What leans towards many ratings still holds something of every direction,
 * one among rows with few ratings too. */
static void start_with_noise(cf_svd *s)
{
    const cf_basis *b = &s->basis;
    double cubes = 0;
    for (int64_t i = 0; i < b->n_loc; i++)
        cubes += pow(ratings_of(&s->op, i), 3);
    cf_allreduce(b->par, &cubes, 1, MPI_DOUBLE, MPI_SUM);
    double least = LEAST_NOISE * sqrt(cubes / (double)s->op.order);
    for (int64_t i = 0; i < b->n_loc; i++) {
        double ratings = ratings_of(&s->op, i);
        double weight = ratings * sqrt(ratings) + least;
        for (int c = 0; c < s->last; c++)
            cf_basis_set(b, s->w, i, c,
                         weight * cf_basis_noise(b, (uint64_t)c, i));
    }
}

/* Columns of the basis before a restart: as many as usually do, or as many as
 * --memory-limit leaves room for, besides what the embedding takes later. */
static int choose_capacity(const cf_svd *s)
{
    const cf_operator *op = &s->op;
    int dim = s->options.dim, real = (int)op->kernels->real;
    int usual = smaller(op->order, 6 * (int64_t)dim + 8 * s->width);
    int least = smaller(op->order, dim + 3 * CF_BLOCK + 4 * s->width);
    int64_t left = cf_memory_left();
    if (left == INT64_MAX)
        left = INT64_MAX / 2;
    int64_t items = cf_part_count(&op->item_part, op->par->rank);
    int64_t later = op->a->n_loc * (dim + CF_BLOCK) * 4 +
                    items * dim * (4 + real) + op->a->cols * CF_BLOCK * 16;
    int64_t column = CF_MAX(op->n_loc * real, 1) + 16 * (int64_t)usual;
    int64_t fit =
        (left - later) / column - s->width - (PROBE_STEPS + 2) * CF_BLOCK;
    fit = cf_min_i64(op->par, fit) / CF_BLOCK * CF_BLOCK;
    return (int)CF_MAX(least, CF_MIN(usual, fit));
}

/* An empty basis and the starting block of the width in force. */
static void start(cf_svd *s)
{
    cf_basis *b = &s->basis;
    int dim = s->options.dim;
    s->capacity = choose_capacity(s);
    s->last = s->width;
    cf_basis_begin(b, s->op.par, &s->op.part, s->op.kernels,
                   s->capacity + (PROBE_STEPS + 1) * CF_BLOCK, s->options.seed);
    s->t = cf_calloc((int64_t)s->capacity * s->capacity, sizeof *s->t,
                     "projected matrix");
    s->theta = cf_calloc(s->capacity, sizeof *s->theta, "eigenvalues");
    s->w = cf_basis_columns(b, s->width);
    s->gram = cf_calloc((int64_t)s->width * s->width, sizeof *s->gram, "gram");
    s->steps = s->looked = 0;
    s->exhausted = false;
    /* Orthogonality goes fast where the basis spans most of the space. */
    s->careful = 8 * (int64_t)dim > s->op.order;
    s->lost = 0;
    s->partly = 0;
    s->in_part = PARTLY_LEAST - 1;
    s->restored = false;
    s->next_look = CF_MIN(s->capacity, 4 * dim);
    if (s->options.start != NULL) /* it may be there soon */
        s->next_look = CF_MIN(s->capacity, dim + START_LOOK * CF_BLOCK);
    s->worst = INFINITY;
    /* Wider blocks are for what the narrow ones have missed. */
    if (s->options.start != NULL && s->width <= CF_BLOCK)
        cf_svd_start_columns(s);
    else
        start_with_noise(s);
    cf_basis_append(b, s->w, s->last, 0);
}

void cf_krylov_end(cf_svd *s)
{
    cf_basis_end(&s->basis);
    cf_free(s->t);
    cf_free(s->theta);
    cf_free(s->s);
    cf_free(s->w);
    cf_free(s->gram);
    s->s = NULL;
}

void cf_krylov_begin(cf_svd *s)
{
    s->width = smaller(s->op.order, CF_BLOCK);
    start(s);
}

/* Begins anew in float64. */
static void go_double(cf_svd *s)
{
    cf_krylov_end(s);
    s->precision = CF_DOUBLE;
    cf_operator_precision(&s->op, CF_DOUBLE);
    start(s);
}

/* w = C q for `width` columns of the basis from `first` on. */
static void multiply(cf_svd *s, int first, int width, void *w)
{
    const cf_basis *b = &s->basis;
    for (int at = 0; at < width; at += CF_BLOCK)
        cf_operator_apply(&s->op, cf_basis_block(b, b->q, first + at),
                          cf_basis_block(b, w, at));
}

/* Two steps after each other take orthogonality up again before it is lost;
 * the first of them shows how much was missing, by which the next steps in
 * part are counted. */
static void plan_orthogonality(cf_svd *s, double lost)
{
    bool first = !s->restored;
    s->restored = first;
    if (first) {
        s->lost = lost;
        if (lost < LITTLE_LOST)
            s->in_part = CF_MIN(s->in_part + 1, PARTLY_MOST);
        else if (lost > SOME_LOST)
            s->in_part = PARTLY_LEAST;
    } else if (s->precision == CF_SINGLE && !s->careful) {
        s->partly = s->in_part;
    }
}

/* Takes w apart along the basis; the coefficients are columns of T. */
static void project(cf_svd *s)
{
    int p = s->basis.count, width = s->last, first = p - width;
    double *h = cf_alloc((int64_t)p * width, sizeof *h, "coefficients");
    double begin = cf_clock();
    if (s->partly > 0 && !(s->worst < SMALL_RESIDUAL)) {
        cf_basis_project_partly(&s->basis, s->w, width, h, s->gram);
        s->partly--;
    } else {
        double lost = cf_basis_project(&s->basis, s->w, width, h, s->gram);
        plan_orthogonality(s, lost);
    }
    s->op.times.basis += cf_clock() - begin;
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

/* Eigenpairs of T and the worst estimated residual. */
static int look(cf_svd *s)
{
    int status = CF_OK, p = s->basis.count;
    s->wanted =
        CF_MIN(p, (s->options.dim + 3 * CF_BLOCK - 1) / CF_BLOCK * CF_BLOCK);
    cf_free(s->s);
    s->s = cf_alloc((int64_t)p * s->wanted, sizeof *s->s, "Ritz vectors");
    double begin = cf_clock();
    CF_TRY(cf_grid_eigen(s->op.par, s->t, p, s->capacity, s->wanted, s->theta,
                         s->s));
    s->op.times.eigen += cf_clock() - begin;
    s->worst = p < s->options.dim ? INFINITY : 0;
    for (int k = 0; k < CF_MIN(p, s->options.dim); k++) {
        double scale = cf_svd_is_zero(s, k) ? s->theta[0] : s->theta[k];
        if (scale > 0)
            s->worst = fmax(s->worst, remainder_norm(s, k) / scale);
    }
done:
    return status;
}

/* Steps to go until the residual should be under `target`, from its fall since
 * the look before, or since there were `dim` columns. */
static int predict_steps(const cf_svd *s, double before, double target)
{
    int steps = s->steps - s->looked;
    double rise = NEXT_FALL;
    if (!isfinite(before)) {
        steps = s->steps - s->options.dim / s->width;
        before = 1;
        rise = LATE_FALL;
    }
    double rate = rise * log(before / s->worst) / fmax(steps, 1);
    if (!(rate > 0.01))
        return CHECK_AHEAD;
    double ahead = ceil(log(s->worst / target) / rate);
    return (int)fmin(fmax(ahead, 1), CHECK_AHEAD);
}

/* Replaces the basis by its best Ritz vectors; T becomes diagonal. */
static void restart(cf_svd *s)
{
    int keep = s->wanted;
    cf_basis_rotate(&s->basis, s->s, keep);
    s->careful = true;
    s->partly = 0;
    memset(s->t, 0, (size_t)s->capacity * (size_t)s->capacity * sizeof *s->t);
    for (int k = 0; k < keep; k++)
        s->t[k + (int64_t)k * s->capacity] = s->theta[k];
    s->next_look = keep + CHECK_AHEAD * s->width;
}

/* The largest eigenvalue as far as it is known: before the first look there is
 * only the diagonal of T, which it is not below. */
static double largest(const cf_svd *s)
{
    double most = fmax(s->theta[0], 0);
    for (int k = 0; k < s->basis.count; k++)
        most = fmax(most, s->t[k + (int64_t)k * s->capacity]);
    return most;
}

/* Appends the next block; false when the basis spans the whole space. */
static bool grow(cf_svd *s)
{
    cf_basis *b = &s->basis;
    int left = smaller(s->op.order - b->count, s->width);
    double negligible = 10 * DBL_EPSILON * largest(s);
    if (left == 0)
        return false;
    s->last = CF_MIN(s->last, left);
    double begin = cf_clock();
    cf_basis_append(b, s->w, s->last, negligible);
    s->op.times.basis += cf_clock() - begin;
    return true;
}

/* One step, and a look at T when it is due. */
static int step(cf_svd *s, double target)
{
    int status = CF_OK;
    multiply(s, s->basis.count - s->last, s->last, s->w);
    project(s);
    s->steps++;
    bool full = s->basis.count + s->width > s->capacity;
    if (s->basis.count < s->next_look && !full)
        goto done;
    double before = s->worst;
    CF_TRY(look(s));
    int ahead = predict_steps(s, before, target);
    /* Rank 0 decides, as logarithms may differ between unlike CPUs. */
    MPI_Bcast(&ahead, 1, MPI_INT, 0, s->op.par->comm);
    s->next_look = s->basis.count + s->width * ahead;
    s->looked = s->steps;
    cf_progress_step((double)s->op.passes, (double)s->op.passes + ahead);
done:
    return status;
}

static bool just_looked(const cf_svd *s)
{
    return s->looked == s->steps && s->basis.count >= s->options.dim;
}

static bool converged(const cf_svd *s, double target)
{
    return just_looked(s) && s->worst <= target;
}

/* The next block, behind a restart when there is no room. */
static void advance(cf_svd *s)
{
    int left = smaller(s->op.order - s->basis.count, s->last);
    bool whole = left == 0;
    if (!whole && s->basis.count + left > s->capacity)
        restart(s);
    if (whole || !grow(s))
        s->exhausted = true;
}

/* The largest eigenvalue that a random block finds in the complement of the
 * basis; the basis is left as it was. */
static int probe(cf_svd *s, double *found)
{
    int status = CF_OK, p = s->basis.count, n = 0;
    int width = smaller(s->op.order - p, CF_BLOCK);
    double values[PROBE_STEPS * CF_BLOCK] = {0};
    double *t = cf_calloc(PROBE_STEPS * PROBE_STEPS * CF_BLOCK * CF_BLOCK,
                          sizeof *t, "probe");
    double *h = cf_alloc((int64_t)s->basis.capacity * CF_BLOCK, sizeof *h,
                         "coefficients");
    void *w = cf_basis_columns(&s->basis, CF_BLOCK);
    double gram[CF_BLOCK * CF_BLOCK];
    double *vector = cf_alloc(PROBE_STEPS * CF_BLOCK, sizeof *vector, "probe");
    for (int step = 0; step < PROBE_STEPS && width > 0; step++) {
        /* Nothing is left of zeros: the first block becomes random. */
        cf_basis_append(&s->basis, w, width, 0);
        n += width;
        multiply(s, p + n - width, width, w);
        /* No block follows the last, so that only its own parts count. */
        if (step < PROBE_STEPS - 1)
            cf_basis_project(&s->basis, w, width, h, gram);
        else
            cf_basis_project_partly(&s->basis, w, width, h, gram);
        for (int c = 0; c < width; c++)
            for (int r = 0; r < n; r++) {
                double x = h[p + r + (int64_t)c * (p + n)];
                t[r + (n - width + c) * PROBE_STEPS * CF_BLOCK] = x;
                t[n - width + c + r * PROBE_STEPS * CF_BLOCK] = x;
            }
        width = smaller(s->op.order - p - n, CF_BLOCK);
    }
    if (n > 0)
        status = cf_grid_eigen(s->op.par, t, n, PROBE_STEPS * CF_BLOCK, 1,
                               values, vector);
    *found = values[0];
    s->basis.count = p;
    cf_free(vector);
    cf_free(w);
    cf_free(h);
    cf_free(t);
    return status;
}

/* Whether singular values stand so close that there may be more of them than a
 * block finds: what differs by less than the residuals is one to them. */
static bool crowded(const cf_svd *s, double target)
{
    int crowd = (s->width + 1) / 2;
    for (int k = 0; k < s->options.dim; k++) {
        int end = k + crowd - 1;
        if (end < s->basis.count && !cf_svd_is_zero(s, k) &&
            s->theta[k] - s->theta[end] <= CLOSE * target * s->theta[k])
            return true;
    }
    return false;
}

/* Whether the basis has missed something, when wider blocks are started. */
static int widen_if_missed(cf_svd *s, bool *missed)
{
    double found, least = s->theta[s->options.dim - 1];
    int widest = smaller(s->op.order, CF_WIDTH_MAX);
    int status = probe(s, &found);
    *missed = status == CF_OK && s->width < widest &&
              found > least * (1 + PROBE_MARGIN) &&
              found > 100 * DBL_EPSILON * s->theta[0];
    if (*missed) {
        cf_krylov_end(s);
        s->width = CF_MIN(2 * s->width, widest);
        start(s);
    }
    return status;
}

/* The residual that float32 can give: rounding of C, which every product brings
 * in, against the smallest wanted eigenvalue. */
static double single_limit(const cf_svd *s)
{
    return SINGLE_ROUNDING * s->theta[0] / s->theta[s->options.dim - 1];
}

static bool lost_much(const cf_svd *s)
{
    return !s->careful && s->steps > 6 && s->lost > MUCH_LOST;
}

/* Goes on in float64 where float32 cannot give what is asked for, if passes
 * are left to come further than float32 does; makes the best of float32 if
 * not. */
static void take_care_of_single(cf_svd *s, double target)
{
    double limit = single_limit(s);
    bool lost = lost_much(s), looked = just_looked(s);
    /* Not `>`: θ may be zero, or a NaN. */
    bool beyond = looked && !(limit <= target);
    bool empty = looked && !(limit < 1); /* float32 has rounding only */
    bool reached = looked && s->worst <= limit;
    if (s->precision != CF_SINGLE || !(lost || beyond || s->exhausted))
        return;
    if (empty ||
        s->op.passes + (reached ? 1 : 2) * s->steps <= s->options.max_passes)
        go_double(s);
    else if (lost)
        s->careful = true;
    else if (beyond && reached)
        s->exhausted = true; /* more steps only add rounding */
}

/* Steps until the target is met, or passes or space are used up. */
static int iterate(cf_svd *s, double target)
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
        take_care_of_single(s, target);
    }
done:
    return status;
}

bool cf_krylov_may_go_on(const cf_svd *s)
{
    int64_t needed = s->precision == CF_SINGLE ? s->steps : 1;
    return !s->exhausted && s->op.passes + needed <= s->options.max_passes;
}

int cf_krylov_solve(cf_svd *s, double target)
{
    int status = CF_OK;
    bool missed = true;
    /* Called again: what float32 gives was not enough. */
    if (s->steps > 0 && s->precision == CF_SINGLE)
        go_double(s);
    while (missed) {
        CF_TRY(iterate(s, target));
        missed = false;
        if (converged(s, target) && s->op.passes < s->options.max_passes &&
            crowded(s, target))
            CF_TRY(widen_if_missed(s, &missed));
    }
    if (s->looked != s->steps)
        CF_TRY(look(s));
done:
    return status;
}
