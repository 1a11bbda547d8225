#include "test.h"

#include "cfmpi/csr_filter.h"

/* ---- building, against a dense reference ---- */

/* Entries in no order, many in one place; or each place once, in order. */
enum order { RANDOM, ASCENDING };

/* A set of events: ratings that are dealt out over the ranks. */
typedef struct events {
    cf_gidx rows, cols;
    int64_t count;
    int spread; /* event e is on a rank below this one */
    bool timed;
    enum order order;
} events;

typedef struct event {
    cf_gidx row, col;
    float value;
    int64_t time;
} event;

/* Now and then so large that the order of a sum is seen in it. */
static float nth_value(int64_t e)
{
    int64_t kind = pick(13, e, 8);
    return kind == 0 ? 1e20F : kind == 1 ? -1e20F : (float)noise(13, e);
}

static event nth_event(const events *v, int64_t e)
{
    event x = {pick(11, e, v->rows), pick(12, e, v->cols), nth_value(e),
               pick(15, e, INT64_MAX)};
    x.row = x.row * x.row / v->rows; /* crowded at the beginning */
    if (v->order == ASCENDING) {
        x.row = e / v->cols;
        x.col = e % v->cols;
    }
    return x;
}

static int owner_of(const events *v, int64_t e)
{
    return (int)pick(14, e, CF_MIN(v->spread, world.size));
}

/* What stands in one place: values in the order that the rule sees. */
typedef struct place {
    int64_t count, first_time, last_time;
    float first, last;
    double sum;
} place;

/* The order of the input is that of the ranks, then that of each. */
static place *dense(const events *v)
{
    place *p = cf_calloc(v->rows * v->cols, sizeof *p, "test");
    for (int r = 0; r < world.size; r++)
        for (int64_t e = 0; e < v->count; e++) {
            if (owner_of(v, e) != r)
                continue;
            event x = nth_event(v, e);
            place *at = &p[x.row * v->cols + x.col];
            if (at->count++ == 0) {
                at->first = x.value;
                at->first_time = x.time;
            }
            at->last = x.value;
            at->last_time = x.time;
            at->sum += (double)x.value;
        }
    return p;
}

/* This rank's entries; rows and columns without any are in some table. */
static void read_events(cf_entries *in, const events *v)
{
    in->timed = v->timed;
    for (int64_t e = 0; e < v->count; e++) {
        if (owner_of(v, e) != world.rank)
            continue;
        event x = nth_event(v, e);
        int32_t user = cf_dictionary_add_number(&in->users, x.row);
        int32_t item = cf_dictionary_add_number(&in->items, x.col);
        cf_entries_add(in, user, item, x.value, x.time);
    }
    for (cf_gidx i = world.rank; i < v->rows; i += world.size)
        cf_dictionary_add_number(&in->users, i);
    for (cf_gidx j = world.rank; j < v->cols; j += world.size)
        cf_dictionary_add_number(&in->items, j);
}

/* A matrix, and who its rows and columns are. */
typedef struct matrix {
    cf_csr a;
    cf_idmap users, items;
} matrix;

static int build(matrix *m, const events *v, enum cf_duplicates rule,
                 int64_t *merged, cf_gidx twice[2])
{
    cf_entries in = {0};
    cf_placement user_at = {0}, item_at = {0};
    *m = (matrix){0};
    read_events(&in, v);
    cf_idmap_build(&m->users, &world, &in.users, &user_at);
    cf_idmap_build(&m->items, &world, &in.items, &item_at);
    cf_numbering n = {&m->users, &user_at, &item_at, v->cols};
    int64_t known = in.users.ids.count;
    int status = cf_csr_build(&m->a, &world, &in, &n, rule, merged, twice);
    CHECK(in.count == 0 && in.chunks == 0 && in.users.ids.count == known);
    cf_entries_free(&in);
    cf_placement_free(&user_at);
    cf_placement_free(&item_at);
    return status;
}

static void free_matrix(matrix *m)
{
    cf_csr_free(&m->a);
    cf_csr_free(&m->a);
    cf_idmap_free(&m->users);
    cf_idmap_free(&m->items);
}

