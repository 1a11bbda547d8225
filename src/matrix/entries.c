#include "cfmpi/entries.h"

#include "cfmpi/memory.h"
#include "cfmpi/types.h"

static void add_chunk(cf_entries *e)
{
    if (e->chunks == e->room) {
        e->room = CF_MAX(2 * e->room, 16);
        e->chunk = cf_realloc(e->chunk, e->room, sizeof *e->chunk, "rows");
    }
    cf_chunk *c = &e->chunk[e->chunks++];
    c->user = cf_alloc(CF_ENTRIES_CHUNK, sizeof *c->user, "rows");
    c->item = cf_alloc(CF_ENTRIES_CHUNK, sizeof *c->item, "rows");
    c->value = cf_alloc(CF_ENTRIES_CHUNK, sizeof *c->value, "rows");
    c->time = e->timed
                  ? cf_alloc(CF_ENTRIES_CHUNK, sizeof *c->time, "row times")
                  : NULL;
}

void cf_entries_add(cf_entries *e, int32_t user, int32_t item, float value,
                    int64_t time)
{
    int64_t at = e->count++ % CF_ENTRIES_CHUNK;
    if (at == 0)
        add_chunk(e);
    cf_chunk *c = &e->chunk[e->chunks - 1];
    c->user[at] = user;
    c->item[at] = item;
    c->value[at] = value;
    if (e->timed)
        c->time[at] = time;
    e->users.entries[user]++;
    e->items.entries[item]++;
}

void cf_entries_free(cf_entries *e)
{
    cf_dictionary_free(&e->users);
    cf_dictionary_free(&e->items);
    for (int64_t c = 0; c < e->chunks; c++) {
        cf_free(e->chunk[c].user);
        cf_free(e->chunk[c].item);
        cf_free(e->chunk[c].value);
        cf_free(e->chunk[c].time);
    }
    cf_free(e->chunk);
    *e = (cf_entries){0};
}
