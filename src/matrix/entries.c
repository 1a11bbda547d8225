#include "cfmpi/entries.h"

#include "cfmpi/memory.h"
#include "cfmpi/types.h"

void cf_entries_grow(cf_entries *e)
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
