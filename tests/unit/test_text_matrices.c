#include "text_check.h"

#include "cfmpi/idmap.h"

static char folder[FOLDER_MAX];

/* ---- what a matrix gives ---- */

/* All ids of an axis are 1 .. n, those without ratings included. */
static bool counts_to(cf_dictionary *d, int64_t n)
{
    cf_idmap map = {0};
    cf_placement at = {0};
    cf_idmap_build(&map, &world, d, &at);
    int64_t begin = map.part.begin[world.rank];
    bool good = cf_part_rows(&map.part) == n && !map.ids.text;
    for (int64_t i = 0; good && i < map.ids.count; i++)
        good = map.ids.number[i] == begin + i + 1;
    cf_placement_free(&at);
    cf_idmap_free(&map);
    return cf_min_i64(&world, good) == 1;
}

static void check_matrix(const char *text, const cf_text_options *o,
                         const char *rows, int64_t users, int64_t items)
{
    char path[CF_PATH_MAX];
    reading r = {0};
    write_text(path, folder, "matrix", text);
    read_inputs(&r, &world, path, o);
    CHECK(gave(&r, text, rows));
    if (r.status == CF_OK) {
        CHECK(counts_to(&r.in.entries.users, users));
        CHECK(counts_to(&r.in.entries.items, items));
    }
    reading_free(&r);
}

static void check_refused(const char *text, const cf_text_options *o,
                          const char *message)
{
    char path[CF_PATH_MAX];
    reading r = {0};
    write_text(path, folder, "matrix", text);
    read_inputs(&r, &world, path, o);
    CHECK(failed_with(r.status, CF_BAD_DATA, message));
    reading_free(&r);
}

/* ---- Matrix Market ---- */

#define MTX "%%MatrixMarket matrix coordinate "

static void test_mtx(void)
{
    static const char general[] = "1 2 4.5\n3 1 2\n2 2 -1\n";
    check_matrix(MTX "real general\n3 2 3\n1 2 4.5\n3 1 2\n2 2 -1\n", &usual,
                 general, 3, 2);
    /* empty rows and columns, comments, empty lines, blanks of all kinds */
    check_matrix(MTX "real general\n% a comment\n%\n\n 9 8 3 \n1 2 4.5\n"
                     "  3\t 1   2e0 \r\n\n2 2 -1",
                 &usual, general, 9, 8);
    check_matrix(MTX "Integer General\n3 3 1\n3 3 5\n", &usual, "3 3 5\n", 3,
                 3);
    check_matrix(MTX "real symmetric\n4 4 3\n2 1 5\n3 3 1\n4 2 7\n", &usual,
                 "2 1 5\n1 2 5\n3 3 1\n4 2 7\n2 4 7\n", 4, 4);
    check_matrix(MTX "real skew-symmetric\n3 3 1\n3 1 2\n", &usual,
                 "3 1 2\n1 3 -2\n", 3, 3);
    check_matrix(MTX "pattern general\n2 5 2\n1 5\n2 1\n", &usual,
                 "1 5 1\n2 1 1\n", 2, 5);
    check_matrix(MTX "pattern symmetric\n2 2 1\n2 1\n", &usual,
                 "2 1 1\n1 2 1\n", 2, 2);
}

static void test_bad_mtx(void)
{
    check_refused(MTX "real general\n3 2 2\n1 2 3\n4 1 3\n", &usual,
                  "matrix:4:1: the user id '4' is no row of the matrix");
    check_refused(MTX "real general\n3 2 2\n1 2 3\n3 3 3\n", &usual,
                  "matrix:4:3: the item id '3' is no column of the matrix");
    check_refused(MTX "real general\n3 2 1\n0 2 3\n", &usual, "matrix:3:1:");
    check_refused(MTX "real general\n3 2 1\n-1 2 3\n", &usual, "matrix:3:1:");
    check_refused(MTX "real general\n3 2 1\n1.0 2 3\n", &usual, "matrix:3:1:");
    check_refused(MTX "real general\n3 2 1\n1 2 z\n", &usual,
                  "matrix:3:5: rating 'z'");
    check_refused(MTX "real general\n3 2 1\n1 2\n", &usual,
                  "matrix:3:1: 2 columns");
    check_refused(MTX "pattern general\n3 2 1\n1 2 3\n", &usual,
                  "matrix:3:1: 3 columns");
    check_refused(MTX "real general\n3 2 3\n1 2 4.5\n3 1 2\n", &usual,
                  "holds 2 entries where its size line says 3");
    check_refused(MTX "real general\n3 2 1\n1 2 4.5\n3 1 2\n", &usual,
                  "holds 2 entries where its size line says 1");
    check_refused(MTX "real general\n3 x 1\n1 2 4\n", &usual,
                  "matrix:2:1: '3 x 1' are no sizes");
    check_refused(MTX "real general\n% nothing else\n", &usual, "sizes");
    check_refused(MTX "complex general\n1 1 1\n1 1 1 1\n", &usual,
                  "matrix:1:1: the banner says 'complex'");
    check_refused("%%MatrixMarket matrix array real general\n1 1\n1\n", &usual,
                  "matrix:1:1: the banner says 'matrix array'");
    check_refused(MTX "real general\n3 2 0\n", &usual, "no ratings");
}

