#include <math.h>

#include "cfmpi/memory.h"
#include "cfmpi/recommend.h"
#include "gather.h"
#include "route.h"

/* The rating of `item` in a row of the batch; false when there is none. */
static bool rating(const cf_gather *g, cf_gidx row, cf_gidx item, float *value)
{
    const int64_t *begin = g->begin + cf_gather_row(g, row);
    int64_t at = cf_column_from(g->indices, begin[0], begin[1], item);
    if (at == begin[1] || g->indices[at] != item)
        return false;
    *value = g->values[at];
    return true;
}

static float predict(const cf_gather *g, int64_t user, cf_gidx item)
{
    const cf_topk *t = g->from.lists;
    double sum = 0, weight = 0;
    for (int64_t i = 0; i < t->count[user]; i++) {
        double s = t->score[user * t->stride + i];
        float value;
        if (s > 0 && rating(g, t->index[user * t->stride + i], item, &value)) {
            sum += s * (double)value;
            weight += s;
        }
    }
    return weight > 0 ? (float)(sum / weight) : NAN;
}

/* Predictions of the pairs that arrived, in the order of arrival. */
static void answer(const cf_route *r, const cf_user_lists *users,
                   const cf_csr *a, float *out)
{
    const cf_par *par = r->par;
    const cf_pair *pairs = r->pairs;
    int64_t n = 0, at = 0, count = r->arrived;
    cf_gather g;
    int64_t *distinct = cf_alloc(count, sizeof *distinct, "users of pairs");
    for (int64_t i = 0; i < count; i++)
        if (i == 0 || pairs[i].row != pairs[i - 1].row)
            distinct[n++] = pairs[i].row - users->part->begin[par->rank];
    cf_stock stock = {.rows = a};
    cf_sources from = {.part = users->part, .lists = users->lists};
    cf_gather_begin(&g, par, &stock, &from, distinct, n);
    while (cf_gather_next(&g))
        for (int64_t u = g.first; u < g.last; u++) {
            cf_gidx user = users->part->begin[par->rank] + distinct[u];
            for (; at < count && pairs[at].row == user; at++)
                out[pairs[at].place] =
                    predict(&g, distinct[u], pairs[at].column);
        }
    cf_gather_end(&g);
    cf_free(distinct);
}

void cf_predict_mean(const cf_par *par, const cf_user_lists *users,
                     const cf_csr *a, const cf_gidx *user, const cf_gidx *item,
                     int64_t count, float *out)
{
    cf_route r;
    int *rank = cf_alloc(count, sizeof *rank, "ranks of pairs");
    for (int64_t i = 0; i < count; i++) {
        rank[i] = user[i] < 0 || item[i] < 0
                      ? -1
                      : cf_part_owner(users->part, user[i]);
        out[i] = NAN;
    }
    cf_route_begin(&r, par, user, item, count, rank);
    float *answers = cf_alloc(r.arrived, sizeof *answers, "predictions");
    answer(&r, users, a, answers);
    cf_route_answer(&r, answers, out, sizeof *out);
    cf_free(answers);
    cf_route_free(&r);
}
