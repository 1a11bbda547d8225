#include "evaluation.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cfmpi/memory.h"
#include "cfmpi/scan.h"
#include "scoring.h"

#define USUAL_SIZE 10 /* where it is there, else the first */

/* ---- what is asked for ---- */

static int read_sizes(cf_evaluation *e, const char *list)
{
    for (const char *s = list; s != NULL;) {
        const char *comma = strchr(s, ',');
        const char *end = comma != NULL ? comma : s + strlen(s);
        int64_t n;
        if (!cf_scan_int64(s, end, &n) || n < 1 || n > 1000000)
            return cf_fail(CF_USAGE,
                           "--at: '%.*s' is no length of a list from 1 to "
                           "1000000",
                           (int)(end - s), s);
        for (int i = 0; i < e->sizes; i++)
            if (e->size[i] == n)
                return cf_fail(CF_USAGE, "--at: %" PRId64 " stands there twice",
                               n);
        if (e->sizes == CF_SIZES_MAX)
            return cf_fail(CF_USAGE, "--at: over %d lengths", CF_SIZES_MAX);
        e->size[e->sizes++] = n;
        s = comma != NULL ? comma + 1 : NULL;
    }
    return CF_OK;
}

/* Which size metrics are shown for, and decide, where none is named. */
static int usual_size(const cf_evaluation *e)
{
    for (int i = 0; i < e->sizes; i++)
        if (e->size[i] == USUAL_SIZE)
            return i;
    return 0;
}

static int metric_at(int size, int metric)
{
    return CF_ERROR_METRICS + size * CF_RANK_METRICS + metric;
}

static int unknown_metric(const char *name)
{
    cf_text known = {0};
    for (int i = 0; i < CF_ERROR_METRICS; i++)
        cf_text_add(&known, "%s, ", cf_error_metric_names[i]);
    for (int i = 0; i < CF_RANK_METRICS; i++)
        cf_text_add(&known, "%s%s", i > 0 ? ", " : "", cf_rank_metric_names[i]);
    int status =
        cf_fail(CF_USAGE, "--by: '%s' is not one of %s", name, known.data);
    cf_text_free(&known);
    return status;
}

bool cf_evaluation_predicts(const cf_evaluation *e)
{
    return e->o->measure != CF_MEASURE_LISTS;
}

bool cf_evaluation_recommends(const cf_evaluation *e)
{
    return e->o->measure != CF_MEASURE_ERRORS;
}

static int check_by(const cf_evaluation *e, const char *name)
{
    bool error = e->by < CF_ERROR_METRICS;
    if (error ? cf_evaluation_predicts(e) : cf_evaluation_recommends(e))
        return CF_OK;
    return cf_fail(CF_USAGE, "--by: --measure=%s does not find %s",
                   error ? "lists" : "errors", name);
}

/* "rmse", "ndcg@20", or "ndcg". */
static int read_by(cf_evaluation *e, const char *name)
{
    const char *sign = strchr(name, '@');
    size_t n = sign != NULL ? (size_t)(sign - name) : strlen(name);
    int size = usual_size(e);
    int64_t wanted = e->size[size];
    if (sign == NULL)
        for (int i = 0; i < CF_ERROR_METRICS; i++)
            if (strcmp(cf_error_metric_names[i], name) == 0) {
                e->by = i;
                return CF_OK;
            }
    if (sign != NULL && !cf_scan_int64(sign + 1, name + strlen(name), &wanted))
        return cf_fail(CF_USAGE, "--by: '%s' is no length of a list", sign + 1);
    for (size = 0; size < e->sizes && e->size[size] != wanted;)
        size++;
    if (size == e->sizes)
        return cf_fail(CF_USAGE,
                       "--by: %" PRId64 " is not one of --at=%s; add it there",
                       wanted, e->o->at);
    for (int i = 0; i < CF_RANK_METRICS; i++)
        if (strlen(cf_rank_metric_names[i]) == n &&
            strncmp(cf_rank_metric_names[i], name, n) == 0) {
            e->by = metric_at(size, i);
            return CF_OK;
        }
    return unknown_metric(name);
}

