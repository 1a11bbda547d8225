/* A unit test is a program run by any number of ranks; it counts what does
 * not hold, on all ranks together, and exits nonzero when anything did not.
 * What a test allocates it must have freed at its end. */
#ifndef CFMPI_TEST_H
#define CFMPI_TEST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* mkdtemp; so this header comes first */
#endif

#include <dirent.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cfmpi/context.h"
#include "cfmpi/csr.h"
#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "cfmpi/random.h"

static cf_par world;
static int64_t failures;

#define CHECK(condition)                                                       \
    do {                                                                       \
        if (!(condition)) {                                                    \
            failures++;                                                        \
            fprintf(stderr, "rank %d of %d: %s:%d: %s\n", world.rank,          \
                    world.size, __FILE__, __LINE__, #condition);               \
        }                                                                      \
    } while (0)

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

/* ---- comparing ranks ---- */

/* This rank alone, to compute what all ranks together should have found. */
static inline cf_par one_rank(void)
{
    cf_par self;
    cf_par_init(&self, MPI_COMM_SELF);
    return self;
}

/* Whether all ranks hold the same bytes. Collective. */
static inline bool same_on_all(const void *data, int64_t bytes)
{
    char *first = cf_alloc(bytes, 1, "copy of rank 0");
    if (bytes > 0)
        memcpy(first, data, (size_t)bytes);
    MPI_Bcast(first, (int)bytes, MPI_BYTE, 0, world.comm);
    bool same = bytes == 0 || memcmp(first, data, (size_t)bytes) == 0;
    cf_free(first);
    return cf_min_i64(&world, same) == 1;
}

/* Equal values, or both NaN. */
static inline bool same_number(double x, double y)
{
    return (isnan(x) && isnan(y)) || (x <= y && x >= y);
}

/* A failure that all ranks have alike, with a message that names `part`;
 * forgets it. Collective. */
static inline bool failed_with(int status, int expected, const char *part)
{
    bool good = status == expected && same_on_all(&status, sizeof status) &&
                strstr(cf_error_message(), part) != NULL;
    if (!good)
        fprintf(stderr, "rank %d: status %d with '%s', not %d with '%s'\n",
                world.rank, status, cf_error_message(), expected, part);
    cf_error_clear();
    return good;
}

/* ---- data that any rank can make ---- */

/* A whole number in [0, n), from the same source on all ranks. */
static inline int64_t pick(uint64_t stream, int64_t index, int64_t n)
{
    return (int64_t)(cf_random_bits(7, stream, (uint64_t)index) % (uint64_t)n);
}

static inline double noise(uint64_t stream, int64_t index)
{
    return cf_random_normal(7, stream, (uint64_t)index);
}

/* Rows that are split unevenly: some ranks have none, others many. */
static inline void uneven_part(cf_part *p, cf_gidx rows, int size)
{
    cf_part_even(p, rows, size);
    for (int r = 1; r < size; r++) {
        cf_gidx here = p->begin[r] + pick(99, r, CF_MAX(rows, 1)) - rows / 2;
        p->begin[r] = CF_MIN(CF_MAX(here, p->begin[r - 1]), rows);
    }
}

/* The value at a place, NaN where there is no entry. */
typedef float cell_fn(cf_gidx row, cf_gidx col);

/* A matrix whose entries come from any rank in no order; rows and columns may
 * be empty. Collective. */
static inline void make_csr(cf_csr *a, const cf_par *par, cf_gidx rows,
                            cf_gidx cols, cell_fn *cell)
{
    int64_t merged;
    cf_gidx twice[2];
    cf_entries e = {0};
    cf_idmap users = {0}, items = {0};
    cf_placement user_at = {0}, item_at = {0};
    for (cf_gidx i = par->rank; i < rows; i += par->size)
        cf_dictionary_add_number(&e.users, i);
    for (cf_gidx j = par->rank; j < cols; j += par->size)
        cf_dictionary_add_number(&e.items, j);
    for (cf_gidx j = cols - 1; j >= 0; j--)
        for (cf_gidx i = 0; i < rows; i++)
            if (!isnan(cell(i, j)) &&
                pick(98, i * cols + j, par->size) == par->rank)
                cf_entries_add(&e, cf_dictionary_add_number(&e.users, i),
                               cf_dictionary_add_number(&e.items, j),
                               cell(i, j), 0);
    cf_idmap_build(&users, par, &e.users, &user_at);
    cf_idmap_build(&items, par, &e.items, &item_at);
    cf_numbering n = {&users, &user_at, &item_at, cols};
    CHECK(cf_csr_build(a, par, &e, &n, CF_DUP_ERROR, &merged, twice) == CF_OK);
    cf_entries_free(&e);
    cf_idmap_free(&users);
    cf_idmap_free(&items);
    cf_placement_free(&user_at);
    cf_placement_free(&item_at);
}

/* ---- the order of lists ---- */

typedef struct candidate {
    float score;
    cf_gidx index;
} candidate;

/* For qsort: higher scores first, then smaller indices. */
static inline int best_first(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->score > y->score || x->score < y->score)
        return x->score > y->score ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

/* ---- files ---- */

#define FOLDER_MAX 64

/* A new empty folder, the same for all ranks. Collective. */
static inline void make_folder(char folder[FOLDER_MAX])
{
    snprintf(folder, FOLDER_MAX, "/tmp/cfmpi-test-XXXXXX");
    if (world.rank == 0)
        CHECK(mkdtemp(folder) != NULL);
    MPI_Bcast(folder, FOLDER_MAX, MPI_BYTE, 0, world.comm);
}

/* Number of files in a folder, which are removed when `empty`. */
static inline int folder_files(const char *folder, bool empty)
{
    int count = 0;
    DIR *d = opendir(folder);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            count++;
            if (empty)
                unlinkat(dirfd(d), e->d_name, 0);
        }
    if (d != NULL)
        closedir(d);
    return count;
}

/* Collective. */
static inline void remove_folder(const char *folder)
{
    MPI_Barrier(world.comm);
    if (world.rank == 0) {
        folder_files(folder, true);
        CHECK(rmdir(folder) == 0);
    }
}

/* folder/name, written with `length` bytes by rank 0. Collective. */
static inline void write_bytes(char path[CF_PATH_MAX], const char *folder,
                               const char *name, const void *bytes,
                               int64_t length)
{
    snprintf(path, CF_PATH_MAX, "%s/%s", folder, name);
    if (world.rank == 0) {
        FILE *f = fopen(path, "wb");
        CHECK(f != NULL &&
              fwrite(bytes, 1, (size_t)length, f) == (size_t)length);
        CHECK(f != NULL && fclose(f) == 0);
    }
    MPI_Barrier(world.comm);
}

static inline void write_text(char path[CF_PATH_MAX], const char *folder,
                              const char *name, const char *text)
{
    write_bytes(path, folder, name, text, (int64_t)strlen(text));
}

static void run_tests(void);

int main(int argc, char **argv)
{
    setenv("OMPI_MCA_io", "romio321", 0); /* as the program does */
    MPI_Init(&argc, &argv);
    cf_par_init(&world, MPI_COMM_WORLD);
    int64_t before = cf_memory_now();
    run_tests();
    CHECK(cf_memory_now() == before);
    int64_t all = cf_sum_i64(&world, failures);
    MPI_Finalize();
    return all > 0;
}

#endif
