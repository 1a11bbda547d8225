#include "test.h"

#include "cfmpi/h5.h"

enum { ROWS = 37, COLS = 3, WIDTH = 9 };

/* ---- what a file holds ---- */

typedef struct data {
    cf_part part;
    int64_t *id, *small; /* [own], [own x COLS] */
    float *values;       /* [own x COLS] */
    double *mean;
    int32_t *count;
    char *title; /* [own x WIDTH] */
} data;

static int64_t nth_small(cf_gidx i, int c)
{
    return pick(1, i * COLS + c, INT32_MAX) - (c == 0 ? 5 : 0);
}

static void make_data(data *d, cf_gidx rows)
{
    uneven_part(&d->part, rows, world.size);
    cf_gidx begin = d->part.begin[world.rank];
    int64_t n = cf_part_count(&d->part, world.rank);
    d->id = cf_alloc(n, sizeof *d->id, "test");
    d->mean = cf_alloc(n, sizeof *d->mean, "test");
    d->count = cf_alloc(n, sizeof *d->count, "test");
    d->small = cf_alloc(n * COLS, sizeof *d->small, "test");
    d->values = cf_alloc(n * COLS, sizeof *d->values, "test");
    d->title = cf_calloc(n * WIDTH, 1, "test");
    for (int64_t i = 0; i < n; i++) {
        cf_gidx row = begin + i;
        d->id[i] = row == 0 ? INT64_MIN : row * 1000000007 * 1000;
        d->mean[i] = row % 5 == 0 ? (double)NAN : noise(2, row);
        d->count[i] = (int32_t)(row - 7);
        for (int c = 0; c < COLS; c++) {
            d->small[i * COLS + c] = nth_small(row, c);
            d->values[i * COLS + c] = (float)noise(3, row * COLS + c);
        }
        /* Of every length, the whole width included. */
        for (cf_gidx b = 0; b < row % (WIDTH + 1); b++)
            d->title[i * WIDTH + b] = (char)('a' + (row + b) % 26);
    }
}

static void free_data(data *d)
{
    cf_part_free(&d->part);
    cf_free(d->id);
    cf_free(d->small);
    cf_free(d->values);
    cf_free(d->mean);
    cf_free(d->count);
    cf_free(d->title);
}

static void add_header(cf_writer *w)
{
    cf_writer_text(w, "/", "format", "cfmpi");
    cf_writer_integer(w, "/", "format_version", CF_FORMAT_VERSION);
}

static void add_data(cf_writer *w, const data *d)
{
    cf_gidx rows = cf_part_rows(&d->part), begin = d->part.begin[world.rank];
    cf_gidx n = cf_part_count(&d->part, world.rank);
    add_header(w);
    cf_writer_add(w, "/users/id", CF_I64, rows, 1, 1, begin, n, d->id, "ids",
                  NULL, 0);
    cf_writer_add(w, "/users/mean", CF_F64, rows, 1, 1, begin, n, d->mean,
                  "means", "rating", 0);
    cf_writer_add(w, "/users/count", CF_I32, rows, 1, 1, begin, n, d->count,
                  "counts", NULL, 0);
    cf_writer_add(w, "/lists/deep/index", CF_I64, rows, COLS, 2, begin, n,
                  d->small, "narrow", NULL, INT32_MAX);
    cf_writer_add(w, "/lists/deep/wide", CF_I64, rows, COLS, 2, begin, n,
                  d->small, "wide", NULL, (cf_gidx)INT32_MAX + 1);
    cf_writer_add(w, "/lists/score", CF_F32, rows, COLS, 2, begin, n, d->values,
                  "scores", NULL, 0);
    cf_writer_add_strings(w, "/users/title", WIDTH, rows, begin, n, d->title,
                          "titles");
    cf_writer_text(w, "/lists", "order", "descending \xc3\xa9");
    cf_writer_text(w, "/lists/score", "empty", "");
    cf_writer_integer(w, "/lists/deep", "seed", 9000000000000001);
    cf_writer_real(w, "/users/mean", "pi", 3.25);
}

