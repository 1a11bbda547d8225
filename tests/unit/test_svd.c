#include "test.h"

#include "cfmpi/svd.h"

void dsyev_(const char *jobz, const char *uplo, const int *n, double *a,
            const int *lda, double *w, double *work, const int *lwork,
            int *info);

/* A dense matrix and what is known of it; the same on all ranks. */
typedef struct problem {
    cf_gidx rows, cols;
    cell_fn *cell;
    int dim;
    double tol;
} problem;

/* ---- matrices ---- */

static float mixed(cf_gidx i, cf_gidx j)
{
    return (float)noise(1, i * 1000 + j);
}

static float sparse(cf_gidx i, cf_gidx j)
{
    int64_t at = i * 1000 + j;
    return pick(2, at, 8) == 0 ? (float)(pick(3, at, 10) + 1) / 2 : NAN;
}

/* Rows and columns without entries in between. */
static float gaps(cf_gidx i, cf_gidx j)
{
    return i % 3 == 1 || j % 4 == 2 ? NAN : sparse(i, j);
}

static float tiny(cf_gidx i, cf_gidx j)
{
    return mixed(i, j) * 1e-30f;
}

static float large(cf_gidx i, cf_gidx j)
{
    return mixed(i, j) * 1e30f;
}

static float diagonal(cf_gidx i, cf_gidx j)
{
    return i == j ? (float)(i + 1) : NAN;
}

static float identity(cf_gidx i, cf_gidx j)
{
    return i == j ? 3 : NAN;
}

/* Forty equal values, and smaller ones behind. */
static float forty_equal(cf_gidx i, cf_gidx j)
{
    return (i * 7 + 3) % 70 != j ? NAN : i < 40 ? 2 : 1 / (float)(i - 38);
}

/* Whole numbers, so that the rank is exactly three. */
/* Users and items with one rating each, apart from all others: forty equal
 * singular values, more than a block of the solver has columns. */
static float isolated(cf_gidx i, cf_gidx j)
{
    if (i < 40 || j < 40)
        return i == j ? 60 : NAN;
    return sparse(i, j);
}

static float rank_three(cf_gidx i, cf_gidx j)
{
    return (float)((i % 5 - 2) * (j % 7) + (i % 3) * (j % 4 - 1) +
                   (i % 7 - 3) * (j % 2));
}

static float all_fours(cf_gidx i, cf_gidx j)
{
    return i + j >= 0 ? 4 : NAN;
}

static float zeros(cf_gidx i, cf_gidx j)
{
    return i + j >= 0 ? 0 : NAN;
}

/* ---- a plain copy of all that a solver gives ---- */

typedef struct result {
    cf_embedding e;
    cf_csr a;
    double *dense; /* [rows x cols] */
    float *u, *v;  /* all of users and items */
    bool more;
} result;

static double *make_dense(const problem *p)
{
    double *a = cf_calloc(p->rows * p->cols, sizeof *a, "test");
    for (cf_gidx i = 0; i < p->rows; i++)
        for (cf_gidx j = 0; j < p->cols; j++)
            if (!isnan(p->cell(i, j)))
                a[i * p->cols + j] = (double)p->cell(i, j);
    return a;
}

static void gather(result *r, const cf_par *par)
{
    size_t row = (size_t)r->e.dim * sizeof(float);
    cf_free(r->u);
    cf_free(r->v);
    r->u = cf_alloc(r->a.rows * r->e.dim, sizeof *r->u, "test");
    r->v = cf_alloc(r->a.cols * r->e.dim, sizeof *r->v, "test");
    cf_allgather_rows(par, &r->e.user_part, r->e.users, r->u, row);
    cf_allgather_rows(par, &r->e.item_part, r->e.items, r->v, row);
}

static void solve(result *r, const problem *p, const cf_par *par,
                  int64_t method, int64_t passes)
{
    cf_svd_options options = {.method = method,
                              .dim = p->dim,
                              .tol = p->tol,
                              .max_passes = passes,
                              .seed = 1};
    make_csr(&r->a, par, p->rows, p->cols, p->cell);
    r->dense = make_dense(p);
    cf_svd *s = cf_svd_begin(&r->a, par, &options);
    CHECK(cf_svd_solve(s, p->tol, &r->e, &r->more) == CF_OK);
    cf_svd_complete(s, &r->e);
    cf_svd_end(s);
    gather(r, par);
}

static void result_free(result *r)
{
    cf_embedding_free(&r->e);
    cf_embedding_free(&r->e);
    cf_csr_free(&r->a);
    cf_free(r->dense);
    cf_free(r->u);
    cf_free(r->v);
}

