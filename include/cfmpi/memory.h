/* Counted allocation. Every array of the program comes from here, so that
 * peak memory can be reported, `--memory-limit` holds, and a failed
 * allocation says who wanted how much for what. */
#ifndef CFMPI_MEMORY_H
#define CFMPI_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* `count` elements of `size` bytes, 64-byte aligned, not initialised. Ends
 * the job with CF_NO_MEMORY, naming `what`, when they cannot be had or would
 * exceed the limit. A count of 0 gives a pointer that may be freed. Local. */
void *cf_alloc(int64_t count, size_t size, const char *what);

/* The same, for what is gone through in order: on small pages, as a virtual
 * machine may take several times longer over the first touch of large ones,
 * which only pay where rows come in random order. Local. */
void *cf_alloc_streamed(int64_t count, size_t size, const char *what);

/* As cf_alloc, zeroed. Local. */
void *cf_calloc(int64_t count, size_t size, const char *what);

/* Grows or shrinks `p` (from cf_alloc, or NULL) and keeps its content.
 * Local. */
void *cf_realloc(void *p, int64_t count, size_t size, const char *what);

/* Frees; NULL is allowed. Local. */
void cf_free(void *p);

/* Sets the limit in bytes for this rank, 0 for none. Local. */
void cf_memory_limit(int64_t bytes);

/* Bytes that may still be allocated under the limit, INT64_MAX without one.
 * Local. */
int64_t cf_memory_left(void);

/* Counts memory from elsewhere like that of cf_alloc, or, when negative, that
 * it is gone. Local. */
void cf_memory_count(int64_t bytes, const char *what);

/* A piece after the other of memory that is there, or, where `at` is NULL, only
 * what they would come to. */
typedef struct cf_arena {
    char *at;
    int64_t used;
} cf_arena;

/* The next piece, aligned like those of cf_alloc; one from there where `a` is
 * NULL. Local. */
void *cf_arena_take(cf_arena *a, int64_t count, size_t size, const char *what);

/* Bytes allocated now and at most so far by cf_alloc. Local. */
int64_t cf_memory_now(void);
int64_t cf_memory_peak(void);

/* Most memory of this process so far in bytes, 0 where the system does not say;
 * VmHWM, less what belongs to others. Local. */
int64_t cf_memory_process_peak(void);

/* Pages of memory shared with others that this process has touched. Local. */
int64_t cf_memory_shared_pages(void);

/* Keeps the peak so far, of which `others` bytes belong to others, ... */
void cf_memory_peak_keep(int64_t others);

/* ... and begins anew, when these are gone, where the system can; else what has
 * been stays. Local. */
void cf_memory_peak_again(void);

#endif
