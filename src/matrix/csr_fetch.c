#include <string.h>

#include "cfmpi/csr.h"
#include "cfmpi/error.h"
#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"

/* Rows that others want of this rank, by asker. */
typedef struct wanted {
    int64_t *to, *from; /* rows asked of, and by, each rank */
    cf_gidx *rows;      /* [arrived] local row numbers */
    int64_t arrived;
} wanted;

static void ask(wanted *w, const cf_csr *a, const cf_par *par,
                const cf_gidx *rows, int64_t count)
{
    w->to = cf_calloc(2 * (int64_t)par->size, sizeof *w->to, "row requests");
    w->from = w->to + par->size;
    for (int64_t i = 0; i < count; i++)
        w->to[cf_part_owner(&a->part, rows[i])]++;
    cf_alltoall_counts(par, w->to, w->from);
    w->arrived = 0;
    for (int r = 0; r < par->size; r++)
        w->arrived += w->from[r];
    w->rows = cf_alloc(w->arrived, sizeof *w->rows, "row requests");
    cf_alltoallv(par, rows, w->to, w->rows, w->from, sizeof *rows);
    for (int64_t i = 0; i < w->arrived; i++)
        w->rows[i] -= a->part.begin[par->rank];
}

static void wanted_free(wanted *w)
{
    cf_free(w->to);
    cf_free(w->rows);
}

static void answer_lengths(const wanted *w, const cf_csr *a, const cf_par *par,
                           int64_t *lengths)
{
    int64_t *out = cf_alloc(w->arrived, sizeof *out, "row lengths");
    for (int64_t i = 0; i < w->arrived; i++)
        out[i] = a->indptr[w->rows[i] + 1] - a->indptr[w->rows[i]];
    cf_alltoallv(par, out, w->from, lengths, w->to, sizeof *out);
    cf_free(out);
}

void cf_csr_row_lengths(const cf_csr *a, const cf_par *par, const cf_gidx *rows,
                        int64_t count, int64_t *lengths)
{
    wanted w = {0};
    ask(&w, a, par, rows, count);
    answer_lengths(&w, a, par, lengths);
    wanted_free(&w);
}

/* Entries asked of, and by, each rank. */
static void entry_counts(const wanted *w, const cf_csr *a, const cf_par *par,
                         const int64_t *indptr, int64_t *to, int64_t *from)
{
    int64_t row = 0, asked = 0;
    for (int r = 0; r < par->size; r++) {
        to[r] = indptr[row + w->to[r]] - indptr[row];
        row += w->to[r];
        from[r] = 0;
        for (int64_t i = 0; i < w->from[r]; i++, asked++)
            from[r] +=
                a->indptr[w->rows[asked] + 1] - a->indptr[w->rows[asked]];
    }
}

/* What was asked for of `own`, which has `size` bytes for each entry of `a`. */
static void send_entries(void *in, const int64_t *begin, const wanted *w,
                         const cf_csr *a, const cf_par *par, const void *own,
                         size_t size)
{
    int64_t *to = cf_alloc(2 * (int64_t)par->size, sizeof *to, "entries");
    int64_t *from = to + par->size, total = 0;
    entry_counts(w, a, par, begin, to, from);
    for (int r = 0; r < par->size; r++)
        total += from[r];
    char *out = cf_alloc(total, size, "rows to send"), *at = out;
    for (int64_t i = 0; i < w->arrived; i++) {
        int64_t b = a->indptr[w->rows[i]], n = a->indptr[w->rows[i] + 1] - b;
        memcpy(at, (const char *)own + (size_t)b * size, (size_t)n * size);
        at += (size_t)n * size;
    }
    cf_alltoallv(par, out, from, in, to, size);
    cf_free(out);
    cf_free(to);
}

void cf_csr_fetch(cf_csr_copy *copy, const cf_csr *a, const cf_par *par,
                  const cf_gidx *rows, int64_t count)
{
    wanted w = {0};
    cf_csr_copy_free(copy);
    ask(&w, a, par, rows, count);
    int64_t *begin = cf_calloc(count + 1, sizeof *begin, "row pointers");
    answer_lengths(&w, a, par, begin + 1);
    for (int64_t i = 0; i < count; i++)
        begin[i + 1] += begin[i];
    *copy = (cf_csr_copy){
        .count = count,
        .indptr = begin,
        .indices = cf_alloc(begin[count], sizeof *copy->indices, "rows copied"),
        .values = cf_alloc(begin[count], sizeof *copy->values, "rows copied")};
    send_entries(copy->indices, begin, &w, a, par, a->indices,
                 sizeof *a->indices);
    send_entries(copy->values, begin, &w, a, par, a->values, sizeof *a->values);
    wanted_free(&w);
}

void cf_csr_fetch_to(void *to, const int64_t *begin, const cf_csr *a,
                     const cf_par *par, const cf_gidx *rows, int64_t count,
                     const void *own, size_t size)
{
    wanted w = {0};
    ask(&w, a, par, rows, count);
    send_entries(to, begin, &w, a, par, own, size);
    wanted_free(&w);
}

void cf_csr_copy_free(cf_csr_copy *copy)
{
    cf_free(copy->indptr);
    cf_free(copy->indices);
    cf_free(copy->values);
    *copy = (cf_csr_copy){0};
}
