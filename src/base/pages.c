/* Method  Two tables of address ranges: those in use and those kept. A request
 *         is cut from the smallest kept range that holds it, so that ranges
 *         of several arrays may come to lie side by side; they are joined
 *         when they are given back.
 * Cost    A call searches the tables, a few ten entries. */
#define _GNU_SOURCE /* MAP_ANONYMOUS, madvise */
#include "pages.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cfmpi/types.h"

typedef struct range {
    char *at;
    int64_t bytes; /* whole pages */
    int64_t asked; /* of that, by the taker */
    bool large;    /* on large pages where the system has them */
} range;

typedef struct table {
    range *rows;
    int count, room;
} table;

static table used, kept;
static int64_t kept_bytes;

/* False when there is no memory even for that. */
static bool append(table *t, range r)
{
    if (t->count == t->room) {
        int room = 2 * t->room + 64;
        range *rows = realloc(t->rows, (size_t)room * sizeof *rows);
        if (rows == NULL)
            return false;
        t->rows = rows;
        t->room = room;
    }
    t->rows[t->count++] = r;
    return true;
}

static void drop(table *t, int k)
{
    t->rows[k] = t->rows[--t->count];
}

static int find(const table *t, const void *p)
{
    if ((uintptr_t)p % (uintptr_t)CF_PAGE == 0)
        for (int k = t->count; k-- > 0;)
            if (t->rows[k].at == p)
                return k;
    return -1;
}

static void release(char *at, int64_t bytes)
{
    if (bytes > 0)
        munmap(at, (size_t)bytes);
}

/* New pages from the system: more than needed, less what is before the first
 * boundary and behind the end. */
static char *map_pages(int64_t bytes)
{
    char *p = mmap(NULL, (size_t)(bytes + CF_PAGE), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    int64_t before =
        (CF_PAGE - (int64_t)((uintptr_t)p % (uintptr_t)CF_PAGE)) % CF_PAGE;
    release(p, before);
    release(p + before + bytes, CF_PAGE - before);
    return p + before;
}

/* Cuts `bytes` from the smallest kept range that holds them, of large pages
 * where these are asked for; `*large` tells what they are. */
static char *reuse(int64_t bytes, bool *large)
{
    int best = -1;
    for (int k = 0; k < kept.count; k++)
        if (kept.rows[k].large >= *large && kept.rows[k].bytes >= bytes &&
            (best < 0 || kept.rows[k].bytes < kept.rows[best].bytes))
            best = k;
    if (best < 0)
        return NULL;
    range *r = &kept.rows[best];
    char *p = r->at;
    *large = r->large;
    r->at += bytes;
    r->bytes -= bytes;
    kept_bytes -= bytes;
    if (r->bytes == 0)
        drop(&kept, best);
    return p;
}

/* Large pages for all but the end, which may need only a part of one. */
static void advise(char *p, int64_t bytes, int64_t asked, bool large)
{
#if defined(MADV_HUGEPAGE)
    int64_t full = large ? asked / CF_PAGE * CF_PAGE : 0;
    madvise(p, (size_t)full, MADV_HUGEPAGE);
    if (full < bytes)
        madvise(p + full, (size_t)(bytes - full), MADV_NOHUGEPAGE);
#endif
}

/* Lets the system have what an earlier array has touched of the end, in pages
 * of any usual size. */
static void drop_end(char *p, int64_t bytes, int64_t asked)
{
#if defined(MADV_DONTNEED)
    const int64_t page = 1 << 16;
    int64_t whole = (asked + page - 1) / page * page;
    if (whole < bytes)
        madvise(p + whole, (size_t)(bytes - whole), MADV_DONTNEED);
#endif
}

void *cf_pages_take(int64_t asked, bool large, bool *cleared)
{
    int64_t bytes = (asked + CF_PAGE - 1) / CF_PAGE * CF_PAGE;
    char *p = reuse(bytes, &large);
    *cleared = p == NULL;
    if (p == NULL)
        p = map_pages(bytes);
    if (p == NULL)
        return NULL;
    if (!append(&used, (range){p, bytes, asked, large})) {
        release(p, bytes);
        return NULL;
    }
    if (!*cleared)
        drop_end(p, bytes, asked);
    advise(p, bytes, asked, large);
    return p;
}

/* Takes out the kept range that ends, or begins, where `r` begins or ends, and
 * makes it part of `r`. */
static bool join(range *r)
{
    for (int k = 0; k < kept.count; k++) {
        range *other = &kept.rows[k];
        if (other->large != r->large)
            continue;
        bool before = other->at + other->bytes == r->at;
        if (before || r->at + r->bytes == other->at) {
            r->at = before ? other->at : r->at;
            r->bytes += other->bytes;
            drop(&kept, k);
            return true;
        }
    }
    return false;
}

int64_t cf_pages_give(void *p)
{
    int k = find(&used, p);
    if (k < 0)
        return -1;
    range r = used.rows[k];
    drop(&used, k);
    kept_bytes += r.bytes;
    int64_t asked = r.asked;
    while (join(&r)) {
    }
    if (!append(&kept, r)) {
        kept_bytes -= r.bytes;
        release(r.at, r.bytes);
    }
    return asked;
}

int64_t cf_pages_size(const void *p)
{
    int k = find(&used, p);
    return k < 0 ? -1 : used.rows[k].asked;
}

void cf_pages_trim(int64_t most)
{
    while (kept.count > 0 && kept_bytes > most) {
        range *r = &kept.rows[kept.count - 1];
        int64_t whole = (kept_bytes - most + CF_PAGE - 1) / CF_PAGE * CF_PAGE;
        int64_t bytes = CF_MIN(whole, r->bytes);
        r->bytes -= bytes;
        kept_bytes -= bytes;
        release(r->at + r->bytes, bytes);
        if (r->bytes == 0)
            drop(&kept, kept.count - 1);
    }
}
