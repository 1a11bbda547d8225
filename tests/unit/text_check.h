/* Readings of text that any rank can compare: the ratings of all ranks in the
 * order of the input, a line each. */
#ifndef CFMPI_TEXT_CHECK_H
#define CFMPI_TEXT_CHECK_H

#include "test.h"

#include <zlib.h>
#include <zstd.h>

#include "cfmpi/ratings_text.h"
#include "cfmpi/text.h"

/* What all ranks have read together. */
typedef struct reading {
    cf_intake in; /* the caller may set `keep` and `bad_row` */
    int status;
    cf_text rows; /* "user item value[ @time]" */
} reading;

static const cf_text_options usual = {.columns = "", .missing = (double)NAN};

/* All ranks' texts, one after the other, on every rank. Collective. */
static inline void gather_text(cf_text *out, const cf_par *par,
                               const cf_text *mine)
{
    int n = (int)mine->length, total = 0;
    int *counts = cf_alloc(2 * (int64_t)par->size, sizeof *counts, "test");
    int *at = counts + par->size;
    MPI_Allgather(&n, 1, MPI_INT, counts, 1, MPI_INT, par->comm);
    for (int r = 0; r < par->size; r++) {
        at[r] = total;
        total += counts[r];
    }
    char *all = cf_alloc(total, 1, "test");
    MPI_Allgatherv(mine->data, n, MPI_BYTE, all, counts, at, MPI_BYTE,
                   par->comm);
    cf_text_clear(out);
    cf_text_bytes(out, all, total);
    cf_free(all);
    cf_free(counts);
}

static inline void put_entries(cf_text *out, const cf_entries *e)
{
    for (int64_t i = 0; i < e->count; i++) {
        cf_entry x = cf_entries_at(e, i);
        cf_ids_print(&e->users.ids, x.user, out);
        cf_text_add(out, " ");
        cf_ids_print(&e->items.ids, x.item, out);
        cf_text_add(out, " %.9g", (double)x.value);
        if (e->timed)
            cf_text_add(out, " @%" PRId64, x.time);
        cf_text_add(out, "\n");
    }
}

/* Collective over `par`. */
static inline void read_inputs(reading *r, const cf_par *par,
                               const char *inputs, const cf_text_options *o)
{
    cf_text mine = {0};
    r->status = cf_ratings_read(&r->in, par, inputs, o);
    if (r->status == CF_OK)
        put_entries(&mine, &r->in.entries);
    gather_text(&r->rows, par, &mine);
    cf_text_free(&mine);
}

static inline void reading_free(reading *r)
{
    cf_intake_free(&r->in);
    cf_intake_free(&r->in);
    cf_text_free(&r->rows);
    *r = (reading){0};
}

/* A reading that gave these rows; says what it gave when it did not. */
static inline bool gave(const reading *r, const char *name, const char *rows)
{
    bool good = r->status == CF_OK && strcmp(r->rows.data, rows) == 0;
    if (!good)
        fprintf(stderr, "rank %d: %s: status %d %s, rows\n%.300s\n", world.rank,
                name, r->status, cf_error_message(), r->rows.data);
    cf_error_clear();
    return good;
}

/* Digest of bytes, whoever reads them. */
static inline void digest_of(const cf_text *t, char hex[CF_DIGEST_HEX])
{
    cf_par self = one_rank();
    cf_digest d;
    cf_digest_begin(&d, 0, t->length);
    cf_digest_update(&d, t->data, t->length);
    cf_digest_end(&d, &self, hex);
}

/* The same bytes as gzip. */
static inline void add_gzip(cf_text *out, const cf_text *t)
{
    z_stream z = {0};
    CHECK(deflateInit2(&z, 6, Z_DEFLATED, MAX_WBITS + 16, 8,
                       Z_DEFAULT_STRATEGY) == Z_OK);
    int64_t most = (int64_t)deflateBound(&z, (uLong)t->length);
    char *to = cf_alloc(most, 1, "test");
    z.next_in = (unsigned char *)t->data;
    z.avail_in = (unsigned)t->length;
    z.next_out = (unsigned char *)to;
    z.avail_out = (unsigned)most;
    CHECK(deflate(&z, Z_FINISH) == Z_STREAM_END);
    cf_text_bytes(out, to, (int64_t)z.total_out);
    deflateEnd(&z);
    cf_free(to);
}

/* The same bytes as Zstandard. */
static inline void add_zstd(cf_text *out, const cf_text *t)
{
    size_t most = ZSTD_compressBound((size_t)t->length);
    char *to = cf_alloc((int64_t)most, 1, "test");
    size_t n = ZSTD_compress(to, most, t->data, (size_t)t->length, 3);
    CHECK(!ZSTD_isError(n));
    cf_text_bytes(out, to, (int64_t)n);
    cf_free(to);
}

#endif
