#include "popular.h"

#include <math.h>
#include <stdlib.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "cfmpi/progress.h"

#define BATCH 4096 /* users whose ratings are here at a time */

typedef struct popular_item {
    float score;
    cf_lidx item;
} popular_item;

static int by_score(const void *a, const void *b)
{
    const popular_item *x = a, *y = b;
    if (x->score < y->score || x->score > y->score)
        return x->score > y->score ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}

static popular_item *sort_items(const cf_popular *p, int64_t *count)
{
    cf_gidx items = p->ratings->cols;
    popular_item *order = cf_alloc(items, sizeof *order, "popular items");
    *count = 0;
    for (cf_lidx j = 0; j < items; j++)
        if (p->candidate[j] != 0)
            order[(*count)++] = (popular_item){(float)p->count[j], j};
    qsort(order, (size_t)*count, sizeof *order, by_score);
    return order;
}

/* Marks what is not to be listed, or takes the marks off. */
static void mark(uint8_t *marked, const cf_csr_copy *rated, int64_t row,
                 const cf_topk *t, int64_t user, uint8_t value)
{
    for (int64_t e = rated->indptr[row]; e < rated->indptr[row + 1]; e++)
        marked[rated->indices[e]] = value;
    for (int64_t i = 0; i < t->count[user]; i++)
        marked[t->index[user * t->stride + i]] = value;
}

static int32_t fill_user(cf_topk *t, int64_t user, const uint8_t *marked,
                         const popular_item *order, int64_t count, bool scored)
{
    int32_t had = t->count[user], have = had;
    for (int64_t i = 0; i < count && have < t->k; i++) {
        if (marked[order[i].item])
            continue;
        t->index[user * t->stride + have] = order[i].item;
        t->score[user * t->stride + have++] = scored ? order[i].score : NAN;
    }
    t->count[user] = have;
    return have - had;
}

/* Own users whose lists are short, ascending. */
static int64_t *short_lists(const cf_recommendations *out, const cf_par *par,
                            const uint8_t *asked, int64_t *count)
{
    const cf_topk *t = &out->lists;
    cf_gidx begin = out->part.begin[par->rank];
    int64_t *users = cf_alloc(t->rows, sizeof *users, "users");
    *count = 0;
    for (int64_t u = 0; u < t->rows; u++)
        if (t->count[u] < t->k && (asked == NULL || asked[begin + u] != 0))
            users[(*count)++] = u;
    return users;
}

void cf_popular_fill(cf_recommendations *out, const cf_par *par,
                     const cf_popular *p, int32_t *filled)
{
    cf_topk *t = &out->lists;
    cf_gidx begin = out->part.begin[par->rank];
    int64_t users, items;
    int64_t *user = short_lists(out, par, p->asked, &users);
    popular_item *order = sort_items(p, &items);
    uint8_t *marked = cf_calloc(p->ratings->cols, 1, "marked items");
    cf_gidx *rows = cf_alloc(CF_MIN(users, BATCH), sizeof *rows, "users");
    cf_csr_copy rated = {0};
    int64_t rounds = cf_max_i64(par, (users + BATCH - 1) / BATCH);
    for (int64_t r = 0; r < rounds; r++) {
        int64_t first = CF_MIN(r * BATCH, users);
        int64_t n = CF_MIN(users - first, BATCH);
        for (int64_t i = 0; i < n; i++)
            rows[i] = begin + user[first + i];
        cf_csr_fetch(&rated, p->ratings, par, rows, n);
        for (int64_t i = 0; i < n; i++) {
            int64_t u = user[first + i];
            int32_t had = t->count[u];
            mark(marked, &rated, i, t, u, 1);
            int32_t more = fill_user(t, u, marked, order, items, p->scored);
            if (filled != NULL)
                filled[u] = more;
            t->count[u] = had;
            mark(marked, &rated, i, t, u, 0);
            t->count[u] = had + more;
        }
        cf_progress_step((double)r, (double)rounds);
    }
    cf_csr_copy_free(&rated);
    cf_free(rows);
    cf_free(marked);
    cf_free(order);
    cf_free(user);
}
