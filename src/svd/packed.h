/* A rank's ratings as the solver's products read them: items by popularity,
 * rows cut into tiles, and within a tile the ratings of popular items once
 * more, item by item. */
#ifndef CFMPI_PACKED_H
#define CFMPI_PACKED_H

#include <stdbool.h>

#include "cfmpi/csr.h"

#define CF_BLOCK 16  /* columns that go through the matrix at a time */
#define CF_TILE 2048 /* rows of a tile: their sums stay in the L2 cache */

/* An entry of matrices with more than 16 values: item position, or user
 * within the tile. Otherwise it is one number, that place times 16 plus the
 * value's number: 32 bits in rows, 16 in groups. */
typedef struct cf_plain_word {
    uint32_t at;
    float value;
} cf_plain_word;

typedef struct cf_packed {
    int64_t rows, cols; /* own rows; all columns */
    int64_t tiles;
    const int64_t *indptr; /* [rows + 1], that of the matrix */
    cf_lidx *position;     /* [cols] of each item, popular ones first */
    int64_t *count;        /* [cols] ratings of the item at each position */
    bool coded;
    float values[16];       /* the coded values */
    float table_single[16]; /* times 2^-exponent */
    double table_double[16];
    size_t row_word;      /* bytes of an entry of a row */
    cf_csr *lender;       /* whose arrays words and room are, or NULL */
    void *words;          /* [entries] of all rows */
    void *room;           /* of rest and groups */
    int64_t grouped;      /* leading positions whose entries are grouped */
    int64_t *rest_begin;  /* [rows + 1] */
    void *rest;           /* entries of the other positions, by rows */
    int64_t *group_begin; /* [tiles] */
    uint16_t *runs;       /* [tiles x grouped] entries of each item */
    void *groups;         /* by tile and item */
    int exponent;         /* values are those of the matrix times 2^-exponent */
} cf_packed;

/* Packs `a`, of which indptr stays in use. Values are scaled by a power of two
 * so that the largest lies in [0.5, 1). With `in_place`, ratings of up to 16
 * values are packed into the matrix's own arrays: its indices and values are
 * NULL until cf_packed_end puts them back as they were, and no copy of `a` may
 * be read meanwhile. Memory: otherwise about 6 bytes a rating, 16 where there
 * are more than 16 values; 12 bytes an item. Collective. */
void cf_packed_begin(cf_packed *p, cf_csr *a, const cf_par *par, bool in_place);

/* Safe on {0} and twice. Local. */
void cf_packed_end(cf_packed *p);

#endif
