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
 * rank gets as much of the order, in cells of about `cell` rows. Rows of
 * zeros go nowhere when `by_direction`, which compares directions. The order
 * has no influence on any result. Collective; a row is sent once; memory: the
 * rows twice. */
void cf_arrange(cf_slab *slab, const cf_par *par, const cf_part *part,
                const float *rows, int dim, bool by_direction, int cell);

/* The order that rows stand in, to put others in it as well. */
typedef struct cf_tree {
    int levels, dim;
    bool by_direction;
    float *direction; /* [2^levels - 1][dim] */
    float *middle;    /* [2^levels - 1] */
} cf_tree;

/* As cf_arrange in two steps: the tree, the same on all ranks, and dealing out
 * `count` own rows by one. Their numbers are `id`, [count], or count from
 * `first` where that is NULL. Collective. */
void cf_tree_grow(cf_tree *t, const cf_par *par, const cf_part *part,
                  const float *rows, int dim, bool by_direction, int cell);
void cf_tree_deal(cf_slab *slab, const cf_par *par, const cf_tree *t,
                  const float *rows, const cf_gidx *id, cf_gidx first,
                  int64_t count);

/* Safe on {0} and twice. Local. */
void cf_tree_free(cf_tree *t);
void cf_slab_free(cf_slab *slab);

#endif
