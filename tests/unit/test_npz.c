#include "matrix_check.h"

#include <zip.h>

#include "cfmpi/npz.h"

enum { ROWS = 23, COLS = 17 };

/* ---- writing archives ---- */

typedef struct bytes {
    char data[1 << 14];
    int64_t length;
} bytes;

static void append(bytes *b, const void *data, int64_t length)
{
    CHECK(b->length + length <= (int64_t)sizeof b->data);
    if (length > 0)
        memcpy(b->data + b->length, data, (size_t)length);
    b->length += length;
}

/* A .npy file of `shape` elements; the caller appends the elements. */
static bytes *npy(const char *descr, const char *shape)
{
    char header[256];
    const uint16_t length = 118;
    int n = snprintf(header, sizeof header,
                     "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }",
                     descr, shape);
    memset(header + n, ' ', sizeof header - (size_t)n);
    header[length - 1] = '\n';
    bytes *b = cf_calloc(1, sizeof *b, "test");
    append(b, "\x93NUMPY\1", 8);
    append(b, &length, 2);
    append(b, header, length);
    return b;
}

static bytes *vector(const char *descr, const void *values, int64_t count)
{
    char shape[32];
    snprintf(shape, sizeof shape, "%" PRId64 ",", count);
    bytes *b = npy(descr, shape);
    append(b, values, count * 8);
    return b;
}

static bytes *integers(const int64_t *values, int64_t count)
{
    return vector("<i8", values, count);
}

static bytes *reals(const double *values, int64_t count)
{
    return vector("<f8", values, count);
}

static bytes *text(const char letters[3])
{
    bytes *b = npy("|S3", "");
    append(b, letters, 3);
    return b;
}

/* The members of an archive by name; what is put in later replaces. */
typedef struct members {
    const char *name[8];
    bytes *content[8];
    int count;
} members;

static void put(members *m, const char *name, bytes *content)
{
    int i = 0;
    while (i < m->count && strcmp(m->name[i], name) != 0)
        i++;
    if (i < m->count)
        cf_free(m->content[i]);
    m->name[i] = name;
    m->content[i] = content;
    m->count = CF_MAX(m->count, i + 1);
}

static void write_zip(const members *m, const char *path, bool compressed)
{
    int code;
    zip_t *z = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &code);
    for (int i = 0; z != NULL && i < m->count; i++) {
        zip_source_t *s = zip_source_buffer(
            z, m->content[i]->data, (zip_uint64_t)m->content[i]->length, 0);
        zip_int64_t at = zip_file_add(z, m->name[i], s, 0);
        CHECK(at >= 0);
        zip_set_file_compression(z, (zip_uint64_t)at,
                                 compressed ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0);
    }
    CHECK(z != NULL && zip_close(z) == 0);
}

/* Frees the members. Collective. */
static void write_archive(members *m, char path[CF_PATH_MAX],
                          const char *folder, bool compressed)
{
    snprintf(path, CF_PATH_MAX, "%s/m.npz", folder);
    MPI_Barrier(world.comm);
    if (world.rank == 0)
        write_zip(m, path, compressed);
    for (int i = 0; i < m->count; i++)
        cf_free(m->content[i]);
    m->count = 0;
    MPI_Barrier(world.comm);
}

/* ---- a matrix ---- */

static float cell(int64_t row, int64_t col)
{
    return row % 5 == 2 || col % 6 == 4 || pick(1, row * COLS + col, 3) == 0
               ? (float)NAN
               : (float)pick(2, row * COLS + col, 10);
}

/* Along the rows (CSR, COO) or along the columns (CSC). */
typedef struct arrays {
    int64_t pointer[ROWS + 1], index[2][ROWS * COLS];
    double value[ROWS * COLS];
    int64_t count;
} arrays;

static void make_arrays(arrays *a, bool by_column)
{
    int64_t outer = by_column ? COLS : ROWS, inner = by_column ? ROWS : COLS;
    a->count = 0;
    for (int64_t i = 0; i < outer; i++) {
        a->pointer[i] = a->count;
        for (int64_t j = 0; j < inner; j++) {
            int64_t row = by_column ? j : i, col = by_column ? i : j;
            if (isnan(cell(row, col)))
                continue;
            a->index[0][a->count] = row;
            a->index[1][a->count] = col;
            a->value[a->count++] = (double)cell(row, col);
        }
    }
    a->pointer[outer] = a->count;
}

