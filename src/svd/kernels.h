/* The loops of the solver, over the packed matrix and over blocks of 16
 * columns, for float32 and float64 numbers and for each instruction set. All
 * local. "Real" stands for either type of number. */
#ifndef CFMPI_KERNELS_H
#define CFMPI_KERNELS_H

#include "packed.h"

#define CF_PANEL 256 /* rows that float32 sums run over, at most */

enum cf_precision { CF_SINGLE, CF_DOUBLE };

typedef struct cf_kernels {
    size_t real; /* bytes */

    /* y = A x for the rows of a tile; x [cols x 16] by position, y
     * [CF_TILE x 16]. A row's entries are summed in their order, every other
     * one apart, and the two sums added. */
    void (*gather)(const cf_packed *a, int64_t tile, const void *x, void *y);

    /* w += Aᵀ y for the rows of a tile; w [cols x 16] by position. */
    void (*scatter)(const cf_packed *a, int64_t tile, const void *y, void *w);

    /* c += qᵀ w; q, w [rows x 16] reals, rows <= CF_PANEL, c [16 x 16]. */
    void (*inner)(const void *q, const void *w, int64_t rows, double *c);

    /* w += q c; q, w [rows x 16], c [16 x 16] reals. */
    void (*add_product)(const void *q, const void *c, int64_t rows, void *w);

    /* The same for x and y of float32 and sums of float64; only in the set for
     * float64. The bits do not depend on the instruction set: products of
     * float32 are exact, so that fused multiply-add changes nothing. */
    void (*gather_floats)(const cf_packed *a, int64_t tile, const void *x,
                          void *y);
    void (*scatter_floats)(const cf_packed *a, int64_t tile, const void *y,
                           void *w);
} cf_kernels;

/* Those of the instruction set that the program uses. */
const cf_kernels *cf_kernels_of(enum cf_precision precision);

/* By precision. */
extern const cf_kernels cf_kernels_portable[2];
extern const cf_kernels cf_kernels_avx2[2];
extern const cf_kernels cf_kernels_avx512[2];

#endif
