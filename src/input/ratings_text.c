/* Method  Rank 0 looks at the begin of every file: packing, separator, header,
 *         columns. Each rank then takes the rows that begin in its share of
 *         the bytes, in one pass; ids become numbers of the rank's own tables.
 *         Line numbers for messages come from counting lines over the ranks
 *         before.
 * Cost    One pass; a second one over a share whose begin turned out to lie
 *         within quotes. */
#include "cfmpi/ratings_text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "feed.h"

#define HEAD ((int64_t)64 << 10)
#define DENSE_HEAD ((int64_t)1 << 20)

/* What is read, and how it looks; the same on all ranks but for the stream. */
typedef struct input {
    const cf_par *par;
    const cf_text_options *o;
    cf_sources sources;
    cf_dialect dialect;
    int64_t *body;     /* [2 x files] bytes, newlines before the rows of each */
    bool alone;        /* one stream, unpacked by rank 0 for all */
    cf_inflate stream; /* rank 0 */
    char *head;        /* rank 0: what was read of the stream to look at it */
    int64_t head_bytes;
} input;

static void close_input(input *in)
{
    cf_inflate_close(&in->stream);
    cf_sources_free(&in->sources);
    cf_free(in->body);
    cf_free(in->head);
    *in = (input){0};
}

/* ---- looking at the files ---- */

/* The dialect of file i. A file that cannot be read to the end is no matter
 * here unless its first rows tell nothing: they may be wrong, too, and then
 * they are what is told. Rank 0. */
static int look(input *in, int64_t i, cf_dialect *d, cf_digest *digest)
{
    int status = CF_OK;
    const cf_source *f = &in->sources.file[i];
    int64_t want = in->o->format == CF_FORMAT_DENSE ? DENSE_HEAD : HEAD;
    cf_inflate *stream = &in->stream;
    cf_free(in->head);
    in->head = cf_alloc(want, 1, "first rows");
    cf_inflate_close(stream);
    CF_TRY(cf_inflate_open(stream, f->path, in->alone ? digest : NULL));
    int broken = cf_inflate_read(stream, in->head, want, &in->head_bytes);
    if (in->head_bytes == 0 && (broken != CF_OK || in->sources.count > 1))
        return broken;
    status = cf_dialect_find(d, stream->path, in->head, in->head_bytes,
                             broken == CF_OK && in->head_bytes < want, in->o);
    if (broken != CF_OK && status != CF_OK)
        return broken; /* its message was the first */
    CF_TRY(status);
    cf_error_clear();
    in->body[2 * i] = d->body;
    in->body[2 * i + 1] = d->body_lines;
done:
    return status;
}

static int look_at_all(input *in, cf_digest *digest)
{
    int status = CF_OK;
    cf_dialect d;
    const char *first = NULL;
    for (int64_t i = 0; i < in->sources.count; i++) {
        const cf_source *f = &in->sources.file[i];
        if (f->size == 0 && in->sources.count > 1)
            continue; /* markers such as _SUCCESS */
        CF_TRY(look(in, i, &d, digest));
        if (in->head_bytes == 0)
            continue; /* a packed file with nothing in it */
        if (first != NULL)
            CF_TRY(cf_dialect_compare(&in->dialect, first, &d, f->path));
        else
            in->dialect = d;
        first = first == NULL ? f->path : first;
    }
    if (first == NULL)
        status =
            cf_fail(CF_BAD_DATA,
                    "%s: is empty, as all files are; expected rows such as "
                    "1,17,3.5",
                    in->sources.file[0].path);
done:
    return status;
}

static int open_input(input *in, const cf_par *par, const char *inputs,
                      const cf_text_options *o, cf_digest *digest)
{
    int status = CF_OK;
    *in = (input){.par = par, .o = o};
    CF_TRY(cf_sources_find(&in->sources, par, inputs));
    const cf_sources *s = &in->sources;
    in->alone = s->count == 1 && cf_source_is_stream(&s->file[0]);
    in->body = cf_calloc(2 * s->count, sizeof *in->body, "input files");
    if (in->alone && par->rank == 0)
        cf_digest_begin(digest, 0, s->file[0].size);
    CF_TRY(cf_agree(par, par->rank == 0 ? look_at_all(in, digest) : CF_OK));
    cf_bcast(par, &in->dialect, sizeof in->dialect, 0);
    cf_bcast(par, in->body, 2 * s->count * (int64_t)sizeof *in->body, 0);
done:
    return status;
}