int cf_evaluation_begin(cf_evaluation *e, const cf_options *o, int64_t folds)
{
    int status = CF_OK;
    e->o = o;
    e->folds = folds;
    CF_TRY(read_sizes(e, o->at));
    const char *usual = cf_evaluation_recommends(e)
                            ? cf_rank_metric_names[CF_NDCG]
                            : cf_error_metric_names[CF_RMSE];
    CF_TRY(read_by(e, o->by[0] != '\0' ? o->by : usual));
    CF_TRY(check_by(e, o->by));
    CF_TRY(cf_trials_parse(&e->trials, o));
    e->fold = cf_calloc(folds, sizeof *e->fold, "folds");
    int64_t values = e->trials.count * folds * cf_evaluation_metrics(e);
    e->value = cf_alloc(values, sizeof *e->value, "metrics");
    for (int64_t i = 0; i < values; i++)
        e->value[i] = NAN;
done:
    return status;
}

void cf_evaluation_free(cf_evaluation *e)
{
    cf_free(e->fold);
    cf_free(e->value);
    e->fold = NULL;
    e->value = NULL;
}

/* ---- what was found ---- */

int cf_evaluation_metrics(const cf_evaluation *e)
{
    return metric_at(e->sizes, 0);
}

double *cf_evaluation_of(const cf_evaluation *e, int64_t trial, int64_t fold)
{
    return e->value + (trial * e->folds + fold) * cf_evaluation_metrics(e);
}

void cf_evaluation_mean(const cf_evaluation *e, int64_t trial, int metric,
                        double *mean, double *half)
{
    double *x = cf_alloc(e->folds, sizeof *x, "folds");
    for (int64_t f = 0; f < e->folds; f++)
        x[f] = cf_evaluation_of(e, trial, f)[metric];
    cf_metrics_interval(x, e->folds, mean, half);
    cf_free(x);
}

static bool less_is_better(int metric)
{
    if (metric < CF_ERROR_METRICS)
        return metric != CF_COVERED;
    return (metric - CF_ERROR_METRICS) % CF_RANK_METRICS == CF_GINI;
}

void cf_evaluation_choose(cf_evaluation *e)
{
    double best = 0, mean, half;
    e->best = -1;
    for (int64_t t = 0; t < e->trials.count; t++) {
        cf_evaluation_mean(e, t, e->by, &mean, &half);
        if (isnan(mean))
            continue;
        mean = less_is_better(e->by) ? -mean : mean;
        if (e->best < 0 || mean > best) {
            best = mean;
            e->best = t;
        }
    }
}

static void add_name(const cf_evaluation *e, int metric, cf_text *out)
{
    int i = metric - CF_ERROR_METRICS;
    if (i < 0)
        cf_text_add(out, "%s", cf_error_metric_names[metric]);
    else
        cf_text_add(out, "%s@%" PRId64,
                    cf_rank_metric_names[i % CF_RANK_METRICS],
                    e->size[i / CF_RANK_METRICS]);
}

/* ---- on the terminal ---- */

static void add_value(const cf_evaluation *e, int64_t trial, int metric,
                      int width, cf_text *out)
{
    char value[64] = "-";
    double mean, half;
    cf_evaluation_mean(e, trial, metric, &mean, &half);
    if (!isnan(mean) && isnan(half))
        snprintf(value, sizeof value, "%.4f", mean);
    else if (!isnan(mean))
        snprintf(value, sizeof value, "%.4f ±%.4f", mean, half);
    /* printf counts bytes, of which ± has two. */
    cf_text_add(out, " %*s", width + (strstr(value, "±") != NULL), value);
}

static void add_ratings(const cf_evaluation *e, cf_text *out)
{
    const cf_options *o = e->o;
    if (o->test[0] != '\0')
        cf_text_add(out, "test ratings of %s\n", o->test);
    else
        cf_text_add(out, "split %s, seed %" PRId64 "\n",
                    cf_split_names[e->split.rule], o->seed);
    if (e->split.rule == CF_SPLIT_TEMPORAL && o->test[0] == '\0')
        cf_text_add(out, "test ratings from time %" PRId64 " on\n",
                    e->split.cut);
    for (int64_t f = 0; f < e->folds; f++) {
        const cf_fold *x = &e->fold[f];
        cf_text_add(out,
                    "  learned from %" PRId64 " ratings, tested by %" PRId64
                    " (%" PRId64 " of users or items that are not in the "
                    "others)",
                    x->learned, x->tested, x->strange);
        if (cf_evaluation_recommends(e))
            cf_text_add(out,
                        "; of %" PRId64 " users %" PRId64 " have relevant ones",
                        x->users[0] + x->users[1], x->users[0]);
        cf_text_add(out, "\n");
    }
}