static void put_matrix(members *m, const char *format)
{
    const int64_t shape[2] = {ROWS, COLS};
    bool by_column = strcmp(format, "csc") == 0;
    arrays *a = cf_alloc(1, sizeof *a, "test");
    make_arrays(a, by_column);
    put(m, "format.npy", text(format));
    put(m, "shape.npy", integers(shape, 2));
    put(m, "data.npy", reals(a->value, a->count));
    if (strcmp(format, "coo") == 0) {
        put(m, "row.npy", integers(a->index[0], a->count));
        put(m, "col.npy", integers(a->index[1], a->count));
    } else {
        put(m, "indptr.npy",
            integers(a->pointer, by_column ? COLS + 1 : ROWS + 1));
        put(m, "indices.npy", integers(a->index[!by_column], a->count));
    }
    cf_free(a);
}

static void make_table(float table[ROWS * COLS])
{
    for (int64_t i = 0; i < ROWS * COLS; i++)
        table[i] = cell(i / COLS, i % COLS);
}

/* ---- tests ---- */

static void test_formats(const char *folder)
{
    static const char *const formats[] = {"csr", "csc", "coo"};
    char path[CF_PATH_MAX];
    float table[ROWS * COLS];
    make_table(table);
    for (int f = 0; f < 6; f++) {
        members m = {0};
        cf_intake in = {0};
        put_matrix(&m, formats[f / 2]);
        write_archive(&m, path, folder, f % 2);
        CHECK(cf_npz_is(path));
        CHECK(cf_npz_read(&in, &world, path) == CF_OK);
        CHECK(holds_table(&in, table, ROWS, COLS));
        CHECK(in.file_count == 1 && in.skipped == 0);
        CHECK(in.bytes == in.files[0].bytes && in.bytes > 0);
        cf_intake_free(&in);
    }
    CHECK(!cf_npz_is("/nowhere") && !cf_npz_is("/dev/null"));
}

/* What stands outside of the scale is skipped, what the other rules drop is
 * counted. */
static void test_rules(const char *folder)
{
    char path[CF_PATH_MAX], first[64];
    float table[ROWS * COLS];
    int64_t off_scale = 0, left = 0;
    members m = {0};
    put_matrix(&m, "csr");
    write_archive(&m, path, folder, true);
    make_table(table);
    for (int64_t i = 0, entry = 0; i < ROWS * COLS; i++) {
        float x = table[i];
        if (isnan(x))
            continue;
        if (x < 1 && off_scale == 0)
            snprintf(first, sizeof first, "data[%" PRId64 "] is 0, outside",
                     entry);
        off_scale += x < 1;
        left += x >= 1 && x < 6;
        table[i] = x < 6 ? (float)NAN : 1;
        entry++;
    }
    cf_intake in = {.bad_row = CF_BAD_ROW_SKIP,
                    .keep = {.has_scale = true,
                             .scale = {1, 9},
                             .has_threshold = true,
                             .threshold = 6}};
    CHECK(cf_npz_read(&in, &world, path) == CF_OK);
    CHECK(holds_table(&in, table, ROWS, COLS));
    CHECK(in.skipped == off_scale && in.shown_count == CF_BAD_ROWS_SHOWN);
    CHECK(strstr(in.shown[0], first) != NULL);
    CHECK(cf_sum_i64(&world, in.left[CF_LEFT_THRESHOLD]) == left);
    cf_intake_free(&in);
    in = (cf_intake){.keep = {.has_scale = true, .scale = {1, 9}}};
    CHECK(failed_with(cf_npz_read(&in, &world, path), CF_BAD_DATA, first));
    cf_intake_free(&in);
    in = (cf_intake){.keep = {.has_times = true}};
    CHECK(failed_with(cf_npz_read(&in, &world, path), CF_USAGE, "no times"));
    cf_intake_free(&in);
}

