#include "test.h"

#include <pthread.h>
#include <sys/mman.h>
#include <zlib.h>
#include <zstd.h>

#include "cfmpi/inflate.h"
#include "cfmpi/text.h"

/* Every rank works on files of its own, without names in a folder. */
static char scratch[64];
static int scratch_fd;

static void put(const char *bytes, int64_t length)
{
    CHECK(ftruncate(scratch_fd, 0) == 0);
    CHECK(pwrite(scratch_fd, bytes, (size_t)length, 0) == length);
}

/* Lines like those of a ratings file. */
static void make_lines(cf_text *t, int64_t length)
{
    for (int64_t i = 0; t->length < length; i++)
        cf_text_add(t, "%d,%d,%d.5\n", (int)pick(1, i, 100000),
                    (int)pick(2, i, 9000), (int)pick(3, i, 5));
    t->length = length;
}

/* ---- packing ---- */

static void add_gzip(cf_text *t, const char *s, int64_t n)
{
    z_stream z = {0};
    CHECK(deflateInit2(&z, 6, Z_DEFLATED, MAX_WBITS + 16, 8,
                       Z_DEFAULT_STRATEGY) == Z_OK);
    int64_t most = (int64_t)deflateBound(&z, (uLong)n);
    char *to = cf_alloc(most, 1, "test");
    z.next_in = (unsigned char *)(uintptr_t)s;
    z.avail_in = (unsigned)n;
    z.next_out = (unsigned char *)to;
    z.avail_out = (unsigned)most;
    CHECK(deflate(&z, Z_FINISH) == Z_STREAM_END);
    cf_text_bytes(t, to, (int64_t)z.total_out);
    deflateEnd(&z);
    cf_free(to);
}

static void add_zstd(cf_text *t, const char *s, int64_t n)
{
    size_t most = ZSTD_compressBound((size_t)n);
    char *to = cf_alloc((int64_t)most, 1, "test");
    ZSTD_CCtx *c = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
    size_t length = ZSTD_compress2(c, to, most, s, (size_t)n);
    CHECK(!ZSTD_isError(length));
    cf_text_bytes(t, to, (int64_t)length);
    ZSTD_freeCCtx(c);
    cf_free(to);
}

typedef void add_fn(cf_text *t, const char *s, int64_t n);

/* ---- unpacking ---- */

/* Reads all in steps of `step` bytes. */
static int unpack(const char *path, int64_t step, cf_text *out,
                  cf_inflate *seen, cf_digest *digest)
{
    cf_inflate f = {0};
    int64_t got = step;
    char *block = cf_alloc(step, 1, "test");
    int status = cf_inflate_open(&f, path, digest);
    while (status == CF_OK && got == step) {
        status = cf_inflate_read(&f, block, step, &got);
        cf_text_bytes(out, block, got);
    }
    *seen = f;
    cf_inflate_close(&f);
    cf_inflate_close(&f);
    cf_free(block);
    return status;
}

static bool same_text(const cf_text *a, const char *s, int64_t n)
{
    return a->length == n && (n == 0 || memcmp(a->data, s, (size_t)n) == 0);
}

static void digest_of(const cf_text *t, char hex[CF_DIGEST_HEX])
{
    cf_par self = one_rank();
    cf_digest d;
    cf_digest_begin(&d, 0, t->length);
    cf_digest_update(&d, t->data, t->length);
    cf_digest_end(&d, &self, hex);
}

/* `packed` gives the first `n` bytes of `lines`, in steps of any size. */
static void check_unpack(const cf_text *packed, const cf_text *lines, int64_t n,
                         enum cf_packing packing)
{
    static const int64_t steps[] = {1, 1000, (256 << 10) - 1, 8 << 20};
    char hex[CF_DIGEST_HEX], expected[CF_DIGEST_HEX];
    cf_par self = one_rank();
    put(packed->data, packed->length);
    digest_of(packed, expected);
    for (int i = 0; i < COUNT(steps); i++) {
        cf_text out = {0};
        cf_inflate seen;
        cf_digest d;
        if (n > 100000 * steps[i])
            continue;
        cf_digest_begin(&d, 0, -1);
        CHECK(unpack(scratch, steps[i], &out, &seen, &d) == CF_OK);
        cf_digest_end(&d, &self, hex);
        CHECK(same_text(&out, lines->data, n));
        CHECK(seen.packing == packing);
        CHECK(seen.bytes_in == packed->length && seen.size == packed->length);
        CHECK(strcmp(hex, expected) == 0);
        cf_text_free(&out);
    }
}

/* ---- the tests ---- */

