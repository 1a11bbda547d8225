/* Which files stand behind what a user names. */
#include "test.h"

#include <sys/stat.h>

#include "../../src/input/sources.h"

static char folder[FOLDER_MAX];
static char sub[FOLDER_MAX + 8];

/* ---- files to find ---- */

static const char gzip[] = {31, (char)139, 8, 0, 'x', 'y', 'z'};
static const char zstd[] = {40, (char)181, 47, (char)253, 'x'};

/* folder/: a.csv (3 bytes), b.csv (0), .hidden, B.csv (5), packed.csv (7),
 * and sub/, which has z (2) and y (5, packed). */
static void make_files(void)
{
    char path[CF_PATH_MAX];
    make_folder(folder);
    snprintf(sub, sizeof sub, "%s/sub", folder);
    if (world.rank == 0)
        CHECK(mkdir(sub, 0700) == 0);
    write_text(path, folder, "a.csv", "1,2");
    write_text(path, folder, "b.csv", "");
    write_text(path, folder, "B.csv", "3,4,5");
    write_text(path, folder, ".hidden", "x");
    write_bytes(path, folder, "packed.csv", gzip, sizeof gzip);
    write_text(path, sub, "z", "3\n");
    write_bytes(path, sub, "y", zstd, sizeof zstd);
}

/* The files that `inputs` stand for, as "NAME SIZE" with + for packed ones;
 * inputs are names in the folder, separated by commas. Collective. */
static int find(cf_text *out, const char *inputs)
{
    cf_text list = {0};
    cf_sources s = {0};
    int64_t bytes = 0;
    for (const char *i = inputs; *i != '\0'; i += *i == ',') {
        int n = (int)strcspn(i, ",");
        bool is_path = *i != '-' && *i != '/';
        cf_text_add(&list, "%s%s%.*s\n", is_path ? folder : "",
                    is_path ? "/" : "", n, i);
        i += n;
    }
    int status = cf_sources_find(&s, &world, list.data);
    cf_text_bytes(out, "", 0);
    for (int64_t i = 0; status == CF_OK && i < s.count; i++) {
        const cf_source *f = &s.file[i];
        const char *name = strrchr(f->path, '/');
        CHECK(f->begin == bytes || f->size < 0);
        bytes += f->size;
        cf_text_add(out, "%s%s %" PRId64 "%s", i > 0 ? "," : "",
                    name != NULL ? name + 1 : f->path, f->size,
                    f->packing != CF_PLAIN ? "+" : "");
        CHECK(cf_source_is_stream(f) ==
              (f->packing != CF_PLAIN || strcmp(f->path, "-") == 0));
    }
    CHECK(status != CF_OK || s.bytes == bytes);
    cf_sources_free(&s);
    cf_sources_free(&s);
    cf_text_free(&list);
    return status;
}

static void check_found(const char *inputs, const char *expected)
{
    cf_text out = {0};
    CHECK(find(&out, inputs) == CF_OK);
    bool same =
        strcmp(out.data, expected) == 0 && same_on_all(out.data, out.length);
    CHECK(same);
    if (!same)
        fprintf(stderr, "  %s: %s, not %s (%s)\n", inputs, out.data, expected,
                cf_error_message());
    cf_error_clear();
    cf_text_free(&out);
}

static void check_not_found(const char *inputs, int status, const char *message)
{
    cf_text out = {0};
    CHECK(failed_with(find(&out, inputs), status, message));
    cf_text_free(&out);
}

/* ---- the tests ---- */

static void test_found(void)
{
    check_found("a.csv", "a.csv 3");
    check_found("b.csv", "b.csv 0");
    check_found("B.csv,a.csv,B.csv", "B.csv 5,a.csv 3,B.csv 5");
    check_found("packed.csv", "packed.csv 7+");
    check_found("sub", "y 5+,z 2");
    /* folders do not count within others; names go by their bytes */
    check_found(".", "B.csv 5,a.csv 3,b.csv 0,packed.csv 7+");
    check_found("sub/z,.", "z 2,B.csv 5,a.csv 3,b.csv 0,packed.csv 7+");
    check_found("[ab].csv", "a.csv 3,b.csv 0");
    check_found("*ub", "y 5+,z 2");
    check_found("s*/*", "y 5+,z 2");
    check_found("-", "- -1");
}

static void test_not_found(void)
{
    char path[CF_PATH_MAX];
    check_not_found("nowhere", CF_NO_INPUT, "/nowhere: No such file");
    check_not_found("a.csv,nowhere", CF_NO_INPUT, "/nowhere: No such file");
    check_not_found("x*", CF_NO_INPUT, "/x*: no file has such a name");
    check_not_found("a.csv/b", CF_NO_INPUT, "/a.csv/b");
    check_not_found("-,a.csv", CF_USAGE, "a pipe can only be read alone");
    check_not_found("a.csv,-", CF_USAGE, "a pipe can only be read alone");
    check_not_found("-,-", CF_USAGE, "a pipe can only be read alone");
    check_not_found("/dev/null", CF_NO_INPUT, "/dev/null: is no regular file");
    snprintf(path, sizeof path, "%s/empty", folder);
    if (world.rank == 0)
        CHECK(mkdir(path, 0700) == 0);
    MPI_Barrier(world.comm);
    check_not_found("empty", CF_NO_INPUT, "there are no files in this folder");
    MPI_Barrier(world.comm);
    if (world.rank == 0)
        CHECK(rmdir(path) == 0);
}

/* A pipe with a name is not waited for, a link without an end not followed. */
static void test_others(void)
{
    char path[CF_PATH_MAX];
    snprintf(path, sizeof path, "%s/other", folder);
    if (world.rank == 0)
        CHECK(mkfifo(path, 0600) == 0);
    MPI_Barrier(world.comm);
    check_not_found("other", CF_NO_INPUT, "/other: is no regular file");
    MPI_Barrier(world.comm);
    if (world.rank == 0)
        CHECK(unlink(path) == 0 && symlink("nowhere", path) == 0);
    MPI_Barrier(world.comm);
    check_not_found("other", CF_NO_INPUT, "/other: No such file");
    MPI_Barrier(world.comm);
    if (world.rank == 0)
        CHECK(unlink(path) == 0 && symlink("a.csv", path) == 0);
    MPI_Barrier(world.comm);
    check_found("other", "other 3");
}

static void run_tests(void)
{
    make_files();
    test_found();
    test_not_found();
    test_others();
    remove_folder(sub);
    remove_folder(folder);
}
