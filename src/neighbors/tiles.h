/* Rows cut into tiles and turned into codes of 8 bits, with what bounds the
 * error of products of codes. */
#ifndef CFMPI_TILES_H
#define CFMPI_TILES_H

#include <stdbool.h>

#include "arrange.h"
#include "cfmpi/neighbors.h"
#include "screen.h"

/* Rows as they are compared: x times a scale, or x/|x| for cosines. A row is
 * the centre of its tile plus its residual; the residual, rotated, is a step of
 * the tile times its codes, up to an error. All arrays of rows have CF_SIDE
 * places a tile. Bounds are from above, rounding included. */
typedef struct cf_tiles {
    int64_t count; /* rows */
    int64_t tiles;
    int dim, quads;
    enum cf_similarity similarity;
    const cf_slab *slab;
    const float *linear; /* [count x dim] what centres are multiplied with: the
                            rows, for distances the residuals */
    float *residuals;    /* for distances, else NULL */
    float *base;         /* what a row itself adds to its products */
    double *squared;     /* squared length of the row as given */
    float *inverse;      /* what its part of `linear` is multiplied by */
    float *centre;       /* [tiles x dim] */
    int8_t *row_codes;   /* [tiles][CF_SIDE][quads * 4] */
    uint8_t *col_codes;  /* [tiles][CF_SIDE / 16][quads][16][4] */
    int32_t *code_sum;   /* of the row codes */
    float *residual;     /* |residual| */
    float *coded;        /* |step · row codes| */
    float *row_step, *col_step;   /* [tiles] */
    float *row_error, *col_error; /* [tiles] |residual - step · codes| at most,
                                     as rows and as columns */
    float *reach;                 /* [tiles] |residual| at most */
    float *length;                /* [tiles] |row as compared| at most */
} cf_tiles;

/* Room for up to `capacity` rows. Local. */
void cf_tiles_begin(cf_tiles *t, int64_t capacity, int dim,
                    enum cf_similarity similarity);

/* Codes of the rows of a slab, which stays in use; `scale` is a power of two,
 * 1 for cosines; column codes lie within
 * `offset` - 1 of `offset`. Local; some 10 dim log2(dim) flops a row. */
void cf_tiles_set(cf_tiles *t, const cf_slab *slab, float scale, int offset);

/* Safe on {0} and twice. Local. */
void cf_tiles_end(cf_tiles *t);

/* Rows of tile `tile`. Local. */
int cf_tile_rows(const cf_tiles *t, int64_t tile);

#endif
