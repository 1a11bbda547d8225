/* All pairs of two blocks of rows: screened tile by tile, scored exactly, and
 * offered to the lists of both. */
#ifndef CFMPI_SEARCH_H
#define CFMPI_SEARCH_H

#include "cfmpi/ring.h"
#include "cfmpi/topk.h"
#include "tiles.h"

/* A block of rows with the lists that its rows fill here; distances stand in
 * lists with a minus. */
typedef struct cf_party {
    cf_tiles tiles;
    cf_topk lists;
    float *floor;      /* [rows of all tiles] a score that is of no use below */
    float *least;      /* the same as a bound for products */
    float *tile_least; /* the smallest of a tile, or less */
} cf_party;

/* What goes on through all blocks. */
typedef struct cf_search {
    const cf_screen_kernel *kernel;
    enum cf_similarity similarity;
    int dim;
    double scale;        /* rows are compared times this, a power of two */
    cf_ring ring;        /* moves the next block between tiles */
    double pairs, total; /* pairs looked at, and to look at, here */
    int64_t exact;       /* scores computed */
    cf_hit *hits;
    float *products;  /* rows with the centres of tiles, both ways */
    float *constants; /* of pairs of tiles */
    int32_t *sums;    /* of two tiles */
    float *bounds;    /* of a tile with several */
} cf_search;

/* Local; 8 MiB or so. */
void cf_search_begin(cf_search *s, int dim, enum cf_similarity similarity,
                     double scale);
void cf_search_end(cf_search *s);

/* Room for blocks of up to `capacity` rows and lists of k. Local. */
void cf_party_begin(cf_party *p, const cf_search *s, int64_t capacity);

/* The rows of a slab, with empty lists, and what a score must reach from the
 * outset, [slab->count], or NULL. Local. */
void cf_party_set(cf_party *p, const cf_search *s, const cf_slab *slab,
                  int64_t k, const float *floor);

/* Safe on {0} and twice. Local. */
void cf_party_end(cf_party *p);

/* A score for row i of a party. Local, O(log k). */
void cf_party_offer(const cf_search *s, cf_party *p, int64_t i, float score,
                    cf_gidx index);

/* Tiles [first, last) of a block. */
typedef struct cf_tile_range {
    int64_t first, last;
} cf_tile_range;

/* Offers every pair of a row of `a` and one of `b` within these tiles that can
 * matter to the lists of either; once each where a and b are the same. Local;
 * dim / 64 instructions a pair with 512-bit registers of 8-bit products. */
void cf_search_pairs(cf_search *s, cf_party *a, cf_tile_range in_a, cf_party *b,
                     cf_tile_range in_b);

#endif
