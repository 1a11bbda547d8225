#include "gather.h"

#include <stdlib.h>

#include "cfmpi/error.h"
#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"

#define LEAST_BUDGET ((int64_t)4 << 20) /* entries: 32 MiB */

static int by_value(const void *a, const void *b)
{
    const cf_gidx *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static int64_t sort_unique(cf_gidx *rows, int64_t n)
{
    int64_t out = 0;
    qsort(rows, (size_t)n, sizeof *rows, by_value);
    for (int64_t i = 0; i < n; i++)
        if (i == 0 || rows[i] != rows[i - 1])
            rows[out++] = rows[i];
    return out;
}

static int64_t find(const cf_gidx *rows, int64_t n, cf_gidx row)
{
    const cf_gidx *p =
        n > 0 ? bsearch(&row, rows, (size_t)n, sizeof row, by_value) : NULL;
    CF_ASSERT(p != NULL);
    return p - rows;
}

/* The user's own row first, then its neighbours'. */
static cf_gidx needed_row(const cf_gather *g, int64_t user, int64_t i)
{
    const cf_topk *t = g->lists->lists;
    return i == 0 ? g->lists->part->begin[g->par->rank] + user
                  : t->index[user * t->stride + i - 1];
}

static int64_t needed_rows(const cf_gather *g, int64_t user)
{
    return 1 + g->lists->lists->count[user];
}

void cf_gather_begin(cf_gather *g, const cf_par *par, const cf_csr *a,
                     const cf_user_lists *lists, const int64_t *users,
                     int64_t count)
{
    *g = (cf_gather){
        .par = par, .a = a, .lists = lists, .users = users, .count = count};
    int64_t all = 0, n = 0;
    for (int64_t u = 0; u < count; u++)
        all += needed_rows(g, users[u]);
    g->rows = cf_alloc(all, sizeof *g->rows, "neighbours' rows");
    for (int64_t u = 0; u < count; u++)
        for (int64_t i = 0; i < needed_rows(g, users[u]); i++)
            g->rows[n++] = needed_row(g, users[u], i);
    g->needed = sort_unique(g->rows, n);
    g->rows =
        cf_realloc(g->rows, g->needed, sizeof *g->rows, "neighbours' rows");
    g->lengths = cf_alloc(2 * g->needed, sizeof *g->lengths, "row lengths");
    g->stamp = g->lengths + g->needed;
    for (int64_t i = 0; i < g->needed; i++)
        g->stamp[i] = -1;
    cf_csr_row_lengths(a, par, g->rows, g->needed, g->lengths);
    g->budget = CF_MAX(2 * a->indptr[a->n_loc], LEAST_BUDGET);
    g->batch = -1;
}

/* Adds a user's rows to the batch unless that would pass the budget; a batch
 * has at least one user. */
static bool take_user(cf_gather *g, int64_t user, int64_t *rows,
                      int64_t *entries)
{
    int64_t more = 0, taken = 0;
    for (int64_t i = 0; i < needed_rows(g, user); i++) {
        int64_t p = find(g->rows, g->needed, needed_row(g, user, i));
        if (g->stamp[p] == g->batch)
            continue;
        g->stamp[p] = g->batch;
        g->taken[*rows + taken++] = p;
        more += g->lengths[p];
    }
    if (*rows > 0 && *entries + more > g->budget) {
        for (int64_t i = 0; i < taken; i++)
            g->stamp[g->taken[*rows + i]] = -1;
        return false;
    }
    *rows += taken;
    *entries += more;
    return true;
}

bool cf_gather_next(cf_gather *g)
{
    int64_t rows = 0, entries = 0;
    g->batch++;
    g->first = g->last;
    cf_free(g->taken);
    g->taken = cf_alloc(g->needed, sizeof *g->taken, "rows of a batch");
    while (g->last < g->count &&
           take_user(g, g->users[g->last], &rows, &entries))
        g->last++;
    if (cf_max_i64(g->par, g->last - g->first) == 0)
        return false;
    for (int64_t i = 0; i < rows; i++)
        g->taken[i] = g->rows[g->taken[i]];
    qsort(g->taken, (size_t)rows, sizeof *g->taken, by_value);
    cf_csr_fetch(&g->copy, g->a, g->par, g->taken, rows);
    return true;
}

int64_t cf_gather_row(const cf_gather *g, cf_gidx row)
{
    return find(g->taken, g->copy.count, row);
}

void cf_gather_end(cf_gather *g)
{
    cf_free(g->rows);
    cf_free(g->lengths);
    cf_free(g->taken);
    cf_csr_copy_free(&g->copy);
    *g = (cf_gather){0};
}
