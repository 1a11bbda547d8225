#include "test.h"

#include "../../src/neighbors/direct.h"
#include "cfmpi/neighbors.h"
#include "lists_check.h"

/* Base rows are those of a kind from 0 on, queries those further on. */
#define QUERIES 100000

/* A search for the neighbours of queries, or of some of the rows. */
typedef struct search {
    enum kind kind;
    cf_gidx base, queries; /* how many */
    int dim;
    int64_t k;
    bool even; /* how they are split */
    bool some; /* queries are rows of the base: every other one, and so on */
} search;

static void split(cf_part *part, const search *s, cf_gidx rows, int size)
{
    if (s->even)
        cf_part_even(part, rows, size);
    else
        uneven_part(part, rows, size);
}

static float *make_queries(const search *s, cf_gidx begin, cf_gidx end)
{
    return make_rows(s->kind, QUERIES + begin, QUERIES + end, s->dim);
}

/* Whether a row of the base is asked for. */
static bool is_chosen(const search *s, cf_gidx row)
{
    return pick(19, row, s->base) < s->queries;
}

/* Own rows that are asked for. */
static cf_gidx *choose(const search *s, const cf_part *base, const cf_par *par,
                       int64_t *count)
{
    cf_gidx *row =
        cf_alloc(cf_part_count(base, par->rank), sizeof *row, "test");
    *count = 0;
    for (cf_gidx i = base->begin[par->rank]; i < base->begin[par->rank + 1];
         i++)
        if (is_chosen(s, i))
            row[(*count)++] = i;
    return row;
}

static void find(cf_neighbors *out, const cf_par *par, const search *s)
{
    cf_part base = {0}, asked = {0};
    split(&base, s, s->base, par->size);
    split(&asked, s, s->queries, par->size);
    float *rows = make_rows(s->kind, base.begin[par->rank],
                            base.begin[par->rank + 1], s->dim);
    float *queries =
        make_queries(s, asked.begin[par->rank], asked.begin[par->rank + 1]);
    cf_points of_base = {&base, rows, "base"};
    cf_points of_queries = {&asked, queries, "queries"};
    int64_t count = 0;
    cf_gidx *chosen = choose(s, &base, par, &count);
    int status = s->some ? cf_neighbors_some(out, par, &of_base, chosen, count,
                                             s->dim, s->k, similarity)
                         : cf_neighbors_query(out, par, &of_base, &of_queries,
                                              s->dim, s->k, similarity);
    CHECK(status == CF_OK);
    CHECK(out->lists.rows ==
          (s->some ? count : cf_part_count(&asked, par->rank)));
    CHECK(out->lists.rows == cf_part_count(&out->part, par->rank));
    CHECK(out->lists.k == s->k && out->lists.stride == s->k);
    cf_part_free(&base);
    cf_part_free(&asked);
    cf_free(rows);
    cf_free(queries);
    cf_free(chosen);
}

static void check_brute_force(const cf_neighbors *got, const search *s)
{
    float *rows = make_rows(s->kind, 0, s->base, s->dim);
    float *queries = make_queries(s, 0, s->queries);
    double *squared = cf_alloc(s->base, sizeof *squared, "test");
    candidate *c = cf_alloc(s->base, sizeof *c, "test");
    cf_gidx row = 0, lists = cf_part_rows(&got->part);
    cf_gidx begin = got->part.begin[world.rank];
    int64_t tied = 0;
    for (cf_gidx i = 0; i < s->base; i++)
        squared[i] = cf_dot(rows + i * s->dim, rows + i * s->dim, s->dim);
    for (cf_gidx i = 0; i < begin + got->lists.rows; i++, row++) {
        while (s->some && !is_chosen(s, row))
            row++;
        if (i >= begin)
            tied += check_list(&got->lists, i - begin,
                               (s->some ? rows : queries) + row * s->dim, rows,
                               squared, s->base, s->some ? row : -1, s->dim, c);
    }
    CHECK(got->rows_tied == cf_sum_i64(&world, tied));
    CHECK(got->pairs == lists * (s->base - s->some));
    CHECK(got->skipped >= 0 && got->skipped <= got->pairs);
    cf_free(rows);
    cf_free(queries);
    cf_free(squared);
    cf_free(c);
}

