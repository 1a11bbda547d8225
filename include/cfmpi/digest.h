/* The digest of data that lies in slabs over the ranks: XXH3-128 of the
 * concatenated canonical XXH3-64 of its 1 MiB pieces, so that slabs combine
 * and the rank count does not matter. */
#ifndef CFMPI_DIGEST_H
#define CFMPI_DIGEST_H

#include <stdint.h>

#include "cfmpi/context.h"

#define CF_DIGEST_HEX 33 /* 32 digits and the terminator */

/* One running digest; begin and end free everything. */
typedef struct cf_digest {
    int64_t offset, bytes; /* this rank's slab in the whole; bytes may be -1 */
    int64_t position;      /* where the next byte belongs */
    int64_t head;          /* own bytes of a piece begun on a lower rank */
    char *head_bytes;      /* [head] */
    void *state;           /* of the piece in hand */
    uint64_t *pieces;      /* hashes of the finished pieces begun here */
    int64_t piece_count, piece_capacity;
} cf_digest;

/* Starts a digest of which this rank has `bytes` bytes from `offset`; the
 * slabs of all ranks must follow each other. `bytes` is -1 where only the end
 * of the data tells, as on a pipe. Local. */
void cf_digest_begin(cf_digest *d, int64_t offset, int64_t bytes);

/* Adds the next `bytes` bytes of the slab. Local. */
void cf_digest_update(cf_digest *d, const void *data, int64_t bytes);

/* Finishes; every rank gets the digest. Collective; at most 1 MiB a rank and
 * 8 bytes a piece are sent. */
void cf_digest_end(cf_digest *d, const cf_par *par, char hex[CF_DIGEST_HEX]);

/* Gives up a digest that will not be ended. Safe on {0} and twice. Local. */
void cf_digest_free(cf_digest *d);

#endif
