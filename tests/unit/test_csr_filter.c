#include "events.h"

#include "cfmpi/csr_filter.h"

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

static void run_tests(void)
{
    test_filter();
}
