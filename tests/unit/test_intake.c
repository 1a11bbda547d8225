#include "test.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "cfmpi/intake.h"

enum { SIZE = 3000017 };

/* ---- a file system with faults ---- */

static int64_t readable = INT64_MAX; /* bytes, whatever stat says */
static int64_t broken = INT64_MAX;   /* from here on the disk fails */

/* Stands in for the C library's in the whole program. */
ssize_t pread(int fd, void *buffer, size_t bytes, off_t at)
{
    if (at >= broken) {
        errno = EIO;
        return -1;
    }
    if (at >= readable)
        return 0;
    return syscall(SYS_pread64, fd, buffer,
                   CF_MIN(bytes, (size_t)(readable - at)), at);
}

/* ---- files ---- */

static char *make_content(void)
{
    char *content = cf_alloc(SIZE, 1, "test");
    for (int64_t i = 0; i < SIZE; i++)
        content[i] = (char)(i * 31 >> 3);
    return content;
}

static void test_file(const char *folder, const char *content)
{
    char path[CF_PATH_MAX], empty[CF_PATH_MAX], hex[CF_DIGEST_HEX];
    cf_par self = one_rank();
    cf_intake in = {0};
    cf_digest d;
    write_bytes(path, folder, "whole", content, SIZE);
    write_text(empty, folder, "empty", "");
    CHECK(cf_intake_file(&in, &world, path) == CF_OK);
    cf_digest_begin(&d, 0, SIZE);
    cf_digest_update(&d, content, SIZE);
    cf_digest_end(&d, &self, hex);
    CHECK(strcmp(in.digest, hex) == 0 && in.bytes == SIZE);
    CHECK(in.file_count == 1 && strcmp(in.files[0].path, path) == 0);
    CHECK(in.files[0].bytes == SIZE);
    CHECK(cf_intake_check_file(&in) == CF_OK);
    cf_intake_free(&in);
    CHECK(cf_intake_file(&in, &world, empty) == CF_OK);
    CHECK(in.bytes == 0 && in.files[0].bytes == 0);
    cf_intake_free(&in);
}

static void test_file_that_changes(const char *folder, const char *content)
{
    char path[CF_PATH_MAX];
    cf_intake in = {0};
    write_bytes(path, folder, "whole", content, SIZE);
    readable = SIZE - 1;
    CHECK(failed_with(cf_intake_file(&in, &world, path), CF_IO,
                      "changed while it was read"));
    readable = 7;
    CHECK(failed_with(cf_intake_file(&in, &world, path), CF_IO,
                      "changed while it was read"));
    readable = INT64_MAX;
    CHECK(in.file_count == 0 && in.bytes == 0);
    CHECK(cf_intake_file(&in, &world, path) == CF_OK);
    MPI_Barrier(world.comm);
    write_bytes(path, folder, "whole", content, SIZE - 1);
    CHECK(failed_with(cf_intake_check_file(&in), CF_IO,
                      "changed while it was read"));
    cf_intake_free(&in);
}

static void test_file_of_two_sizes(const char *folder)
{
    char path[2][CF_PATH_MAX];
    cf_intake in = {0};
    write_text(path[0], folder, "short", "one");
    write_text(path[1], folder, "long", "two and three");
    int status = cf_intake_file(&in, &world, path[world.rank == 0]);
    if (world.size == 1)
        CHECK(status == CF_OK);
    else
        CHECK(status == CF_IO && strstr(cf_error_message(), "changed while"));
    cf_error_clear();
    cf_intake_free(&in);
}

static void test_files_that_fail(const char *folder, const char *content)
{
    char path[CF_PATH_MAX], pipe[CF_PATH_MAX];
    cf_intake in = {0};
    write_bytes(path, folder, "whole", content, SIZE);
    broken = SIZE / 2;
    CHECK(failed_with(cf_intake_file(&in, &world, path), CF_IO, strerror(EIO)));
    broken = INT64_MAX;
    CHECK(failed_with(cf_intake_file(&in, &world, folder), CF_NO_INPUT,
                      "is a folder"));
    CHECK(failed_with(cf_intake_file(&in, &world, "/nowhere/x"), CF_NO_INPUT,
                      "/nowhere/x: No such file"));
    /* One rank alone does not see it: nobody waits for it. */
    bool blind = world.rank == world.size - 1;
    CHECK(failed_with(cf_intake_file(&in, &world, blind ? "/nowhere/y" : path),
                      CF_NO_INPUT, "/nowhere/y: No such file"));
    write_text(pipe, folder, "to be replaced", "");
    if (world.rank == 0)
        CHECK(unlink(pipe) == 0 && mkfifo(pipe, 0600) == 0);
    MPI_Barrier(world.comm);
    CHECK(failed_with(cf_intake_file(&in, &world, pipe), CF_NO_INPUT,
                      "is no ordinary file"));
    CHECK(in.file_count == 0);
    cf_intake_free(&in);
}

/* ---- bad rows ---- */

/* Rank r has r bad rows, of which the messages tell rank and number. */
static void test_bad_rows(void)
{
    int64_t all = (int64_t)world.size * (world.size - 1) / 2;
    cf_intake in = {0};
    for (int input = 0; input < 2; input++) {
        cf_bad_rows bad = {0};
        for (int i = 0; i < world.rank; i++)
            cf_bad_rows_add(&bad, "input %d rank %d row %d", input, world.rank,
                            i);
        cf_intake_add_bad_rows(&in, &world, &bad);
        CHECK(in.skipped == (input + 1) * all);
    }
    CHECK(in.shown_count == CF_MIN(2 * all, CF_BAD_ROWS_SHOWN));
    int n = 0;
    for (int input = 0; input < 2; input++)
        for (int r = 0; r < world.size; r++)
            for (int i = 0; i < r && n < in.shown_count; i++) {
                char expected[64];
                snprintf(expected, sizeof expected, "input %d rank %d row %d",
                         input, r, i);
                CHECK(strcmp(in.shown[n++], expected) == 0);
            }
}

static void run_tests(void)
{
    char folder[FOLDER_MAX];
    char *content = make_content();
    make_folder(folder);
    test_file(folder, content);
    test_file_that_changes(folder, content);
    test_file_of_two_sizes(folder);
    test_files_that_fail(folder, content);
    remove_folder(folder);
    cf_free(content);
    test_bad_rows();
}
