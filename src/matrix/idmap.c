/* Method  Sample sort: a few ids of every rank give splitters, each id goes to
 *         the rank of its range, which sorts what arrives, drops repeats and
 *         adds up their ratings; the position is the count of the ranks before
 *         plus the place there.
 * Cost    O(u) for u distinct ids a rank and O(log) a splitter; 24 bytes an
 * integer id on the wire, 32 and its bytes for a string. References  Frazer,
 * McKellar: Samplesort. J. ACM 17 (1970). */
#include "cfmpi/idmap.h"

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "cfmpi/scan.h"
#include "id_lists.h"

#define SAMPLES 32 /* ids a rank gives to choose the splitters from */

/* Numbers `from` of what every rank sends here, given what it sends. */
static int64_t *answers_expected(const cf_par *par, const int64_t *to)
{
    int64_t *from = cf_alloc(par->size, sizeof *from, "id counts");
    cf_alltoall_counts(par, to, from);
    return from;
}

/* The same list on every rank: those of all ranks one after the other. */
static void share_ids(cf_ids *all, const cf_par *par, const cf_ids *mine)
{
    int64_t n = mine->count * par->size;
    int64_t *order = cf_alloc(n, sizeof *order, "ids to share");
    int64_t *to = cf_alloc(par->size, sizeof *to, "ids to share");
    cf_ids copies = {0};
    for (int64_t i = 0; i < n; i++)
        order[i] = i % mine->count;
    for (int r = 0; r < par->size; r++)
        to[r] = mine->count;
    int64_t *from = answers_expected(par, to);
    cf_ids_pick(&copies, mine, order, n);
    cf_ids_alltoall(all, par, &copies, to, from);
    cf_ids_free(&copies);
    cf_free(from);
    cf_free(order);
    cf_free(to);
}

/* Sorted samples of every rank's sorted ids. */
static void take_samples(cf_ids *samples, const cf_par *par,
                         const cf_ids *sorted)
{
    cf_ids mine = {0}, all = {0};
    int64_t pick[SAMPLES], have = CF_MIN(sorted->count, SAMPLES);
    for (int64_t s = 0; s < have; s++)
        pick[s] = sorted->count * s / have;
    cf_ids_pick(&mine, sorted, pick, have);
    share_ids(&all, par, &mine);
    int64_t *order = cf_alloc(all.count, sizeof *order, "id samples");
    cf_ids_sort(&all, order);
    cf_ids_pick(samples, &all, order, all.count);
    cf_free(order);
    cf_ids_free(&mine);
    cf_ids_free(&all);
}

