/* Rows in an order in which like rows lie close together. */
#ifndef CFMPI_ARRANGE_H
#define CFMPI_ARRANGE_H

#include <stdbool.h>

#include "cfmpi/context.h"
#include "cfmpi/partition.h"

typedef struct cf_slab {
    int64_t count;
    float *rows; /* [count x dim] */
    cf_gidx *id; /* [count] their numbers in the input */
} cf_slab;

/* Deals out the rows that `part` gives this rank, [own rows x dim], anew: each
 * rank gets a stretch of the order, in cells of about `cell` rows. Rows of
 * zeros go nowhere when `by_direction`, which compares directions. The order
 * has no influence on any result. Collective; a row is sent once; memory: the
 * rows twice. */
void cf_arrange(cf_slab *slab, const cf_par *par, const cf_part *part,
                const float *rows, int dim, bool by_direction, int cell);

/* Safe on {0} and twice. Local. */
void cf_slab_free(cf_slab *slab);

#endif
