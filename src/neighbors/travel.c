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

/* Entries in lists of so many rows for each rank; returns how many in all. */
static int64_t add_up(const int32_t *count, const int64_t *rows, int ranks,
                      int64_t *entries)
{
    int64_t sum = 0;
    for (int r = 0; r < ranks; r++) {
        entries[r] = 0;
        for (int64_t i = 0; i < rows[r]; i++)
            entries[r] += *count++;
        sum += entries[r];
    }
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

int64_t cf_travel_lists(const cf_par *par, const cf_topk *away,
                        const int64_t *to, cf_topk *own, const int64_t *from,
                        cf_travel_offer *offer, void *data)
{
    int64_t rows = own->rows;
    int32_t *count = cf_alloc(2 * rows, sizeof *count, "travelling lists");
    int32_t *ties = count + rows;
    int64_t *sends =
        cf_alloc(2 * (int64_t)par->size, sizeof *sends, "row counts");
    int64_t *gets = sends + par->size;
    cf_alltoallv(par, away->count, to, count, from, sizeof *count);
    cf_alltoallv(par, away->ties, to, ties, from, sizeof *ties);
    int64_t sent = add_up(away->count, to, par->size, sends);
    int64_t got = add_up(count, from, par->size, gets);
    float *score = cf_alloc(sent + got, sizeof *score, "travelling lists");
    cf_gidx *index = cf_alloc(sent + got, sizeof *index, "travelling lists");
    pack(away, score, index);
    cf_alltoallv(par, score, sends, score + sent, gets, sizeof *score);
    cf_alltoallv(par, index, sends, index + sent, gets, sizeof *index);
    for (int64_t i = 0, at = sent; i < rows; at += count[i++]) {
        for (int64_t e = at; e < at + count[i]; e++)
            offer(data, i, score[e], index[e]);
        if (count[i] == away->k + 1)
            cf_topk_add_ties(own, i, score[at], ties[i]);
    }
    cf_free(score);
    cf_free(index);
    cf_free(count);
    cf_free(sends);
    return sent;
}

int64_t cf_travel_home(const cf_par *par, int step, const cf_topk *away,
                       cf_topk *own, cf_travel_offer *offer, void *data)
{
    int64_t *to = cf_calloc(2 * (int64_t)par->size, sizeof *to, "row counts");
    to[(par->rank + step) % par->size] = away->rows;
    to[par->size + (par->rank - step + par->size) % par->size] = own->rows;
    int64_t sent =
        cf_travel_lists(par, away, to, own, to + par->size, offer, data);
    cf_free(to);
    return sent;
}