/* Writes the data as folder/name. */
static void write_file(char path[CF_PATH_MAX], const char *folder,
                       const char *name, const data *d)
{
    cf_writer w = {0};
    snprintf(path, CF_PATH_MAX, "%s/%s", folder, name);
    CHECK(cf_writer_begin(&w, &world, path, false) == CF_OK);
    add_data(&w, d);
    CHECK(cf_writer_commit(&w) == CF_OK);
    cf_writer_free(&w);
    cf_writer_free(&w);
}

/* ---- reading it back ---- */

static bool is_text(const cf_h5 *f, const char *object, const char *name,
                    const char *expected)
{
    cf_text t = {0};
    bool good = cf_h5_text(f, object, name, &t) &&
                t.length == (int64_t)strlen(expected) &&
                (t.length == 0 || strcmp(t.data, expected) == 0);
    cf_text_free(&t);
    return good;
}

static void check_slab(const cf_h5 *f, const data *d, const char *name,
                       enum cf_type type, cf_gidx cols, size_t width,
                       const void *expected)
{
    /* Another split than that of writing. */
    cf_part even = {0};
    cf_gidx rows = cf_part_rows(&d->part);
    size_t row = width * (size_t)cols;
    cf_part_even(&even, rows, world.size);
    int64_t n = cf_part_count(&even, world.rank);
    char *all = cf_alloc(rows * (int64_t)row, 1, "test");
    char *got = cf_alloc(n * (int64_t)row, 1, "test");
    cf_allgather_rows(&world, &d->part, expected, all, row);
    CHECK(cf_h5_read_slab(f, &world, name, type, cols, even.begin[world.rank],
                          n, got) == CF_OK);
    CHECK(n == 0 || memcmp(got, all + even.begin[world.rank] * (int64_t)row,
                           (size_t)n * row) == 0);
    cf_part_free(&even);
    cf_free(all);
    cf_free(got);
}

static void check_shape(const cf_h5 *f, const char *name, enum cf_type type,
                        size_t width, int dims, cf_gidx rows, cf_gidx cols)
{
    cf_dataset d = {0};
    char hex[CF_DIGEST_HEX];
    bool there = cf_h5_has(f, name) && cf_h5_dataset(f, name, &d) == CF_OK;
    CHECK(there);
    if (!there)
        return;
    CHECK(strcmp(d.name, name) == 0 && d.type == type && d.width == width);
    CHECK(d.dims == dims && d.rows == rows && d.cols == cols);
    CHECK(cf_h5_digest(f, &world, &d, hex) == CF_OK);
    CHECK(strlen(d.digest) == 32 && strcmp(hex, d.digest) == 0);
}

static void check_attributes(const cf_h5 *f)
{
    double x = 0;
    cf_text none = {0};
    CHECK(is_text(f, "/", "format", "cfmpi"));
    CHECK(is_text(f, "/users/mean", "description", "means"));
    CHECK(is_text(f, "/users/mean", "units", "rating"));
    CHECK(is_text(f, "/lists", "order", "descending \xc3\xa9"));
    CHECK(is_text(f, "/lists/score", "empty", ""));
    CHECK(cf_h5_number(f, "/lists/deep", "seed", &x) &&
          same_number(x, 9000000000000001));
    CHECK(cf_h5_number(f, "/users/mean", "pi", &x) && same_number(x, 3.25));
    CHECK(cf_h5_number(f, "/", "complete", &x) && same_number(x, 1));
    CHECK(!cf_h5_text(f, "/users/id", "units", &none));
    CHECK(!cf_h5_text(f, "/users/mean", "pi", &none));
    CHECK(!cf_h5_number(f, "/lists", "none", &x) &&
          !cf_h5_number(f, "/none", "x", &x));
    CHECK(!cf_h5_number(f, "/lists", "order", &x));
    CHECK(none.length == 0);
    cf_text_free(&none);
}

