#include "test.h"

#include <float.h>

#include "cfmpi/neighbors.h"
#include "lists_check.h"

/* Rows, with the complete lists of all of them: what any bound leaves of these
 * is what must be found. */
typedef struct table {
    enum kind kind;
    cf_gidx n;
    int dim;
    cf_neighbors all;
} table;

static void table_begin(table *t, enum kind kind, cf_gidx n, int dim)
{
    cf_par self = one_rank();
    cf_part whole = {0};
    float *rows = make_rows(kind, 0, n, dim);
    *t = (table){.kind = kind, .n = n, .dim = dim};
    cf_part_even(&whole, n, 1);
    CHECK(cf_neighbors_find(&t->all, &self, &whole, rows, dim, n, similarity,
                            "test") == CF_OK);
    cf_part_free(&whole);
    cf_free(rows);
}

static bool reaches(float score, float bound)
{
    return similarity == CF_EUCLIDEAN ? score <= bound : score >= bound;
}

/* How many of the complete list of a row reach a bound. */
static int64_t reaching(const table *t, cf_gidx row, float bound)
{
    const float *score = t->all.lists.score + row * t->n;
    int64_t count = 0;
    while (count < t->all.lists.count[row] && reaches(score[count], bound))
        count++;
    return count;
}

static float *own_rows(const table *t, cf_part *part, bool even)
{
    if (even)
        cf_part_even(part, t->n, world.size);
    else
        uneven_part(part, t->n, world.size);
    return make_rows(t->kind, part->begin[world.rank],
                     part->begin[world.rank + 1], t->dim);
}

/* ---- all pairs ---- */

/* Each entry of row i stands where its column comes among the others. */
static int64_t wrong_in_row(const table *t, const cf_graph *g, int64_t i,
                            float bound)
{
    cf_gidx row = g->part.begin[world.rank] + i;
    int64_t have = g->indptr[i + 1] - g->indptr[i], wrong = 0;
    int64_t wanted = reaching(t, row, bound);
    const cf_gidx *column = g->indices + g->indptr[i];
    const float *weight = g->weight + g->indptr[i];
    if (have != wanted)
        return 1;
    for (int64_t e = 1; e < have; e++)
        wrong += column[e] <= column[e - 1];
    for (int64_t p = 0; p < wanted; p++) {
        cf_gidx other = t->all.lists.index[row * t->n + p];
        float score = t->all.lists.score[row * t->n + p];
        int64_t e = 0;
        while (e < have && column[e] != other)
            e++;
        wrong += e == have || memcmp(&weight[e], &score, sizeof score) != 0;
    }
    return wrong;
}

static void check_join(const table *t, float bound, bool even)
{
    cf_part part = {0};
    cf_neighbors got = {0};
    cf_graph graph = {0};
    int64_t wrong = 0;
    float *rows = own_rows(t, &part, even);
    CHECK(cf_neighbors_join(&got, &graph, &world, &part, rows, t->dim,
                            similarity, bound, "test") == CF_OK);
    for (int64_t i = 0; i < cf_part_count(&part, world.rank); i++)
        wrong += wrong_in_row(t, &graph, i, bound);
    CHECK(wrong == 0);
    CHECK(got.lists.rows == 0 && got.rows_tied == 0);
    CHECK(got.pairs == t->n * (t->n - 1));
    CHECK(got.skipped >= 0 && got.skipped <= got.pairs - graph.entries);
    cf_graph_free(&graph);
    cf_neighbors_free(&got);
    cf_part_free(&part);
    cf_free(rows);
}

/* ---- lists ---- */

static int64_t wrong_in_list(const table *t, const cf_topk *got, int64_t i,
                             cf_gidx row, float bound)
{
    const float *score = t->all.lists.score + row * t->n;
    const cf_gidx *index = t->all.lists.index + row * t->n;
    int64_t have = reaching(t, row, bound), k = got->k, ties = 0, wrong = 0;
    wrong += got->count[i] != CF_MIN(have, k);
    for (int64_t p = 0; p < k; p++) {
        wrong += got->index[i * k + p] != (p < have ? index[p] : -1);
        wrong += !same_number(got->score[i * k + p], p < have ? score[p] : NAN);
    }
    for (int64_t p = k; p < have; p++)
        ties += same_number(score[p], score[k - 1]);
    wrong += got->ties[i] != ties;
    wrong += !same_number(got->gap[i],
                          have > k ? fabsf(score[k - 1] - score[k]) : NAN);
    return wrong;
}

