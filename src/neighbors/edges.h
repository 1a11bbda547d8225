/* Edges on their way to the ranks of their rows. */
#ifndef CFMPI_EDGES_H
#define CFMPI_EDGES_H

#include "cfmpi/graph.h"

#ifndef CF_EDGES_ROUND
#define CF_EDGES_ROUND 65536 /* edges that a rank sends at a time */
#endif

/* An entry of a row, wherever it was found. */
typedef struct cf_edge {
    cf_gidx row, column;
    float weight;
} cf_edge;

/* What edges are taken from: puts edges [begin, begin + n) into `out`. */
typedef void cf_edges_take(const void *from, int64_t begin, int64_t n,
                           cf_edge *out);

/* Edges [0, count) of this rank, and those of the others, to the ranks of their
 * rows: `out` has all, columns ascending within rows. No edge may come twice.
 * Collective; an edge is sent twice, 16 bytes, as they are counted first, in
 * rounds. Memory: 12 bytes an entry and a few MiB. */
void cf_edges_deliver(cf_graph *out, const cf_par *par, const cf_part *part,
                      cf_edges_take *take, const void *from, int64_t count);

/* The last of `count` places that does not begin beyond `at`; begin [count]
 * ascends, and the first is taken for one that does not. Local, O(log count).
 */
int64_t cf_edges_place(const int64_t *begin, int64_t count, int64_t at);

/* Sorts the entries of a row by column. Local, O(n) when they are sorted. */
void cf_edges_sort(cf_gidx *column, float *weight, int64_t n);

/* Distances, which are found with a minus, as they are. Local. */
void cf_graph_drop_signs(cf_graph *g, const cf_par *par);

/* Counts the entries of all ranks when own rows are complete. Collective. */
void cf_graph_seal(cf_graph *g, const cf_par *par);

#endif
