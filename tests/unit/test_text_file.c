#include "test.h"

#include "cfmpi/text_file.h"

static char folder[FOLDER_MAX];

/* What rank r writes in a round; some write nothing, some much. */
static void add_piece(cf_text *t, int rank, int round)
{
    for (int64_t i = 0; i < pick(1, rank * 10 + round, 4) * 700; i++)
        cf_text_add(t, "%d.%d.%d\n", round, rank, (int)i);
}

static void check_content(const char *path, const cf_text *expected)
{
    FILE *f = fopen(path, "rb");
    char *got = cf_alloc(expected->length + 1, 1, "test");
    size_t n = f != NULL ? fread(got, 1, (size_t)expected->length + 1, f) : 0;
    CHECK(f != NULL && (int64_t)n == expected->length);
    CHECK(n == 0 || memcmp(got, expected->data, n) == 0);
    if (f != NULL)
        fclose(f);
    cf_free(got);
}

static void write_all(const char *path, bool force)
{
    cf_text_file f = {0};
    cf_text piece = {0}, expected = {0};
    CHECK(cf_text_file_begin(&f, &world, path, force) == CF_OK);
    for (int round = 0; round < 3; round++) {
        add_piece(&piece, world.rank, round);
        CHECK(cf_text_file_write(&f, &world, &piece) == CF_OK);
        CHECK(piece.length == 0);
        for (int r = 0; r < world.size; r++)
            add_piece(&expected, r, round);
        CHECK(f.size == expected.length);
    }
    CHECK(cf_text_file_commit(&f, &world) == CF_OK);
    cf_text_file_free(&f, &world);
    cf_text_file_free(&f, &world);
    MPI_Barrier(world.comm);
    check_content(path, &expected);
    cf_text_free(&piece);
    cf_text_free(&expected);
}

static void test_write(void)
{
    char path[CF_PATH_MAX];
    snprintf(path, sizeof path, "%s/out.csv", folder);
    write_all(path, false);
    MPI_Barrier(world.comm);
    write_all(path, true);
    CHECK(folder_files(folder, false) == 1);
    MPI_Barrier(world.comm);
}

static void test_refused(void)
{
    char path[CF_PATH_MAX];
    cf_text_file f = {0};
    write_text(path, folder, "there.csv", "old");
    CHECK(failed_with(cf_text_file_begin(&f, &world, path, false),
                      CF_CANT_CREATE, "--force"));
    cf_text_file_free(&f, &world);
    CHECK(failed_with(cf_text_file_begin(&f, &world, folder, true),
                      CF_CANT_CREATE, folder));
    cf_text_file_free(&f, &world);
    snprintf(path, sizeof path, "%s/no/out.csv", folder);
    CHECK(failed_with(cf_text_file_begin(&f, &world, path, true),
                      CF_CANT_CREATE, path));
    cf_text_file_free(&f, &world);
}

/* Without a commit nothing is left, and an earlier file stays as it was. */
static void test_given_up(void)
{
    char path[CF_PATH_MAX];
    cf_text_file f = {0};
    cf_text piece = {0}, old = {0};
    write_text(path, folder, "old.csv", "old");
    int before = folder_files(folder, false);
    MPI_Barrier(world.comm);
    CHECK(cf_text_file_begin(&f, &world, path, true) == CF_OK);
    cf_text_add(&piece, "new");
    CHECK(cf_text_file_write(&f, &world, &piece) == CF_OK);
    cf_text_file_free(&f, &world);
    MPI_Barrier(world.comm);
    CHECK(folder_files(folder, false) == before);
    cf_text_add(&old, "old");
    check_content(path, &old);
    cf_text_free(&old);
    cf_text_free(&piece);
}

static void run_tests(void)
{
    make_folder(folder);
    test_write();
    test_refused();
    test_given_up();
    remove_folder(folder);
}
