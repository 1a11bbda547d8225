/* All pairs of the rows of two blocks by what two rows have in common: how
 * much, Σxy, and sums and squares over it, where ratings are whole numbers up
 * to CF_MOMENT_CODE times one step. The same lists as those of sweep, from
 * integer sums. */
#ifndef CFMPI_MOMENTS_H
#define CFMPI_MOMENTS_H

#include "panel.h"
#include "raters.h"

#define CF_MOMENT_DRIVERS 64 /* rows that drive at a time */

/* Where something of a driver begins in a band. */
typedef struct cf_moment_place {
    int64_t run, column;
} cf_moment_place;

/* One of each enum cf_moment, added at once. */
typedef int32_t cf_moment_sums __attribute__((vector_size(32)));

typedef struct cf_moments {
    const cf_ratings_measure *by;
    const cf_definition *is;
    const cf_byte_kernel *kernel;
    enum cf_moment_set set;
    int longest_run;
    int64_t entries; /* as many of a driver have sums within 16 bits */
    int middle;      /* code that sums are taken from */
    double step;     /* value = code x step */
    cf_pairing *pairing;
    cf_byte_panel panel;
    float *p, *q; /* [CF_BYTE_PANEL] of the panel's rows */
    double most;  /* the largest of them all */

    /* The rows that drive: runs of their columns, and sums of what lies in
     * lists, packed into 64 bits or not. */
    cf_code_run *runs;
    uint16_t *columns;
    int64_t room;           /* of both */
    cf_moment_place *place; /* [CF_BANDS_MOST x CF_MOMENT_DRIVERS + 1] */
    uint64_t *packed;       /* [CF_MOMENT_DRIVERS x CF_BYTE_PANEL] */
    cf_moment_sums *whole;  /* the same */
    uint16_t *sum;          /* [CF_MOMENT_DRIVERS x CF_MOMENTS x CF_BLOCK] */
    int32_t *wide;          /* the same, of long drivers */
    uint64_t (*products)[1 << CF_LIST_BITS];   /* of two codes, packed */
    cf_moment_sums (*sums)[1 << CF_LIST_BITS]; /* and not */

    /* A driver with a block. */
    float *values, *there, *back;
    double *gathered;
    int32_t *n;
    int16_t *lane;
} cf_moments;

/* Local; 8 MiB and 4 bytes a column, and what a byte panel takes. `largest` is
 * the largest code, at most CF_MOMENT_CODE. */
void cf_moments_begin(cf_moments *s, cf_pairing *pairing,
                      const cf_ratings_measure *by, cf_gidx columns,
                      double step, int largest);
void cf_moments_end(cf_moments *s);

/* As cf_sweep_pairs. Local. */
void cf_moments_pairs(cf_moments *s, cf_raters *heavy, cf_raters *light,
                      bool strict);

#endif
