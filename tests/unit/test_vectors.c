#include "test.h"

#include "cfmpi/h5.h"
#include "cfmpi/log.h"
#include "cfmpi/vectors.h"

/* More than a piece of conversion, and lines that end within blocks. */
enum { ROWS = 157, COLS = 13, MOST_BYTES = 1 << 16 };

static char folder[FOLDER_MAX];

/* Whole numbers of every type that is tried. */
static int cell(int64_t row, int64_t col)
{
    return (int)pick(3, row * COLS + col, 100);
}

/* ---- files ---- */

static unsigned char content[MOST_BYTES];
static int64_t length;

static void append(const void *data, int64_t bytes)
{
    CHECK(length + bytes <= MOST_BYTES);
    memcpy(content + length, data, (size_t)bytes);
    length += bytes;
}

/* A number as `kind` of `width` bytes in this machine's order or the other. */
static void append_number(char kind, int width, bool swapped, int x)
{
    unsigned char raw[8] = {0};
    float single = (float)x;
    double twice = x;
    int64_t whole = x;
    memcpy(raw,
           kind != 'f'  ? (void *)&whole
           : width == 4 ? (void *)&single
                        : (void *)&twice,
           (size_t)width);
    for (int i = 0; swapped && i < width / 2; i++) {
        unsigned char first = raw[i];
        raw[i] = raw[width - 1 - i];
        raw[width - 1 - i] = first;
    }
    append(raw, width);
}

static void write_npy(char path[CF_PATH_MAX], char order, char kind, int width,
                      bool fortran)
{
    char head[129];
    int n = snprintf(head, sizeof head,
                     "\x93NUMPY\1%c%c%c{'descr': '%c%c%d', 'fortran_order': "
                     "%s, 'shape': (%d, %d)}",
                     0, 118, 0, order, kind, width, fortran ? "True" : "False",
                     ROWS, COLS);
    memset(head + n, ' ', 128 - (size_t)n);
    length = 0;
    append(head, 128);
    for (int i = 0; i < ROWS * COLS; i++)
        append_number(kind, width, order == '>',
                      fortran ? cell(i % ROWS, i / ROWS)
                              : cell(i / COLS, i % COLS));
    write_bytes(path, folder, "x.npy", content, length);
}

static void write_marked(char path[CF_PATH_MAX], const char *name, char kind,
                         int width)
{
    length = 0;
    for (int i = 0; i < ROWS; i++) {
        append_number('i', 4, false, COLS);
        for (int j = 0; j < COLS; j++)
            append_number(kind, width, false, cell(i, j));
    }
    write_bytes(path, folder, name, content, length);
}

static void write_set(hid_t file, const char *name, hid_t type, bool chunked)
{
    static int cells[ROWS * COLS];
    const hsize_t size[2] = {ROWS, COLS}, chunk[2] = {20, 5};
    for (int i = 0; i < ROWS * COLS; i++)
        cells[i] = cell(i / COLS, i % COLS);
    hid_t space = H5Screate_simple(2, size, NULL);
    hid_t plist = H5Pcreate(H5P_DATASET_CREATE);
    if (chunked) {
        H5Pset_chunk(plist, 2, chunk);
        H5Pset_deflate(plist, 1);
    }
    hid_t set =
        H5Dcreate2(file, name, type, space, H5P_DEFAULT, plist, H5P_DEFAULT);
    CHECK(H5Dwrite(set, H5T_NATIVE_INT, H5S_ALL, H5S_ALL, H5P_DEFAULT, cells) >=
          0);
    H5Dclose(set);
    H5Pclose(plist);
    H5Sclose(space);
}