/* ---- reading ---- */

/* One rank's reading of all its pieces. */
typedef struct reading {
    input in;
    cf_rows rows;
    cf_piece *piece;
    int64_t pieces;
    cf_digest digest;
} reading;

static void reading_free(reading *r)
{
    close_input(&r->in);
    cf_rows_free(&r->rows);
    cf_digest_free(&r->digest);
    cf_free(r->piece);
    r->piece = NULL;
}

static int read_pieces(reading *r)
{
    int status = CF_OK;
    const cf_sources *s = &r->in.sources;
    for (int64_t i = 0; i < r->pieces; i++) {
        int64_t f = r->piece[i].file;
        CF_TRY(cf_feed_piece(&r->rows, &s->file[f], &r->piece[i],
                             r->in.body[2 * f], r->in.body[2 * f + 1],
                             &r->digest));
    }
done:
    return status;
}

/* Forgets what was read under a wrong assumption. */
static void start_anew(reading *r)
{
    cf_rows fresh = {.d = r->rows.d,
                     .in = r->rows.in,
                     .missing = r->rows.missing,
                     .wanted = {r->rows.wanted[0], r->rows.wanted[1]}};
    cf_intake *in = r->rows.in;
    cf_rows_free(&r->rows);
    cf_digest_free(&r->digest);
    r->rows = fresh;
    cf_entries_free(&in->entries);
    in->entries.timed = in->keep.keep_time;
    memset(in->left, 0, sizeof in->left);
    cf_error_clear();
}

/* Files of which ranks have shares. */
static int read_shares(reading *r)
{
    const cf_par *par = r->in.par;
    const cf_sources *s = &r->in.sources;
    int64_t bytes = 0;
    int status, seen;
    r->piece = cf_pieces_of(s, par->rank, par->size, &r->pieces);
    for (int64_t i = 0; i < r->pieces; i++)
        bytes += r->piece[i].end - r->piece[i].begin;
    int64_t before = cf_exscan_i64(par, bytes);
    cf_digest_begin(&r->digest, before, bytes);
    status = read_pieces(r);
    if (par->size > 1 && cf_max_i64(par, r->rows.quoted) > 0) {
        bool wrong = cf_feed_find_quotes(par, s, r->in.body, &r->in.dialect.cut,
                                         r->piece, r->pieces, &seen);
        status = status != CF_OK ? status : seen;
        if (wrong) {
            start_anew(r);
            cf_digest_begin(&r->digest, before, bytes);
            status = read_pieces(r);
        }
    }
    return status;
}

static int read_alone(reading *r)
{
    const cf_par *par = r->in.par;
    input *in = &r->in;
    int64_t bytes;
    r->piece = cf_calloc(1, sizeof *r->piece, "input pieces");
    r->pieces = par->size == 1 || par->rank > 0;
    r->rows.line = par->rank == (par->size > 1) ? in->body[1] : 0;
    int status = cf_feed_stream(&r->rows, par, &in->stream, in->head,
                                in->head_bytes, in->body[0], r->piece);
    /* Rows that were unpacked stand before the place where that failed. */
    if (cf_max_i64(par, par->rank > 0 && status != CF_OK) && par->rank == 0) {
        cf_error_clear();
        status = CF_OK;
    }
    bytes = cf_max_i64(par, in->stream.bytes_in);
    if (par->rank != 0)
        cf_digest_begin(&r->digest, bytes, 0);
    in->sources.bytes = in->sources.file[0].size = bytes;
    return status;
}

/* ---- which line ---- */

/* Newlines of file `file` in the shares of lower ranks. Every rank has called
 * gather_lines before. */
typedef struct tally {
    int64_t file, lines; /* of a rank's last piece */
} tally;

static tally *gather_lines(const reading *r)
{
    const cf_par *par = r->in.par;
    tally mine = {-1, 0};
    tally *all = cf_alloc(par->size, sizeof *all, "line counts");
    if (r->pieces > 0)
        mine = (tally){r->piece[r->pieces - 1].file,
                       r->piece[r->pieces - 1].lines};
    MPI_Allgather(&mine, 2, MPI_INT64_T, all, 2, MPI_INT64_T, par->comm);
    return all;
}

