/* Method  The ranks of a node say together which rows they need, divide them
 *         and fetch each its share into memory that all see. Where that would
 *         be too much at a time users are cut into 2, 4, 8 ... parts.
 * Memory  A node has room for 16 bytes a rating of its ranks, but at least
 *         32 MiB: with 4 bytes an entry, all rows on up to four nodes. */
#include "gather.h"

#include "cfmpi/exchange.h"
#include "cfmpi/log.h"
#include "cfmpi/memory.h"

#ifndef CF_GATHER_SHARE
#define CF_GATHER_SHARE 16
#define CF_GATHER_LEAST ((int64_t)32 << 20)
#endif

/* ---- what is needed ---- */

/* Adds the rows of users[first .. last) of each rank of the node. */
static void add_users(const cf_gather *g, cf_row_set *s, int64_t first,
                      int64_t last)
{
    const cf_sources *from = &g->from;
    cf_row_set_begin(s, g->stock.rows->rows);
    for (int64_t u = first; u < last; u++) {
        int64_t user = g->users[u];
        for (int64_t i = 0; i < cf_sources_count(from, user); i++)
            cf_row_set_add(s, cf_sources_row(from, user, i));
        if (from->self)
            cf_row_set_add(s, from->part->begin[g->par->rank] + user);
    }
    cf_row_set_join(s, &g->nodes.here);
    cf_row_set_end(s);
}

/* This rank's share of what is done once on the node. */
static void share(const cf_par *here, int64_t count, int64_t *first,
                  int64_t *last)
{
    *first = count * here->rank / here->size;
    *last = count * (here->rank + 1) / here->size;
}

void cf_gather_share(const cf_gather *g, int64_t *first, int64_t *last)
{
    share(&g->nodes.here, g->taken.count, first, last);
}

static void find_lengths(cf_gather *g)
{
    const cf_par *here = &g->nodes.here;
    int64_t count = g->needed.count, first, last;
    share(here, count, &first, &last);
    cf_gidx *rows = cf_row_set_list(&g->needed);
    cf_shared *s = &g->memory[CF_GATHER_LENGTHS];
    cf_shared_begin(s, here, count * (int64_t)sizeof(int64_t), "row lengths");
    int64_t *lengths = (int64_t *)s->at;
    cf_csr_row_lengths(g->stock.rows, g->par, rows + first, last - first,
                       lengths + first);
    cf_shared_meet(s, here);
    g->lengths = lengths;
    cf_free(rows);
}

/* ---- nodes ---- */

static int64_t entry_bytes(const cf_stock *stock)
{
    return stock->words != NULL ? (int64_t)stock->size
                                : (int64_t)(sizeof(cf_lidx) + sizeof(float));
}

/* Finds who shares memory, and how many entries they may have at a time. */
static void find_nodes(cf_gather *g, bool alone)
{
    const cf_csr *a = g->stock.rows;
    cf_nodes_end(&g->nodes);
    cf_nodes_begin(&g->nodes, g->par, alone);
    int64_t own = cf_sum_i64(&g->nodes.here, a->indptr[a->n_loc]);
    g->budget =
        CF_MAX(CF_GATHER_SHARE * own, CF_GATHER_LEAST) / entry_bytes(&g->stock);
}

/* Each rank by itself where shared memory may not hold a batch. */
static void choose_nodes(cf_gather *g)
{
    const cf_csr *a = g->stock.rows;
    find_nodes(g, false);
    int64_t bytes = CF_MIN(g->budget, a->nnz) * entry_bytes(&g->stock) +
                    4 * (int64_t)sizeof(int64_t) * a->rows;
    if (g->nodes.count == g->par->size)
        return;
    bool fits = cf_shared_fits(g->par, bytes / g->nodes.here.size);
    int64_t alone = cf_sum_i64(g->par, fits ? 0 : 1);
    if (alone == 0)
        return;
    cf_log_detail("%" PRId64 " ranks fetch rows each for themselves: their "
                  "nodes' shared memory is too small",
                  alone);
    find_nodes(g, !fits);
}

