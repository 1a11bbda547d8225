/* Method  The places that a rank has met are sorted and their names read in
 *         pieces, skipping those without any. That no name comes twice is
 *         checked by sending the 128-bit hash of each name to the rank that
 *         the hash names.
 * Cost    Reads the names of the own places; 24 bytes a name of the own
 *         share are sent. */
#include "sparse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"

#define PIECE ((int64_t)1 << 14) /* names in memory */

/* A place on an axis, and its number in the table of places. */
typedef struct place {
    int64_t at;
    int32_t number;
} place;

static int by_place(const void *a, const void *b)
{
    const place *x = a, *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

static place *sorted_places(const cf_ids *ids)
{
    place *p = cf_alloc(ids->count, sizeof *p, "places of ids");
    for (int64_t i = 0; i < ids->count; i++)
        p[i] = (place){ids->number[i], (int32_t)i};
    qsort(p, (size_t)ids->count, sizeof *p, by_place);
    return p;
}

static int bad_name(const cf_sparse *m, int axis, int64_t at, const char *what)
{
    return cf_fail(CF_BAD_DATA, "%s: %s[%" PRId64 "] %s", m->path,
                   m->names_label[axis], at, what);
}

/* The number of name i of a piece that begins at `begin`. */
static int add_name(cf_dictionary *d, const cf_sparse *m, int axis,
                    int64_t begin, const cf_ids *names, int64_t i,
                    int32_t *number)
{
    if (!names->text) {
        *number = cf_dictionary_add_number(d, names->number[i]);
        return CF_OK;
    }
    const char *s = names->bytes + names->begin[i];
    int64_t length = names->begin[i + 1] - names->begin[i];
    if (length == 0)
        return bad_name(m, axis, begin + i,
                        "is empty; every name must be "
                        "there");
    *number = length > CF_ID_MAX ? -1 : cf_dictionary_add(d, s, s + length);
    return *number < 0 ? bad_name(m, axis, begin + i,
                                  "is longer than 255 bytes; shorten it")
                       : CF_OK;
}

/* to[number of a place] = its number in `d`. Local. */
static int rename_axis(cf_dictionary *d, const cf_sparse *m, int axis,
                       const cf_ids *places, int32_t *to)
{
    int status = CF_OK;
    cf_ids names = {0};
    place *p = sorted_places(places);
    if (places->count > INT32_MAX - 1 - d->ids.count)
        CF_TRY(cf_fail(CF_BAD_DATA,
                       "%s: has too many names for a rank; use "
                       "more ranks",
                       m->path));
    for (int64_t i = 0, begin = -1; i < places->count; i++) {
        if (m->names_label[axis] == NULL) {
            to[p[i].number] = cf_dictionary_add_number(d, p[i].at);
            continue;
        }
        if (begin < 0 || p[i].at >= begin + PIECE) {
            begin = p[i].at;
            CF_TRY(m->names(m->source, axis, begin,
                            CF_MIN(PIECE, m->size[axis] - begin), &names));
        }
        CF_TRY(add_name(d, m, axis, begin, &names, p[i].at - begin,
                        &to[p[i].number]));
    }
done:
    cf_free(p);
    cf_ids_free(&names);
    return status;
}

/* ---- names that come twice ---- */

typedef struct hashed {
    uint64_t hash[2];
    int64_t at;
} hashed;

static int by_hash(const void *a, const void *b)
{
    const hashed *x = a, *y = b;
    for (int i = 0; i < 2; i++)
        if (x->hash[i] != y->hash[i])
            return x->hash[i] > y->hash[i] ? 1 : -1;
    return (x->at > y->at) - (x->at < y->at);
}

static int target(const hashed *h, int size)
{
    return (int)(h->hash[0] % (uint64_t)size);
}

/* The hash of each own name, by the rank that gets it. */
static hashed *hash_share(const cf_par *par, const cf_dictionary *d,
                          const cf_ids *places, const int32_t *to,
                          const int64_t own[2], int64_t *send)
{
    int64_t n = 0;
    cf_text text = {0};
    hashed *all = cf_alloc(own[1] - own[0], sizeof *all, "name hashes");
    hashed *out = cf_alloc(own[1] - own[0], sizeof *out, "name hashes");
    for (int64_t i = 0; i < places->count; i++)
        if (places->number[i] >= own[0] && places->number[i] < own[1]) {
            cf_text_clear(&text);
            cf_ids_print(&d->ids, to[i], &text);
            XXH128_hash_t h = XXH3_128bits(text.data, (size_t)text.length);
            all[n] = (hashed){{h.low64, h.high64}, places->number[i]};
            send[target(&all[n++], par->size)]++;
        }
    int64_t *next = cf_calloc(par->size + 1, sizeof *next, "name hashes");
    for (int r = 0; r < par->size; r++)
        next[r + 1] = next[r] + send[r];
    for (int64_t i = 0; i < n; i++)
        out[next[target(&all[i], par->size)]++] = all[i];
    cf_free(next);
    cf_free(all);
    cf_text_free(&text);
    return out;
}

/* The first place whose name has come before, and where; INT64_MAX where
 * there is none. */
static void find_twice(hashed *h, int64_t count, int64_t place_of[2])
{
    place_of[0] = place_of[1] = INT64_MAX;
    qsort(h, (size_t)count, sizeof *h, by_hash);
    for (int64_t i = 1; i < count; i++)
        if (memcmp(h[i].hash, h[i - 1].hash, sizeof h->hash) == 0 &&
            h[i].at < place_of[1]) {
            place_of[0] = h[i - 1].at;
            place_of[1] = h[i].at;
        }
}

/* Collective; every rank returns the same. */
static int check_unique(const cf_par *par, const cf_sparse *m, int axis,
                        const cf_dictionary *d, const cf_ids *places,
                        const int32_t *to)
{
    int64_t twice[2], total = 0;
    int64_t *send = cf_calloc(par->size, sizeof *send, "name hashes");
    int64_t *recv = cf_calloc(par->size, sizeof *recv, "name hashes");
    cf_part share = {0};
    cf_part_even(&share, m->size[axis], par->size);
    hashed *out = hash_share(par, d, places, to, share.begin + par->rank, send);
    cf_part_free(&share);
    cf_alltoall_counts(par, send, recv);
    for (int r = 0; r < par->size; r++)
        total += recv[r];
    hashed *in = cf_alloc(total, sizeof *in, "name hashes");
    cf_alltoallv(par, out, send, in, recv, sizeof *in);
    find_twice(in, total, twice);
    cf_free(in);
    cf_free(out);
    cf_free(recv);
    cf_free(send);
    int64_t second = cf_min_i64(par, twice[1]);
    int64_t first = cf_min_i64(par, twice[1] == second ? twice[0] : INT64_MAX);
    if (second == INT64_MAX)
        return CF_OK;
    return cf_fail(CF_BAD_DATA,
                   "%s: %s[%" PRId64 "] and [%" PRId64 "] are the same; names "
                   "must differ",
                   m->path, m->names_label[axis], first, second);
}

/* ---- moving ---- */

static void move_entries(cf_entries *to, cf_entries *from,
                         int32_t *const number[2])
{
    for (int64_t i = 0; i < from->count; i++) {
        cf_entry x = cf_entries_at(from, i);
        cf_entries_add(to, number[0][x.user], number[1][x.item], x.value, 0);
        if ((i + 1) % CF_ENTRIES_CHUNK == 0)
            cf_chunk_free(&from->chunk[i / CF_ENTRIES_CHUNK]);
    }
    cf_entries_free(from);
}

int cf_sparse_rename(cf_intake *in, const cf_par *par, const cf_sparse *m,
                     cf_entries *from)
{
    int status = CF_OK;
    cf_dictionary *d[2] = {&in->entries.users, &in->entries.items};
    const cf_ids *places[2] = {&from->users.ids, &from->items.ids};
    int32_t *number[2];
    for (int axis = 0; axis < 2; axis++)
        number[axis] =
            cf_alloc(places[axis]->count, sizeof **number, "id numbers");
    for (int axis = 0; axis < 2; axis++) {
        CF_TRY(cf_agree(
            par, rename_axis(d[axis], m, axis, places[axis], number[axis])));
        if (m->names_label[axis] != NULL)
            CF_TRY(check_unique(par, m, axis, d[axis], places[axis],
                                number[axis]));
    }
    move_entries(&in->entries, from, number);
done:
    cf_free(number[0]);
    cf_free(number[1]);
    return status;
}
