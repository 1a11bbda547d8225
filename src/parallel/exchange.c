#include "cfmpi/exchange.h"

#include <stdbool.h>
#include <string.h>

#include "cfmpi/cpu.h"
#include "cfmpi/memory.h"

static int64_t sent_bytes;

int64_t cf_traffic_sent(void)
{
    return sent_bytes;
}

void cf_traffic_add(int64_t bytes)
{
    sent_bytes += bytes;
}

static int64_t reduce_one(const cf_par *par, int64_t x, MPI_Op op)
{
    MPI_Allreduce(MPI_IN_PLACE, &x, 1, MPI_INT64_T, op, par->comm);
    return x;
}

int64_t cf_sum_i64(const cf_par *par, int64_t x)
{
    return reduce_one(par, x, MPI_SUM);
}

int64_t cf_max_i64(const cf_par *par, int64_t x)
{
    return reduce_one(par, x, MPI_MAX);
}

int64_t cf_min_i64(const cf_par *par, int64_t x)
{
    return reduce_one(par, x, MPI_MIN);
}

int64_t cf_exscan_i64(const cf_par *par, int64_t x)
{
    int64_t before = 0;
    MPI_Exscan(&x, &before, 1, MPI_INT64_T, MPI_SUM, par->comm);
    return par->rank == 0 ? 0 : before;
}

void cf_part_gather(cf_part *part, const cf_par *par, int64_t own)
{
    cf_part_even(part, 0, par->size);
    MPI_Allgather(&own, 1, MPI_INT64_T, part->begin + 1, 1, MPI_INT64_T,
                  par->comm);
    for (int r = 0; r < par->size; r++)
        part->begin[r + 1] += part->begin[r];
}

/* From so many bytes on, rounds cost less than what they send. */
#define LARGE_SUM 16384

/* Rounds of recursive doubling. */
static int rounds_of(int ranks)
{
    int rounds = 0;
    while (ranks > 1 << rounds)
        rounds++;
    return rounds;
}

/* An all-reduce as a reduce-scatter and an all-gather: 2 (P-1)/P of the data
 * a rank, where MPI_Allreduce may send all of it log2 P times. */
static void allreduce_parts(const cf_par *par, char *data, int n, int size,
                            MPI_Datatype type, MPI_Op op)
{
    cf_part part = {0};
    cf_part_even(&part, n, par->size);
    int *counts = cf_alloc(2 * (int64_t)par->size, sizeof *counts, "counts");
    int *displs = counts + par->size;
    for (int r = 0; r < par->size; r++) {
        counts[r] = (int)cf_part_count(&part, r);
        displs[r] = (int)part.begin[r];
    }
    int own = counts[par->rank];
    char *sum = cf_alloc(own, (size_t)size, "part of a sum");
    MPI_Reduce_scatter(data, sum, counts, type, op, par->comm);
    MPI_Allgatherv(sum, own, type, data, counts, displs, type, par->comm);
    sent_bytes += (int64_t)(n - own) * size;
    sent_bytes += (int64_t)own * size * (par->size - 1);
    cf_free(sum);
    cf_free(counts);
    cf_part_free(&part);
}

void cf_allreduce(const cf_par *par, void *data, int64_t n, MPI_Datatype type,
                  MPI_Op op)
{
    int size;
    MPI_Type_size(type, &size);
    for (int64_t at = 0; at < n; at += CF_COUNT_MAX) {
        int count = (int)CF_MIN(n - at, CF_COUNT_MAX);
        char *piece = (char *)data + at * size;
        if (par->size > 2 && (int64_t)count * size >= LARGE_SUM) {
            allreduce_parts(par, piece, count, size, type, op);
            continue;
        }
        MPI_Allreduce(MPI_IN_PLACE, piece, count, type, op, par->comm);
        sent_bytes += (int64_t)count * size * rounds_of(par->size);
    }
}

void cf_bcast(const cf_par *par, void *data, int64_t bytes, int root)
{
    for (int64_t at = 0; at < bytes; at += CF_COUNT_MAX)
        MPI_Bcast((char *)data + at, (int)CF_MIN(bytes - at, CF_COUNT_MAX),
                  MPI_BYTE, root, par->comm);
    if (par->rank == root)
        sent_bytes += bytes * (par->size - 1);
}

