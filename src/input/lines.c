#define _POSIX_C_SOURCE 200809L
#include "lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "cfmpi/text.h"

#define BLOCK ((int64_t)8 << 20)

/* A file, or what came through standard input. */
typedef struct source {
    const char *path;
    int fd;             /* -1 for standard input */
    const char *memory; /* all of standard input, on rank 0 */
    int64_t size;
} source;

/* Standard input can be read once; error messages look at it again, so it
 * stays for the life of the process. */
static cf_text standard_input;

static int slurp(void)
{
    char block[1 << 16];
    size_t n;
    if (standard_input.data != NULL)
        return CF_OK;
    while ((n = fread(block, 1, sizeof block, stdin)) > 0)
        cf_text_bytes(&standard_input, block, (int64_t)n);
    if (ferror(stdin))
        return cf_fail(CF_IO, "standard input: %s", strerror(errno));
    return CF_OK;
}

static int open_file(source *f)
{
    struct stat info;
    f->fd = open(f->path, O_RDONLY);
    if (f->fd < 0 || fstat(f->fd, &info) != 0)
        return cf_fail(CF_NO_INPUT, "%s: %s", f->path, strerror(errno));
    if (S_ISDIR(info.st_mode))
        return cf_fail(CF_NO_INPUT, "%s: is a folder; name a file in it",
                       f->path);
    f->size = (int64_t)info.st_size;
    return CF_OK;
}

/* Local; only rank 0 has standard input, the others see it as empty. */
static int open_source(source *f, const char *path, int rank)
{
    int status = CF_OK;
    *f = (source){.path = path, .fd = -1};
    if (strcmp(path, "-") != 0)
        return open_file(f);
    f->path = "standard input";
    if (rank == 0)
        status = slurp();
    f->memory = standard_input.data;
    f->size = standard_input.length;
    return status;
}

static void close_source(source *f)
{
    if (f->fd >= 0)
        close(f->fd);
}

