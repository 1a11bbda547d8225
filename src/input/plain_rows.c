/* Method  No question is asked that the rows before have answered: fields lie
 *         between marks at fixed distances, ids are looked up where they were
 *         put when they were first met, ratings are places in a table. What
 *         does not fit ends the loop, and the general code goes on.
 * Cost    Some 9 ns a row with integer ids. */
#include "plain_rows.h"

#include <string.h>

#include "cfmpi/scan.h"

#define TENTHS(d)                                                              \
    {                                                                          \
        d##.0F, d##.1F, d##.2F, d##.3F, d##.4F, d##.5F, d##.6F, d##.7F,        \
            d##.8F, d##.9F                                                     \
    }

const float cf_short_ratings[10][10] = {
    TENTHS(0), TENTHS(1), TENTHS(2), TENTHS(3), TENTHS(4),
    TENTHS(5), TENTHS(6), TENTHS(7), TENTHS(8), TENTHS(9)};

/* A wanted column: marks behind its fields, and the bytes from the mark before
 * a field to its first one. */
typedef struct column {
    const uint32_t *end;
    uint32_t gap;
    bool last; /* of its row: a carriage return may stand behind a field */
} column;

static column column_of(const cf_dialect *d, const uint32_t *m, int role)
{
    int c = d->column[role];
    return (column){m + c, c == 0 ? 1 : 1 + d->cut.twice, c == d->columns - 1};
}

static inline cf_field field_in(column c, const char *text, int64_t k)
{
    cf_field f = {text + (uint32_t)(c.end[k - 1] + c.gap), text + c.end[k]};
    if (c.last && f.e > f.s && f.e[-1] == '\r')
        f.e--;
    return f;
}

/* The tables of a dictionary; a copy, as every byte that is stored might
 * change what a pointer leads to, for all the compiler knows. */
typedef struct known {
    const int32_t *direct;
    uint64_t direct_size;
    const cf_slot *slot;
    uint64_t mask;
    bool text;
} known;

static known known_of(const cf_dictionary *d)
{
    return (known){d->direct, (uint64_t)d->direct_size, d->slot,
                   (uint64_t)d->slots - 1, d->ids.text};
}

/* Number of an id met before, a short text or a small integer; -1 for all
 * else. */
static inline int32_t known_number(known ids, cf_field f, cf_key k)
{
    int64_t id;
    if (ids.text) {
        for (uint64_t s = cf_key_hash(&k) & ids.mask; ids.slot[s].number != 0;
             s = (s + 1) & ids.mask)
            if (cf_slot_holds(&ids.slot[s], &k))
                return ids.slot[s].number - 1;
        return -1;
    }
    if (k.length > 8 || !cf_scan_digits(f.s, f.e, &id))
        return -1;
    return (uint64_t)id < ids.direct_size ? ids.direct[id] - 1 : -1;
}

/* Counts `run` rows of a user, up to row `at` of the chunk. */
static inline void end_run(cf_entries *e, cf_chunk *c, int32_t user,
                           int64_t run, int64_t at)
{
    if (run == 0)
        return;
    e->users.entries[user] += run;
    if (c->run != NULL)
        c->run[c->runs - 1].end = (int32_t)at;
}

/* The code of a short rating, -1 where it has none yet. */
static inline int code_of(cf_rows *r, unsigned whole, unsigned tenth)
{
    int16_t *code = &r->code[whole][tenth];
    if (*code == 0)
        *code = (int16_t)(1 + cf_entries_code(&r->in->entries,
                                              cf_short_ratings[whole][tenth]));
    return *code - 1;
}

static inline bool is_short(cf_field f)
{
    return f.e > f.s && f.e - f.s <= 16;
}

int64_t cf_rows_take_plain(cf_rows *r, const char *text, const uint32_t *m,
                           int64_t rows)
{
    const int columns = r->d->columns;
    const column users = column_of(r->d, m, CF_USER);
    const column items = column_of(r->d, m, CF_ITEM);
    const column ratings = column_of(r->d, m, CF_RATING);
    const bool rated = r->d->column[CF_RATING] >= 0;
    cf_entries *e = &r->in->entries;
    const known of_users = known_of(&e->users), of_items = known_of(&e->items);
    int64_t at = e->count % CF_ENTRIES_CHUNK, taken = 0, run = 0;
    cf_key last = {0}; /* the user of the row before */
    int32_t user = -1;
    if (at == 0)
        return 0; /* the general code makes the next chunk */
    cf_chunk *chunk = &e->chunk[e->chunks - 1], c = *chunk;
    rows = CF_MIN(rows, CF_ENTRIES_CHUNK - at);
    for (; taken < rows; taken++) {
        const int64_t k = taken * columns;
        const cf_field u = field_in(users, text, k);
        const cf_field i = field_in(items, text, k);
        unsigned whole = 1, tenth = 0;
        if (!is_short(u) || !is_short(i))
            break;
        if (rated &&
            !cf_short_rating(field_in(ratings, text, k), &whole, &tenth))
            break;
        const int code = c.code != NULL ? code_of(r, whole, tenth) : 0;
        const int32_t item =
            known_number(of_items, i, cf_key_of_short(i.s, i.e));
        if (item < 0 || code < 0)
            break;
        const cf_key key = cf_key_of_short(u.s, u.e);
        if (key.tail != last.tail || key.head != last.head ||
            key.length != last.length) {
            const int32_t next = known_number(of_users, u, key);
            if (next < 0)
                break;
            end_run(e, chunk, user, run, at);
            run = 0;
            user = next;
            last = key;
            if (chunk->run != NULL)
                cf_entries_begin_run(e, at, user);
            c = *chunk;
        }
        c.item[at] = item;
        if (c.user != NULL)
            c.user[at] = user;
        if (c.code != NULL)
            c.code[at] = (uint8_t)code;
        else
            c.value[at] = cf_short_ratings[whole][tenth];
        run++;
        at++;
    }
    end_run(e, chunk, user, run, at);
    e->count += taken;
    return taken;
}
