#include "cfmpi/ring.h"

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"

static int pieces(int64_t bytes)
{
    return (int)((bytes + CF_COUNT_MAX - 1) / CF_COUNT_MAX);
}

void cf_ring_begin(cf_ring *ring, const cf_par *par, const void *send,
                   int64_t send_bytes, void *recv, int64_t recv_bytes)
{
    int before = (par->rank + par->size - 1) % par->size;
    int after = (par->rank + 1) % par->size;
    ring->count = 0;
    ring->requests = cf_alloc(pieces(send_bytes) + pieces(recv_bytes),
                              sizeof *ring->requests, "ring requests");
    for (int64_t at = 0; at < recv_bytes; at += CF_COUNT_MAX)
        MPI_Irecv((char *)recv + at, (int)CF_MIN(recv_bytes - at, CF_COUNT_MAX),
                  MPI_BYTE, after, 0, par->comm,
                  &ring->requests[ring->count++]);
    for (int64_t at = 0; at < send_bytes; at += CF_COUNT_MAX)
        MPI_Isend((const char *)send + at,
                  (int)CF_MIN(send_bytes - at, CF_COUNT_MAX), MPI_BYTE, before,
                  0, par->comm, &ring->requests[ring->count++]);
    cf_traffic_add(send_bytes);
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
