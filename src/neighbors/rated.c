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

/* The fewest entries of a class. */
static int64_t least_of(int class)
{
    if (class < EXACT)
        return class;
    int octave = (class - EXACT) / STEPS + 7;
    return (int64_t)(STEPS + (class - EXACT) % STEPS) << (octave - 6);
}

static int64_t length(const cf_csr *a, int64_t i)
{
    return a->indptr[i + 1] - a->indptr[i];
}

int64_t cf_rated_least(const cf_par *par, const cf_csr *a, int64_t rows)
{
    int64_t *count = cf_calloc(CLASSES, sizeof *count, "classes");
    int class = CLASSES;
    for (int64_t i = 0; i < a->n_loc; i++)
        count[class_of(length(a, i))]++;
    cf_allreduce(par, count, CLASSES, MPI_INT64_T, MPI_SUM);
    for (int64_t sum = 0; class > 0 && sum < rows;)
        sum += count[--class];
    cf_free(count);
    return class < CLASSES ? least_of(class) : INT64_MAX;
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

/* What goes to each rank, and what comes. */
typedef struct freight {
    int64_t *rows, *entries; /* [2 size] to each rank, from each rank */
    int64_t all_entries, got_rows, got_entries;
} freight;

/* Where a row that comes is to lie. */
typedef struct place {
    int64_t entries, at;
} place;

/* Rows on their way. */
typedef struct deal {
    const cf_par *par;
    const cf_csr *from;
    const int *rank; /* of each own row */
    freight load;
    place *place;  /* [rows] of the rows that come, in their order */
    int64_t *next; /* [size] the next to come from each rank */
} deal;

/* Loads own rows [first, last). */
static void load(deal *d, int64_t first, int64_t last)
{
    freight *f = &d->load;
    int size = d->par->size;
    memset(f->rows, 0, 4 * (size_t)size * sizeof *f->rows);
    for (int64_t i = first; i < last; i++)
        if (d->rank[i] >= 0) {
            f->rows[d->rank[i]]++;
            f->entries[d->rank[i]] += length(d->from, i);
        }
    cf_alltoall_counts(d->par, f->rows, f->rows + size);
    cf_alltoall_counts(d->par, f->entries, f->entries + size);
    f->all_entries = f->got_rows = f->got_entries = 0;
    for (int r = 0; r < size; r++) {
        f->all_entries += f->entries[r];
        f->got_rows += f->rows[size + r];
        f->got_entries += f->entries[size + r];
    }
}

/* All rows are loaded, but do not go yet. */
static void begin_deal(deal *d, const cf_par *par, const cf_csr *a,
                       const int *rank)
{
    *d = (deal){.par = par, .from = a, .rank = rank};
    d->load.rows =
        cf_alloc(4 * (int64_t)par->size, sizeof *d->load.rows, "row counts");
    d->load.entries = d->load.rows + 2 * (int64_t)par->size;
    load(d, 0, a->n_loc);
    d->place = cf_alloc(d->load.got_rows, sizeof *d->place, "places of rows");
    d->next = cf_alloc(par->size, sizeof *d->next, "row counts");
    for (int64_t r = 0, sum = 0; r < par->size;
         sum += d->load.rows[par->size + r++])
        d->next[r] = sum;
}

static void end_deal(deal *d)
{
    cf_free(d->load.rows);
    cf_free(d->place);
    cf_free(d->next);
}

/* Where the rows, or entries, of each rank begin. */
static int64_t *begins(const cf_par *par, const int64_t *counts)
{
    int64_t *at = cf_alloc(par->size, sizeof *at, "row counts"), sum = 0;
    for (int r = 0; r < par->size; sum += counts[r++])
        at[r] = sum;
    return at;
}

/* The heads of all rows that come. */
static void deal_heads(const deal *d, cf_rated_head *got)
{
    const freight *f = &d->load;
    int64_t *at = begins(d->par, f->rows);
    int size = d->par->size;
    int64_t rows = at[size - 1] + f->rows[size - 1];
    cf_rated_head *send = cf_alloc(rows, sizeof *send, "rows to deal");
    cf_gidx begin = d->from->part.begin[d->par->rank];
    for (int64_t i = 0; i < d->from->n_loc; i++)
        if (d->rank[i] >= 0)
            send[at[d->rank[i]]++] =
                (cf_rated_head){.id = begin + i, .entries = length(d->from, i)};
    cf_alltoallv(d->par, send, f->rows, got, f->rows + size, sizeof *send);
    cf_free(at);
    cf_free(send);
}

/* One array of the entries of own rows [first, last), `size` bytes each, to
 * where they are to lie in `to`. */
static void deal_entries(const deal *d, int64_t first, int64_t last, void *to,
                         const void *from, size_t size)
{
    const freight *f = &d->load;
    int ranks = d->par->size;
    char *send = cf_alloc(f->all_entries, size, "ratings to deal");
    char *got = cf_alloc(f->got_entries, size, "ratings dealt");
    int64_t *at = begins(d->par, f->entries);
    for (int64_t i = first; i < last; i++) {
        if (d->rank[i] < 0)
            continue;
        memcpy(send + (size_t)at[d->rank[i]] * size,
               (const char *)from + (size_t)d->from->indptr[i] * size,
               (size_t)length(d->from, i) * size);
        at[d->rank[i]] += length(d->from, i);
    }
    cf_alltoallv(d->par, send, f->entries, got, f->entries + ranks, size);
    const char *next = got;
    for (int r = 0; r < ranks; r++)
        for (int64_t i = 0; i < f->rows[ranks + r]; i++) {
            const place *p = d->place + d->next[r] + i;
            memcpy((char *)to + (size_t)p->at * size, next,
                   (size_t)p->entries * size);
            next += (size_t)p->entries * size;
        }
    cf_free(at);
    cf_free(send);
    cf_free(got);
}

/* The end of the own rows from `first` on that go in a round. */
static int64_t round_of(const deal *d, int64_t first)
{
    int64_t last = first, rows = d->from->n_loc;
    const int64_t *begin = d->from->indptr;
    while (last < rows &&
           (last == first || begin[last + 1] - begin[first] <= CF_DEAL_ROUND))
        last++;
    return last;
}

/* ---- in order ---- */

typedef struct ordered {
    int64_t entries, from;
    cf_gidx id;
} ordered;

static int shortest_first(const void *a, const void *b)
{
    const ordered *x = a, *y = b;
    if (x->entries != y->entries)
        return x->entries < y->entries ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

/* Sorts heads as they came, and finds out where the rows are to lie. */
static void put_in_order(deal *d, cf_rated *r)
{
    ordered *o = cf_alloc(r->count, sizeof *o, "order of rows");
    for (int64_t i = 0; i < r->count; i++)
        o[i] = (ordered){r->head[i].entries, i, r->head[i].id};
    qsort(o, (size_t)r->count, sizeof *o, shortest_first);
    for (int64_t i = 0, at = 0; i < r->count; at += o[i++].entries) {
        d->place[o[i].from] = (place){o[i].entries, at};
        r->head[i] = (cf_rated_head){.id = o[i].id, .entries = o[i].entries};
    }
    cf_free(o);
    find_begins(r);
}

void cf_rated_deal(cf_rated *r, const cf_par *par, const cf_csr *a,
                   const double *values, const uint8_t *codes, bool empty)
{
    deal d;
    int *rank = cf_alloc(a->n_loc, sizeof *rank, "ranks of rows");
    bool coded = codes != NULL;
    choose_ranks(rank, par, a, empty);
    begin_deal(&d, par, a, rank);
    *r = (cf_rated){
        .count = d.load.got_rows, .entries = d.load.got_entries, .owned = true};
    point_into(r, cf_alloc(bytes_of(r, coded), 1, "rows of ratings"), coded);
    deal_heads(&d, r->head);
    put_in_order(&d, r);
    int64_t first = 0;
    while (cf_max_i64(par, first < a->n_loc) == 1) {
        int64_t last = round_of(&d, first);
        load(&d, first, last);
        if (coded)
            deal_entries(&d, first, last, r->code, codes, sizeof *codes);
        else
            deal_entries(&d, first, last, r->value, values, sizeof *values);
        deal_entries(&d, first, last, r->column, a->indices,
                     sizeof *a->indices);
        for (int k = 0; k < par->size; k++)
            d.next[k] += d.load.rows[par->size + k];
        first = last;
    }
    end_deal(&d);
    cf_free(rank);
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