/* Skipped entries count as entries. */
static void test_skip_mtx(void)
{
    char path[CF_PATH_MAX];
    reading r = {.in = {.bad_row = CF_BAD_ROW_SKIP}};
    write_text(path, folder, "skip.mtx",
               MTX "real general\n3 2 3\n1 2 3\n4 1 3\n3 1 5\n");
    read_inputs(&r, &world, path, &usual);
    CHECK(gave(&r, "skip", "1 2 3\n3 1 5\n") && r.in.skipped == 1);
    reading_free(&r);
}

/* ---- dense blocks ---- */

static void test_dense(void)
{
    cf_text_options o = usual;
    o.format = CF_FORMAT_DENSE;
    check_matrix("1,2,3\n4,,nan\n,,\n5,6,NaN\n", &o,
                 "1 1 1\n1 2 2\n1 3 3\n2 1 4\n4 1 5\n4 2 6\n", 4, 3);
    check_matrix("1\t2\r\n\t\r\n3\t4", &o, "1 1 1\n1 2 2\n3 1 3\n3 2 4\n", 3,
                 2);
    o.missing = 99;
    check_matrix("99;2\n-1.5;99.0\n99;99\n", &o, "1 2 2\n2 1 -1.5\n", 3, 2);
    /* the first column counts */
    check_matrix("1,99,2,99\n3,1,1,1\n0,99,99,99\n", &o,
                 "1 2 2\n2 1 1\n2 2 1\n2 3 1\n", 3, 3);
    check_matrix("1, 99, 2\n2, 1 , 1\n", &o, "1 2 2\n2 1 1\n2 2 1\n", 2, 2);
    check_refused("1,99,2,99\n3,1,1,1\n0,x,99,99\n", &o,
                  "matrix:3:3: rating 'x' is not a number");
    check_refused("1,2,3\n1,2\n", &o, "matrix:2:1: 2 columns in '1,2'");
}

/* More rows than fit the part that is looked at, in which the first column
 * counts; then one where it does not. */
static void test_long_dense(void)
{
    char path[CF_PATH_MAX], where[64];
    enum { ROWS = 3000, WIDTH = 200, WRONG = 2990 };
    for (int wrong = 0; wrong < 2; wrong++) {
        cf_text text = {0};
        reading r = {0};
        cf_text_options o = usual;
        o.format = CF_FORMAT_DENSE;
        o.missing = 99;
        for (int i = 0; i < ROWS; i++) {
            cf_text_add(&text, "%d", wrong && i == WRONG ? 7 : 1);
            for (int j = 0; j < WIDTH; j++)
                cf_text_add(&text, j == i % WIDTH ? ",5" : ",99");
            cf_text_add(&text, "\n");
        }
        write_bytes(path, folder, "long", text.data, text.length);
        read_inputs(&r, &world, path, &o);
        snprintf(where, sizeof where, "long:%d:1: the first column says '7'",
                 WRONG + 1);
        CHECK(wrong
                  ? failed_with(r.status, CF_BAD_DATA, where)
                  : r.status == CF_OK && counts_to(&r.in.entries.users, ROWS) &&
                        counts_to(&r.in.entries.items, WIDTH));
        reading_free(&r);
        cf_text_free(&text);
    }
}

static void run_tests(void)
{
    make_folder(folder);
    test_mtx();
    test_bad_mtx();
    test_skip_mtx();
    test_dense();
    test_long_dense();
    remove_folder(folder);
}
