/* Long rows of small whole numbers, laid out so that short rows can be
 * multiplied with them: columns that many of them rated as bytes, blocks of
 * rows side by side, the others as lists. */
#ifndef CFMPI_PANEL_H
#define CFMPI_PANEL_H

#include "bytes.h"
#include "rated.h"

#define CF_BYTE_PANEL 2048 /* rows */
#define CF_BANDS_MOST 16   /* bands of columns whose bytes stay in the cache */
#define CF_BAND_MOST 1920  /* columns of one */
#define CF_LIST_BITS 5     /* of a code in a list; the rest is the row */

/* Rows first .. first + count of those it was made of. */
typedef struct cf_byte_panel {
    cf_gidx columns;
    int group; /* as in cf_byte_kernel */
    int64_t first, count;
    int head;       /* columns that lie in bytes, from the first on */
    int bands;      /* that they are taken in, one after the other */
    uint8_t *bytes; /* [blocks][head + 1][CF_BLOCK], the last column 0 */
    int64_t room;   /* of bytes */
    int32_t *begin; /* [columns + 1] lists of the other columns, in fours */
    uint16_t *list; /* row << CF_LIST_BITS | code, filled up with 0 */
    int64_t lists;  /* room of them */
    int64_t rest;   /* most squared codes of a row in lists */
} cf_byte_panel;

/* Local; 4 bytes a column. */
void cf_byte_panel_begin(cf_byte_panel *p, cf_gidx columns, int group);
void cf_byte_panel_end(cf_byte_panel *p);

/* The panel of rows [first, last), whose columns are numbered by their ratings,
 * the most rated first. Local; up to 2 KiB for each column of the head, 2 bytes
 * a rating in lists. */
void cf_byte_panel_make(cf_byte_panel *p, const cf_rated *r, int64_t first,
                        int64_t last);

/* Bytes that a panel of `rows` rows takes, whose columns have `share` of
 * count[columns] entries; a few ones more or less. Local. */
int64_t cf_byte_panel_needs(const int64_t *count, cf_gidx columns, double share,
                            int64_t rows);

static inline int64_t cf_byte_panel_blocks(const cf_byte_panel *p)
{
    return (p->count + CF_BLOCK - 1) / CF_BLOCK;
}

/* First column of a band of the head. */
static inline int cf_byte_panel_band(const cf_byte_panel *p, int band)
{
    return (int)((int64_t)p->head * band / p->bands);
}

/* Bytes of a block from the first column of a band on. */
static inline const uint8_t *cf_byte_panel_codes(const cf_byte_panel *p,
                                                 int64_t block, int band)
{
    return p->bytes + block * (p->head + 1) * CF_BLOCK +
           (int64_t)cf_byte_panel_band(p, band) * CF_BLOCK;
}

/* The first entry of row i in a column from `column` on. Local, O(log). */
int64_t cf_entry_from(const cf_rated *r, int64_t i, int column);

/* Σ code². Local. */
int64_t cf_squared_codes(const uint8_t *code, int64_t count);

#endif
