/* What a predicted rating or a score is made of: the neighbours behind it, and
 * what is there without them. */
#ifndef CFMPI_EXPLAIN_H
#define CFMPI_EXPLAIN_H

#include "cfmpi/recommend.h"
#include "cfmpi/transform.h"

/* What a value is made of beside the neighbours. */
enum cf_explained_by {
    CF_BY_GLOBAL_MEAN,
    CF_BY_USER_MEAN,
    CF_BY_ITEM_MEAN,
    CF_BY_USER_BIAS,
    CF_BY_ITEM_BIAS,
    CF_BY_BASELINE,   /* as one more neighbour */
    CF_BY_POPULARITY, /* ratings of the item */
    CF_BY_ROUNDING    /* of the stored vectors to float32 */
};

typedef struct cf_explained_part {
    int by; /* enum cf_explained_by */
    double amount;
    double share; /* NaN where it is none of the neighbours' kind */
} cf_explained_part;

/* A user who rated the item, or an item that the user rated. */
typedef struct cf_explained_term {
    cf_gidx row;
    float rating;
    double similarity;
    double share;  /* of all neighbours: these are 1 together */
    double amount; /* what it adds to the value */
} cf_explained_term;

#define CF_EXPLAINED_PARTS 4

/* {0} is empty. */
typedef struct cf_explanation {
    bool told;     /* this rank knows */
    bool of_items; /* neighbours are items that the user rated */
    double value;  /* in float64, before it is clipped and rounded; the sum of
                      all amounts, but for their own rounding */
    int64_t near;  /* neighbours there are, also where they are too few */
    int parts;
    cf_explained_part part[CF_EXPLAINED_PARTS];
    int64_t count, room;
    cf_explained_term *term; /* [count] nearest first, or in order of items */
} cf_explanation;

/* Local. */
void cf_explanation_part(cf_explanation *e, enum cf_explained_by by,
                         double amount, double share);
void cf_explanation_term(cf_explanation *e, const cf_explained_term *term);

/* What one rank knows becomes known to all. Collective. */
void cf_explanation_share(cf_explanation *e, const cf_par *par);

/* The score of `item` for `user`, as cf_recommend makes it of the same,
 * whether the user has rated the item or not; the value is NaN where there is
 * none. Rounded to float32 it is what a list has. CF_SCORE_PURESVD: see
 * cf_explain_product. The same on all ranks. Collective; reads what the one
 * user and item need, and of CF_SCORE_ITEM_SUM 8 bytes an entry of the lists.
 */
void cf_explain_score(cf_explanation *e, const cf_par *par,
                      const cf_recommend_from *from,
                      const cf_recommend_how *how, cf_gidx user, cf_gidx item);

/* Adds to a value that is a product of vectors, or has one in it, the items
 * that the user rated: rating as it was decomposed (`t`, or NULL) times the
 * product of the two items' rows of V; and what is then left over. `v` [own
 * items x dim] is split by item_part; dimensions whose `sigma` [dim] is 0 do
 * not count. The same on all ranks, as is *e before. Collective; 4 dim bytes
 * an item on each rank. */
void cf_explain_product(cf_explanation *e, const cf_par *par, const cf_csr *a,
                        const cf_transform *t, const float *v,
                        const cf_part *item_part, int dim, const double *sigma,
                        cf_gidx user, cf_gidx item);

/* Safe on {0} and twice. Local. */
void cf_explanation_free(cf_explanation *e);

#endif
