#include "cfmpi/entries.h"

#include "cfmpi/memory.h"
#include "cfmpi/types.h"

/* More runs than this take no less than a user a row. */
#define MOST_RUNS (CF_ENTRIES_CHUNK / 4)

void cf_entries_grow(cf_entries *e)
{
    const int64_t n = CF_ENTRIES_CHUNK;
    if (e->chunks == e->room) {
        e->room = CF_MAX(2 * e->room, 16);
        e->chunk = cf_realloc(e->chunk, e->room, sizeof *e->chunk, "rows");
    }
    bool runs = e->chunks == 0 || e->chunk[e->chunks - 1].run != NULL;
    cf_chunk *c = &e->chunk[e->chunks++];
    *c = (cf_chunk){.item = cf_alloc(n, sizeof *c->item, "rows")};
    if (e->timed)
        c->time = cf_alloc(n, sizeof *c->time, "row times");
    if (e->values >= 0)
        c->code = cf_alloc(n, sizeof *c->code, "rows");
    else
        c->value = cf_alloc(n, sizeof *c->value, "rows");
    if (runs) {
        c->room = 1024;
        c->run = cf_alloc(c->room, sizeof *c->run, "rows");
    } else {
        c->user = cf_alloc(n, sizeof *c->user, "rows");
    }
}

/* The last chunk's values stand for themselves, as those to come will. */
static void drop_codes(cf_entries *e)
{
    cf_chunk *c = &e->chunk[e->chunks - 1];
    c->value = cf_alloc(CF_ENTRIES_CHUNK, sizeof *c->value, "rows");
    for (int64_t i = 0; i < (e->count - 1) % CF_ENTRIES_CHUNK; i++)
        c->value[i] = e->value[c->code[i]];
    cf_free(c->code);
    c->code = NULL;
    e->values = -1;
}

/* Where a value stands in the hash table, or would. */
static int place_of(const cf_entries *e, float value)
{
    uint32_t bits, other; /* 0 is not -0 */
    memcpy(&bits, &value, sizeof bits);
    for (int i = (int)(bits * 0x9e3779b1u >> 22);; i = (i + 1) % 1024) {
        if (e->place[i] == 0)
            return i;
        memcpy(&other, &e->value[e->place[i] - 1], sizeof other);
        if (other == bits)
            return i;
    }
}

int cf_entries_code(const cf_entries *e, float value)
{
    return e->place[place_of(e, value)] - 1;
}

int cf_entries_new_code(cf_entries *e, float value)
{
    if (e->values == 256) {
        drop_codes(e);
        return -1;
    }
    e->value[e->values++] = value;
    e->place[place_of(e, value)] = (int16_t)e->values;
    return e->values - 1;
}

void cf_entries_begin_run(cf_entries *e, int64_t at, int32_t user)
{
    cf_chunk *c = &e->chunk[e->chunks - 1];
    if (c->runs == MOST_RUNS) {
        c->user = cf_alloc(CF_ENTRIES_CHUNK, sizeof *c->user, "rows");
        for (int64_t r = 0, i = 0; r < c->runs; r++)
            for (; i < c->run[r].end; i++)
                c->user[i] = c->run[r].user;
        cf_free(c->run);
        c->run = NULL;
        return;
    }
    if (c->runs == c->room) {
        c->room *= 2;
        c->run = cf_realloc(c->run, c->room, sizeof *c->run, "rows");
    }
    c->run[c->runs++] = (cf_run){user, (int32_t)at};
}

/* The run that row `at` is in. */
static int64_t run_of(const cf_chunk *c, int64_t at)
{
    int64_t lo = 0, hi = c->runs - 1;
    while (lo < hi) {
        int64_t mid = (lo + hi) / 2;
        if (c->run[mid].end > at)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

void cf_entries_unpack(const cf_entries *e, const cf_chunk *c, int64_t begin,
                       int64_t n, int32_t *user, float *value)
{
    for (int64_t i = 0; c->run == NULL && i < n; i++)
        user[i] = c->user[begin + i];
    for (int64_t i = 0, r = 0; c->run != NULL && i < n; r++) {
        r = i == 0 ? run_of(c, begin) : r;
        int64_t end = CF_MIN(c->run[r].end - begin, n);
        for (; i < end; i++)
            user[i] = c->run[r].user;
    }
    for (int64_t i = 0; i < n; i++)
        value[i] = c->code != NULL ? e->value[c->code[begin + i]]
                                   : c->value[begin + i];
}

cf_entry cf_entries_at(const cf_entries *e, int64_t i)
{
    const cf_chunk *c = &e->chunk[i / CF_ENTRIES_CHUNK];
    int64_t at = i % CF_ENTRIES_CHUNK;
    cf_entry x = {.item = c->item[at], .time = e->timed ? c->time[at] : 0};
    cf_entries_unpack(e, c, at, 1, &x.user, &x.value);
    return x;
}

void cf_chunk_free(cf_chunk *c)
{
    cf_free(c->item);
    cf_free(c->time);
    cf_free(c->code);
    cf_free(c->value);
    cf_free(c->run);
    cf_free(c->user);
    *c = (cf_chunk){0};
}

void cf_entries_free(cf_entries *e)
{
    cf_dictionary_free(&e->users);
    cf_dictionary_free(&e->items);
    for (int64_t c = 0; c < e->chunks; c++)
        cf_chunk_free(&e->chunk[c]);
    cf_free(e->chunk);
    *e = (cf_entries){0};
}
