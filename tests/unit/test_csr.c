#include "events.h"

/* ---- building, against a dense reference ---- */

static void check_build(const events *v, const place *p,
                        enum cf_duplicates rule)
{
    matrix m;
    cf_gidx twice[2];
    int64_t merged = -1, places = 0;
    CHECK(build(&m, v, rule, &merged, twice) == CF_OK);
    for (int64_t i = 0; i < v->rows * v->cols; i++)
        places += p[i].count > 0;
    CHECK(m.a.rows == v->rows && m.a.cols == v->cols && m.a.nnz == places);
    CHECK(merged == v->count - places);
    CHECK(cf_part_rows(&m.a.part) == v->rows);
    CHECK((m.a.time != NULL) == v->timed);
    check_rows(&m.a, p, rule);
    if (merged == 0)
        check_balance(&m.a, v->count);
    free_matrix(&m);
}

static void check_error(const events *v, const place *p)
{
    matrix m;
    cf_gidx first[2] = {-1, -1};
    int64_t merged, at = 0;
    while (at < v->rows * v->cols && p[at].count < 2)
        at++;
    bool twice = at < v->rows * v->cols;
    CHECK(build(&m, v, CF_DUP_ERROR, &merged, first) ==
          (twice ? CF_BAD_DATA : CF_OK));
    if (twice)
        CHECK(first[0] == at / v->cols && first[1] == at % v->cols);
    else
        check_rows(&m.a, p, CF_DUP_ERROR);
    free_matrix(&m);
}

static void check_every_rule(const events *v)
{
    place *p = dense(v);
    check_build(v, p, CF_DUP_FIRST);
    check_build(v, p, CF_DUP_LAST);
    check_build(v, p, CF_DUP_MEAN);
    check_build(v, p, CF_DUP_SUM);
    check_error(v, p);
    cf_free(p);
}

/* Rows of 32 and 33 entries, about where the sort changes; columns of no, one,
 * two and three bytes. */
static void test_build(void)
{
    static const events sets[] = {
        {50, 40, 1500, 9, false, RANDOM},   {50, 40, 1500, 1, true, RANDOM},
        {3, 4, 600, 9, true, RANDOM},       {2, 3, 4, 9, false, RANDOM},
        {1, 1, 1, 9, false, RANDOM},        {1, 1, 5, 9, true, RANDOM},
        {1, 1, 200, 9, true, RANDOM},       {1, 256, 32, 9, true, RANDOM},
        {1, 257, 33, 9, true, RANDOM},      {1, 900, 300, 9, false, RANDOM},
        {900, 1, 300, 9, true, RANDOM},     {30, 20, 0, 9, true, RANDOM},
        {40, 30, 40, 3, false, RANDOM},     {700, 60, 20000, 9, true, RANDOM},
        {2, 70000, 3000, 9, true, RANDOM},  {5000, 20, 90, 9, false, RANDOM},
        {30, 50, 1500, 9, true, ASCENDING}, {30, 50, 1490, 1, true, ASCENDING},
        {1, 80, 80, 9, false, ASCENDING},
    };
    for (int s = 0; s < COUNT(sets); s++)
        check_every_rule(&sets[s]);
}

/* More on one rank than a chunk, and more than goes out at once. */
static void test_chunks(void)
{
    for (int order = RANDOM; order <= TURNING; order++) {
        events v = {300,
                    200,
                    CF_ENTRIES_CHUNK + 70000,
                    1,
                    order != ASCENDING,
                    (enum order)order};
        place *p = dense(&v);
        check_build(&v, p, order == RANDOM ? CF_DUP_SUM : CF_DUP_LAST);
        cf_free(p);
    }
}

/* Nobody and nothing. */
static void test_nothing(void)
{
    events v = {0, 0, 0, 9, true, RANDOM};
    check_every_rule(&v);
}

/* ---- rows split by entries ---- */

