#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "cfmpi/recommend.h"
#include "gather.h"

/* A pair at the rank of its user. */
typedef struct pair {
    cf_gidx user, item;
    int64_t place; /* in the order of arrival */
} pair;

static int by_user(const void *a, const void *b)
{
    const pair *x = a, *y = b;
    if (x->user != y->user)
        return x->user < y->user ? -1 : 1;
    return (x->place > y->place) - (x->place < y->place);
}

/* The rating of `item` in a row of the batch; false when there is none. */
static bool rating(const cf_csr_copy *c, int64_t row, cf_gidx item,
                   float *value)
{
    int64_t lo = c->indptr[row], hi = c->indptr[row + 1];
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (c->indices[mid] < item)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == c->indptr[row + 1] || c->indices[lo] != item)
        return false;
    *value = c->values[lo];
    return true;
}

static float predict(const cf_gather *g, int64_t user, cf_gidx item)
{
    const cf_topk *t = g->lists->lists;
    double sum = 0, weight = 0;
    for (int64_t i = 0; i < t->count[user]; i++) {
        double s = t->score[user * t->stride + i];
        float value;
        if (s > 0 &&
            rating(&g->copy, cf_gather_row(g, t->index[user * t->stride + i]),
                   item, &value)) {
            sum += s * (double)value;
            weight += s;
        }
    }
    return weight > 0 ? (float)(sum / weight) : 0;
}

/* Predictions of this rank's pairs, in the order of arrival. */
static void answer(const cf_par *par, const cf_user_lists *users,
                   const cf_csr *a, pair *pairs, int64_t count, float *out)
{
    int64_t n = 0, at = 0;
    cf_gather g;
    int64_t *distinct = cf_alloc(count, sizeof *distinct, "users of pairs");
    qsort(pairs, (size_t)count, sizeof *pairs, by_user);
    for (int64_t i = 0; i < count; i++)
        if (i == 0 || pairs[i].user != pairs[i - 1].user)
            distinct[n++] = pairs[i].user - users->part->begin[par->rank];
    cf_gather_begin(&g, par, a, users, distinct, n);
    while (cf_gather_next(&g))
        for (int64_t u = g.first; u < g.last; u++) {
            cf_gidx user = users->part->begin[par->rank] + distinct[u];
            for (; at < count && pairs[at].user == user; at++)
                out[pairs[at].place] = predict(&g, distinct[u], pairs[at].item);
        }
    cf_gather_end(&g);
    cf_free(distinct);
}

/* Sends the pairs of known user and item to the user's rank, each with the
 * place of its answer in the order of arrival. */
static pair *send_pairs(const cf_par *par, const cf_part *part,
                        const cf_gidx *user, const cf_gidx *item, int64_t count,
                        int64_t *to, int64_t *from, int64_t *arrived)
{
    int64_t *at = cf_calloc(par->size, sizeof *at, "pair counts");
    int64_t known = 0;
    for (int64_t i = 0; i < count; i++)
        if (user[i] >= 0 && item[i] >= 0) {
            to[cf_part_owner(part, user[i])]++;
            known++;
        }
    for (int r = 1; r < par->size; r++)
        at[r] = at[r - 1] + to[r - 1];
    pair *send = cf_alloc(known, sizeof *send, "pairs");
    for (int64_t i = 0; i < count; i++)
        if (user[i] >= 0 && item[i] >= 0)
            send[at[cf_part_owner(part, user[i])]++] =
                (pair){user[i], item[i], 0};
    cf_alltoall_counts(par, to, from);
    *arrived = 0;
    for (int r = 0; r < par->size; r++)
        *arrived += from[r];
    pair *got = cf_alloc(*arrived, sizeof *got, "pairs");
    cf_alltoallv(par, send, to, got, from, sizeof *got);
    for (int64_t i = 0; i < *arrived; i++)
        got[i].place = i;
    cf_free(send);
    cf_free(at);
    return got;
}

void cf_predict_mean(const cf_par *par, const cf_user_lists *users,
                     const cf_csr *a, const cf_gidx *user, const cf_gidx *item,
                     int64_t count, float *out)
{
    int64_t *to = cf_calloc(3 * (int64_t)par->size, sizeof *to, "counts");
    int64_t *from = to + par->size, *at = from + par->size, arrived, known = 0;
    pair *pairs =
        send_pairs(par, users->part, user, item, count, to, from, &arrived);
    float *answers = cf_alloc(arrived, sizeof *answers, "predictions");
    answer(par, users, a, pairs, arrived, answers);
    for (int r = 0; r < par->size; r++) {
        at[r] = known;
        known += to[r];
    }
    float *back = cf_alloc(known, sizeof *back, "predictions");
    cf_alltoallv(par, answers, from, back, to, sizeof *back);
    for (int64_t i = 0; i < count; i++)
        out[i] = user[i] < 0 || item[i] < 0
                     ? NAN
                     : back[at[cf_part_owner(users->part, user[i])]++];
    cf_free(back);
    cf_free(answers);
    cf_free(pairs);
    cf_free(to);
}
