/* The integer product of two tiles of rows in codes, compared with what either
 * row needs: for each instruction set one small file around screen_body.h. */
#ifndef CFMPI_SCREEN_H
#define CFMPI_SCREEN_H

#include <stdint.h>

#define CF_SIDE 256 /* rows of a tile */
#define CF_GROUP 16 /* columns of a tile that lie together */
#define CF_QUAD 4   /* codes that are multiplied at a time */
#define CF_CODE 127 /* largest code of a row */
#define CF_OFFSET                                                              \
    128 /* of the codes of columns, added to make them unsigned;               \
           half of it where sums of pairs have 16 bits */

/* All pairs of the rows of one tile and the rows of another, its columns. */
typedef struct cf_tile_pair {
    int quads;                            /* codes of a row / 4, rounded up */
    int rows, columns;                    /* in use */
    const int8_t *row_codes;              /* [CF_SIDE][quads * 4] */
    const uint8_t *col_codes;             /* [CF_SIDE / 16][quads][16][4] */
    const int32_t *row_start, *col_start; /* [CF_SIDE] added to the product */
    const int32_t *row_least, *col_least; /* [CF_SIDE] enough for the row */
} cf_tile_pair;

/* Columns [column, column + 16) of which some passed with this row. */
typedef struct cf_hit {
    int16_t row, column;
    uint32_t passed; /* bit c: column + c */
} cf_hit;

#define CF_HITS_MOST (CF_SIDE * CF_SIDE / CF_GROUP)

/* Pairs for which product + row_start + col_start reaches the smaller of
 * row_least and col_least; rows and columns beyond those in use may be among
 * them. hits [CF_HITS_MOST]; returns their count. Local. */
typedef int cf_screen(const cf_tile_pair *p, cf_hit *hits);

/* All of those sums: out [rows][CF_SIDE]; for columns beyond those in use up
 * to a multiple of 32 as well. Local. */
typedef void cf_products(const cf_tile_pair *p, int32_t *out);

typedef struct cf_screen_kernel {
    const char *name;
    int offset; /* of column codes, which lie within offset - 1 of it */
    cf_screen *screen;
    cf_products *products;
} cf_screen_kernel;

/* That of the instruction set that the program uses. Local. */
const cf_screen_kernel *cf_screen_kernel_of_cpu(void);

extern const cf_screen_kernel cf_screen_portable;
extern const cf_screen_kernel cf_screen_avx2;
extern const cf_screen_kernel cf_screen_avx512;
extern const cf_screen_kernel cf_screen_vnni;

#endif
