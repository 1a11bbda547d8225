#include "delivery.h"

#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "edges.h"

/* What goes with a finished list. */
typedef struct heading {
    cf_gidx id;
    int32_t count, ties;
    float gap;
} heading;

/* Order of rows by the rank that they are from. */
static int64_t *by_owner(const cf_slab *slab, const cf_part *part,
                         int64_t *counts)
{
    int64_t *next = cf_calloc(part->size + 1, sizeof *next, "row counts");
    int64_t *order = cf_alloc(slab->count, sizeof *order, "order of rows");
    for (int64_t i = 0; i < slab->count; i++)
        counts[cf_part_owner(part, slab->id[i])]++;
    for (int r = 0; r < part->size; r++)
        next[r + 1] = next[r] + counts[r];
    for (int64_t i = 0; i < slab->count; i++)
        order[next[cf_part_owner(part, slab->id[i])]++] = i;
    cf_free(next);
    return order;
}

/* Rows on their way to the ranks that they are from, by these: a share of them
 * a round. */
typedef struct delivery {
    const cf_par *par;
    const int64_t *order; /* of the rows that go */
    int64_t *to, *counts; /* [size] rows to each rank, from each rank */
    int64_t arriving;
    int64_t rounds;
    cf_gidx *place; /* [arriving] where the rows that come belong */
} delivery;

/* The first of a rank's rows that go in a round. */
static int64_t first_of(const delivery *d, int64_t rows, int64_t round)
{
    return rows * round / d->rounds;
}

/* Rows of a round, to and from each rank: [2 size]; returns how many go. */
static int64_t count_round(const delivery *d, int64_t round, int64_t *rows,
                           int64_t *got)
{
    int64_t sent = 0, size = d->par->size;
    *got = 0;
    for (int r = 0; r < size; r++) {
        rows[r] =
            first_of(d, d->to[r], round + 1) - first_of(d, d->to[r], round);
        rows[size + r] = first_of(d, d->counts[r], round + 1) -
                         first_of(d, d->counts[r], round);
        sent += rows[r];
        *got += rows[size + r];
    }
    return sent;
}

/* One round of rows of `size` bytes. */
static void deliver_round(const delivery *d, int64_t round, const char *from,
                          char *out, size_t size)
{
    int ranks = d->par->size;
    int64_t *rows = cf_alloc(2 * (int64_t)ranks, sizeof *rows, "row counts");
    int64_t got, count = count_round(d, round, rows, &got);
    char *send = cf_alloc(count, size, "lists for their owners"), *next = send;
    char *in = cf_alloc(got, size, "lists from elsewhere");
    for (int64_t r = 0, before = 0; r < ranks; before += d->to[r++]) {
        const int64_t *order = d->order + before + first_of(d, d->to[r], round);
        for (int64_t i = 0; i < rows[r]; i++, next += size)
            memcpy(next, from + (size_t)order[i] * size, size);
    }
    cf_alltoallv(d->par, send, rows, in, rows + ranks, size);
    next = in;
    for (int64_t r = 0, before = 0; r < ranks; before += d->counts[r++]) {
        const cf_gidx *place =
            d->place + before + first_of(d, d->counts[r], round);
        for (int64_t i = 0; i < rows[ranks + r]; i++, next += size)
            memcpy(out + (size_t)place[i] * size, next, size);
    }
    cf_free(send);
    cf_free(in);
    cf_free(rows);
}

/* Rows of `size` bytes of `from` to where they belong in `out` there. */
static void deliver(delivery *d, const void *from, int64_t rows, void *out,
                    size_t size)
{
    int64_t most = CF_MAX(rows, d->arriving) * (int64_t)size;
    d->rounds = cf_max_i64(d->par, most / CF_DELIVERY_ROUND + 1);
    for (int64_t round = 0; round < d->rounds; round++)
        deliver_round(d, round, from, out, size);
}

static cf_gidx place_of(const cf_par *par, const cf_origin *from, cf_gidx id)
{
    if (from->number == NULL)
        return id - from->part->begin[par->rank];
    return cf_edges_place(from->number, from->count, id);
}

/* The headings of the rows that come, which say where they belong. */
static void deliver_headings(delivery *d, cf_topk *out, const cf_origin *from,
                             const cf_slab *slab, const cf_topk *lists)
{
    heading *send = cf_alloc(slab->count, sizeof *send, "list headings");
    heading *head = cf_alloc(d->arriving, sizeof *head, "list headings");
    for (int64_t o = 0; o < slab->count; o++) {
        int64_t i = d->order[o];
        send[o] = (heading){slab->id[i], lists->count[i], lists->ties[i],
                            lists->gap[i]};
    }
    cf_alltoallv(d->par, send, d->to, head, d->counts, sizeof *head);
    for (int64_t i = 0; i < d->arriving; i++) {
        int64_t row = d->place[i] = place_of(d->par, from, head[i].id);
        out->count[row] = head[i].count;
        out->ties[row] = head[i].ties;
        out->gap[row] = head[i].gap;
    }
    cf_free(send);
    cf_free(head);
}

static void return_lists(cf_topk *out, const cf_par *par, const cf_origin *from,
                         const cf_slab *slab, const cf_topk *lists)
{
    delivery d = {.par = par};
    d.to = cf_calloc(2 * (int64_t)par->size, sizeof *d.to, "row counts");
    d.counts = d.to + par->size;
    int64_t *order = by_owner(slab, from->part, d.to);
    d.order = order;
    cf_alltoall_counts(par, d.to, d.counts);
    for (int r = 0; r < par->size; r++)
        d.arriving += d.counts[r];
    d.place = cf_alloc(d.arriving, sizeof *d.place, "row numbers");
    deliver_headings(&d, out, from, slab, lists);
    deliver(&d, lists->score, slab->count, out->score,
            (size_t)lists->k * sizeof *lists->score);
    deliver(&d, lists->index, slab->count, out->index,
            (size_t)lists->k * sizeof *lists->index);
    cf_free(d.place);
    cf_free(order);
    cf_free(d.to);
}

/* Distances as they are; the gap between two is the same either way. */
static void turn_signs(cf_topk *lists)
{
    for (int64_t i = 0; i < lists->rows * lists->k; i++)
        lists->score[i] = lists->score[i] < 0    ? -lists->score[i]
                          : lists->index[i] >= 0 ? 0
                                                 : lists->score[i];
}

void cf_deliver_lists(cf_neighbors *out, const cf_par *par,
                      const cf_origin *from, const cf_slab *slab,
                      cf_topk *lists, enum cf_similarity similarity)
{
    int64_t tied = 0;
    cf_topk_finish(lists);
    cf_topk_init(&out->lists, from->count, lists->k);
    cf_topk_finish(&out->lists);
    return_lists(&out->lists, par, from, slab, lists);
    for (int64_t i = 0; i < from->count; i++)
        tied += out->lists.ties[i] > 0;
    if (similarity == CF_EUCLIDEAN)
        turn_signs(&out->lists);
    out->rows_tied = cf_sum_i64(par, tied);
}
