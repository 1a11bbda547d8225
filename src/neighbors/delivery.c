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

/* Rows of `size` bytes of `from` in this order to their ranks. */
static void *deliver(const cf_par *par, const void *from, const int64_t *order,
                     const int64_t *to, const int64_t *counts, int64_t rows,
                     int64_t arriving, size_t size)
{
    char *send = cf_alloc(rows, size, "lists for their owners");
    char *got = cf_alloc(arriving, size, "lists from elsewhere");
    for (int64_t i = 0; i < rows; i++)
        memcpy(send + (size_t)i * size,
               (const char *)from + (size_t)order[i] * size, size);
    cf_alltoallv(par, send, to, got, counts, size);
    cf_free(send);
    return got;
}

static cf_gidx place_of(const cf_par *par, const cf_origin *from, cf_gidx id)
{
    if (from->number == NULL)
        return id - from->part->begin[par->rank];
    return cf_edges_place(from->number, from->count, id);
}

static void return_lists(cf_topk *out, const cf_par *par, const cf_origin *from,
                         const cf_slab *slab, const cf_topk *lists)
{
    int64_t *to = cf_calloc(2 * (int64_t)par->size, sizeof *to, "row counts");
    int64_t *counts = to + par->size, arriving = 0, k = lists->k;
    int64_t *order = by_owner(slab, from->part, to);
    heading *head = cf_alloc(slab->count, sizeof *head, "list headings");
    cf_alltoall_counts(par, to, counts);
    for (int r = 0; r < par->size; r++)
        arriving += counts[r];
    for (int64_t i = 0; i < slab->count; i++)
        head[i] = (heading){slab->id[i], lists->count[i], lists->ties[i],
                            lists->gap[i]};
    heading *heads = deliver(par, head, order, to, counts, slab->count,
                             arriving, sizeof *head);
    cf_free(head);
    for (int64_t i = 0; i < arriving; i++) {
        int64_t row = heads[i].id = place_of(par, from, heads[i].id);
        out->count[row] = heads[i].count;
        out->ties[row] = heads[i].ties;
        out->gap[row] = heads[i].gap;
    }
    /* One after the other, as they may be long. */
    float *score = deliver(par, lists->score, order, to, counts, slab->count,
                           arriving, (size_t)k * sizeof *score);
    for (int64_t i = 0; i < arriving; i++)
        memcpy(out->score + heads[i].id * k, score + i * k,
               (size_t)k * sizeof *score);
    cf_free(score);
    cf_gidx *index = deliver(par, lists->index, order, to, counts, slab->count,
                             arriving, (size_t)k * sizeof *index);
    for (int64_t i = 0; i < arriving; i++)
        memcpy(out->index + heads[i].id * k, index + i * k,
               (size_t)k * sizeof *index);
    cf_free(index);
    cf_free(heads);
    cf_free(order);
    cf_free(to);
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