/* ---- what must hold ---- */

/* Squares of the singular values from LAPACK, the largest last. */
static double *true_squares(const result *r, int *order)
{
    int64_t n = r->a.rows, m = r->a.cols, small = CF_MIN(n, m);
    bool by_cols = m <= n;
    int info, size = (int)small, room = 64 * size;
    double *g = cf_calloc(small * small, sizeof *g, "test");
    double *w = cf_alloc(small, sizeof *w, "test");
    double *work = cf_alloc(room, sizeof *work, "test");
    for (int64_t x = 0; x < small; x++)
        for (int64_t y = 0; y <= x; y++)
            for (int64_t i = 0; i < CF_MAX(n, m); i++)
                g[x * small + y] +=
                    by_cols ? r->dense[i * m + x] * r->dense[i * m + y]
                            : r->dense[x * m + i] * r->dense[y * m + i];
    dsyev_("N", "U", &size, g, &size, w, work, &room, &info);
    CHECK(info == 0);
    cf_free(g);
    cf_free(work);
    *order = size;
    return w;
}

/* The stored values against the true ones, as far as squaring lets see. */
static void check_sigma(const result *r, double tol)
{
    int order;
    double *w = true_squares(r, &order), most = fmax(w[order - 1], 0);
    double off = (1e-11 + 100 * tol * tol) * most; /* second order in tol */
    for (int k = 0; k < r->e.dim; k++) {
        double sigma = r->e.sigma[k];
        CHECK(sigma >= 0 && (k == 0 || sigma <= r->e.sigma[k - 1]));
        CHECK(fabs(sigma * sigma - w[order - 1 - k]) <= off);
        /* 0 or not is to be clear. */
        CHECK((sigma > 0) == (w[order - 1 - k] > 1e-12 * most));
    }
    cf_free(w);
}

/* V orthonormal, its largest entries positive. */
static void check_items(const result *r, double tol)
{
    int dim = r->e.dim;
    double skew = 0;
    for (int k = 0; k < dim; k++) {
        float most = 0;
        for (cf_gidx j = 0; j < r->a.cols; j++)
            if (fabsf(r->v[j * dim + k]) > fabsf(most))
                most = r->v[j * dim + k];
        CHECK(most > 0);
        for (int l = 0; l <= k; l++) {
            double dot = k == l ? -1 : 0;
            for (cf_gidx j = 0; j < r->a.cols; j++)
                dot += (double)r->v[j * dim + k] * (double)r->v[j * dim + l];
            skew = fmax(skew, fabs(dot));
        }
    }
    CHECK(skew < (tol < 1e-4 ? 1e-6 : 1e-5)); /* float32 iterations */
}

/* Users are A V as stored, in float64, every other entry apart; 0 where sigma
 * is. */
static void check_users(const result *r, const problem *p)
{
    int dim = r->e.dim;
    int64_t wrong = 0;
    for (cf_gidx i = 0; i < r->a.rows; i++)
        for (int k = 0; k < dim; k++) {
            double sum[2] = {0};
            int entries = 0;
            for (cf_gidx j = 0; j < r->a.cols; j++)
                if (!isnan(p->cell(i, j)))
                    sum[entries++ % 2] +=
                        r->dense[i * r->a.cols + j] * (double)r->v[j * dim + k];
            float expected = r->e.sigma[k] > 0 ? (float)(sum[0] + sum[1]) : 0;
            wrong += !same_number(r->u[i * dim + k], expected);
        }
    CHECK(wrong == 0);
}

/* ‖Av − σu‖/σ and ‖Aᵀu − σv‖/σ by hand. */
static void true_residuals(const result *r, int k, double *left, double *right)
{
    cf_gidx n = r->a.rows, m = r->a.cols;
    int dim = r->e.dim;
    double sigma = r->e.sigma[k], scale = sigma > 0 ? sigma : r->e.sigma[0];
    *left = *right = 0;
    for (cf_gidx i = 0; i < n; i++) {
        double d = -(double)r->u[i * dim + k];
        for (cf_gidx j = 0; j < m; j++)
            d += r->dense[i * m + j] * (double)r->v[j * dim + k];
        *left += (d / scale) * (d / scale);
    }
    for (cf_gidx j = 0; j < m && sigma > 0; j++) {
        double d = -sigma * (double)r->v[j * dim + k];
        for (cf_gidx i = 0; i < n; i++)
            d += r->dense[i * m + j] * (double)r->u[i * dim + k] / sigma;
        *right += (d / scale) * (d / scale);
    }
    *left = sqrt(*left);
    *right = sqrt(*right);
}

