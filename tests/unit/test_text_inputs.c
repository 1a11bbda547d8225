#include "text_check.h"

#include <sys/stat.h>

static char folder[FOLDER_MAX];

/* ---- several files, packed ones ---- */

enum { FILES = 4 };

/* Packs file i as `kind` says: plain, gzip, Zstandard. */
static void write_packed(char path[CF_PATH_MAX], const char *name, char kind,
                         const cf_text *text, cf_text *all)
{
    cf_text packed = {0};
    if (kind == 'g')
        add_gzip(&packed, text);
    else if (kind == 'z')
        add_zstd(&packed, text);
    else
        cf_text_bytes(&packed, text->data, text->length);
    write_bytes(path, folder, name, packed.data, packed.length);
    cf_text_bytes(all, packed.data, packed.length);
    cf_text_free(&packed);
}

static void check_digest(const cf_intake *in, const cf_text *bytes)
{
    char hex[CF_DIGEST_HEX];
    digest_of(bytes, hex);
    CHECK(strcmp(hex, in->digest) == 0 && in->bytes == bytes->length);
}

/* Files of which each has a kind; sizes differ much. */
static void check_files(const char *kinds, bool header)
{
    char path[FILES][CF_PATH_MAX], name[32];
    cf_text inputs = {0}, all = {0}, rows = {0};
    reading r = {0};
    int n = (int)strlen(kinds);
    for (int f = 0, i = 0; f < n; f++) {
        cf_text text = {0};
        cf_text_add(&text, "%s", header ? "userId,movieId,rating\n" : "");
        for (int end = i + (f == 1 ? 300 : 20); i < end; i++) {
            cf_text_add(&text, "u%d,%d,%d%s", i % 40, i % 17, i % 5,
                        i + 1 < end ? "\r\n" : "");
            cf_text_add(&rows, "u%d %d %d\n", i % 40, i % 17, i % 5);
        }
        snprintf(name, sizeof name, "part-%d", f);
        write_packed(path[f], name, kinds[f], &text, &all);
        cf_text_add(&inputs, "%s\n", path[f]);
        cf_text_free(&text);
    }
    read_inputs(&r, &world, inputs.data, &usual);
    CHECK(gave(&r, kinds, rows.data));
    check_digest(&r.in, &all);
    CHECK(r.in.file_count == n);
    for (int f = 0; f < r.in.file_count; f++)
        CHECK(strcmp(r.in.files[f].path, path[f]) == 0);
    reading_free(&r);
    cf_text_free(&inputs);
    cf_text_free(&all);
    cf_text_free(&rows);
}

/* A folder, a pattern; hidden files and empty ones do not count. */
static void test_folder(void)
{
    static const char rows[] = "1 2 3\n4 5 1\n6 7 2\n";
    char path[CF_PATH_MAX], sub[FOLDER_MAX + 8];
    reading r = {0};
    snprintf(sub, sizeof sub, "%s/sub", folder);
    if (world.rank == 0)
        CHECK(mkdir(sub, 0700) == 0);
    write_text(path, sub, "b", "6,7,2\n");
    write_text(path, sub, "a", "1,2,3\n4,5,1");
    write_text(path, sub, ".hidden", "9,9,9\n");
    write_text(path, sub, "c", "");
    read_inputs(&r, &world, sub, &usual);
    CHECK(gave(&r, "folder", rows) && r.in.file_count == 3);
    reading_free(&r);
    snprintf(path, sizeof path, "%s/[abc]", sub);
    read_inputs(&r, &world, path, &usual);
    CHECK(gave(&r, "pattern", rows) && r.in.bytes == 17);
    reading_free(&r);
    snprintf(path, sizeof path, "%s/x*", sub);
    read_inputs(&r, &world, path, &usual);
    CHECK(failed_with(r.status, CF_NO_INPUT, "no file has such a name"));
    reading_free(&r);
    read_inputs(&r, &world, "-\n/dev/null", &usual);
    CHECK(failed_with(r.status, CF_NO_INPUT, "/dev/null"));
    reading_free(&r);
    remove_folder(sub);
}

static void check_unlike(const char *one, const char *two, const char *message)
{
    char path[2][CF_PATH_MAX];
    cf_text inputs = {0};
    reading r = {0};
    write_text(path[0], folder, "one", one);
    write_text(path[1], folder, "two", two);
    cf_text_add(&inputs, "%s\n%s", path[0], path[1]);
    read_inputs(&r, &world, inputs.data, &usual);
    CHECK(failed_with(r.status, CF_BAD_DATA, message));
    reading_free(&r);
    cf_text_free(&inputs);
}

static void test_unlike(void)
{
    check_unlike("user,item,rating\n1,2,3\n", "user,rating,item\n1,2,3\n",
                 "two:1:1: the header 'user,rating,item' is not that of");
    check_unlike("user,item,rating\n1,2,3\n", "1,2,3\n",
                 "two:1:1: this file has no header");
    check_unlike("1,2,3\n", "1,2,3,4\n", "two:1:1: rows of 4 columns");
    check_unlike("1,2,3\n", "1;2;3\n",
                 "two:1:1: rows of 3 columns between ';'");
    /* the line of a bad row is that of its own file */
    check_unlike("1,2,3\n4,5,6\n7,8,9\n", "1,2,3\n1,2,3\n1,2,x\n",
                 "two:3:5: rating 'x'");
    check_unlike("1,2,3\n4,5,6\n7,\"8,9\n", "1,2,3\n", "one:3:1: the row");
}