enum { NARROW = 9, WIDE = 16 };

/* Columns of values have the width of their heads at least. */
static int width_of(const cf_evaluation *e, const char *name)
{
    return CF_MAX(e->folds > 1 ? WIDE : NARROW, (int)strlen(name));
}

static int key_width(const cf_trial_key *key)
{
    int width = CF_MAX(NARROW, (int)strlen(key->row->name));
    for (int i = 0; i < key->count; i++)
        width = CF_MAX(width, (int)strlen(key->value[i]));
    return width;
}

/* The metrics that stand beside each other when trials are compared. */
static int columns_of(const cf_evaluation *e, int size, int out[16])
{
    static const int errors[] = {CF_RMSE, CF_MAE, CF_COVERED, CF_RMSE_FALLBACK};
    static const int of_lists[] = {CF_PRECISION, CF_RECALL,   CF_NDCG,
                                   CF_HIT_RATE,  CF_COVERAGE, CF_NOVELTY};
    int n = 0;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (cf_evaluation_predicts(e) &&
            (errors[i] != CF_MAE || !cf_evaluation_recommends(e)))
            out[n++] = errors[i];
    for (size_t i = 0; i < sizeof of_lists / sizeof *of_lists; i++)
        if (cf_evaluation_recommends(e))
            out[n++] = metric_at(size, of_lists[i]);
    return n;
}

static const char *name_of(int metric)
{
    return metric < CF_ERROR_METRICS
               ? cf_error_metric_names[metric]
               : cf_rank_metric_names[(metric - CF_ERROR_METRICS) %
                                      CF_RANK_METRICS];
}

/* The heads of the columns for -1. */
static void add_trial(const cf_evaluation *e, int64_t trial, int size,
                      cf_text *out)
{
    int column[16], n = columns_of(e, size, column);
    for (int k = 0; k < e->trials.keys; k++) {
        const cf_trial_key *key = &e->trials.key[k];
        cf_text_add(out, "%s%*s", k > 0 ? " " : "", key_width(key),
                    trial < 0 ? key->row->name
                              : cf_trials_value(&e->trials, k, trial));
    }
    for (int i = 0; i < n; i++) {
        const char *name = name_of(column[i]);
        if (trial < 0)
            cf_text_add(out, " %*s", width_of(e, name), name);
        else
            add_value(e, trial, column[i], width_of(e, name), out);
    }
    cf_text_add(out, "\n");
}

static void add_trials(const cf_evaluation *e, cf_text *out)
{
    int size = e->by < CF_ERROR_METRICS
                   ? usual_size(e)
                   : (e->by - CF_ERROR_METRICS) / CF_RANK_METRICS;
    cf_text_add(out, "\n");
    if (cf_evaluation_recommends(e))
        cf_text_add(out, "lists of %" PRId64 "\n", e->size[size]);
    add_trial(e, -1, size, out);
    for (int64_t t = 0; t < e->trials.count; t++)
        add_trial(e, t, size, out);
}

static void add_metrics(const cf_evaluation *e, int64_t trial, cf_text *out)
{
    int width = e->folds > 1 ? WIDE : NARROW;
    cf_text_add(out, "\n");
    for (int i = 0; i < CF_ERROR_METRICS && cf_evaluation_predicts(e); i++) {
        cf_text_add(out, "%-13s", cf_error_metric_names[i]);
        add_value(e, trial, i, width, out);
        cf_text_add(out, "\n");
    }
    if (!cf_evaluation_recommends(e))
        return;
    cf_text_add(out, "%-13s", "lists of");
    for (int s = 0; s < e->sizes; s++)
        cf_text_add(out, " %*" PRId64, width, e->size[s]);
    cf_text_add(out, "\n");
    for (int i = 0; i < CF_RANK_METRICS; i++) {
        if (strchr(cf_rank_metric_names[i], '-') != NULL && i != CF_HIT_RATE)
            continue; /* other programs' */
        cf_text_add(out, "%-13s", cf_rank_metric_names[i]);
        for (int s = 0; s < e->sizes; s++)
            add_value(e, trial, metric_at(s, i), width, out);
        cf_text_add(out, "\n");
    }
}