static void test_whole(void)
{
    static const int64_t sizes[] = {0, 1, 5, 3000, 256 << 10, 3000001};
    cf_text lines = {0}, packed = {0};
    make_lines(&lines, 3000001);
    for (int i = 0; i < COUNT(sizes); i++) {
        check_unpack(&(cf_text){lines.data, sizes[i], 0}, &lines, sizes[i],
                     CF_PLAIN);
        add_gzip(&packed, lines.data, sizes[i]);
        check_unpack(&packed, &lines, sizes[i], CF_GZIP);
        cf_text_clear(&packed);
        add_zstd(&packed, lines.data, sizes[i]);
        check_unpack(&packed, &lines, sizes[i], CF_ZSTD);
        cf_text_clear(&packed);
    }
    cf_text_free(&lines);
    cf_text_free(&packed);
}

/* Pieces one after the other, empty ones among them. */
static void add_pieces(cf_text *packed, add_fn *add, const cf_text *lines,
                       int64_t piece)
{
    for (int64_t at = 0; at < lines->length; at += piece) {
        add(packed, lines->data + at, CF_MIN(piece, lines->length - at));
        if (at / piece % 7 == 0)
            add(packed, NULL, 0);
    }
}

static void test_pieces(void)
{
    static const char skipped[] = "\x5a\x2a\x4d\x18\x03\0\0\0abc";
    cf_text lines = {0}, packed = {0};
    make_lines(&lines, 700000);
    add_pieces(&packed, add_gzip, &lines, 4001);
    check_unpack(&packed, &lines, lines.length, CF_GZIP);
    for (int i = 0; i < 300000; i++) /* more than a block of the reader */
        cf_text_bytes(&packed, "", 1);
    check_unpack(&packed, &lines, lines.length, CF_GZIP);
    cf_text_clear(&packed);
    cf_text_bytes(&packed, skipped, sizeof skipped - 1);
    add_pieces(&packed, add_zstd, &lines, 4001);
    cf_text_bytes(&packed, skipped, sizeof skipped - 1);
    check_unpack(&packed, &lines, lines.length, CF_ZSTD);
    cf_text_free(&lines);
    cf_text_free(&packed);
}

/* No beginning of a packed file passes for a whole one. */
static void test_truncated(void)
{
    static add_fn *const add[] = {add_gzip, add_zstd};
    static const char *const words[] = {"the gzip data end early, after %d ",
                                        "the zstd data end early, after %d "};
    cf_text lines = {0}, packed = {0}, out = {0};
    cf_inflate seen;
    char expected[64];
    make_lines(&lines, 2000);
    for (int kind = 0; kind < COUNT(add); kind++) {
        cf_text_clear(&packed);
        add[kind](&packed, lines.data, lines.length);
        for (int64_t n = 4 + world.rank; n < packed.length; n += world.size) {
            put(packed.data, n);
            cf_text_clear(&out);
            snprintf(expected, sizeof expected, words[kind], (int)n);
            CHECK(unpack(scratch, 100, &out, &seen, NULL) == CF_BAD_DATA);
            CHECK(strstr(cf_error_message(), expected) != NULL);
            CHECK(out.length <= lines.length &&
                  same_text(&out, lines.data, out.length));
            cf_error_clear();
        }
    }
    cf_text_free(&lines);
    cf_text_free(&packed);
    cf_text_free(&out);
}

/* Too short for the content to tell: the name does. Collective. */
static void test_short(void)
{
    static const struct {
        const char *name, *bytes;
        int64_t length;
    } files[] = {{"empty.gz", "", 0},
                 {"one.csv.GZ", "\x1f", 1},
                 {"empty.zst", "", 0},
                 {"three.zst", "\x28\xb5\x2f", 3}};
    char folder[FOLDER_MAX], path[CF_PATH_MAX];
    cf_inflate f = {0};
    make_folder(folder);
    for (int i = 0; i < COUNT(files); i++) {
        write_bytes(path, folder, files[i].name, files[i].bytes,
                    files[i].length);
        CHECK(failed_with(cf_inflate_open(&f, path, NULL), CF_BAD_DATA,
                          "end early"));
    }
    write_text(path, folder, "short.csv.gz", "1,2,3\n");
    CHECK(cf_inflate_open(&f, path, NULL) == CF_OK && f.packing == CF_PLAIN);
    cf_inflate_close(&f);
    CHECK(failed_with(cf_inflate_open(&f, folder, NULL), CF_NO_INPUT,
                      "is a folder"));
    snprintf(path, sizeof path, "%.60s/none.gz", folder);
    CHECK(failed_with(cf_inflate_open(&f, path, NULL), CF_NO_INPUT, path));
    remove_folder(folder);
}

