#include "route.h"

#include <stdlib.h>
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"

static int by_row(const void *a, const void *b)
{
    const cf_pair *x = a, *y = b;
    if (x->row != y->row)
        return x->row < y->row ? -1 : 1;
    return (x->place > y->place) - (x->place < y->place);
}

/* Where the pairs of each rank begin; returns how many there are. */
static int64_t begins(const cf_route *r, int64_t *at)
{
    int64_t sum = 0;
    for (int p = 0; p < r->par->size; sum += r->to[p++])
        at[p] = sum;
    return sum;
}

void cf_route_begin(cf_route *r, const cf_par *par, const cf_gidx *row,
                    const cf_gidx *column, int64_t count, int *rank)
{
    *r = (cf_route){.par = par, .count = count, .rank = rank};
    r->to = cf_calloc(2 * (int64_t)par->size, sizeof *r->to, "pair counts");
    r->from = r->to + par->size;
    for (int64_t i = 0; i < count; i++)
        if (rank[i] >= 0)
            r->to[rank[i]]++;
    int64_t *at = cf_alloc(par->size, sizeof *at, "pair counts");
    cf_pair *send = cf_alloc(begins(r, at), sizeof *send, "pairs");
    for (int64_t i = 0; i < count; i++)
        if (rank[i] >= 0)
            send[at[rank[i]]++] = (cf_pair){row[i], column[i], 0};
    cf_alltoall_counts(par, r->to, r->from);
    for (int p = 0; p < par->size; p++)
        r->arrived += r->from[p];
    r->pairs = cf_alloc(r->arrived, sizeof *r->pairs, "pairs");
    cf_alltoallv(par, send, r->to, r->pairs, r->from, sizeof *send);
    for (int64_t i = 0; i < r->arrived; i++)
        r->pairs[i].place = i;
    qsort(r->pairs, (size_t)r->arrived, sizeof *r->pairs, by_row);
    cf_free(send);
    cf_free(at);
}

void cf_route_answer(const cf_route *r, const void *answers, void *back,
                     size_t size)
{
    int64_t *at = cf_alloc(r->par->size, sizeof *at, "pair counts");
    char *got = cf_alloc(begins(r, at), size, "answers");
    cf_alltoallv(r->par, answers, r->from, got, r->to, size);
    for (int64_t i = 0; i < r->count; i++)
        if (r->rank[i] >= 0)
            memcpy((char *)back + (size_t)i * size,
                   got + (size_t)at[r->rank[i]]++ * size, size);
    cf_free(got);
    cf_free(at);
}

void cf_route_free(cf_route *r)
{
    cf_free(r->rank);
    cf_free(r->to);
    cf_free(r->pairs);
    *r = (cf_route){0};
}