void cf_alltoall_counts(const cf_par *par, const int64_t *send, int64_t *recv)
{
    MPI_Alltoall(send, 1, MPI_INT64_T, recv, 1, MPI_INT64_T, par->comm);
}

/* One pair's exchange in pieces; both sides go through the same number of
 * pieces as their partner expects, zero-length ones left out. */
static void sendrecv(const cf_par *par, const char *send, int64_t send_count,
                     int to, char *recv, int64_t recv_count, int from,
                     size_t size, MPI_Datatype type)
{
    int64_t sent = 0, got = 0;
    while (sent < send_count || got < recv_count) {
        int s = (int)CF_MIN(send_count - sent, CF_COUNT_MAX);
        int r = (int)CF_MIN(recv_count - got, CF_COUNT_MAX);
        MPI_Sendrecv(send + sent * (int64_t)size, s, type,
                     s > 0 ? to : MPI_PROC_NULL, 0, recv + got * (int64_t)size,
                     r, type, r > 0 ? from : MPI_PROC_NULL, 0, par->comm,
                     MPI_STATUS_IGNORE);
        sent += s;
        got += r;
    }
}

static int64_t *offsets_of(const int64_t *counts, int n)
{
    int64_t *offset = cf_alloc(n + 1, sizeof *offset, "exchange offsets");
    offset[0] = 0;
    for (int r = 0; r < n; r++)
        offset[r + 1] = offset[r] + counts[r];
    return offset;
}

void cf_alltoallv(const cf_par *par, const void *send,
                  const int64_t *send_counts, void *recv,
                  const int64_t *recv_counts, size_t size)
{
    int64_t *from_at = offsets_of(send_counts, par->size);
    int64_t *to_at = offsets_of(recv_counts, par->size);
    MPI_Datatype type;
    MPI_Type_contiguous((int)size, MPI_BYTE, &type);
    MPI_Type_commit(&type);
    static char none; /* stands for arrays without elements */
    const char *out = send != NULL ? send : &none;
    char *in = recv != NULL ? recv : &none;
    int64_t width = (int64_t)size;
    int me = par->rank;
    if (send_counts[me] > 0)
        memcpy(in + to_at[me] * width, out + from_at[me] * width,
               (size_t)(send_counts[me] * width));
    for (int step = 1; step < par->size; step++) {
        int to = (me + step) % par->size;
        int from = (me - step + par->size) % par->size;
        sendrecv(par, out + from_at[to] * width, send_counts[to], to,
                 in + to_at[from] * width, recv_counts[from], from, size, type);
        sent_bytes += send_counts[to] * width;
    }
    MPI_Type_free(&type);
    cf_free(from_at);
    cf_free(to_at);
}

void cf_allgather_rows(const cf_par *par, const cf_part *part, const void *mine,
                       void *all, size_t row_bytes)
{
    int *counts = cf_alloc(2 * (int64_t)par->size, sizeof *counts, "counts");
    int *displs = counts + par->size;
    MPI_Datatype row;
    MPI_Type_contiguous((int)row_bytes, MPI_BYTE, &row);
    MPI_Type_commit(&row);
    char *out = all;
    /* Windows of rows: each is one collective whose counts fit. */
    for (cf_gidx w = 0; w < cf_part_rows(part); w += CF_COUNT_MAX) {
        cf_gidx e = CF_MIN(w + CF_COUNT_MAX, cf_part_rows(part));
        for (int r = 0; r < par->size; r++) {
            cf_gidx b = CF_MIN(CF_MAX(part->begin[r], w), e);
            counts[r] = (int)(CF_MIN(CF_MAX(part->begin[r + 1], w), e) - b);
            displs[r] = (int)(b - w);
        }
        cf_gidx skip = CF_MAX(w - part->begin[par->rank], 0);
        MPI_Allgatherv(counts[par->rank] > 0
                           ? (const char *)mine + skip * (cf_gidx)row_bytes
                           : (const char *)mine,
                       counts[par->rank], row, out + w * (cf_gidx)row_bytes,
                       counts, displs, row, par->comm);
    }
    sent_bytes +=
        cf_part_count(part, par->rank) * (int64_t)row_bytes * (par->size - 1);
    MPI_Type_free(&row);
    cf_free(counts);
}

