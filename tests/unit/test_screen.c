#include "test.h"

#include "../../src/neighbors/principal.h"
#include "../../src/neighbors/tiles.h"
#include "cfmpi/cpu.h"
#include "cfmpi/neighbors.h"

/* ---- integer products ---- */

typedef struct codes {
    int quads, stride, offset;
    int8_t *rows, *others; /* [CF_SIDE][stride] */
    uint8_t *columns;
    int32_t row_start[CF_SIDE], col_start[CF_SIDE];
    int32_t row_least[CF_SIDE], col_least[CF_SIDE];
    int32_t halves[CF_SIDE];
} codes;

static uint8_t *column_code(const codes *c, int column, int k)
{
    int64_t group = column / CF_GROUP, quad = k / CF_QUAD;
    return c->columns +
           ((group * c->quads + quad) * CF_GROUP + column % CF_GROUP) *
               CF_QUAD +
           k % CF_QUAD;
}

/* A code of a row, often the largest. */
static int8_t row_code(uint64_t key, int i, int64_t at)
{
    if (i % 3 == 0)
        return pick(key, at, 2) ? CF_CODE : -CF_CODE;
    return (int8_t)(pick(key + 1, at, 2 * CF_CODE + 1) - CF_CODE);
}

/* Codes up to the largest, which sums of pairs must not overflow for. */
static void make_codes(codes *c, int quads, int offset)
{
    *c = (codes){.quads = quads, .offset = offset};
    c->stride = (quads * CF_QUAD + CF_ALIGN - 1) / CF_ALIGN * CF_ALIGN;
    c->rows = cf_calloc(CF_SIDE * c->stride, 1, "test");
    c->others = cf_calloc(CF_SIDE * c->stride, 1, "test");
    c->columns = cf_alloc(CF_SIDE * quads * CF_QUAD, 1, "test");
    for (int i = 0; i < CF_SIDE; i++) {
        for (int k = 0; k < quads * CF_QUAD; k++) {
            int64_t at = i * 4096 + k;
            int64_t column = i % 3 == 0 ? (pick(3, at, 2) ? 2 * offset - 1 : 1)
                                        : pick(4, at, 2 * offset - 1) + 1;
            c->rows[i * c->stride + k] = row_code(1, i, at);
            c->others[i * c->stride + k] = row_code(11, i, at);
            *column_code(c, i, k) = (uint8_t)column;
        }
        c->row_start[i] = (int32_t)pick(5, i, 2000001) - 1000000;
        c->col_start[i] = (int32_t)pick(6, i, 2000001) - 1000000;
        c->row_least[i] = (int32_t)pick(7, i, 3000000);
        c->col_least[i] =
            i % 7 == 0 ? -(1 << 30) : (int32_t)pick(8, i, 3000000);
    }
}

/* Rows of which either half of a product fits 16 bits, the largest just so;
 * what column codes are above their middle is undone. */
static void make_halves(codes *c)
{
    int n = c->quads * CF_QUAD;
    int most = CF_MIN(INT16_MAX / (n / 2) / (c->offset - 1), CF_CODE);
    for (int i = 0; i < CF_SIDE; i++) {
        int32_t sum[2] = {0, 0};
        for (int k = 0; k < n; k++) {
            int8_t *code = &c->rows[i * c->stride + k];
            *code = i % 3 == 0  ? (int8_t)(i % 2 == 0 ? most : -most)
                    : most == 0 ? 0
                                : (int8_t)(*code % (most + 1));
            if (i % 3 == 0)
                *column_code(c, i, k) = (uint8_t)(2 * c->offset - 1);
            sum[k % CF_QUAD / 2] += *code;
        }
        c->halves[i] = (int32_t)((uint32_t)(-c->offset * sum[1]) << 16 |
                                 ((uint32_t)(-c->offset * sum[0]) & 0xffff));
    }
}

static void free_codes(codes *c)
{
    cf_free(c->rows);
    cf_free(c->others);
    cf_free(c->columns);
}

static int32_t plain_sum(const codes *c, const cf_tile_pair *p, int row,
                         int column)
{
    int32_t sum = c->row_start[row] + c->col_start[column];
    int offset = p->row_halves != NULL ? c->offset : 0;
    for (int k = 0; k < p->head * CF_QUAD; k++)
        sum += c->rows[row * c->stride + k] *
               (*column_code(c, column, k) - offset);
    return sum;
}

static int32_t close_sum(const codes *c, int row, int column)
{
    int32_t sum = c->row_start[row] + c->col_start[column];
    for (int k = 0; k < c->quads * CF_QUAD; k++)
        sum += (c->rows[row * c->stride + k] + CF_OFFSET) *
               c->others[column * c->stride + k];
    return sum;
}

