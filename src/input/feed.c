/* Method  A window slides over the text; what is whole in it is parsed while
 *         it lies in the cache, the rest moves to the front. A rank's share of
 *         a plain file begins anywhere, so it passes over the row it falls
 *         into, which is the row before's reader's. It takes its begin to lie
 *         outside of quotes. Where quotes turn up, the state at each begin is
 *         worked out from what the shares before do to either state (they
 *         compose, so a scan over the ranks gives it), and only a rank that
 *         was wrong reads again. */
#define _POSIX_C_SOURCE 200809L
#include "feed.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cfmpi/exchange.h"
#include "cfmpi/file.h"
#include "cfmpi/memory.h"
#include "cfmpi/progress.h"

#ifndef CF_TEXT_WINDOW /* tests make it small */
#define CF_TEXT_WINDOW ((int64_t)128 << 10)
#endif
#ifndef CF_TEXT_BLOCK
#define CF_TEXT_BLOCK (1 << 20)
#endif
#define LONGEST_ROW ((int64_t)64 << 20)
#define FRONT 64 /* bytes before the text that may be read */

/* ---- pieces ---- */

cf_piece *cf_pieces_of(const cf_sources *s, int rank, int size, int64_t *count)
{
    int64_t begin = s->bytes / size * rank + CF_MIN(s->bytes % size, rank);
    int64_t end = begin + s->bytes / size + (rank < s->bytes % size);
    cf_piece *piece = cf_alloc(s->count, sizeof *piece, "input pieces");
    *count = 0;
    for (int64_t i = 0; i < s->count; i++) {
        const cf_source *f = &s->file[i];
        int64_t lo = CF_MAX(begin - f->begin, 0);
        int64_t hi = CF_MIN(end - f->begin, f->size);
        if (f->packing != CF_PLAIN) {
            int64_t middle = f->begin + f->size / 2;
            bool mine = middle >= begin && middle < end;
            lo = 0;
            hi = mine ? f->size : 0;
        }
        if (lo < hi)
            piece[(*count)++] = (cf_piece){.file = i, .begin = lo, .end = hi};
    }
    return piece;
}

/* ---- where text comes from ---- */

/* Gives the next bytes; *got < want only at the end, and where there is an
 * error: then *got bytes come before it. */
typedef int get_fn(void *arg, char *out, int64_t want, int64_t *got);

/* A plain file from some byte on. */
typedef struct plain {
    const cf_source *f;
    int fd;
    int64_t at;
    const cf_piece *piece;
    cf_digest *digest;
} plain;

static int get_plain(void *arg, char *out, int64_t want, int64_t *got)
{
    plain *p = arg;
    int64_t n = CF_MIN(want, p->f->size - p->at);
    int status = cf_file_read(p->fd, p->f->path, out, n, p->at);
    *got = status == CF_OK ? n : 0;
    if (status != CF_OK)
        return status;
    int64_t lo = CF_MAX(p->at, p->piece->begin);
    int64_t hi = CF_MIN(p->at + *got, p->piece->end);
    if (p->digest != NULL && lo < hi)
        cf_digest_update(p->digest, out + (lo - p->at), hi - lo);
    p->at += *got;
    cf_progress_step((double)(p->at - p->piece->begin),
                     (double)(p->piece->end - p->piece->begin));
    return CF_OK;
}

static int open_plain(plain *p, const cf_source *f)
{
    p->f = f;
    p->fd = open(f->path, O_RDONLY);
    return p->fd >= 0
               ? CF_OK
               : cf_fail(CF_NO_INPUT, "%s: %s", f->path, strerror(errno));
}

static int check_size(const plain *p)
{
    struct stat info;
    if (fstat(p->fd, &info) != 0 || (int64_t)info.st_size != p->f->size)
        return cf_fail(CF_IO,
                       "%s: changed its size while it was read; try again "
                       "when it is complete",
                       p->f->path);
    return CF_OK;
}

/* A stream, what was read of it to look at it coming first. */
typedef struct unpacked {
    cf_inflate *stream;
    const char *head;
    int64_t head_bytes;
    bool ended;
} unpacked;

static int get_unpacked(void *arg, char *out, int64_t want, int64_t *got)
{
    unpacked *u = arg;
    int64_t n = CF_MIN(want, u->head_bytes), more = 0;
    int status = CF_OK;
    if (n > 0) {
        memcpy(out, u->head, (size_t)n);
        u->head += n;
        u->head_bytes -= n;
    }
    if (n < want && !u->ended)
        status = cf_inflate_read(u->stream, out + n, want - n, &more);
    *got = n + more;
    u->ended |= *got < want;
    if (u->stream->size > 0)
        cf_progress_step((double)u->stream->bytes_in, (double)u->stream->size);
    return status;
}

