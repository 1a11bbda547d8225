/* What ratings are expected to be without neighbours: means, deviations and
 * the baseline; the same on all ranks. */
#ifndef CFMPI_LEVELS_H
#define CFMPI_LEVELS_H

#include "cfmpi/baseline.h"

/* Which are wanted. */
enum cf_level {
    CF_LEVEL_USER_MEAN = 1,
    CF_LEVEL_ITEM_MEAN = 2,
    CF_LEVEL_USER_SPREAD = 4,
    CF_LEVEL_ITEM_SPREAD = 8,
    CF_LEVEL_BASELINE = 16
};

/* Arrays are NULL where they are not wanted. */
typedef struct cf_levels {
    double mean, low, high;            /* of all ratings */
    double *user_mean, *item_mean;     /* `mean` where there are no ratings */
    double *user_spread, *item_spread; /* standard deviations, never 0 */
    cf_baseline baseline;
} cf_levels;

/* `items` may be NULL where nothing of items and no baseline is wanted.
 * Collective; 8 bytes a user or item for each that is wanted, sent and kept. */
void cf_levels_learn(cf_levels *l, const cf_par *par, const cf_csr *users,
                     const cf_csr *items, int wanted,
                     const cf_baseline_options *options);

/* Safe on {0} and twice. Local. */
void cf_levels_free(cf_levels *l);

#endif
