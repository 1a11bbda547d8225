#include "test.h"

#include "../../src/neighbors/tiles.h"
#include "cfmpi/cpu.h"
#include "cfmpi/neighbors.h"

/* ---- integer products ---- */

typedef struct codes {
    int quads, offset;
    int8_t *rows;
    uint8_t *columns;
    int32_t row_start[CF_SIDE], col_start[CF_SIDE];
    int32_t row_least[CF_SIDE], col_least[CF_SIDE];
} codes;

static uint8_t *column_code(const codes *c, int column, int k)
{
    int64_t group = column / CF_GROUP, quad = k / CF_QUAD;
    return c->columns +
           ((group * c->quads + quad) * CF_GROUP + column % CF_GROUP) *
               CF_QUAD +
           k % CF_QUAD;
}

/* Codes up to the largest, which sums of pairs must not overflow for. */
static void make_codes(codes *c, int quads, int offset)
{
    int count = CF_SIDE * quads * CF_QUAD;
    *c = (codes){.quads = quads, .offset = offset};
    c->rows = cf_alloc(count, 1, "test");
    c->columns = cf_alloc(count, 1, "test");
    for (int i = 0; i < CF_SIDE; i++) {
        for (int k = 0; k < quads * CF_QUAD; k++) {
            int64_t at = i * 4096 + k;
            bool large = i % 3 == 0;
            int64_t row = large ? (pick(1, at, 2) ? CF_CODE : -CF_CODE)
                                : pick(2, at, 2 * CF_CODE + 1) - CF_CODE;
            int64_t column = large ? (pick(3, at, 2) ? 2 * offset - 1 : 1)
                                   : pick(4, at, 2 * offset - 1) + 1;
            c->rows[i * quads * CF_QUAD + k] = (int8_t)row;
            *column_code(c, i, k) = (uint8_t)column;
        }
        c->row_start[i] = (int32_t)pick(5, i, 2000001) - 1000000;
        c->col_start[i] = (int32_t)pick(6, i, 2000001) - 1000000;
        c->row_least[i] = (int32_t)pick(7, i, 3000000);
        c->col_least[i] = i % 7 == 0 ? INT32_MIN : (int32_t)pick(8, i, 3000000);
    }
}

static int32_t plain_sum(const codes *c, int row, int column)
{
    int32_t sum = c->row_start[row] + c->col_start[column];
    for (int k = 0; k < c->quads * CF_QUAD; k++)
        sum +=
            c->rows[row * c->quads * CF_QUAD + k] * *column_code(c, column, k);
    return sum;
}

static void check_hits(const codes *c, const cf_tile_pair *p,
                       const cf_screen_kernel *kernel)
{
    cf_hit *hits = cf_alloc(CF_HITS_MOST, sizeof *hits, "test");
    char *passed = cf_calloc(CF_SIDE, CF_SIDE, "test");
    int count = kernel->screen(p, hits), wrong = 0;
    for (int h = 0; h < count; h++)
        for (int b = 0; b < CF_GROUP; b++)
            if (hits[h].passed >> b & 1)
                passed[hits[h].row * CF_SIDE + hits[h].column + b]++;
    for (int r = 0; r < p->rows; r++)
        for (int j = 0; j < p->columns; j++) {
            int32_t least = CF_MIN(c->row_least[r], c->col_least[j]);
            wrong += passed[r * CF_SIDE + j] != (plain_sum(c, r, j) >= least);
        }
    CHECK(wrong == 0);
    cf_free(hits);
    cf_free(passed);
}

static void check_kernel(const cf_screen_kernel *kernel)
{
    static const int quads[] = {1, 2, 7, 32};
    static const int shapes[][2] = {{256, 256}, {1, 1}, {255, 31}, {9, 130}};
    int32_t *sums = cf_alloc(CF_SIDE * CF_SIDE, sizeof *sums, "test");
    for (int q = 0; q < COUNT(quads); q++) {
        codes c;
        make_codes(&c, quads[q], kernel->offset);
        for (int s = 0; s < COUNT(shapes); s++) {
            cf_tile_pair p = {quads[q],    shapes[s][0], shapes[s][1],
                              c.rows,      c.columns,    c.row_start,
                              c.col_start, c.row_least,  c.col_least};
            int wrong = 0;
            kernel->products(&p, sums);
            for (int r = 0; r < p.rows; r++)
                for (int j = 0; j < p.columns; j++)
                    wrong += sums[r * CF_SIDE + j] != plain_sum(&c, r, j);
            CHECK(wrong == 0);
            check_hits(&c, &p, kernel);
        }
        cf_free(c.rows);
        cf_free(c.columns);
    }
    cf_free(sums);
}

static void test_kernels(void)
{
    const cf_screen_kernel *kernels[] = {
        &cf_screen_portable,
#if defined(__x86_64__)
        &cf_screen_avx2,
        &cf_screen_avx512,
        &cf_screen_vnni,
#endif
    };
    for (int isa = 0; isa <= (int)cf_cpu_isa(); isa++) {
        CHECK(strcmp(kernels[isa]->name, cf_cpu_isa_name((enum cf_isa)isa)) ==
              0);
        check_kernel(kernels[isa]);
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

static int32_t code_product(const cf_tiles *t, int64_t i, int64_t j, int offset)
{
    int stride = t->quads * CF_QUAD;
    codes c = {.quads = t->quads,
               .columns = t->col_codes + j / CF_SIDE * CF_SIDE * stride};
    int32_t sum = 0;
    for (int k = 0; k < stride; k++)
        sum += t->row_codes[i * stride + k] *
               (*column_code(&c, (int)(j % CF_SIDE), k) - offset);
    return sum;
}

static void check_bounds(int64_t count, int dim, double spread, int offset)
{
    cf_slab slab = {0};
    cf_tiles t = {0};
    int64_t wrong = 0;
    double errors = 0, bounds = 0;
    make_slab(&slab, count, dim, spread);
    cf_tiles_begin(&t, count, dim, CF_COSINE);
    cf_tiles_set(&t, &slab, 1, offset);
    for (int64_t i = 0; i < count; i += 3)
        for (int64_t j = 0; j < count; j += 5) {
            double exact = 0;
            int64_t a = i / CF_SIDE, b = j / CF_SIDE;
            for (int c = 0; c < dim; c++)
                exact += residual(&t, i, c) * residual(&t, j, c);
            double coded = (double)t.row_step[a] * (double)t.col_step[b] *
                           code_product(&t, i, j, offset);
            double bound = (double)t.coded[i] * (double)t.col_error[b] +
                           (double)t.row_error[a] * (double)t.residual[j];
            wrong += !(fabs(exact - coded) <= bound);
            errors += fabs(exact - coded);
            bounds += bound;
        }
    CHECK(wrong == 0);
    /* And they are of use: not hundreds of times too large. */
    CHECK(bounds <= 60 * errors + 1e-4 * (double)(count * count));
    cf_tiles_end(&t);
    cf_slab_free(&slab);
}

static void test_bounds(void)
{
    static const int dims[] = {1, 2, 3, 16, 100, 128, 200};
    for (int d = 0; d < COUNT(dims); d++)
        for (int offset = CF_OFFSET / 2; offset <= CF_OFFSET; offset *= 2) {
            check_bounds(300, dims[d], 0.5, offset);
            check_bounds(260, dims[d], 1e-3, offset);
            check_bounds(30, dims[d], 0, offset);
        }
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
    test_arrange();
}