static void write_sets(char path[CF_PATH_MAX])
{
    snprintf(path, CF_PATH_MAX, "%s/x.h5", folder);
    if (world.rank == 0) {
        hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
        write_set(file, "train", H5T_IEEE_F32LE, false);
        write_set(file, "doubles", H5T_IEEE_F64BE, true);
        write_set(file, "bytes", H5T_STD_U8LE, true);
        write_set(file, "shorts", H5T_STD_I16BE, false);
        hid_t group =
            H5Gcreate2(file, "group", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        H5Gclose(group);
        CHECK(H5Fclose(file) >= 0);
    }
    MPI_Barrier(world.comm);
}

/* ---- reading ---- */

static void check_values(const cf_vectors *v, bool columns)
{
    int64_t wrong = 0, begin = v->part.begin[world.rank];
    int64_t n = columns ? COLS : ROWS;
    CHECK(cf_part_rows(&v->part) == n && v->part.size == world.size);
    CHECK(cf_part_largest(&v->part) - n / world.size <= 1);
    CHECK(v->dim == (columns ? ROWS : COLS));
    for (int64_t i = 0; i < cf_part_count(&v->part, world.rank); i++)
        for (int k = 0; k < v->dim; k++) {
            int right = columns ? cell(k, begin + i) : cell(begin + i, k);
            wrong += !same_number((double)v->rows[i * v->dim + k], right);
        }
    CHECK(wrong == 0);
}

static void check_file(const char *path)
{
    cf_vectors_source s;
    cf_vectors v = {0};
    CHECK(cf_vectors_find(&s, path));
    for (int columns = 0; columns < 2; columns++) {
        CHECK(cf_vectors_read(&v, &world, &s, columns) == CF_OK);
        check_values(&v, columns);
        CHECK(v.bytes > ROWS * COLS && strlen(v.digest) == CF_DIGEST_HEX - 1);
        CHECK((strstr(v.name, "(its columns)") != NULL) == columns);
    }
    cf_vectors_free(&v);
    cf_vectors_free(&v);
}

static void test_npy(void)
{
    static const struct {
        char order, kind;
        int width;
    } types[] = {{'<', 'f', 4}, {'>', 'f', 4}, {'<', 'f', 8}, {'>', 'f', 8},
                 {'|', 'i', 1}, {'>', 'i', 2}, {'<', 'i', 8}, {'|', 'u', 1},
                 {'<', 'u', 4}, {'>', 'u', 8}};
    char path[CF_PATH_MAX];
    for (int t = 0; t < COUNT(types); t++)
        for (int fortran = 0; fortran < 2; fortran++) {
            write_npy(path, types[t].order, types[t].kind, types[t].width,
                      fortran);
            check_file(path);
        }
}

static void test_marked(void)
{
    char path[CF_PATH_MAX];
    write_marked(path, "x.fvecs", 'f', 4);
    check_file(path);
    write_marked(path, "x.bvecs", 'u', 1);
    check_file(path);
    write_marked(path, "x.ivecs", 'i', 4);
    check_file(path);
}

static void test_hdf5(void)
{
    static const char *const sets[] = {"", ":/train", ":/doubles", ":/bytes",
                                       ":/shorts"};
    static const char *const none[] = {":/group", ":/nowhere", ":/train/x"};
    char path[CF_PATH_MAX], name[CF_PATH_MAX + 16];
    cf_vectors_source s;
    write_sets(path);
    for (int i = 0; i < COUNT(sets); i++) {
        snprintf(name, sizeof name, "%s%s", path, sets[i]);
        CHECK(cf_vectors_find(&s, name) && s.found == (i == 0));
        check_file(name);
    }
    for (int i = 0; i < COUNT(none); i++) {
        snprintf(name, sizeof name, "%s%s", path, none[i]);
        CHECK(!cf_vectors_find(&s, name));
    }
}

static void test_names(void)
{
    static const char *const others[] = {
        "x.csv", "x.npz", "x.npy.gz", "npy", "nowhere.h5", "nowhere.h5:/x"};
    cf_vectors_source s;
    for (int i = 0; i < COUNT(others); i++)
        CHECK(!cf_vectors_find(&s, others[i]));
    CHECK(cf_vectors_find(&s, "nowhere.npy") && s.format == CF_VECTORS_NPY);
    CHECK(cf_vectors_find(&s, "a.bvecs") && s.format == CF_VECTORS_BVECS);
}

/* By way of float64 the first would become 2^61. */
static void test_rounded_once(void)
{
    const int64_t x[2] = {((int64_t)1 << 61) + ((int64_t)1 << 37) + 1, 3};
    char path[CF_PATH_MAX], head[129];
    cf_vectors_source s;
    cf_vectors v = {0};
    int n = snprintf(head, sizeof head,
                     "\x93NUMPY\1%c%c%c{'descr': '<i8', 'fortran_order': "
                     "False, 'shape': (1, 2)}",
                     0, 118, 0);
    memset(head + n, ' ', 128 - (size_t)n);
    length = 0;
    append(head, 128);
    append(x, sizeof x);
    write_bytes(path, folder, "x.npy", content, length);
    CHECK(cf_vectors_find(&s, path));
    CHECK(cf_vectors_read(&v, &world, &s, false) == CF_OK);
    if (world.rank == 0)
        CHECK(same_number((double)v.rows[0], 0x1p61 + 0x1p38));
    cf_vectors_free(&v);
}

/* What any rank finds is what all say. */
static void test_errors(void)
{
    char path[CF_PATH_MAX];
    cf_vectors_source s;
    cf_vectors v = {0};
    write_marked(path, "x.fvecs", 'f', 4);
    content[(ROWS - 2) * (4 + 4 * COLS)]++;
    write_bytes(path, folder, "x.fvecs", content, length);
    for (int columns = 0; columns < 2; columns++) {
        CHECK(cf_vectors_find(&s, path));
        CHECK(failed_with(cf_vectors_read(&v, &world, &s, columns), CF_BAD_DATA,
                          "row 155 says it has 14 values, row 0 has 13"));
        CHECK(v.rows == NULL);
    }
    write_npy(path, '<', 'f', 8, false);
    write_bytes(path, folder, "x.npy", content, length - 8);
    CHECK(cf_vectors_find(&s, path));
    CHECK(failed_with(cf_vectors_read(&v, &world, &s, false), CF_BAD_DATA,
                      "ends early"));
    CHECK(cf_vectors_find(&s, "nowhere.npy"));
    CHECK(failed_with(cf_vectors_read(&v, &world, &s, false), CF_NO_INPUT,
                      "nowhere.npy"));
}

static void run_tests(void)
{
    cf_log_setup(false, CF_LOG_QUIET);
    make_folder(folder);
    test_names();
    test_npy();
    test_marked();
    test_hdf5();
    test_rounded_once();
    test_errors();
    remove_folder(folder);
}
