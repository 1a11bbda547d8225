/* How good predictions and top-N lists are, by ratings that were kept out.
 *
 * Errors, over the test pairs in the order of users and items: a pair is
 * covered when it has a prediction.
 *   RMSE, MAE      √mean e², mean |e| over covered pairs, e = prediction −
 *                  rating
 *   COVERED        share of pairs that are covered
 *   RMSE_FALLBACK, MAE_FALLBACK   over all pairs, those without a prediction
 *                  having the fallback's
 *
 * Ranking, of the first N places of a list; rel are a user's test ratings that
 * reach a bound, hits those of them in the list, p their places from 1. Means
 * over the users with a relevant item; the others are counted.
 *   PRECISION      |hits| / N                 (as RecTools Precision)
 *   RECALL         |hits| / |rel|             (RecTools Recall)
 *   NDCG           Σ_hits 1/log2(p+1) over Σ_{p <= min(N,|rel|)} 1/log2(p+1)
 *                                  (RecTools NDCG, divide_by_achievable=True)
 *   HIT_RATE       1 with a hit, else 0       (RecTools HitRate, LensKit Hit)
 *   MAP            Σ_hits (hits up to p)/p over min(N,|rel|)
 *                                             (ml_metrics mapk)
 *   MRR            1 / place of the first hit, else 0
 *                                          (RecTools MRR, LensKit RecipRank)
 * What other programs have under these names:
 *   PRECISION_LENSKIT   |hits| / length of the list; users without one are out
 *   RECALL_LENSKIT      |hits| / min(N, |rel|)
 *   NDCG_LENSKIT        1/max(log2 p, 1) in place of 1/log2(p+1)
 *   NDCG_RECTOOLS       ideal over N places whatever |rel| is (its default)
 *   MAP_RECTOOLS        over |rel| (its default)
 * Over all lists, those of users without test ratings too:
 *   COVERAGE       share of items that are in a list (RecTools
 *                  CatalogCoverage, normalized)
 *   GINI           of how many lists each item is in, items in none included:
 *                  Σ (2i − m − 1) c_i / (m Σ c), c ascending (LensKit ListGini)
 *   NOVELTY        mean −log2(share of the learned-from users who rated it)
 *                  over a list, then over lists (RecTools MeanInvUserFreq)
 * What is not defined, such as a mean of nothing, is NaN. */
#ifndef CFMPI_METRICS_H
#define CFMPI_METRICS_H

#include "cfmpi/csr.h"
#include "cfmpi/topk.h"

enum cf_error_metric {
    CF_RMSE,
    CF_MAE,
    CF_COVERED,
    CF_RMSE_FALLBACK,
    CF_MAE_FALLBACK,
    CF_ERROR_METRICS /* how many there are */
};

enum cf_rank_metric {
    CF_PRECISION,
    CF_RECALL,
    CF_NDCG,
    CF_HIT_RATE,
    CF_MAP,
    CF_MRR,
    CF_PRECISION_LENSKIT,
    CF_RECALL_LENSKIT,
    CF_NDCG_LENSKIT,
    CF_NDCG_RECTOOLS,
    CF_MAP_RECTOOLS,
    CF_USER_METRICS, /* how many are means over users */
    CF_COVERAGE = CF_USER_METRICS,
    CF_GINI,
    CF_NOVELTY,
    CF_RANK_METRICS
};

/* Names, "precision-lenskit"; whether less is better. Local. */
extern const char *const cf_error_metric_names[CF_ERROR_METRICS];
extern const char *const cf_rank_metric_names[CF_RANK_METRICS];

/* Errors of predictions of the own entries of `test`, NaN where there is none;
 * fallback [own entries] has a number for each. The same for any rank count:
 * sums go in order of the entries. Collective; ranks add in turn. */
void cf_metrics_errors(double out[CF_ERROR_METRICS], const cf_par *par,
                       const cf_csr *test, const float *prediction,
                       const double *fallback);

/* What ranking is measured by. */
typedef struct cf_ranked {
    const cf_csr *test;
    const cf_topk *lists;  /* finished, of the own rows of `test` */
    const int64_t *raters; /* [items] users that each was learned from */
    int64_t users;         /* who were learned from, all ranks */
    double relevant;       /* test ratings that reach it are */
} cf_ranked;

/* Metrics of the first `n` places, and how many users with test ratings have a
 * relevant one and how many have none. The same for any rank count. Collective;
 * ranks add in turn; 8 bytes an item, and 17 a place of a list. */
void cf_metrics_ranking(double out[CF_RANK_METRICS], int64_t users[2],
                        const cf_par *par, const cf_ranked *r, int64_t n);

/* Mean of x [n], and half the width of its 95 % interval by Student's t, NaN
 * for fewer than 2. NaN where an x is NaN. Local. */
void cf_metrics_interval(const double *x, int64_t n, double *mean,
                         double *half);

/* The t that a variable of Student's distribution of `freedom` degrees stays
 * within, either side of 0, with probability `level`. Local. */
double cf_student_t(int64_t freedom, double level);

#endif