static bool near(double x, double y)
{
    return fabs(x - y) <= 1e-6 * fabs(y) + 1e-13;
}

static void check_certificate(const result *r, double tol)
{
    double most = 0;
    for (int k = 0; k < r->e.dim; k++) {
        double left, right, noise_floor = 1e-6;
        if (r->e.sigma[0] <= 0) { /* a matrix of zeros */
            CHECK(same_number(r->e.residual[k], 0));
            continue;
        }
        true_residuals(r, k, &left, &right);
        CHECK(near(r->e.left[k], left) && near(r->e.right[k], right));
        CHECK(same_number(r->e.residual[k], fmax(r->e.left[k], r->e.right[k])));
        most = fmax(most, r->e.residual[k]);
        /* Vectors are float32: their rounding, seen by a small sigma. */
        if (r->e.sigma[k] > 0)
            noise_floor *= pow(r->e.sigma[0] / r->e.sigma[k], 2);
        CHECK(r->e.residual[k] <= tol + noise_floor);
    }
    CHECK(same_number(r->e.max_residual, most));
}

static void check_orthogonality(const result *r)
{
    int dim = r->e.dim;
    double most = 0;
    for (int k = 0; k < dim; k++)
        for (int l = 0; l <= k; l++) {
            double dot = 0, scale = r->e.sigma[k] * r->e.sigma[l];
            for (cf_gidx i = 0; i < r->a.rows && scale > 0; i++)
                dot += (double)r->u[i * dim + k] * (double)r->u[i * dim + l] /
                       scale;
            if (r->e.sigma[k] > 0 && r->e.sigma[l] > 0)
                most = fmax(most, fabs(dot - (k == l)));
        }
    CHECK(fabs(r->e.orthogonality - most) <= 1e-10 + 1e-6 * most);
}

static void check_problem(const problem *p, int64_t method)
{
    result r = {0};
    int before = (int)failures;
    solve(&r, p, &world, method, 500);
    CHECK(r.e.dim == p->dim && r.e.passes <= 500);
    CHECK(cf_part_rows(&r.e.user_part) == p->rows &&
          cf_part_rows(&r.e.item_part) == p->cols);
    CHECK(same_on_all(r.e.sigma, r.e.dim * (int64_t)sizeof *r.e.sigma));
    CHECK(same_on_all(r.e.residual, r.e.dim * (int64_t)sizeof *r.e.residual));
    check_sigma(&r, p->tol);
    check_items(&r, p->tol);
    check_users(&r, p);
    check_certificate(&r, p->tol);
    check_orthogonality(&r);
    if (failures > before && world.rank == 0)
        fprintf(stderr, "  with %d x %d, dim %d\n", (int)p->rows, (int)p->cols,
                p->dim);
    result_free(&r);
}

static void test_problems(void)
{
    static const problem problems[] = {
        {12, 12, diagonal, 12, 1e-6},
        {60, 45, mixed, 10, 1e-6},
        {45, 60, mixed, 10, 1e-6},
        {60, 45, mixed, 45, 1e-6},
        {45, 60, mixed, 45, 1e-6},
        {30, 30, mixed, 30, 1e-6},
        {40, 25, rank_three, 10, 1e-6},
        {25, 40, rank_three, 10, 1e-6},
        {30, 20, rank_three, 20, 1e-6},
        {40, 40, identity, 40, 1e-6},
        {40, 40, identity, 5, 1e-6},
        {70, 70, forty_equal, 50, 1e-6},
        {70, 70, forty_equal, 20, 1e-6},
        {1, 1, all_fours, 1, 1e-6},
        {1, 30, mixed, 1, 1e-6},
        {30, 1, mixed, 1, 1e-6},
        {2, 50, mixed, 2, 1e-6},
        {50, 2, mixed, 2, 1e-6},
        {30, 20, all_fours, 8, 1e-6},
        {20, 30, all_fours, 8, 1e-6},
        {60, 45, tiny, 10, 1e-6},
        {60, 45, large, 10, 1e-6},
        {45, 60, tiny, 10, 1e-6},
        {45, 60, large, 10, 1e-6},
        {90, 80, gaps, 12, 1e-6},
        {80, 90, gaps, 12, 1e-6},
        {20, 15, zeros, 5, 1e-6},
        {15, 20, zeros, 5, 1e-6},
        {300, 220, sparse, 8, 1e-3},
        {300, 280, isolated, 20, 1e-3},
        /* of an order from which on float32 is tried */
        {450, 300, sparse, 20, 1e-3},
        {300, 450, sparse, 20, 1e-3},
        {450, 300, mixed, 20, 1e-3},
        {300, 450, mixed, 20, 1e-4},
        {300, 300, large, 12, 1e-3},
        {300, 300, tiny, 12, 1e-3},
        {300, 290, gaps, 30, 1e-3},
        {300, 290, rank_three, 10, 1e-3},
        {300, 280, mixed, 280, 1e-3},
        {300, 300, diagonal, 20, 1e-3},
    };
    for (int i = 0; i < COUNT(problems); i++)
        for (int64_t m = CF_SVD_AUTO; m <= CF_SVD_GRAM; m++)
            check_problem(&problems[i], m);
}

