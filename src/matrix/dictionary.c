/* Method  Small integers look themselves up in an array; other ids go through
 *         a hash table with open addressing whose slots hold the id itself
 *         where it has up to 16 bytes, so that one look at memory finds it.
 *         The first id that is no integer turns the table to strings: a
 *         canonical integer and its text are one to one.
 * Cost    O(1) an id; 12 to 136 bytes an integer, 64 to 112 and its bytes a
 * string. References  Knuth, TAOCP 3, 6.4; Collet: xxHash, XXH3. */
#define XXH_INLINE_ALL
#include "cfmpi/dictionary.h"

#include <string.h>
#include <xxhash.h>

#include "cfmpi/error.h"
#include "cfmpi/memory.h"
#include "cfmpi/scan.h"
#include "cfmpi/text.h"
#include "cfmpi/types.h"

/* An array of all integers up to the largest pays while it has at most so
 * many places for an id. */
#define DIRECT_SHARE 16

/* ---- growing ---- */

static void grow_ids(cf_dictionary *d)
{
    d->capacity = CF_MAX(2 * d->capacity, 1024);
    d->entries =
        cf_realloc(d->entries, d->capacity, sizeof *d->entries, "id counts");
    if (d->ids.text)
        d->ids.begin = cf_realloc(d->ids.begin, d->capacity + 1,
                                  sizeof *d->ids.begin, "distinct ids");
    else
        d->ids.number = cf_realloc(d->ids.number, d->capacity,
                                   sizeof *d->ids.number, "distinct ids");
}

static int32_t next_number(cf_dictionary *d)
{
    if (d->ids.count == d->capacity)
        grow_ids(d);
    CF_ASSERT(d->ids.count < INT32_MAX);
    d->entries[d->ids.count] = 0;
    return (int32_t)d->ids.count++;
}

static cf_key key_of_number(int64_t id)
{
    return (cf_key){(uint64_t)id, 0, 0};
}

static inline cf_key key_of_text(const char *s, int64_t length)
{
    if (length <= 16)
        return cf_key_of_short(s, s + length);
    cf_key k = {XXH3_64bits(s, (size_t)length), 0, (int32_t)length};
    memcpy(&k.tail, s + length - sizeof k.tail, sizeof k.tail);
    return k;
}

static cf_key key_of(const cf_ids *ids, int64_t i)
{
    return ids->text ? key_of_text(ids->bytes + ids->begin[i],
                                   ids->begin[i + 1] - ids->begin[i])
                     : key_of_number(ids->number[i]);
}

static void put(cf_dictionary *d, const cf_key *k, int32_t number)
{
    uint64_t mask = (uint64_t)d->slots - 1, s = cf_key_hash(k) & mask;
    while (d->slot[s].number != 0)
        s = (s + 1) & mask;
    d->slot[s] = (cf_slot){k->head, k->tail, k->length, number + 1};
}

/* Makes room for one more in the hash table, which is at most half full. */
static void reserve_slot(cf_dictionary *d)
{
    if (2 * ++d->hashed <= d->slots)
        return;
    cf_free(d->slot);
    d->slots = CF_MAX(4 * d->hashed, 4096);
    while (d->slots & (d->slots - 1))
        d->slots &= d->slots - 1;
    d->slot = cf_calloc(d->slots, sizeof *d->slot, "id hash table");
    d->hashed = 1;
    for (int64_t i = 0; i < d->ids.count; i++)
        if (d->ids.text ||
            (uint64_t)d->ids.number[i] >= (uint64_t)d->direct_size) {
            cf_key k = key_of(&d->ids, i);
            put(d, &k, (int32_t)i);
            d->hashed++;
        }
}

/* ---- integers ---- */

static void grow_direct(cf_dictionary *d, int64_t id)
{
    int64_t size = CF_MAX(d->direct_size, 4096);
    while (size <= id)
        size *= 2;
    d->direct = cf_realloc(d->direct, size, sizeof *d->direct, "id table");
    memset(d->direct + d->direct_size, 0,
           (size_t)(size - d->direct_size) * sizeof *d->direct);
    d->direct_size = size;
    for (int64_t i = 0; i < d->ids.count; i++)
        if ((uint64_t)d->ids.number[i] < (uint64_t)size)
            d->direct[d->ids.number[i]] = (int32_t)i + 1;
}