/* Each pair that is enough once, and no other. */
static void check_screen(const codes *c, const cf_tile_pair *p,
                         const cf_screen_kernel *kernel)
{
    cf_pair *pairs = cf_alloc(CF_PAIRS_MOST, sizeof *pairs, "test");
    char *passed = cf_calloc(CF_SIDE, CF_SIDE, "test");
    int count = kernel->screen(p, pairs), wrong = 0, some = 0;
    for (int t = 0; t < count; t++)
        passed[pairs[t].row * CF_SIDE + pairs[t].column]++;
    for (int r = 0; r < p->rows; r++)
        for (int j = 0; j < p->columns; j++) {
            int32_t least = CF_MIN(c->row_least[r], c->col_least[j]);
            bool enough = plain_sum(c, p, r, j) >= least;
            wrong += passed[r * CF_SIDE + j] != enough;
            some += enough;
        }
    CHECK(wrong == 0);
    CHECK(some > 0 || p->columns < 8);
    cf_free(pairs);
    cf_free(passed);
}

/* Those of the first `count` pairs that are enough, in their order. */
static void check_confirm(const codes *c, const cf_tile_pair *p,
                          const cf_screen_kernel *kernel, int count)
{
    cf_pair *pairs = cf_alloc(count, sizeof *pairs, "test");
    int kept = 0, wrong = 0;
    for (int t = 0; t < count; t++)
        pairs[t] = (cf_pair){(cf_place)(t * 7 % p->rows),
                             (cf_place)(t * 13 % p->columns)};
    int got = kernel->confirm(p, pairs, count);
    for (int t = 0; t < count; t++) {
        int row = t * 7 % p->rows, column = t * 13 % p->columns;
        if (close_sum(c, row, column) <
            CF_MIN(c->row_least[row], c->col_least[column]))
            continue;
        wrong += kept >= got || pairs[kept].row != row ||
                 pairs[kept].column != column;
        kept++;
    }
    CHECK(wrong == 0);
    CHECK(got == kept);
    cf_free(pairs);
}

static void check_products(const codes *c, const cf_tile_pair *p,
                           const cf_screen_kernel *kernel)
{
    int32_t *sums = cf_alloc(CF_SIDE * CF_SIDE, sizeof *sums, "test");
    int wrong = 0;
    kernel->products(p, sums);
    for (int r = 0; r < p->rows; r++)
        for (int j = 0; j < p->columns; j++)
            wrong += sums[r * CF_SIDE + j] != plain_sum(c, p, r, j);
    CHECK(wrong == 0);
    cf_free(sums);
}

static void check_kernel(const cf_screen_kernel *kernel, bool halves)
{
    static const int quads[] = {1, 2, 7, 17, 32};
    static const int shapes[][2] = {
        {CF_SIDE, CF_SIDE}, {1, 1}, {CF_SIDE - 1, 31}, {9, CF_SIDE / 2 + 2}};
    for (int q = 0; q < COUNT(quads); q++) {
        codes c;
        make_codes(&c, quads[q], kernel->offset);
        if (halves)
            make_halves(&c);
        for (int s = 0; s < COUNT(shapes); s++) {
            /* Of the head alone what the offset adds would be another sum. */
            bool part = s % 2 && !halves;
            cf_tile_pair p = {.head = part ? (quads[q] + 1) / 2 : quads[q],
                              .quads = quads[q],
                              .stride = c.stride,
                              .rows = shapes[s][0],
                              .columns = shapes[s][1],
                              .row_codes = c.rows,
                              .col_codes = c.columns,
                              .col_as_rows = c.others,
                              .row_start = c.row_start,
                              .col_start = c.col_start,
                              .row_halves = halves ? c.halves : NULL,
                              .row_least = c.row_least,
                              .col_least = c.col_least};
            check_products(&c, &p, kernel);
            check_screen(&c, &p, kernel);
            for (int count = 0; count < 7; count++)
                check_confirm(&c, &p, kernel, count);
            check_confirm(&c, &p, kernel, 1001);
        }
        free_codes(&c);
    }
}

static const cf_screen_kernel *const kernels[] = {
    &cf_screen_portable,
#if defined(__x86_64__)
    &cf_screen_avx2,
    &cf_screen_avx512,
    &cf_screen_vnni,
#endif
};

static void test_kernels(void)
{
    for (int isa = 0; isa <= (int)cf_cpu_isa(); isa++) {
        CHECK(strcmp(kernels[isa]->name, cf_cpu_isa_name((enum cf_isa)isa)) ==
              0);
        check_kernel(kernels[isa], false);
        if (kernels[isa]->halves)
            check_kernel(kernels[isa], true);
    }
}

/* ---- bounds of codes ---- */