/* A flipped bit is an error, or stands where it does no harm. */
static void test_flipped(void)
{
    static add_fn *const add[] = {add_gzip, add_zstd};
    cf_text lines = {0}, packed = {0}, out = {0};
    cf_inflate seen;
    int64_t errors = 0, tries = 0;
    make_lines(&lines, 400);
    for (int kind = 0; kind < COUNT(add); kind++) {
        cf_text_clear(&packed);
        add[kind](&packed, lines.data, lines.length);
        for (int64_t i = world.rank; i < 8 * packed.length; i += world.size) {
            packed.data[i / 8] ^= (char)(1 << i % 8);
            put(packed.data, packed.length);
            cf_text_clear(&out);
            int status = unpack(scratch, 100, &out, &seen, NULL);
            const cf_text *same = seen.packing == CF_PLAIN ? &packed : &lines;
            CHECK(
                status == CF_BAD_DATA ||
                (status == CF_OK && same_text(&out, same->data, same->length)));
            tries++;
            errors += status != CF_OK;
            cf_error_clear();
            packed.data[i / 8] ^= (char)(1 << i % 8);
        }
    }
    CHECK(errors > tries * 8 / 10);
    cf_text_free(&lines);
    cf_text_free(&packed);
    cf_text_free(&out);
}

static void check_damaged(const cf_text *packed, const char *words)
{
    cf_text out = {0};
    cf_inflate seen;
    put(packed->data, packed->length);
    CHECK(unpack(scratch, 100000, &out, &seen, NULL) == CF_BAD_DATA);
    if (strstr(cf_error_message(), words) == NULL) {
        fprintf(stderr, "no '%s' in '%s'\n", words, cf_error_message());
        failures++;
    }
    cf_error_clear();
    cf_text_free(&out);
}

static void test_damaged(void)
{
    cf_text lines = {0}, packed = {0};
    make_lines(&lines, 500000);
    add_gzip(&packed, lines.data, lines.length);
    int64_t length = packed.length;
    packed.data[length - 6] ^= 1;
    check_damaged(&packed, "(incorrect data check)");
    packed.data[length - 6] ^= 1;
    packed.data[length - 1] ^= 1;
    check_damaged(&packed, "(incorrect length check)");
    packed.data[length - 1] ^= 1;
    cf_text_add(&packed, "1,2,3\n");
    check_damaged(&packed, "(what follows is no gzip)");
    packed.length = length;
    cf_text_bytes(&packed, "\0\0\x1f\x8c", 4);
    check_damaged(&packed, "(incorrect header check)");
    cf_text_clear(&packed);
    add_zstd(&packed, lines.data, lines.length);
    packed.data[packed.length - 1] ^= 1;
    check_damaged(&packed, "zstd data are damaged near byte ");
    packed.data[packed.length - 1] ^= 1;
    cf_text_add(&packed, "1,2,3\n");
    check_damaged(&packed, "zstd data are damaged near byte ");
    /* a frame that asks for a window of 2 GiB */
    static const char wide[] = "\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00";
    check_damaged(&(cf_text){(char *)(uintptr_t)wide, sizeof wide - 1, 0},
                  "a window of over 128 MiB");
    cf_text_free(&lines);
    cf_text_free(&packed);
}

/* What comes before damage does not depend on the steps, and the error stays.
 */
static void test_before_damage(void)
{
    static add_fn *const add[] = {add_gzip, add_zstd};
    static const int64_t steps[] = {700, 100000, 2000000};
    cf_text lines = {0}, packed = {0};
    char *block = cf_alloc(2000000, 1, "test");
    make_lines(&lines, 1500000);
    for (int kind = 0; kind < COUNT(add); kind++) {
        int64_t first = 0;
        cf_text_clear(&packed);
        add[kind](&packed, lines.data, lines.length);
        memset(packed.data + packed.length / 2, 0xff, 99);
        put(packed.data, packed.length);
        for (int i = 0; i < COUNT(steps); i++) {
            cf_inflate f = {0};
            int64_t got = 0, all = 0;
            int status = cf_inflate_open(&f, scratch, NULL);
            for (; status == CF_OK; all += got)
                status = cf_inflate_read(&f, block, steps[i], &got);
            CHECK(failed_with(status, CF_BAD_DATA, "damaged"));
            first = i == 0 ? all : first;
            CHECK(all == first && all > 400000);
            status = cf_inflate_read(&f, block, steps[i], &got);
            CHECK(got == 0 && failed_with(status, CF_BAD_DATA, "damaged"));
            cf_inflate_close(&f);
        }
    }
    cf_free(block);
    cf_text_free(&lines);
    cf_text_free(&packed);
}

