#include "cfmpi/csr.h"

#include <stdbool.h>
#include <string.h>

#include "cfmpi/error.h"
#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"

void cf_csr_balance(cf_part *part, const cf_par *par, const cf_part *even,
                    const int64_t *counts)
{
    cf_gidx rows = cf_part_rows(even), lo = even->begin[par->rank];
    int64_t n = cf_part_count(even, par->rank), mine = 0;
    for (int64_t i = 0; i < n; i++)
        mine += counts[i];
    int64_t before = cf_exscan_i64(par, mine), total = cf_sum_i64(par, mine);
    cf_part_even(part, rows, par->size);
    for (int r = 1; r < par->size; r++)
        part->begin[r] = rows;
    /* Rank r begins at the first row that has r/size of the entries before
     * it; only the rank that owns that row sees it. */
    int r = 1;
    for (int64_t i = 0; i < n; i++) {
        for (; r < par->size && before >= total * r / par->size; r++)
            part->begin[r] = CF_MIN(part->begin[r], lo + i);
        before += counts[i];
    }
    cf_allreduce(par, part->begin, par->size + 1, MPI_INT64_T, MPI_MIN);
}

/* Entries of each row of an even partition, summed over ranks. */
static int64_t *count_rows(const cf_par *par, const cf_part *even,
                           const cf_entry *entries, int64_t count)
{
    int64_t *to = cf_calloc(2 * (int64_t)par->size, sizeof *to, "row counts");
    int64_t *from = to + par->size, arrived = 0;
    for (int64_t i = 0; i < count; i++)
        to[cf_part_owner(even, entries[i].row)]++;
    cf_alltoall_counts(par, to, from);
    int64_t *at = cf_alloc(par->size, sizeof *at, "row counts");
    int64_t sum = 0;
    for (int r = 0; r < par->size; r++) {
        at[r] = sum;
        sum += to[r];
        arrived += from[r];
    }
    cf_gidx *send = cf_alloc(count, sizeof *send, "rows of entries");
    for (int64_t i = 0; i < count; i++)
        send[at[cf_part_owner(even, entries[i].row)]++] = entries[i].row;
    cf_gidx *got = cf_alloc(arrived, sizeof *got, "rows of entries");
    cf_alltoallv(par, send, to, got, from, sizeof *got);
    cf_free(send);
    int64_t *rows = cf_calloc(cf_part_count(even, par->rank), sizeof *rows,
                              "entries a row");
    for (int64_t i = 0; i < arrived; i++)
        rows[got[i] - even->begin[par->rank]]++;
    cf_free(got);
    cf_free(at);
    cf_free(to);
    return rows;
}

/* Moves every entry to the rank of its row, keeping the order. */
static cf_entry *distribute(const cf_par *par, const cf_part *part,
                            cf_entry *entries, int64_t *count)
{
    int64_t *to = cf_calloc(3 * (int64_t)par->size, sizeof *to, "counts");
    int64_t *from = to + par->size, *at = from + par->size, arrived = 0;
    for (int64_t i = 0; i < *count; i++)
        to[cf_part_owner(part, entries[i].row)]++;
    for (int r = 1; r < par->size; r++)
        at[r] = at[r - 1] + to[r - 1];
    cf_entry *send = cf_alloc(*count, sizeof *send, "entries to send");
    for (int64_t i = 0; i < *count; i++)
        send[at[cf_part_owner(part, entries[i].row)]++] = entries[i];
    cf_free(entries);
    cf_alltoall_counts(par, to, from);
    for (int r = 0; r < par->size; r++)
        arrived += from[r];
    cf_entry *got = cf_alloc(arrived, sizeof *got, "entries received");
    cf_alltoallv(par, send, to, got, from, sizeof *got);
    cf_free(send);
    cf_free(to);
    *count = arrived;
    return got;
}

/* Counting sort by row, in the order given within a row. */
static void fill_rows(cf_csr *a, const cf_entry *entries, int64_t count,
                      cf_gidx begin)
{
    a->indptr = cf_calloc(a->n_loc + 1, sizeof *a->indptr, "row pointers");
    a->indices = cf_alloc(count, sizeof *a->indices, "column numbers");
    a->values = cf_alloc(count, sizeof *a->values, "ratings");
    for (int64_t i = 0; i < count; i++)
        a->indptr[entries[i].row - begin + 1]++;
    for (int64_t i = 0; i < a->n_loc; i++)
        a->indptr[i + 1] += a->indptr[i];
    for (int64_t i = 0; i < count; i++) {
        int64_t at = a->indptr[entries[i].row - begin]++;
        a->indices[at] = entries[i].col;
        a->values[at] = entries[i].value;
    }
    memmove(a->indptr + 1, a->indptr, (size_t)a->n_loc * sizeof *a->indptr);
    a->indptr[0] = 0;
}