/* ---- quotes ---- */

/* The newline that ends the record which text[0, n) begins within, -1 where
 * there is none. A quote at the very end waits for what follows. */
static int64_t record_end(const char *text, int64_t n, const cf_cut *cut,
                          bool open)
{
    int64_t i = 0;
    while (i < n) {
        const char *s = text + i;
        const char *quote =
            cut->quotes ? memchr(s, '"', (size_t)(n - i)) : NULL;
        if (open) {
            if (quote == NULL || quote + 1 == text + n)
                return -1;
            open = quote[1] == '"';
            i = quote + 1 + open - text;
            continue;
        }
        int64_t before = quote != NULL ? quote - s : n - i;
        const char *newline = memchr(s, '\n', (size_t)before);
        if (newline != NULL)
            return newline - text;
        if (quote == NULL)
            return -1;
        open =
            quote > text && (quote[-1] == cut->separator || quote[-1] == '\n');
        i = quote + 1 - text;
    }
    return -1;
}

/* First place from `at` on that has no quote before or behind it: there the
 * bytes on the two sides can be judged apart. A share that begins no later
 * than the first row is in no doubt. */
static int clear_of_quotes(const cf_source *f, int fd, int64_t body,
                           const cf_cut *cut, int64_t *at)
{
    int status = CF_OK;
    char two[2];
    while (cut->quotes && *at > body && *at < f->size) {
        CF_TRY(cf_file_read(fd, f->path, two, 2, *at - 1));
        if (two[0] != '"' && two[1] != '"')
            break;
        ++*at;
    }
done:
    return status;
}

/* What a block of text does to the state of quotes. text[-1] and, unless the
 * file ends, text[n] can be read. */
typedef struct quoting {
    bool open, skip; /* skip: the first byte is the second of two quotes */
} quoting;

static void pass_quotes(quoting *q, const char *text, int64_t n,
                        const cf_cut *cut)
{
    const char *s = text + q->skip, *e = text + n;
    q->skip = false;
    while (s < e && (s = memchr(s, '"', (size_t)(e - s))) != NULL) {
        if (!q->open) {
            q->open = s[-1] == cut->separator || s[-1] == '\n';
        } else if (s[1] == '"') {
            q->skip = s + 1 == e;
            s++;
        } else {
            q->open = false;
        }
        s++;
    }
}

/* State at the end of a piece from either state at its begin. */
static int pass_piece(const cf_source *f, const cf_piece *piece, int64_t body,
                      const cf_cut *cut, bool open[2])
{
    int status = CF_OK;
    plain p = {.fd = -1};
    int64_t at = CF_MAX(piece->begin, body), end = piece->end;
    quoting q[2] = {{false, false}, {true, false}};
    char *block = cf_alloc(CF_TEXT_WINDOW + 2, 1, "text block");
    CF_TRY(open_plain(&p, f));
    CF_TRY(clear_of_quotes(f, p.fd, body, cut, &at));
    CF_TRY(clear_of_quotes(f, p.fd, body, cut, &end));
    for (int64_t n; at < end; at += n) {
        int64_t before = at > body, after;
        n = CF_MIN(CF_TEXT_WINDOW, end - at);
        after = at + n < f->size;
        block[0] = '\n';
        block[1 + n] = '\0';
        CF_TRY(cf_file_read(p.fd, f->path, block + 1 - before,
                            before + n + after, at - before));
        for (int i = 0; i < 2; i++)
            pass_quotes(&q[i], block + 1, n, cut);
    }
done:
    open[0] = q[0].open;
    open[1] = q[1].open;
    if (p.fd >= 0)
        close(p.fd);
    cf_free(block);
    return status;
}