/* Rows in clusters of all sizes, some of them equal, some zero. */
static void make_slab(cf_slab *s, int64_t count, int dim, double spread)
{
    s->count = count;
    s->rows = cf_alloc(count * dim, sizeof *s->rows, "test");
    s->id = cf_alloc(count, sizeof *s->id, "test");
    for (int64_t i = 0; i < count; i++) {
        s->id[i] = i;
        double length = ldexp(1, (int)pick(21, i, 9) - 4);
        for (int c = 0; c < dim; c++) {
            double x = noise(22, i / 40 * 512 + c) +
                       spread * noise(23, i % 50 == 3 ? c : i * 512 + c);
            s->rows[i * dim + c] = i % 97 == 5 ? 0 : (float)(length * x);
        }
    }
}

/* The row as it is compared, less the centre of its tile. */
static double residual(const cf_tiles *t, int64_t i, int c)
{
    return (double)t->slab->rows[i * t->dim + c] *
               (t->squared[i] > 0 ? 1 / sqrt(t->squared[i]) : 0) -
           (double)t->centre[i / CF_SIDE * t->dim + c];
}

/* Of the first dimensions: of either half of the quads. */
static void code_products(const cf_tiles *t, int64_t i, int64_t j, int offset,
                          int quads, int32_t sum[2])
{
    int size = t->quads * CF_QUAD;
    codes c = {.quads = t->quads,
               .columns = t->col_codes + j / CF_SIDE * CF_SIDE * size};
    sum[0] = sum[1] = 0;
    for (int k = 0; k < quads * CF_QUAD; k++)
        sum[k % CF_QUAD / 2] +=
            t->row_codes[i * t->stride + k] *
            (*column_code(&c, (int)(j % CF_SIDE), k) - offset);
}

static int32_t code_product(const cf_tiles *t, int64_t i, int64_t j, int offset,
                            int quads)
{
    int32_t sum[2];
    code_products(t, i, j, offset, quads, sum);
    return sum[0] + sum[1];
}

/* As rows on both sides. */
static int32_t close_product(const cf_tiles *t, int64_t i, int64_t j)
{
    int32_t sum = 0;
    for (int k = 0; k < t->stride; k++)
        sum +=
            t->row_codes[i * t->stride + k] * t->row_codes[j * t->stride + k];
    return sum;
}

/* Of dim dimensions, as ordered rows would have it. */
static float *make_rotation(int dim)
{
    float *r = cf_calloc((int64_t)dim * dim, sizeof *r, "test");
    /* A reflection: I - 2 v v', |v| = 1. */
    double squared = 0;
    for (int c = 0; c < dim; c++)
        squared += (c + 1.0) * (c + 1.0);
    for (int i = 0; i < dim; i++)
        for (int c = 0; c < dim; c++)
            r[i * dim + c] =
                (float)((i == c) - 2 * (i + 1.0) * (c + 1.0) / squared);
    return r;
}

static void check_bounds(int64_t count, int dim, double spread,
                         const cf_screen_kernel *kernel, const float *rotation)
{
    int offset = kernel->offset;
    cf_slab slab = {0};
    cf_tiles t = {0};
    cf_crew crew;
    int64_t wrong = 0, wrong_head = 0, wrong_close = 0, wrong_half = 0;
    double errors = 0, bounds = 0;
    make_slab(&slab, count, dim, spread);
    cf_crew_alone(&crew, 1 + dim % 3);
    cf_tiles_begin(&t, count, dim, CF_COSINE, rotation, NULL);
    cf_tiles_set(&t, &slab, 1, kernel, &crew);
    CHECK(t.head == t.quads);
    int head = (t.quads + 1) / 2;
    cf_tiles_set_head(&t, head, &crew);
    for (int64_t i = 0; i < count; i += 3)
        for (int64_t j = 0; j < count; j += 5) {
            double exact = 0;
            int64_t a = i / CF_SIDE, b = j / CF_SIDE;
            for (int c = 0; c < dim; c++)
                exact += residual(&t, i, c) * residual(&t, j, c);
            double unit = (double)t.row_step[a] * (double)t.col_step[b];
            double coded = unit * code_product(&t, i, j, offset, t.quads);
            double bound = (double)t.coded[i] * (double)t.col_error[b] +
                           (double)t.row_error[a] * (double)t.residual[j];
            wrong += !(fabs(exact - coded) <= bound);
            errors += fabs(exact - coded);
            bounds += bound;
            coded = unit * code_product(&t, i, j, offset, head);
            wrong_head += !(fabs(exact - coded) <=
                            bound + (double)t.tail[i] * (double)t.tail[j]);
            int32_t half[2];
            code_products(&t, i, j, offset, head, half);
            float more = t.row_error[b] + t.col_error[b];
            wrong_half +=
                !(fabs(unit * half[0]) <=
                  (double)(t.first_most[a] * (t.first_most[b] + more))) +
                !(fabs(unit * half[1]) <=
                  (double)(t.last_most[a] * (t.last_most[b] + more)));
            coded = (double)t.row_step[a] * (double)t.row_step[b] *
                    close_product(&t, i, j);
            bound = (double)t.coded[i] * (double)t.row_error[b] +
                    (double)t.row_error[a] * (double)t.residual[j];
            wrong_close += !(fabs(exact - coded) <= bound);
        }
    CHECK(wrong == 0);
    CHECK(wrong_head == 0);
    CHECK(wrong_close == 0);
    CHECK(wrong_half == 0);
    /* And they are of use: not hundreds of times too large. */
    CHECK(bounds <= 60 * errors + 1e-4 * (double)(count * count));
    cf_tiles_end(&t);
    cf_crew_end(&crew);
    cf_slab_free(&slab);
}

