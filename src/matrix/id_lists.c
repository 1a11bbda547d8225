#include "id_lists.h"

#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"

/* End of the ascending run that begins at `i`. */
static int64_t run_end(const cf_ids *ids, const int64_t *order, int64_t i)
{
    for (i++; i < ids->count; i++)
        if (cf_ids_compare(ids, order[i - 1], ids, order[i]) > 0)
            break;
    return i;
}

static void merge(const cf_ids *ids, const int64_t *from, int64_t begin,
                  int64_t middle, int64_t end, int64_t *to)
{
    int64_t a = begin, b = middle;
    for (int64_t o = begin; o < end; o++) {
        bool left = b >= end || (a < middle && cf_ids_compare(ids, from[a], ids,
                                                              from[b]) <= 0);
        to[o] = left ? from[a++] : from[b++];
    }
}

void cf_ids_sort(const cf_ids *ids, int64_t *order)
{
    int64_t n = ids->count, runs = 0, *begin, *other;
    for (int64_t i = 0; i < n; i++)
        order[i] = i;
    if (n == 0 || run_end(ids, order, 0) == n)
        return;
    begin = cf_alloc(n + 1, sizeof *begin, "runs of ids");
    other = cf_alloc(n, sizeof *other, "order of ids");
    for (int64_t i = 0; i < n; i = run_end(ids, order, i))
        begin[runs++] = i;
    begin[runs] = n;
    while (runs > 1) {
        int64_t merged = 0;
        for (int64_t r = 0; r < runs; r += 2) {
            int64_t end = begin[CF_MIN(r + 2, runs)];
            merge(ids, order, begin[r], begin[CF_MIN(r + 1, runs)], end, other);
            begin[merged++] = begin[r];
        }
        memcpy(order, other, (size_t)n * sizeof *order);
        begin[merged] = n;
        runs = merged;
    }
    cf_free(begin);
    cf_free(other);
}

/* Bytes of the strings for each rank. */
static int64_t *byte_counts(const cf_ids *ids, const int64_t *counts, int size)
{
    int64_t *bytes = cf_alloc(size, sizeof *bytes, "id bytes"), at = 0;
    for (int r = 0; r < size; r++) {
        bytes[r] = ids->begin[at + counts[r]] - ids->begin[at];
        at += counts[r];
    }
    return bytes;
}

static void alltoall_text(cf_ids *out, const cf_par *par, const cf_ids *ids,
                          const int64_t *to, const int64_t *from)
{
    int64_t *length = cf_alloc(ids->count, sizeof *length, "id lengths");
    for (int64_t i = 0; i < ids->count; i++)
        length[i] = ids->begin[i + 1] - ids->begin[i];
    cf_alltoallv(par, length, to, out->begin + 1, from, sizeof *length);
    cf_free(length);
    for (int64_t i = 0; i < out->count; i++)
        out->begin[i + 1] += out->begin[i];
    out->bytes = cf_alloc(out->begin[out->count], 1, "ids");
    int64_t *bytes_to = byte_counts(ids, to, par->size);
    int64_t *bytes_from = byte_counts(out, from, par->size);
    cf_alltoallv(par, ids->bytes, bytes_to, out->bytes, bytes_from, 1);
    cf_free(bytes_to);
    cf_free(bytes_from);
}

void cf_ids_alltoall(cf_ids *out, const cf_par *par, const cf_ids *ids,
                     const int64_t *to, const int64_t *from)
{
    int64_t arriving = 0;
    for (int r = 0; r < par->size; r++)
        arriving += from[r];
    cf_ids_make(out, ids->text, arriving, 0);
    if (ids->text) {
        cf_free(out->bytes);
        alltoall_text(out, par, ids, to, from);
    } else {
        cf_alltoallv(par, ids->number, to, out->number, from,
                     sizeof *ids->number);
    }
}
