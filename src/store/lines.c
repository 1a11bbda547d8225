#define _POSIX_C_SOURCE 200809L
#include "lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cfmpi/exchange.h"
#include "cfmpi/h5.h"
#include "cfmpi/memory.h"

#define BLOCK ((int64_t)8 << 20)

static int open_text(const char *path, int *fd, int64_t *bytes)
{
    struct stat info;
    *fd = open(path, O_RDONLY);
    if (*fd < 0 || fstat(*fd, &info) != 0)
        return cf_fail(CF_NO_INPUT, "%s: %s", path, strerror(errno));
    if (S_ISDIR(info.st_mode))
        return cf_fail(CF_NO_INPUT, "%s: is a folder; name a file in it",
                       path);
    *bytes = (int64_t)info.st_size;
    return CF_OK;
}

/* Fills `buffer` with bytes [at, at + want) of the file. */
static int read_at(const char *path, int fd, char *buffer, int64_t want,
                   int64_t at)
{
    while (want > 0) {
        ssize_t n = pread(fd, buffer, (size_t)want, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return cf_fail(CF_IO, "%s: %s at byte %" PRId64, path,
                           n < 0 ? strerror(errno) : "ended early; did it "
                                                     "change while read?",
                           at);
        buffer += n;
        want -= n;
        at += n;
    }
    return CF_OK;
}

/* This rank's reading: a window of the file slides through `buffer`. */
typedef struct window {
    const char *path;
    int fd;
    char *buffer;
    int64_t capacity;
    int64_t begin, length;  /* of what is in the buffer, in the file */
    int64_t size;           /* of the file */
} window;

/* Drops what is before file position `keep` and reads one block more. */
static int advance(window *w, int64_t keep)
{
    int64_t left = w->begin + w->length - keep;
    int64_t want = CF_MIN(BLOCK, w->size - (w->begin + w->length));
    memmove(w->buffer, w->buffer + (keep - w->begin), (size_t)left);
    if (left + want > w->capacity) {
        w->capacity = left + want;
        w->buffer = cf_realloc(w->buffer, w->capacity, 1, "text block");
    }
    int status = read_at(w->path, w->fd, w->buffer + left, want, keep + left);
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
        if (nl != NULL || w->begin + w->length == w->size) {
            *end = nl != NULL ? at + (nl - s) : w->size;
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
    while (at < end && at < w->size) {
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
        status = read_at(w->path, w->fd, block, n, at);
        cf_digest_update(&d, block, n);
    }
    cf_digest_end(&d, par, digest);
    cf_free(block);
    return status;
}

int cf_lines_read(const cf_par *par, const char *path, cf_line_fn *take,
                  void *arg, int64_t *lines, int64_t *bytes,
                  char digest[CF_DIGEST_HEX])
{
    int status = CF_OK;
    window w = {.path = path, .fd = -1};
    *lines = 0;
    CF_TRY(cf_agree(par, open_text(path, &w.fd, &w.size)));
    if (cf_min_i64(par, w.size) != cf_max_i64(par, w.size))
        CF_TRY(cf_fail(CF_IO, "%s: changes while it is read", path));
    *bytes = w.size;
    int64_t begin = w.size / par->size * par->rank +
                    CF_MIN(w.size % par->size, par->rank);
    int64_t end = begin + w.size / par->size +
                  (par->rank < w.size % par->size);
    w.begin = CF_MAX(begin - 1, 0);
    status = read_range(&w, begin, end, take, arg, lines);
    int rc = digest_range(&w, par, begin, end, digest);
    status = status != CF_OK ? status : rc;
done:
    if (w.fd >= 0)
        close(w.fd);
    cf_free(w.buffer);
    return status;
}

static int first_line(const char *path, char *line, int size)
{
    int fd, status;
    int64_t bytes;
    CF_TRY(open_text(path, &fd, &bytes));
    if (bytes == 0) {
        status = cf_fail(CF_BAD_DATA, "%s: the file is empty", path);
    } else {
        int64_t n = CF_MIN(bytes, size - 1);
        status = read_at(path, fd, line, n, 0);
        line[n] = '\0';
        line[strcspn(line, "\r\n")] = '\0';
    }
    close(fd);
done:
    return status;
}

int cf_lines_first(const cf_par *par, const char *path, char *line, int size)
{
    int status = CF_OK;
    CF_TRY(cf_agree(par, par->rank == 0 ? first_line(path, line, size)
                                        : CF_OK));
    cf_bcast(par, line, size, 0);
done:
    return status;
}