/* ---- one stream over the ranks ---- */

enum { STREAM_ROWS = 3000 };

/* A text of some 4 MiB; row `bad` (if any) has no rating. */
static void make_stream(cf_text *text, cf_text *rows, int bad, bool quoted)
{
    cf_text_add(text, "userId,movieId,rating,a note whose name is longer than "
                      "the blocks of the tiny build\n");
    for (int i = 0; i < STREAM_ROWS; i++) {
        int width = 1 + (int)pick(5, i, 3000);
        cf_text_add(text, "%d,%d,%s%d,%s%0*d%s\n", i % 50, i,
                    i == bad ? "x" : "", i % 5, quoted ? "\"\n" : "", width, 0,
                    quoted ? "\"\"\"" : "");
        if (i != bad)
            cf_text_add(rows, "%d %d %d\n", i % 50, i, i % 5);
    }
}

static void check_stream(char kind, int bad, bool quoted, bool skip)
{
    char path[CF_PATH_MAX], where[64];
    cf_text text = {0}, rows = {0}, packed = {0};
    reading r = {0};
    r.in.bad_row = skip ? CF_BAD_ROW_SKIP : CF_BAD_ROW_STOP;
    make_stream(&text, &rows, bad, quoted);
    write_packed(path, "stream", kind, &text, &packed);
    read_inputs(&r, &world, path, &usual);
    snprintf(where, sizeof where, "stream:%d:", 2 + bad * (quoted ? 2 : 1));
    if (bad >= 0 && !skip) {
        CHECK(failed_with(r.status, CF_BAD_DATA, where));
    } else {
        CHECK(gave(&r, "stream", rows.data));
        check_digest(&r.in, &packed);
        CHECK(r.in.skipped == skip);
        CHECK(!skip || strstr(r.in.shown[0], where) != NULL);
    }
    reading_free(&r);
    cf_text_free(&packed);
    cf_text_free(&rows);
    cf_text_free(&text);
}

/* Text that packs badly, so that the packed file is many times what is read of
 * it at once: of three ranks two parse a good part each. */
static void test_turns(char kind)
{
    enum { LINES = 40000 };
    char path[CF_PATH_MAX];
    cf_text text = {0}, rows = {0}, packed = {0};
    reading r = {0};
    for (int i = 0; i < LINES; i++) {
        cf_text_add(&text, "%d,%d,%d,", i / 30, i % 30, i % 5);
        for (int k = 0; k < 3; k++)
            cf_text_add(&text, "%016" PRIx64,
                        cf_random_bits(7, 6, (uint64_t)(3 * i + k)));
        cf_text_add(&text, "\n");
        cf_text_add(&rows, "%d %d %d\n", i / 30, i % 30, i % 5);
    }
    write_packed(path, "turns", kind, &text, &packed);
    read_inputs(&r, &world, path, &usual);
    CHECK(gave(&r, "turns", rows.data));
    check_digest(&r.in, &packed);
    if (world.size == 1)
        CHECK(r.in.entries.count == LINES);
    else if (world.rank == 0)
        CHECK(r.in.entries.count == 0);
    else if (world.size == 3)
        CHECK(r.in.entries.count > LINES / 10);
    reading_free(&r);
    cf_text_free(&packed);
    cf_text_free(&rows);
    cf_text_free(&text);
}

static void test_streams(void)
{
    check_stream('g', -1, false, false);
    check_stream('z', -1, false, false);
    check_stream('g', -1, true, false);
    check_stream('g', 5, false, false);
    check_stream('g', STREAM_ROWS / 2, true, false);
    check_stream('z', STREAM_ROWS - 1, false, false);
    check_stream('z', STREAM_ROWS / 2, true, true);
}

/* Packed texts that are small, empty, damaged or without an end. */
static void test_small_streams(void)
{
    char path[CF_PATH_MAX];
    cf_text text = {0}, packed = {0};
    reading r = {0};
    cf_text_add(&text, "1,2,3");
    write_packed(path, "small", 'g', &text, &packed);
    read_inputs(&r, &world, path, &usual);
    CHECK(gave(&r, "small", "1 2 3\n"));
    check_digest(&r.in, &packed);
    reading_free(&r);
    write_bytes(path, folder, "cut", packed.data, packed.length - 9);
    read_inputs(&r, &world, path, &usual);
    CHECK(failed_with(r.status, CF_BAD_DATA, "cut"));
    reading_free(&r);
    cf_text_add(&text, "\n1,3,4\n4,\"5,6\n");
    write_packed(path, "open", 'z', &text, &packed);
    read_inputs(&r, &world, path, &usual);
    CHECK(failed_with(r.status, CF_BAD_DATA, "open:3:1: the row '4,\"5,6?'"));
    reading_free(&r);
    text.length = 0;
    write_packed(path, "empty", 'g', &text, &packed);
    read_inputs(&r, &world, path, &usual);
    CHECK(failed_with(r.status, CF_BAD_DATA, "empty"));
    reading_free(&r);
    cf_text_free(&packed);
    cf_text_free(&text);
}

static void run_tests(void)
{
    make_folder(folder);
    check_files("ppp", true);
    check_files("ppp", false);
    check_files("gzg", true);
    check_files("pgpz", true);
    check_files("zppg", false);
    test_folder();
    test_unlike();
    test_streams();
    test_turns('g');
    test_turns('z');
    test_small_streams();
    remove_folder(folder);
}
