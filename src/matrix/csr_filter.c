/* Method  Rounds: count, leave out what has too few, until a round leaves out
 *         nothing. The result does not depend on the order, so both sides are
 *         counted at once.
 * Cost    A pass over the entries a round, rarely more than ten or twenty.
 * References  Seidman: Network structure and minimum degree. Social Networks
 *         5 (1983). */
#include "cfmpi/csr_filter.h"

#include <stdbool.h>
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"

/* Who is still in; every rank has all items. */
typedef struct members {
    bool *user, *item; /* [n_loc], [cols] */
    int64_t *user_count, *item_count;
} members;

static void count_members(const cf_csr *a, const cf_par *par, members *m)
{
    memset(m->item_count, 0, (size_t)a->cols * sizeof *m->item_count);
    for (int64_t i = 0; i < a->n_loc; i++) {
        m->user_count[i] = 0;
        if (!m->user[i])
            continue;
        for (int64_t e = a->indptr[i]; e < a->indptr[i + 1]; e++) {
            bool in = m->item[a->indices[e]];
            m->user_count[i] += in;
            m->item_count[a->indices[e]] += in;
        }
    }
    cf_allreduce(par, m->item_count, a->cols, MPI_INT64_T, MPI_SUM);
}

/* Ratings of an item that go with users left out in this round count there. */
static int64_t leave_users(const cf_csr *a, members *m, cf_filter *f)
{
    int64_t left = 0;
    for (int64_t i = 0; i < a->n_loc; i++) {
        if (!m->user[i] || m->user_count[i] >= f->min_user)
            continue;
        m->user[i] = false;
        left++;
        f->users_left++;
        f->user_ratings += m->user_count[i];
    }
    return left;
}

static int64_t leave_items(const cf_csr *a, members *m, cf_filter *f)
{
    int64_t left = 0;
    bool *going = cf_calloc(a->cols, sizeof *going, "items to leave out");
    for (cf_gidx j = 0; j < a->cols; j++) {
        going[j] = m->item[j] && m->item_count[j] < f->min_item;
        left += going[j];
    }
    for (int64_t i = 0; i < a->n_loc && left > 0; i++)
        for (int64_t e = a->indptr[i]; m->user[i] && e < a->indptr[i + 1]; e++)
            f->item_ratings += going[a->indices[e]];
    for (cf_gidx j = 0; j < a->cols; j++)
        m->item[j] &= !going[j];
    f->items_left += left;
    cf_free(going);
    return left;
}

static void find_members(const cf_csr *a, const cf_par *par, members *m,
                         cf_filter *f)
{
    m->user = cf_alloc(a->n_loc, sizeof *m->user, "users kept");
    m->item = cf_alloc(a->cols, sizeof *m->item, "items kept");
    m->user_count = cf_alloc(a->n_loc, sizeof *m->user_count, "user counts");
    m->item_count = cf_alloc(a->cols, sizeof *m->item_count, "item counts");
    memset(m->user, true, (size_t)a->n_loc * sizeof *m->user);
    memset(m->item, true, (size_t)a->cols * sizeof *m->item);
    for (int64_t changed = 1; changed > 0;) {
        count_members(a, par, m);
        changed = leave_users(a, m, f);
        changed += leave_items(a, m, f);
        changed = cf_sum_i64(par, changed);
    }
    f->users_left = cf_sum_i64(par, f->users_left);
    f->user_ratings = cf_sum_i64(par, f->user_ratings);
    f->item_ratings = cf_sum_i64(par, f->item_ratings);
    cf_free(m->user_count);
    cf_free(m->item_count);
}

/* New numbers of the columns, -1 for those left out; their count. */
static cf_gidx number_columns(const cf_csr *a, const members *m,
                              cf_lidx *number)
{
    cf_lidx n = 0;
    for (cf_gidx j = 0; j < a->cols; j++)
        number[j] = m->item[j] ? n++ : -1;
    return n;
}

