/* Sums for every item, of one user at a time. */
#ifndef CFMPI_SUMS_H
#define CFMPI_SUMS_H

#include "cfmpi/recommend.h"
#include "choose.h"
#include "words.h"

/* Weighted values and weights of a position lie in one cache line. */
typedef double cf_sum __attribute__((vector_size(16)));

enum { CF_SUM_VALUE, CF_SUM_WEIGHT };

/* What a score is of the two sums, weight above 0. */
typedef struct cf_sum_rule {
    bool mean;        /* value / weight, else value */
    bool by_value;    /* weights are those of the entries, else of the rows */
    double baseline;  /* weight of the baseline in a mean; 0: without */
    double *item_sum; /* [padded positions] that times the item's bias */
    double largest;   /* of these, without sign */
    const cf_baseline *from;
} cf_sum_rule;

typedef struct cf_sums {
    const cf_words *w;
    const cf_sum_rule *rule;
    const cf_choose_kernel *choose;
    cf_sum *at;      /* [padded positions], zero between users */
    int64_t swept;   /* positions below w->head, rounded up to whole blocks */
    uint32_t *apart; /* positions from there on that were added to, some of
                        them several times */
    int64_t count, room;
} cf_sums;

/* Positions that arrays by position are padded to. Local. */
int64_t cf_sums_padded(const cf_words *w);

/* Memory: 16 bytes a position. Local. */
void cf_sums_begin(cf_sums *s, const cf_words *w, const cf_sum_rule *rule);

/* Sees to it that `entries` more can be added. Not for several threads at a
 * time. Local. */
void cf_sums_reserve(cf_sums *s, int64_t entries);

/* Adds `weight` times a row of `count` words of which `leading` are leading
 * ones. Local. */
void cf_sums_add(cf_sums *s, const void *words, int64_t leading, int64_t count,
                 float weight);

/* Takes the items of a row out of the running. Local. */
void cf_sums_forget(cf_sums *s, const void *words, int64_t count);

/* Offers all items with a weight to list `row` of `out`, and clears the sums.
 * `user` is the row of the baseline. Local. */
void cf_sums_offer(cf_sums *s, cf_topk *out, int64_t row, cf_gidx user);

void cf_sums_end(cf_sums *s);

#endif
