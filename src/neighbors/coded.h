/* All pairs of the rows of two blocks by Σxy alone, where ratings are small
 * whole numbers times one step: the same lists as those of sweep, found by
 * integer products that are screened. */
#ifndef CFMPI_CODED_H
#define CFMPI_CODED_H

#include "codes.h"
#include "panel.h"
#include "raters.h"

#define CF_DRIVERS 256 /* rows that drive at a time */

typedef struct cf_coded {
    const cf_ratings_measure *by;
    const cf_definition *is;
    const cf_byte_kernel *kernel;
    double step; /* value = code x step */
    int largest; /* code */
    cf_pairing *pairing;

    cf_byte_panel panel;
    uint16_t *right, *least;          /* [CF_BYTE_PANEL] as in cf_sum_test */
    float *whole_right, *whole_least; /* the same, not rounded */
    double most;                      /* the largest of whole_right */
    double unit;                      /* what least[] is times */

    /* The rows that drive. */
    cf_code_quad *quads;
    int64_t quad_room;
    int64_t *quad; /* [bands x CF_DRIVERS + 1] begins of each one's */
    uint16_t *sum; /* [CF_DRIVERS x CF_BYTE_PANEL] */
    int32_t *wide; /* the same, of those whose sums may pass 16 bits */

    /* Pairs to score, of one driver with some of a block. */
    int32_t *n;
    double *strip;
    float *scores;
    int16_t *lane;
} cf_coded;

/* Local; 3 MiB and 4 bytes a column, and for a panel up to 2 KiB for each
 * column of its head. */
void cf_coded_begin(cf_coded *s, cf_pairing *pairing,
                    const cf_ratings_measure *by, cf_gidx columns,
                    const cf_codes *codes);
void cf_coded_end(cf_coded *s);

/* As cf_sweep_pairs. Local. */
void cf_coded_pairs(cf_coded *s, cf_raters *heavy, cf_raters *light,
                    bool strict);

#endif
