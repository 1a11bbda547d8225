/* What must be set up around MPI and OpenBLAS before they start. */
#ifndef CFMPI_ENVIRONMENT_H
#define CFMPI_ENVIRONMENT_H

#include "cfmpi/context.h"

/* Sets the environment that Open MPI and OpenBLAS read at load time, and
 * starts the program anew when OpenBLAS has read it already. Before MPI_Init.
 * Local. */
void cf_environment_prepare(char **argv);

/* Remembers the process's memory right after MPI_Init. Local. */
void cf_environment_note_base(void);
int64_t cf_environment_base_bytes(void);

/* Threads of the dense products; says so when ranks times threads are more
 * than the node's cores. Collective. */
void cf_environment_threads(const cf_par *par, int threads);

/* Name of the CPU kernel that the dense products run. Local. */
const char *cf_environment_kernel(void);

#endif