static void check_file(const char *path, const data *d)
{
    cf_gidx rows = cf_part_rows(&d->part);
    cf_h5 f = {0};
    bool open = cf_h5_open(&f, &world, path) == CF_OK;
    CHECK(cf_h5_is_hdf5(path) && open && strcmp(f.path, path) == 0);
    if (!open)
        return;
    check_shape(&f, "/users/id", CF_I64, 8, 1, rows, 1);
    check_shape(&f, "/users/mean", CF_F64, 8, 1, rows, 1);
    check_shape(&f, "/users/count", CF_I32, 4, 1, rows, 1);
    check_shape(&f, "/lists/deep/index", CF_I32, 4, 2, rows, COLS);
    check_shape(&f, "/lists/deep/wide", CF_I64, 8, 2, rows, COLS);
    check_shape(&f, "/lists/score", CF_F32, 4, 2, rows, COLS);
    check_shape(&f, "/users/title", CF_STRING, WIDTH, 1, rows, 1);
    CHECK(!cf_h5_has(&f, "/users/none") && !cf_h5_has(&f, "/none/at/all"));
    CHECK(cf_h5_has(&f, "/lists/deep") && cf_h5_has(&f, "/users"));
    check_slab(&f, d, "/users/id", CF_I64, 1, 8, d->id);
    check_slab(&f, d, "/users/mean", CF_F64, 1, 8, d->mean);
    check_slab(&f, d, "/users/count", CF_I32, 1, 4, d->count);
    check_slab(&f, d, "/lists/deep/index", CF_I64, COLS, 8, d->small);
    check_slab(&f, d, "/lists/deep/wide", CF_I64, COLS, 8, d->small);
    check_slab(&f, d, "/lists/score", CF_F32, COLS, 4, d->values);
    check_slab(&f, d, "/users/title", CF_STRING, 1, WIDTH, d->title);
    check_attributes(&f);
    cf_h5_close(&f);
    cf_h5_close(&f);
}

static void test_round_trip(const char *folder)
{
    static const cf_gidx sizes[] = {ROWS, 1, 0, 2000};
    for (int s = 0; s < COUNT(sizes); s++) {
        char path[CF_PATH_MAX], name[32];
        data d = {0};
        snprintf(name, sizeof name, "trip%d.h5", s);
        make_data(&d, sizes[s]);
        int64_t written = cf_h5_bytes_written(), read = cf_h5_bytes_read();
        write_file(path, folder, name, &d);
        int64_t row = 8 + 8 + 4 + (4 + 8 + 4) * COLS + WIDTH;
        CHECK(cf_h5_bytes_written() - written ==
              cf_part_count(&d.part, world.rank) * row);
        check_file(path, &d);
        CHECK(sizes[s] < 2000 || cf_h5_bytes_read() > read);
        free_data(&d);
    }
}

/* The digest says nothing about ranks: it is that of the values alone. */
static void test_digests(const char *folder)
{
    char path[CF_PATH_MAX], hex[CF_DIGEST_HEX];
    data d = {0};
    cf_h5 f = {0};
    cf_dataset set;
    cf_digest digest;
    make_data(&d, ROWS);
    write_file(path, folder, "digests.h5", &d);
    CHECK(cf_h5_open(&f, &world, path) == CF_OK);
    CHECK(cf_h5_dataset(&f, "/lists/deep/index", &set) == CF_OK);
    cf_par self = one_rank();
    cf_digest_begin(&digest, 0, ROWS * COLS * 4);
    for (cf_gidx i = 0; i < ROWS; i++)
        for (int c = 0; c < COLS; c++) {
            int32_t x = (int32_t)nth_small(i, c);
            cf_digest_update(&digest, &x, 4);
        }
    cf_digest_end(&digest, &self, hex);
    CHECK(strcmp(hex, set.digest) == 0);
    cf_h5_close(&f);
    free_data(&d);
}

