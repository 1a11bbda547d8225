#include <string.h>

#include "cfmpi/error.h"
#include "cfmpi/idmap.h"
#include "cfmpi/memory.h"

/* Fibonacci hashing: the top bits of the product depend on all bits of the
 * id (Knuth, TAOCP 3, 6.4). */
static uint64_t hash(int64_t id, int64_t slots)
{
    int shift = __builtin_clzll((unsigned long long)slots) + 1;
    return ((uint64_t)id * 0x9e3779b97f4a7c15u) >> shift;
}

static int64_t find_slot(const cf_idtable *t, int64_t id)
{
    uint64_t mask = (uint64_t)t->slots - 1;
    uint64_t s = hash(id, t->slots);
    while (t->slot[s] >= 0 && t->ids[t->slot[s]] != id)
        s = (s + 1) & mask;
    return (int64_t)s;
}

static void grow(cf_idtable *t)
{
    t->capacity = CF_MAX(2 * t->capacity, 1024);
    t->ids = cf_realloc(t->ids, t->capacity, sizeof *t->ids, "distinct ids");
    cf_free(t->slot);
    t->slots = 4 * t->capacity; /* at most a quarter full: short probes */
    t->slot = cf_alloc(t->slots, sizeof *t->slot, "id hash table");
    memset(t->slot, 0xff, (size_t)t->slots * sizeof *t->slot);
    for (int64_t i = 0; i < t->count; i++)
        t->slot[find_slot(t, t->ids[i])] = (int32_t)i;
}

int32_t cf_idtable_add(cf_idtable *t, int64_t id)
{
    if (t->count == t->capacity)
        grow(t);
    int64_t s = find_slot(t, id);
    if (t->slot[s] < 0) {
        CF_ASSERT(t->count < INT32_MAX);
        t->slot[s] = (int32_t)t->count;
        t->ids[t->count++] = id;
    }
    return t->slot[s];
}

void cf_idtable_free(cf_idtable *t)
{
    cf_free(t->ids);
    cf_free(t->slot);
    *t = (cf_idtable){0};
}
