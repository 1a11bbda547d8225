/* Method  Blocks of the file go through zlib or libzstd straight into the
 *         caller's buffer; a plain file is read into it without a detour.
 *         Members of gzip and frames of zstd may follow each other, as bgzip,
 *         pigz, pzstd and `cat a.gz b.gz` leave them. Zeros after a member of
 *         gzip, as tapes leave them, are skipped; anything else there is an
 *         error, since it may be the rest of the ratings.
 * Cost    The library's; 256 KiB at a time stay in the cache.
 * References  RFC 1952 (gzip), RFC 8878 (zstd). */
#define _POSIX_C_SOURCE 200809L
#include "cfmpi/inflate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "cfmpi/error.h"
#include "cfmpi/memory.h"

#define RAW ((int64_t)256 << 10)
#define MOST ((int64_t)1 << 30) /* in one call of a library or the system */
#define MAGIC 4                 /* bytes that tell the packing */

/* zstd */
#define FRAME_HEADER 6 /* the shortest */
#define BLOCK_HEADER 3
#define FULL (-1)

static const char *const names[] = {"", "gzip", "zstd"};
static const char *const endings[] = {"", ".gz", ".zst"};

enum cf_packing cf_packing_of(const char *head, int64_t n)
{
    const unsigned char *s = (const unsigned char *)head;
    if (n >= 2 && s[0] == 0x1f && s[1] == 0x8b)
        return CF_GZIP;
    if (n >= MAGIC && memcmp(s, "\x28\xb5\x2f\xfd", MAGIC) == 0)
        return CF_ZSTD;
    /* a frame to be skipped, with which pzstd begins */
    if (n >= MAGIC && (s[0] & 0xf0) == 0x50 &&
        memcmp(s + 1, "\x2a\x4d\x18", MAGIC - 1) == 0)
        return CF_ZSTD;
    return CF_PLAIN;
}

/* ---- the file as it lies ---- */

/* The size is checked against the system's word for it: rows that another
 * program is still writing must not be missed in silence. */
static int check_size(const cf_inflate *f, bool at_end)
{
    struct stat info;
    bool same = fstat(f->fd, &info) == 0 && f->bytes_in <= f->size &&
                (!at_end || f->bytes_in == f->size);
    if (same && f->own_fd)
        same = (int64_t)info.st_size == f->size;
    return same ? CF_OK
                : cf_fail(CF_IO,
                          "%s: changed while it was read; try again when no "
                          "program writes to it",
                          f->path);
}

/* The next bytes of the file, at most `want`; *n is 0 at its end only. */
static int read_file(cf_inflate *f, char *to, int64_t want, int64_t *n)
{
    ssize_t got;
    do
        got = read(f->fd, to, (size_t)CF_MIN(want, MOST));
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return cf_fail(CF_IO, "%s: %s at byte %" PRId64, f->path,
                       strerror(errno), f->bytes_in);
    *n = (int64_t)got;
    f->bytes_in += *n;
    if (f->digest != NULL)
        cf_digest_update(f->digest, to, *n);
    return f->size < 0 ? CF_OK : check_size(f, got == 0);
}

/* One block more when nothing is left of the last. */
static int refill(cf_inflate *f)
{
    int64_t n;
    if (f->raw_at < f->raw_end || f->at_end)
        return CF_OK;
    f->raw_at = f->raw_end = 0;
    int status = read_file(f, f->raw, RAW, &n);
    if (status == CF_OK) {
        f->raw_end = n;
        f->at_end = n == 0;
    }
    return status;
}

/* Place in the file of the next byte to unpack. */
static int64_t place(const cf_inflate *f)
{
    return f->bytes_in - (f->raw_end - f->raw_at);
}

static int ends_early(const cf_inflate *f)
{
    return cf_fail(CF_BAD_DATA,
                   "%s: the %s data end early, after %" PRId64
                   " bytes; is the file complete?",
                   f->path, names[f->packing], f->bytes_in);
}

static int damaged(const cf_inflate *f, const char *why)
{
    return cf_fail(CF_BAD_DATA,
                   "%s: the %s data are damaged near byte %" PRId64
                   " (%s); get the file anew",
                   f->path, names[f->packing], place(f), why);
}

/* ---- opening ---- */