static void test_list(const char *folder)
{
    static const char *const names[] = {
        "/lists/deep/index", "/lists/deep/wide", "/lists/score", "/users/count",
        "/users/id",         "/users/mean",      "/users/title"};
    char path[CF_PATH_MAX];
    data d = {0};
    cf_h5 f = {0};
    cf_dataset *list = NULL;
    int count = -1;
    make_data(&d, ROWS);
    write_file(path, folder, "list.h5", &d);
    CHECK(cf_h5_open(&f, &world, path) == CF_OK);
    CHECK(cf_h5_list(&f, &list, &count) == CF_OK && count == COUNT(names));
    for (int i = 0; i < CF_MIN(count, COUNT(names)); i++)
        CHECK(strcmp(list[i].name, names[i]) == 0 && list[i].rows == ROWS);
    cf_free(list);
    cf_h5_close(&f);
    free_data(&d);
}

static void test_wrong_reads(const char *folder)
{
    char path[CF_PATH_MAX];
    data d = {0};
    cf_h5 f = {0};
    cf_dataset set;
    double room[ROWS * COLS];
    make_data(&d, ROWS);
    write_file(path, folder, "wrong.h5", &d);
    cf_gidx begin = d.part.begin[world.rank],
            n = cf_part_count(&d.part, world.rank);
    CHECK(cf_h5_open(&f, &world, path) == CF_OK);
    CHECK(failed_with(cf_h5_dataset(&f, "/users/none", &set), CF_BAD_DATA,
                      "/users/none"));
    CHECK(failed_with(
        cf_h5_read_slab(&f, &world, "/none", CF_F64, 1, begin, n, room),
        CF_BAD_DATA, "/none"));
    CHECK(failed_with(
        cf_h5_read_slab(&f, &world, "/users/mean", CF_I64, 1, begin, n, room),
        CF_BAD_DATA, "/users/mean"));
    CHECK(failed_with(
        cf_h5_read_slab(&f, &world, "/lists/score", CF_F32, 2, begin, n, room),
        CF_BAD_DATA, "/lists/score"));
    CHECK(failed_with(cf_h5_read_slab(&f, &world, "/users/mean", CF_F64, 1, 0,
                                      world.rank == 0 ? ROWS - 1 : 0, room),
                      CF_BAD_DATA, "/users/mean"));
    CHECK(failed_with(
        cf_h5_read_slab(&f, &world, "/lists/score", CF_F32, 0, begin, n, room),
        CF_BAD_DATA, "/lists/score"));
    cf_h5_close(&f);
    free_data(&d);
}

/* ---- carrying ---- */

static void test_carry(const char *folder)
{
    char path[CF_PATH_MAX], out[CF_PATH_MAX];
    data d = {0};
    cf_h5 f = {0};
    cf_writer w = {0};
    int64_t *kept = cf_alloc(1, sizeof *kept, "test");
    make_data(&d, ROWS);
    write_file(path, folder, "source.h5", &d);
    snprintf(out, sizeof out, "%s/carried.h5", folder);
    CHECK(cf_h5_open(&f, &world, path) == CF_OK);
    CHECK(cf_writer_begin(&w, &world, out, false) == CF_OK);
    add_header(&w);
    CHECK(cf_writer_carry(&w, &f, "/users") == CF_OK);
    CHECK(cf_writer_carry(&w, &f, "/lists") == CF_OK);
    CHECK(cf_writer_carry(&w, &f, "/list") == CF_OK); /* the name of nothing */
    *kept = 77;
    CHECK(cf_writer_keep(&w, kept) == kept);
    cf_writer_add(&w, "/new/one", CF_I64, 1, 1, 1, world.rank == 0 ? 0 : 1,
                  world.rank == 0, kept, "kept", NULL, 0);
    cf_writer_text(&w, "/lists", "extra", "by this run");
    CHECK(cf_writer_commit(&w) == CF_OK);
    cf_writer_free(&w);
    cf_h5_close(&f);
    check_file(out, &d);
    CHECK(cf_h5_open(&f, &world, out) == CF_OK);
    CHECK(is_text(&f, "/lists", "extra", "by this run"));
    check_shape(&f, "/new/one", CF_I64, 8, 1, 1, 1);
    cf_h5_close(&f);
    free_data(&d);
}

/* ---- damage ---- */

