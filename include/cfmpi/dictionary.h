/* The distinct ids that one rank has seen, numbered by first sight. */
#ifndef CFMPI_DICTIONARY_H
#define CFMPI_DICTIONARY_H

#include <string.h>

#include "cfmpi/ids.h"

/* What stands for an id in a hash table: a string of up to 16 bytes itself, a
 * hash of a longer one and its end, or an integer and length 0. */
typedef struct cf_key {
    uint64_t head, tail;
    int32_t length;
} cf_key;

/* An id and its number; `number` is one more, 0 is a free place. */
typedef struct cf_slot {
    uint64_t head, tail;
    int32_t length, number;
} cf_slot;

/* {0} is empty. All ids are integers until one comes that is none; from then
 * on all are strings. */
typedef struct cf_dictionary {
    cf_ids ids;       /* in order of first sight */
    int64_t *entries; /* [ids.count] ratings of each user, counted by
                         cf_entries_add */
    int64_t capacity, bytes_capacity;
    int32_t *direct; /* number + 1 of small integers, by value */
    int64_t direct_size;
    cf_slot *slot;  /* hash table of all other ids */
    int64_t slots;  /* a power of two, or 0 */
    int64_t hashed; /* ids in it */
    int64_t latin1; /* ids that were no UTF-8, converted (sightings) */
} cf_dictionary;

/* The number of an id, a new one at first sight; at most 2^31-1 ids a rank.
 * [s, e) is any text of 1 to CF_ID_MAX bytes: canonical decimal counts as an
 * integer, what is not UTF-8 is taken for Latin-1. -1 when it has a zero byte
 * or is over CF_ID_MAX when converted. The 8 bytes in front of s can be
 * read. Local, O(1). */
int32_t cf_dictionary_add(cf_dictionary *d, const char *s, const char *e);

/* The key of a string of 1 to 16 bytes; the 8 bytes in front of it can be read.
 * Local. */
static inline cf_key cf_key_of_short(const char *s, const char *e)
{
    cf_key k = {.length = (int32_t)(e - s)};
    memcpy(&k.tail, e - 8, sizeof k.tail);
    if (k.length > 8)
        memcpy(&k.head, s, sizeof k.head);
    else
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        k.tail <<= 64 - 8 * k.length;
#else
        k.tail >>= 64 - 8 * k.length;
#endif
    return k;
}

/* Products whose high bits depend on all bits of the key (Fibonacci hashing).
 * Local. */
static inline uint64_t cf_key_hash(const cf_key *k)
{
    uint64_t h = (k->head ^ (uint64_t)k->length) * 0x9e3779b97f4a7c15u;
    h = (h ^ (h >> 32) ^ k->tail) * 0xd6e8feb86659fd93u;
    return h ^ (h >> 32);
}

/* Whether a place in a hash table that is not free has this key. Local. */
static inline bool cf_slot_holds(const cf_slot *slot, const cf_key *k)
{
    return slot->tail == k->tail && slot->head == k->head &&
           slot->length == k->length;
}

/* The number of a small integer that has been met, -1 when it is none or
 * others must look. Local, O(1). */
static inline int32_t cf_dictionary_known(const cf_dictionary *d, int64_t id)
{
    return (uint64_t)id < (uint64_t)d->direct_size ? d->direct[id] - 1 : -1;
}

/* The number of an id that is known to be an integer. Local, O(1). */
int32_t cf_dictionary_add_number(cf_dictionary *d, int64_t id);

/* Makes all ids strings, as other ranks' ids are. Local. */
void cf_dictionary_to_text(cf_dictionary *d);

/* Safe on {0} and twice. Local. */
void cf_dictionary_free(cf_dictionary *d);

#endif
