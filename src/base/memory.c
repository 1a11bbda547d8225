#include "cfmpi/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cfmpi/error.h"
#include "cfmpi/types.h"
#include "pages.h"

/* A sanitiser is to see what is freed as gone. */
#ifdef CF_SANITIZED
#define KEEP_FREED false
#else
#define KEEP_FREED true
#endif

/* The size stands in front of a small block; a whole cache line keeps the
 * alignment of what follows. */
#define HEAD 64

static int64_t now_bytes, peak_bytes, limit_bytes;

static int64_t wanted(int64_t count, size_t size, const char *what)
{
    if (count < 0 ||
        (size > 0 && (uint64_t)count > (uint64_t)(INT64_MAX / 4) / size))
        cf_die(CF_NO_MEMORY, "%s: %" PRId64 " x %zu bytes is no size", what,
               count, size);
    return count * (int64_t)size;
}

static void account(int64_t bytes, const char *what)
{
    now_bytes += bytes;
    if (limit_bytes > 0 && now_bytes > limit_bytes)
        cf_die(CF_NO_MEMORY,
               "%s would need %" PRId64 " MiB in all, over --memory-limit of "
               "%" PRId64 " MiB; use more ranks or raise the limit",
               what, now_bytes >> 20, limit_bytes >> 20);
    peak_bytes = CF_MAX(peak_bytes, now_bytes);
}

static char *take_small(int64_t bytes)
{
    size_t whole = ((size_t)bytes + 2 * HEAD - 1) / HEAD * HEAD;
    char *block = aligned_alloc(HEAD, whole);
    if (block == NULL)
        return NULL;
    memcpy(block, &bytes, sizeof bytes);
    return block + HEAD;
}

/* Large arrays lie on pages of their own, kept when they are freed: never so
 * many that the peak would be passed, whatever else is taken. */
static void *take(int64_t count, size_t size, const char *what, bool large,
                  bool *cleared)
{
    int64_t bytes = wanted(count, size, what);
    account(bytes, what);
    *cleared = false;
    char *p = bytes < CF_PAGE ? take_small(bytes)
                              : cf_pages_take(bytes, large, cleared);
    if (p == NULL)
        cf_die(CF_NO_MEMORY, "out of memory: %" PRId64 " MiB for %s",
               bytes >> 20, what);
    if (KEEP_FREED)
        cf_pages_trim(peak_bytes - now_bytes);
    return p;
}

void *cf_alloc(int64_t count, size_t size, const char *what)
{
    bool cleared;
    return take(count, size, what, true, &cleared);
}

void *cf_alloc_streamed(int64_t count, size_t size, const char *what)
{
    bool cleared;
    return take(count, size, what, false, &cleared);
}

void *cf_calloc(int64_t count, size_t size, const char *what)
{
    bool cleared;
    void *p = take(count, size, what, true, &cleared);
    if (!cleared)
        memset(p, 0, (size_t)count * size);
    return p;
}

static int64_t small_size(const void *p)
{
    int64_t bytes;
    memcpy(&bytes, (const char *)p - HEAD, sizeof bytes);
    return bytes;
}

static int64_t size_of(const void *p)
{
    int64_t large = cf_pages_size(p);
    return large >= 0 ? large : small_size(p);
}

void *cf_realloc(void *p, int64_t count, size_t size, const char *what)
{
    void *q = cf_alloc(count, size, what);
    if (p != NULL) {
        int64_t bytes = CF_MIN(size_of(p), size_of(q));
        memcpy(q, p, (size_t)bytes);
        cf_free(p);
    }
    return q;
}

void cf_free(void *p)
{
    if (p == NULL)
        return;
    int64_t bytes = cf_pages_give(p);
    if (bytes < 0) {
        bytes = small_size(p);
        free((char *)p - HEAD);
    }
    now_bytes -= bytes;
    if (!KEEP_FREED)
        cf_pages_trim(0);
}

void cf_memory_limit(int64_t bytes)
{
    limit_bytes = bytes;
}

int64_t cf_memory_left(void)
{
    return limit_bytes > 0 ? CF_MAX(limit_bytes - now_bytes, 0) : INT64_MAX;
}

int64_t cf_memory_now(void)
{
    return now_bytes;
}

int64_t cf_memory_peak(void)
{
    return peak_bytes;
}

void cf_memory_count(int64_t bytes, const char *what)
{
    account(bytes, what);
}

void *cf_arena_take(cf_arena *a, int64_t count, size_t size, const char *what)
{
    if (a == NULL)
        return cf_alloc(count, size, what);
    int64_t at = a->used;
    a->used += (wanted(count, size, what) + HEAD - 1) / HEAD * HEAD;
    return a->at == NULL ? NULL : a->at + at;
}

/* ---- as the system has it ---- */

/* A line of the process's status, in bytes, 0 where there is none. */
static int64_t status_of(const char *name)
{
    char line[256];
    long long kib = 0;
    size_t length = strlen(name);
    FILE *f = fopen("/proc/self/status", "r");
    if (f == NULL)
        return 0;
    while (fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, name, length) == 0) {
            kib = strtoll(line + length, NULL, 10);
            break;
        }
    fclose(f);
    return (int64_t)kib * 1024;
}

static int64_t earlier_peak;

int64_t cf_memory_process_peak(void)
{
    return CF_MAX(earlier_peak, status_of("VmHWM:"));
}

int64_t cf_memory_shared_pages(void)
{
    return status_of("RssShmem:");
}

void cf_memory_peak_keep(int64_t others)
{
    earlier_peak = CF_MAX(earlier_peak, status_of("VmHWM:") - others);
}

void cf_memory_peak_again(void)
{
    FILE *f = fopen("/proc/self/clear_refs", "w");
    if (f == NULL)
        return;
    fputs("5", f);
    fclose(f);
}
