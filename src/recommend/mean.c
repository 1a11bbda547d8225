/* Method  For each user the neighbours' rows are added into two accumulators
 *         an item, Σ s·r and Σ s; only the items touched are looked at and
 *         cleared.
 * Cost    As in the header.
 * References  Resnick et al.: GroupLens. CSCW 1994. */
#include <math.h>

#include "cfmpi/memory.h"
#include "cfmpi/progress.h"
#include "cfmpi/recommend.h"
#include "gather.h"

/* Sums of every item, zero between users, and the items in use. */
typedef struct sums {
    double *rating;   /* [items] Σ s·r */
    double *weight;   /* [items] Σ s */
    cf_lidx *touched; /* [items] */
    int64_t count;
} sums;

static void add_row(sums *s, const cf_csr_copy *c, int64_t row, float weight)
{
    double w = weight;
    for (int64_t e = c->indptr[row]; e < c->indptr[row + 1]; e++) {
        cf_lidx j = c->indices[e];
        if (s->weight[j] <= 0)
            s->touched[s->count++] = j;
        s->rating[j] += w * (double)c->values[e];
        s->weight[j] += w;
    }
}

/* Items without a weight are not candidates. */
static void forget_row(sums *s, const cf_csr_copy *c, int64_t row)
{
    for (int64_t e = c->indptr[row]; e < c->indptr[row + 1]; e++)
        s->weight[c->indices[e]] = 0;
}

static void offer(sums *s, cf_topk *out, int64_t user)
{
    for (int64_t i = 0; i < s->count; i++) {
        cf_lidx j = s->touched[i];
        if (s->weight[j] > 0) {
            float score = (float)(s->rating[j] / s->weight[j]);
            if (score >= cf_topk_floor(out, user))
                cf_topk_push(out, user, score, j);
        }
        s->rating[j] = s->weight[j] = 0;
    }
    s->count = 0;
}

static void recommend_user(sums *s, const cf_gather *g, int64_t user,
                           cf_topk *out)
{
    const cf_topk *t = g->lists->lists;
    for (int64_t i = 0; i < t->count[user]; i++) {
        float similarity = t->score[user * t->stride + i];
        if (similarity > 0)
            add_row(s, &g->copy,
                    cf_gather_row(g, t->index[user * t->stride + i]),
                    similarity);
    }
    cf_gidx self = g->lists->part->begin[g->par->rank] + user;
    forget_row(s, &g->copy, cf_gather_row(g, self));
    offer(s, out, user);
}

void cf_recommend_mean(cf_topk *out, const cf_par *par,
                       const cf_user_lists *users, const cf_csr *a, int64_t top)
{
    int64_t n = cf_part_count(users->part, par->rank);
    int64_t *all = cf_alloc(n, sizeof *all, "users");
    sums s = {0};
    cf_gather g;
    for (int64_t u = 0; u < n; u++)
        all[u] = u;
    s.rating = cf_calloc(a->cols, sizeof *s.rating, "item sums");
    s.weight = cf_calloc(a->cols, sizeof *s.weight, "item sums");
    s.touched = cf_alloc(a->cols, sizeof *s.touched, "items in use");
    cf_topk_init(out, n, top);
    cf_gather_begin(&g, par, a, users, all, n);
    while (cf_gather_next(&g))
        for (int64_t u = g.first; u < g.last; u++) {
            recommend_user(&s, &g, u, out);
            cf_progress_step((double)u, (double)n);
        }
    cf_gather_end(&g);
    cf_topk_finish(out);
    cf_free(s.rating);
    cf_free(s.weight);
    cf_free(s.touched);
    cf_free(all);
}
