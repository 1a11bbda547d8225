/* The k best candidates of each row: higher score first, then smaller index.
 * The order is total, so the result does not depend on the order in which
 * candidates come. */
#ifndef CFMPI_TOPK_H
#define CFMPI_TOPK_H

#include <stdbool.h>

#include "cfmpi/memory.h"
#include "cfmpi/types.h"

/* While candidates come, each row is a heap of k + 1 places, its worst entry
 * first; after cf_topk_finish it is a sorted list of k. */
typedef struct cf_topk {
    int64_t rows;
    int64_t k;
    int64_t stride; /* places a row: k + 1, after finish k */
    float *score;   /* [rows x stride]; NaN where there is none */
    cf_gidx *index; /* [rows x stride]; -1 where there is none */
    int32_t *count; /* [rows] */
    int32_t *ties;  /* [rows] rows left out with the k-th score */
    float *gap;     /* [rows] after finish: k-th minus (k+1)-th score, NaN
                       when there is no (k+1)-th */
    bool placed;    /* in memory of others */
} cf_topk;

/* Empty lists. 12 (k+1) + 12 bytes a row. Local. */
void cf_topk_init(cf_topk *t, int64_t rows, int64_t k);

/* Room in an arena for the lists of up to `rows` rows, not yet empty ones.
 * Local.
 */
void cf_topk_place(cf_topk *t, int64_t rows, int64_t k, cf_arena *arena);

/* Rows [first, first + rows) of lists, which stay theirs. Local. */
cf_topk cf_topk_part(const cf_topk *t, int64_t first, int64_t rows);

/* Empties all lists. Local. */
void cf_topk_clear(cf_topk *t);

/* The score a candidate of `row` must reach to change anything: -inf until
 * the row is full. Local. */
float cf_topk_floor(const cf_topk *t, int64_t row);

/* Of the candidates with that score only those of a smaller index change
 * anything: INT64_MAX until the row is full. Local. */
cf_gidx cf_topk_last(const cf_topk *t, int64_t row);

/* Offers one candidate. No index may be offered twice. O(log k). Local. */
void cf_topk_push(cf_topk *t, int64_t row, float score, cf_gidx index);

/* After the entries of another full list of the row have been offered:
 * `ties` candidates that it left out, whose score was that of its worst entry.
 * Local. */
void cf_topk_add_ties(cf_topk *t, int64_t row, float score, int32_t ties);

/* Sorts all rows and sets gap, ties and the empty places. Local. */
void cf_topk_finish(cf_topk *t);

/* Safe on {0} and twice. Local. */
void cf_topk_free(cf_topk *t);

#endif
