#include "travel.h"

#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"

/* ---- blocks ---- */

void cf_travel_begin(cf_travel *c, const cf_par *par, int64_t bytes)
{
    *c = (cf_travel){.par = par};
    cf_part_gather(&c->bytes, par, bytes);
    int64_t most = par->size > 1 ? cf_part_largest(&c->bytes) : 0;
    for (int b = 0; b < 2; b++)
        c->buffer[b] = cf_alloc(most, 1, "ring block");
}

void cf_travel_end(cf_travel *c)
{
    cf_part_free(&c->bytes);
    cf_free(c->buffer[0]);
    cf_free(c->buffer[1]);
}

char *cf_travel_room(const cf_travel *c)
{
    return c->buffer[1]; /* nothing comes into it before the second turn */
}

char *cf_travel_block(const cf_travel *c, int step)
{
    return c->buffer[(step + 1) % 2];
}

int64_t cf_travel_bytes(const cf_travel *c, int step)
{
    return cf_part_count(&c->bytes, (c->par->rank + step) % c->par->size);
}

void cf_travel_turn(const cf_travel *c, cf_ring *ring, const char *own,
                    int step)
{
    cf_ring_begin(ring, c->par, step == 0 ? own : cf_travel_block(c, step),
                  cf_travel_bytes(c, step), c->buffer[step % 2],
                  cf_travel_bytes(c, step + 1));
}

/* ---- lists of visitors ---- */

void cf_travel_swap(const cf_par *par, int step, const void *send, int64_t sent,
                    void *recv, int64_t got, size_t size)
{
    int64_t *counts =
        cf_calloc(2 * (int64_t)par->size, sizeof *counts, "row counts");
    counts[(par->rank + step) % par->size] = sent;
    counts[par->size + (par->rank - step + par->size) % par->size] = got;
    cf_alltoallv(par, send, counts, recv, counts + par->size, size);
    cf_free(counts);
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

int64_t cf_travel_home(const cf_par *par, int step, const cf_topk *away,
                       cf_topk *own, cf_travel_offer *offer, void *to)
{
    int64_t rows = own->rows, sent = total_of(away), got = 0;
    int32_t *count = cf_alloc(2 * rows, sizeof *count, "travelling lists");
    int32_t *ties = count + rows;
    cf_travel_swap(par, step, away->count, away->rows, count, rows,
                   sizeof *count);
    cf_travel_swap(par, step, away->ties, away->rows, ties, rows, sizeof *ties);
    for (int64_t i = 0; i < rows; i++)
        got += count[i];
    float *score = cf_alloc(sent + got, sizeof *score, "travelling lists");
    cf_gidx *index = cf_alloc(sent + got, sizeof *index, "travelling lists");
    pack(away, score, index);
    cf_travel_swap(par, step, score, sent, score + sent, got, sizeof *score);
    cf_travel_swap(par, step, index, sent, index + sent, got, sizeof *index);
    for (int64_t i = 0, at = sent; i < rows; at += count[i++]) {
        for (int64_t e = at; e < at + count[i]; e++)
            offer(to, i, score[e], index[e]);
        if (count[i] == away->k + 1)
            cf_topk_add_ties(own, i, score[at], ties[i]);
    }
    cf_free(score);
    cf_free(index);
    cf_free(count);
    return sent;
}