/* Flips one byte of the data of /lists/deep/wide, found by its content. */
static void flip_byte(const char *path)
{
    int64_t wanted[COLS] = {nth_small(3, 0), nth_small(3, 1), nth_small(3, 2)};
    if (world.rank == 0) {
        FILE *f = fopen(path, "r+b");
        bool found = false;
        fseek(f, 0, SEEK_END);
        long size = ftell(f), at = 0;
        char *bytes = malloc((size_t)size);
        rewind(f);
        CHECK(fread(bytes, 1, (size_t)size, f) == (size_t)size);
        for (; !found && at + (long)sizeof wanted <= size; at++)
            found = memcmp(bytes + at, wanted, sizeof wanted) == 0;
        CHECK(found);
        fseek(f, at - 1, SEEK_SET);
        fputc(bytes[at - 1] ^ 1, f);
        CHECK(fclose(f) == 0);
        free(bytes);
    }
    MPI_Barrier(world.comm);
}

static void test_damage(const char *folder)
{
    char path[CF_PATH_MAX], out[CF_PATH_MAX], hex[CF_DIGEST_HEX];
    int64_t room[ROWS * COLS];
    data d = {0};
    cf_h5 f = {0};
    cf_writer w = {0};
    cf_dataset set;
    make_data(&d, ROWS);
    write_file(path, folder, "damaged.h5", &d);
    flip_byte(path);
    cf_gidx begin = d.part.begin[world.rank],
            n = cf_part_count(&d.part, world.rank);
    CHECK(cf_h5_open(&f, &world, path) == CF_OK);
    CHECK(failed_with(cf_h5_read_slab(&f, &world, "/lists/deep/wide", CF_I64,
                                      COLS, begin, n, room),
                      CF_BAD_DATA, "/lists/deep/wide"));
    CHECK(cf_h5_read_slab(&f, &world, "/users/id", CF_I64, 1, begin, n, room) ==
          CF_OK);
    CHECK(cf_h5_dataset(&f, "/lists/deep/wide", &set) == CF_OK);
    CHECK(cf_h5_digest(&f, &world, &set, hex) == CF_OK &&
          strcmp(hex, set.digest) != 0);
    /* Carrying it on fails, and the file that was there stays. */
    write_bytes(out, folder, "kept.h5", "old", 3);
    int before = folder_files(folder, false);
    MPI_Barrier(world.comm);
    CHECK(cf_writer_begin(&w, &world, out, true) == CF_OK);
    add_header(&w);
    CHECK(cf_writer_carry(&w, &f, "/lists") == CF_OK);
    CHECK(failed_with(cf_writer_commit(&w), CF_BAD_DATA, "/lists/deep/wide"));
    cf_writer_free(&w);
    cf_h5_close(&f);
    MPI_Barrier(world.comm);
    CHECK(!cf_h5_is_hdf5(out) && access(out, F_OK) == 0);
    CHECK(folder_files(folder, false) == before);
    MPI_Barrier(world.comm);
    free_data(&d);
}

static void check_refused(const char *path, int status, const char *message)
{
    cf_h5 f = {0};
    CHECK(failed_with(cf_h5_open(&f, &world, path), status, message));
    CHECK(f.id == 0);
}

/* A file with these attributes and nothing else. */
static void write_header(char path[CF_PATH_MAX], const char *folder,
                         const char *name, const char *format, int64_t version)
{
    cf_writer w = {0};
    snprintf(path, CF_PATH_MAX, "%s/%s", folder, name);
    CHECK(cf_writer_begin(&w, &world, path, false) == CF_OK);
    if (format != NULL)
        cf_writer_text(&w, "/", "format", format);
    if (version > 0)
        cf_writer_integer(&w, "/", "format_version", version);
    CHECK(cf_writer_commit(&w) == CF_OK);
    cf_writer_free(&w);
}

