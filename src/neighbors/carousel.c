#include "carousel.h"

#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"

/* ---- blocks ---- */

static int64_t bytes_of(const cf_carousel *c, int64_t rows)
{
    return rows * (c->dim * (int64_t)sizeof(float) + (int64_t)sizeof(cf_gidx));
}

void cf_carousel_begin(cf_carousel *c, const cf_par *par, const cf_slab *own,
                       int dim)
{
    *c = (cf_carousel){.par = par, .dim = dim};
    cf_part_gather(&c->part, par, own->count);
    int64_t most = cf_part_largest(&c->part);
    for (int b = 0; b < 2; b++)
        c->buffer[b] =
            cf_alloc(par->size > 1 ? bytes_of(c, most) : 0, 1, "ring block");
}

void cf_carousel_end(cf_carousel *c)
{
    cf_part_free(&c->part);
    cf_free(c->buffer[0]);
    cf_free(c->buffer[1]);
}

static int rank_after(const cf_carousel *c, int step)
{
    return (c->par->rank + step) % c->par->size;
}

/* Numbers first: they need the stricter alignment. */
cf_slab cf_carousel_slab(const cf_carousel *c, int step)
{
    int64_t count = cf_part_count(&c->part, rank_after(c, step));
    char *at = c->buffer[(step + 1) % 2];
    return (cf_slab){
        .count = count,
        .id = (cf_gidx *)(void *)at,
        .rows = (float *)(void *)(at + count * (int64_t)sizeof(cf_gidx))};
}

void cf_carousel_turn(const cf_carousel *c, cf_ring *ring, const cf_slab *own,
                      int step)
{
    int64_t now = cf_part_count(&c->part, rank_after(c, step));
    int64_t next = cf_part_count(&c->part, rank_after(c, step + 1));
    char *send = c->buffer[(step + 1) % 2];
    if (step == 0) {
        int64_t ids = own->count * (int64_t)sizeof(cf_gidx);
        memcpy(send, own->id, (size_t)ids);
        memcpy(send + ids, own->rows, (size_t)(bytes_of(c, own->count) - ids));
    }
    cf_ring_begin(ring, c->par, send, bytes_of(c, now), c->buffer[step % 2],
                  bytes_of(c, next));
}

/* ---- lists of visitors ---- */

void cf_carousel_swap(const cf_par *par, int step, const void *send,
                      int64_t sent, void *recv, int64_t got, size_t size)
{
    int64_t *counts =
        cf_calloc(2 * (int64_t)par->size, sizeof *counts, "row counts");
    counts[(par->rank + step) % par->size] = sent;
    counts[par->size + (par->rank - step + par->size) % par->size] = got;
    cf_alltoallv(par, send, counts, recv, counts + par->size, size);
    cf_free(counts);
}

void cf_carousel_visit(const cf_carousel *c, const cf_measure *u, int step,
                       const cf_party *own, int64_t k, cf_slab *slab,
                       cf_party *visitors)
{
    int back = c->par->size - step; /* the other way round */
    *slab = cf_carousel_slab(c, step);
    float *floor = cf_alloc(slab->count, sizeof *floor, "list floors");
    cf_carousel_swap(c->par, back, own->floor, own->lists.rows, floor,
                     slab->count, sizeof *floor);
    cf_party_set(visitors, u, slab, k, floor);
    cf_free(floor);
}

static int64_t total_of(const cf_topk *t)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < t->rows; i++)
        sum += t->count[i];
    return sum;
}

/* Entries of all rows one after the other. */
static void pack(const cf_topk *t, float *score, cf_gidx *index)
{
    for (int64_t i = 0; i < t->rows; i++) {
        size_t count = (size_t)t->count[i];
        memcpy(score, t->score + i * t->stride, count * sizeof *score);
        memcpy(index, t->index + i * t->stride, count * sizeof *index);
        score += count;
        index += count;
    }
}

int64_t cf_carousel_send_home(const cf_measure *u, cf_party *own,
                              const cf_party *visitors, const cf_par *par,
                              int step)
{
    const cf_topk *away = &visitors->lists;
    int64_t rows = own->lists.rows, sent = total_of(away), got = 0;
    int32_t *count = cf_alloc(2 * rows, sizeof *count, "travelling lists");
    int32_t *ties = count + rows;
    cf_carousel_swap(par, step, away->count, away->rows, count, rows,
                     sizeof *count);
    cf_carousel_swap(par, step, away->ties, away->rows, ties, rows,
                     sizeof *ties);
    for (int64_t i = 0; i < rows; i++)
        got += count[i];
    float *score = cf_alloc(sent + got, sizeof *score, "travelling lists");
    cf_gidx *index = cf_alloc(sent + got, sizeof *index, "travelling lists");
    pack(away, score, index);
    cf_carousel_swap(par, step, score, sent, score + sent, got, sizeof *score);
    cf_carousel_swap(par, step, index, sent, index + sent, got, sizeof *index);
    for (int64_t i = 0, at = sent; i < rows; at += count[i++]) {
        for (int64_t e = at; e < at + count[i]; e++)
            cf_party_offer(u, own, i, score[e], index[e]);
        if (count[i] == away->k + 1)
            cf_topk_add_ties(&own->lists, i, score[at], ties[i]);
    }
    cf_free(score);
    cf_free(index);
    cf_free(count);
    return sent;
}
