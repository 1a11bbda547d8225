/* The loops of the solver, each instruction set and type of number, against
 * plain sums. */
#include "test.h"

#include "../../src/svd/kernels.h"
#include "cfmpi/cpu.h"

/* More rows than a tile, few of them long; popular and rare columns. */
#define ROWS 2500
#define COLS 90

static float half_stars(cf_gidx i, cf_gidx j)
{
    int64_t at = i * COLS + j;
    return pick(1, at, 2 + j * j) == 0 && i % 7 != 3
               ? (float)(pick(2, at, 10) + 1) / 2
               : NAN;
}

static float any_values(cf_gidx i, cf_gidx j)
{
    float x = half_stars(i, j);
    return isnan(x) ? NAN : (float)noise(3, i * COLS + j) * 100;
}

static double get(const void *x, int64_t i, size_t real)
{
    return real == sizeof(float) ? (double)((const float *)x)[i]
                                 : ((const double *)x)[i];
}

/* Random numbers as reals. */
static void *reals(int64_t count, size_t real, uint64_t stream)
{
    char *x = cf_alloc(count, real, "test");
    for (int64_t i = 0; i < count; i++)
        if (real == sizeof(float))
            ((float *)(void *)x)[i] = (float)noise(stream, i);
        else
            ((double *)(void *)x)[i] = noise(stream, i);
    return x;
}

static double allowed(size_t real)
{
    return real == sizeof(float) ? 2e-5 : 1e-13;
}

static void check_near(const void *got, const double *expected, int64_t count,
                       size_t real, double scale)
{
    double worst = 0;
    for (int64_t i = 0; i < count; i++)
        worst = fmax(worst, fabs(get(got, i, real) - expected[i]));
    CHECK(worst <= allowed(real) * scale);
}

/* Both products of every tile; the matrix is the same again in the end. */
static void check_products(cf_csr *matrix, const cf_kernels *k, bool in_place)
{
    cf_packed p;
    int64_t entries = matrix->indptr[matrix->n_loc];
    cf_csr copy = *matrix, *a = &copy;
    a->indices = cf_alloc(entries, sizeof *a->indices, "test");
    a->values = cf_alloc(entries, sizeof *a->values, "test");
    memcpy(a->indices, matrix->indices, (size_t)entries * sizeof *a->indices);
    memcpy(a->values, matrix->values, (size_t)entries * sizeof *a->values);
    cf_packed_begin(&p, matrix, &world, in_place);
    CHECK((matrix->values == NULL) == (in_place && p.coded));
    double scale = ldexp(1, -p.exponent);
    double *y_true = cf_calloc(p.rows * CF_BLOCK, sizeof *y_true, "test");
    double *w_true = cf_calloc(p.cols * CF_BLOCK, sizeof *w_true, "test");
    void *x = reals(p.cols * CF_BLOCK, k->real, 4);
    void *y = reals((p.tiles * CF_TILE + 1) * CF_BLOCK, k->real, 5);
    void *w = cf_calloc(p.cols * CF_BLOCK, k->real, "test");
    CHECK(p.grouped > 0 || p.rows == 0);
    for (int64_t t = 0; t < p.tiles; t++) {
        char *tile = (char *)y + t * CF_TILE * CF_BLOCK * (int64_t)k->real;
        k->gather(&p, t, x, tile);
        k->scatter(&p, t, tile, w);
    }
    for (int64_t i = 0; i < p.rows; i++)
        for (int64_t e = a->indptr[i]; e < a->indptr[i + 1]; e++)
            for (int c = 0; c < CF_BLOCK; c++) {
                int64_t at = p.position[a->indices[e]];
                y_true[i * CF_BLOCK + c] += scale * (double)a->values[e] *
                                            get(x, at * CF_BLOCK + c, k->real);
            }
    for (int64_t i = 0; i < p.rows; i++)
        for (int64_t e = a->indptr[i]; e < a->indptr[i + 1]; e++)
            for (int c = 0; c < CF_BLOCK; c++)
                w_true[p.position[a->indices[e]] * CF_BLOCK + c] +=
                    scale * (double)a->values[e] * y_true[i * CF_BLOCK + c];
    check_near(y, y_true, p.rows * CF_BLOCK, k->real, 10);
    check_near(w, w_true, p.cols * CF_BLOCK, k->real, 1000);
    cf_free(x);
    cf_free(y);
    cf_free(w);
    cf_free(y_true);
    cf_free(w_true);
    cf_packed_end(&p);
    CHECK(memcmp(matrix->indices, a->indices,
                 (size_t)entries * sizeof *a->indices) == 0);
    CHECK(memcmp(matrix->values, a->values,
                 (size_t)entries * sizeof *a->values) == 0);
    cf_free(a->indices);
    cf_free(a->values);
}

static void check_dense(const cf_kernels *k, int64_t rows)
{
    double c[256] = {0}, c_true[256] = {0};
    double *w_true = cf_alloc(rows * CF_BLOCK, sizeof *w_true, "test");
    void *q = reals(rows * CF_BLOCK, k->real, 6);
    void *w = reals(rows * CF_BLOCK, k->real, 7);
    void *square = reals(256, k->real, 8);
    for (int64_t i = 0; i < rows; i++)
        for (int r = 0; r < CF_BLOCK; r++) {
            double sum = get(w, i * CF_BLOCK + r, k->real);
            for (int s = 0; s < CF_BLOCK; s++) {
                double x = get(q, i * CF_BLOCK + s, k->real);
                c_true[s * CF_BLOCK + r] +=
                    x * get(w, i * CF_BLOCK + r, k->real);
                sum += x * get(square, s * CF_BLOCK + r, k->real);
            }
            w_true[i * CF_BLOCK + r] = sum;
        }
    k->inner(q, w, rows, c);
    check_near(c, c_true, 256, sizeof(double),
               100 * allowed(k->real) / allowed(sizeof(double)));
    k->add_product(q, square, rows, w);
    check_near(w, w_true, rows * CF_BLOCK, k->real, 10);
    cf_free(q);
    cf_free(w);
    cf_free(square);
    cf_free(w_true);
}

static void run_tests(void)
{
    const cf_kernels *sets[] = {
        cf_kernels_portable,
#if defined(__x86_64__)
        cf_kernels_avx2,
        cf_kernels_avx512,
#endif
    };
    static const int64_t heights[] = {1, 2, 7, 8, 9, 100, CF_PANEL};
    cf_csr coded = {0}, plain = {0};
    make_csr(&coded, &world, ROWS, COLS, half_stars);
    make_csr(&plain, &world, ROWS, COLS, any_values);
    for (int isa = 0; isa <= (int)CF_MIN(cf_cpu_isa(), CF_ISA_AVX512); isa++)
        for (int real = 0; real < 2; real++) {
            check_products(&coded, &sets[isa][real], false);
            check_products(&coded, &sets[isa][real], true);
            check_products(&plain, &sets[isa][real], true);
            for (int h = 0; h < COUNT(heights); h++)
                check_dense(&sets[isa][real], heights[h]);
        }
    cf_csr_free(&coded);
    cf_csr_free(&plain);
}
