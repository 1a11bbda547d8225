/* Ratings on their way into the matrix: on the rank that read them, in the
 * order of the input, ids replaced by their number in the rank's tables. Most
 * inputs stand in the order of their users and have few different ratings, so
 * a rating takes some 5 bytes: its item, the number of its value, and its
 * share in a run of one user. */
#ifndef CFMPI_ENTRIES_H
#define CFMPI_ENTRIES_H

#include "cfmpi/dictionary.h"

#ifndef CF_ENTRIES_CHUNK /* a power of two; tests make it small */
#define CF_ENTRIES_CHUNK ((int64_t)1 << 19)
#endif

/* Rows of one user up to, not with, row `end` of the chunk. */
typedef struct cf_run {
    int32_t user, end;
} cf_run;

/* The last chunk is the only one that may be partly filled. */
typedef struct cf_chunk {
    int32_t *item; /* [CF_ENTRIES_CHUNK] */
    int64_t *time; /* [CF_ENTRIES_CHUNK], NULL unless times are kept */
    uint8_t *code; /* [CF_ENTRIES_CHUNK] which value, or NULL: then */
    float *value;  /* [CF_ENTRIES_CHUNK] */
    cf_run *run;   /* [runs], or NULL: then */
    int32_t *user; /* [CF_ENTRIES_CHUNK] */
    int64_t runs, room;
} cf_chunk;

/* {0} is empty. */
typedef struct cf_entries {
    cf_dictionary users, items;
    bool timed; /* set before the first one is added */
    cf_chunk *chunk;
    int64_t chunks; /* all but the last are full */
    int64_t room;   /* of the array `chunk` */
    int64_t count;
    float value[256];    /* the different values so far, */
    int values;          /* how many; -1 when there are too many */
    int16_t place[1024]; /* hash table of them: code + 1, 0 is free */
} cf_entries;

/* One of them. */
typedef struct cf_entry {
    int32_t user, item;
    float value;
    int64_t time; /* 0 without times */
} cf_entry;

/* Room for one more chunk. Local. */
void cf_entries_grow(cf_entries *e);

/* The code of a value, -1 where it has none yet. Local, O(1). */
int cf_entries_code(const cf_entries *e, float value);

/* Gives a value a code; -1 when there are too many, and values stand for
 * themselves from the last chunk on, whose newest row is not there yet. Local.
 */
int cf_entries_new_code(cf_entries *e, float value);

/* Begins a run of `user` with row `at` of the last chunk. Local. */
void cf_entries_begin_run(cf_entries *e, int64_t at, int32_t user);

/* Adds a rating; user and item are numbers of the tables. Local, O(1). */
static inline void cf_entries_add(cf_entries *e, int32_t user, int32_t item,
                                  float value, int64_t time)
{
    int64_t at = e->count++ % CF_ENTRIES_CHUNK;
    if (at == 0)
        cf_entries_grow(e);
    cf_chunk *c = &e->chunk[e->chunks - 1];
    int code = c->code != NULL ? cf_entries_code(e, value) : -1;
    if (code < 0 && c->code != NULL)
        code = cf_entries_new_code(e, value);
    c->item[at] = item;
    if (code >= 0)
        c->code[at] = (uint8_t)code;
    else
        c->value[at] = value;
    if (c->run != NULL && (at == 0 || c->run[c->runs - 1].user != user))
        cf_entries_begin_run(e, at, user);
    if (c->run != NULL)
        c->run[c->runs - 1].end = (int32_t)at + 1;
    else
        c->user[at] = user;
    if (e->timed)
        c->time[at] = time;
    e->users.entries[user]++;
}

/* Users and values of rows [begin, begin + n) of a chunk; user, value [n] are
 * the caller's. Local, O(n). */
void cf_entries_unpack(const cf_entries *e, const cf_chunk *c, int64_t begin,
                       int64_t n, int32_t *user, float *value);

/* One rating. Local, O(log runs). */
cf_entry cf_entries_at(const cf_entries *e, int64_t i);

/* Frees a chunk that has been gone through. Local. */
void cf_chunk_free(cf_chunk *c);

/* Safe on {0} and twice. Local. */
void cf_entries_free(cf_entries *e);

#endif