static int64_t line_number(const reading *r, const tally *all, int64_t file,
                           int64_t line)
{
    for (int q = 0; q < r->in.par->rank; q++)
        if (all[q].file == file)
            line += all[q].lines;
    return line + 1;
}

static const char *path_of(const reading *r, int64_t file)
{
    const char *path = r->in.sources.file[file].path;
    return strcmp(path, "-") == 0 ? "standard input" : path;
}

static void put_complaint(const reading *r, const tally *all, int64_t i,
                          char *out, size_t size)
{
    const cf_complaint *c = &r->rows.first[i];
    int n = snprintf(out, size, "%.*s:%" PRId64 ":%d: ", (int)size / 2,
                     path_of(r, c->file), line_number(r, all, c->file, c->line),
                     c->column);
    snprintf(out + n, size - (size_t)n, "%.*s", (int)size - n - 1, c->text);
}

/* Messages of the first bad rows in the input, on every rank. */
static void show_bad_rows(const reading *r, const tally *all)
{
    cf_intake *in = r->rows.in;
    const cf_par *par = r->in.par;
    int64_t bad = r->rows.bad, before = cf_exscan_i64(par, bad);
    memset(in->shown, 0, sizeof in->shown);
    for (int64_t i = 0; i < CF_MIN(bad, CF_BAD_ROWS_SHOWN - before); i++)
        put_complaint(r, all, i, in->shown[before + i], sizeof in->shown[0]);
    cf_allreduce(par, in->shown, sizeof in->shown, MPI_BYTE, MPI_BOR);
    in->skipped = cf_sum_i64(par, bad);
    in->shown_count = (int)CF_MIN(in->skipped, CF_BAD_ROWS_SHOWN);
}

/* ---- after the last row ---- */

/* A matrix has all rows and columns that its size says, each rank adds an even
 * share of them; those that have entries are known already. */
static void add_all_ids(cf_dictionary *d, const cf_par *par, int64_t n)
{
    cf_part part = {0};
    cf_part_even(&part, n, par->size);
    for (int64_t i = part.begin[par->rank]; i < part.begin[par->rank + 1]; i++)
        cf_dictionary_add_number(d, i + 1);
    cf_part_free(&part);
}

static int finish_matrix(const reading *r)
{
    const cf_dialect *d = &r->in.dialect;
    const cf_par *par = r->in.par;
    cf_entries *e = &r->rows.in->entries;
    int64_t rows = cf_sum_i64(par, r->rows.rows);
    if (d->blanks && rows != d->entries)
        return cf_fail(CF_BAD_DATA,
                       "%s: holds %" PRId64 " entries where its size line says "
                       "%" PRId64 "; is it complete?",
                       path_of(r, 0), rows, d->entries);
    if (d->blanks) {
        add_all_ids(&e->users, par, d->rows);
        add_all_ids(&e->items, par, d->cols);
    }
    if (d->dense) { /* rows were numbered from this rank's first */
        int64_t before = cf_exscan_i64(par, r->rows.rows);
        for (int64_t i = 0; i < e->users.ids.count; i++)
            e->users.ids.number[i] += before + 1;
        add_all_ids(&e->items, par, d->columns - d->counted);
    }
    return CF_OK;
}

static void list_files(const reading *r, char digest[CF_DIGEST_HEX])
{
    cf_intake *in = r->rows.in;
    const cf_sources *s = &r->in.sources;
    for (int64_t i = 0; i < s->count; i++)
        cf_intake_add_file(in, path_of(r, i))->bytes = s->file[i].size;
    memcpy(in->digest, digest, CF_DIGEST_HEX);
    in->bytes = s->bytes;
}

/* Reads everything; the status is not agreed yet, `all` gets the line counts.
 */
