/* Method  Each user's figures from the places of its hits; sums of float64 go
 *         over users in the order of their rows: a rank adds its own to those
 *         of the ranks before.
 * Cost    O(log ratings) a place of a list, a sort of the counts of items. */
#include "cfmpi/metrics.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"

const char *const cf_error_metric_names[CF_ERROR_METRICS] = {
    "rmse", "mae", "covered", "rmse-fallback", "mae-fallback"};

const char *const cf_rank_metric_names[CF_RANK_METRICS] = {"precision",
                                                           "recall",
                                                           "ndcg",
                                                           "hit-rate",
                                                           "map",
                                                           "mrr",
                                                           "precision-lenskit",
                                                           "recall-lenskit",
                                                           "ndcg-lenskit",
                                                           "ndcg-rectools",
                                                           "map-rectools",
                                                           "coverage",
                                                           "gini",
                                                           "novelty"};

/* ---- sums in the order of rows ---- */

enum { TURN = 7301 };

/* Brings the sums of the ranks before. Collective with end_turn. */
static void begin_turn(const cf_par *par, double *sums, int n)
{
    if (par->rank > 0)
        MPI_Recv(sums, n, MPI_DOUBLE, par->rank - 1, TURN, par->comm,
                 MPI_STATUS_IGNORE);
}

/* All ranks get the sums of the last. */
static void end_turn(const cf_par *par, double *sums, int n)
{
    if (par->rank + 1 < par->size)
        MPI_Send(sums, n, MPI_DOUBLE, par->rank + 1, TURN, par->comm);
    MPI_Bcast(sums, n, MPI_DOUBLE, par->size - 1, par->comm);
}

static double mean_of(double sum, double count)
{
    return count > 0 ? sum / count : (double)NAN;
}

/* ---- errors ---- */

/* Squares and amounts over covered pairs and all, and how many are covered. */
enum { SQUARES, AMOUNTS, ALL_SQUARES, ALL_AMOUNTS, COVERED, ERROR_SUMS };

void cf_metrics_errors(double out[CF_ERROR_METRICS], const cf_par *par,
                       const cf_csr *test, const float *prediction,
                       const double *fallback)
{
    double s[ERROR_SUMS] = {0}, pairs = (double)test->nnz;
    begin_turn(par, s, ERROR_SUMS);
    for (int64_t e = 0; e < test->indptr[test->n_loc]; e++) {
        bool covered = !isnan(prediction[e]);
        double guess = covered ? (double)prediction[e] : fallback[e];
        double error = guess - (double)test->values[e];
        s[ALL_SQUARES] += error * error;
        s[ALL_AMOUNTS] += fabs(error);
        if (covered) {
            s[SQUARES] += error * error;
            s[AMOUNTS] += fabs(error);
            s[COVERED]++;
        }
    }
    end_turn(par, s, ERROR_SUMS);
    out[CF_RMSE] = sqrt(mean_of(s[SQUARES], s[COVERED]));
    out[CF_MAE] = mean_of(s[AMOUNTS], s[COVERED]);
    out[CF_COVERED] = mean_of(s[COVERED], pairs);
    out[CF_RMSE_FALLBACK] = sqrt(mean_of(s[ALL_SQUARES], pairs));
    out[CF_MAE_FALLBACK] = mean_of(s[ALL_AMOUNTS], pairs);
}

/* ---- one list ---- */

/* What a hit at each place gives, and the most that so many places can. */
typedef struct gains {
    double *gain, *ideal;                 /* 1/log2(p+1) */
    double *lenskit_gain, *lenskit_ideal; /* 1/max(log2 p, 1) */
} gains;

/* Places are counted from 1; [0] is 0. */
static gains make_gains(int64_t n)
{
    gains g;
    g.gain = cf_calloc(4 * (n + 1), sizeof *g.gain, "gains");
    g.ideal = g.gain + n + 1;
    g.lenskit_gain = g.ideal + n + 1;
    g.lenskit_ideal = g.lenskit_gain + n + 1;
    for (int64_t p = 1; p <= n; p++) {
        g.gain[p] = 1 / log2((double)p + 1);
        g.lenskit_gain[p] = 1 / fmax(log2((double)p), 1);
        g.ideal[p] = g.ideal[p - 1] + g.gain[p];
        g.lenskit_ideal[p] = g.lenskit_ideal[p - 1] + g.lenskit_gain[p];
    }
    return g;
}

/* Whether the user's test rating of an item is there and relevant. */
static bool is_relevant(const cf_ranked *r, int64_t user, cf_gidx item)
{
    const cf_csr *t = r->test;
    int64_t end = t->indptr[user + 1];
    int64_t at = cf_column_from(t->indices, t->indptr[user], end, item);
    return at < end && t->indices[at] == item &&
           (double)t->values[at] >= r->relevant;
}

static int64_t count_relevant(const cf_ranked *r, int64_t user)
{
    int64_t n = 0;
    for (int64_t e = r->test->indptr[user]; e < r->test->indptr[user + 1]; e++)
        n += (double)r->test->values[e] >= r->relevant;
    return n;
}

