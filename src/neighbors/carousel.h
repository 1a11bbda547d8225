/* Blocks of rows that go round a ring of ranks, and the lists that their rows
 * fill on the way. */
#ifndef CFMPI_CAROUSEL_H
#define CFMPI_CAROUSEL_H

#include "cfmpi/ring.h"
#include "party.h"
#include "travel.h"

/* Blocks as they travel: rows, and their numbers in front of them. */
typedef struct cf_carousel {
    const cf_par *par;
    cf_part part; /* rows of each rank's slab */
    int dim;
    cf_travel blocks;
} cf_carousel;

/* Room for two blocks of the slabs of all ranks. Collective. */
void cf_carousel_begin(cf_carousel *c, const cf_par *par, const cf_slab *own,
                       int dim);
void cf_carousel_end(cf_carousel *c);

/* The block that is here in `step`, from 1: that of the rank so far after this
 * one. Local. */
cf_slab cf_carousel_slab(const cf_carousel *c, int step);

/* Starts moving on from the block of `step`, from 0, to that of the next; own
 * rows are packed for the first. cf_ring_end waits for it. Local. */
void cf_carousel_turn(const cf_carousel *c, cf_ring *ring, const cf_slab *own,
                      int step);

/* Makes the block of a step a party, with lists of k and the floors that its
 * rows' lists have at home, where they belong to `own`; `slab` is the caller's
 * and stays in use. Collective. */
void cf_carousel_visit(const cf_carousel *c, const cf_measure *u, int step,
                       const cf_party *own, int64_t k, cf_slab *slab,
                       cf_party *visitors);

/* Sends the lists of the visitors of a step home, and merges those of own rows
 * that come back. Returns how many candidates went. Collective; up to 12 (k +
 * 1) bytes a row. */
int64_t cf_carousel_send_home(const cf_measure *u, cf_party *own,
                              const cf_party *visitors, const cf_par *par,
                              int step);

#endif
