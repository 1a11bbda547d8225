/* The reader of packed files. The check sums of gzip and zstd keep random bytes
 * from getting far, so most inputs are recipes: pieces that are packed here,
 * well or badly, one after the other. From recipes without a fault it is known
 * what must come out. Whatever comes out must not depend on the size of the
 * steps, nor on file or pipe. */
#include "fuzz.h"

#include <fcntl.h>
#include <zlib.h>
#include <zstd.h>

#include "cfmpi/inflate.h"
#include "cfmpi/text.h"

#define MOST_OUT (1 << 20)

static fuzz_file file;

static void prepare(void)
{
    make_file(&file);
}

/* ---- recipes ---- */

enum piece { RAW, GZIP, ZSTD, SKIPPED, ZEROS, CUT, PIECES };

static void add_gzip(cf_text *to, const char *s, size_t n)
{
    char packed[512];
    z_stream z = {0};
    HOLDS(deflateInit2(&z, 1, Z_DEFLATED, MAX_WBITS + 16, 1,
                       Z_DEFAULT_STRATEGY) == Z_OK);
    z.next_in = (unsigned char *)(uintptr_t)s;
    z.avail_in = (unsigned)n;
    z.next_out = (unsigned char *)packed;
    z.avail_out = sizeof packed;
    HOLDS(deflate(&z, Z_FINISH) == Z_STREAM_END);
    cf_text_bytes(to, packed, (int64_t)z.total_out);
    deflateEnd(&z);
}

static void add_zstd(cf_text *to, const char *s, size_t n)
{
    char packed[512];
    size_t length = ZSTD_compress(packed, sizeof packed, s, n, 1);
    HOLDS(!ZSTD_isError(length));
    cf_text_bytes(to, packed, (int64_t)length);
}

static void add_skipped(cf_text *to, const char *s, size_t n)
{
    const char head[8] = {0x50, 0x2a, 0x4d, 0x18, (char)n};
    cf_text_bytes(to, head, sizeof head);
    cf_text_bytes(to, s, (int64_t)n);
}

/* Whole pieces so far: bytes of the file, and what they unpack to. */
typedef struct border {
    int64_t packed, content;
    enum cf_packing packing;
} border;

/* What is known of a recipe. */
enum outcome { GOOD, BAD, UNKNOWN };

typedef struct expected {
    cf_text content;
    enum outcome outcome;
    enum cf_packing packing; /* of its pieces; CF_PLAIN before the first */
    border border[128];
    int borders;
    bool torn; /* by a cut; what follows may mend it */
} expected;

/* Pieces of different packings do not go together. */
static void note(expected *x, enum piece kind, const char *s, size_t n)
{
    enum cf_packing p = kind == GZIP ? CF_GZIP : CF_ZSTD;
    if (x->packing != CF_PLAIN && x->packing != p && x->outcome == GOOD)
        x->outcome = BAD;
    x->packing = x->packing == CF_PLAIN ? p : x->packing;
    if (kind != SKIPPED)
        cf_text_bytes(&x->content, s, (int64_t)n);
}

/* Zeros go on behind gzip; other bytes that cannot begin a piece do not. */
static void note_raw(expected *x, const char *s, size_t n)
{
    size_t first = 0;
    if (x->outcome != GOOD || n == 0)
        return;
    while (x->packing == CF_GZIP && first < n && s[first] == 0)
        first++;
    if (first == n)
        return;
    bool may_begin = x->packing == CF_GZIP ? s[first] == 0x1f
                                           : s[0] == 0x28 || s[0] >> 4 == 5;
    x->outcome = x->packing == CF_PLAIN || may_begin ? UNKNOWN : BAD;
}

/* The first `length` bytes are good where a piece ends, or within the zeros
 * behind one. */
static void note_cut(expected *x, const cf_text *to)
{
    const border *b = x->border;
    int i = x->borders - 1;
    if (x->outcome != GOOD)
        x->outcome = UNKNOWN;
    while (i > 0 && b[i].packed > to->length)
        i--;
    bool zeros = b[i].packing == CF_GZIP;
    for (int64_t at = b[i].packed; at < to->length; at++)
        zeros &= to->data[at] == 0;
    x->torn = to->length != b[i].packed && !zeros;
    if (x->outcome == GOOD && x->torn)
        x->outcome = to->length < 4 ? UNKNOWN : BAD;
    x->borders = i + 1;
    x->packing = b[i].packing;
    x->content.length = b[i].content;
}

