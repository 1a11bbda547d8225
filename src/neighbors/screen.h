/* All pairs of a block of own rows and a block of visiting rows. */
#ifndef CFMPI_SCREEN_H
#define CFMPI_SCREEN_H

#include "cfmpi/ring.h"
#include "cfmpi/topk.h"

/* Rows with what the screen needs of them. */
typedef struct cf_block {
    cf_gidx begin; /* global number of the first row */
    int64_t count;
    int dim;
    const float *rows; /* [count x dim], lengths in [0.5, 1) or 0 */
    double *squared;   /* [count] squared lengths */
    float *inverse;    /* [count] 1 / length, NaN for a row of zeros */
} cf_block;

/* Room for lengths of up to `capacity` rows. Local. */
void cf_block_begin(cf_block *b, int64_t capacity, int dim);
void cf_block_end(cf_block *b);

/* Points the block at rows and computes their lengths. Local. */
void cf_block_set(cf_block *b, cf_gidx begin, int64_t count, const float *rows);

#define CF_TILE_ROWS 128
#define CF_TILE_COLS 512

/* What goes on through all blocks of one sweep. */
typedef struct cf_sweep {
    cf_topk *lists;      /* of the own rows */
    float *tile;         /* room for CF_TILE_ROWS x CF_TILE_COLS products */
    cf_ring ring;        /* moves the next block between tiles */
    double pairs, total; /* pairs looked at, and to look at, here */
    int64_t exact;       /* exact scores computed */
} cf_sweep;

/* Offers all pairs of own and visiting rows that can matter to the lists of
 * the own rows. Local. */
void cf_screen(cf_sweep *sweep, const cf_block *own, const cf_block *other);

#endif
