#include "test.h"

#include "cfmpi/grid.h"

/* A = H D H with a reflection H of a fixed random vector. */
static void reflected(double *a, int n, int lda, const double *d)
{
    double *v = cf_alloc(n, sizeof *v, "test"), length = 0, vdv = 0;
    for (int i = 0; i < n; i++) {
        v[i] = noise(1, i);
        length += v[i] * v[i];
    }
    for (int i = 0; i < n; i++) {
        v[i] *= sqrt(2 / length);
        vdv += v[i] * v[i] * d[i];
    }
    for (int j = 0; j < n; j++)
        for (int i = 0; i < n; i++)
            a[i + (int64_t)j * lda] = (i == j ? d[i] : 0) -
                                      v[i] * v[j] * (d[i] + d[j]) +
                                      v[i] * v[j] * vdv;
    cf_free(v);
}

static int descending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* A v = l v, and vectors orthonormal. */
static void check_vectors(const double *a, int n, int lda, int want,
                          const double *values, const double *vectors,
                          double size)
{
    double worst = 0, skew = 0;
    for (int k = 0; k < want; k++) {
        const double *v = vectors + (int64_t)k * n;
        for (int i = 0; i < n; i++) {
            double sum = -values[k] * v[i];
            for (int j = 0; j < n; j++)
                sum += a[i + (int64_t)j * lda] * v[j];
            worst = fmax(worst, fabs(sum));
        }
        for (int l = 0; l <= k; l++) {
            double dot = k == l ? -1 : 0;
            for (int i = 0; i < n; i++)
                dot += v[i] * vectors[i + (int64_t)l * n];
            skew = fmax(skew, fabs(dot));
        }
    }
    CHECK(worst <= 1e-13 * n * size);
    CHECK(skew <= 1e-13 * n);
}

/* d: the spectrum, in any order; sorted here. */
static void check_spectrum(double *d, int n, int want, int lda)
{
    double *a = cf_calloc((int64_t)lda * n, sizeof *a, "test");
    double *kept = cf_alloc((int64_t)lda * n, sizeof *kept, "test");
    double *values = cf_alloc(n, sizeof *values, "test");
    double *vectors = cf_alloc((int64_t)n * want, sizeof *vectors, "test");
    double size = 0, off = 0;
    reflected(a, n, lda, d);
    memcpy(kept, a, (size_t)lda * (size_t)n * sizeof *a);
    CHECK(cf_grid_eigen(&world, a, n, lda, want, values, vectors) == CF_OK);
    CHECK(memcmp(kept, a, (size_t)lda * (size_t)n * sizeof *a) == 0);
    qsort(d, (size_t)n, sizeof *d, descending);
    for (int i = 0; i < n; i++)
        size = fmax(size, fabs(d[i]));
    for (int i = 0; i < n; i++)
        off = fmax(off, fabs(values[i] - d[i]));
    CHECK(off <= 1e-14 * n * size);
    for (int i = 1; i < n; i++)
        CHECK(values[i] <= values[i - 1]);
    check_vectors(a, n, lda, want, values, vectors, size);
    CHECK(same_on_all(values, n * (int64_t)sizeof *values));
    CHECK(same_on_all(vectors, (int64_t)n * want * (int64_t)sizeof *vectors));
    cf_free(a);
    cf_free(kept);
    cf_free(values);
    cf_free(vectors);
}

enum spectrum { DISTINCT, REPEATED, RANK_ONE, ZERO, TINY, HUGE_ONES, SPECTRA };

static double eigenvalue(enum spectrum s, int i, int n)
{
    switch (s) {
    case DISTINCT: return i - n / 3.0;
    case REPEATED: return i % 3 - 1;
    case RANK_ONE: return i == 0 ? 5 : 0;
    case ZERO: return 0;
    case TINY: return 1e-60 * (i + 1);
    case HUGE_ONES: return 1e60 * (i + 1);
    case SPECTRA: break;
    }
    return 0;
}

