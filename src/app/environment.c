#define _GNU_SOURCE
#include "environment.h"

#include <cblas.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "cfmpi/cpu.h"
#include "cfmpi/log.h"
#include "cfmpi/memory.h"

#define RESTARTED "CFMPI_RESTARTED"

static int64_t base_bytes;

/* OpenBLAS 0.3.21 does not know CPUs newer than itself and falls back to
 * their AVX2 kernels; these two are its own for AVX-512. */
static const char *better_core(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    bool avx512 = __builtin_cpu_supports("avx512f") &&
                  __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512vl");
    if (avx512)
        return "SkylakeX";
#endif
    return NULL;
}

/* Containers may forbid the call by which Open MPI lets ranks read each
 * other's memory; Open MPI then fails message by message. */
static bool memory_is_readable(void)
{
    char from = 1, to = 0;
    struct iovec local = {&to, 1}, remote = {&from, 1};
    return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == 1;
}

void cf_environment_prepare(char **argv)
{
    /* A file-size limit is to be an error of the write, like a full disk. */
    signal(SIGXFSZ, SIG_IGN);
    /* OMPIO loses data in collective writes of this Open MPI version. */
    setenv("OMPI_MCA_io", "romio321", 0);
    /* Every rank opens inputs read-only by itself; locks only add failures
     * on shared file systems. */
    setenv("HDF5_USE_FILE_LOCKING", "FALSE", 0);
    if (!memory_is_readable())
        setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", 0);
    if (getenv(RESTARTED) != NULL)
        return;
    /* OpenBLAS reads these in its constructor, before main. */
    setenv(RESTARTED, "1", 1);
    setenv("OPENBLAS_NUM_THREADS", "1", 0);
    if (better_core() != NULL)
        setenv("OPENBLAS_CORETYPE", better_core(), 0);
    execv("/proc/self/exe", argv);
    /* Without /proc the program goes on as it is, only slower. */
}

void cf_environment_note_base(void)
{
    base_bytes = cf_memory_process_peak();
}

int64_t cf_environment_base_bytes(void)
{
    return base_bytes;
}

void cf_environment_threads(const cf_par *par, int threads)
{
    int nodes, node_rank;
    cf_par_nodes(par, &nodes, &node_rank);
    openblas_set_num_threads(threads);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    long wanted = (long)threads * ((par->size + nodes - 1) / nodes);
    cf_log_detail("%d ranks on %d nodes, %d threads each, kernel %s, own "
                  "kernels %s",
                  par->size, nodes, threads, cf_environment_kernel(),
                  cf_cpu_isa_name(cf_cpu_isa()));
    if (wanted > cores)
        cf_log_detail("%ld ranks x threads share %ld cores of a node", wanted,
                      cores);
}

const char *cf_environment_kernel(void)
{
    return openblas_get_corename();
}