static int32_t add_hashed_number(cf_dictionary *d, int64_t id)
{
    cf_key k = key_of_number(id);
    uint64_t mask = (uint64_t)d->slots - 1;
    for (uint64_t s = cf_key_hash(&k) & mask;
         d->slots > 0 && d->slot[s].number != 0; s = (s + 1) & mask)
        if (cf_slot_holds(&d->slot[s], &k))
            return d->slot[s].number - 1;
    if (id >= 0 && id < DIRECT_SHARE * (d->ids.count + 1024)) {
        grow_direct(d, id);
        return cf_dictionary_add_number(d, id);
    }
    reserve_slot(d);
    int32_t number = next_number(d);
    d->ids.number[number] = id;
    put(d, &k, number);
    return number;
}

int32_t cf_dictionary_add_number(cf_dictionary *d, int64_t id)
{
    if (d->ids.text) {
        cf_text t = {0};
        cf_text_add(&t, "        %" PRId64, id);
        int32_t number = cf_dictionary_add(d, t.data + 8, t.data + t.length);
        cf_text_free(&t);
        return number;
    }
    if ((uint64_t)id >= (uint64_t)d->direct_size)
        return add_hashed_number(d, id);
    if (d->direct[id] == 0) {
        int32_t number = next_number(d);
        d->ids.number[number] = id;
        d->direct[id] = number + 1;
    }
    return d->direct[id] - 1;
}

static bool is_integer(const char *s, const char *e, int64_t *id)
{
    return (e - s <= 8 && cf_scan_digits(s, e, id)) || cf_scan_int64(s, e, id);
}

/* ---- strings ---- */

void cf_dictionary_to_text(cf_dictionary *d)
{
    if (d->ids.text)
        return;
    cf_free(d->direct);
    cf_free(d->slot);
    d->direct = NULL;
    d->slot = NULL;
    d->direct_size = d->slots = d->hashed = 0;
    cf_ids_to_text(&d->ids);
    d->capacity = d->ids.count;
    d->bytes_capacity = d->ids.begin[d->ids.count];
    d->hashed = d->ids.count;
    reserve_slot(d); /* too small: makes the table of all ids */
    d->hashed--;
}

static int32_t add_text(cf_dictionary *d, const char *s, int64_t length);

/* Text that is new and no UTF-8, converted. */
static int32_t add_latin1(cf_dictionary *d, const cf_text *utf8)
{
    d->latin1++;
    return utf8->length > CF_ID_MAX ? -1
                                    : add_text(d, utf8->data, utf8->length);
}

static int32_t add_new_text(cf_dictionary *d, const cf_key *k, const char *s,
                            int64_t length)
{
    cf_text utf8 = {0};
    int32_t number;
    if (memchr(s, '\0', (size_t)length) != NULL)
        return -1;
    if (cf_text_utf8(s, length, &utf8)) {
        number = add_latin1(d, &utf8);
    } else {
        reserve_slot(d);
        number = next_number(d);
        int64_t at = d->ids.begin[number];
        if (at + length > d->bytes_capacity) {
            d->bytes_capacity = CF_MAX(2 * (at + length), 1 << 14);
            d->ids.bytes =
                cf_realloc(d->ids.bytes, d->bytes_capacity, 1, "distinct ids");
        }
        memcpy(d->ids.bytes + at, s, (size_t)length);
        d->ids.begin[number + 1] = at + length;
        put(d, k, number);
    }
    cf_text_free(&utf8);
    return number;
}

/* A long id's key is nearly sure; its bytes are. */
static bool same_bytes(const cf_ids *ids, int64_t i, const char *s,
                       int64_t length)
{
    return length <= 16 ||
           memcmp(ids->bytes + ids->begin[i], s, (size_t)length) == 0;
}

static int32_t add_text(cf_dictionary *d, const char *s, int64_t length)
{
    cf_key k = key_of_text(s, length);
    uint64_t mask = (uint64_t)d->slots - 1;
    for (uint64_t i = cf_key_hash(&k) & mask; d->slot[i].number != 0;
         i = (i + 1) & mask)
        if (cf_slot_holds(&d->slot[i], &k) &&
            same_bytes(&d->ids, d->slot[i].number - 1, s, length))
            return d->slot[i].number - 1;
    return add_new_text(d, &k, s, length);
}

int32_t cf_dictionary_add(cf_dictionary *d, const char *s, const char *e)
{
    int64_t id;
    if (!d->ids.text) {
        if (is_integer(s, e, &id))
            return cf_dictionary_add_number(d, id);
        cf_dictionary_to_text(d);
    }
    return add_text(d, s, e - s);
}

void cf_dictionary_free(cf_dictionary *d)
{
    cf_ids_free(&d->ids);
    cf_free(d->entries);
    cf_free(d->direct);
    cf_free(d->slot);
    *d = (cf_dictionary){0};
}
