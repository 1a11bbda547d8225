/* Graphs of neighbours: which rows are joined, as compressed sparse rows. */
#ifndef CFMPI_GRAPH_H
#define CFMPI_GRAPH_H

#include "cfmpi/context.h"
#include "cfmpi/partition.h"
#include "cfmpi/topk.h"

/* When i and j are joined. */
enum cf_graph_form {
    CF_GRAPH_DIRECTED, /* j is in the list of i: the lists say it */
    CF_GRAPH_MUTUAL,   /* each is in the list of the other */
    CF_GRAPH_UNION,    /* either is */
    CF_GRAPH_THRESHOLD /* their score reaches a bound; of scores that are not
                          the same either way, that of j in the list of i */
};

/* A graph without loops, symmetric unless said otherwise; this rank has the
 * rows that `part` gives it. All arrays are owned here. */
typedef struct cf_graph {
    cf_part part;
    int64_t entries;  /* of all ranks: an edge i-j is one of i and one of j */
    int64_t before;   /* entries of the ranks before */
    int64_t *indptr;  /* [own rows + 1], from 0 */
    cf_gidx *indices; /* [indptr[own rows]] ascending in each row */
    float *weight;    /* [indptr[own rows]] the score of the two rows */
} cf_graph;

/* The graph of finished lists whose rows `part` splits, of scores that are the
 * same either way: `form` is CF_GRAPH_MUTUAL or CF_GRAPH_UNION. The same on any
 * number of ranks. Collective; 32 bytes sent for an entry of the lists. Memory:
 * 12 bytes for an entry that names own rows and for one of the result, and a
 * few MiB. */
void cf_graph_of_lists(cf_graph *out, const cf_par *par, const cf_part *part,
                       const cf_topk *lists, enum cf_graph_form form);

/* Safe on {0} and twice. Local. */
void cf_graph_free(cf_graph *g);

#endif
