/* Method  A board in shared memory holds counters, which of the parts are in
 *         somebody's hands, and which pairs of them are done. A thread that is
 *         free goes on with the part it has, with the next that is free of the
 *         other side, and else with any. */
#define _POSIX_C_SOURCE 200809L
#include "cfmpi/crew.h"

#include <sched.h>
#include <string.h>
#include <time.h>

#include "cfmpi/memory.h"

#define SLOTS 4 /* of counters, in turn */
#define PARTS 8 /* of a side for each thread */
#define PARTS_MOST 512
#define YIELDS 64    /* before a thread sleeps, ... */
#define NAP_NS 50000 /* so long */

typedef struct cf_crew_board {
    int64_t next[SLOTS];
    int64_t given_back; /* parts, so far */
    int64_t left;       /* pairs that nobody has taken */
    int32_t lock;       /* of what follows and of `left` */
    int32_t parts, others, same;
    int32_t left_of[PARTS_MOST];
    uint8_t busy[2][PARTS_MOST];
    uint8_t taken[]; /* [parts][others] */
} cf_crew_board;

static int64_t parts_of(int64_t workers)
{
    return workers == 1 ? 1 : CF_MIN(PARTS * workers, PARTS_MOST);
}

int64_t cf_crew_bytes(int64_t workers)
{
    return (int64_t)sizeof(cf_crew_board) +
           parts_of(workers) * parts_of(workers);
}

void cf_crew_begin(cf_crew *c, const cf_par *here, void *board,
                   const cf_shared *shared, int windows)
{
    *c = (cf_crew){.here = *here,
                   .threads = here->threads,
                   .shared = shared,
                   .windows = windows,
                   .board = board};
}

void cf_crew_alone(cf_crew *c, int threads)
{
    *c = (cf_crew){.here = {MPI_COMM_SELF, 0, 1, threads},
                   .threads = threads,
                   .alone = true};
    c->board = cf_calloc(cf_crew_bytes(threads), 1, "threads");
}

void cf_crew_end(cf_crew *c)
{
    if (c->alone)
        cf_free(c->board);
    *c = (cf_crew){0};
}

void cf_crew_meet(cf_crew *c)
{
    int slot = ++c->phase % SLOTS;
    if (c->here.size > 1) {
        for (int w = 0; w < c->windows; w++)
            cf_shared_sync(&c->shared[w]);
        MPI_Barrier(c->here.comm);
        for (int w = 0; w < c->windows; w++)
            cf_shared_sync(&c->shared[w]);
    }
    /* That of the phase after this: nobody is there before this rank has
     * met the others again. */
    if (c->here.rank == 0)
        __atomic_store_n(&c->board->next[(slot + 1) % SLOTS], 0,
                         __ATOMIC_RELAXED);
}

void cf_crew_run(cf_crew *c, cf_thread_work *work, void *data)
{
    cf_threads_run(c->threads, work, data);
    cf_crew_meet(c);
}

int64_t cf_crew_next(cf_crew *c)
{
    return __atomic_fetch_add(&c->board->next[c->phase % SLOTS], 1,
                              __ATOMIC_RELAXED);
}

int cf_crew_parts(const cf_crew *c, int64_t n)
{
    int64_t workers = (int64_t)c->here.size * c->threads;
    return (int)CF_MAX(CF_MIN(n, parts_of(workers)), 1);
}

/* ---- pairs of parts ---- */

static void lock(cf_crew_board *b)
{
    while (__atomic_exchange_n(&b->lock, 1, __ATOMIC_ACQUIRE) != 0)
        sched_yield();
}

static void unlock(cf_crew_board *b)
{
    __atomic_store_n(&b->lock, 0, __ATOMIC_RELEASE);
}

static void draw_up(cf_crew_board *b, int parts, int others, bool same)
{
    b->parts = parts;
    b->others = others;
    b->same = same;
    b->left = 0;
    memset(b->busy, 0, sizeof b->busy);
    memset(b->taken, 0, (size_t)parts * (size_t)others);
    for (int x = 0; x < parts; x++) {
        b->left_of[x] = same ? others - x : others;
        b->left += b->left_of[x];
    }
}

static uint8_t *busy_at(cf_crew_board *b, int side, int part)
{
    return &b->busy[b->same ? 0 : side][part];
}

/* Takes a pair of part x, where there is one that can be had, from y on. */
static bool take_with(cf_crew_board *b, int x, int *y)
{
    int first = b->same ? x : 0, count = b->others - first;
    if (b->left_of[x] == 0 || *busy_at(b, 0, x))
        return false;
    int from = CF_MAX(*y - first, 0);
    for (int step = 0; step < count; step++) {
        int other = first + (from + step) % count;
        if (b->taken[x * b->others + other] || *busy_at(b, 1, other))
            continue;
        b->taken[x * b->others + other] = 1;
        b->left_of[x]--;
        b->left--;
        *busy_at(b, 0, x) = *busy_at(b, 1, other) = 1;
        *y = other;
        return true;
    }
    return false;
}

static bool take_any(cf_crew_board *b, int *x, int *y)
{
    for (int step = 0; step < b->parts; step++) {
        int part = (*x + step) % b->parts;
        if (take_with(b, part, y)) {
            *x = part;
            return true;
        }
    }
    return false;
}

static void give_back(cf_crew_board *b, int x, int y)
{
    *busy_at(b, 0, x) = *busy_at(b, 1, y) = 0;
    b->given_back++;
}

/* Until a part has come back since `seen`. */
static void wait_for_more(cf_crew *c, int thread, int64_t seen)
{
    const struct timespec nap = {0, NAP_NS};
    for (int turn = 0;
         __atomic_load_n(&c->board->given_back, __ATOMIC_RELAXED) == seen;
         turn++) {
        if (thread == 0 && c->ring != NULL)
            cf_ring_progress(c->ring);
        if (turn < YIELDS)
            sched_yield();
        else
            nanosleep(&nap, NULL);
    }
}

typedef struct pairing {
    cf_crew *crew;
    cf_crew_meeting *work;
    void *data;
} pairing;

static void meet_all(int thread, void *data)
{
    const pairing *p = data;
    cf_crew *c = p->crew;
    cf_crew_board *b = c->board;
    int workers = c->here.size * c->threads;
    int worker = c->here.rank * c->threads + thread;
    int x = (int)cf_threads_begin(b->parts, worker, workers);
    int y = (int)cf_threads_begin(b->others, worker, workers);
    lock(b);
    while (b->left > 0) {
        bool taken = take_any(b, &x, &y);
        int64_t seen = b->given_back;
        unlock(b);
        if (taken)
            p->work(thread, x, y, p->data);
        else
            wait_for_more(c, thread, seen);
        lock(b);
        if (taken)
            give_back(b, x, y);
    }
    unlock(b);
}

void cf_crew_pairs(cf_crew *c, int parts, int others, bool same,
                   cf_crew_meeting *work, void *data)
{
    pairing p = {c, work, data};
    if (c->here.rank == 0)
        draw_up(c->board, parts, others, same);
    cf_crew_meet(c);
    cf_crew_run(c, meet_all, &p);
}
