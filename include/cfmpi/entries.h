/* Ratings on their way into the matrix: on the rank that read them, in the
 * order of the input, ids replaced by their number in the rank's tables. */
#ifndef CFMPI_ENTRIES_H
#define CFMPI_ENTRIES_H

#include "cfmpi/dictionary.h"

#ifndef CF_ENTRIES_CHUNK /* tests make it small */
#define CF_ENTRIES_CHUNK ((int64_t)1 << 19)
#endif

/* The last chunk is the only one that may be partly filled. */
typedef struct cf_chunk {
    int32_t *user, *item; /* [CF_ENTRIES_CHUNK] */
    float *value;
    int64_t *time; /* NULL unless times are kept */
} cf_chunk;

/* {0} is empty. */
typedef struct cf_entries {
    cf_dictionary users, items;
    bool timed; /* set before the first one is added */
    cf_chunk *chunk;
    int64_t chunks; /* all but the last are full */
    int64_t room;   /* of the array `chunk` */
    int64_t count;
} cf_entries;

/* Room for one more chunk. Local. */
void cf_entries_grow(cf_entries *e);

/* Adds a rating; user and item are numbers of the tables. Local, O(1). */
static inline void cf_entries_add(cf_entries *e, int32_t user, int32_t item,
                                  float value, int64_t time)
{
    int64_t at = e->count++ % CF_ENTRIES_CHUNK;
    if (at == 0)
        cf_entries_grow(e);
    const cf_chunk *c = &e->chunk[e->chunks - 1];
    c->user[at] = user;
    c->item[at] = item;
    c->value[at] = value;
    if (e->timed)
        c->time[at] = time;
    e->users.entries[user]++;
}

/* Safe on {0} and twice. Local. */
void cf_entries_free(cf_entries *e);

#endif
