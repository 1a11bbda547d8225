/* All pairs of the rows of two blocks, by what they have in common. */
#ifndef CFMPI_SWEEP_H
#define CFMPI_SWEEP_H

#include "raters.h"

/* Some rows of a block by their columns: lists[column] of their ratings. */
typedef struct cf_panel {
    int64_t first, count; /* rows of the block */
    int32_t *begin;       /* [columns + 1] */
    int32_t *row;         /* [entries] from `first` on, ascending in a list */
    double *value;        /* [entries] */
    float *rating;        /* [entries], or NULL where rows have none */
    double *p, *q;        /* [count] */
} cf_panel;

/* What goes on through all blocks. */
typedef struct cf_sweep {
    const cf_ratings_measure *by;
    const cf_definition *is;
    cf_gidx columns;
    cf_pairing *pairing;
    int64_t most; /* rows of a panel */
    cf_panel panel;
    int64_t room; /* entries of the panel */
    int32_t *n;   /* [most] sums over what each row has in common with one */
    double *sum;  /* [5 x most] */
    float *there, *back; /* [most] scores */
} cf_sweep;

/* `entries` of `rows` rows are about what blocks will hold. Local; 80 bytes a
 * row of a panel, of which there are 2,048 or, where ratings are few, more; 4
 * bytes a column; and 12 bytes an entry of a panel. */
void cf_sweep_begin(cf_sweep *s, cf_pairing *pairing,
                    const cf_ratings_measure *by, cf_gidx columns, int64_t rows,
                    int64_t entries);
void cf_sweep_end(cf_sweep *s);

/* Most rows of a panel of blocks of about so many rows and entries: panels have
 * about as many entries as there are columns. Local. */
int64_t cf_sweep_rows(cf_gidx columns, int64_t rows, int64_t entries);

/* Makes rows [first, last) of a block the panel; at most `most`. Local. */
void cf_sweep_panel(cf_sweep *s, const cf_rated *r, int64_t first,
                    int64_t last);

/* What each row of the panel is to row i of `r`, NaN where it is nothing:
 * [panel.count] until the next call. Local. */
float *cf_sweep_row(cf_sweep *s, const cf_rated *r, int64_t i);

/* Offers to the lists of both every pair of a row of `heavy` and a row of
 * `light` that has fewer entries or, unless `strict`, as many; each pair once
 * where both are the same block. Local; as many multiplications as pairs have
 * columns in common, times the sums. */
void cf_sweep_pairs(cf_sweep *s, cf_raters *heavy, cf_raters *light,
                    bool strict);

#endif
