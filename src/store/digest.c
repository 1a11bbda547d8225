/* Method  Each rank hashes the pieces that begin in its slab; the bytes of a
 *         piece that go on in higher ranks are sent to the rank where it
 *         begins. Rank 0 hashes the piece hashes.
 * Cost    One pass over the slab; at most 1 MiB to a lower rank.
 * References  Collet: xxHash, XXH3 specification. */
#include "cfmpi/digest.h"

#include <stdio.h>
#include <xxhash.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"

#define PIECE ((int64_t)1 << 20)

void cf_digest_begin(cf_digest *d, int64_t offset, int64_t bytes)
{
    int64_t into = offset % PIECE;
    *d = (cf_digest){.offset = offset, .bytes = bytes, .position = offset};
    d->head = into > 0 ? PIECE - into : 0;
    if (bytes >= 0)
        d->head = CF_MIN(d->head, bytes);
    d->head_bytes = cf_alloc(d->head, 1, "digest");
    d->state = XXH3_createState();
    if (d->state == NULL)
        cf_die(CF_NO_MEMORY, "out of memory for a digest");
    d->piece_capacity = bytes >= 0 ? bytes / PIECE + 2 : 64;
    d->pieces = cf_alloc(d->piece_capacity, sizeof *d->pieces, "digest");
    XXH3_64bits_reset(d->state);
}

static void finish_piece(cf_digest *d)
{
    if (d->piece_count == d->piece_capacity) {
        d->piece_capacity *= 2;
        d->pieces = cf_realloc(d->pieces, d->piece_capacity, sizeof *d->pieces,
                               "digest");
    }
    d->pieces[d->piece_count++] = XXH3_64bits_digest(d->state);
    XXH3_64bits_reset(d->state);
}

void cf_digest_update(cf_digest *d, const void *data, int64_t bytes)
{
    const char *p = data;
    while (bytes > 0) {
        int64_t into = d->position % PIECE, done = d->position - d->offset;
        int64_t n = CF_MIN(bytes, PIECE - into);
        if (done < d->head) {
            n = CF_MIN(n, d->head - done);
            for (int64_t i = 0; i < n; i++)
                d->head_bytes[done + i] = p[i];
        } else {
            XXH3_64bits_update(d->state, p, (size_t)n);
            if (into + n == PIECE)
                finish_piece(d);
        }
        p += n;
        bytes -= n;
        d->position += n;
    }
}

/* The rank whose slab holds the first byte of the piece that `offset` is in. */
static int piece_owner(const int64_t *slabs, int rank)
{
    int64_t start = slabs[2 * rank] / PIECE * PIECE;
    int owner = rank;
    while (slabs[2 * owner] > start || slabs[2 * owner + 1] == 0)
        owner--;
    return owner;
}

static int64_t head_of(const int64_t *slabs, int rank)
{
    int64_t into = slabs[2 * rank] % PIECE;
    return into > 0 ? CF_MIN(slabs[2 * rank + 1], PIECE - into) : 0;
}

/* Sends heads down to the owner of their piece; messages only go to lower
 * ranks, which send before they receive, so nothing waits in a circle. */
static void join_pieces(cf_digest *d, const cf_par *par)
{
    int64_t mine[2] = {d->offset, d->bytes};
    int64_t *slabs = cf_alloc(2 * (int64_t)par->size, sizeof *slabs, "slabs");
    MPI_Allgather(mine, 2, MPI_INT64_T, slabs, 2, MPI_INT64_T, par->comm);
    if (d->head > 0) {
        MPI_Send(d->head_bytes, (int)d->head, MPI_BYTE,
                 piece_owner(slabs, par->rank), 1, par->comm);
        cf_traffic_add(d->head);
    }
    for (int r = par->rank + 1; r < par->size; r++) {
        int64_t n = head_of(slabs, r);
        if (n == 0 || piece_owner(slabs, r) != par->rank)
            continue;
        char *piece = cf_alloc(n, 1, "digest");
        MPI_Recv(piece, (int)n, MPI_BYTE, r, 1, par->comm, MPI_STATUS_IGNORE);
        XXH3_64bits_update(d->state, piece, (size_t)n);
        cf_free(piece);
        d->position += n;
        if (d->position % PIECE == 0)
            finish_piece(d);
    }
    /* What is still open is the last piece of all. */
    if (d->bytes > d->head && d->position % PIECE != 0)
        finish_piece(d);
    cf_free(slabs);
}

static void hash_pieces(const cf_digest *d, const cf_par *par,
                        char hex[CF_DIGEST_HEX])
{
    int64_t *to = cf_calloc(2 * (int64_t)par->size, sizeof *to, "digest");
    int64_t *from = to + par->size, total = 0;
    XXH64_canonical_t *own = cf_alloc(d->piece_count, sizeof *own, "digest");
    for (int64_t i = 0; i < d->piece_count; i++)
        XXH64_canonicalFromHash(&own[i], d->pieces[i]);
    to[0] = d->piece_count;
    cf_alltoall_counts(par, to, from);
    for (int r = 0; r < par->size; r++)
        total += from[r];
    XXH64_canonical_t *all = cf_alloc(total, sizeof *all, "digest");
    cf_alltoallv(par, own, to, all, from, sizeof *all);
    XXH128_canonical_t sum;
    XXH128_canonicalFromHash(&sum,
                             XXH3_128bits(all, (size_t)total * sizeof *all));
    for (int i = 0; i < 16; i++)
        snprintf(hex + 2 * i, 3, "%02x", sum.digest[i]);
    cf_bcast(par, hex, CF_DIGEST_HEX, 0);
    cf_free(all);
    cf_free(own);
    cf_free(to);
}

void cf_digest_end(cf_digest *d, const cf_par *par, char hex[CF_DIGEST_HEX])
{
    if (d->bytes < 0) {
        d->bytes = d->position - d->offset;
        d->head = CF_MIN(d->head, d->bytes);
    }
    join_pieces(d, par);
    hash_pieces(d, par, hex);
    cf_digest_free(d);
}

void cf_digest_free(cf_digest *d)
{
    XXH3_freeState(d->state);
    cf_free(d->head_bytes);
    cf_free(d->pieces);
    *d = (cf_digest){0};
}