static void check_lists(const table *t, int64_t k, float bound, bool even)
{
    cf_part part = {0};
    cf_neighbors got = {0};
    int64_t wrong = 0;
    float *rows = own_rows(t, &part, even);
    CHECK(cf_neighbors_within(&got, &world, &part, rows, t->dim, k, similarity,
                              bound, "test") == CF_OK);
    for (int64_t i = 0; i < got.lists.rows; i++)
        wrong +=
            wrong_in_list(t, &got.lists, i, part.begin[world.rank] + i, bound);
    CHECK(wrong == 0);
    cf_neighbors_free(&got);
    cf_part_free(&part);
    cf_free(rows);
}

/* ---- bounds ---- */

static void check_bound(const table *t, float bound)
{
    check_join(t, bound, true);
    check_lists(t, 4, bound, false);
}

/* A score that there is, some way down the list of a row, and the numbers next
 * to it. */
static void check_score(const table *t, cf_gidx row, int64_t place)
{
    if (place >= t->all.lists.count[row])
        return;
    float score = t->all.lists.score[row * t->n + place];
    check_bound(t, score);
    check_bound(t, nextafterf(score, INFINITY));
    check_bound(t, nextafterf(score, -INFINITY));
}

static void test_kinds(void)
{
    static const float bounds[] = {0,  1,        -1,        -0.0f,
                                   -5, FLT_MAX,  -FLT_MAX,  0.5f,
                                   5,  INFINITY, -INFINITY, FLT_MIN};
    for (int kind = 0; kind < KINDS; kind++) {
        table t;
        if (similarity == CF_DOT && too_large((enum kind)kind))
            continue;
        table_begin(&t, (enum kind)kind, 70, 6);
        check_score(&t, 3, 9);
        check_score(&t, 40, 0);
        for (int b = kind % 4; b < COUNT(bounds); b += 4)
            check_bound(&t, bounds[b]);
        cf_neighbors_free(&t.all);
        table_begin(&t, (enum kind)kind, 33, 1);
        check_score(&t, 5, 20);
        cf_neighbors_free(&t.all);
    }
}

/* Several tiles, near ones and far ones, and several threads. */
static void test_tiles(void)
{
    static const enum kind kinds[] = {PLAIN, CLUSTERS, NEARLY, OPPOSITE};
    for (int i = 0; i < COUNT(kinds); i++) {
        table t;
        table_begin(&t, kinds[i], 900, 24);
        world.threads = 1 + i;
        for (int64_t place = 1; place < 900; place *= 29)
            check_join(&t, t.all.lists.score[11 * 900 + place], i % 2 == 0);
        check_lists(&t, 10, t.all.lists.score[11 * 900 + 12], true);
        world.threads = 1;
        cf_neighbors_free(&t.all);
    }
}

static void test_few(void)
{
    for (cf_gidx n = 0; n < 4; n++) {
        table t;
        table_begin(&t, PLAIN, n, 3);
        check_bound(&t, similarity == CF_EUCLIDEAN ? 100 : -100);
        check_bound(&t, 0.25f);
        cf_neighbors_free(&t.all);
    }
}

static void test_bad_rows(void)
{
    cf_part part = {0};
    cf_neighbors got = {0};
    cf_graph graph = {0};
    cf_part_even(&part, 30, world.size);
    float *rows =
        make_rows(PLAIN, part.begin[world.rank], part.begin[world.rank + 1], 4);
    for (int64_t i = 0; i < cf_part_count(&part, world.rank); i++)
        if (part.begin[world.rank] + i == 17)
            rows[i * 4] = NAN;
    CHECK(failed_with(cf_neighbors_join(&got, &graph, &world, &part, rows, 4,
                                        CF_COSINE, 0.5f, "/the/rows"),
                      CF_BAD_DATA, "row 17 of /the/rows"));
    cf_graph_free(&graph);
    cf_neighbors_free(&got);
    cf_part_free(&part);
    cf_free(rows);
}

static void run_tests(void)
{
    static const enum cf_similarity all[] = {CF_COSINE, CF_DOT, CF_EUCLIDEAN};
    for (int s = 0; s < COUNT(all); s++) {
        similarity = all[s];
        test_kinds();
        test_tiles();
        test_few();
    }
    test_bad_rows();
}
