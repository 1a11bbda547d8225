/* The group of ranks that works together, and how it agrees on errors. */
#ifndef CFMPI_CONTEXT_H
#define CFMPI_CONTEXT_H

#include <mpi.h>

#include "cfmpi/error.h"
#include "cfmpi/types.h"

/* Communicators keep errors-are-fatal: an MPI error is a bug or a lost node.
 * `comm` is borrowed. */
typedef struct cf_par {
    MPI_Comm comm;
    int rank;
    int size;
    int threads; /* of this rank, for what is written for several */
} cf_par;

/* Wraps a communicator, with one thread a rank, and makes cf_die end the whole
 * job. Local. */
void cf_par_init(cf_par *par, MPI_Comm comm);

/* Every rank passes its status and gets that of the lowest rank that failed,
 * with its message, or CF_OK when none did. Ranks own input in file order,
 * so the lowest rank's error is the first in the file. Must stand between a
 * local step that can fail and the next collective one. Collective; one
 * reduction, and one broadcast on failure. */
int cf_agree(const cf_par *par, int status);

/* Node count and this rank's number within its node. Collective. */
void cf_par_nodes(const cf_par *par, int *nodes, int *node_rank);

#endif