static int open_file(cf_inflate *f, const char *path)
{
    struct stat info;
    bool standard = strcmp(path, "-") == 0;
    snprintf(f->path, sizeof f->path, "%s", standard ? "standard input" : path);
    f->own_fd = !standard;
    f->fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (f->fd < 0 || fstat(f->fd, &info) != 0)
        return cf_fail(CF_NO_INPUT, "%s: %s", f->path, strerror(errno));
    if (S_ISDIR(info.st_mode))
        return cf_fail(CF_NO_INPUT, "%s: is a folder; name a file in it",
                       f->path);
    f->size = -1;
    if (S_ISREG(info.st_mode)) {
        /* a shell's `<` may leave us in the middle */
        off_t begin = lseek(f->fd, 0, SEEK_CUR);
        f->size = CF_MAX((int64_t)info.st_size - CF_MAX(begin, 0), 0);
        (void)posix_fadvise(f->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    }
    return CF_OK;
}

/* What people have and this program does not read. */
static int refuse_others(const cf_inflate *f)
{
    static const struct {
        const char *name, *magic;
        int length;
    } others[] = {{"zip", "PK\3\4", 4},
                  {"bzip2", "BZh91AY&SY", 10},
                  {"xz",
                   "\xfd"
                   "7zXZ\0",
                   6}};
    for (int i = 0; i < (int)(sizeof others / sizeof *others); i++)
        if (f->raw_end >= others[i].length &&
            memcmp(f->raw, others[i].magic, (size_t)others[i].length) == 0)
            return cf_fail(CF_BAD_DATA,
                           "%s: is packed with %s, which is not read; unpack "
                           "it, or pack it with gzip or zstd",
                           f->path, others[i].name);
    return CF_OK;
}

static bool ends_with(const char *s, const char *ending)
{
    size_t n = strlen(s), m = strlen(ending);
    return n >= m && strcasecmp(s + n - m, ending) == 0;
}

/* Looks at the first bytes, however small the pieces in which they come. */
static int find_packing(cf_inflate *f)
{
    int status = CF_OK;
    int64_t n = 1;
    while (n > 0 && f->raw_end < 10) {
        CF_TRY(read_file(f, f->raw + f->raw_end, RAW - f->raw_end, &n));
        f->raw_end += n;
    }
    f->at_end = n == 0;
    CF_TRY(refuse_others(f));
    f->packing = cf_packing_of(f->raw, f->raw_end);
    if (f->packing == CF_PLAIN && f->at_end && f->raw_end < MAGIC)
        for (int p = CF_GZIP; p <= CF_ZSTD; p++)
            if (ends_with(f->path, endings[p])) {
                f->packing = (enum cf_packing)p;
                CF_TRY(ends_early(f));
            }
done:
    return status;
}

static void start_stream(cf_inflate *f)
{
    bool good = true;
    if (f->packing == CF_GZIP) {
        f->stream = cf_calloc(1, sizeof(z_stream), "gzip");
        good = inflateInit2(f->stream, MAX_WBITS + 16) == Z_OK;
    } else if (f->packing == CF_ZSTD) {
        f->stream = ZSTD_createDStream();
        good = f->stream != NULL;
    }
    if (!good)
        cf_die(CF_NO_MEMORY, "out of memory for unpacking %s", f->path);
}

int cf_inflate_open(cf_inflate *f, const char *path, cf_digest *digest)
{
    int status = CF_OK;
    *f = (cf_inflate){.fd = -1, .digest = digest, .stream_idle = true};
    f->raw = cf_alloc(RAW, 1, "packed input");
    CF_TRY(open_file(f, path));
    CF_TRY(find_packing(f));
    start_stream(f);
done:
    if (status != CF_OK)
        cf_inflate_close(f);
    return status;
}

/* ---- reading ---- */

/* Each step below gives some bytes of output, at most `want`; 0 means that
 * the step only took input, or the end when at_end and stream_idle say so. */

static int step_plain(cf_inflate *f, char *out, int64_t want, int64_t *got)
{
    int64_t n = CF_MIN(want, f->raw_end - f->raw_at);
    int status = CF_OK;
    if (n > 0) {
        memcpy(out, f->raw + f->raw_at, (size_t)n);
        f->raw_at += n;
    } else if (!f->at_end) {
        status = read_file(f, out, want, &n);
        f->at_end = status == CF_OK && n == 0;
    }
    *got = n;
    return status;
}

/* Between two members: over zeros to the next one. */
static int next_member(cf_inflate *f)
{
    while (f->raw_at < f->raw_end && f->raw[f->raw_at] == 0)
        f->raw_at++;
    if (f->raw_at == f->raw_end)
        return CF_OK;
    if (f->raw[f->raw_at] != 0x1f)
        return damaged(f, "what follows is no gzip");
    inflateReset(f->stream);
    f->stream_idle = false;
    return CF_OK;
}

static int step_gzip(cf_inflate *f, char *out, int64_t want, int64_t *got)
{
    z_stream *z = f->stream;
    if (f->stream_idle)
        return next_member(f);
    z->next_in = (unsigned char *)f->raw + f->raw_at;
    z->avail_in = (unsigned)(f->raw_end - f->raw_at);
    z->next_out = (unsigned char *)out;
    z->avail_out = (unsigned)CF_MIN(want, MOST);
    int rc = inflate(z, Z_NO_FLUSH);
    f->raw_at = f->raw_end - z->avail_in;
    *got = (char *)z->next_out - out;
    f->stream_idle = rc == Z_STREAM_END;
    if (rc == Z_MEM_ERROR)
        cf_die(CF_NO_MEMORY, "out of memory for unpacking %s", f->path);
    if (rc == Z_BUF_ERROR) /* no step forward: the input is at its end */
        return ends_early(f);
    if (rc != Z_OK && rc != Z_STREAM_END)
        return damaged(f, z->msg != NULL ? z->msg : zError(rc));
    return CF_OK;
}

/* How much of `have` libzstd gets at once. When it meets damage it does not
 * tell what it has put out in the same call, so a call must not go from one
 * block into the next: `piece` is what it has asked for, the header of a next
 * block included, or 0 between two frames; it is FULL where output may wait
 * for room. */
static size_t take_of(const cf_inflate *f, int64_t have)
{
    int64_t most = f->piece == FULL          ? 0
                   : f->piece > BLOCK_HEADER ? f->piece - BLOCK_HEADER
                   : f->piece > 0            ? f->piece
                                             : FRAME_HEADER;
    return (size_t)CF_MIN(have, most);
}

static int step_zstd(cf_inflate *f, char *out, int64_t want, int64_t *got)
{
    int64_t have = f->raw_end - f->raw_at;
    ZSTD_inBuffer in = {f->raw + f->raw_at, take_of(f, have), 0};
    ZSTD_outBuffer to = {out, (size_t)CF_MIN(want, MOST), 0};
    if (f->stream_idle && have == 0)
        return CF_OK;
    size_t rc = ZSTD_decompressStream(f->stream, &to, &in);
    f->raw_at += (int64_t)in.pos;
    *got = (int64_t)to.pos;
    switch (ZSTD_getErrorCode(rc)) {
    case ZSTD_error_no_error: break;
    case ZSTD_error_memory_allocation:
        cf_die(CF_NO_MEMORY, "out of memory for unpacking %s", f->path);
    case ZSTD_error_frameParameter_windowTooLarge:
        return cf_fail(CF_BAD_DATA,
                       "%s: was packed with a window of over 128 MiB; pack it "
                       "anew without --long or --ultra",
                       f->path);
    default: return damaged(f, ZSTD_getErrorName(rc));
    }
    f->stream_idle = rc == 0;
    f->piece = to.pos == to.size && rc != 0 ? FULL : (int64_t)rc;
    if (rc != 0 && f->at_end && f->raw_at == f->raw_end && to.pos < to.size)
        return ends_early(f);
    return CF_OK;
}

int cf_inflate_read(cf_inflate *f, char *out, int64_t want, int64_t *got)
{
    static int (*const steps[])(cf_inflate *, char *, int64_t,
                                int64_t *) = {step_plain, step_gzip, step_zstd};
    int status = CF_OK;
    *got = 0;
    if (f->failed != CF_OK)
        return cf_fail(f->failed, "%s", f->why);
    while (*got < want) {
        int64_t n = 0;
        if (f->packing != CF_PLAIN)
            CF_TRY(refill(f));
        status = steps[f->packing](f, out + *got, want - *got, &n);
        *got += n;
        if (status != CF_OK)
            break;
        if (n == 0 && f->at_end && f->stream_idle && f->raw_at == f->raw_end)
            break;
    }
done:
    f->failed = status;
    if (status != CF_OK)
        snprintf(f->why, sizeof f->why, "%s", cf_error_message());
    return status;
}

void cf_inflate_close(cf_inflate *f)
{
    if (f->raw == NULL)
        return;
    if (f->own_fd && f->fd >= 0)
        close(f->fd);
    if (f->packing == CF_GZIP && f->stream != NULL) {
        inflateEnd(f->stream);
        cf_free(f->stream);
    } else if (f->packing == CF_ZSTD) {
        ZSTD_freeDStream(f->stream);
    }
    cf_free(f->raw);
    *f = (cf_inflate){0};
}
