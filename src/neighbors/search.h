/* All pairs of two blocks of rows: screened tile by tile, scored exactly, and
 * offered to the lists of both. */
#ifndef CFMPI_SEARCH_H
#define CFMPI_SEARCH_H

#include "cfmpi/ring.h"
#include "meet.h"

/* What goes on through all blocks. */
typedef struct cf_search {
    cf_meetings meetings;
    cf_ring ring;        /* moves the next block between tiles */
    double pairs, total; /* pairs looked at, and to look at, here */
    float *products;     /* rows with the centres of tiles, both ways */
    float *constants;    /* of pairs of tiles */
    float *bounds;       /* of a tile with several */
} cf_search;

/* Local; 4 MiB or so. */
void cf_search_begin(cf_search *s, const cf_measure *measure);
void cf_search_end(cf_search *s);

/* Tiles [first, last) of a block. */
typedef struct cf_tile_range {
    int64_t first, last;
} cf_tile_range;

/* Offers every pair of a row of `a` and one of `b` within these tiles that can
 * matter to the lists of either; once each where a and b are the same. Changes
 * the heads of tiles. Local; dim / 64 instructions a pair with 512-bit
 * registers of 8-bit products, or less. */
void cf_search_pairs(cf_search *s, cf_party *a, cf_tile_range in_a, cf_party *b,
                     cf_tile_range in_b);

#endif
