#include "rated.h"

#include <stdlib.h>
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"

/* ---- the block ---- */

static int64_t bytes_of(const cf_rated *r, bool coded)
{
    size_t entry = sizeof(cf_lidx) + (coded ? sizeof(uint8_t) : sizeof(double));
    return r->count * (int64_t)sizeof(cf_rated_head) +
           r->entries * (int64_t)entry;
}

int64_t cf_rated_bytes(const cf_rated *r)
{
    return bytes_of(r, r->code != NULL);
}

/* The strictest alignment first. */
static void point_into(cf_rated *r, char *block, bool coded)
{
    r->block = block;
    r->head = (cf_rated_head *)(void *)block;
    char *next = (char *)(r->head + r->count);
    r->value = coded ? NULL : (double *)(void *)next;
    next += coded ? 0 : r->entries * (int64_t)sizeof *r->value;
    r->column = (cf_lidx *)(void *)next;
    r->code = coded ? (uint8_t *)(r->column + r->entries) : NULL;
}

static void find_begins(cf_rated *r)
{
    r->begin = cf_alloc(r->count + 1, sizeof *r->begin, "rows of ratings");
    r->begin[0] = 0;
    for (int64_t i = 0; i < r->count; i++)
        r->begin[i + 1] = r->begin[i] + r->head[i].entries;
}

void cf_rated_open(cf_rated *r, const cf_rated *own, char *block, int64_t count,
                   int64_t entries)
{
    *r = (cf_rated){.count = count, .entries = entries};
    point_into(r, block, own->code != NULL);
    find_begins(r);
}

void cf_rated_sample(cf_rated *r, const cf_rated *from, int64_t step)
{
    int64_t count = from->count / step;
    int64_t *rows = cf_alloc(count, sizeof *rows, "sample of rows");
    for (int64_t i = 0; i < count; i++)
        rows[i] = i * step;
    cf_rated_pick(r, from, rows, count);
    cf_free(rows);
}

void cf_rated_pick(cf_rated *r, const cf_rated *from, const int64_t *rows,
                   int64_t count)
{
    bool coded = from->code != NULL;
    *r = (cf_rated){.count = count, .owned = true};
    for (int64_t i = 0; i < r->count; i++)
        r->entries += from->head[rows[i]].entries;
    point_into(r, cf_alloc(bytes_of(r, coded), 1, "some rows of ratings"),
               coded);
    for (int64_t i = 0; i < r->count; i++)
        r->head[i] = from->head[rows[i]];
    find_begins(r);
    for (int64_t i = 0; i < r->count; i++) {
        int64_t to = r->begin[i], e = from->begin[rows[i]];
        size_t n = (size_t)r->head[i].entries;
        memcpy(r->column + to, from->column + e, n * sizeof *r->column);
        if (coded)
            memcpy(r->code + to, from->code + e, n);
        else
            memcpy(r->value + to, from->value + e, n * sizeof *r->value);
    }
}

void cf_rated_free(cf_rated *r)
{
    if (r->owned)
        cf_free(r->block);
    cf_free(r->begin);
    *r = (cf_rated){0};
}

/* ---- who gets which row ---- */

/* Rows of like sizes have one class: exact for short ones, within 1/64 for
 * others. */
#define EXACT 128
#define STEPS 64
#define CLASSES (EXACT + 57 * STEPS)

static int class_of(int64_t entries)
{
    if (entries < EXACT)
        return (int)entries;
    int octave = 63 - __builtin_clzll((unsigned long long)entries);
    return EXACT + (octave - 7) * STEPS +
           (int)((entries >> (octave - 6)) & (STEPS - 1));
}

static int64_t length(const cf_csr *a, int64_t i)
{
    return a->indptr[i + 1] - a->indptr[i];
}

/* Rank of each own row, -1 of those left out: all rows in order of their
 * classes are dealt out in turn. */
