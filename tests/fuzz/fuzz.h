/* A fuzz target is a program of libFuzzer's that hands made-up bytes to one
 * reader. Under mpirun rank 0 does so, and the others join in. What counts as a
 * finding, besides a crash and what the sanitizers say: memory, files or HDF5
 * objects that a reader leaves behind; an array sized by an unchecked claim of
 * the file (over MOST_MEMORY); a message that is not one printable line; and
 * whatever a target compares. */
#ifndef CFMPI_FUZZ_H
#define CFMPI_FUZZ_H

#define _GNU_SOURCE /* memfd_create; so this header comes first */

#include <dirent.h>
#include <hdf5.h>
#include <sanitizer/lsan_interface.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cfmpi/context.h"
#include "cfmpi/exchange.h"
#include "cfmpi/inflate.h"
#include "cfmpi/log.h"
#include "cfmpi/memory.h"

#define MOST_MEMORY ((int64_t)256 << 20)

static cf_par self;  /* this rank alone */
static cf_par world; /* all ranks */

#define HOLDS(condition)                                                       \
    ((condition) ? (void)0 : broken(__FILE__, __LINE__, #condition))

static inline void broken(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: '%s' does not hold\n", file, line, what);
    abort();
}

/* ---- what a target gives ---- */

/* Sets up what lasts. */
static void prepare(void);

/* Tries one input. Collective. */
static void attempt(const uint8_t *data, size_t size);

/* ---- files without names in a folder ---- */

typedef struct fuzz_file {
    int fd;
    char path[32];
} fuzz_file;

static inline void make_file(fuzz_file *f)
{
    f->fd = memfd_create("fuzz", MFD_CLOEXEC);
    HOLDS(f->fd >= 0);
    snprintf(f->path, sizeof f->path, "/proc/self/fd/%d", f->fd);
}

/* A name for files that need one; after a crash they are there to be looked
 * at. */
static inline void name_file(char path[CF_PATH_MAX], const char *kind)
{
    const char *folder = getenv("TMPDIR");
    snprintf(path, CF_PATH_MAX, "%s/cfmpi-fuzz-%ld.%s",
             folder != NULL ? folder : "/tmp", (long)getpid(), kind);
}

static inline void fill_file(const fuzz_file *f, const void *data, size_t size)
{
    HOLDS(ftruncate(f->fd, 0) == 0);
    HOLDS(pwrite(f->fd, data, size, 0) == (ssize_t)size);
}

/* Packed bytes are the target inflate's matter: false for these. */
static inline bool is_plain(const uint8_t *data, size_t size)
{
    static const char heads[][4] = {"PK", "BZh", {(char)0xfd, '7', 'z'}};
    for (int i = 0; i < 3; i++)
        if (size >= 3 && memcmp(data, heads[i], strlen(heads[i])) == 0)
            return false;
    return cf_packing_of((const char *)data, (int64_t)size) == CF_PLAIN;
}

/* ---- recipes: numbers and names out of the fuzzer's bytes ---- */

#define NAME 64

/* The fuzzer's bytes, from which numbers are taken; zeros when used up. */
typedef struct bytes {
    const uint8_t *at;
    size_t left;
} bytes;

static inline unsigned take(bytes *b)
{
    if (b->left == 0)
        return 0;
    b->left--;
    return *b->at++;
}

/* Mostly small, sometimes a power of two or nearly. */
static inline uint64_t take_size(bytes *b)
{
    unsigned x = take(b);
    if (x < 128)
        return x;
    return (UINT64_C(1) << (x & 63)) + take(b) - 1;
}

static inline void take_text(bytes *b, char text[NAME])
{
    size_t n = take(b) % NAME;
    n = CF_MIN(n, b->left);
    memcpy(text, b->at, n);
    text[n] = '\0';
    b->at += n;
    b->left -= n;
}

/* ---- what readers answer ---- */

/* Whether a reader succeeded. An error must be the user's, with a message of
 * one printable line; it is forgotten. */
static inline bool succeeded(int status)
{
    const char *s = cf_error_message();
    bool good = status == CF_OK;
    HOLDS(good || status == CF_USAGE || status == CF_BAD_DATA ||
          status == CF_NO_INPUT || status == CF_IO);
    HOLDS(good == (s[0] == '\0'));
    for (; *s != '\0'; s++)
        HOLDS((unsigned char)*s >= 0x20 && *s != 0x7f);
    cf_error_clear();
    return good;
}

static inline bool same_bytes(const void *a, const void *b, size_t size)
{
    return size == 0 || memcmp(a, b, size) == 0;
}

/* ---- the frame ---- */

static inline int open_files(void)
{
    int count = 0;
    DIR *d = opendir("/proc/self/fd");
    HOLDS(d != NULL);
    while (readdir(d) != NULL)
        count++;
    closedir(d);
    return count;
}

static inline void stop(int status)
{
    (void)status;
    abort();
}

/* Tries one input on this rank and looks at what it leaves behind. */
static inline void attempt_cleanly(const uint8_t *data, size_t size)
{
    int64_t memory = cf_memory_now();
    int files = open_files();
    attempt(data, size);
    HOLDS(cf_memory_now() == memory);
    HOLDS(open_files() == files);
    HOLDS(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL) == 0);
}

/* The other ranks: whatever rank 0 tries, until it has had enough. */
static inline void join_in(void)
{
    for (int64_t size;;) {
        MPI_Bcast(&size, 1, MPI_INT64_T, 0, world.comm);
        if (size < 0)
            break;
        uint8_t *data = malloc((size_t)size + 1);
        MPI_Bcast(data, (int)size, MPI_BYTE, 0, world.comm);
        attempt_cleanly(data, (size_t)size);
        free(data);
    }
    MPI_Finalize();
    _exit(0);
}

static inline void have_enough(void)
{
    int64_t size = -1;
    MPI_Bcast(&size, 1, MPI_INT64_T, 0, world.comm);
    MPI_Finalize();
}

static inline void start_mpi(void)
{
    setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
    setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
    setenv("OMPI_MCA_opal_signal", "", 1); /* signals are libFuzzer's */
    setenv("OMPI_MCA_mpi_yield_when_idle", "1", 1);
    if (getenv("OMPI_COMM_WORLD_SIZE") == NULL) { /* without mpirun */
        setenv("OMPI_MCA_ess_singleton_isolated", "1", 1);
        setenv("OMPI_MCA_btl", "self", 1);
        setenv("OMPI_MCA_pml", "ob1", 1);
    }
    __lsan_disable(); /* MPI keeps things for the life of the process */
    MPI_Init(NULL, NULL);
    H5open();
    cf_par_init(&self, MPI_COMM_SELF);
    cf_par_init(&world, MPI_COMM_WORLD);
    cf_sum_i64(&world, 1);
    __lsan_enable();
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    setenv("HDF5_USE_FILE_LOCKING", "FALSE", 1);
    start_mpi();
    cf_abort_hook = stop;
    cf_log_setup(false, CF_LOG_QUIET);
    H5Eset_auto(H5E_DEFAULT, NULL, NULL);
    prepare();
    cf_memory_limit(cf_memory_now() + MOST_MEMORY);
    if (world.rank > 0)
        join_in();
    if (world.size > 1)
        atexit(have_enough);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t bytes = (int64_t)size;
    if (world.size > 1) {
        MPI_Bcast(&bytes, 1, MPI_INT64_T, 0, world.comm);
        MPI_Bcast((void *)(uintptr_t)data, (int)size, MPI_BYTE, 0, world.comm);
    }
    attempt_cleanly(data, size);
    return 0;
}

#endif
