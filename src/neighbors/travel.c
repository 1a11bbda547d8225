#include "travel.h"

#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"

/* ---- blocks ---- */

void cf_travel_begin(cf_travel *c, const cf_par *par, int64_t bytes,
                     int buffers)
{
    *c = (cf_travel){.par = par};
    cf_part_gather(&c->bytes, par, bytes);
    int64_t most = par->size > 1 ? cf_part_largest(&c->bytes) : 0;
    for (int b = 0; b < buffers; b++)
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

/* Lists on their way: rows of each rank in order, a share of them a round. */
typedef struct trip {
    const cf_par *par;
    int64_t round, rounds;
} trip;

/* The first of a rank's rows that travel in a round. */
static int64_t first_of(const trip *t, int64_t rows, int64_t round)
{
    return rows * round / t->rounds;
}

/* Entries of a round in lists of so many rows for each rank; returns how many
 * in all. */
static int64_t add_up(const trip *t, const int32_t *count, const int64_t *rows,
                      int64_t *entries)
{
    int64_t sum = 0;
    for (int r = 0; r < t->par->size; count += rows[r++]) {
        int64_t last = first_of(t, rows[r], t->round + 1);
        entries[r] = 0;
        for (int64_t i = first_of(t, rows[r], t->round); i < last; i++)
            entries[r] += count[i];
        sum += entries[r];
    }
    return sum;
}

/* Entries of a round, one row after the other. */
static void pack(const trip *t, const cf_topk *away, const int64_t *rows,
                 float *score, cf_gidx *index)
{
    int64_t before = 0;
    for (int r = 0; r < t->par->size; before += rows[r++]) {
        int64_t last = before + first_of(t, rows[r], t->round + 1);
        for (int64_t i = before + first_of(t, rows[r], t->round); i < last;
             i++) {
            size_t count = (size_t)away->count[i];
            memcpy(score, away->score + i * away->stride,
                   count * sizeof *score);
            memcpy(index, away->index + i * away->stride,
                   count * sizeof *index);
            score += count;
            index += count;
        }
    }
}

/* How many rounds keep what a rank sends and gets at a time small. */
static int64_t rounds_for(const cf_par *par, int64_t sent, int64_t got)
{
    int64_t most = CF_MAX(sent, got);
    return cf_max_i64(par, (most + CF_TRAVEL_ROUND - 1) / CF_TRAVEL_ROUND);
}

/* Lists that come from elsewhere: [own rows] lengths, and candidates left out
 * with the last one's score. */
typedef struct coming {
    cf_topk *own;
    const int64_t *from;
    const int32_t *count, *ties;
    int64_t full; /* entries of a list that leaves some out */
    cf_travel_offer *offer;
    void *data;
} coming;

static void take_in(const trip *t, const coming *c, const float *score,
                    const cf_gidx *index)
{
    int64_t before = 0;
    for (int r = 0; r < t->par->size; before += c->from[r++]) {
        int64_t last = before + first_of(t, c->from[r], t->round + 1);
        for (int64_t i = before + first_of(t, c->from[r], t->round); i < last;
             i++) {
            for (int32_t e = 0; e < c->count[i]; e++)
                c->offer(c->data, i, score[e], index[e]);
            if (c->count[i] == c->full)
                cf_topk_add_ties(c->own, i, score[0], c->ties[i]);
            score += c->count[i];
            index += c->count[i];
        }
    }
}

/* Returns how many entries went. */
static int64_t travel(const trip *t, const cf_topk *away, const int64_t *to,
                      const coming *c)
{
    int64_t *sends =
        cf_alloc(2 * (int64_t)t->par->size, sizeof *sends, "row counts");
    int64_t *gets = sends + t->par->size;
    int64_t sent = add_up(t, away->count, to, sends);
    int64_t got = add_up(t, c->count, c->from, gets);
    float *score = cf_alloc(sent + got, sizeof *score, "travelling lists");
    cf_gidx *index = cf_alloc(sent + got, sizeof *index, "travelling lists");
    pack(t, away, to, score, index);
    cf_alltoallv(t->par, score, sends, score + sent, gets, sizeof *score);
    cf_alltoallv(t->par, index, sends, index + sent, gets, sizeof *index);
    take_in(t, c, score + sent, index + sent);
    cf_free(score);
    cf_free(index);
    cf_free(sends);
    return sent;
}

static int64_t all_of(const int32_t *count, int64_t rows)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < rows; i++)
        sum += count[i];
    return sum;
}

int64_t cf_travel_lists(const cf_par *par, const cf_topk *away,
                        const int64_t *to, cf_topk *own, const int64_t *from,
                        cf_travel_offer *offer, void *data)
{
    int64_t rows = own->rows, sent = 0;
    int32_t *count = cf_alloc(2 * rows, sizeof *count, "travelling lists");
    int32_t *ties = count + rows;
    cf_alltoallv(par, away->count, to, count, from, sizeof *count);
    cf_alltoallv(par, away->ties, to, ties, from, sizeof *ties);
    coming c = {own, from, count, ties, away->k + 1, offer, data};
    trip t = {
        par, 0,
        rounds_for(par, all_of(away->count, away->rows), all_of(count, rows))};
    for (; t.round < t.rounds; t.round++)
        sent += travel(&t, away, to, &c);
    cf_free(count);
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
