/* A few rows against many: products in float32 say which pairs can matter. */
#ifndef CFMPI_DIRECT_H
#define CFMPI_DIRECT_H

#include "cfmpi/ring.h"
#include "party.h"

/* Queries up to which this costs less than putting base rows in order and
 * coding them; the same on all ranks. Tests set it, nothing else does. */
extern int64_t cf_direct_most;

/* Rows and what is known of them. */
typedef struct cf_direct {
    const cf_measure *measure;
    const cf_slab *base;
    double *squared;               /* [rows] squared lengths */
    int room;                      /* blocks of rows in hand */
    struct cf_direct_block *block; /* [room] */
    float *products;               /* of these with all queries */
    int64_t *scored;               /* [threads] scores computed */
    cf_pairs_chunk **found;        /* [threads] where pairs go */
    int64_t exact;                 /* of all threads */
    double total;                  /* pairs to look at here, and those so far */
    double pairs;
} cf_direct;

/* For up to `queries` at a time; the slab stays in use. Local; 1 KiB a query,
 * with several threads 1 KiB a query and thread, or 1 MiB a thread. */
void cf_direct_begin(cf_direct *d, const cf_measure *measure,
                     const cf_slab *base, int64_t queries);
void cf_direct_end(cf_direct *d);

/* Offers every pair of a query and a row that can matter to the lists of the
 * queries; moves the ring on. Local; 2 dim flops a pair. */
void cf_direct_meet(cf_direct *d, cf_party *queries, cf_ring *ring);

#endif