/* Stable merge sort of one row by column; rows of sorted files pass in one
 * comparison an entry. */
static void sort_row(cf_lidx *col, float *val, int64_t n, cf_lidx *col2,
                     float *val2)
{
    int64_t i = 1;
    while (i < n && col[i - 1] <= col[i])
        i++;
    if (i >= n)
        return;
    int64_t half = n / 2, a = 0, b = half;
    sort_row(col, val, half, col2, val2);
    sort_row(col + half, val + half, n - half, col2, val2);
    for (int64_t o = 0; o < n; o++) {
        int64_t from = b >= n || (a < half && col[a] <= col[b]) ? a++ : b++;
        col2[o] = col[from];
        val2[o] = val[from];
    }
    memcpy(col, col2, (size_t)n * sizeof *col);
    memcpy(val, val2, (size_t)n * sizeof *val);
}

static void sort_rows(cf_csr *a)
{
    int64_t longest = 0;
    for (int64_t i = 0; i < a->n_loc; i++)
        longest = CF_MAX(longest, a->indptr[i + 1] - a->indptr[i]);
    cf_lidx *col = cf_alloc(longest, sizeof *col, "row to sort");
    float *val = cf_alloc(longest, sizeof *val, "row to sort");
    for (int64_t i = 0; i < a->n_loc; i++) {
        int64_t b = a->indptr[i];
        sort_row(a->indices + b, a->values + b, a->indptr[i + 1] - b, col, val);
    }
    cf_free(col);
    cf_free(val);
}

/* One value for the run [b, e) of entries in the same place. */
static float merge_run(const float *v, int64_t b, int64_t e,
                       enum cf_duplicates rule)
{
    double sum = 0;
    if (rule == CF_DUP_FIRST || e - b == 1)
        return v[b];
    if (rule == CF_DUP_LAST)
        return v[e - 1];
    for (int64_t i = b; i < e; i++)
        sum += v[i];
    return (float)(sum / (double)(e - b));
}

/* Applies the rule; false with `first` set when the rule is none. */
static bool merge_duplicates(cf_csr *a, cf_gidx begin, enum cf_duplicates rule,
                             int64_t *merged, cf_entry *first)
{
    int64_t out = 0, row_begin = 0;
    for (int64_t i = 0; i < a->n_loc; i++) {
        int64_t end = a->indptr[i + 1];
        for (int64_t b = row_begin, e; b < end; b = e) {
            for (e = b + 1; e < end && a->indices[e] == a->indices[b];)
                e++;
            if (e - b > 1 && rule == CF_DUP_ERROR) {
                *first = (cf_entry){begin + i, a->indices[b], a->values[b]};
                return false;
            }
            *merged += e - b - 1;
            a->values[out] = merge_run(a->values, b, e, rule);
            a->indices[out++] = a->indices[b];
        }
        row_begin = end;
        a->indptr[i + 1] = out;
    }
    return true;
}

void cf_csr_seal(cf_csr *a, const cf_par *par)
{
    a->n_loc = cf_part_count(&a->part, par->rank);
    a->nnz_begin = cf_exscan_i64(par, a->indptr[a->n_loc]);
    a->nnz = cf_sum_i64(par, a->indptr[a->n_loc]);
}

int cf_csr_build(cf_csr *a, const cf_par *par, cf_gidx rows, cf_gidx cols,
                 cf_entry *entries, int64_t count, enum cf_duplicates rule,
                 int64_t *merged, cf_entry *first)
{
    cf_part even = {0};
    cf_csr_free(a);
    a->rows = rows;
    a->cols = cols;
    cf_part_even(&even, rows, par->size);
    int64_t *counts = count_rows(par, &even, entries, count);
    cf_csr_balance(&a->part, par, &even, counts);
    cf_free(counts);
    cf_part_free(&even);
    entries = distribute(par, &a->part, entries, &count);
    a->n_loc = cf_part_count(&a->part, par->rank);
    cf_gidx begin = a->part.begin[par->rank];
    fill_rows(a, entries, count, begin);
    cf_free(entries);
    sort_rows(a);
    *merged = 0;
    bool good = merge_duplicates(a, begin, rule, merged, first);
    int bad_rank = (int)cf_min_i64(par, good ? par->size : par->rank);
    if (bad_rank < par->size) {
        cf_bcast(par, first, sizeof *first, bad_rank);
        return CF_BAD_DATA;
    }
    *merged = cf_sum_i64(par, *merged);
    cf_csr_seal(a, par);
    return CF_OK;
}

void cf_csr_free(cf_csr *a)
{
    cf_part_free(&a->part);
    cf_free(a->indptr);
    cf_free(a->indices);
    cf_free(a->values);
    *a = (cf_csr){0};
}
