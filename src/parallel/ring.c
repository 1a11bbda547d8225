#include "cfmpi/ring.h"

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"

/* Room for one more message. */
static MPI_Request *next(cf_ring *ring)
{
    if (ring->count == ring->room) {
        ring->room = 2 * ring->room + 4;
        ring->requests = cf_realloc(ring->requests, ring->room,
                                    sizeof *ring->requests, "ring requests");
    }
    return &ring->requests[ring->count++];
}

void cf_ring_recv(cf_ring *ring, const cf_par *par, void *recv, int64_t bytes,
                  int from)
{
    for (int64_t at = 0; at < bytes; at += CF_COUNT_MAX)
        MPI_Irecv((char *)recv + at, (int)CF_MIN(bytes - at, CF_COUNT_MAX),
                  MPI_BYTE, from, 0, par->comm, next(ring));
}

void cf_ring_send(cf_ring *ring, const cf_par *par, const void *send,
                  int64_t bytes, int to)
{
    for (int64_t at = 0; at < bytes; at += CF_COUNT_MAX)
        MPI_Isend((const char *)send + at,
                  (int)CF_MIN(bytes - at, CF_COUNT_MAX), MPI_BYTE, to, 0,
                  par->comm, next(ring));
    cf_traffic_add(bytes);
}

void cf_ring_begin(cf_ring *ring, const cf_par *par, const void *send,
                   int64_t send_bytes, void *recv, int64_t recv_bytes)
{
    cf_ring_recv(ring, par, recv, recv_bytes, (par->rank + 1) % par->size);
    cf_ring_send(ring, par, send, send_bytes,
                 (par->rank + par->size - 1) % par->size);
}

void cf_ring_progress(cf_ring *ring)
{
    int done;
    MPI_Testall(ring->count, ring->requests, &done, MPI_STATUSES_IGNORE);
}

void cf_ring_end(cf_ring *ring)
{
    MPI_Waitall(ring->count, ring->requests, MPI_STATUSES_IGNORE);
    cf_free(ring->requests);
    *ring = (cf_ring){0};
}