/* First of `count` ids from `begin` on that is not below id s of `bounds`. */
static int64_t lower_bound(const cf_ids *ids, int64_t begin,
                           const cf_ids *bounds, int64_t s)
{
    int64_t lo = begin, hi = ids->count;
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (cf_ids_compare(ids, mid, bounds, s) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* How many of the sorted ids go to each rank; the caller frees. */
static int64_t *split(const cf_par *par, const cf_ids *sorted)
{
    cf_ids samples = {0};
    int64_t *to = cf_calloc(par->size, sizeof *to, "id counts"), begin = 0;
    take_samples(&samples, par, sorted);
    for (int r = 0; r < par->size; r++) {
        int64_t s = samples.count * (r + 1) / par->size;
        int64_t end = r + 1 < par->size && samples.count > 0
                          ? lower_bound(sorted, begin, &samples, s)
                          : sorted->count;
        to[r] = end - begin;
        begin = end;
    }
    cf_ids_free(&samples);
    return to;
}

/* What a rank that asks gets back for an id. */
typedef struct answer {
    cf_gidx index;
    int64_t first;
} answer;

/* Own ids from all that arrived with their numbers of ratings, and the answer
 * to each. */
static answer *number_ids(cf_idmap *map, const cf_par *par, const cf_ids *got,
                          const int64_t *entries)
{
    int64_t *order = cf_alloc(got->count, sizeof *order, "order of ids");
    int64_t *own = cf_alloc(got->count, sizeof *own, "own ids");
    answer *back = cf_alloc(got->count, sizeof *back, "answers");
    int64_t n = 0, sum = 0;
    cf_ids_sort(got, order);
    map->entries = cf_calloc(got->count, sizeof *map->entries, "id counts");
    for (int64_t i = 0; i < got->count; i++) {
        int64_t g = order[i];
        if (i == 0 || cf_ids_compare(got, order[i - 1], got, g) != 0)
            own[n++] = g;
        back[g] = (answer){n - 1, sum};
        map->entries[n - 1] += entries[g];
        sum += entries[g];
    }
    cf_ids_pick(&map->ids, got, own, n);
    cf_part_gather(&map->part, par, n);
    sum = cf_exscan_i64(par, sum);
    for (int64_t i = 0; i < got->count; i++) {
        back[i].index += map->part.begin[par->rank];
        back[i].first += sum;
    }
    cf_free(order);
    cf_free(own);
    return back;
}

static void settle_kind(const cf_par *par, cf_dictionary *d)
{
    if (cf_max_i64(par, d->ids.text) > 0)
        cf_dictionary_to_text(d);
}

void cf_idmap_build(cf_idmap *map, const cf_par *par, cf_dictionary *d,
                    cf_placement *at)
{
    int64_t n = d->ids.count;
    cf_ids sorted = {0}, got = {0};
    cf_idmap_free(map);
    settle_kind(par, d);
    int64_t *order = cf_alloc(n, sizeof *order, "order of ids");
    cf_ids_sort(&d->ids, order);
    cf_ids_pick(&sorted, &d->ids, order, n);
    int64_t *to = split(par, &sorted), *from = answers_expected(par, to);
    cf_ids_alltoall(&got, par, &sorted, to, from);
    cf_ids_free(&sorted);

    int64_t *entries = cf_alloc(n, sizeof *entries, "id counts");
    int64_t *entries_got = cf_alloc(got.count, sizeof *entries, "id counts");
    for (int64_t i = 0; i < n; i++)
        entries[i] = d->entries[order[i]];
    cf_alltoallv(par, entries, to, entries_got, from, sizeof *entries);
    answer *back = number_ids(map, par, &got, entries_got);
    answer *mine = cf_alloc(n, sizeof *mine, "answers");
    cf_alltoallv(par, back, from, mine, to, sizeof *mine);
    at->index = cf_alloc(n, sizeof *at->index, "rows of ids");
    at->first = cf_alloc(n, sizeof *at->first, "places of ratings");
    for (int64_t i = 0; i < n; i++) {
        at->index[order[i]] = mine[i].index;
        at->first[order[i]] = mine[i].first;
    }
    cf_ids_free(&got);
    cf_free(order);
    cf_free(to);
    cf_free(from);
    cf_free(entries);
    cf_free(entries_got);
    cf_free(back);
    cf_free(mine);
}

void cf_placement_free(cf_placement *at)
{
    cf_free(at->index);
    cf_free(at->first);
    *at = (cf_placement){0};
}

/* ---- questions ---- */

/* First id of every rank that has any, and which ranks those are. */
static int first_ids(const cf_idmap *map, const cf_par *par, cf_ids *first,
                     int *ranks)
{
    cf_ids mine = {0};
    int64_t zero = 0;
    int n = 0;
    cf_ids_pick(&mine, &map->ids, &zero, map->ids.count > 0);
    share_ids(first, par, &mine);
    for (int r = 0; r < par->size; r++)
        if (cf_part_count(&map->part, r) > 0)
            ranks[n++] = r;
    cf_ids_free(&mine);
    return n;
}

/* The question in the kind of the map's ids. False: the map cannot have it. */
static bool translate(const cf_ids *ids, int64_t i, bool text, cf_ids *one,
                      cf_text *buffer)
{
    int64_t number;
    cf_text_clear(buffer);
    cf_ids_print(ids, i, buffer);
    if (!text) {
        if (!cf_scan_int64(buffer->data, buffer->data + buffer->length,
                           &number))
            return false;
        one->number[0] = number;
        return true;
    }
    one->bytes = buffer->data;
    one->begin[1] = buffer->length;
    return true;
}

/* The rank that would hold each id, -1 where none can. */
static int *owners(const cf_idmap *map, const cf_par *par, const cf_ids *ids,
                   bool text)
{
    cf_ids first = {0}, one = {.text = text, .count = 1};
    cf_text buffer = {0};
    int64_t number[1], begin[2] = {0, 0};
    int *ranks = cf_alloc(par->size, sizeof *ranks, "first ids");
    int *owner = cf_alloc(ids->count, sizeof *owner, "owners of ids");
    int known = first_ids(map, par, &first, ranks);
    one.number = number;
    one.begin = begin;
    for (int64_t i = 0; i < ids->count; i++) {
        owner[i] = -1;
        if (known == 0 || !translate(ids, i, text, &one, &buffer))
            continue;
        int64_t r = lower_bound(&first, 0, &one, 0);
        if (r == known || cf_ids_compare(&first, r, &one, 0) > 0)
            r--;
        owner[i] = r < 0 ? -1 : ranks[r];
    }
    cf_text_free(&buffer);
    cf_ids_free(&first);
    cf_free(ranks);
    return owner;
}

/* Numbers of the questions, grouped by the rank that can answer. */
static int64_t *group(const cf_par *par, const int *owner, int64_t count,
                      int64_t *to, int64_t *asked)
{
    int64_t *at = cf_calloc(par->size, sizeof *at, "id counts");
    int64_t *order = cf_alloc(count, sizeof *order, "order of ids");
    *asked = 0;
    for (int64_t i = 0; i < count; i++)
        if (owner[i] >= 0)
            to[owner[i]]++;
    for (int r = 0; r < par->size; r++) {
        at[r] = *asked;
        *asked += to[r];
    }
    for (int64_t i = 0; i < count; i++)
        if (owner[i] >= 0)
            order[at[owner[i]]++] = i;
    cf_free(at);
    return order;
}

static int64_t *answer_questions(const cf_idmap *map, const cf_par *par,
                                 const cf_ids *got)
{
    int64_t *back = cf_alloc(got->count, sizeof *back, "answers");
    cf_text id = {0};
    for (int64_t i = 0; i < got->count; i++) {
        cf_text_clear(&id);
        cf_ids_print(got, i, &id);
        back[i] = cf_ids_search(&map->ids, id.data, id.data + id.length);
        if (back[i] >= 0)
            back[i] += map->part.begin[par->rank];
    }
    cf_text_free(&id);
    return back;
}

void cf_idmap_find(const cf_idmap *map, const cf_par *par, const cf_ids *ids,
                   cf_gidx *index)
{
    cf_ids asking = {0}, got = {0};
    bool text = cf_max_i64(par, map->ids.count > 0 && map->ids.text) > 0;
    int64_t *to = cf_calloc(par->size, sizeof *to, "id counts"), asked;
    int *owner = owners(map, par, ids, text);
    int64_t *order = group(par, owner, ids->count, to, &asked);
    int64_t *from = answers_expected(par, to);
    cf_ids_pick(&asking, ids, order, asked);
    if (cf_max_i64(par, asking.text) > 0)
        cf_ids_to_text(&asking);
    cf_ids_alltoall(&got, par, &asking, to, from);
    int64_t *back = answer_questions(map, par, &got);
    int64_t *mine = cf_alloc(asked, sizeof *mine, "answers");
    cf_alltoallv(par, back, from, mine, to, sizeof *mine);
    for (int64_t i = 0; i < ids->count; i++)
        index[i] = -1;
    for (int64_t i = 0; i < asked; i++)
        index[order[i]] = mine[i];
    cf_ids_free(&asking);
    cf_ids_free(&got);
    cf_free(to);
    cf_free(from);
    cf_free(owner);
    cf_free(order);
    cf_free(back);
    cf_free(mine);
}

void cf_idmap_print(const cf_idmap *map, const cf_par *par, cf_gidx index,
                    cf_text *out)
{
    int owner = cf_part_owner(&map->part, index);
    cf_text id = {0};
    if (par->rank == owner)
        cf_ids_print(&map->ids, index - map->part.begin[owner], &id);
    int64_t length = cf_max_i64(par, id.length);
    if (par->rank != owner)
        id.data = cf_alloc(length, 1, "id");
    cf_bcast(par, id.data, length, owner);
    cf_text_bytes(out, id.data, length);
    cf_text_free(&id);
}

void cf_idmap_filter(cf_idmap *map, const cf_par *par, const bool *kept,
                     cf_gidx *renumber)
{
    cf_ids ids = {0};
    int64_t n = 0;
    int64_t *order = cf_alloc(map->ids.count, sizeof *order, "ids to keep");
    for (int64_t i = 0; i < map->ids.count; i++)
        if (kept[i])
            order[n++] = i;
    cf_ids_pick(&ids, &map->ids, order, n);
    cf_part_gather(&map->part, par, n);
    n = map->part.begin[par->rank];
    for (int64_t i = 0; i < map->ids.count; i++)
        renumber[i] = kept[i] ? n++ : -1;
    cf_ids_free(&map->ids);
    map->ids = ids;
    cf_free(map->entries);
    map->entries = NULL;
    cf_free(order);
}

void cf_idmap_free(cf_idmap *map)
{
    cf_part_free(&map->part);
    cf_ids_free(&map->ids);
    cf_free(map->entries);
    map->entries = NULL;
}
