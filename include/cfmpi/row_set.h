/* Some of the rows of a matrix, and the place of each among them. */
#ifndef CFMPI_ROW_SET_H
#define CFMPI_ROW_SET_H

#include <stdbool.h>

#include "cfmpi/context.h"

/* A bit a row, and for every 64 of them how many rows stand before. */
typedef struct cf_row_set {
    cf_gidx rows;    /* rows there are */
    int64_t count;   /* rows in the set, after cf_row_set_end */
    uint64_t *bits;  /* [rows / 64 + 1] */
    int64_t *before; /* the same */
} cf_row_set;

/* The empty set. A quarter of a byte a row. Local. */
void cf_row_set_begin(cf_row_set *s, cf_gidx rows);

/* Adds a row; false when it was there already. Local. */
bool cf_row_set_add(cf_row_set *s, cf_gidx row);

/* Adds the rows of all ranks' sets. Collective. */
void cf_row_set_join(cf_row_set *s, const cf_par *par);

/* To be called once rows have been added, before one of the following. Local.
 */
void cf_row_set_end(cf_row_set *s);

/* The rows, ascending; the caller frees them. Local. */
cf_gidx *cf_row_set_list(const cf_row_set *s);

static inline bool cf_row_set_has(const cf_row_set *s, cf_gidx row)
{
    return s->bits[row >> 6] >> (row & 63) & 1;
}

/* The place of a row of the set in the list. Local. */
static inline int64_t cf_row_set_place(const cf_row_set *s, cf_gidx row)
{
    uint64_t below = ((uint64_t)1 << (row & 63)) - 1;
    return s->before[row >> 6] +
           __builtin_popcountll(s->bits[row >> 6] & below);
}

/* Safe on {0} and twice. Local. */
void cf_row_set_free(cf_row_set *s);

#endif