static void choose_ranks(int *rank, const cf_par *par, const cf_csr *a,
                         bool empty)
{
    int64_t *count = cf_calloc(3 * (int64_t)CLASSES, sizeof *count, "classes");
    int64_t *before = count + CLASSES, *all = before + CLASSES, at = 0;
    for (int64_t i = 0; i < a->n_loc; i++)
        count[class_of(length(a, i))]++;
    memcpy(all, count, CLASSES * sizeof *all);
    cf_allreduce(par, all, CLASSES, MPI_INT64_T, MPI_SUM);
    MPI_Exscan(count, before, CLASSES, MPI_INT64_T, MPI_SUM, par->comm);
    for (int c = 0; c < CLASSES; at += all[c++])
        before[c] = at + (par->rank > 0 ? before[c] : 0);
    for (int64_t i = 0; i < a->n_loc; i++)
        rank[i] = empty || length(a, i) > 0
                      ? (int)(before[class_of(length(a, i))]++ % par->size)
                      : -1;
    cf_free(count);
}

/* ---- dealing ---- */

/* Rows on their way: what goes to each rank, and what comes. */
typedef struct deal {
    const cf_par *par;
    int64_t *rows, *entries; /* [2 size] to each rank, from each rank */
    int64_t all_rows, all_entries, got_rows, got_entries;
} deal;

static void count_deal(deal *d, const cf_par *par, const cf_csr *a,
                       const int *rank)
{
    *d = (deal){.par = par};
    d->rows = cf_calloc(4 * (int64_t)par->size, sizeof *d->rows, "row counts");
    d->entries = d->rows + 2 * (int64_t)par->size;
    for (int64_t i = 0; i < a->n_loc; i++)
        if (rank[i] >= 0) {
            d->rows[rank[i]]++;
            d->entries[rank[i]] += length(a, i);
        }
    cf_alltoall_counts(par, d->rows, d->rows + par->size);
    cf_alltoall_counts(par, d->entries, d->entries + par->size);
    for (int r = 0; r < par->size; r++) {
        d->all_rows += d->rows[r];
        d->all_entries += d->entries[r];
        d->got_rows += d->rows[par->size + r];
        d->got_entries += d->entries[par->size + r];
    }
}

/* Where the rows, or entries, of each rank begin. */
static int64_t *begins(const deal *d, const int64_t *counts)
{
    int64_t *at = cf_alloc(d->par->size, sizeof *at, "row counts"), sum = 0;
    for (int r = 0; r < d->par->size; sum += counts[r++])
        at[r] = sum;
    return at;
}

static void deal_heads(const deal *d, cf_rated_head *got, const cf_csr *a,
                       const int *rank)
{
    cf_rated_head *send = cf_alloc(d->all_rows, sizeof *send, "rows to deal");
    int64_t *at = begins(d, d->rows);
    cf_gidx begin = a->part.begin[d->par->rank];
    for (int64_t i = 0; i < a->n_loc; i++)
        if (rank[i] >= 0)
            send[at[rank[i]]++] =
                (cf_rated_head){.id = begin + i, .entries = length(a, i)};
    cf_alltoallv(d->par, send, d->rows, got, d->rows + d->par->size,
                 sizeof *send);
    cf_free(at);
    cf_free(send);
}

/* One array of the entries of `size` bytes each. */
static void *deal_entries(const deal *d, const void *from, const cf_csr *a,
                          const int *rank, size_t size)
{
    char *send = cf_alloc(d->all_entries, size, "ratings to deal");
    char *got = cf_alloc(d->got_entries, size, "ratings dealt");
    int64_t *at = begins(d, d->entries);
    for (int64_t i = 0; i < a->n_loc; i++) {
        if (rank[i] < 0)
            continue;
        memcpy(send + (size_t)at[rank[i]] * size,
               (const char *)from + (size_t)a->indptr[i] * size,
               (size_t)length(a, i) * size);
        at[rank[i]] += length(a, i);
    }
    cf_alltoallv(d->par, send, d->entries, got, d->entries + d->par->size,
                 size);
    cf_free(at);
    cf_free(send);
    return got;
}

/* ---- in order ---- */

typedef struct place {
    int64_t entries, begin;
    cf_gidx id;
} place;