/* One user's figures; NaN for what does not count. */
static void rank_user(double m[CF_USER_METRICS], const cf_ranked *r,
                      const gains *g, int64_t user, int64_t n, int64_t relevant)
{
    const cf_topk *t = r->lists;
    int64_t length = CF_MIN(t->count[user], n), hits = 0, first = 0;
    int64_t most = CF_MIN(n, relevant);
    double gain = 0, lenskit = 0, precisions = 0;
    for (int64_t p = 1; p <= length; p++)
        if (is_relevant(r, user, t->index[user * t->stride + p - 1])) {
            hits++;
            first = first > 0 ? first : p;
            gain += g->gain[p];
            lenskit += g->lenskit_gain[p];
            precisions += (double)hits / (double)p;
        }
    m[CF_PRECISION] = (double)hits / (double)n;
    m[CF_RECALL] = (double)hits / (double)relevant;
    m[CF_NDCG] = gain / g->ideal[most];
    m[CF_HIT_RATE] = hits > 0;
    m[CF_MAP] = precisions / (double)most;
    m[CF_MRR] = first > 0 ? 1 / (double)first : 0;
    m[CF_PRECISION_LENSKIT] = mean_of((double)hits, (double)length);
    m[CF_RECALL_LENSKIT] = (double)hits / (double)most;
    m[CF_NDCG_LENSKIT] = lenskit / g->lenskit_ideal[most];
    m[CF_NDCG_RECTOOLS] = gain / g->ideal[n];
    m[CF_MAP_RECTOOLS] = precisions / (double)relevant;
}

/* ---- all users ---- */

static void rank_users(double out[CF_RANK_METRICS], int64_t users[2],
                       const cf_par *par, const cf_ranked *r, int64_t n)
{
    double sum[2 * CF_USER_METRICS] = {0}, m[CF_USER_METRICS];
    double *count = sum + CF_USER_METRICS;
    gains g = make_gains(n);
    users[0] = users[1] = 0;
    begin_turn(par, sum, 2 * CF_USER_METRICS);
    for (int64_t u = 0; u < r->test->n_loc; u++) {
        int64_t relevant = count_relevant(r, u);
        if (r->test->indptr[u] == r->test->indptr[u + 1])
            continue;
        users[relevant == 0]++;
        if (relevant == 0)
            continue;
        rank_user(m, r, &g, u, n, relevant);
        for (int i = 0; i < CF_USER_METRICS; i++)
            if (!isnan(m[i])) {
                sum[i] += m[i];
                count[i]++;
            }
    }
    end_turn(par, sum, 2 * CF_USER_METRICS);
    cf_allreduce(par, users, 2, MPI_INT64_T, MPI_SUM);
    for (int i = 0; i < CF_USER_METRICS; i++)
        out[i] = mean_of(sum[i], count[i]);
    cf_free(g.gain);
}

/* ---- all items ---- */

static int ascending(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* `count` is sorted on the way. Products are summed as integers: exact. */
static double gini(int64_t *count, int64_t items)
{
    double sum = 0, weighted = 0;
    qsort(count, (size_t)items, sizeof *count, ascending);
    for (int64_t i = 0; i < items; i++) {
        sum += (double)count[i];
        weighted += (double)(2 * (i + 1) - items - 1) * (double)count[i];
    }
    return mean_of(weighted, (double)items * sum);
}

static void spread_over_items(double out[CF_RANK_METRICS], const cf_par *par,
                              const cf_ranked *r, int64_t n)
{
    const cf_topk *t = r->lists;
    int64_t items = r->test->cols, listed = 0;
    int64_t *count = cf_calloc(items, sizeof *count, "lists of items");
    for (int64_t u = 0; u < t->rows; u++)
        for (int64_t p = 0; p < CF_MIN(t->count[u], n); p++)
            count[t->index[u * t->stride + p]]++;
    cf_allreduce(par, count, items, MPI_INT64_T, MPI_SUM);
    for (int64_t j = 0; j < items; j++)
        listed += count[j] > 0;
    out[CF_COVERAGE] = mean_of((double)listed, (double)items);
    out[CF_GINI] = gini(count, items);
    cf_free(count);
}

static double novelty(const cf_par *par, const cf_ranked *r, int64_t n)
{
    const cf_topk *t = r->lists;
    double sum[2] = {0, 0};
    begin_turn(par, sum, 2);
    for (int64_t u = 0; u < t->rows; u++) {
        int64_t length = CF_MIN(t->count[u], n);
        double own = 0;
        for (int64_t p = 0; p < length; p++) {
            int64_t raters = r->raters[t->index[u * t->stride + p]];
            own -= log2((double)CF_MAX(raters, 1) / (double)r->users);
        }
        if (length > 0) {
            sum[0] += own / (double)length;
            sum[1]++;
        }
    }
    end_turn(par, sum, 2);
    return mean_of(sum[0], sum[1]);
}

void cf_metrics_ranking(double out[CF_RANK_METRICS], int64_t users[2],
                        const cf_par *par, const cf_ranked *r, int64_t n)
{
    rank_users(out, users, par, r, n);
    spread_over_items(out, par, r, n);
    out[CF_NOVELTY] = novelty(par, r, n);
}
