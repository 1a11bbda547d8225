#include "gather.h"

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"

/* Bytes of a batch: so many for each own entry, but at least these. */
#ifndef CF_GATHER_SHARE
#define CF_GATHER_SHARE 16
#define CF_GATHER_LEAST ((int64_t)32 << 20)
#endif

static int64_t needed_rows(const cf_gather *g, int64_t user)
{
    return g->from.self + cf_sources_count(&g->from, user);
}

/* The user's own row last, if it is needed. */
static cf_gidx needed_row(const cf_gather *g, int64_t user, int64_t i)
{
    return i < cf_sources_count(&g->from, user)
               ? cf_sources_row(&g->from, user, i)
               : g->from.part->begin[g->par->rank] + user;
}

void cf_gather_begin(cf_gather *g, const cf_par *par, const cf_stock *stock,
                     const cf_sources *from, const int64_t *users,
                     int64_t count)
{
    const cf_csr *a = stock->rows;
    int64_t own = a->indptr[a->n_loc];
    size_t entry = stock->words != NULL
                       ? stock->size
                       : sizeof *a->indices + sizeof *a->values;
    *g = (cf_gather){.par = par,
                     .stock = *stock,
                     .from = *from,
                     .users = users,
                     .count = count};
    cf_row_set_begin(&g->needed, a->rows);
    for (int64_t u = 0; u < count; u++)
        for (int64_t i = 0; i < needed_rows(g, users[u]); i++)
            cf_row_set_add(&g->needed, needed_row(g, users[u], i));
    cf_row_set_end(&g->needed);
    cf_gidx *rows = cf_row_set_list(&g->needed);
    g->lengths = cf_alloc(g->needed.count, sizeof *g->lengths, "row lengths");
    cf_csr_row_lengths(a, par, rows, g->needed.count, g->lengths);
    cf_free(rows);
    g->budget = CF_MAX(CF_GATHER_SHARE * own, CF_GATHER_LEAST) / (int64_t)entry;
}

/* Adds a user's rows to the batch unless that would pass the budget; a batch
 * has at least one user. */
static bool take_user(cf_gather *g, int64_t user, int64_t *entries)
{
    int64_t more = 0, added = 0, rows = needed_rows(g, user);
    cf_gidx *row = cf_alloc(rows, sizeof *row, "rows of a user");
    for (int64_t i = 0; i < rows; i++) {
        row[added] = needed_row(g, user, i);
        if (cf_row_set_add(&g->taken, row[added]))
            more += g->lengths[cf_row_set_place(&g->needed, row[added++])];
    }
    bool fits = *entries == 0 || *entries + more <= g->budget;
    for (int64_t i = 0; i < added && !fits; i++)
        cf_row_set_remove(&g->taken, row[i]);
    *entries += fits ? more : 0;
    cf_free(row);
    return fits;
}

bool cf_gather_next(cf_gather *g)
{
    int64_t entries = 0;
    g->first = g->last;
    cf_row_set_begin(&g->taken, g->needed.rows);
    while (g->last < g->count && take_user(g, g->users[g->last], &entries))
        g->last++;
    if (cf_max_i64(g->par, g->last - g->first) == 0)
        return false;
    cf_row_set_end(&g->taken);
    cf_gidx *rows = cf_row_set_list(&g->taken);
    if (g->stock.words == NULL)
        cf_csr_fetch(&g->copy, g->stock.rows, g->par, rows, g->taken.count);
    else
        cf_csr_fetch_words(&g->copy, &g->words, g->stock.rows, g->par, rows,
                           g->taken.count, g->stock.words, g->stock.size);
    cf_free(rows);
    return true;
}

void cf_gather_end(cf_gather *g)
{
    cf_row_set_free(&g->needed);
    cf_row_set_free(&g->taken);
    cf_free(g->lengths);
    cf_free(g->words);
    cf_csr_copy_free(&g->copy);
    *g = (cf_gather){0};
}
