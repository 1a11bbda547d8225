/* Method  Sample sort: a few ids of every rank give splitters, each id goes to
 *         the rank of its range, which sorts, drops repeats and counts; the
 *         position is the count of the ranks before plus the place there.
 * Cost    O(u log u) for u distinct ids a rank; 16 bytes an id on the wire.
 * References  Frazer, McKellar: Samplesort. J. ACM 17 (1970). */
#include "cfmpi/idmap.h"

#include <stdlib.h>
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"

#define SAMPLES 32 /* ids a rank gives to choose the splitters from */

/* A question on its way to the rank that knows: what is asked, and where in
 * the asker's array the answer belongs. */
typedef struct query {
    int64_t key;
    int64_t place;
} query;

static int by_key(const void *a, const void *b)
{
    const query *x = a, *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

static int by_value(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Queries in ascending key order. */
static query *sorted_queries(const int64_t *keys, int64_t count)
{
    query *q = cf_alloc(count, sizeof *q, "sorted ids");
    for (int64_t i = 0; i < count; i++)
        q[i] = (query){keys[i], i};
    qsort(q, (size_t)count, sizeof *q, by_key);
    return q;
}

/* Splitters [size - 1]: keys at even places of all samples. */
static int64_t *choose_splitters(const cf_par *par, const query *q,
                                 int64_t count)
{
    int64_t all = (int64_t)SAMPLES * par->size, known = 0;
    int64_t *sample = cf_alloc(2 * all, sizeof *sample, "id samples");
    int64_t *valid = sample + all;
    int64_t mine[2 * SAMPLES];
    int have = (int)CF_MIN(count, SAMPLES);
    for (int s = 0; s < SAMPLES; s++) {
        mine[2 * s] = s < have ? q[count * s / have].key : 0;
        mine[2 * s + 1] = s < have;
    }
    int64_t *both = cf_alloc(2 * all, sizeof *both, "id samples");
    MPI_Allgather(mine, 2 * SAMPLES, MPI_INT64_T, both, 2 * SAMPLES,
                  MPI_INT64_T, par->comm);
    for (int64_t i = 0; i < all; i++)
        if (both[2 * i + 1])
            valid[known++] = both[2 * i];
    qsort(valid, (size_t)known, sizeof *valid, by_value);
    for (int r = 1; r < par->size; r++)
        sample[r - 1] = known > 0 ? valid[known * r / par->size] : 0;
    cf_free(both);
    return sample;
}

static int range_of(const int64_t *splitters, int size, int64_t key)
{
    int lo = 0, hi = size - 1; /* first splitter above key */
    while (lo < hi) {
        int mid = (lo + hi) / 2;
        if (splitters[mid] > key)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

/* Sends keys (grouped by destination) and gives what arrived. */
static int64_t *send_keys(const cf_par *par, const query *q, int64_t count,
                          const int64_t *to, int64_t *from, int64_t *arrived)
{
    cf_alltoall_counts(par, to, from);
    *arrived = 0;
    for (int r = 0; r < par->size; r++)
        *arrived += from[r];
    int64_t *keys = cf_alloc(count, sizeof *keys, "keys to send");
    for (int64_t i = 0; i < count; i++)
        keys[i] = q[i].key;
    int64_t *got = cf_alloc(*arrived, sizeof *got, "keys received");
    cf_alltoallv(par, keys, to, got, from, sizeof *got);
    cf_free(keys);
    return got;
}

/* Sends each answer back to its asker, into out[place]. */
static void send_answers(const cf_par *par, const query *q, int64_t count,
                         const int64_t *to, const int64_t *from,
                         const int64_t *answers, int64_t *out)
{
    int64_t *back = cf_alloc(count, sizeof *back, "answers");
    cf_alltoallv(par, answers, from, back, to, sizeof *back);
    for (int64_t i = 0; i < count; i++)
        out[q[i].place] = back[i];
    cf_free(back);
}

/* Position of `id` in the rank's own ids, -1 when it is not there. */
static int64_t position(const cf_idmap *map, int rank, int64_t id)
{
    int64_t n = cf_part_count(&map->part, rank);
    const int64_t *p =
        n > 0 ? bsearch(&id, map->ids, (size_t)n, sizeof id, by_value) : NULL;
    return p == NULL ? -1 : map->part.begin[rank] + (p - map->ids);
}

static void own_ids(cf_idmap *map, const cf_par *par, const int64_t *got,
                    int64_t arrived)
{
    int64_t n = 0;
    map->ids = cf_alloc(arrived, sizeof *map->ids, "sorted ids");
    memcpy(map->ids, got, (size_t)arrived * sizeof *got);
    qsort(map->ids, (size_t)arrived, sizeof *map->ids, by_value);
    for (int64_t i = 0; i < arrived; i++)
        if (i == 0 || map->ids[i] != map->ids[i - 1])
            map->ids[n++] = map->ids[i];
    map->ids = cf_realloc(map->ids, n, sizeof *map->ids, "sorted ids");
    cf_part_even(&map->part, 0, par->size);
    MPI_Allgather(&n, 1, MPI_INT64_T, map->part.begin + 1, 1, MPI_INT64_T,
                  par->comm);
    for (int r = 0; r < par->size; r++)
        map->part.begin[r + 1] += map->part.begin[r];
}

void cf_idmap_build(cf_idmap *map, const cf_par *par, const int64_t *ids,
                    int64_t count, cf_gidx *index)
{
    cf_idmap_free(map);
    query *q = sorted_queries(ids, count);
    int64_t *splitters = choose_splitters(par, q, count);
    int64_t *to = cf_calloc(2 * (int64_t)par->size, sizeof *to, "id counts");
    int64_t *from = to + par->size, arrived;
    for (int64_t i = 0; i < count; i++)
        to[range_of(splitters, par->size, q[i].key)]++;
    int64_t *got = send_keys(par, q, count, to, from, &arrived);
    own_ids(map, par, got, arrived);
    for (int64_t i = 0; i < arrived; i++)
        got[i] = position(map, par->rank, got[i]);
    send_answers(par, q, count, to, from, got, index);
    cf_free(got);
    cf_free(to);
    cf_free(splitters);
    cf_free(q);
}

/* First id of every rank, so that a key's owner can be told; a rank without
 * ids repeats the next one's first. `ranks` gets the number of ranks up to the
 * last that has any. */
static int64_t *first_ids(const cf_idmap *map, const cf_par *par, int *ranks)
{
    int64_t *first = cf_alloc(par->size, sizeof *first, "first ids");
    int64_t mine =
        cf_part_count(&map->part, par->rank) > 0 ? map->ids[0] : INT64_MAX;
    MPI_Allgather(&mine, 1, MPI_INT64_T, first, 1, MPI_INT64_T, par->comm);
    *ranks = par->size;
    while (*ranks > 1 && cf_part_count(&map->part, *ranks - 1) == 0)
        --*ranks;
    for (int r = *ranks - 2; r >= 0; r--)
        if (cf_part_count(&map->part, r) == 0)
            first[r] = first[r + 1];
    return first;
}

void cf_idmap_find(const cf_idmap *map, const cf_par *par, const int64_t *ids,
                   int64_t count, cf_gidx *index)
{
    query *q = sorted_queries(ids, count);
    int ranks;
    int64_t *first = first_ids(map, par, &ranks);
    int64_t *to = cf_calloc(2 * (int64_t)par->size, sizeof *to, "id counts");
    int64_t *from = to + par->size, arrived;
    for (int64_t i = 0; i < count; i++)
        to[range_of(first + 1, ranks, q[i].key)]++;
    int64_t *got = send_keys(par, q, count, to, from, &arrived);
    for (int64_t i = 0; i < arrived; i++)
        got[i] = position(map, par->rank, got[i]);
    send_answers(par, q, count, to, from, got, index);
    cf_free(got);
    cf_free(to);
    cf_free(first);
    cf_free(q);
}

void cf_idmap_ids(const cf_idmap *map, const cf_par *par, const cf_gidx *index,
                  int64_t count, int64_t *ids)
{
    query *q = sorted_queries(index, count);
    int64_t *to = cf_calloc(2 * (int64_t)par->size, sizeof *to, "id counts");
    int64_t *from = to + par->size, arrived;
    for (int64_t i = 0; i < count; i++)
        to[q[i].key < 0 ? 0 : cf_part_owner(&map->part, q[i].key)]++;
    int64_t *got = send_keys(par, q, count, to, from, &arrived);
    for (int64_t i = 0; i < arrived; i++)
        got[i] = got[i] < 0 ? 0 : map->ids[got[i] - map->part.begin[par->rank]];
    send_answers(par, q, count, to, from, got, ids);
    cf_free(got);
    cf_free(to);
    cf_free(q);
}

void cf_idmap_free(cf_idmap *map)
{
    cf_part_free(&map->part);
    cf_free(map->ids);
    map->ids = NULL;
}
