/* Method  Open MPI keeps windows of shared memory in files of a folder,
 *         /dev/shm as a rule, that grow as they are written: where there is no
 *         room a rank would be ended by a signal. So room is asked for
 *         beforehand, and then taken at once where the system can do that. */
#define _DEFAULT_SOURCE /* madvise */
#include "cfmpi/node.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* of Linux 5.14 */
#endif

#define ALIGN 64
#define PAGE ((int64_t)4096)
#define MARGIN ((int64_t)4 << 20) /* for what MPI itself adds to windows */

/* ---- who is where ---- */

/* The communicator of this rank's node. */
static void split(const cf_par *par, bool alone, MPI_Comm *node)
{
    MPI_Comm machine;
    const char *names = getenv("CFMPI_NODES");
    int letters = names == NULL ? 0 : (int)strlen(names);
    int color = letters == 0 ? 0 : names[par->rank % letters];
    MPI_Comm_split_type(par->comm, MPI_COMM_TYPE_SHARED, par->rank,
                        MPI_INFO_NULL, &machine);
    MPI_Comm_split(machine, alone ? 256 + par->rank : color, par->rank, node);
    MPI_Comm_free(&machine);
}

void cf_nodes_begin(cf_nodes *n, const cf_par *par, bool alone)
{
    MPI_Comm node;
    split(par, alone, &node);
    *n = (cf_nodes){0};
    cf_par_init(&n->here, node);
    n->here.threads = par->threads;
    int lowest = par->rank;
    MPI_Bcast(&lowest, 1, MPI_INT, 0, node);
    int *of = cf_alloc(par->size, sizeof *of, "nodes of ranks");
    MPI_Allgather(&lowest, 1, MPI_INT, of, 1, MPI_INT, par->comm);
    n->begin = cf_alloc(par->size + 1, sizeof *n->begin, "nodes of ranks");
    n->ranks = cf_alloc(par->size, sizeof *n->ranks, "nodes of ranks");
    n->begin[0] = 0;
    for (int first = 0, at = 0; first < par->size; first++) {
        if (of[first] != first)
            continue;
        if (first == lowest)
            n->own = n->count;
        for (int r = first; r < par->size; r++)
            if (of[r] == first)
                n->ranks[at++] = r;
        n->begin[++n->count] = at;
    }
    cf_free(of);
}

void cf_nodes_end(cf_nodes *n)
{
    if (n->ranks != NULL)
        MPI_Comm_free(&n->here.comm);
    cf_free(n->begin);
    cf_free(n->ranks);
    *n = (cf_nodes){0};
}

int cf_nodes_size(const cf_nodes *n, int node)
{
    return n->begin[node + 1] - n->begin[node];
}

/* ---- shared memory ---- */

/* Where Open MPI keeps windows; to ask it would take it 0.2 s. */
static const char *folder_of_windows(void)
{
    const char *named = getenv("OMPI_MCA_osc_sm_backing_directory");
    if (named == NULL && access("/dev/shm", W_OK) == 0)
        named = "/dev/shm";
    if (named == NULL)
        named = getenv("OMPI_FILE_LOCATION"); /* of its session */
    return named != NULL ? named : "/tmp";
}

/* Bytes that may still be written where windows lie. */
static int64_t room_left(void)
{
    struct statvfs of;
    if (statvfs(folder_of_windows(), &of) != 0)
        return 0;
    return (int64_t)CF_MIN((uint64_t)of.f_bavail,
                           (uint64_t)INT64_MAX / of.f_frsize) *
           (int64_t)of.f_frsize;
}

bool cf_shared_fits(const cf_par *par, int64_t bytes)
{
    cf_par machine;
    MPI_Comm comm;
    MPI_Comm_split_type(par->comm, MPI_COMM_TYPE_SHARED, par->rank,
                        MPI_INFO_NULL, &comm);
    cf_par_init(&machine, comm);
    int64_t all = cf_sum_i64(&machine, bytes + MARGIN);
    bool fits = cf_min_i64(&machine, room_left()) >= all;
    MPI_Comm_free(&comm);
    return fits;
}

/* Takes this rank's part of the pages, so that a lack of them is an error. */
static void take_pages(const cf_par *here, char *at, int64_t bytes,
                       const char *what)
{
    int64_t into = (intptr_t)at % PAGE;
    int64_t pages = (into + bytes + PAGE - 1) / PAGE;
    int64_t first = pages * here->rank / here->size;
    int64_t last = pages * (here->rank + 1) / here->size;
    if (first < last &&
        madvise(at - into + first * PAGE, (size_t)((last - first) * PAGE),
                MADV_POPULATE_WRITE) != 0 &&
        errno != EINVAL) /* the system is older than that */
        cf_die(CF_NO_MEMORY,
               "no room for %" PRId64 " MiB of shared memory for %s",
               bytes >> 20, what);
}

void cf_shared_begin(cf_shared *s, const cf_par *here, int64_t bytes,
                     const char *what)
{
    char *at;
    MPI_Aint first = (MPI_Aint)(bytes + ALIGN);
    MPI_Aint size = here->rank == 0 ? first : ALIGN;
    *s = (cf_shared){.window = MPI_WIN_NULL};
    if (here->size == 1) {
        s->at = cf_calloc(bytes, 1, what);
        return;
    }
    s->windowed = true;
    s->share = bytes / here->size + 1;
    cf_memory_count(s->share, what);
    MPI_Win_allocate_shared(size, 1, MPI_INFO_NULL, here->comm, &at,
                            &s->window);
    /* One lies behind the other. Open MPI does not know where a window is
     * (MPI_Win_shared_query) while it is being monitored. */
    if (here->rank > 0)
        at -= first + (here->rank - 1) * size;
    MPI_Win_lock_all(MPI_MODE_NOCHECK, s->window);
    s->at = at + (ALIGN - (intptr_t)at % ALIGN) % ALIGN;
    take_pages(here, s->at, bytes, what);
}

void cf_shared_sync(const cf_shared *s)
{
    if (s->windowed)
        MPI_Win_sync(s->window);
}

void cf_shared_meet(const cf_shared *s, const cf_par *here)
{
    cf_shared_sync(s);
    if (here->size > 1)
        MPI_Barrier(here->comm);
    cf_shared_sync(s);
}

void cf_shared_end(cf_shared *s)
{
    if (s->windowed) {
        MPI_Win_unlock_all(s->window);
        MPI_Win_free(&s->window);
        cf_memory_count(-s->share, "");
    } else {
        cf_free(s->at);
    }
    *s = (cf_shared){0};
}

void cf_shared_give_back(cf_shared *s, int count, int64_t others)
{
    int64_t seen = cf_memory_shared_pages();
    for (int i = 0; i < count; i++) {
        others -= s[i].share;
        cf_shared_end(&s[i]);
    }
    others += seen - cf_memory_shared_pages();
    cf_memory_peak_keep(CF_MAX(others, 0));
    cf_memory_peak_again();
}
