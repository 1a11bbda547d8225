/* Work that several threads of a rank do at the same time. */
#ifndef CFMPI_THREADS_H
#define CFMPI_THREADS_H

#include <stdint.h>

/* What a thread does: its number, from 0, and the caller's data. */
typedef void cf_thread_work(int thread, void *data);

/* Runs `work` once on each of `count` threads, the caller being thread 0, and
 * waits for all; fewer do it, one after the other, where no more can be had.
 * They take no memory by cf_alloc, and only thread 0 calls MPI. Local; some 10
 * microseconds a thread. */
void cf_threads_run(int count, cf_thread_work *work, void *data);

/* Part `part` of `parts` even ones of [0, n): from its begin to that of the
 * next. Local. */
int64_t cf_threads_begin(int64_t n, int part, int parts);

#endif