bool cf_feed_find_quotes(const cf_par *par, const cf_sources *s,
                         const int64_t *body, const cf_cut *cut,
                         cf_piece *piece, int64_t pieces, int *status)
{
    /* Of each rank's last piece: file, does it begin in the middle, and what
     * comes out of either state. */
    int64_t mine[4] = {-1, 0, 0, 0};
    const cf_piece *last = pieces > 0 ? &piece[pieces - 1] : NULL;
    bool open[2] = {false, false}, state = false;
    *status = CF_OK;
    if (last != NULL && s->file[last->file].packing == CF_PLAIN) {
        int64_t from = body[2 * last->file];
        *status = pass_piece(&s->file[last->file], last, from, cut, open);
        mine[0] = last->file;
        mine[1] = last->begin > from;
        mine[2] = open[0];
        mine[3] = open[1];
    }
    int64_t *all = cf_alloc(4 * (int64_t)par->size, sizeof *all, "quotes");
    MPI_Allgather(mine, 4, MPI_INT64_T, all, 4, MPI_INT64_T, par->comm);
    for (int r = 0; r < par->rank && pieces > 0; r++) {
        const int64_t *other = all + 4 * (int64_t)r;
        if (other[0] == piece[0].file)
            state = other[2 + (other[1] && state)] != 0;
    }
    cf_free(all);
    if (pieces == 0 || piece[0].begin <= body[2 * piece[0].file] ||
        piece[0].open == state)
        return false;
    piece[0].open = state;
    return true;
}

/* ---- the window ---- */

typedef struct window {
    char *block, *text; /* text = block + FRONT */
    int64_t room, have; /* bytes of text */
    bool ended;
    int status; /* why it ended: rows before an error come first */
    get_fn *get;
    void *arg;
} window;

static void make_room(window *w, int64_t room)
{
    if (w->room >= room)
        return;
    w->block =
        cf_realloc(w->block, FRONT + room + 1 + CF_MARKS_PAD, 1, "text window");
    w->text = w->block + FRONT;
    w->room = room;
}

static void fill(window *w)
{
    int64_t got = 0;
    if (w->ended)
        return;
    if (w->have > w->room / 2)
        make_room(w, 2 * w->room);
    w->status = w->get(w->arg, w->text + w->have, w->room - w->have, &got);
    w->ended = w->status != CF_OK || got < w->room - w->have;
    w->have += got;
    if (w->status == CF_OK && w->ended && w->have > 0 &&
        w->text[w->have - 1] != '\n')
        w->text[w->have++] = '\n'; /* the last row has no newline */
}

static void drop(window *w, int64_t n)
{
    memmove(w->text, w->text + n, (size_t)(w->have - n));
    w->have -= n;
}

static int too_long(const window *w, const char *path)
{
    if (w->have < LONGEST_ROW)
        return CF_OK;
    return cf_fail(CF_BAD_DATA,
                   "%s: a row of over %" PRId64 " MiB; is a quote not closed?",
                   path, LONGEST_ROW >> 20);
}

/* Passes over the row that byte `at` - 1 belongs to. */
static int skip_row(window *w, const char *path, const cf_cut *cut, bool open,
                    int64_t *at)
{
    int status = CF_OK;
    for (;;) {
        int64_t end = record_end(w->text, w->have, cut, open);
        if (end >= 0 || w->ended) {
            end = end >= 0 ? end + 1 : w->have;
            drop(w, end);
            *at += end;
            return CF_OK;
        }
        CF_TRY(too_long(w, path));
        fill(w);
    }
done:
    return status;
}

/* Takes the rows that begin before byte `limit`; the window begins at `at`. A
 * bad row comes before an error of the file, which comes before the row that
 * it has cut. */
static int take_rows(cf_rows *rows, window *w, const char *path, int64_t at,
                     int64_t limit)
{
    int status = CF_OK;
    while (at < limit) {
        int64_t used;
        fill(w);
        if (w->have == 0)
            break;
        CF_TRY(cf_rows_take(rows, w->text, w->have, CF_MIN(limit - at, w->have),
                            &used));
        drop(w, used);
        at += used;
        if (used > 0)
            continue;
        if (w->ended) {
            if (w->status == CF_OK)
                status = cf_rows_open_end(rows, w->text, w->have);
            break;
        }
        CF_TRY(too_long(w, path));
    }
done:
    return status != CF_OK ? status : w->status;
}

/* ---- a piece of a file ---- */

