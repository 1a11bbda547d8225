/* All pairs of two blocks of rows: screened tile by tile, scored exactly, and
 * offered to the lists of both. */
#ifndef CFMPI_SEARCH_H
#define CFMPI_SEARCH_H

#include "cfmpi/ring.h"
#include "meet.h"

#define CF_NEAR 16 /* tiles most alike that are looked at first */

/* What goes on through all blocks. */
typedef struct cf_search {
    cf_measure measure;
    cf_ring ring;     /* moves the next block between tiles */
    int head;         /* of tiles that met last */
    int32_t *near;    /* [tiles of a][CF_NEAR] where several ranks search, else
                         NULL: room for the order in which tiles meet */
    int blas_threads; /* of the program, outside */
    struct cf_worker *workers; /* of each thread */
    int64_t pairs;             /* looked at here so far, by all threads */
    double total;              /* to look at here */
    bool seeds;                /* the lists of a are empty: give them floors */
} cf_search;

/* For the crew of the measure. Local; 4 MiB or so a thread. Dense products have
 * one thread until the end.
 */
void cf_search_begin(cf_search *s, const cf_measure *measure);
void cf_search_end(cf_search *s);

/* Scores computed so far. Local. */
int64_t cf_search_exact(const cf_search *s);

/* Tiles [first, last) of a block. */
typedef struct cf_tile_range {
    int64_t first, last;
} cf_tile_range;

/* Offers every pair of a row of `a` and one of `b` within these tiles that can
 * matter to the lists of either; once each where a and b are the same. Floors
 * of +inf keep a list empty at no cost. Changes the heads of tiles. The threads
 * of the crew share the work so that two never have the same tile; its ranks
 * have the same parties. Collective over the crew; dim / 64 instructions a pair
 * with 512-bit registers of 8-bit products, or less. */
void cf_search_pairs(cf_search *s, cf_party *a, cf_tile_range in_a, cf_party *b,
                     cf_tile_range in_b);

#endif
