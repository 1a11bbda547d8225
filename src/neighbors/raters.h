/* Blocks of rows of ratings with the lists that their rows fill. */
#ifndef CFMPI_RATERS_H
#define CFMPI_RATERS_H

#include "cfmpi/ring.h"
#include "cfmpi/topk.h"
#include "definition.h"
#include "pairs.h"
#include "rated.h"

/* Where all scores that reach the floors go in place of lists. */
typedef struct cf_join {
    cf_pairs pairs;
    cf_pairs_chunk *open; /* where the next one goes, or NULL */
    bool one_way; /* what each row is to the other is an entry of its own */
} cf_join;

/* Distances stand in lists with a minus. */
typedef struct cf_raters {
    cf_rated rows;
    cf_topk lists;
    cf_join *join; /* borrowed; NULL for lists */
    float *floor;  /* [rows] a score that is of no use below */
} cf_raters;

/* What goes on through all blocks: the next one moves between pairs. */
typedef struct cf_pairing {
    cf_ring ring;
    double done, total; /* pairs, here */
    int64_t scored;     /* pairs whose score was computed */
} cf_pairing;

/* Empty lists of k, and what a score must reach from the outset, or NULL.
 * Local. */
void cf_raters_begin(cf_raters *r, int64_t k, const float *floor);

/* A score for row i with another row; nothing happens for that with itself.
 * Local, O(log k). */
void cf_raters_offer(cf_raters *r, int64_t i, float score, cf_gidx index);

/* The first of the rows [first, last) of `heavy` that row i of `light` drives:
 * rows with more entries or, unless `strict`, as many; those behind it where
 * both are the same block. It rises with i. Local, O(log rows). */
int64_t cf_raters_driven(const cf_raters *heavy, const cf_raters *light,
                         bool strict, int64_t i, int64_t first, int64_t last);

/* How many rows of `light`, from the first on, drive any of those. Local,
 * O(log² rows). */
int64_t cf_raters_drivers(const cf_raters *heavy, const cf_raters *light,
                          bool strict, int64_t first, int64_t last);

/* Counts pairs that are done, and moves bytes. Local. */
void cf_pairing_step(cf_pairing *p, int64_t pairs);

/* Safe on {0} and twice. Local. */
void cf_raters_free(cf_raters *r);

#endif