static void test_spectra(void)
{
    static const int sizes[] = {1, 2, 3, 7, 16, 40, 200};
    double d[200];
    for (int s = 0; s < COUNT(sizes); s++)
        for (int kind = 0; kind < (sizes[s] > 100 ? 2 : SPECTRA); kind++) {
            int n = sizes[s];
            for (int i = 0; i < n; i++)
                d[i] = eigenvalue((enum spectrum)kind, i, n);
            check_spectrum(d, n, n, n);
            check_spectrum(d, n, (n + 2) / 3, n + 5);
        }
}

/* The second difference, whose spectrum has a formula. */
static void test_known(void)
{
    enum { N = 130 };
    double *a = cf_calloc(N * N, sizeof *a, "test");
    double values[N], vectors[N];
    for (int i = 0; i < N; i++) {
        a[i + i * N] = 2;
        if (i > 0)
            a[i + (i - 1) * N] = a[i - 1 + i * N] = -1;
    }
    CHECK(cf_grid_eigen(&world, a, N, N, 1, values, vectors) == CF_OK);
    for (int k = 0; k < N; k++)
        CHECK(fabs(values[k] - 2 + 2 * cos((N - k) * acos(-1.0) / (N + 1))) <
              1e-13);
    check_vectors(a, N, N, 1, values, vectors, 4);
    cf_free(a);
}

/* A matrix that ranks bring in parts, panel by panel. */
static void check_sums(int n, int width)
{
    double *a = cf_calloc((int64_t)n * n, sizeof *a, "test");
    double *d = cf_alloc(n, sizeof *d, "test");
    double *panel = cf_alloc((int64_t)n * width, sizeof *panel, "test");
    double *values = cf_alloc(n, sizeof *values, "test");
    double *vectors = cf_alloc((int64_t)n * n, sizeof *vectors, "test");
    cf_grid_matrix *g = NULL;
    for (int i = 0; i < n; i++)
        d[i] = eigenvalue(DISTINCT, i, n);
    reflected(a, n, n, d);
    CHECK(cf_grid_begin(&g, &world, n) == CF_OK);
    for (int first = 0; first < n; first += width) {
        int rows = CF_MIN(width, n - first);
        /* Every part is taken out of the first rank's again. */
        for (int64_t i = 0; i < (int64_t)rows * n; i++) {
            double whole = world.rank == 0 ? a[(int64_t)first * n + i] : 0;
            double extra = (double)pick(5, (int64_t)first * n + i, 9);
            panel[i] =
                world.rank == 0 ? whole - (world.size - 1) * extra : extra;
        }
        cf_grid_add(g, first, rows, panel);
    }
    CHECK(cf_grid_solve(g, n, values, vectors) == CF_OK);
    cf_grid_end(g);
    qsort(d, (size_t)n, sizeof *d, descending);
    for (int i = 0; i < n; i++)
        CHECK(fabs(values[i] - d[i]) <= 1e-12 * n);
    cf_free(a);
    cf_free(d);
    cf_free(panel);
    cf_free(values);
    cf_free(vectors);
}

static void test_sums(void)
{
    static const int sizes[] = {1, 2, 9, 40, 150};
    for (int s = 0; s < COUNT(sizes); s++) {
        check_sums(sizes[s], 7);
        check_sums(sizes[s], sizes[s]);
    }
}

static void test_too_large(void)
{
    cf_grid_matrix *g = NULL;
    CHECK(failed_with(cf_grid_begin(&g, &world, 500000), CF_BAD_DATA,
                      "1863 GiB in all, and some 233 ranks"));
    CHECK(failed_with(cf_grid_begin(&g, &world, 3000000000), CF_BAD_DATA,
                      "take more ranks, --svd=krylov or a smaller --dim"));
    CHECK(g == NULL);
    cf_grid_end(g);
}

static void run_tests(void)
{
    test_spectra();
    test_known();
    test_sums();
    test_too_large();
}
