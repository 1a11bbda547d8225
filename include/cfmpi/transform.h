/* How ratings become the matrix that is decomposed: weights, then centring.
 * What that takes from all ratings is kept, so that a new row is treated as
 * the old ones were. */
#ifndef CFMPI_TRANSFORM_H
#define CFMPI_TRANSFORM_H

#include <stdbool.h>

#include "cfmpi/csr.h"

/* Of a rating r, with N users, df of whom rated the item, and length the sum
 * of the user's ratings:
 *   LOG     ln(1 + r)
 *   BINARY  1
 *   TFIDF   √r (ln N − ln(1 + df))
 *   BM25    r (K1 + 1) / (K1 (1 − B + B length / mean length) + r)
 *           (ln N − ln(1 + df)), K1 = 1.2, B = 0.75
 * Sources: Salton, Buckley 1988; Robertson, Zaragoza 2009. */
enum cf_weighting {
    CF_WEIGHT_NONE,
    CF_WEIGHT_LOG,
    CF_WEIGHT_BINARY,
    CF_WEIGHT_TFIDF,
    CF_WEIGHT_BM25
};

/* Means of what the weighting gives, over the ratings that are there, are
 * subtracted from these ratings: what is not rated stays zero, which then
 * stands for the mean. BOTH takes the items' means first, then those of what
 * is left to a user (Sarwar et al. 2000). */
enum cf_centring {
    CF_CENTRE_NONE,
    CF_CENTRE_USER,
    CF_CENTRE_ITEM,
    CF_CENTRE_BOTH
};

typedef struct cf_transform {
    int64_t weighting, centring;
    cf_gidx items;
    double mean_length; /* BM25; else 0 */
    double *idf;        /* [items] TFIDF, BM25; else NULL */
    double *item_mean;  /* [items] ITEM, BOTH; else NULL; 0 without ratings */
} cf_transform;

/* Names as options and files have them; NULL ends. */
extern const char *const cf_weighting_names[];
extern const char *const cf_centring_names[];

/* Whether the values stay as they are. Local. */
bool cf_transform_is_none(const cf_transform *t);

/* Learns from all ratings, by `users` of which weights take shares and means:
 * the rows, or fewer where some only stand for users of elsewhere. The result
 * is the same for any rank count. CF_BAD_DATA, agreed, when the weighting is
 * not defined for some rating. Collective; up to 16 bytes an item on each rank.
 */
int cf_transform_learn(cf_transform *t, const cf_csr *a, const cf_par *par,
                       cf_gidx users, int64_t weighting, int64_t centring);

/* Whether the weighting is defined for all ratings: CF_BAD_DATA, agreed.
 * Collective. */
int cf_transform_check(const cf_transform *t, const cf_csr *a,
                       const cf_par *par);

/* values [own entries] = what becomes of the ratings of own rows, each row by
 * itself. Local. */
void cf_transform_apply(const cf_transform *t, const cf_csr *a, float *values);

/* Safe on {0} and twice. Local. */
void cf_transform_free(cf_transform *t);

#endif