static float by_rule(const place *p, enum cf_duplicates rule)
{
    switch (rule) {
    case CF_DUP_LAST: return p->last;
    case CF_DUP_MEAN: return (float)(p->sum / (double)p->count);
    case CF_DUP_SUM: return (float)p->sum;
    case CF_DUP_FIRST:
    case CF_DUP_ERROR: break;
    }
    return p->first;
}

static bool entry_is(const cf_csr *a, int64_t e, const place *p,
                     enum cf_duplicates rule)
{
    int64_t time = rule == CF_DUP_FIRST ? p->first_time : p->last_time;
    return same_number(a->values[e], by_rule(p, rule)) &&
           (a->time == NULL || a->time[e] == time);
}

static void check_rows(const cf_csr *a, const place *p, enum cf_duplicates rule)
{
    cf_gidx begin = a->part.begin[world.rank];
    CHECK(a->n_loc == cf_part_count(&a->part, world.rank) && a->indptr[0] == 0);
    for (int64_t i = 0; i < a->n_loc; i++) {
        int64_t e = a->indptr[i];
        const place *row = p + (begin + i) * a->cols;
        for (cf_gidx j = 0; j < a->cols; j++) {
            if (row[j].count == 0)
                continue;
            bool there = e < a->indptr[i + 1] && a->indices[e] == j;
            CHECK(there);
            if (there)
                CHECK(entry_is(a, e++, &row[j], rule));
        }
        CHECK(e == a->indptr[i + 1]);
    }
}

/* No rank has more than its share and one row. */
static void check_balance(const cf_csr *a, int64_t count)
{
    int64_t mine = a->indptr[a->n_loc], longest = 0;
    for (int64_t i = 0; i < a->n_loc; i++)
        longest = CF_MAX(longest, a->indptr[i + 1] - a->indptr[i]);
    longest = cf_max_i64(&world, longest);
    CHECK(a->nnz_begin == cf_exscan_i64(&world, mine));
    CHECK(a->nnz == cf_sum_i64(&world, mine));
    CHECK(cf_max_i64(&world, mine) <= count / world.size + longest + 1);
}

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
    events v = {300, 200, CF_ENTRIES_CHUNK + 70000, 1, true, RANDOM};
    place *p = dense(&v);
    check_build(&v, p, CF_DUP_SUM);
    cf_free(p);
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

/* ---- leaving out rows and columns ---- */

/* Who is still in, as a plain loop over the dense matrix finds it. */
typedef struct core {
    bool *row, *col;
    cf_filter filter;
} core;

static int64_t row_length(const events *v, const place *p, const core *k,
                          cf_gidx row)
{
    int64_t n = 0;
    for (cf_gidx j = 0; j < v->cols && k->row[row]; j++)
        n += k->col[j] && p[row * v->cols + j].count > 0;
    return n;
}

static int64_t col_length(const events *v, const place *p, const core *k,
                          cf_gidx col)
{
    int64_t n = 0;
    for (cf_gidx i = 0; i < v->rows && k->col[col]; i++)
        n += k->row[i] && p[i * v->cols + col].count > 0;
    return n;
}

/* One round; false when it leaves out nothing. Both sides are counted before
 * either goes; ratings of both count for the row. */
static bool core_round(core *k, const events *v, const place *p)
{
    cf_filter *f = &k->filter;
    int64_t before = f->users_left + f->items_left;
    bool *few = cf_calloc(v->cols, sizeof *few, "test");
    bool *short_row = cf_calloc(v->rows, sizeof *short_row, "test");
    for (cf_gidx j = 0; j < v->cols; j++)
        few[j] = k->col[j] && col_length(v, p, k, j) < f->min_item;
    for (cf_gidx i = 0; i < v->rows; i++)
        short_row[i] = k->row[i] && row_length(v, p, k, i) < f->min_user;
    for (cf_gidx i = 0; i < v->rows; i++)
        if (short_row[i]) {
            f->users_left++;
            f->user_ratings += row_length(v, p, k, i);
            k->row[i] = false;
        }
    for (cf_gidx j = 0; j < v->cols; j++)
        if (few[j]) {
            f->items_left++;
            f->item_ratings += col_length(v, p, k, j);
            k->col[j] = false;
        }
    cf_free(few);
    cf_free(short_row);
    return f->users_left + f->items_left > before;
}

