/* Blocks that travel round the ring of ranks: each step sends the block in
 * hand to the rank before and receives that of the rank after, while the
 * caller computes. After s steps a rank holds the block of rank + s. */
#ifndef CFMPI_RING_H
#define CFMPI_RING_H

#include "cfmpi/context.h"

/* One step in flight; {0} when none is. */
typedef struct cf_ring {
    MPI_Request *requests;
    int count, room;
} cf_ring;

/* One part of a step: bytes that go to another rank or come from there. Between
 * two ranks, parts come in the order in which they are sent. They stay the
 * ring's until cf_ring_end. Local; a message, in pieces when it is large. */
void cf_ring_send(cf_ring *ring, const cf_par *par, const void *send,
                  int64_t bytes, int to);
void cf_ring_recv(cf_ring *ring, const cf_par *par, void *recv, int64_t bytes,
                  int from);

/* Starts a step: `send` goes out, `recv` fills; both stay the ring's until
 * cf_ring_end. Collective; two messages, in pieces when they are large. */
void cf_ring_begin(cf_ring *ring, const cf_par *par, const void *send,
                   int64_t send_bytes, void *recv, int64_t recv_bytes);

/* Lets MPI move bytes; Open MPI does so only inside calls. Local. */
void cf_ring_progress(cf_ring *ring);

/* Waits for the step and frees its requests. Collective. */
void cf_ring_end(cf_ring *ring);

#endif