static void test_balance(void)
{
    static const cf_gidx rows[] = {1, 3, 50, 3000};
    for (int s = 0; s < COUNT(rows); s++)
        for (int heavy = 0; heavy < 3; heavy++) {
            cf_part even = {0}, part = {0};
            int64_t total = 0, most = 0,
                    *all = cf_alloc(rows[s], sizeof *all, "test");
            for (cf_gidx i = 0; i < rows[s]; i++) {
                all[i] = pick(21, i, 30) *
                         (heavy == 1 && i == rows[s] / 2 ? 1000 : 1);
                all[i] = heavy == 2 ? 0 : all[i]; /* nothing at all */
                total += all[i];
                most = CF_MAX(most, all[i]);
            }
            cf_part_even(&even, rows[s], world.size);
            cf_csr_balance(&part, &world, &even, all + even.begin[world.rank]);
            CHECK(part.size == world.size && part.begin[0] == 0);
            CHECK(part.begin[world.size] == rows[s]);
            CHECK(same_on_all(part.begin,
                              (world.size + 1) * (int64_t)sizeof *part.begin));
            for (int r = 0; r < world.size; r++) {
                int64_t sum = 0;
                CHECK(part.begin[r] <= part.begin[r + 1]);
                for (cf_gidx i = part.begin[r]; i < part.begin[r + 1]; i++)
                    sum += all[i];
                CHECK(sum <= total / world.size + most + 1);
            }
            cf_part_free(&even);
            cf_part_free(&part);
            cf_free(all);
        }
}

/* ---- statistics ---- */

/* Columns of one magnitude, of all that float32 has, of denormals, and of
 * large values that cancel; one without entries. */
static float wild(cf_gidx row, cf_gidx col)
{
    int64_t at = row * 8 + col;
    double x = noise(31, at);
    switch (col) {
    case 0: return (float)pick(32, at, 11) / 2;
    case 1: return (float)ldexp(x, (int)pick(33, at, 240) - 125);
    case 2: return (float)ldexp(x, -140);
    case 3: return row % 2 ? 3e38f : -3e38f;
    case 4: return NAN;
    case 5: return pick(34, at, 3) == 0 ? (float)x : NAN;
    case 6: return row == 5 ? 1e-30f : NAN;
    default: return row % 2 ? 1e30f : (float)x;
    }
}

static void check_close(cell_fn *cell, cf_gidx rows, cf_gidx col, int64_t count,
                        double mean)
{
    long double sum = 0, size = 0;
    int64_t n = 0;
    for (cf_gidx i = 0; i < rows; i++) {
        float x = cell(i, col);
        if (isnan(x))
            continue;
        n++;
        sum += (long double)x;
        size += fabsl((long double)x);
    }
    CHECK(count == n);
    if (n > 0)
        CHECK(fabsl((long double)mean * n - sum) <= 1e-15L * size);
    else
        CHECK(isnan(mean));
}

/* Multiples of 2^-10 up to 2^10, with both ends; one column without entries,
 * one with a single one. */
static float coarse(cf_gidx row, cf_gidx col)
{
    int64_t at = row * 8 + col;
    switch (col) {
    case 0: return (float)pick(32, at, 11) / 2;
    case 1: return (float)(pick(33, at, 2097153) - 1048576) / 1024;
    case 2: return row % 2 ? 1024.0F : -1024.0F;
    case 3: return 1.0F / 1024;
    case 4: return NAN;
    case 5: return pick(34, at, 3) == 0 ? 1023.9990234375F : NAN;
    case 6: return row == 5 ? -0.5F : NAN;
    default: return row % 2 ? 1024.0F : 1.0F / 1024;
    }
}

/* The same with one value that is no such multiple, or one over the bound. */
static float too_fine(cf_gidx row, cf_gidx col)
{
    return row == 700 && col == 1 ? 1.0F / 2048 : coarse(row, col);
}

static float too_large(cf_gidx row, cf_gidx col)
{
    return row == 700 && col == 1 ? 1024.0009765625F : coarse(row, col);
}

