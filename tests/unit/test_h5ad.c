#include "matrix_check.h"

#include "cfmpi/h5.h"
#include "cfmpi/h5ad.h"
#include "cfmpi/log.h"

enum { ROWS = 2300, COLS = 37 };

/* ---- a matrix ---- */

static float cell(int64_t row, int64_t col)
{
    return row % 5 == 2 || col % 6 == 4 || pick(1, row * COLS + col, 3) == 0
               ? (float)NAN
               : (float)pick(2, row * COLS + col, 10);
}

/* Whether the matrix is compressed along the rows or the columns. */
typedef struct arrays {
    int64_t pointer[ROWS + 1], index[ROWS * COLS];
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
            float x = by_column ? cell(j, i) : cell(i, j);
            if (isnan(x))
                continue;
            a->index[a->count] = j;
            a->value[a->count++] = (double)x;
        }
    }
    a->pointer[outer] = a->count;
}

/* ---- writing files ---- */

static void write_array(hid_t at, const char *name, hid_t type, int64_t count,
                        const void *data)
{
    hsize_t size = (hsize_t)count;
    hid_t space = H5Screate_simple(1, &size, NULL);
    hid_t d = H5Dcreate2(at, name, type, space, H5P_DEFAULT, H5P_DEFAULT,
                         H5P_DEFAULT);
    CHECK(H5Dwrite(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    H5Dclose(d);
    H5Sclose(space);
}

static void write_attribute(hid_t at, const char *name, hid_t type,
                            int64_t count, const void *data)
{
    hsize_t size = (hsize_t)count;
    hid_t space = H5Screate_simple(1, &size, NULL);
    hid_t a = H5Acreate2(at, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    CHECK(H5Awrite(a, type, data) >= 0);
    H5Aclose(a);
    H5Sclose(space);
}

static hid_t text_type(void)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    return type;
}

static void write_matrix(hid_t file, const arrays *a, bool by_column)
{
    const int64_t shape[2] = {ROWS, COLS};
    const char *encoding = by_column ? "csc_matrix" : "csr_matrix";
    hid_t x = H5Gcreate2(file, "/X", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    hid_t text = text_type();
    write_array(x, "data", H5T_NATIVE_DOUBLE, a->count, a->value);
    write_array(x, "indices", H5T_NATIVE_INT64, a->count, a->index);
    write_array(x, "indptr", H5T_NATIVE_INT64, by_column ? COLS + 1 : ROWS + 1,
                a->pointer);
    write_attribute(x, "encoding-type", text, 1, &encoding);
    write_attribute(x, "shape", H5T_NATIVE_INT64, 2, shape);
    H5Tclose(text);
    H5Gclose(x);
}

/* Names of the rows: "r" and the number, but row `odd` is called `name`. */
static void write_names(hid_t file, int64_t odd, const char *name)
{
    hid_t obs = H5Gcreate2(file, "/obs", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    hid_t text = text_type();
    char(*letters)[24] = cf_alloc(ROWS, sizeof *letters, "test");
    const char **list = cf_alloc(ROWS, sizeof *list, "test");
    for (int64_t i = 0; i < ROWS; i++) {
        snprintf(letters[i], sizeof *letters, "r%" PRId64, i);
        list[i] = i == odd ? name : letters[i];
    }
    write_array(obs, "_index", text, ROWS, list);
    cf_free(list);
    cf_free(letters);
    H5Tclose(text);
    H5Gclose(obs);
}

/* Without names when `odd` is under -1. Collective. */
static void write_file(const char *path, bool by_column, int64_t odd,
                       const char *name)
{
    MPI_Barrier(world.comm);
    if (world.rank == 0) {
        arrays *a = cf_alloc(1, sizeof *a, "test");
        make_arrays(a, by_column);
        hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
        write_matrix(file, a, by_column);
        if (odd >= -1)
            write_names(file, odd, name);
        H5Fclose(file);
        cf_free(a);
    }
    MPI_Barrier(world.comm);
}

/* ---- tests ---- */

static void test_formats(const char *path)
{
    float *table = cf_alloc(ROWS * COLS, sizeof *table, "test");
    for (int64_t i = 0; i < ROWS * COLS; i++)
        table[i] = cell(i / COLS, i % COLS);
    for (int form = 0; form < 4; form++) {
        cf_intake in = {0};
        bool named = form / 2 == 1;
        write_file(path, form % 2 == 1, named ? -1 : -2, NULL);
        CHECK(cf_h5ad_read(&in, &world, path) == CF_OK);
        CHECK(holds_table(&in, table, ROWS, COLS));
        CHECK(in.entries.users.ids.count == 0 ||
              in.entries.users.ids.text == named);
        CHECK(!in.entries.items.ids.text);
        CHECK(in.file_count == 1 && in.bytes > 0 && in.skipped == 0);
        cf_intake_free(&in);
    }
    cf_free(table);
}

/* The name that comes twice may lie on any two ranks; the hashes of names go
 * in several messages in the build with short ones. */
static void test_names(const char *path)
{
    static const int64_t odd[] = {1, ROWS / 2, ROWS - 1};
    char expected[64];
    for (int i = 0; i < COUNT(odd); i++) {
        cf_intake in = {0};
        write_file(path, i == 1, odd[i], "r0");
        snprintf(expected, sizeof expected, "/obs/_index[0] and [%" PRId64 "]",
                 odd[i]);
        CHECK(failed_with(cf_h5ad_read(&in, &world, path), CF_BAD_DATA,
                          expected));
        cf_intake_free(&in);
        write_file(path, false, odd[i], "");
        snprintf(expected, sizeof expected, "/obs/_index[%" PRId64 "] is empty",
                 odd[i]);
        CHECK(failed_with(cf_h5ad_read(&in, &world, path), CF_BAD_DATA,
                          expected));
        cf_intake_free(&in);
    }
}

static void test_rules(const char *path)
{
    cf_intake in = {.bad_row = CF_BAD_ROW_SKIP,
                    .keep = {.has_scale = true, .scale = {1, 9}}};
    int64_t off_scale = 0;
    for (int64_t i = 0; i < ROWS * COLS; i++)
        off_scale += cell(i / COLS, i % COLS) < 1;
    write_file(path, true, -1, NULL);
    CHECK(cf_h5ad_read(&in, &world, path) == CF_OK);
    CHECK(in.skipped == off_scale && in.shown_count == CF_BAD_ROWS_SHOWN);
    CHECK(strstr(in.shown[0], "is 0, outside the scale of 1 to 9") != NULL);
    CHECK(all_ids(&in.entries.users, ROWS) && all_ids(&in.entries.items, COLS));
    cf_intake_free(&in);
    in = (cf_intake){.keep = {.keep_time = true}};
    CHECK(failed_with(cf_h5ad_read(&in, &world, path), CF_USAGE, "no times"));
    cf_intake_free(&in);
}

static void test_paths(const char *path)
{
    char named[CF_PATH_MAX], file[CF_PATH_MAX];
    cf_intake in = {0};
    write_file(path, false, -1, NULL);
    cf_h5ad_file(path, file);
    CHECK(strcmp(file, path) == 0);
    CHECK(snprintf(named, sizeof named, "%.4000s:/layers/x", path) > 0);
    cf_h5ad_file(named, file);
    CHECK(strcmp(file, path) == 0);
    CHECK(failed_with(cf_h5ad_read(&in, &world, named), CF_BAD_DATA,
                      "has no group /layers/x"));
    cf_intake_free(&in);
    CHECK(failed_with(cf_h5ad_read(&in, &world, "/nowhere/x.h5ad:/X"),
                      CF_NO_INPUT, "/nowhere/x.h5ad: No such file"));
    cf_intake_free(&in);
}

static void run_tests(void)
{
    char folder[FOLDER_MAX], path[CF_PATH_MAX];
    cf_log_setup(false, CF_LOG_QUIET);
    make_folder(folder);
    snprintf(path, sizeof path, "%s/m.h5ad", folder);
    test_formats(path);
    test_names(path);
    test_rules(path);
    test_paths(path);
    remove_folder(folder);
}
