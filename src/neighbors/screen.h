/* The integer product of two tiles of rows in codes, compared with what either
 * row needs: for each instruction set one small file around screen_body.h. */
#ifndef CFMPI_SCREEN_H
#define CFMPI_SCREEN_H

#include <stdbool.h>
#include <stdint.h>

#ifndef CF_SIDE
#define CF_SIDE 256 /* rows of a tile: a power of two, 32 to 4096 */
#endif
#define CF_GROUP 16 /* columns of a tile that lie together */
#define CF_ALIGN 16 /* codes of a row are a multiple of this */
#define CF_QUAD 4   /* codes that are multiplied at a time */
#define CF_CODE 127 /* largest code of a row */
#define CF_OFFSET                                                              \
    128 /* of the codes of columns, added to make them unsigned;               \
           half of it where sums of pairs have 16 bits */

/* All pairs of the rows of one tile and the rows of another, its columns. */
typedef struct cf_tile_pair {
    int head;                  /* quads that count */
    int quads, stride;         /* codes / 4 of a column, codes of a row */
    int rows, columns;         /* in use */
    const int8_t *row_codes;   /* [CF_SIDE][stride] */
    const uint8_t *col_codes;  /* [CF_SIDE / 16][quads][16][4] */
    const int8_t *col_as_rows; /* [CF_SIDE][stride] */
    const int32_t *row_start, *col_start; /* [CF_SIDE] added to the product */
    const int32_t *row_halves;            /* [CF_SIDE] NULL, or see below */
    const int32_t *row_least, *col_least; /* [CF_SIDE] enough for the row */
} cf_tile_pair;

/* Where sums of either half of the products, those of the first and of the last
 * two codes of each quad, have 16 bits if column codes are taken without their
 * offset, they may be added up there, and what the offset adds undone at the
 * beginning: row_halves has -offset times the row's codes of either half, the
 * first in the lower 16 bits, modulo 2^16. The product is then that without the
 * offset. */

/* A sum that is enough reaches the smaller of row_least and col_least. All are
 * such that their differences are within 32 bits. */

#if CF_SIDE <= 256
#define CF_PLACE_BITS 8
typedef uint8_t cf_place;
#else
#define CF_PLACE_BITS 16
typedef uint16_t cf_place;
#endif

typedef struct cf_pair {
    cf_place row, column;
} cf_pair;

#define CF_PAIRS_MOST (CF_SIDE * CF_SIDE + CF_GROUP)

/* Pairs for which the sum of the head of the row's and the column's codes is
 * enough, those of rows and columns beyond those in use perhaps among them, in
 * any order: pairs [CF_PAIRS_MOST], returns their count. Local. */
typedef int cf_screen(const cf_tile_pair *p, cf_pair *pairs);

/* The same sums: out [rows][CF_SIDE]; for columns beyond those in use up to a
 * multiple of 32 as well. Local. */
typedef void cf_products(const cf_tile_pair *p, int32_t *out);

/* Leaves in place those pairs for which the sum of all products (row code +
 * CF_OFFSET) x (code of the column as a row) is enough, in their order; returns
 * their count. Local. */
typedef int cf_confirm(const cf_tile_pair *p, cf_pair *pairs, int count);

typedef struct cf_screen_kernel {
    const char *name;
    int offset;  /* of column codes, which lie within offset - 1 of it */
    bool halves; /* whether it knows of row_halves */
    int price;   /* of confirming a pair, in quads of one that is screened */
    cf_screen *screen;
    cf_products *products;
    cf_confirm *confirm;
} cf_screen_kernel;

/* That of the instruction set that the program uses. Local. */
const cf_screen_kernel *cf_screen_kernel_of_cpu(void);

extern const cf_screen_kernel cf_screen_portable;
extern const cf_screen_kernel cf_screen_avx2;
extern const cf_screen_kernel cf_screen_avx512;
extern const cf_screen_kernel cf_screen_vnni;

#endif