/* Moves the entries that stay to the front. */
static void compact(cf_csr *a, const members *m)
{
    cf_lidx *number = cf_alloc(a->cols, sizeof *number, "new columns");
    int64_t out = 0, rows = 0, begin = 0;
    cf_gidx cols = number_columns(a, m, number);
    for (int64_t i = 0; i < a->n_loc; i++) {
        int64_t end = a->indptr[i + 1];
        for (int64_t e = begin; m->user[i] && e < end; e++) {
            if (number[a->indices[e]] < 0)
                continue;
            a->indices[out] = number[a->indices[e]];
            a->values[out] = a->values[e];
            if (a->time != NULL)
                a->time[out] = a->time[e];
            out++;
        }
        begin = end;
        if (m->user[i])
            a->indptr[++rows] = out;
    }
    a->n_loc = rows;
    a->cols = cols;
    cf_free(number);
}

/* The map keeps what is in; kept [rows of `from`] says so on other ranks than
 * the map's. */
static void filter_map(cf_idmap *map, const cf_par *par, const cf_part *from,
                       const bool *kept)
{
    int64_t n = cf_part_count(&map->part, par->rank);
    bool *own = cf_alloc(n, sizeof *own, "ids kept");
    cf_gidx *number = cf_alloc(n, sizeof *number, "new numbers");
    cf_repartition_rows(par, from, kept, &map->part, own, sizeof *own);
    cf_idmap_filter(map, par, own, number);
    cf_free(own);
    cf_free(number);
}

static void *move(const cf_par *par, const cf_part *from, void *data,
                  const cf_part *to, size_t size, const char *what)
{
    void *out = cf_alloc(cf_part_count(to, par->rank), size, what);
    cf_repartition_rows(par, from, data, to, out, size);
    cf_free(data);
    return out;
}

/* Rows and their entries to the ranks that make them even again. */
static void rebalance(cf_csr *a, const cf_par *par)
{
    cf_part now = {0}, entries = {0}, entries_new = {0};
    int64_t *length = cf_alloc(a->n_loc, sizeof *length, "row lengths");
    for (int64_t i = 0; i < a->n_loc; i++)
        length[i] = a->indptr[i + 1] - a->indptr[i];
    cf_part_gather(&now, par, a->n_loc);
    cf_part_gather(&entries, par, a->indptr[a->n_loc]);
    a->rows = cf_part_rows(&now);
    cf_csr_balance(&a->part, par, &now, length);
    length = move(par, &now, length, &a->part, sizeof *length, "row lengths");
    a->n_loc = cf_part_count(&a->part, par->rank);
    a->indptr =
        cf_realloc(a->indptr, a->n_loc + 1, sizeof *a->indptr, "row pointers");
    a->indptr[0] = 0;
    for (int64_t i = 0; i < a->n_loc; i++)
        a->indptr[i + 1] = a->indptr[i] + length[i];
    cf_part_gather(&entries_new, par, a->indptr[a->n_loc]);
    a->indices = move(par, &entries, a->indices, &entries_new,
                      sizeof *a->indices, "column numbers");
    a->values = move(par, &entries, a->values, &entries_new, sizeof *a->values,
                     "ratings");
    if (a->time != NULL)
        a->time = move(par, &entries, a->time, &entries_new, sizeof *a->time,
                       "times");
    cf_part_free(&now);
    cf_part_free(&entries);
    cf_part_free(&entries_new);
    cf_free(length);
}

void cf_csr_filter(cf_csr *a, const cf_par *par, cf_idmap *users,
                   cf_idmap *items, cf_filter *f)
{
    members m;
    find_members(a, par, &m, f);
    if (f->users_left > 0 || f->items_left > 0) {
        filter_map(users, par, &a->part, m.user);
        filter_map(items, par, &items->part,
                   m.item + items->part.begin[par->rank]);
        compact(a, &m);
        rebalance(a, par);
        cf_csr_seal(a, par);
    }
    cf_free(m.user);
    cf_free(m.item);
}
