/* Method  Each rating's hash from the keys of its row and column; the rules of
 *         one user sort that user's ratings, the cut in time is found by
 *         bisection over all 64-bit times.
 * Cost    A pass over the ratings; temporal without a cut 64 passes. */
#include "cfmpi/splits.h"

#include <stdlib.h>
#include <xxhash.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "cfmpi/random.h"

const char *const cf_split_names[] = {"random",         "kfold",    "per-user",
                                      "leave-last-out", "temporal", NULL};

bool cf_split_needs_time(enum cf_split_rule rule)
{
    return rule == CF_SPLIT_LAST || rule == CF_SPLIT_TEMPORAL;
}

int64_t cf_split_sets(const cf_split *s)
{
    return s->rule == CF_SPLIT_KFOLD ? s->folds : 1;
}

/* ---- keys ---- */

/* Keys of the ids that the map has here. */
static uint64_t *own_keys(const cf_idmap *map)
{
    const cf_ids *ids = &map->ids;
    uint64_t *key = cf_alloc(ids->count, sizeof *key, "keys of ids");
    for (int64_t i = 0; i < ids->count; i++)
        key[i] = ids->text
                     ? XXH3_64bits(ids->bytes + ids->begin[i],
                                   (size_t)(ids->begin[i + 1] - ids->begin[i]))
                     : (uint64_t)ids->number[i];
    return key;
}

/* Of own rows and of all columns. */
static void make_keys(uint64_t **user, uint64_t **item, const cf_par *par,
                      const cf_csr *a, const cf_idmap *users,
                      const cf_idmap *items)
{
    uint64_t *own = own_keys(users);
    *user = cf_alloc(a->n_loc, sizeof **user, "keys of users");
    cf_repartition_rows(par, &users->part, own, &a->part, *user, sizeof *own);
    cf_free(own);
    own = own_keys(items);
    *item = cf_alloc(a->cols, sizeof **item, "keys of items");
    cf_allgather_rows(par, &items->part, own, *item, sizeof *own);
    cf_free(own);
}

static double draw_of(uint64_t hash)
{
    return (double)(hash >> 11) * 0x1p-53;
}

/* ---- one user's ratings ---- */

typedef struct rated {
    int64_t time;
    uint64_t hash;
    int64_t place; /* ascends with the item */
} rated;

/* Later ones first, then smaller hashes. */
static int first_to_go(const void *a, const void *b)
{
    const rated *x = a, *y = b;
    if (x->time != y->time)
        return x->time > y->time ? -1 : 1;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return (x->place > y->place) - (x->place < y->place);
}

static int64_t how_many(const cf_split *s, int64_t count)
{
    int64_t n =
        s->leave > 0 ? s->leave : (int64_t)(s->share * (double)count + 0.5);
    return CF_MAX(CF_MIN(n, count - 1), 0);
}

static void mark_by_user(int32_t *set, const cf_csr *a, const uint64_t *user,
                         const uint64_t *item, const cf_split *s)
{
    int64_t longest = 0;
    for (int64_t i = 0; i < a->n_loc; i++)
        longest = CF_MAX(longest, a->indptr[i + 1] - a->indptr[i]);
    rated *row = cf_alloc(longest, sizeof *row, "ratings of a user");
    for (int64_t i = 0; i < a->n_loc; i++) {
        int64_t begin = a->indptr[i], n = a->indptr[i + 1] - begin;
        for (int64_t e = 0; e < n; e++)
            row[e] = (rated){
                s->rule == CF_SPLIT_LAST ? a->time[begin + e] : 0,
                cf_random_bits(s->seed, user[i], item[a->indices[begin + e]]),
                begin + e};
        qsort(row, (size_t)n, sizeof *row, first_to_go);
        for (int64_t e = 0; e < n; e++)
            set[row[e].place] = e < how_many(s, n) ? 0 : -1;
    }
    cf_free(row);
}

/* ---- all ratings ---- */

static int64_t count_before(const cf_par *par, const cf_csr *a, int64_t time)
{
    int64_t n = 0;
    for (int64_t e = 0; e < a->indptr[a->n_loc]; e++)
        n += a->time[e] < time;
    return cf_sum_i64(par, n);
}

/* The largest time that at most `place` ratings are before. */
static int64_t time_at(const cf_par *par, const cf_csr *a, int64_t place)
{
    int64_t lo = INT64_MIN, hi = INT64_MAX;
    while (lo < hi) {
        /* Half way up, rounded up; the difference may not fit. */
        int64_t mid = lo + (int64_t)(((uint64_t)hi - (uint64_t)lo + 1) / 2);
        if (lo == INT64_MIN && hi == INT64_MAX)
            mid = 0;
        if (count_before(par, a, mid) <= place)
            lo = mid;
        else
            hi = mid - 1;
    }
    return lo;
}