static int shortest_first(const void *a, const void *b)
{
    const place *x = a, *y = b;
    if (x->entries != y->entries)
        return x->entries < y->entries ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

static place *order_of(const cf_rated_head *head, int64_t count)
{
    place *p = cf_alloc(count, sizeof *p, "order of rows");
    for (int64_t i = 0, at = 0; i < count; at += head[i++].entries)
        p[i] = (place){head[i].entries, at, head[i].id};
    qsort(p, (size_t)count, sizeof *p, shortest_first);
    return p;
}

static void put_in_order(void *out, const void *from, const place *order,
                         int64_t count, size_t size)
{
    char *to = out;
    for (int64_t i = 0; i < count; i++) {
        size_t bytes = (size_t)order[i].entries * size;
        memcpy(to, (const char *)from + (size_t)order[i].begin * size, bytes);
        to += bytes;
    }
}

void cf_rated_deal(cf_rated *r, const cf_par *par, const cf_csr *a,
                   const double *values, const uint8_t *codes, bool empty)
{
    deal d;
    int *rank = cf_alloc(a->n_loc, sizeof *rank, "ranks of rows");
    choose_ranks(rank, par, a, empty);
    count_deal(&d, par, a, rank);
    *r = (cf_rated){
        .count = d.got_rows, .entries = d.got_entries, .owned = true};
    bool coded = codes != NULL;
    point_into(r, cf_alloc(bytes_of(r, coded), 1, "rows of ratings"), coded);
    deal_heads(&d, r->head, a, rank);
    place *order = order_of(r->head, r->count);
    size_t size = coded ? sizeof *codes : sizeof *values;
    void *value =
        deal_entries(&d, coded ? (const void *)codes : values, a, rank, size);
    put_in_order(coded ? (void *)r->code : r->value, value, order, r->count,
                 size);
    cf_free(value);
    cf_lidx *column = deal_entries(&d, a->indices, a, rank, sizeof *column);
    put_in_order(r->column, column, order, r->count, sizeof *column);
    cf_free(column);
    for (int64_t i = 0; i < r->count; i++)
        r->head[i] =
            (cf_rated_head){.id = order[i].id, .entries = order[i].entries};
    find_begins(r);
    cf_free(order);
    cf_free(rank);
    cf_free(d.rows);
}

/* ---- new numbers ---- */

#define DIGIT 9 /* bits that are sorted by at a time */
#define SHORT 48

/* Sorts keys by `bits` bits above the lowest 8: by digits (Knuth, TAOCP
 * 3, 5.2.5), and few of them by insertion (5.2.1). */
static uint64_t *sort_keys(uint64_t *key, uint64_t *other, int64_t n, int bits)
{
    if (n <= SHORT) {
        for (int64_t e = 1; e < n; e++) {
            uint64_t k = key[e];
            int64_t at = e;
            for (; at > 0 && key[at - 1] > k; at--)
                key[at] = key[at - 1];
            key[at] = k;
        }
        return key;
    }
    for (int shift = 8; shift < 8 + bits; shift += DIGIT) {
        int64_t next[1 << DIGIT] = {0}, at = 0;
        for (int64_t e = 0; e < n; e++)
            next[key[e] >> shift & ((1 << DIGIT) - 1)]++;
        for (int d = 0; d < 1 << DIGIT; d++) {
            int64_t count = next[d];
            next[d] = at;
            at += count;
        }
        for (int64_t e = 0; e < n; e++)
            other[next[key[e] >> shift & ((1 << DIGIT) - 1)]++] = key[e];
        uint64_t *sorted = other;
        other = key;
        key = sorted;
    }
    return key;
}

/* A key is the number of a column and, below it, the code, which no two
 * entries of a row are told apart by. */
void cf_rated_renumber(cf_rated *r, const cf_lidx *number, cf_gidx columns)
{
    int64_t most = 0;
    for (int64_t i = 0; i < r->count; i++)
        most = CF_MAX(most, r->head[i].entries);
    uint64_t *key = cf_alloc(2 * most, sizeof *key, "ratings of a row");
    int bits = 64 - __builtin_clzll((unsigned long long)columns);
    for (int64_t i = 0; i < r->count; i++) {
        int64_t n = r->head[i].entries;
        cf_lidx *column = r->column + r->begin[i];
        uint8_t *code = r->code + r->begin[i];
        for (int64_t e = 0; e < n; e++)
            key[e] = (uint64_t)number[column[e]] << 8 | code[e];
        const uint64_t *sorted = sort_keys(key, key + most, n, bits);
        for (int64_t e = 0; e < n; e++) {
            column[e] = (cf_lidx)(sorted[e] >> 8);
            code[e] = (uint8_t)sorted[e];
        }
    }
    cf_free(key);
}
