/* Pairs on their way to the rank that can answer them, and answers back. */
#ifndef CFMPI_ROUTE_H
#define CFMPI_ROUTE_H

#include "cfmpi/context.h"

/* A pair at the rank that answers. */
typedef struct cf_pair {
    cf_gidx row, column;
    int64_t place; /* in the order of arrival */
} cf_pair;

typedef struct cf_route {
    const cf_par *par;
    int64_t count;      /* own pairs */
    int *rank;          /* [count] who answers; -1: nobody */
    int64_t *to, *from; /* pairs to, and from, each rank */
    cf_pair *pairs;     /* [arrived] ascending by row, then by place */
    int64_t arrived;
} cf_route;

/* Sends own pairs to the ranks named; `rank` is taken over. Collective; 24
 * bytes a pair. */
void cf_route_begin(cf_route *r, const cf_par *par, const cf_gidx *row,
                    const cf_gidx *column, int64_t count, int *rank);

/* Gives back[i] the answer to own pair i, of `size` bytes; answers [arrived]
 * are in the order of arrival. Those whom nobody answers stay as they are.
 * Collective. */
void cf_route_answer(const cf_route *r, const void *answers, void *back,
                     size_t size);

/* Safe on {0} and twice. Local. */
void cf_route_free(cf_route *r);

#endif
