/* How far lists of neighbours agree with those that they stand for. */
#ifndef CFMPI_OVERLAP_H
#define CFMPI_OVERLAP_H

#include "cfmpi/context.h"
#include "cfmpi/partition.h"
#include "cfmpi/topk.h"

/* Of a row, with A its list, B the list that A stands for, both cut to their
 * first d entries as A_d, B_d:
 *
 *   overlap@d   |A_d ∩ B_d| / |B_d|
 *   recall@d    |A ∩ B_d| / |B_d|
 *
 * so a list that is too short has lost what it lacks. Rows whose B is empty
 * have neither (NaN), and count nowhere. Means are of shares rounded to 2^-32,
 * which makes them the same for any number of ranks; bins are of rows with 0,
 * 1, 2-3, 4-7, ... ratings, those that have rows. */
typedef struct cf_overlap {
    cf_part part; /* rows */
    int depths;
    cf_gidx *depth;         /* [depths] ascending, the last one is all of A */
    float *overlap;         /* [own rows x depths] */
    float *recall;          /* [own rows x depths] */
    int64_t rows, left_out; /* with B, and without; all ranks */
    double *mean_overlap;   /* [depths] of all ranks, NaN without rows */
    double *mean_recall;
    int bins;
    int64_t *from, *to;  /* [bins] fewest and most ratings */
    int64_t *bin_rows;   /* [bins] */
    double *bin_overlap; /* [bins x depths] means */
    double *bin_recall;
} cf_overlap;

/* Compares finished lists `a` with `b`, which have the same rows and at least
 * as many places; `activity` are the ratings of own rows. Depths are 10, 20,
 * 50, 100, ... below a->k, and a->k. Collective; O(k log k) a row, 8 bytes for
 * each of its depths. */
void cf_overlap_find(cf_overlap *out, const cf_par *par, const cf_part *part,
                     const cf_topk *a, const cf_topk *b,
                     const int64_t *activity);

/* Safe on {0} and twice. Local. */
void cf_overlap_free(cf_overlap *o);

#endif