/* More columns than the basis has room for: restarts. */
static void test_restart(void)
{
    const problem wide = {330, 320, sparse, 4, 1e-8},
                  tall = {320, 330, sparse, 4, 1e-8};
    check_problem(&wide, CF_SVD_KRYLOV);
    check_problem(&tall, CF_SVD_KRYLOV);
}

/* What other rank counts find, to the promised places. */
static void test_alone(void)
{
    const problem p = {90, 80, gaps, 12, 1e-6};
    result all = {0}, alone = {0};
    cf_par self = one_rank();
    solve(&all, &p, &world, CF_SVD_KRYLOV, 500);
    solve(&alone, &p, &self, CF_SVD_KRYLOV, 500);
    for (int k = 0; k < p.dim; k++)
        CHECK(fabs(all.e.sigma[k] / alone.e.sigma[k] - 1) < 1e-9);
    result_free(&all);
    result_free(&alone);
}

/* A solver that is asked again goes on where it was. */
static void test_again(void)
{
    const problem p = {300, 220, sparse, 8, 1e-7};
    result r = {0};
    cf_svd_options options = {.method = CF_SVD_KRYLOV,
                              .dim = p.dim,
                              .tol = p.tol,
                              .max_passes = 500,
                              .seed = 3};
    make_csr(&r.a, &world, p.rows, p.cols, p.cell);
    r.dense = make_dense(&p);
    cf_svd *s = cf_svd_begin(&r.a, &world, &options);
    CHECK(cf_svd_solve(s, 0.3, &r.e, &r.more) == CF_OK);
    int64_t passes = r.e.passes;
    CHECK(r.more);
    CHECK(cf_svd_solve(s, p.tol, &r.e, &r.more) == CF_OK);
    CHECK(r.e.passes > passes);
    cf_svd_complete(s, &r.e);
    cf_svd_end(s);
    gather(&r, &world);
    check_sigma(&r, p.tol);
    check_items(&r, p.tol);
    check_users(&r, &p);
    check_certificate(&r, p.tol);
    result_free(&r);
}

/* Too few passes give vectors all the same, and a certificate that says how
 * good they are. */
static void check_few_passes(const problem *p, int64_t passes)
{
    result r = {0};
    solve(&r, p, &world, CF_SVD_KRYLOV, passes);
    CHECK(!r.more);
    for (int k = 0; k < p->dim; k++) {
        CHECK(isfinite(r.e.sigma[k]) && isfinite(r.e.residual[k]));
        CHECK(r.e.sigma[k] >= 0 &&
              (k == 0 || r.e.sigma[k] <= r.e.sigma[k - 1]));
    }
    check_items(&r, p->tol);
    check_users(&r, p);
    CHECK(r.e.max_residual > p->tol);
    result_free(&r);
}

static void test_few_passes(void)
{
    const problem few = {200, 150, mixed, 10, 1e-9},
                  many = {200, 150, mixed, 60, 1e-9};
    check_few_passes(&few, 1);
    check_few_passes(&few, 3);
    check_few_passes(&many, 2); /* fewer columns than wanted vectors */
}

/* Behind the range of a low-rank matrix there is nothing to wait for. */
static void test_low_rank_ends_early(void)
{
    const problem p = {300, 290, all_fours, 8, 1e-6};
    result r = {0};
    solve(&r, &p, &world, CF_SVD_KRYLOV, 500);
    CHECK(r.e.passes < 20 && r.e.max_residual <= p.tol);
    result_free(&r);
}

static void run_tests(void)
{
    test_problems();
    test_restart();
    test_alone();
    test_again();
    test_few_passes();
    test_low_rank_ends_early();
}