static int feed_plain(cf_rows *rows, const cf_source *f, cf_piece *piece,
                      int64_t body, cf_digest *digest)
{
    int status = CF_OK;
    int64_t begin = piece->begin, end = piece->end, got;
    plain p = {.fd = -1, .piece = piece, .digest = digest};
    window w = {.get = get_plain, .arg = &p};
    make_room(&w, CF_TEXT_WINDOW);
    CF_TRY(open_plain(&p, f));
    CF_TRY(clear_of_quotes(f, p.fd, body, &rows->d->cut, &begin));
    CF_TRY(clear_of_quotes(f, p.fd, body, &rows->d->cut, &end));
    p.at = CF_MAX(piece->begin - 1, 0);
    int64_t at = p.at;
    fill(&w);
    int64_t from = begin > body ? begin - 1 : body;
    while (!w.ended && w.have < from - at)
        fill(&w);
    drop(&w, CF_MIN(from - at, w.have));
    at = from;
    if (begin > body)
        CF_TRY(skip_row(&w, f->path, &rows->d->cut, piece->open, &at));
    CF_TRY(take_rows(rows, &w, f->path, at, end));
    while (p.at < piece->end) /* no rows, but bytes for the digest */
        CF_TRY(get_plain(&p, w.text, CF_MIN(w.room, piece->end - p.at), &got));
    CF_TRY(check_size(&p));
done:
    if (p.fd >= 0)
        close(p.fd);
    cf_free(w.block);
    return status;
}

/* Everything that a stream has, its head left out. */
static int feed_whole(cf_rows *rows, const char *path, get_fn *get, void *arg,
                      int64_t body)
{
    window w = {.get = get, .arg = arg};
    make_room(&w, CF_TEXT_WINDOW);
    while (!w.ended && w.have < body)
        fill(&w);
    drop(&w, CF_MIN(body, w.have));
    int status = take_rows(rows, &w, path, 0, INT64_MAX);
    cf_free(w.block);
    return status;
}

int cf_feed_piece(cf_rows *rows, const cf_source *f, cf_piece *piece,
                  int64_t body, int64_t body_lines, cf_digest *digest)
{
    int status = CF_OK;
    cf_inflate stream = {0};
    rows->file = piece->file;
    rows->line = piece->begin == 0 ? body_lines : 0;
    if (f->packing == CF_PLAIN) {
        status = feed_plain(rows, f, piece, body, digest);
    } else {
        CF_TRY(cf_inflate_open(&stream, f->path, digest));
        unpacked u = {.stream = &stream};
        CF_TRY(feed_whole(rows, f->path, get_unpacked, &u, body));
    }
done:
    cf_inflate_close(&stream);
    piece->lines = rows->line;
    return status;
}

/* ---- a stream over several ranks ---- */

/* From rank 0 to the parser: text; "leave the rest to the next rank"; "that
 * was all"; "an error is next". From parser to parser: an unfinished row, and
 * whether more comes. */
enum { TAG_TEXT = 3, TAG_NEXT, TAG_END, TAG_BROKEN, TAG_REST };

#define BLOCKS 4 /* on the way at once */

static int send_stream(const cf_par *par, unpacked *u, int64_t body)
{
    int status = CF_OK, to = 1;
    MPI_Request sent[BLOCKS];
    int64_t got = 0, drop_bytes = body;
    char *block = cf_alloc(BLOCKS * (int64_t)CF_TEXT_BLOCK, 1, "text blocks");
    for (int i = 0; i < BLOCKS; i++)
        sent[i] = MPI_REQUEST_NULL;
    for (int i = 0; status == CF_OK && !u->ended; i = (i + 1) % BLOCKS) {
        char *b = block + (int64_t)i * CF_TEXT_BLOCK;
        MPI_Wait(&sent[i], MPI_STATUS_IGNORE);
        status = get_unpacked(u, b, CF_TEXT_BLOCK, &got);
        int64_t begin = CF_MIN(drop_bytes, got);
        drop_bytes -= begin;
        MPI_Isend(b + begin, (int)(got - begin), MPI_BYTE, to, TAG_TEXT,
                  par->comm, &sent[i]);
        cf_traffic_add(got - begin);
        if (to < par->size - 1 && u->stream->size > 0 &&
            u->stream->bytes_in >= u->stream->size / (par->size - 1) * to)
            MPI_Send(NULL, 0, MPI_BYTE, to++, TAG_NEXT, par->comm);
    }
    MPI_Waitall(BLOCKS, sent, MPI_STATUSES_IGNORE);
    MPI_Send(NULL, 0, MPI_BYTE, to, status == CF_OK ? TAG_END : TAG_BROKEN,
             par->comm);
    cf_free(block);
    return status;
}

/* What a parser has got from rank 0. */
typedef struct inbox {
    const cf_par *par;
    char *rest; /* unfinished row of the rank before */
    int64_t rest_bytes;
    char *block; /* [CF_TEXT_BLOCK] */
    int64_t block_at, block_bytes;
    int last_tag; /* TAG_TEXT while more comes */
} inbox;

