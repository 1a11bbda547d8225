#include "id_lists.h"

#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"

/* Eight bytes of an id that ascend as it does, the next eight further on; text
 * has no zero bytes, so what ends sooner comes first. */
typedef struct key {
    uint64_t part;
    int64_t id;
} key;

static uint64_t part_of(const cf_ids *ids, int64_t i, int64_t offset)
{
    uint64_t part = 0;
    if (!ids->text)
        return (uint64_t)ids->number[i] ^ (uint64_t)1 << 63;
    int64_t left = ids->begin[i + 1] - ids->begin[i] - offset;
    for (int64_t b = 0; b < CF_MIN(left, 8); b++)
        part |= (uint64_t)(unsigned char)ids->bytes[ids->begin[i] + offset + b]
                << (56 - 8 * b);
    return part;
}

static void insertion_sort(key *k, int64_t n)
{
    for (int64_t i = 1; i < n; i++) {
        key x = k[i];
        int64_t j = i;
        for (; j > 0 && k[j - 1].part > x.part; j--)
            k[j] = k[j - 1];
        k[j] = x;
    }
}

/* By the least significant byte first; bytes that all have alike are passed
 * by. Stable. */
static void radix_sort(key *k, key *other, int64_t n)
{
    uint64_t differ = 0;
    for (int64_t i = 1; i < n; i++)
        differ |= k[i].part ^ k[0].part;
    key *from = k, *to = other;
    for (int shift = 0; shift < 64; shift += 8) {
        int64_t at[257] = {0};
        if ((differ >> shift & 255) == 0)
            continue;
        for (int64_t i = 0; i < n; i++)
            at[(from[i].part >> shift & 255) + 1]++;
        for (int b = 0; b < 256; b++)
            at[b + 1] += at[b];
        for (int64_t i = 0; i < n; i++)
            to[at[from[i].part >> shift & 255]++] = from[i];
        key *swap = from;
        from = to;
        to = swap;
    }
    if (from != k)
        memcpy(k, from, (size_t)n * sizeof *k);
}

#define FEW 48

/* Sorts by the bytes from `offset` on; those before are alike. */
static void sort_parts(const cf_ids *ids, key *k, key *other, int64_t n,
                       int64_t offset)
{
    for (int64_t i = 0; i < n; i++)
        k[i].part = part_of(ids, k[i].id, offset);
    if (n <= FEW)
        insertion_sort(k, n);
    else
        radix_sort(k, other, n);
    if (!ids->text)
        return;
    for (int64_t i = 0, e; i < n; i = e) {
        for (e = i + 1; e < n && k[e].part == k[i].part;)
            e++;
        /* A zero byte: they end here, so they are the same. */
        if (e - i > 1 && (k[i].part & 255) != 0)
            sort_parts(ids, k + i, other, e - i, offset + 8);
    }
}

void cf_ids_sort(const cf_ids *ids, int64_t *order)
{
    int64_t n = ids->count, i = 1;
    while (i < n && cf_ids_compare(ids, i - 1, ids, i) <= 0)
        i++;
    if (i >= n) {
        for (i = 0; i < n; i++)
            order[i] = i;
        return;
    }
    key *k = cf_alloc(2 * n, sizeof *k, "order of ids");
    for (i = 0; i < n; i++)
        k[i].id = i;
    sort_parts(ids, k, k + n, n, 0);
    for (i = 0; i < n; i++)
        order[i] = k[i].id;
    cf_free(k);
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