static void make_core(core *k, const events *v, const place *p)
{
    k->row = cf_alloc(v->rows, sizeof *k->row, "test");
    k->col = cf_alloc(v->cols, sizeof *k->col, "test");
    memset(k->row, true, (size_t)v->rows);
    memset(k->col, true, (size_t)v->cols);
    while (core_round(k, v, p)) {
    }
}

static void free_core(core *k)
{
    cf_free(k->row);
    cf_free(k->col);
}

/* What is left of the dense matrix, with the number that each row and column
 * had, which is its id. */
typedef struct rest {
    cf_gidx rows, cols;
    int64_t count;
    cf_gidx *row, *col;
    place *places;
} rest;

static void make_rest(rest *r, const events *v, const place *p, const core *k)
{
    *r = (rest){0};
    r->row = cf_alloc(v->rows, sizeof *r->row, "test");
    r->col = cf_alloc(v->cols, sizeof *r->col, "test");
    r->places = cf_alloc(v->rows * v->cols, sizeof *p, "test");
    for (cf_gidx i = 0; i < v->rows; i++)
        if (k->row[i])
            r->row[r->rows++] = i;
    for (cf_gidx j = 0; j < v->cols; j++)
        if (k->col[j])
            r->col[r->cols++] = j;
    for (cf_gidx i = 0; i < r->rows; i++)
        for (cf_gidx j = 0; j < r->cols; j++) {
            place *to = &r->places[i * r->cols + j];
            *to = p[r->row[i] * v->cols + r->col[j]];
            r->count += to->count > 0;
        }
}

static void free_rest(rest *r)
{
    cf_free(r->row);
    cf_free(r->col);
    cf_free(r->places);
}

static void check_map(const cf_idmap *map, const cf_gidx *ids, cf_gidx count)
{
    CHECK(cf_part_rows(&map->part) == count);
    CHECK(map->ids.count == cf_part_count(&map->part, world.rank));
    for (int64_t i = 0; i < map->ids.count; i++)
        CHECK(map->ids.number[i] == ids[map->part.begin[world.rank] + i]);
}

static void check_filter(const events *v, int64_t min_user, int64_t min_item)
{
    matrix m;
    rest r;
    cf_gidx twice[2];
    int64_t merged;
    cf_filter f = {.min_user = min_user, .min_item = min_item};
    core k = {.filter = f};
    place *p = dense(v);
    make_core(&k, v, p);
    make_rest(&r, v, p, &k);
    CHECK(build(&m, v, CF_DUP_LAST, &merged, twice) == CF_OK);
    cf_csr_filter(&m.a, &world, &m.users, &m.items, &f);
    CHECK(memcmp(&f, &k.filter, sizeof f) == 0);
    CHECK(m.a.rows == r.rows && m.a.cols == r.cols && m.a.nnz == r.count);
    CHECK(cf_part_rows(&m.a.part) == r.rows);
    CHECK((m.a.time != NULL) == v->timed);
    check_rows(&m.a, r.places, CF_DUP_LAST);
    if (f.users_left + f.items_left > 0)
        check_balance(&m.a, r.count);
    check_map(&m.users, r.row, r.rows);
    check_map(&m.items, r.col, r.cols);
    free_matrix(&m);
    free_core(&k);
    free_rest(&r);
    cf_free(p);
}

/* Nothing asked, nothing to leave out, one side, both, and nobody left. */
static void test_filter(void)
{
    static const events sets[] = {
        {150, 60, 900, 9, true, RANDOM},
        {60, 90, 500, 1, false, RANDOM},
        {40, 30, 1200, 9, true, ASCENDING},
        {20, 30, 0, 9, true, RANDOM},
    };
    static const int64_t least[][2] = {{0, 0}, {0, 1},    {1, 0},   {1, 1},
                                       {4, 0}, {0, 9},    {3, 5},   {5, 8},
                                       {8, 3}, {0, 9999}, {9999, 0}};
    for (int s = 0; s < COUNT(sets); s++)
        for (int l = 0; l < COUNT(least); l++)
            check_filter(&sets[s], least[l][0], least[l][1]);
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

static void run_tests(void)
{
    test_build();
    test_chunks();
    test_nothing();
    test_balance();
    test_filter();
    test_col_stats();
    test_exact_means();
    test_row_stats();
    test_fetch();
}