static void add_piece(cf_text *to, expected *x, enum piece kind, const char *s,
                      size_t n)
{
    static const char zeros[256];
    if (x->torn)
        x->outcome = UNKNOWN;
    if (kind == GZIP || kind == ZSTD || kind == SKIPPED)
        note(x, kind, s, n);
    switch (kind) {
    case GZIP: add_gzip(to, s, n); break;
    case ZSTD: add_zstd(to, s, n); break;
    case SKIPPED: add_skipped(to, s, n); break;
    case CUT: /* from the end of what there is */
        to->length -= CF_MIN((int64_t)n, to->length);
        note_cut(x, to);
        return;
    default:
        s = kind == ZEROS ? zeros : s;
        note_raw(x, s, n);
        cf_text_bytes(to, s, (int64_t)n);
        return;
    }
    x->border[x->borders++] =
        (border){to->length, x->content.length, x->packing};
}

/* Each piece is a byte for its kind, one for its length, and its bytes. */
static void cook(const uint8_t *data, size_t size, cf_text *to, expected *x)
{
    x->borders = 1; /* the empty file */
    while (size >= 2 && x->borders < 128 && to->length < 20000) {
        enum piece kind = (enum piece)(data[0] % PIECES);
        size_t n = CF_MIN(data[1], size - 2);
        add_piece(to, x, kind, (const char *)data + 2, n);
        data += 2 + n;
        size -= 2 + n;
    }
    if (to->length == 0)
        x->outcome = GOOD;
}

/* ---- reading ---- */

/* Whether a reading was left off before it came to its end. */
static bool left_off(const cf_text *out)
{
    return out->length >= MOST_OUT;
}

/* At most MOST_OUT bytes: small files can unpack to huge ones. */
static int read_all(const char *path, int64_t step, cf_text *out)
{
    cf_inflate f = {0};
    int64_t got = step;
    char *block = malloc((size_t)step);
    int status = cf_inflate_open(&f, path, NULL);
    while (status == CF_OK && got == step && !left_off(out)) {
        status = cf_inflate_read(&f, block, step, &got);
        HOLDS(got >= 0 && got <= step);
        cf_text_bytes(out, block, got);
    }
    HOLDS(status != CF_OK || got == step || f.bytes_in == f.size || f.size < 0);
    cf_inflate_close(&f);
    free(block);
    return status;
}

/* The same again, in other steps; `path` is a file or a pipe. */
static void read_again(const char *path, int64_t step, int status,
                       const cf_text *out)
{
    cf_text other = {0};
    int again = read_all(path, step, &other);
    succeeded(again);
    bool whole = !left_off(out) && !left_off(&other);
    HOLDS(!whole || again == status);
    HOLDS(same_bytes(out->data, other.data,
                     (size_t)CF_MIN(out->length, other.length)));
    HOLDS(!whole || other.length == out->length);
    cf_text_free(&other);
}

static void read_pipe(const cf_text *packed, int64_t step, int status,
                      const cf_text *out)
{
    int ends[2];
    char path[32];
    HOLDS(pipe2(ends, O_CLOEXEC) == 0);
    ssize_t n = write(ends[1], packed->data, (size_t)packed->length);
    HOLDS(n == packed->length);
    snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    HOLDS(fd >= 0);
    close(ends[1]);
    read_again(path, step, status, out);
    close(fd);
    close(ends[0]);
}

static void attempt(const uint8_t *data, size_t size)
{
    cf_text packed = {0}, out = {0};
    expected x = {.outcome = UNKNOWN};
    if (size == 0)
        return;
    int64_t step = 1 + data[0] / 2 * 3;
    if (data[0] % 2 == 0) {
        x.outcome = GOOD;
        cook(data + 1, size - 1, &packed, &x);
    } else {
        cf_text_bytes(&packed, (const char *)data + 1,
                      (int64_t)CF_MIN(size - 1, 30000));
    }
    fill_file(&file, packed.data, (size_t)packed.length);
    int status = read_all(file.path, 100000, &out);
    bool good = succeeded(status);
    HOLDS(x.outcome == UNKNOWN || good == (x.outcome == GOOD));
    HOLDS(x.outcome != GOOD ||
          (out.length == x.content.length &&
           same_bytes(out.data, x.content.data, (size_t)out.length)));
    if (out.length < 20000)
        read_again(file.path, step, status, &out);
    read_pipe(&packed, 4096, status, &out);
    cf_text_free(&packed);
    cf_text_free(&out);
    cf_text_free(&x.content);
}