/* Of a sum that travels, so that it is added while it is in the cache. */
#define PIECE ((int64_t)128 << 10)

CF_VECTORISED static void add_floats(float *sum, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        sum[i] += x[i];
}

CF_VECTORISED static void add_doubles(double *sum, const double *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        sum[i] += x[i];
}

/* What one rank sends while it adds what another sends. */
typedef struct addition {
    const char *send;
    char *sum;
    int64_t send_bytes, sum_bytes;
    int to, from;
} addition;

/* Starts sending and receiving piece k, where there is one. */
static void start_piece(const cf_par *par, const addition *a, int64_t k,
                        char *room, MPI_Request *requests)
{
    int64_t at = k * PIECE;
    int64_t got = CF_MAX(CF_MIN(PIECE, a->sum_bytes - at), 0);
    int64_t sent = CF_MAX(CF_MIN(PIECE, a->send_bytes - at), 0);
    requests[0] = requests[1] = MPI_REQUEST_NULL;
    if (got > 0)
        MPI_Irecv(room, (int)got, MPI_BYTE, a->from, 0, par->comm, requests);
    if (sent > 0)
        MPI_Isend(a->send + at, (int)sent, MPI_BYTE, a->to, 0, par->comm,
                  requests + 1);
}

/* The checker follows only one of the two pairs of requests.
 * NOLINTBEGIN(clang-analyzer-optin.mpi.MPI-Checker) */
static void add_from(const cf_par *par, const addition *a, char *room,
                     bool floats)
{
    MPI_Request requests[2][2];
    int64_t most = CF_MAX(a->send_bytes, a->sum_bytes);
    start_piece(par, a, 0, room, requests[0]);
    for (int64_t k = 0; k * PIECE < most; k++) {
        char *sum = a->sum + k * PIECE, *x = room + k % 2 * PIECE;
        int64_t got = CF_MIN(PIECE, a->sum_bytes - k * PIECE);
        MPI_Waitall(2, requests[k % 2], MPI_STATUSES_IGNORE);
        start_piece(par, a, k + 1, room + (k + 1) % 2 * PIECE,
                    requests[(k + 1) % 2]);
        if (floats)
            add_floats((float *)(void *)sum, (float *)(void *)x, got / 4);
        else
            add_doubles((double *)(void *)sum, (double *)(void *)x, got / 8);
    }
}
/* NOLINTEND(clang-analyzer-optin.mpi.MPI-Checker) */

void cf_reduce_scatter_rows(const cf_par *par, const cf_part *part,
                            const void *all, void *mine, int width,
                            MPI_Datatype type)
{
    int size;
    MPI_Type_size(type, &size);
    int64_t row = (int64_t)width * size;
    char *room = cf_alloc(2, PIECE, "pieces of a sum");
    addition a = {.sum = mine,
                  .sum_bytes = cf_part_count(part, par->rank) * row};
    memcpy(mine, (const char *)all + part->begin[par->rank] * row,
           (size_t)a.sum_bytes);
    for (int step = 1; step < par->size; step++) {
        a.to = (par->rank + step) % par->size;
        a.from = (par->rank - step + par->size) % par->size;
        a.send = (const char *)all + part->begin[a.to] * row;
        a.send_bytes = cf_part_count(part, a.to) * row;
        add_from(par, &a, room, type == MPI_FLOAT);
        sent_bytes += a.send_bytes;
    }
    cf_free(room);
}

static int64_t overlap(const cf_part *a, int r, const cf_part *b, int s)
{
    cf_gidx lo = CF_MAX(a->begin[r], b->begin[s]);
    cf_gidx hi = CF_MIN(a->begin[r + 1], b->begin[s + 1]);
    return CF_MAX(hi - lo, 0);
}

void cf_repartition_rows(const cf_par *par, const cf_part *from,
                         const void *mine, const cf_part *to, void *out,
                         size_t row_bytes)
{
    int64_t *counts =
        cf_alloc(2 * (int64_t)par->size, sizeof *counts, "row counts");
    for (int r = 0; r < par->size; r++) {
        counts[r] = overlap(from, par->rank, to, r);
        counts[par->size + r] = overlap(from, r, to, par->rank);
    }
    cf_alltoallv(par, mine, counts, out, counts + par->size, row_bytes);
    cf_free(counts);
}
