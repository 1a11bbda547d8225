#include "test.h"

#include "cfmpi/graph.h"

enum kind { RANDOM, HUBS, EMPTY, CIRCLE, ALL, KINDS };

/* Whether j is in the list of i. */
static bool listed(enum kind kind, cf_gidx n, cf_gidx i, cf_gidx j)
{
    if (i == j)
        return false;
    switch (kind) {
    case RANDOM: return pick(1, i * n + j, 5) == 0;
    case HUBS: return j < 3 || pick(2, i * n + j, 40) == 0;
    case CIRCLE: return j == (i + 1) % n;
    case ALL: return true;
    case EMPTY:
    case KINDS: break;
    }
    return false;
}

static float score(cf_gidx i, cf_gidx j)
{
    return (float)noise(3, CF_MIN(i, j) * 1000 + CF_MAX(i, j));
}

/* Finished lists of own rows, best first. */
static void make_lists(cf_topk *t, enum kind kind, const cf_part *part,
                       int rank)
{
    cf_gidx n = cf_part_rows(part);
    cf_topk_init(t, cf_part_count(part, rank), n);
    for (int64_t i = 0; i < t->rows; i++)
        for (cf_gidx j = 0; j < n; j++)
            if (listed(kind, n, part->begin[rank] + i, j))
                cf_topk_push(t, i, score(part->begin[rank] + i, j), j);
    cf_topk_finish(t);
}

static bool joined(enum kind kind, enum cf_graph_form form, cf_gidx n,
                   cf_gidx i, cf_gidx j)
{
    bool there = listed(kind, n, i, j), back = listed(kind, n, j, i);
    return form == CF_GRAPH_MUTUAL ? there && back : there || back;
}

static void check_graph(const cf_graph *g, enum kind kind,
                        enum cf_graph_form form, cf_gidx n)
{
    int64_t at = 0, wrong = 0;
    cf_gidx begin = g->part.begin[world.rank];
    for (int64_t i = 0; i < cf_part_count(&g->part, world.rank); i++) {
        wrong += g->indptr[i] != at;
        for (cf_gidx j = 0; j < n; j++) {
            if (!joined(kind, form, n, begin + i, j))
                continue;
            if (at < g->indptr[i + 1])
                wrong += g->indices[at] != j ||
                         !same_number(g->weight[at], score(begin + i, j));
            at++;
        }
        wrong += g->indptr[i + 1] != at;
    }
    CHECK(wrong == 0);
    CHECK(g->entries == cf_sum_i64(&world, at));
    CHECK(g->before == cf_exscan_i64(&world, at));
}

static void test_forms(void)
{
    static const cf_gidx sizes[] = {0, 1, 2, 5, 60, 150};
    for (int kind = 0; kind < KINDS; kind++)
        for (int s = 0; s < COUNT(sizes); s++)
            for (int form = CF_GRAPH_MUTUAL; form <= CF_GRAPH_UNION; form++) {
                cf_graph got = {0};
                cf_part part = {0};
                cf_topk lists = {0};
                if (form == CF_GRAPH_MUTUAL)
                    cf_part_even(&part, sizes[s], world.size);
                else
                    uneven_part(&part, sizes[s], world.size);
                make_lists(&lists, (enum kind)kind, &part, world.rank);
                cf_graph_of_lists(&got, &world, &part, &lists,
                                  (enum cf_graph_form)form);
                check_graph(&got, (enum kind)kind, (enum cf_graph_form)form,
                            sizes[s]);
                cf_graph_free(&got);
                cf_graph_free(&got);
                cf_topk_free(&lists);
                cf_part_free(&part);
            }
}

static void run_tests(void)
{
    test_forms();
}
