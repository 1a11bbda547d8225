/* Predicted ratings of pairs of a user and an item, by one of many rules.
 *
 * Of user u and item i, with global mean μ, means μ_u, μ_i and the baseline
 * b_ui = μ + b_u + b_i (baseline.h):
 *
 *   mean           Σ s r_vi / Σ s over those in the user's list who rated i
 *   user-basic     Σ s r_vi / Σ s              over the k most similar users of
 *   user-centered  μ_u + Σ s (r_vi − μ_v) / Σ s                 those who rated
 *   user-baseline  b_ui + Σ s (r_vi − b_vi) / Σ s               the item
 *   user-zscore    μ_u + σ_u Σ s (r_vi − μ_v)/σ_v / Σ s
 *   item-…         the same with users and items exchanged: over the k items
 *                  most similar to i of those that u rated
 *   global-mean, user-mean, item-mean, baseline: μ, μ_u, μ_i, b_ui
 *   svd            x_u · y_i of the embedding, and the means taken off before
 *
 * σ_u is the standard deviation of the user's ratings, that of all ratings
 * where it is 0. Neighbours have a similarity above 0 that reaches the smallest
 * one asked for; of equal ones the smaller row is nearer. Users and items are
 * no neighbours of themselves. Sums are taken in float64 from the nearest on,
 * and the result is rounded to float32, so that it does not depend on the
 * number of ranks. A mean of no ratings is μ.
 *
 * References: Resnick et al.: GroupLens. CSCW 1994 (centered). Herlocker,
 * Konstan, Riedl: An empirical analysis of design choices in
 * neighborhood-based collaborative filtering. Inf. Retr. 5, 2002 (zscore).
 * Koren: Factor in the neighbors. TKDD 4, 2010 (baseline). Sarwar et al.:
 * Item-based collaborative filtering. WWW 2001. */
#ifndef CFMPI_PREDICT_H
#define CFMPI_PREDICT_H

#include "cfmpi/baseline.h"
#include "cfmpi/explain.h"
#include "cfmpi/recommend.h"
#include "cfmpi/similarity_rows.h"
#include "cfmpi/svd.h"
#include "cfmpi/transform.h"

enum cf_rule {
    CF_RULE_MEAN,
    CF_RULE_USER_BASIC,
    CF_RULE_USER_CENTERED,
    CF_RULE_USER_BASELINE,
    CF_RULE_USER_ZSCORE,
    CF_RULE_ITEM_BASIC,
    CF_RULE_ITEM_CENTERED,
    CF_RULE_ITEM_BASELINE,
    CF_RULE_ITEM_ZSCORE,
    CF_RULE_GLOBAL_MEAN,
    CF_RULE_USER_MEAN,
    CF_RULE_ITEM_MEAN,
    CF_RULE_BASELINE,
    CF_RULE_SVD,
    CF_RULES
};

/* What a rule is made from besides the ratings. */
enum cf_rule_needs {
    CF_NEEDS_LISTS = 1,      /* the users' neighbours */
    CF_NEEDS_SIMILARITY = 2, /* the k nearest who rated */
    CF_NEEDS_EMBEDDING = 4
};

/* What is told about a rule. */
typedef struct cf_rule_text {
    const char *name;
    int needs; /* some of enum cf_rule_needs */
    bool of_items;
    const char *formula;
} cf_rule_text;

/* Local. */
const cf_rule_text *cf_rule_about(enum cf_rule rule);

/* What takes over for a pair that a rule cannot tell: nothing, the rule's own
 * (zero for CF_RULE_MEAN), or one of the rules that always can. */
enum cf_fallback {
    CF_FALLBACK_OWN,
    CF_FALLBACK_NONE,
    CF_FALLBACK_GLOBAL,
    CF_FALLBACK_USER,
    CF_FALLBACK_ITEM,
    CF_FALLBACK_BASELINE
};

enum cf_clip { CF_CLIP_NONE, CF_CLIP_RATINGS, CF_CLIP_RANGE };

typedef struct cf_rule_options {
    enum cf_rule rule;
    int64_t k;             /* neighbours who count, at most */
    int64_t min_k;         /* with fewer the fallback takes over; at least 1 */
    double min_similarity; /* of a neighbour; above 0 it is in any case */
    enum cf_fallback fallback;
    enum cf_clip clip; /* to the range of the ratings, or to low .. high */
    double low, high;
} cf_rule_options;

/* What predictions are made from; all is borrowed. The same for all rules of a
 * call. */
typedef struct cf_predict_from {
    const cf_csr *users;        /* ratings: a row a user */
    const cf_csr *items;        /* the transpose; made when NULL and needed */
    const cf_user_lists *lists; /* CF_NEEDS_LISTS */
    const cf_embedding *embedding; /* CF_NEEDS_EMBEDDING */
    const cf_transform *transform; /* before the embedding, or NULL */
    const cf_ratings_measure *by;  /* CF_NEEDS_SIMILARITY; no distance */
    bool embedded;                 /* by the embedding, not the ratings */
    cf_baseline_options baseline;  /* of rule, fallback and neighbours */
    const char *what;              /* in messages: where it is from */
    /* NULL; or of a single pair by a single rule, what its prediction is made
     * of, on a rank or two: cf_explanation_share() brings it together. What
     * the neighbours of CF_RULE_MEAN and CF_RULE_SVD are is not told here. */
    cf_explanation *why;
} cf_predict_from;

/* Pairs of this rank, of a user row and an item row, -1 where one is unknown.
 * Any user may be on any rank, and a pair may come more than once. */
typedef struct cf_pairs_asked {
    int64_t count;
    const cf_gidx *user, *item;
} cf_pairs_asked;

/* What a prediction is from. */
enum cf_predicted_by { CF_BY_NONE, CF_BY_RULE, CF_BY_FALLBACK };

/* Predictions, one for each pair; the arrays are the caller's, [pairs]. */
typedef struct cf_predicted {
    float *rating; /* NaN where there is none */
    int32_t *by;   /* enum cf_predicted_by */
} cf_predicted;

/* Predicts all pairs by each of `count` rules into out[0 .. count). Rules that
 * need a similarity share the work, so that more values of k cost next to
 * nothing; they must be all of users or all of items. A user's own rating of
 * the item does not count. CF_BAD_DATA, agreed. Collective.
 *
 * Cost of rules that need a similarity: with c_i the ratings of item i, Σ c_i
 * over the ratings of the users that have pairs, times the sums of the
 * similarity (see similarity_rows.h), and Σ c_i over the pairs. Work is spread
 * over the ranks by that. Memory: 16 bytes a neighbour of a pair, for as many
 * pairs at a time as take 64 MiB or four times what own ratings take; for each
 * turn the ratings go round the ring; 48 bytes a pair and 8 for each rule; 16
 * bytes a user and an item on each rank, 32 with baselines. `svd`: 4 dim bytes
 * an item on each rank. `mean`: see recommend.h. */
int cf_predict(const cf_par *par, const cf_rule_options *rules, int count,
               const cf_predict_from *from, const cf_pairs_asked *pairs,
               cf_predicted *out);

#endif