/* The bytes that one rank alone finds. */
static void check_alone(const cf_neighbors *got, const search *s)
{
    cf_neighbors alone = {0};
    cf_par self = one_rank();
    int64_t k = s->k, begin = got->part.begin[world.rank];
    const cf_topk *own = &got->lists, *all = &alone.lists;
    size_t rows = (size_t)own->rows, lists = rows * (size_t)k;
    find(&alone, &self, s);
    CHECK(
        rows == 0 ||
        (memcmp(own->score, all->score + begin * k, lists * sizeof(float)) ==
             0 &&
         memcmp(own->index, all->index + begin * k, lists * sizeof(cf_gidx)) ==
             0 &&
         memcmp(own->count, all->count + begin, rows * sizeof(int32_t)) == 0 &&
         memcmp(own->ties, all->ties + begin, rows * sizeof(int32_t)) == 0 &&
         memcmp(own->gap, all->gap + begin, rows * sizeof(float)) == 0));
    CHECK(got->rows_tied == alone.rows_tied);
    CHECK(got->pairs == alone.pairs);
    cf_neighbors_free(&alone);
}

/* Either way, whatever the number of queries. */
static void check(search s)
{
    for (int turn = 0; turn < 4; turn++) {
        cf_neighbors got = {0};
        s.some = turn % 2 == 1;
        cf_direct_most = turn < 2 ? 0 : s.queries + s.base;
        cf_par par = world;
        par.threads = 1 + (int)(s.base + s.dim) % 4;
        find(&got, &par, &s);
        /* What is right on one rank, and on three in small pieces, is what
         * others must find. */
        if (world.size == 1 || world.size == 3)
            check_brute_force(&got, &s);
        if (world.size > 1)
            check_alone(&got, &s);
        cf_neighbors_free(&got);
    }
}

/* Fewer queries than base rows, which then go round the ring, and more. */
static void test_kinds(void)
{
    for (int i = 0; i < KINDS; i++) {
        enum kind kind = (enum kind)i;
        if (similarity == CF_DOT && too_large(kind))
            continue;
        check((search){kind, 150, 40, 20, 7, .even = true});
        check((search){kind, 40, 150, 20, 7, .even = true});
        check((search){kind, 90, 50, 5, 3, .even = false});
        check((search){kind, 30, 40, 1, 4, .even = true});
        check((search){kind, 40, 30, 2, 1, .even = true});
    }
}

static void test_shapes(void)
{
    static const cf_gidx sizes[] = {1, 3, 40};
    for (int s = 0; s < COUNT(sizes); s++)
        for (int t = 0; t < COUNT(sizes); t++) /* k up to and over n */
            for (int64_t k = 1; k < 64; k = 7 * k + 1) {
                check((search){PLAIN, sizes[s], sizes[t], 3, k, .even = true});
                check((search){ZEROS, sizes[s], sizes[t], 3, k, .even = false});
            }
    check((search){PLAIN, 30, 0, 3, 2, .even = true});
    check((search){PLAIN, 1, 0, 3, 2, .even = true});
    check((search){PLAIN, 0, 30, 3, 2, .even = true});
    check((search){PLAIN, 700, 300, 24, 10, .even = true});
    check((search){PLAIN, 300, 700, 24, 300, .even = true});
    check((search){COPIES, 600, 300, 16, 30, .even = false});
    check((search){NEARLY, 300, 290, 100, 70, .even = true});
    check((search){CLUSTERS, 1300, 400, 33, 12, .even = false});
    check((search){CLUSTERS, 400, 1300, 33, 12, .even = true});
}

static void check_refused(enum kind kind, cf_gidx bad, bool in_base,
                          enum cf_similarity by, const char *message)
{
    const int dim = 5;
    cf_part part = {0};
    cf_neighbors got = {0};
    cf_part_even(&part, 30, world.size);
    cf_gidx begin = part.begin[world.rank], end = part.begin[world.rank + 1];
    float *rows = make_rows(kind, begin, end, dim);
    float *queries = make_rows(kind, begin, end, dim);
    cf_points of_base = {&part, rows, "/the/base"};
    cf_points of_queries = {&part, queries, "/the/queries"};
    if (bad >= begin && bad < end)
        (in_base ? rows : queries)[(bad - begin) * dim + 2] = NAN;
    CHECK(failed_with(
        cf_neighbors_query(&got, &world, &of_base, &of_queries, dim, 3, by),
        CF_BAD_DATA, message));
    cf_neighbors_free(&got);
    cf_part_free(&part);
    cf_free(rows);
    cf_free(queries);
}

static void test_refused(void)
{
    check_refused(PLAIN, 17, false, CF_COSINE, "row 17 of /the/queries");
    check_refused(PLAIN, 29, true, CF_COSINE, "row 29 of /the/base");
    check_refused(LARGEST, -1, true, CF_DOT,
                  "products of the rows of /the/queries with those of "
                  "/the/base are beyond float32");
}

static void run_tests(void)
{
    static const enum cf_similarity all[] = {CF_COSINE, CF_DOT, CF_EUCLIDEAN};
    for (int s = 0; s < COUNT(all); s++) {
        similarity = all[s];
        test_kinds();
        test_shapes();
    }
    test_refused();
}
