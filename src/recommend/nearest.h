/* The k nearest who rated, of each of many pairs. */
#ifndef CFMPI_NEAREST_H
#define CFMPI_NEAREST_H

#include "cfmpi/similarity_rows.h"
#include "route.h"

/* One who rated the column of a pair, and how alike it is to the pair's row. */
typedef struct cf_near {
    float score, rating;
    cf_gidx row;
} cf_near;

/* Gets the nearest of a pair, the nearest first; they may be overwritten. */
typedef void cf_nearest_fn(void *to, const cf_pair *pair, const cf_near *near,
                           int64_t count);

/* Pairs of rows and columns of what is compared: own ones, any row on any rank.
 */
typedef struct cf_nearest {
    const cf_rows_compared *compared;
    int64_t k;
    float floor; /* the smallest score of a neighbour, above 0 */
} cf_nearest;

/* Finds out who answers which pair: row [count] and column are numbers, -1 for
 * a pair without an answer. Work is spread evenly. Collective; 8 bytes a row
 * and a column on each rank for a while. */
void cf_nearest_route(cf_route *r, const cf_par *par, const cf_nearest *n,
                      const cf_gidx *row, const cf_gidx *column, int64_t count);

/* Calls `answer` for each pair that has arrived. CF_BAD_DATA, agreed.
 * Collective; cost, traffic and memory: src/recommend/nearest.c. */
int cf_nearest_find(const cf_par *par, const cf_nearest *n, const cf_route *r,
                    cf_nearest_fn *answer, void *to);

#endif
