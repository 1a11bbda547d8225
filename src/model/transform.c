#include "cfmpi/transform.h"

#include <math.h>
#include <string.h>

#include "cfmpi/error.h"
#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"

#define K1 1.2
#define B 0.75

const char *const cf_weighting_names[] = {"none",  "log",  "binary",
                                          "tfidf", "bm25", NULL};
const char *const cf_centring_names[] = {"none", "user", "item", "both", NULL};

bool cf_transform_is_none(const cf_transform *t)
{
    return t->weighting == CF_WEIGHT_NONE && t->centring == CF_CENTRE_NONE;
}

static bool centres_users(const cf_transform *t)
{
    return t->centring == CF_CENTRE_USER || t->centring == CF_CENTRE_BOTH;
}

static bool centres_items(const cf_transform *t)
{
    return t->centring == CF_CENTRE_ITEM || t->centring == CF_CENTRE_BOTH;
}

/* ---- one row ---- */

static double weigh(const cf_transform *t, double r, cf_lidx item,
                    double length)
{
    double idf = t->idf != NULL ? t->idf[item] : 1;
    switch (t->weighting) {
    case CF_WEIGHT_LOG: return log1p(r);
    case CF_WEIGHT_BINARY: return 1;
    case CF_WEIGHT_TFIDF: return sqrt(r) * idf;
    case CF_WEIGHT_BM25: {
        double share = t->mean_length > 0 ? length / t->mean_length : 1;
        double to = K1 * (1 - B + B * share) + r;
        return to > 0 ? r * (K1 + 1) / to * idf : 0;
    }
    default: return r;
    }
}

static double sum_of(const float *values, int64_t count)
{
    double sum = 0;
    for (int64_t e = 0; e < count; e++)
        sum += (double)values[e];
    return sum;
}

static void weigh_row(const cf_transform *t, const cf_lidx *items,
                      const float *ratings, int64_t count, float *out)
{
    double length = sum_of(ratings, count);
    for (int64_t e = 0; e < count; e++)
        out[e] = (float)weigh(t, (double)ratings[e], items[e], length);
}

static void centre_row(const cf_transform *t, const cf_lidx *items,
                       int64_t count, float *values)
{
    double mean = 0;
    for (int64_t e = 0; e < count && centres_items(t); e++)
        values[e] = (float)((double)values[e] - t->item_mean[items[e]]);
    if (centres_users(t) && count > 0)
        mean = sum_of(values, count) / (double)count;
    for (int64_t e = 0; e < count; e++)
        values[e] = (float)((double)values[e] - mean);
}

void cf_transform_apply(const cf_transform *t, const cf_csr *a, float *values)
{
    for (int64_t i = 0; i < a->n_loc; i++) {
        int64_t e = a->indptr[i], count = a->indptr[i + 1] - e;
        weigh_row(t, a->indices + e, a->values + e, count, values + e);
        if (t->centring != CF_CENTRE_NONE)
            centre_row(t, a->indices + e, count, values + e);
    }
}

/* ---- all rows ---- */

int cf_transform_check(const cf_transform *t, const cf_csr *a,
                       const cf_par *par)
{
    bool any =
        t->weighting == CF_WEIGHT_NONE || t->weighting == CF_WEIGHT_BINARY;
    bool log_only = t->weighting == CF_WEIGHT_LOG;
    int64_t bad = 0;
    for (int64_t e = 0; e < a->indptr[a->n_loc] && !any; e++)
        bad += log_only ? !(a->values[e] > -1) : !(a->values[e] >= 0);
    bad = cf_sum_i64(par, bad);
    if (bad == 0)
        return CF_OK;
    return cf_fail(CF_BAD_DATA,
                   "--weighting=%s: is not defined for ratings %s, of which "
                   "there are %" PRId64 "; leave them out with "
                   "--rating-range, or take another weighting",
                   cf_weighting_names[t->weighting],
                   log_only ? "of -1 and less" : "below 0", bad);
}

/* Count and mean of every column, the same on all ranks. */
static void column_means(const cf_csr *a, const cf_par *par, int64_t *count,
                         double *mean)
{
    cf_part even = {0};
    cf_part_even(&even, a->cols, par->size);
    int64_t own = cf_part_count(&even, par->rank);
    int64_t *own_count = cf_alloc(own, sizeof *own_count, "item counts");
    double *own_mean = cf_alloc(own, sizeof *own_mean, "item means");
    cf_csr_col_stats(a, par, &even, own_count, own_mean);
    cf_allgather_rows(par, &even, own_count, count, sizeof *count);
    cf_allgather_rows(par, &even, own_mean, mean, sizeof *mean);
    for (int64_t j = 0; j < a->cols; j++)
        if (count[j] == 0)
            mean[j] = 0;
    cf_free(own_count);
    cf_free(own_mean);
    cf_part_free(&even);
}

static void learn_weights(cf_transform *t, const cf_csr *a, const cf_par *par,
                          cf_gidx users)
{
    int64_t *count = cf_alloc(a->cols, sizeof *count, "item counts");
    double *mean = cf_alloc(a->cols, sizeof *mean, "item means"), sum = 0;
    column_means(a, par, count, mean);
    t->idf = cf_alloc(a->cols, sizeof *t->idf, "item weights");
    for (int64_t j = 0; j < a->cols; j++) {
        t->idf[j] = log((double)users) - log1p((double)count[j]);
        sum += mean[j] * (double)count[j];
    }
    if (t->weighting == CF_WEIGHT_BM25)
        t->mean_length = sum / (double)users;
    cf_free(count);
    cf_free(mean);
}

static void learn_means(cf_transform *t, const cf_csr *a, const cf_par *par)
{
    cf_csr weighted = *a;
    int64_t entries = a->indptr[a->n_loc];
    int64_t *count = cf_alloc(a->cols, sizeof *count, "item counts");
    double *mean = cf_alloc(a->cols, sizeof *mean, "item means");
    cf_transform weights = *t;
    weights.centring = CF_CENTRE_NONE;
    weighted.values = cf_alloc(entries, sizeof(float), "weighted ratings");
    cf_transform_apply(&weights, a, weighted.values);
    column_means(&weighted, par, count, mean);
    cf_free(weighted.values);
    cf_free(count);
    t->item_mean = mean;
}

int cf_transform_learn(cf_transform *t, const cf_csr *a, const cf_par *par,
                       cf_gidx users, int64_t weighting, int64_t centring)
{
    int status = CF_OK;
    *t = (cf_transform){
        .weighting = weighting, .centring = centring, .items = a->cols};
    CF_TRY(cf_transform_check(t, a, par));
    if (weighting == CF_WEIGHT_TFIDF || weighting == CF_WEIGHT_BM25)
        learn_weights(t, a, par, users);
    if (centres_items(t))
        learn_means(t, a, par);
done:
    return status;
}

void cf_transform_free(cf_transform *t)
{
    cf_free(t->idf);
    cf_free(t->item_mean);
    *t = (cf_transform){0};
}