/* Fills `buffer` with bytes [at, at + want). */
static int read_at(const source *f, char *buffer, int64_t want, int64_t at)
{
    if (f->fd < 0 && want > 0)
        memcpy(buffer, f->memory + at, (size_t)want);
    while (f->fd >= 0 && want > 0) {
        ssize_t n = pread(f->fd, buffer, (size_t)want, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return cf_fail(CF_IO, "%s: %s at byte %" PRId64, f->path,
                           n < 0 ? strerror(errno)
                                 : "ended early; did it "
                                   "change while read?",
                           at);
        buffer += n;
        want -= n;
        at += n;
    }
    return CF_OK;
}

/* This rank's reading: a window of the source slides through `buffer`. */
typedef struct window {
    source file;
    char *buffer;
    int64_t capacity;
    int64_t begin, length; /* of what is in the buffer, in the file */
} window;

/* Drops what is before file position `keep` and reads one block more. */
static int advance(window *w, int64_t keep)
{
    int64_t left = w->begin + w->length - keep;
    int64_t want = CF_MIN(BLOCK, w->file.size - (w->begin + w->length));
    if (left > 0)
        memmove(w->buffer, w->buffer + (keep - w->begin), (size_t)left);
    if (left + want > w->capacity) {
        w->capacity = left + want;
        w->buffer = cf_realloc(w->buffer, w->capacity, 1, "text block");
    }
    int status = read_at(&w->file, w->buffer + left, want, keep + left);
    w->begin = keep;
    w->length = status == CF_OK ? left + want : left;
    return status;
}

/* The end of the line that begins at file position `at`: position of its
 * newline, or the file's size. */
static int line_end(window *w, int64_t at, int64_t *end)
{
    int64_t seen = 0;
    for (;;) {
        const char *s = w->buffer + (at - w->begin);
        int64_t have = w->begin + w->length - at;
        const char *nl =
            have > seen ? memchr(s + seen, '\n', (size_t)(have - seen)) : NULL;
        if (nl != NULL || w->begin + w->length == w->file.size) {
            *end = nl != NULL ? at + (nl - s) : w->file.size;
            return CF_OK;
        }
        seen = have;
        int status = advance(w, at);
        if (status != CF_OK)
            return status;
    }
}

/* Reads the lines that begin in [begin, end); a line begins at 0 or after a
 * newline. */
static int read_range(window *w, int64_t begin, int64_t end, cf_line_fn *take,
                      void *arg, int64_t *lines)
{
    int status = CF_OK;
    int64_t at = begin, stop;
    if (begin > 0) { /* the line in which byte begin - 1 lies is another's */
        CF_TRY(line_end(w, begin - 1, &stop));
        at = stop + 1;
    }
    while (at < end && at < w->file.size) {
        CF_TRY(line_end(w, at, &stop));
        const char *s = w->buffer + (at - w->begin);
        const char *e = w->buffer + (stop - w->begin);
        if (e > s && e[-1] == '\r')
            e--;
        CF_TRY(take(s, e, *lines, arg));
        (*lines)++;
        at = stop + 1;
    }
done:
    return status;
}

/* A second look at the bytes for the digest would cost a second pass over the
 * page cache only; it keeps line ownership and digest slabs apart. */
static int digest_range(const window *w, const cf_par *par, int64_t begin,
                        int64_t end, char digest[CF_DIGEST_HEX])
{
    int status = CF_OK;
    char *block = cf_alloc(BLOCK, 1, "text block");
    cf_digest d;
    cf_digest_begin(&d, begin, end - begin);
    for (int64_t at = begin; status == CF_OK && at < end; at += BLOCK) {
        int64_t n = CF_MIN(BLOCK, end - at);
        status = read_at(&w->file, block, n, at);
        cf_digest_update(&d, block, n);
    }
    cf_digest_end(&d, par, digest);
    cf_free(block);
    return status;
}

/* Bytes [begin, end) of this rank: equal shares of a file; rank 0 has all of
 * standard input. */
static void share(const source *f, const cf_par *par, int64_t *begin,
                  int64_t *end)
{
    bool whole = f->fd < 0;
    int64_t parts = whole ? 1 : par->size;
    int64_t part = whole ? CF_MIN(par->rank, 1) : par->rank;
    *begin = f->size / parts * part + CF_MIN(f->size % parts, part);
    *end = part == parts ? f->size
                         : *begin + f->size / parts + (part < f->size % parts);
}

int cf_lines_read(const cf_par *par, const char *path, cf_line_fn *take,
                  void *arg, int64_t *lines, int64_t *bytes,
                  char digest[CF_DIGEST_HEX])
{
    int status = CF_OK;
    int64_t begin, end;
    window w = {0};
    *lines = 0;
    CF_TRY(cf_agree(par, open_source(&w.file, path, par->rank)));
    if (w.file.fd < 0)
        w.file.size = cf_max_i64(par, w.file.size);
    if (cf_min_i64(par, w.file.size) != cf_max_i64(par, w.file.size))
        CF_TRY(cf_fail(CF_IO, "%s: changes while it is read", path));
    *bytes = w.file.size;
    share(&w.file, par, &begin, &end);
    w.begin = CF_MAX(begin - 1, 0);
    if (begin < end)
        status = read_range(&w, begin, end, take, arg, lines);
    int rc = digest_range(&w, par, begin, end, digest);
    status = status != CF_OK ? status : rc;
done:
    close_source(&w.file);
    cf_free(w.buffer);
    return status;
}

static int first_line(const char *path, char *line, int size)
{
    source f;
    int status = open_source(&f, path, 0);
    if (status == CF_OK && f.size == 0)
        status = cf_fail(CF_BAD_DATA, "%s: is empty", f.path);
    if (status == CF_OK) {
        int64_t n = CF_MIN(f.size, size - 1);
        status = read_at(&f, line, n, 0);
        line[n] = '\0';
        line[strcspn(line, "\r\n")] = '\0';
    }
    close_source(&f);
    return status;
}

int cf_lines_first(const cf_par *par, const char *path, char *line, int size)
{
    int status = CF_OK;
    CF_TRY(
        cf_agree(par, par->rank == 0 ? first_line(path, line, size) : CF_OK));
    cf_bcast(par, line, size, 0);
done:
    return status;
}