static void test_bounds(void)
{
    static const int dims[] = {1, 2, 3, 16, 100, 128, 200};
    for (int d = 0; d < COUNT(dims); d++) {
        float *rotation = make_rotation(dims[d]);
        for (int isa = 0; isa <= (int)cf_cpu_isa(); isa += 1 + isa) {
            check_bounds(300, dims[d], 0.5, kernels[isa], NULL);
            check_bounds(260, dims[d], 1e-3, kernels[isa], rotation);
            check_bounds(30, dims[d], 0, kernels[isa], NULL);
            check_bounds(300, dims[d], 0.5, kernels[isa], rotation);
        }
        cf_free(rotation);
    }
}

/* Rows that differ most in one direction get that one first. */
static void test_principal(void)
{
    const int dim = 20;
    const int64_t count = 2000;
    cf_slab slab = {.count = count};
    slab.rows = cf_alloc(count * dim, sizeof *slab.rows, "test");
    for (int64_t i = 0; i < count; i++)
        for (int c = 0; c < dim; c++)
            slab.rows[i * dim + c] =
                (float)(noise(31, i * dim + c) +
                        (c == 3 || c == 7 ? 20 * noise(32, i) : 0));
    float *r = cf_principal(&world, &slab, dim, CF_SIDE, 1);
    double off = 0;
    CHECK(r != NULL);
    for (int i = 0; i < dim && r != NULL; i++)
        for (int j = 0; j <= i; j++) {
            double product = cf_dot(r + i * dim, r + j * dim, dim);
            off = fmax(off, fabs(product - (i == j)));
        }
    CHECK(off < 1e-6);
    CHECK(r != NULL && fabsf(r[3]) > 0.7f && fabsf(r[7]) > 0.7f);
    cf_free(r);
    /* Too few rows, or squares beyond float32. */
    slab.count = 10;
    CHECK(cf_principal(&world, &slab, dim, CF_SIDE, 1) == NULL);
    slab.count = count;
    slab.rows[0] = 1e30f;
    CHECK(cf_principal(&world, &slab, dim, CF_SIDE, 1) == NULL);
    cf_slab_free(&slab);
}

/* ---- the order of rows ---- */

static void test_arrange(void)
{
    const cf_gidx n = 3000;
    const int dim = 12;
    cf_part part = {0};
    cf_slab slab = {0}, all = {0};
    uneven_part(&part, n, world.size);
    make_slab(&all, n, dim, 0.1);
    int64_t begin = part.begin[world.rank], same = 0, wrong = 0;
    int64_t with_direction = n - (n - 6) / 97 - 1;
    char *seen = cf_calloc(n, 1, "test");
    cf_arrange(&slab, &world, &part, all.rows + begin * dim, dim, true, 64);
    CHECK(cf_sum_i64(&world, slab.count) == with_direction);
    for (int64_t i = 0; i < slab.count; i++) {
        wrong += memcmp(slab.rows + i * dim, all.rows + slab.id[i] * dim,
                        (size_t)dim * sizeof *slab.rows) != 0;
        seen[slab.id[i]]++;
        same += i > 0 && slab.id[i] / 40 == slab.id[i - 1] / 40;
    }
    CHECK(wrong == 0);
    MPI_Allreduce(MPI_IN_PLACE, seen, (int)n, MPI_CHAR, MPI_SUM, world.comm);
    for (cf_gidx i = 0; i < n; i++)
        wrong += seen[i] != (i % 97 != 5);
    CHECK(wrong == 0);
    /* Rows of one cluster lie together far more often than 40 in 3000, and
     * ranks have about as many rows. */
    CHECK(cf_sum_i64(&world, same) > n / 4);
    CHECK(slab.count < 2 * n / world.size);
    cf_slab_free(&slab);
    cf_slab_free(&all);
    cf_part_free(&part);
    cf_free(seen);
}

static void run_tests(void)
{
    test_kernels();
    test_bounds();
    test_principal();
    test_arrange();
}
