/* What an evaluation asks of a model: predictions of pairs and top-N lists, by
 * the options of a trial and the ratings to learn from. The one place that
 * knows which rules and scores there are. */
#ifndef CFMPI_SCORING_H
#define CFMPI_SCORING_H

#include "cfmpi/predict.h"
#include "job.h"
#include "trials.h"

/* {0} is empty. What was made for one trial serves the next one that asks for
 * the same. */
typedef struct cf_scoring {
    cf_job job;            /* the steps of the main job, on the ratings */
    const cf_csr *columns; /* their transpose; borrowed */
    cf_options *now;       /* of the trial in hand, its lists longer perhaps */
    cf_text embedded;      /* the options that job.embedding was made by, */
    cf_text compared[2];   /* and the lists of users and items; empty: none */
} cf_scoring;

/* Appends what the embedding and the neighbours of a trial are made by, but
 * for the number of neighbours: trials with the same text share them. Local. */
void cf_scoring_key(const cf_options *o, cf_text *out);

/* Appends what predictions, or lists of items, depend on: of trials with the
 * same text they are the same. Local. */
void cf_scoring_prediction_key(const cf_options *o, cf_text *out);
void cf_scoring_list_key(const cf_options *o, cf_text *out);

/* Whether a trial can be evaluated, and has a use for each option that was
 * given: CF_USAGE. Local. */
cf_trial_check cf_scoring_check;

/* Begins to learn from `learn`, which is lent until cf_scoring_end, and its
 * transpose. Users without ratings there are tested alone: weights do not count
 * them. Collective. */
void cf_scoring_begin(cf_scoring *s, const cf_par *par, cf_report *report,
                      const cf_csr *learn, const cf_csr *columns);

/* Makes what a trial needs. Lists have `most` neighbours, at least o's own, so
 * that later trials find theirs at the head of them. Errors, agreed.
 * Collective. */
int cf_scoring_prepare(cf_scoring *s, const cf_options *o, int64_t most);

/* Whether two trials' predictions can be made together, and are then had for
 * little more than one's. Local. */
bool cf_scoring_together(const cf_options *a, const cf_options *b);

/* Predicted ratings of the pairs by each of `count` trials, of which the first
 * is prepared and goes together with the others: guess[i][pair] is NaN where
 * the rule of trial i has none, and fallback[i][pair] is then replaced where
 * the trial has a fallback of its own. Errors, agreed. Collective. */
int cf_scoring_predict(cf_scoring *s, const cf_options *trials, int count,
                       const cf_pairs_asked *pairs, float **guess,
                       double **fallback);

/* The `top` best items of every user, in lists of the rows that learn->part
 * gives this rank; of `out` index, count, k and rows are set, which the caller
 * frees. Users without ratings have none. Errors, agreed. Collective. */
int cf_scoring_recommend(cf_scoring *s, const cf_options *o, int64_t top,
                         cf_topk *out);

/* Safe on {0} and twice. Local. */
void cf_scoring_end(cf_scoring *s);

#endif
