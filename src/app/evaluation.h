/* What an evaluation has found, and how it is shown. */
#ifndef CFMPI_EVALUATION_H
#define CFMPI_EVALUATION_H

#include "cfmpi/metrics.h"
#include "cfmpi/splits.h"
#include "trials.h"

#define CF_SIZES_MAX 16

/* One test set. */
typedef struct cf_fold {
    int64_t learned, tested; /* ratings */
    int64_t learners;        /* users who are learned from */
    int64_t users[2]; /* with test ratings: with a relevant one, without */
    int64_t strange;  /* test ratings of users or items that are not learned */
} cf_fold;

typedef struct cf_evaluation {
    const cf_options *o;
    int64_t size[CF_SIZES_MAX]; /* N of the lists */
    int sizes;
    int by; /* the metric that decides */
    cf_split split;
    cf_trials trials;
    int64_t folds;
    cf_fold *fold; /* [folds] */
    double *value; /* [trials x folds x metrics] */
    int64_t best;  /* trial, -1 where the metric is defined for none */
} cf_evaluation;

/* Reads --at, --by and --grid, and makes room. CF_USAGE. Local. */
int cf_evaluation_begin(cf_evaluation *e, const cf_options *o, int64_t folds);

/* Whether predictions, or lists, are measured. Local. */
bool cf_evaluation_predicts(const cf_evaluation *e);
bool cf_evaluation_recommends(const cf_evaluation *e);

/* Metrics of a trial and a fold; NaN where it is not measured: errors, then
 * those of each size. Local. */
int cf_evaluation_metrics(const cf_evaluation *e);
double *cf_evaluation_of(const cf_evaluation *e, int64_t trial, int64_t fold);

/* Mean over the folds and half the width of its interval, as
 * cf_metrics_interval. Local. */
void cf_evaluation_mean(const cf_evaluation *e, int64_t trial, int metric,
                        double *mean, double *half);

/* Finds the best trial: the first of equal ones. Local. */
void cf_evaluation_choose(cf_evaluation *e);

/* What stands on the terminal: the ratings, the trials where there are
 * several, and all about the best. Local. */
void cf_evaluation_table(const cf_evaluation *e, cf_text *out);

/* The same and all folds, as JSON. Local. */
void cf_evaluation_json(const cf_evaluation *e, cf_text *out);

/* Safe on {0} and twice. Local. */
void cf_evaluation_free(cf_evaluation *e);

#endif
