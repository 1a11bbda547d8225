/* A fuzz target is a program of libFuzzer's that hands made-up bytes to one
 * reader, alone on its rank. What counts as a finding, besides a crash and what
 * the sanitizers say: memory, files or HDF5 objects that a reader leaves
 * behind; an array sized by an unchecked claim of the file (over MOST_MEMORY);
 * a message that is not one printable line; and whatever a target compares. */
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
#include "cfmpi/log.h"
#include "cfmpi/memory.h"

#define MOST_MEMORY ((int64_t)256 << 20)

static cf_par self;

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

/* Tries one input. */
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

static inline void fill_file(const fuzz_file *f, const void *data, size_t size)
{
    HOLDS(ftruncate(f->fd, 0) == 0);
    HOLDS(pwrite(f->fd, data, size, 0) == (ssize_t)size);
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

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
    setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
    setenv("OMPI_MCA_ess_singleton_isolated", "1", 1); /* no daemon beside */
    setenv("OMPI_MCA_opal_signal", "", 1); /* signals are libFuzzer's */
    setenv("OMPI_MCA_btl", "self", 1);
    setenv("OMPI_MCA_pml", "ob1", 1);
    setenv("HDF5_USE_FILE_LOCKING", "FALSE", 1);
    __lsan_disable(); /* these two keep things for the life of the process */
    MPI_Init(NULL, NULL);
    H5open();
    __lsan_enable();
    cf_par_init(&self, MPI_COMM_SELF);
    cf_abort_hook = stop;
    cf_log_setup(false, CF_LOG_QUIET);
    H5Eset_auto(H5E_DEFAULT, NULL, NULL);
    prepare();
    cf_memory_limit(cf_memory_now() + MOST_MEMORY);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t memory = cf_memory_now();
    int files = open_files();
    attempt(data, size);
    HOLDS(cf_memory_now() == memory);
    HOLDS(open_files() == files);
    HOLDS(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL) == 0);
    return 0;
}

#endif