/* A matrix whose rows are split as given. Collective. */
static void make_slab(cf_csr *a, cf_gidx rows, cf_gidx cols, cell_fn *cell)
{
    a->rows = rows;
    a->cols = cols;
    uneven_part(&a->part, rows, world.size);
    int64_t n = cf_part_count(&a->part, world.rank), e = 0;
    a->indptr = cf_calloc(n + 1, sizeof *a->indptr, "test");
    a->indices = cf_alloc(n * cols, sizeof *a->indices, "test");
    a->values = cf_alloc(n * cols, sizeof *a->values, "test");
    for (int64_t i = 0; i < n; i++) {
        for (cf_gidx j = 0; j < cols; j++) {
            float x = cell(a->part.begin[world.rank] + i, j);
            if (isnan(x))
                continue;
            a->indices[e] = (cf_lidx)j;
            a->values[e++] = x;
        }
        a->indptr[i + 1] = e;
    }
    cf_csr_seal(a, &world);
}

/* The same numbers from a matrix as all ranks hold it and from one rank. */
static void check_col_stats(const cf_csr *a, cell_fn *cell,
                            const int64_t *all_count, const double *all_mean)
{
    cf_part part = {0};
    int64_t *count = cf_alloc(a->cols, sizeof *count, "test");
    double *mean = cf_alloc(a->cols, sizeof *mean, "test");
    cf_part_even(&part, a->cols, world.size);
    cf_csr_col_stats(a, &world, &part, count, mean);
    for (cf_gidx j = 0; j < cf_part_count(&part, world.rank); j++) {
        cf_gidx col = part.begin[world.rank] + j;
        CHECK(memcmp(&mean[j], &all_mean[col], sizeof *mean) == 0 ||
              isnan(mean[j]));
        check_close(cell, a->rows, col, count[j], mean[j]);
        CHECK(count[j] == all_count[col]);
    }
    cf_csr_col_counts(a, &world, count);
    CHECK(memcmp(count, all_count, (size_t)a->cols * sizeof *count) == 0);
    cf_part_free(&part);
    cf_free(count);
    cf_free(mean);
}

static void test_col_stats(void)
{
    static cell_fn *const cells[] = {wild, coarse, too_fine, too_large};
    const cf_gidx rows = 1500, cols = 8;
    for (int c = 0; c < COUNT(cells); c++) {
        cf_csr a = {0}, slab = {0}, alone = {0};
        cf_part whole = {0};
        cf_par self = one_rank();
        int64_t count[8];
        double mean[8];
        make_csr(&a, &world, rows, cols, cells[c]);
        make_slab(&slab, rows, cols, cells[c]);
        make_csr(&alone, &self, rows, cols, cells[c]);
        cf_part_even(&whole, cols, 1);
        cf_csr_col_stats(&alone, &self, &whole, count, mean);
        check_col_stats(&a, cells[c], count, mean);
        check_col_stats(&slab, cells[c], count, mean);
        cf_part_free(&whole);
        cf_csr_free(&a);
        cf_csr_free(&slab);
        cf_csr_free(&alone);
    }
}

/* Sums of coarse values are whole numbers of 2^-10, without any rounding. */
static void test_exact_means(void)
{
    const cf_gidx rows = 1500, cols = 8;
    cf_csr a = {0};
    cf_part part = {0};
    int64_t count[8];
    double mean[8];
    make_slab(&a, rows, cols, coarse);
    cf_part_even(&part, cols, world.size);
    cf_csr_col_stats(&a, &world, &part, count, mean);
    for (cf_gidx j = 0; j < cf_part_count(&part, world.rank); j++) {
        int64_t sum = 0, n = 0;
        for (cf_gidx i = 0; i < rows; i++) {
            float x = coarse(i, part.begin[world.rank] + j);
            n += !isnan(x);
            sum += isnan(x) ? 0 : (int64_t)(x * 1024);
        }
        double exact = n > 0 ? (double)sum / 1024 / (double)n : (double)NAN;
        CHECK(same_number(mean[j], exact));
    }
    cf_part_free(&part);
    cf_csr_free(&a);
}

/* About a third of the places, some rows with one entry or none. */
static float thin(cf_gidx row, cf_gidx col)
{
    bool there = row % 7 == 2
                     ? col == row % 25
                     : row % 7 != 3 && pick(41, row * 1000 + col, 3) == 0;
    return there ? (float)(pick(42, row * 1000 + col, 10) + 1) / 2 : NAN;
}

