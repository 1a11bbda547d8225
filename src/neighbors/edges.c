#include "edges.h"

#include <math.h>
#include <stdlib.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"

/* An edge on the wire. */
typedef struct arrival {
    cf_gidx column;
    int32_t row; /* among those of the receiver */
    float weight;
} arrival;

static int by_column(const void *a, const void *b)
{
    const arrival *x = a, *y = b;
    return (x->column > y->column) - (x->column < y->column);
}

#define FEW 64 /* entries that are sorted by comparing */
#define DIGIT 8
#define DIGITS (1 << DIGIT)

/* By digits, the last first, from one of two places of n to the other; returns
 * where they are then. */
static arrival *sort_many(arrival *from, arrival *to, int64_t n)
{
    cf_gidx most = 0;
    for (int64_t i = 0; i < n; i++)
        most = CF_MAX(most, from[i].column);
    for (int shift = 0; shift < 63 && most >> shift > 0; shift += DIGIT) {
        int64_t next[DIGITS + 1] = {0};
        for (int64_t i = 0; i < n; i++)
            next[(from[i].column >> shift & (DIGITS - 1)) + 1]++;
        for (int d = 0; d < DIGITS; d++)
            next[d + 1] += next[d];
        for (int64_t i = 0; i < n; i++)
            to[next[from[i].column >> shift & (DIGITS - 1)]++] = from[i];
        arrival *other = from;
        from = to;
        to = other;
    }
    return from;
}

void cf_edges_sort(cf_gidx *column, float *weight, int64_t n)
{
    int64_t sorted = 1;
    while (sorted < n && column[sorted] > column[sorted - 1])
        sorted++;
    if (sorted >= n)
        return;
    arrival *a = cf_alloc(2 * n, sizeof *a, "row of a graph"), *in_order = a;
    for (int64_t i = 0; i < n; i++)
        a[i] = (arrival){column[i], 0, weight[i]};
    if (n < FEW)
        qsort(a, (size_t)n, sizeof *a, by_column);
    else
        in_order = sort_many(a, a + n, n);
    for (int64_t i = 0; i < n; i++) {
        column[i] = in_order[i].column;
        weight[i] = in_order[i].weight;
    }
    cf_free(a);
}

int64_t cf_edges_place(const int64_t *begin, int64_t count, int64_t at)
{
    int64_t low = 0, high = count;
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (begin[middle] <= at)
            low = middle;
        else
            high = middle;
    }
    return low;
}

void cf_graph_seal(cf_graph *g, const cf_par *par)
{
    int64_t own = g->indptr[cf_part_count(&g->part, par->rank)];
    g->entries = cf_sum_i64(par, own);
    g->before = cf_exscan_i64(par, own);
}

void cf_graph_drop_signs(cf_graph *g, const cf_par *par)
{
    for (int64_t e = 0; e < g->indptr[cf_part_count(&g->part, par->rank)]; e++)
        g->weight[e] = fabsf(g->weight[e]);
}

/* Room for the rounds. */
typedef struct rounds {
    cf_edge *edges;   /* [CF_EDGES_ROUND] */
    arrival *send;    /* [CF_EDGES_ROUND] by receiver */
    int64_t *to;      /* [ranks] for each receiver */
    int64_t *from;    /* [ranks] from each sender */
    int64_t *next;    /* [ranks] places in `send` */
    arrival *arrived; /* of this round */
} rounds;

static void rounds_begin(rounds *r, const cf_par *par)
{
    r->edges = cf_alloc(CF_EDGES_ROUND, sizeof *r->edges, "edges");
    r->send = cf_alloc(CF_EDGES_ROUND, sizeof *r->send, "edges");
    r->to = cf_alloc(3 * (int64_t)par->size, sizeof *r->to, "edge counts");
    r->from = r->to + par->size;
    r->next = r->from + par->size;
}

static void rounds_end(rounds *r)
{
    cf_free(r->edges);
    cf_free(r->send);
    cf_free(r->to);
    cf_free(r->arrived);
}

/* Edges of this round by the rank of their row. */
static void sort_by_receiver(rounds *r, const cf_part *part, int64_t count)
{
    for (int p = 0; p < part->size; p++)
        r->to[p] = 0;
    for (int64_t e = 0; e < count; e++)
        r->to[cf_part_owner(part, r->edges[e].row)]++;
    r->next[0] = 0;
    for (int p = 1; p < part->size; p++)
        r->next[p] = r->next[p - 1] + r->to[p - 1];
    for (int64_t e = 0; e < count; e++) {
        const cf_edge *edge = &r->edges[e];
        int owner = cf_part_owner(part, edge->row);
        r->send[r->next[owner]++] =
            (arrival){edge->column, (int32_t)(edge->row - part->begin[owner]),
                      edge->weight};
    }
}

/* One round; returns how many edges have arrived. */
static int64_t go_round(rounds *r, const cf_par *par, const cf_part *part,
                        int64_t count)
{
    int64_t arriving = 0;
    sort_by_receiver(r, part, count);
    cf_alltoall_counts(par, r->to, r->from);
    for (int p = 0; p < par->size; p++)
        arriving += r->from[p];
    cf_free(r->arrived);
    r->arrived = cf_alloc(arriving, sizeof *r->arrived, "edges");
    cf_alltoallv(par, r->send, r->to, r->arrived, r->from, sizeof *r->send);
    return arriving;
}

/* All rounds: counts what arrives for each row at indptr[row + 1], or, where
 * there is room for it, puts it at next[row]. */
static void all_rounds(cf_graph *g, rounds *r, const cf_par *par,
                       cf_edges_take *take, const void *from, int64_t count,
                       int64_t *next)
{
    int64_t most = cf_max_i64(par, count);
    for (int64_t begin = 0; begin < most; begin += CF_EDGES_ROUND) {
        int64_t here = CF_MAX(CF_MIN(CF_EDGES_ROUND, count - begin), 0);
        take(from, begin, here, r->edges);
        int64_t arrived = go_round(r, par, &g->part, here);
        for (int64_t e = 0; e < arrived; e++) {
            const arrival *a = &r->arrived[e];
            if (next == NULL) {
                g->indptr[a->row + 1]++;
                continue;
            }
            int64_t at = next[a->row]++;
            g->indices[at] = a->column;
            g->weight[at] = a->weight;
        }
    }
}

void cf_edges_deliver(cf_graph *out, const cf_par *par, const cf_part *part,
                      cf_edges_take *take, const void *from, int64_t count)
{
    rounds r = {0};
    int64_t n = cf_part_count(part, par->rank);
    CF_ASSERT(n <= INT32_MAX);
    cf_graph_free(out);
    cf_part_copy(&out->part, part);
    rounds_begin(&r, par);
    out->indptr = cf_calloc(n + 1, sizeof *out->indptr, "row pointers");
    all_rounds(out, &r, par, take, from, count, NULL);
    int64_t *next = cf_alloc(n, sizeof *next, "row pointers");
    for (int64_t i = 0; i < n; i++) {
        next[i] = out->indptr[i];
        out->indptr[i + 1] += out->indptr[i];
    }
    int64_t entries = out->indptr[n];
    out->indices = cf_alloc(entries, sizeof *out->indices, "edges");
    out->weight = cf_alloc(entries, sizeof *out->weight, "edges");
    all_rounds(out, &r, par, take, from, count, next);
    cf_free(next);
    rounds_end(&r);
    for (int64_t i = 0; i < n; i++) {
        int64_t at = out->indptr[i];
        cf_edges_sort(out->indices + at, out->weight + at,
                      out->indptr[i + 1] - at);
    }
    cf_graph_seal(out, par);
}