static void test_foreign(const char *folder)
{
    char path[CF_PATH_MAX];
    data d = {0};
    make_data(&d, ROWS);
    snprintf(path, sizeof path, "%s/nowhere.h5", folder);
    check_refused(path, CF_NO_INPUT, "nowhere.h5");
    check_refused(folder, CF_BAD_DATA, folder);
    write_text(path, folder, "text.h5", "userId,movieId,rating\n");
    check_refused(path, CF_BAD_DATA, "text.h5: not an HDF5 file");
    CHECK(!cf_h5_is_hdf5(path));
    write_header(path, folder, "plain.h5", NULL, 0);
    check_refused(path, CF_BAD_DATA, "not one of cfmpi's");
    write_header(path, folder, "other.h5", "other", 1);
    check_refused(path, CF_BAD_DATA, "not one of cfmpi's");
    write_header(path, folder, "newer.h5", "cfmpi", CF_FORMAT_VERSION + 1);
    check_refused(path, CF_BAD_DATA, "newer");
    write_file(path, folder, "short.h5", &d);
    if (world.rank == 0)
        CHECK(truncate(path, 1000) == 0);
    MPI_Barrier(world.comm);
    check_refused(path, CF_BAD_DATA, "short.h5");
    free_data(&d);
}

/* ---- outputs that cannot be, or are there ---- */

static void test_begin(const char *folder)
{
    char path[CF_PATH_MAX];
    data d = {0};
    cf_writer w = {0};
    make_data(&d, ROWS);
    write_bytes(path, folder, "there.h5", "old", 3);
    CHECK(failed_with(cf_writer_begin(&w, &world, path, false), CF_CANT_CREATE,
                      "--force"));
    cf_writer_free(&w);
    CHECK(cf_writer_begin(&w, &world, path, true) == CF_OK);
    CHECK(!cf_h5_is_hdf5(path)); /* not before the commit */
    MPI_Barrier(world.comm);
    add_data(&w, &d);
    CHECK(cf_writer_commit(&w) == CF_OK);
    cf_writer_free(&w);
    check_file(path, &d);
    CHECK(failed_with(cf_writer_begin(&w, &world, folder, true), CF_CANT_CREATE,
                      folder));
    cf_writer_free(&w);
    snprintf(path, sizeof path, "%s/no/folder/out.h5", folder);
    CHECK(failed_with(cf_writer_begin(&w, &world, path, true), CF_CANT_CREATE,
                      "no/folder"));
    cf_writer_free(&w);
    snprintf(path, sizeof path, "%s/given-up.h5", folder);
    CHECK(cf_writer_begin(&w, &world, path, false) == CF_OK);
    add_data(&w, &d);
    cf_writer_free(&w); /* without a commit */
    MPI_Barrier(world.comm);
    CHECK(access(path, F_OK) != 0);
    free_data(&d);
}

/* The folder goes away between the plan and the commit. */
static void test_lost_folder(void)
{
    char path[CF_PATH_MAX], folder[FOLDER_MAX];
    data d = {0};
    cf_writer w = {0};
    make_folder(folder);
    make_data(&d, ROWS);
    snprintf(path, sizeof path, "%s/out.h5", folder);
    CHECK(cf_writer_begin(&w, &world, path, false) == CF_OK);
    add_data(&w, &d);
    remove_folder(folder);
    MPI_Barrier(world.comm);
    CHECK(failed_with(cf_writer_commit(&w), CF_IO, "out.h5"));
    cf_writer_free(&w);
    free_data(&d);
}

/* After all that, only what was committed is there. */
static void check_no_temporaries(const char *folder)
{
    DIR *dir = opendir(folder);
    CHECK(dir != NULL);
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;)
        CHECK(strstr(e->d_name, ".tmp") == NULL);
    if (dir != NULL)
        closedir(dir);
}

static void run_tests(void)
{
    char folder[FOLDER_MAX];
    make_folder(folder);
    test_round_trip(folder);
    test_digests(folder);
    test_list(folder);
    test_wrong_reads(folder);
    test_carry(folder);
    test_damage(folder);
    test_foreign(folder);
    test_begin(folder);
    test_lost_folder();
    MPI_Barrier(world.comm);
    check_no_temporaries(folder);
    remove_folder(folder);
}