static int read_all(reading *r, cf_intake *in, const cf_par *par,
                    const char *inputs, const cf_text_options *o, tally **all)
{
    char digest[CF_DIGEST_HEX];
    int status = open_input(&r->in, par, inputs, o, &r->digest);
    *all = NULL;
    if (status != CF_OK)
        return status;
    r->rows.d = &r->in.dialect;
    r->rows.in = in;
    r->rows.missing = o->missing;
    in->entries.timed = in->keep.keep_time;
    in->implicit = !r->in.dialect.dense && r->in.dialect.column[CF_RATING] < 0;
    status = r->in.alone ? read_alone(r) : read_shares(r);
    cf_digest_end(&r->digest, par, digest);
    *all = gather_lines(r);
    list_files(r, digest);
    return status;
}

int cf_ratings_read(cf_intake *in, const cf_par *par, const char *inputs,
                    const cf_text_options *o)
{
    int status = CF_OK;
    reading r = {0};
    tally *all;
    char message[CF_ERROR_MAX];
    status = read_all(&r, in, par, inputs, o, &all);
    if (all == NULL)
        goto done; /* agreed already */
    if (status == CF_BAD_DATA && r.rows.bad > 0 &&
        in->bad_row == CF_BAD_ROW_STOP) {
        put_complaint(&r, all, 0, message, sizeof message - 64);
        cf_error_clear(); /* of what comes behind that row */
        cf_fail(status, "%s%s", message,
                o->pairs ? ""
                         : "; pass --on-bad-row=skip to go on without such "
                           "rows");
    }
    CF_TRY(cf_agree(par, status));
    show_bad_rows(&r, all);
    CF_TRY(finish_matrix(&r));
    if (cf_sum_i64(par, r.rows.rows) == 0)
        CF_TRY(cf_fail(CF_BAD_DATA,
                       o->pairs ? "%s: there are no pairs in it; expected rows "
                                  "such as 1,17"
                                : "%s: there are no ratings in it; expected "
                                  "rows such as 1,17,3.5",
                       path_of(&r, 0)));
done:
    cf_free(all);
    reading_free(&r);
    return status;
}

int cf_ratings_find(const cf_par *par, const char *inputs,
                    const cf_text_options *o, const cf_keep *keep,
                    const cf_text *user, const cf_text *item,
                    cf_finding found[2])
{
    int status = CF_OK;
    reading r = {.rows = {.wanted = {user, item}}};
    cf_intake none = {.keep = *keep, .bad_row = CF_BAD_ROW_SKIP};
    tally *all = NULL;
    memset(found, 0, 2 * sizeof *found);
    if (strcmp(inputs, "-") == 0)
        return CF_OK;
    status = read_all(&r, &none, par, inputs, o, &all);
    if (all == NULL)
        goto done;
    CF_TRY(cf_agree(par, status));
    int64_t count = r.rows.found_count, before = cf_exscan_i64(par, count);
    for (int64_t i = 0; i < count && before + i < 2; i++) {
        const cf_place *p = &r.rows.found[i];
        snprintf(found[before + i].path, CF_PATH_MAX, "%s",
                 path_of(&r, p->file));
        found[before + i].line = line_number(&r, all, p->file, p->line);
    }
    cf_allreduce(par, found, 2 * sizeof *found, MPI_BYTE, MPI_BOR);
done:
    cf_free(all);
    cf_intake_free(&none);
    reading_free(&r);
    return status;
}

/* ---- pairs ---- */

/* The ids of one column, row by row. */
static void pick_column(cf_ids *out, const cf_par *par, const cf_entries *e,
                        cf_dictionary *d, bool items)
{
    int64_t *order = cf_alloc(e->count, sizeof *order, "pairs");
    for (int64_t i = 0; i < e->count; i++) {
        cf_entry x = cf_entries_at(e, i);
        order[i] = items ? x.item : x.user;
    }
    if (cf_max_i64(par, d->ids.text) > 0)
        cf_dictionary_to_text(d);
    cf_ids_free(out);
    cf_ids_pick(out, &d->ids, order, e->count);
    cf_free(order);
}

int cf_pairs_read(const cf_par *par, const char *path, cf_ids *user,
                  cf_ids *item)
{
    int status = CF_OK;
    cf_intake in = {0};
    cf_text_options o = {.columns = "", .missing = (double)NAN, .pairs = true};
    CF_TRY(cf_ratings_read(&in, par, path, &o));
    cf_entries *e = &in.entries;
    pick_column(user, par, e, &e->users, false);
    pick_column(item, par, e, &e->items, true);
done:
    cf_intake_free(&in);
    return status;
}
