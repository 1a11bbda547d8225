/* Predicted ratings and top-N lists: what items are scored by, and which of
 * them are recommended. */
#ifndef CFMPI_RECOMMEND_H
#define CFMPI_RECOMMEND_H

#include "cfmpi/baseline.h"
#include "cfmpi/csr.h"
#include "cfmpi/topk.h"

/* The neighbours of the users that `part` gives this rank: finished lists. */
typedef struct cf_user_lists {
    const cf_part *part;
    const cf_topk *lists;
} cf_user_lists;

/* What items are scored by. Sums go over a user's neighbours v, or over the
 * items j that the user has rated, in the order of the lists and rows; only
 * similarities s above 0 count. */
enum cf_score {
    CF_SCORE_MEAN,       /* Σ s·r_vi / Σ s */
    CF_SCORE_SUM,        /* Σ s·r_vi */
    CF_SCORE_ITEM_SUM,   /* Σ r_uj·s_ji */
    CF_SCORE_PURESVD,    /* (A·V)_u · V_i */
    CF_SCORE_POPULARITY, /* ratings of the item */
    CF_SCORES
};

/* What a score is made from, beside the ratings. */
enum cf_score_needs {
    CF_SCORE_NEEDS_NOTHING,
    CF_SCORE_NEEDS_USER_LISTS,
    CF_SCORE_NEEDS_ITEM_LISTS,
    CF_SCORE_NEEDS_EMBEDDING
};

/* What is told about one. */
typedef struct cf_score_text {
    const char *name; /* as options and files have it */
    enum cf_score_needs needs;
    const char *what;  /* a stored score is */
    const char *units; /* NULL for none */
} cf_score_text;

/* Local. */
const cf_score_text *cf_score_about(enum cf_score score);

/* The score of that name, -1 where there is none. Local. */
int cf_score_find(const char *name);

/* What recommendations are made from; the parts that the score needs. All is
 * borrowed. */
typedef struct cf_recommend_from {
    const cf_csr *ratings;
    const cf_user_lists *users; /* lists of neighbours of users */
    const cf_user_lists *items; /* lists of neighbours of items */
    const float *user_rows;     /* [own users x dim] A·V, split as `ratings` */
    const float *item_rows;     /* [own items x dim] V, split by item_part */
    const cf_part *item_part;
    int dim;
    const cf_baseline *baseline; /* where baseline_weight > 0 */
    /* NULL; or what other users have rated, of the same items, who get the
     * lists in place of those of `ratings`: then `users`, user_rows, the
     * baseline's biases of users and how->asked are theirs. Their ratings are
     * not counted. */
    const cf_csr *others;
} cf_recommend_from;

/* The ratings of those who get lists. Local. */
static inline const cf_csr *cf_recommended_users(const cf_recommend_from *from)
{
    return from->others != NULL ? from->others : from->ratings;
}

/* How, and which. Masks are the same on all ranks, and NULL means all. */
typedef struct cf_recommend_how {
    enum cf_score score;
    int64_t top;
    double baseline_weight;   /* of CF_SCORE_MEAN: w below */
    int64_t min_popularity;   /* fewest ratings of an item */
    const uint8_t *candidate; /* [items] 1 where it may be recommended */
    const uint8_t *asked;     /* [users] 1 where the user gets a list */
    bool fill;                /* short lists are filled up */
    int threads;              /* of this rank, at least 1 */
} cf_recommend_how;

/* Lists of the users that `part` gives this rank. */
typedef struct cf_recommendations {
    cf_part part;
    cf_topk lists;   /* finished; gap and ties are not made */
    int32_t *filled; /* entries at the end of each list that popularity has
                        given; NULL without `fill` */
} cf_recommendations;

/* The `top` best items of each user that the user has not rated: higher score
 * first, then smaller row. A score is a float64 value, summed in the order
 * above (for CF_SCORE_PURESVD that of cf_dot) and rounded to float32. Listed
 * are items to which at least one similarity above 0 contributes; for
 * CF_SCORE_PURESVD and CF_SCORE_POPULARITY all items with a rating. With a
 * baseline weight w a mean is (Σ s·r + w·b_ui) / (Σ s + w), as if the baseline
 * mean + b_u + b_i were the rating of a neighbour of similarity w. With `fill`
 * the most rated of the other unseen items follow in lists that are short;
 * their score is NaN. The lists do not depend on the rank count, the threads
 * or the instruction set. Collective. Cost, traffic and memory: the files of
 * src/recommend. */
void cf_recommend(cf_recommendations *out, const cf_par *par,
                  const cf_recommend_from *from, const cf_recommend_how *how);

/* Safe on {0} and twice. Local. */
void cf_recommendations_free(cf_recommendations *r);

/* Lists as rows of a matrix, of similarities above 0 alone, in the order of the
 * lists. Memory: 8 bytes an entry. Collective. */
void cf_lists_matrix(cf_csr *a, const cf_par *par, const cf_user_lists *lists);

/* The weighted mean for given pairs of user row and item row; out[i] is NaN
 * where either is -1, and where no such neighbour rated the item. Pairs may be
 * on any rank. Collective; rows of neighbours are fetched in batches, 8
 * bytes an entry on the wire; memory: twice the rank's share of the ratings or
 * 32 MiB, 4 bytes a user, and 40 bytes a pair. */
void cf_predict_mean(const cf_par *par, const cf_user_lists *users,
                     const cf_csr *a, const cf_gidx *user, const cf_gidx *item,
                     int64_t count, float *out);

#endif