void cf_evaluation_table(const cf_evaluation *e, cf_text *out)
{
    cf_text options = {0}, by = {0};
    add_name(e, e->by, &by);
    add_ratings(e, out);
    if (e->trials.count > 1)
        add_trials(e, out);
    if (e->best >= 0)
        cf_trials_print(&e->trials, e->o, e->best, cf_scoring_check, &options);
    if (e->trials.count > 1 && e->best < 0)
        cf_text_add(out, "\nnone is best by %s: it is defined for none\n",
                    by.data);
    else if (e->trials.count > 1)
        cf_text_add(out, "\nbest by %s:%s\n", by.data,
                    options.length > 0 ? options.data : " the defaults");
    if (e->trials.count == 1 || e->best >= 0)
        add_metrics(e, CF_MAX(e->best, 0), out);
    cf_text_free(&options);
    cf_text_free(&by);
}

/* ---- JSON ---- */

static void add_number(cf_text *out, double x)
{
    if (isfinite(x))
        cf_text_add(out, "%.17g", x);
    else
        cf_text_add(out, "null");
}

static void add_json_trial(const cf_evaluation *e, int64_t trial, cf_text *out)
{
    double mean, half;
    cf_text_add(out, "{\"options\": {");
    for (int k = 0; k < e->trials.keys; k++) {
        cf_text_add(out, k > 0 ? ", " : "");
        cf_text_json(out, e->trials.key[k].row->name);
        cf_text_add(out, ": ");
        cf_text_json(out, cf_trials_value(&e->trials, k, trial));
    }
    cf_text_add(out, "}, \"metrics\": {");
    for (int i = 0; i < cf_evaluation_metrics(e); i++) {
        cf_text_add(out, i > 0 ? ", \"" : "\"");
        add_name(e, i, out);
        cf_evaluation_mean(e, trial, i, &mean, &half);
        cf_text_add(out, "\": {\"mean\": ");
        add_number(out, mean);
        cf_text_add(out, ", \"half_width\": ");
        add_number(out, half);
        cf_text_add(out, ", \"folds\": [");
        for (int64_t f = 0; f < e->folds; f++) {
            cf_text_add(out, f > 0 ? ", " : "");
            add_number(out, cf_evaluation_of(e, trial, f)[i]);
        }
        cf_text_add(out, "]}");
    }
    cf_text_add(out, "}}");
}

static void add_json_split(const cf_evaluation *e, cf_text *out)
{
    bool own = e->o->test[0] != '\0';
    cf_text_add(out, ", \"split\": {\"rule\": \"%s\"",
                own ? "test" : cf_split_names[e->split.rule]);
    if (!own && e->split.rule == CF_SPLIT_TEMPORAL)
        cf_text_add(out, ", \"cut\": %" PRId64, e->split.cut);
    cf_text_add(out, ", \"folds\": [");
    for (int64_t f = 0; f < e->folds; f++) {
        const cf_fold *x = &e->fold[f];
        cf_text_add(out,
                    "%s{\"learned\": %" PRId64 ", \"tested\": %" PRId64
                    ", \"unknown\": %" PRId64 ", \"learners\": %" PRId64,
                    f > 0 ? ", " : "", x->learned, x->tested, x->strange,
                    x->learners);
        if (cf_evaluation_recommends(e))
            cf_text_add(out,
                        ", \"users\": %" PRId64
                        ", \"users_without_relevant\": %" PRId64,
                        x->users[0], x->users[1]);
        cf_text_add(out, "}");
    }
    cf_text_add(out, "]}");
}

void cf_evaluation_json(const cf_evaluation *e, cf_text *out)
{
    cf_text by = {0};
    add_name(e, e->by, &by);
    cf_text_add(out, "{\"format\": \"cfmpi-evaluation\", "
                     "\"format_version\": 1, \"command\": ");
    cf_options_json(e->o, out);
    add_json_split(e, out);
    cf_text_add(out,
                ", \"interval\": 0.95, \"by\": \"%s\", \"best\": ", by.data);
    if (e->best >= 0)
        cf_text_add(out, "%" PRId64, e->best);
    else
        cf_text_add(out, "null");
    cf_text_add(out, ", \"trials\": [");
    for (int64_t t = 0; t < e->trials.count; t++) {
        cf_text_add(out, t > 0 ? ",\n" : "\n");
        add_json_trial(e, t, out);
    }
    cf_text_add(out, "\n]}\n");
    cf_text_free(&by);
}
