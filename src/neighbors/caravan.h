/* Blocks of rows that go round a ring of nodes, one copy on each for all of its
 * ranks, and the lists that their rows fill on the way. */
#ifndef CFMPI_CARAVAN_H
#define CFMPI_CARAVAN_H

#include "search.h"

/* What the ranks of a node have in common stands in the first person. */
typedef struct cf_caravan {
    const cf_par *par;
    cf_nodes nodes;
    cf_part rows; /* of each node */
    int dim;
    int64_t first;       /* of our rows, the first that this rank brought, */
    int64_t brought;     /* and how many */
    cf_slab ours;        /* rows; those that this rank brought if it is alone */
    char *buffer[2];     /* for blocks of others */
    cf_shared memory[3]; /* ours; all else but lists; our lists */
    cf_crew crew;
    cf_party own, visitors;
} cf_caravan;

/* Makes the slabs of the ranks of each node one, and room for all that is to
 * happen to it, lists of k included. Where there is too little room for shared
 * memory, ranks go alone. The measure gets its crew. Rows of `slab` are taken;
 * its numbers stay the caller's. Collective. */
void cf_caravan_begin(cf_caravan *c, const cf_par *par, cf_slab *slab,
                      cf_measure *u, int64_t k);

/* How often blocks move on before all nodes have met. Local. */
int cf_caravan_steps(const cf_caravan *c);

/* Our room for the order of tiles (cf_search). Local. */
int32_t *cf_caravan_near(const cf_caravan *c);

/* The tiles of our rows and of visiting ones that meet here in a step from 1
 * on. Local. */
void cf_caravan_meeting(const cf_caravan *c, int step, cf_tile_range *own,
                        cf_tile_range *visiting);

/* Starts moving on from the block of `step`, from 0, to that of the next, and
 * waits for it. Collective. */
void cf_caravan_turn(cf_caravan *c, cf_ring *ring, int step);
void cf_caravan_arrive(cf_caravan *c, cf_ring *ring);

/* Makes the block of a step the party of visitors, with the floors that its
 * rows' lists have at home; `block` is the caller's and stays in use.
 * Collective. */
void cf_caravan_visit(cf_caravan *c, const cf_measure *u, int step, int64_t k,
                      cf_slab *block);

/* Sends the lists of the visitors of a step home, and merges those of our rows
 * that come back. Returns how many candidates went. Collective; up to 12 (k +
 * 1) bytes a row. */
int64_t cf_caravan_send_home(cf_caravan *c, const cf_measure *u, int step);

/* Gives back all but the lists; returns those of the rows that this rank
 * brought. Collective. */
cf_topk cf_caravan_lists(cf_caravan *c);

/* Safe on {0} and twice. Collective. */
void cf_caravan_end(cf_caravan *c);

#endif