static void test_row_stats(void)
{
    cf_csr a = {0};
    make_csr(&a, &world, 60, 25, thin);
    int64_t *count = cf_alloc(a.n_loc, sizeof *count, "test");
    double *mean = cf_alloc(a.n_loc, sizeof *mean, "test");
    cf_csr_row_stats(&a, count, mean);
    for (int64_t i = 0; i < a.n_loc; i++) {
        int64_t n = 0;
        double sum = 0;
        for (cf_gidx j = 0; j < 25; j++) {
            float x = thin(a.part.begin[world.rank] + i, j);
            n += !isnan(x);
            sum += isnan(x) ? 0 : (double)x;
        }
        CHECK(count[i] == n);
        CHECK(same_number(mean[i], n > 0 ? sum / (double)n : (double)NAN));
    }
    cf_free(count);
    cf_free(mean);
    cf_csr_free(&a);
}

/* ---- rows of other ranks ---- */

static void check_fetch(const cf_csr *a, const cf_gidx *rows, int64_t count)
{
    cf_csr_copy copy = {0};
    int64_t *lengths = cf_alloc(count, sizeof *lengths, "test");
    cf_csr_row_lengths(a, &world, rows, count, lengths);
    cf_csr_fetch(&copy, a, &world, rows, count);
    CHECK(copy.count == count && copy.indptr[0] == 0);
    for (int64_t i = 0; i < count; i++) {
        int64_t e = copy.indptr[i];
        CHECK(copy.indptr[i + 1] - e == lengths[i]);
        for (cf_gidx j = 0; j < a->cols; j++) {
            float x = thin(rows[i], j);
            if (isnan(x))
                continue;
            bool there = e < copy.indptr[i + 1] && copy.indices[e] == j;
            CHECK(there);
            if (there)
                CHECK(same_number(copy.values[e++], x));
        }
        CHECK(e == copy.indptr[i + 1]);
    }
    cf_csr_copy_free(&copy);
    cf_csr_copy_free(&copy);
    cf_free(lengths);
}

static void test_fetch(void)
{
    const cf_gidx n = 200;
    cf_csr a = {0};
    cf_gidx rows[200];
    make_csr(&a, &world, n, 30, thin);
    for (int round = 0; round < 6; round++) {
        int64_t count = 0; /* none, all, or some; different on each rank */
        int mode = (round + world.rank) % 3;
        for (cf_gidx i = 0; i < n && mode > 0; i++)
            if (mode == 1 || pick(43, i * 100 + world.rank, 4) == 0)
                rows[count++] = i;
        check_fetch(&a, rows, count);
    }
    check_fetch(&a, rows, 0); /* on no rank */
    cf_csr_free(&a);
}

/* ---- the transpose ---- */

static void test_transpose(void)
{
    const cf_gidx n = 120, m = 75;
    cf_csr a = {0}, t = {0};
    make_csr(&a, &world, n, m, thin);
    cf_csr_transpose(&t, &a, &world);
    CHECK(t.rows == m && t.cols == n && t.nnz == a.nnz);
    CHECK(t.n_loc == cf_part_count(&t.part, world.rank));
    for (int64_t i = 0; i < t.n_loc; i++) {
        int64_t e = t.indptr[i];
        for (cf_gidx j = 0; j < n; j++) {
            float x = thin(j, t.part.begin[world.rank] + i);
            if (isnan(x))
                continue;
            bool there = e < t.indptr[i + 1] && t.indices[e] == j;
            CHECK(there);
            if (there)
                CHECK(same_number(t.values[e++], x));
        }
        CHECK(e == t.indptr[i + 1]);
    }
    cf_csr_free(&t);
    cf_csr_free(&a);
}

static void run_tests(void)
{
    test_chunks();
    if (world.size > 16) /* they are here for short rounds alone */
        return;
    test_build();
    test_nothing();
    test_balance();
    test_col_stats();
    test_exact_means();
    test_row_stats();
    test_fetch();
    test_transpose();
}
