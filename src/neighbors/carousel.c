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
    cf_travel_begin(&c->blocks, par, bytes_of(c, own->count), 2);
}

void cf_carousel_end(cf_carousel *c)
{
    cf_part_free(&c->part);
    cf_travel_end(&c->blocks);
}

static int rank_after(const cf_carousel *c, int step)
{
    return (c->par->rank + step) % c->par->size;
}

/* Numbers first: they need the stricter alignment. */
cf_slab cf_carousel_slab(const cf_carousel *c, int step)
{
    int64_t count = cf_part_count(&c->part, rank_after(c, step));
    char *at = cf_travel_block(&c->blocks, step);
    return (cf_slab){
        .count = count,
        .id = (cf_gidx *)(void *)at,
        .rows = (float *)(void *)(at + count * (int64_t)sizeof(cf_gidx))};
}

void cf_carousel_turn(const cf_carousel *c, cf_ring *ring, const cf_slab *own,
                      int step)
{
    char *send = cf_travel_room(&c->blocks);
    if (step == 0) {
        int64_t ids = own->count * (int64_t)sizeof(cf_gidx);
        memcpy(send, own->id, (size_t)ids);
        memcpy(send + ids, own->rows, (size_t)(bytes_of(c, own->count) - ids));
    }
    cf_travel_turn(&c->blocks, ring, send, step);
}

void cf_carousel_visit(const cf_carousel *c, const cf_measure *u, int step,
                       const cf_party *own, int64_t k, cf_slab *slab,
                       cf_party *visitors)
{
    int back = c->par->size - step; /* the other way round */
    *slab = cf_carousel_slab(c, step);
    float *floor = cf_alloc(slab->count, sizeof *floor, "list floors");
    cf_travel_swap(c->par, back, own->floor, own->lists.rows, floor,
                   slab->count, sizeof *floor);
    cf_party_set(visitors, u, slab, k, floor);
    cf_free(floor);
}

/* ---- lists of visitors ---- */

typedef struct home {
    const cf_measure *u;
    cf_party *party;
} home;

static void offer(void *to, int64_t row, float score, cf_gidx index)
{
    home *h = to;
    cf_party_offer(h->u, h->party, row, score, index);
}

int64_t cf_carousel_send_home(const cf_measure *u, cf_party *own,
                              const cf_party *visitors, const cf_par *par,
                              int step)
{
    home h = {u, own};
    return cf_travel_home(par, step, &visitors->lists, &own->lists, offer, &h);
}
