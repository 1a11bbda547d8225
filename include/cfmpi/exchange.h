/* Messages with 64-bit counts. MPI 3 counts are 32-bit, and displacements of
 * the v-collectives overflow once a total passes INT_MAX, so everything here
 * goes in pieces of at most CF_COUNT_MAX elements. A build with a tiny limit
 * (build/tiny) runs the pieces on small data. */
#ifndef CFMPI_EXCHANGE_H
#define CFMPI_EXCHANGE_H

#include <stddef.h>

#include "cfmpi/context.h"
#include "cfmpi/partition.h"

#ifndef CF_COUNT_MAX
#define CF_COUNT_MAX (1 << 28)
#endif

/* Bytes that this rank has handed to MPI so far through this module and the
 * ring: own payload times receivers, for reductions what the usual algorithms
 * send. Local. */
int64_t cf_traffic_sent(void);

/* Adds to that count. Local. */
void cf_traffic_add(int64_t bytes);

/* Sum, maximum, minimum over ranks; sum over lower ranks. Collective. */
int64_t cf_sum_i64(const cf_par *par, int64_t x);
int64_t cf_max_i64(const cf_par *par, int64_t x);
int64_t cf_min_i64(const cf_par *par, int64_t x);
int64_t cf_exscan_i64(const cf_par *par, int64_t x);

/* The partition in which each rank has as many rows as it says. Collective. */
void cf_part_gather(cf_part *part, const cf_par *par, int64_t own);

/* In-place allreduce of `n` elements of a predefined type; all ranks get the
 * same bits. Collective; from 16 KiB on 2 (P-1)/P of the data a rank, below
 * log2 P times the data in half as many rounds. */
void cf_allreduce(const cf_par *par, void *data, int64_t n, MPI_Datatype type,
                  MPI_Op op);

/* Broadcast of `bytes` bytes, the count known to all. Collective. */
void cf_bcast(const cf_par *par, void *data, int64_t bytes, int root);

/* Tells each rank how much every other one will send it:
 * recv[r] = send[me] of rank r. Collective. */
void cf_alltoall_counts(const cf_par *par, const int64_t *send, int64_t *recv);

/* All-to-all of elements of `size` bytes; `send` holds the elements for rank
 * 0, 1, … one after the other, `recv` likewise by source, so the order of a
 * source's elements is kept. Counts as from cf_alltoall_counts. Collective;
 * `size` pairwise steps. */
void cf_alltoallv(const cf_par *par, const void *send,
                  const int64_t *send_counts, void *recv,
                  const int64_t *recv_counts, size_t size);

/* Rows of `row_bytes` bytes owned by `part` from all ranks to all ranks:
 * all[rows][row_bytes]. Collective; (P-1)/P of the whole a rank. */
void cf_allgather_rows(const cf_par *par, const cf_part *part, const void *mine,
                       void *all, size_t row_bytes);

/* Sums all[rows][width] of MPI_FLOAT or MPI_DOUBLE over ranks, rank r gets its
 * rows in mine: pair by pair, added as they arrive. The order of the sum
 * depends on the rank count. Collective; (P-1)/P of the whole a rank. */
void cf_reduce_scatter_rows(const cf_par *par, const cf_part *part,
                            const void *all, void *mine, int width,
                            MPI_Datatype type);

/* Moves a matrix of rows between two partitions of the same rows.
 * Collective. */
void cf_repartition_rows(const cf_par *par, const cf_part *from,
                         const void *mine, const cf_part *to, void *out,
                         size_t row_bytes);

#endif