static void mark_by_draw(int32_t *set, const cf_csr *a, const uint64_t *user,
                         const uint64_t *item, const cf_split *s)
{
    for (int64_t i = 0; i < a->n_loc; i++)
        for (int64_t e = a->indptr[i]; e < a->indptr[i + 1]; e++) {
            double draw =
                draw_of(cf_random_bits(s->seed, user[i], item[a->indices[e]]));
            if (s->rule == CF_SPLIT_KFOLD)
                set[e] = (int32_t)(draw * (double)s->folds);
            else
                set[e] = draw < s->share ? 0 : -1;
        }
}

static void mark_by_time(int32_t *set, const cf_par *par, const cf_csr *a,
                         cf_split *s)
{
    if (!s->has_cut)
        s->cut = time_at(par, a, (int64_t)((1 - s->share) * (double)a->nnz));
    for (int64_t e = 0; e < a->indptr[a->n_loc]; e++)
        set[e] = a->time[e] >= s->cut ? 0 : -1;
}

/* Each set must have a rating, and leave one. */
static int check_sets(const int32_t *set, const cf_par *par, const cf_csr *a,
                      const cf_split *s)
{
    int status = CF_OK;
    int64_t sets = cf_split_sets(s);
    int64_t *count = cf_calloc(sets, sizeof *count, "sizes of test sets");
    for (int64_t e = 0; e < a->indptr[a->n_loc]; e++)
        if (set[e] >= 0)
            count[set[e]]++;
    cf_allreduce(par, count, sets, MPI_INT64_T, MPI_SUM);
    for (int64_t k = 0; k < sets && status == CF_OK; k++)
        if (count[k] == 0)
            status = cf_fail(
                CF_BAD_DATA,
                "--split=%s: no rating falls into test set %" PRId64
                " of %" PRId64 "; there are %" CF_PRIgidx " ratings in all",
                cf_split_names[s->rule], k + 1, sets, a->nnz);
        else if (count[k] == a->nnz)
            status =
                cf_fail(CF_BAD_DATA,
                        "--split=%s: all %" CF_PRIgidx " ratings fall into "
                        "a test set, and none is left to learn from",
                        cf_split_names[s->rule], a->nnz);
    cf_free(count);
    return status;
}

int cf_split_mark(int32_t *set, const cf_par *par, const cf_csr *a,
                  const cf_idmap *users, const cf_idmap *items, cf_split *s)
{
    uint64_t *user, *item;
    CF_ASSERT(!cf_split_needs_time(s->rule) || a->time != NULL ||
              a->indptr[a->n_loc] == 0);
    make_keys(&user, &item, par, a, users, items);
    if (s->rule == CF_SPLIT_TEMPORAL)
        mark_by_time(set, par, a, s);
    else if (s->rule == CF_SPLIT_LAST || s->rule == CF_SPLIT_PER_USER)
        mark_by_user(set, a, user, item, s);
    else
        mark_by_draw(set, a, user, item, s);
    cf_free(user);
    cf_free(item);
    return check_sets(set, par, a, s);
}

/* ---- the parts ---- */

void cf_split_take(cf_csr *out, const cf_par *par, const cf_csr *a,
                   const int32_t *set, int32_t number, bool rest)
{
    int64_t n = 0, entries = a->indptr[a->n_loc];
    *out = (cf_csr){.rows = a->rows, .cols = a->cols, .n_loc = a->n_loc};
    cf_part_copy(&out->part, &a->part);
    for (int64_t e = 0; e < entries; e++)
        n += (set[e] == number) != rest;
    out->indptr = cf_alloc(a->n_loc + 1, sizeof *out->indptr, "row pointers");
    out->indices = cf_alloc(n, sizeof *out->indices, "column numbers");
    out->values = cf_alloc(n, sizeof *out->values, "ratings");
    n = out->indptr[0] = 0;
    for (int64_t i = 0; i < a->n_loc; i++) {
        for (int64_t e = a->indptr[i]; e < a->indptr[i + 1]; e++)
            if ((set[e] == number) != rest) {
                out->indices[n] = a->indices[e];
                out->values[n++] = a->values[e];
            }
        out->indptr[i + 1] = n;
    }
    cf_csr_seal(out, par);
}