static void test_others(void)
{
    static const struct {
        const char *bytes, *words;
        int64_t length;
    } others[] = {{"PK\3\4............", "zip, which is not read", 16},
                  {"BZh91AY&SY......", "bzip2, which", 16},
                  {"\xfd"
                   "7zXZ\0..........",
                   "xz, which", 16}};
    for (int i = 0; i < COUNT(others); i++)
        check_damaged(
            &(cf_text){(char *)(uintptr_t)others[i].bytes, others[i].length, 0},
            others[i].words);
}

/* A file that another program writes while it is read. */
static void test_changed(void)
{
    static add_fn *const add[] = {cf_text_bytes, add_gzip, add_zstd};
    static const int changes[] = {-1000, 1000};
    cf_text lines = {0}, packed = {0};
    make_lines(&lines, 3000000);
    char *block = cf_alloc(lines.length + 10000, 1, "test");
    for (int kind = 0; kind < COUNT(add); kind++) {
        cf_text_clear(&packed);
        add[kind](&packed, lines.data, lines.length);
        for (int i = 0; i < COUNT(changes); i++) {
            cf_inflate f = {0};
            int64_t got;
            put(packed.data, packed.length);
            CHECK(cf_inflate_open(&f, scratch, NULL) == CF_OK);
            CHECK(cf_inflate_read(&f, block, 10000, &got) == CF_OK);
            CHECK(got == 10000);
            CHECK(ftruncate(scratch_fd, packed.length + changes[i]) == 0);
            CHECK(cf_inflate_read(&f, block, lines.length + 10000, &got) ==
                  CF_IO);
            CHECK(strstr(cf_error_message(), "changed while") != NULL);
            cf_error_clear();
            cf_inflate_close(&f);
        }
    }
    cf_free(block);
    cf_text_free(&lines);
    cf_text_free(&packed);
}

/* ---- standard input ---- */

typedef struct trickle {
    const cf_text *text;
    int fd;
} trickle;

/* Hands the bytes over one by one at first, then in odd pieces. */
static void *write_slowly(void *arg)
{
    trickle *t = arg;
    for (int64_t at = 0, n; at < t->text->length; at += n) {
        n = CF_MIN(at < 100 ? 1 : 777, t->text->length - at);
        if (write(t->fd, t->text->data + at, (size_t)n) != n)
            break;
    }
    close(t->fd);
    return NULL;
}

static void check_pipe(const cf_text *packed, const cf_text *lines,
                       enum cf_packing packing)
{
    int ends[2], before = dup(STDIN_FILENO);
    cf_text out = {0};
    cf_inflate seen;
    pthread_t writer;
    CHECK(pipe(ends) == 0);
    trickle t = {packed, ends[1]};
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    CHECK(pthread_create(&writer, NULL, write_slowly, &t) == 0);
    CHECK(unpack("-", 5000, &out, &seen, NULL) == CF_OK);
    CHECK(strcmp(seen.path, "standard input") == 0);
    CHECK(seen.packing == packing);
    CHECK(seen.size == -1 && seen.bytes_in == packed->length);
    CHECK(same_text(&out, lines->data, lines->length));
    pthread_join(writer, NULL);
    dup2(before, STDIN_FILENO);
    close(before);
    cf_text_free(&out);
}

/* From where another reader, or the shell, has left the file. */
static void test_redirected(void)
{
    int before = dup(STDIN_FILENO);
    cf_text out = {0};
    cf_inflate seen;
    put("header\n1,2\n", 11);
    dup2(scratch_fd, STDIN_FILENO);
    lseek(STDIN_FILENO, 7, SEEK_SET);
    CHECK(unpack("-", 100, &out, &seen, NULL) == CF_OK);
    CHECK(same_text(&out, "1,2\n", 4));
    CHECK(seen.size == 4 && seen.bytes_in == 4);
    lseek(STDIN_FILENO, 0, SEEK_SET);
    dup2(before, STDIN_FILENO);
    close(before);
    cf_text_free(&out);
}

static void test_stdin(void)
{
    cf_text lines = {0}, packed = {0};
    make_lines(&lines, 700000);
    check_pipe(&lines, &lines, CF_PLAIN);
    add_gzip(&packed, lines.data, lines.length);
    check_pipe(&packed, &lines, CF_GZIP);
    cf_text_clear(&packed);
    add_zstd(&packed, lines.data, lines.length);
    check_pipe(&packed, &lines, CF_ZSTD);
    cf_text_free(&lines);
    cf_text_free(&packed);
    test_redirected();
}

static void run_tests(void)
{
    scratch_fd = memfd_create("test", 0);
    snprintf(scratch, sizeof scratch, "/proc/self/fd/%d", scratch_fd);
    test_whole();
    test_pieces();
    test_truncated();
    test_short();
    test_flipped();
    test_damaged();
    test_before_damage();
    test_others();
    test_changed();
    test_stdin();
    close(scratch_fd);
}
