/* Ranks by the nodes that they are on, and memory that those of one share. */
#ifndef CFMPI_NODE_H
#define CFMPI_NODE_H

#include <stdbool.h>

#include "cfmpi/context.h"

/* Nodes are numbered by their lowest ranks. */
typedef struct cf_nodes {
    int count;
    int own;     /* the number of this rank's */
    int *begin;  /* [count + 1] where those of each begin in ... */
    int *ranks;  /* [all ranks] these, ascending on each node */
    cf_par here; /* the ranks of this node, in their order */
} cf_nodes;

/* Who is on which node; where `alone`, this rank is on one of its own. The
 * variable CFMPI_NODES, for tests, divides nodes: its letters, over and over,
 * name those of the ranks. Collective. */
void cf_nodes_begin(cf_nodes *n, const cf_par *par, bool alone);

/* Safe on {0} and twice. Collective over the node. */
void cf_nodes_end(cf_nodes *n);

/* Ranks of a node. Local. */
int cf_nodes_size(const cf_nodes *n, int node);

/* Memory that all ranks of a node see; each counts an equal share as its own.
 */
typedef struct cf_shared {
    char *at;
    int64_t share;
    bool windowed;
    MPI_Win window;
} cf_shared;

/* Whether the ranks of a machine may share `bytes` a rank of theirs: the same
 * on all of them. Collective. */
bool cf_shared_fits(const cf_par *par, int64_t bytes);

/* Zeroed, 64-byte aligned. Ends the job when there is no memory. Collective
 * over `here`, which tells the same size. */
void cf_shared_begin(cf_shared *s, const cf_par *here, int64_t bytes,
                     const char *what);

/* What others have written before a barrier is seen after it: to be called on
 * both sides of the barrier. Local. */
void cf_shared_sync(const cf_shared *s);

/* All wait for all, and see then what the others have written. Collective over
 * the ranks that share it. */
void cf_shared_meet(const cf_shared *s, const cf_par *here);

/* Safe on {0} and twice. Collective over the ranks that share it. */
void cf_shared_end(cf_shared *s);

/* Ends s[0 .. count). What this rank has seen of them the system has counted
 * as its own, though others do so as well: the peak of this process is kept
 * without that, and without `others` bytes of what goes on. It is to have been
 * kept before they began. Collective over the ranks that share them. */
void cf_shared_give_back(cf_shared *s, int count, int64_t others);

#endif
