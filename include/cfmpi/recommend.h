/* Predicted ratings and top-N lists from neighbour lists. */
#ifndef CFMPI_RECOMMEND_H
#define CFMPI_RECOMMEND_H

#include "cfmpi/csr.h"
#include "cfmpi/topk.h"

/* The neighbours of the users that `part` gives this rank: finished lists. */
typedef struct cf_user_lists {
    const cf_part *part;
    const cf_topk *lists;
} cf_user_lists;

/* The `top` best unseen items of each own user by the weighted mean
 * r̂ = Σ s·r / Σ s over the user's neighbours of positive similarity s who
 * rated the item; sums in float64 in list order, the quotient rounded to
 * float32. Items nobody among them rated are not listed, nor are the user's
 * own. `out` gets finished lists of item rows. The result does not depend on
 * the rank count. Collective; Σ over users of Σ over neighbours of nnz
 * multiply-adds; rows of neighbours are fetched in batches, 8 bytes an entry
 * on the wire; memory: twice the rank's share of the ratings or 32 MiB, 8 bytes
 * a neighbour, and 20 bytes an item. */
void cf_recommend_mean(cf_topk *out, const cf_par *par,
                       const cf_user_lists *users, const cf_csr *a,
                       int64_t top);

/* The same mean for given pairs of user row and item row; out[i] is NaN where
 * either is -1, and where no such neighbour rated the item. Pairs may be on
 * any rank. Collective; memory as above and 40 bytes a pair. */
void cf_predict_mean(const cf_par *par, const cf_user_lists *users,
                     const cf_csr *a, const cf_gidx *user, const cf_gidx *item,
                     int64_t count, float *out);

#endif