void cf_gather_begin(cf_gather *g, const cf_par *par, const cf_stock *stock,
                     const cf_sources *from, const int64_t *users,
                     int64_t count)
{
    *g = (cf_gather){.par = par,
                     .stock = *stock,
                     .from = *from,
                     .users = users,
                     .count = count,
                     .parts = 1};
    choose_nodes(g);
    cf_memory_peak_keep(0);
    cf_memory_peak_again();
    add_users(g, &g->needed, 0, count);
    find_lengths(g);
}

/* ---- a batch ---- */

static int64_t length_of(const cf_gather *g, cf_gidx row)
{
    return g->lengths[cf_row_set_place(&g->needed, row)];
}

/* Entries of the rows that are taken. */
static int64_t entries_taken(const cf_gather *g)
{
    int64_t entries = 0;
    for (cf_gidx w = 0; w <= g->taken.rows / 64; w++)
        for (uint64_t left = g->taken.bits[w]; left != 0; left &= left - 1)
            entries += length_of(g, 64 * w + __builtin_ctzll(left));
    return entries;
}

/* As many users as the budget allows, of each rank the same part of them. */
static int64_t take_users(cf_gather *g)
{
    for (;; g->parts *= 2) {
        int64_t some = (g->count - 1) / g->parts + 1;
        g->last = CF_MIN(g->first + some, g->count);
        add_users(g, &g->taken, g->first, g->last);
        int64_t entries = entries_taken(g);
        if (entries <= g->budget ||
            cf_max_i64(&g->nodes.here, g->last - g->first) <= 1)
            return entries;
    }
}

/* Where the rows' entries begin; all ranks know, one of them writes. */
static void make_begin(const cf_gather *g, const cf_gidx *rows, int64_t *begin)
{
    if (g->nodes.here.rank == 0)
        for (int64_t i = 0; i < g->taken.count; i++)
            begin[i + 1] = begin[i] + length_of(g, rows[i]);
    cf_shared_meet(&g->memory[CF_GATHER_ROWS], &g->nodes.here);
}

/* This rank's share of the rows: of `own`, its entries of `size` bytes. */
static void fetch(const cf_gather *g, const cf_gidx *rows, const void *own,
                  size_t size, char *all)
{
    int64_t first, last;
    cf_gather_share(g, &first, &last);
    cf_csr_fetch_to(all + (size_t)g->begin[first] * size, g->begin + first,
                    g->stock.rows, g->par, rows + first, last - first, own,
                    size);
}

static void end_batch(cf_gather *g)
{
    int64_t others = g->memory[CF_GATHER_LENGTHS].share;
    cf_shared_give_back(g->memory, CF_GATHER_LENGTHS,
                        others * (g->nodes.here.size - 1));
}

bool cf_gather_next(cf_gather *g)
{
    g->first = g->last;
    end_batch(g);
    if (cf_max_i64(g->par, g->count - g->first) == 0)
        return false;
    int64_t entries = take_users(g);
    int64_t head = (g->taken.count + 1) * (int64_t)sizeof *g->begin;
    const cf_csr *a = g->stock.rows;
    cf_gidx *rows = cf_row_set_list(&g->taken);
    cf_shared *s = &g->memory[CF_GATHER_ROWS];
    cf_shared_begin(s, &g->nodes.here, head + entries * entry_bytes(&g->stock),
                    "rows copied");
    char *at = s->at + head;
    g->begin = (const int64_t *)s->at;
    make_begin(g, rows, (int64_t *)s->at);
    if (g->stock.words != NULL) {
        g->words = at;
        fetch(g, rows, g->stock.words, g->stock.size, at);
    } else {
        g->indices = (const cf_lidx *)at;
        fetch(g, rows, a->indices, sizeof *a->indices, at);
        at += (size_t)entries * sizeof *a->indices;
        g->values = (const float *)at;
        fetch(g, rows, a->values, sizeof *a->values, at);
    }
    cf_shared_meet(s, &g->nodes.here);
    cf_free(rows);
    return true;
}

void cf_gather_end(cf_gather *g)
{
    end_batch(g);
    cf_shared_end(&g->memory[CF_GATHER_LENGTHS]);
    cf_row_set_free(&g->needed);
    cf_row_set_free(&g->taken);
    cf_nodes_end(&g->nodes);
    *g = (cf_gather){0};
}
