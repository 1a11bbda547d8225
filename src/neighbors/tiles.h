/* Rows cut into tiles and turned into codes of 8 bits, with what bounds the
 * error of products of codes. */
#ifndef CFMPI_TILES_H
#define CFMPI_TILES_H

#include <stdbool.h>

#include "arrange.h"
#include "cfmpi/crew.h"
#include "cfmpi/memory.h"
#include "cfmpi/neighbors.h"
#include "screen.h"

/* Rows as they are compared: x times a scale, or x/|x| for cosines. A row is
 * the centre of its tile plus its residual; the residual, rotated, is a step of
 * the tile times its codes, up to an error. Products of codes may be taken of
 * the first dimensions alone, the head; the rest is the tail. All arrays of
 * rows have CF_SIDE places a tile. Bounds are from above, rounding included. */
typedef struct cf_tiles {
    int64_t count; /* rows */
    int64_t tiles;
    int dim;
    int quads;  /* of codes of columns */
    int stride; /* of codes of rows: dim and up to CF_ALIGN - 1 zeros */
    int head;   /* quads of the head */
    const float *rotation; /* [dim x dim] orthonormal, or NULL */
    enum cf_similarity similarity;
    const cf_slab *slab;
    const float *linear; /* [count x dim] what centres are multiplied with: the
                            rows, for distances the residuals */
    float *residuals;    /* for distances, else NULL */
    float *base;         /* what a row itself adds to its products */
    double *squared;     /* squared length of the row as given */
    float *inverse;      /* what its part of `linear` is multiplied by */
    float *centre;       /* [tiles x dim] */
    int8_t *row_codes;   /* [tiles][CF_SIDE][stride] */
    uint8_t *col_codes;  /* [tiles][CF_SIDE / 16][quads][16][4] */
    int32_t *code_sum;   /* of the row codes, and ... */
    int32_t *head_sum;   /* ... of their head, and ... */
    int32_t *half_sum;   /* ... of the first two of each quad there */
    float *residual;     /* |residual| */
    float *coded;        /* |step · row codes| */
    float *tail;         /* |residual| beyond the head */
    float *row_step, *col_step;   /* [tiles] */
    float *row_error, *col_error; /* [tiles] |residual - step · codes| at most,
                                     as rows and as columns */
    float *first_most, *last_most; /* [tiles] |step · row codes| of either half
                                      of the head's quads at most */
    float *reach;                  /* [tiles] |residual| at most */
    float *length;                 /* [tiles] |row as compared| at most */
    float *typical;                /* [tiles] tail in the mean */
    bool placed;                   /* all of this in memory of others */
} cf_tiles;

/* Room for up to `capacity` rows, in zeroes of the arena where there is one;
 * the rotation stays in use. Local. */
void cf_tiles_begin(cf_tiles *t, int64_t capacity, int dim,
                    enum cf_similarity similarity, const float *rotation,
                    cf_arena *arena);

/* Codes of the rows of a slab, which stays in use, with everything in the head;
 * `scale` is a power of two, 1 for cosines; codes are such as the kernel asks
 * for. A crew of several ranks has the same room and slab. Collective
 * over the crew; 2 dim² flops a row with a rotation, and some 10 dim. */
void cf_tiles_set(cf_tiles *t, const cf_slab *slab, float scale,
                  const cf_screen_kernel *kernel, cf_crew *crew);

/* Chooses the head. Collective over the crew; reads the codes of rows where it
 * was another. */
void cf_tiles_set_head(cf_tiles *t, int quads, cf_crew *crew);

/* Safe on {0} and twice. Local. */
void cf_tiles_end(cf_tiles *t);

/* Rows of tile `tile`. Local. */
int cf_tile_rows(const cf_tiles *t, int64_t tile);

#endif