static void receive_block(inbox *b)
{
    MPI_Status info;
    int n;
    MPI_Recv(b->block, CF_TEXT_BLOCK, MPI_BYTE, 0, MPI_ANY_TAG, b->par->comm,
             &info);
    MPI_Get_count(&info, MPI_BYTE, &n);
    b->last_tag = info.MPI_TAG;
    b->block_at = 0;
    b->block_bytes = n;
}

static int get_received(void *arg, char *out, int64_t want, int64_t *got)
{
    inbox *b = arg;
    *got = CF_MIN(want, b->rest_bytes);
    if (*got > 0) {
        memcpy(out, b->rest, (size_t)*got);
        b->rest += *got;
        b->rest_bytes -= *got;
    }
    while (*got < want) {
        if (b->block_at == b->block_bytes) {
            if (b->last_tag != TAG_TEXT)
                break;
            receive_block(b);
            continue;
        }
        int64_t n = CF_MIN(want - *got, b->block_bytes - b->block_at);
        memcpy(out + *got, b->block + b->block_at, (size_t)n);
        b->block_at += n;
        *got += n;
    }
    return CF_OK;
}

/* Rows up to the end of this parser's turn; an unfinished one stays in the
 * window when another rank goes on. */
static int take_turn(cf_rows *rows, window *w, inbox *b)
{
    int status = CF_OK;
    for (;;) {
        int64_t used, want = w->room - w->have, got;
        if (w->have > w->room / 2) {
            make_room(w, 2 * w->room);
            want = w->room - w->have;
        }
        get_received(b, w->text + w->have, want, &got);
        w->have += got;
        w->ended = got < want;
        if (w->ended && b->last_tag == TAG_END && w->have > 0 &&
            w->text[w->have - 1] != '\n')
            w->text[w->have++] = '\n';
        CF_TRY(cf_rows_take(rows, w->text, w->have, w->have, &used));
        drop(w, used);
        if (w->ended)
            break;
        CF_TRY(too_long(w, "the input"));
    }
    if (b->last_tag == TAG_END && w->have > 0)
        status = cf_rows_open_end(rows, w->text, w->have);
done:
    while (b->last_tag == TAG_TEXT) /* rank 0 must not wait for ever */
        receive_block(b);
    return status;
}

static int parse_turn(cf_rows *rows, const cf_par *par)
{
    int status = CF_OK, bytes = 0;
    MPI_Status info;
    char *rest = NULL;
    inbox b = {.par = par, .last_tag = TAG_TEXT};
    window w = {0};
    make_room(&w, CF_TEXT_WINDOW);
    if (par->rank > 1) { /* the row that the rank before has begun */
        MPI_Probe(par->rank - 1, MPI_ANY_TAG, par->comm, &info);
        MPI_Get_count(&info, MPI_BYTE, &bytes);
        rest = cf_alloc(bytes, 1, "unfinished row");
        MPI_Recv(rest, bytes, MPI_BYTE, par->rank - 1, info.MPI_TAG, par->comm,
                 MPI_STATUS_IGNORE);
        b.last_tag = info.MPI_TAG == TAG_END ? TAG_END : TAG_TEXT;
    }
    b.rest = rest;
    b.rest_bytes = bytes;
    b.block = cf_alloc(CF_TEXT_BLOCK, 1, "text block");
    if (b.last_tag == TAG_TEXT)
        status = take_turn(rows, &w, &b);
    bool more = b.last_tag == TAG_NEXT;
    if (par->rank + 1 < par->size)
        MPI_Send(w.text, more ? (int)w.have : 0, MPI_BYTE, par->rank + 1,
                 more ? TAG_REST : TAG_END, par->comm);
    cf_free(rest);
    cf_free(b.block);
    cf_free(w.block);
    return status;
}

int cf_feed_stream(cf_rows *rows, const cf_par *par, cf_inflate *stream,
                   const char *head, int64_t head_bytes, int64_t body,
                   cf_piece *piece)
{
    unpacked u = {stream, head, head_bytes, false};
    int status;
    if (par->size == 1)
        status = feed_whole(rows, stream->path, get_unpacked, &u, body);
    else
        status =
            par->rank == 0 ? send_stream(par, &u, body) : parse_turn(rows, par);
    piece->lines = rows->line;
    return status;
}
