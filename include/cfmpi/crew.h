/* The threads of all ranks of a node at work together: what each does next is
 * agreed in memory that they share, so that the slow do less. */
#ifndef CFMPI_CREW_H
#define CFMPI_CREW_H

#include "cfmpi/node.h"
#include "cfmpi/ring.h"
#include "cfmpi/threads.h"

typedef struct cf_crew {
    cf_par here;             /* its ranks */
    int threads;             /* of each of them */
    const cf_shared *shared; /* [windows] memory that they work on */
    int windows;
    cf_ring *ring;               /* that is to be moved meanwhile, or NULL */
    struct cf_crew_board *board; /* what has been done, for all to see */
    bool alone;                  /* the board is nobody else's */
    int phase;
} cf_crew;

/* Bytes of the board of so many threads on all ranks together. */
int64_t cf_crew_bytes(int64_t workers);

/* The ranks of `here` with par->threads each, and zeroed memory that they
 * share for the board. Local. */
void cf_crew_begin(cf_crew *c, const cf_par *here, void *board,
                   const cf_shared *shared, int windows);

/* The threads of a rank by itself. Local. */
void cf_crew_alone(cf_crew *c, int threads);

/* Safe on {0} and twice. Local. */
void cf_crew_end(cf_crew *c);

/* All wait for all, and see then what the others have done. Called by the
 * thread that calls MPI; collective over `here`. */
void cf_crew_meet(cf_crew *c);

/* Runs `work` on each thread, and meets. Collective over `here`. */
void cf_crew_run(cf_crew *c, cf_thread_work *work, void *data);

/* A number for `work` that cf_crew_run runs, counted from 0 over all threads:
 * what to do next. Local, from any thread. */
int64_t cf_crew_next(cf_crew *c);

/* Parts into which n things are best cut to be met by the crew: 1 for a single
 * thread. Local. */
int cf_crew_parts(const cf_crew *c, int64_t n);

/* What a thread does with part x of one side and y of the other. */
typedef void cf_crew_meeting(int thread, int x, int y, void *data);

/* Every part of one side meets every one of the other, or, where the sides are
 * the `same`, every one from its own on; no two threads have the same part at
 * a time. Then all meet. Collective over `here`; a lock a meeting. */
void cf_crew_pairs(cf_crew *c, int parts, int others, bool same,
                   cf_crew_meeting *work, void *data);

#endif