static void test_without_ratings(const char *folder)
{
    const int64_t shapes[3][2] = {{5, 3}, {0, 4}, {0, 0}}, zeros[6] = {0};
    char path[CF_PATH_MAX];
    float table[15];
    for (int i = 0; i < 15; i++)
        table[i] = (float)NAN;
    for (int s = 0; s < 3; s++) {
        members m = {0};
        cf_intake in = {0};
        put(&m, "format.npy", text("csr"));
        put(&m, "shape.npy", integers(shapes[s], 2));
        put(&m, "data.npy", reals(NULL, 0));
        put(&m, "indices.npy", integers(zeros, 0));
        put(&m, "indptr.npy", integers(zeros, shapes[s][0] + 1));
        write_archive(&m, path, folder, s == 0);
        CHECK(cf_npz_read(&in, &world, path) == CF_OK);
        CHECK(holds_table(&in, table, shapes[s][0], shapes[s][1]));
        cf_intake_free(&in);
    }
}

static void flip_byte(const char *path, const char *after, long offset)
{
    char content[1 << 15];
    MPI_Barrier(world.comm);
    if (world.rank == 0) {
        FILE *f = fopen(path, "r+b");
        size_t n = fread(content, 1, sizeof content, f);
        char *at = memmem(content, n, after, strlen(after));
        fseek(f, at - content + offset, SEEK_SET);
        fputc(at[offset] ^ 1, f);
        fclose(f);
    }
    MPI_Barrier(world.comm);
}

/* Stored members are read in parts, so that nobody has the whole checksum. */
static void test_checksums(const char *folder)
{
    static const char *const names[] = {"data.npy", "row.npy", "col.npy"};
    char path[CF_PATH_MAX];
    for (int i = 0; i < 3; i++)
        for (long place = 0; place < 3; place++) {
            members m = {0};
            cf_intake in = {0};
            put_matrix(&m, "coo");
            write_archive(&m, path, folder, false);
            flip_byte(path, names[i],
                      (long)strlen(names[i]) + 128 + place * 600);
            int status = cf_npz_read(&in, &world, path);
            char expected[64];
            snprintf(expected, sizeof expected, "%s is corrupt", names[i]);
            CHECK(failed_with(status, CF_BAD_DATA, expected));
            cf_intake_free(&in);
        }
}

/* Has the archive's directory say that a member inflates to `size` bytes. */
static void claim_size(const char *path, const char *name, uint32_t size)
{
    char content[1 << 15];
    size_t length = strlen(name);
    FILE *f = fopen(path, "r+b");
    size_t n = fread(content, 1, sizeof content, f);
    char *at = content + n - length;
    while (at > content && memcmp(at, name, length) != 0)
        at--;
    CHECK(at > content && fseek(f, at - content - 46 + 24, SEEK_SET) == 0);
    CHECK(fwrite(&size, sizeof size, 1, f) == 1);
    fclose(f);
}

/* An archive whose directory promises 4 GB a member does not make anybody
 * allocate them. */
static void test_large_claims(const char *folder)
{
    enum { CLAIM = 500000000 };
    static const char *const names[] = {"indptr.npy", "indices.npy",
                                        "data.npy"};
    const int64_t shape[2] = {CLAIM - 1, 3}, zeros[512] = {0};
    char path[CF_PATH_MAX];
    members m = {0};
    cf_intake in = {0};
    put(&m, "format.npy", text("csr"));
    put(&m, "shape.npy", integers(shape, 2));
    for (int i = 0; i < COUNT(names); i++) {
        put(&m, names[i], npy("<i8", "500000000,"));
        append(m.content[m.count - 1], zeros, sizeof zeros);
    }
    write_archive(&m, path, folder, true);
    for (int i = 0; i < COUNT(names) && world.rank == 0; i++)
        claim_size(path, names[i], 128 + (uint32_t)CLAIM * 8);
    MPI_Barrier(world.comm);
    int64_t before = cf_memory_peak();
    CHECK(failed_with(cf_npz_read(&in, &world, path), CF_BAD_DATA,
                      "indptr.npy ends early"));
    CHECK(cf_memory_peak() <= CF_MAX(before, (int64_t)16 << 20));
    cf_intake_free(&in);
}

static void run_tests(void)
{
    char folder[FOLDER_MAX];
    make_folder(folder);
    test_formats(folder);
    test_rules(folder);
    test_without_ratings(folder);
    test_checksums(folder);
    test_large_claims(folder);
    remove_folder(folder);
}
