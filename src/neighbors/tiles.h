/* Rows cut into tiles and turned into codes of 8 bits, with what bounds the
 * error of products of codes. */
#ifndef CFMPI_TILES_H
#define CFMPI_TILES_H

#include <stdbool.h>

#include "arrange.h"
#include "screen.h"

/* Rows as they are compared: x, or x/|x| when directions count. A row is the
 * centre of its tile plus its residual; the residual, rotated, is a step of
 * the tile times its codes, up to an error. All arrays of rows have CF_SIDE
 * places a tile. Bounds are from above, rounding included. */
typedef struct cf_tiles {
    int64_t count; /* rows */
    int64_t tiles;
    int dim, quads;
    const cf_slab *slab;
    double *squared;              /* squared length of the row as given */
    float *inverse;               /* what it is multiplied by to be compared */
    float *centre;                /* [tiles x dim] */
    int8_t *row_codes;            /* [tiles][CF_SIDE][quads * 4] */
    uint8_t *col_codes;           /* [tiles][CF_SIDE / 16][quads][16][4] */
    int32_t *code_sum;            /* of the row codes */
    float *residual;              /* |residual| */
    float *coded;                 /* |step · row codes| */
    float *row_step, *col_step;   /* [tiles] */
    float *row_error, *col_error; /* [tiles] |residual - step · codes| at most,
                                     as rows and as columns */
    float *reach;                 /* [tiles] |residual| at most */
    float *length;                /* [tiles] |row as compared| at most */
} cf_tiles;

/* Room for up to `capacity` rows. Local. */
void cf_tiles_begin(cf_tiles *t, int64_t capacity, int dim);

/* Codes of the rows of a slab, which stays in use; column codes lie within
 * `offset` - 1 of `offset`. Local; some 10 dim log2(dim) flops a row. */
void cf_tiles_set(cf_tiles *t, const cf_slab *slab, bool by_direction,
                  int offset);

/* Safe on {0} and twice. Local. */
void cf_tiles_end(cf_tiles *t);

/* Rows of tile `tile`. Local. */
int cf_tile_rows(const cf_tiles *t, int64_t tile);

#endif
