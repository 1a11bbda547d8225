#include "test.h"

#include "cfmpi/ratings_text.h"
#include "cfmpi/text.h"

static char folder[FOLDER_MAX];

/* ---- what was read, in file order, on every rank ---- */

typedef struct row {
    int64_t user, item;
    double value;
} row;

typedef struct table {
    row *rows;
    int64_t count;
} table;

/* Collective. */
static table gather_rows(const row *mine, int64_t n)
{
    table t = {0};
    cf_part p = {0};
    cf_part_even(&p, 0, world.size);
    MPI_Allgather(&n, 1, MPI_INT64_T, p.begin + 1, 1, MPI_INT64_T, world.comm);
    for (int r = 0; r < world.size; r++)
        p.begin[r + 1] += p.begin[r];
    t.count = cf_part_rows(&p);
    t.rows = cf_alloc(t.count, sizeof *t.rows, "test");
    cf_allgather_rows(&world, &p, mine, t.rows, sizeof *mine);
    cf_part_free(&p);
    return t;
}

static table all_rows(const cf_ratings_text *r)
{
    row *mine = cf_alloc(r->count, sizeof *mine, "test");
    for (int64_t i = 0; i < r->count; i++)
        mine[i] = (row){r->users.ids[r->user[i]], r->items.ids[r->item[i]],
                        (double)r->value[i]};
    table t = gather_rows(mine, r->count);
    cf_free(mine);
    return t;
}

static bool same_rows(const table *t, const row *rows, int64_t count)
{
    bool same = t->count == count;
    for (int64_t i = 0; same && i < count; i++)
        same = t->rows[i].user == rows[i].user &&
               t->rows[i].item == rows[i].item &&
               same_number(t->rows[i].value, rows[i].value);
    return same;
}

static const row three[] = {{1, 10, 4.5}, {2, -20, 3}, {7, 30, 0.5}};

static void check_three(const char *name, const char *text,
                        enum cf_ratings_format format)
{
    char path[CF_PATH_MAX];
    cf_ratings_text r = {0};
    write_text(path, folder, name, text);
    bool read =
        cf_ratings_read(&r, &world, path, format, CF_BAD_ROW_STOP) == CF_OK;
    CHECK(read);
    if (!read) {
        fprintf(stderr, "  %s: %s\n", name, cf_error_message());
        cf_error_clear();
    }
    table t = all_rows(&r);
    CHECK(same_rows(&t, three, 3));
    CHECK(r.bytes == (int64_t)strlen(text) && r.skipped == 0 &&
          r.shown_count == 0);
    cf_free(t.rows);
    cf_ratings_text_free(&r);
    cf_ratings_text_free(&r);
}

static void test_forms(void)
{
    static const struct {
        const char *name, *text;
        enum cf_ratings_format format;
    } forms[] = {
        {"plain", "1,10,4.5\n2,-20,3\n7,30,0.5\n", CF_FORMAT_AUTO},
        {"named", "1,10,4.5\n2,-20,3\n7,30,0.5\n", CF_FORMAT_CSV},
        {"no-newline", "1,10,4.5\n2,-20,3\n7,30,0.5", CF_FORMAT_AUTO},
        {"crlf", "1,10,4.5\r\n2,-20,3\r\n7,30,0.5\r\n", CF_FORMAT_AUTO},
        {"crlf-open", "1,10,4.5\r\n2,-20,3\r\n7,30,0.5", CF_FORMAT_AUTO},
        {"bom",
         "\xef\xbb\xbf"
         "1,10,4.5\n2,-20,3\n7,30,0.5\n",
         CF_FORMAT_AUTO},
        {"empty-lines", "1,10,4.5\n\n\n2,-20,3\n\n7,30,0.5\n\n\n\n",
         CF_FORMAT_AUTO},
        {"empty-crlf", "1,10,4.5\r\n\r\n2,-20,3\r\n\r\n7,30,0.5\r\n\r\n",
         CF_FORMAT_AUTO},
        {"movielens",
         "userId,movieId,rating,timestamp\n1,10,4.5,9\n2,-20,3.0,9\n"
         "7,30,.5,9\n",
         CF_FORMAT_AUTO},
        {"bom-header",
         "\xef\xbb\xbfuserId,movieId,rating\n1,10,4.5\n2,-20,3\n7,30,0.5\n",
         CF_FORMAT_AUTO},
        {"crlf-header",
         "userId,movieId,rating\r\n1,10,4.5\r\n2,-20,3\r\n7,30,0.5\r\n",
         CF_FORMAT_AUTO},
        {"moved",
         "when,RATING,Item_ID,x,User\n5,4.5,10,a,1\n5,3,-20,b,2\n"
         "5,5e-1,30,c,7\n",
         CF_FORMAT_AUTO},
        {"dat", "1::10::4.5::978300760\n2::-20::3::978302109\n7::30::0.5::9\n",
         CF_FORMAT_AUTO},
        {"named-dat", "1::10::4.5\n2::-20::3\n7::30::0.5\n", CF_FORMAT_DAT},
        {"tabs", "1\t10\t4.5\t881250949\n2\t-20\t3\t9\n7\t30\t0.5\t9\n",
         CF_FORMAT_AUTO},
        {"named-tabs", "1\t10\t4.5\n2\t-20\t3\n7\t30\t0.5\n", CF_FORMAT_TSV},
        {"tab-header",
         "user_id\titem_id\trating\n1\t10\t4.5\n2\t-20\t3\n7\t30\t0.5\n",
         CF_FORMAT_AUTO},
        {"empty-rest", "1,10,4.5,\n2,-20,3,,\n7,30,0.5,x,y\n", CF_FORMAT_AUTO},
    };
    for (int i = 0; i < COUNT(forms); i++)
        check_three(forms[i].name, forms[i].text, forms[i].format);
}

/* ---- ranges and lines ---- */

/* Row i of a file of many lengths of line. */
static row nth_row(int64_t i)
{
    return (row){pick(1, i, 50) * (i % 3 ? 1 : 1000000007),
                 pick(2, i, 1000) - 300, (double)pick(3, i, 10) / 2};
}

static void check_many(int64_t n, bool crlf)
{
    char path[CF_PATH_MAX];
    cf_text text = {0};
    cf_ratings_text r = {0};
    row *rows = cf_alloc(n, sizeof *rows, "test");
    cf_text_add(&text, "userId,movieId,rating,timestamp%s",
                crlf ? "\r\n" : "\n");
    for (int64_t i = 0; i < n; i++) {
        rows[i] = nth_row(i);
        cf_text_add(&text, "%" PRId64 ",%" PRId64 ",%.1f,%" PRId64 "%s",
                    rows[i].user, rows[i].item, rows[i].value, i * i * i,
                    crlf ? "\r\n" : "\n");
    }
    write_bytes(path, folder, "many.csv", text.data, text.length);
    CHECK(cf_ratings_read(&r, &world, path, CF_FORMAT_AUTO, CF_BAD_ROW_STOP) ==
          CF_OK);
    table t = all_rows(&r);
    CHECK(same_rows(&t, rows, n));
    /* Each distinct id once a rank, and a rank's share of the bytes. */
    for (int64_t i = 0; i < r.users.count; i++)
        for (int64_t j = 0; j < i; j++)
            CHECK(r.users.ids[i] != r.users.ids[j]);
    CHECK(n < 1000 || llabs(r.count - n / world.size) < n / 10 + 10);
    char hex[CF_DIGEST_HEX];
    cf_digest d;
    cf_par self = one_rank();
    cf_digest_begin(&d, 0, text.length);
    cf_digest_update(&d, text.data, text.length);
    cf_digest_end(&d, &self, hex);
    CHECK(strcmp(hex, r.digest) == 0 && r.bytes == text.length);
    cf_free(t.rows);
    cf_free(rows);
    cf_text_free(&text);
    cf_ratings_text_free(&r);
}

/* A comment that is longer than what a rank has of the file. */
static void test_long_line(void)
{
    char path[CF_PATH_MAX];
    cf_text text = {0};
    for (int where = 0; where < 3; where++) {
        cf_ratings_text r = {0};
        cf_text_clear(&text);
        for (int i = 0; i < 3; i++) {
            cf_text_add(&text, "%d,%d,%.1f,", (int)three[i].user,
                        (int)three[i].item, three[i].value);
            for (int j = 0; i == where && j < 30000; j++)
                cf_text_bytes(&text, "x", 1);
            cf_text_bytes(&text, "\n", 1);
        }
        write_bytes(path, folder, "long.csv", text.data, text.length);
        CHECK(cf_ratings_read(&r, &world, path, CF_FORMAT_AUTO,
                              CF_BAD_ROW_STOP) == CF_OK);
        table t = all_rows(&r);
        CHECK(same_rows(&t, three, 3));
        cf_free(t.rows);
        cf_ratings_text_free(&r);
    }
    cf_text_free(&text);
}

/* Every place where a border of ranges can fall: the file grows by one byte
 * at a time. */
static void test_borders(void)
{
    char path[CF_PATH_MAX], text[200];
    for (int i = 0; i < 40; i++) {
        cf_ratings_text r = {0};
        snprintf(text, sizeof text, "1,10,4.5,%0*d\r\n2,-20,3\r\n7,30,0.5%s",
                 i + 1, 0, i % 2 ? "\r\n" : "");
        write_text(path, folder, "borders.csv", text);
        CHECK(cf_ratings_read(&r, &world, path, CF_FORMAT_AUTO,
                              CF_BAD_ROW_STOP) == CF_OK);
        table t = all_rows(&r);
        CHECK(same_rows(&t, three, 3));
        cf_free(t.rows);
        cf_ratings_text_free(&r);
    }
}

/* Fewer bytes than ranks. */
static void test_small(void)
{
    char path[CF_PATH_MAX];
    cf_ratings_text r = {0};
    const row one = {1, 2, 3};
    write_text(path, folder, "small.csv", "1,2,3");
    CHECK(cf_ratings_read(&r, &world, path, CF_FORMAT_AUTO, CF_BAD_ROW_STOP) ==
          CF_OK);
    table t = all_rows(&r);
    CHECK(same_rows(&t, &one, 1));
    cf_free(t.rows);
    cf_ratings_text_free(&r);
}

/* ---- errors ---- */

static void check_bad(const char *text, const char *where, const char *message)
{
    char path[CF_PATH_MAX], expected[CF_PATH_MAX + 64];
    cf_ratings_text r = {0};
    write_text(path, folder, "bad.csv", text);
    int status =
        cf_ratings_read(&r, &world, path, CF_FORMAT_AUTO, CF_BAD_ROW_STOP);
    snprintf(expected, sizeof expected, "%s%s", path, where);
    CHECK(strstr(cf_error_message(), message) != NULL);
    CHECK(strchr(cf_error_message(), '\n') == NULL);
    CHECK(failed_with(status, CF_BAD_DATA, expected));
    cf_ratings_text_free(&r);
}

static void test_bad_rows(void)
{
    check_bad("1,2,3\n1,3,abc\n", ":2:5:", "rating 'abc' is not a number");
    check_bad("1,2,3\n1,3,abc\n", ":2:5:", "--on-bad-row=skip");
    check_bad("userId,movieId,rating\n1,2,3\nx,3,4\n", ":3:1:", "user id 'x'");
    check_bad("1,2,3\n\n10,3.5,4\n", ":3:4:", "item id '3.5'");
    check_bad("1::2::3\n12::3::x\n", ":2:8:", "'x'");
    check_bad("1\t2\t3\n12\t3\tnan\n", ":2:6:", "'nan'");
    check_bad("1,2,3\n1,3\n", ":2:4:", "no rating");
    check_bad("1,2,3\n1\n", ":2:2:", "no item id");
    check_bad("1,2,3\n1,3,\n", ":2:5:", "rating ''");
    check_bad("1,2,3\n,3,4\n", ":2:1:", "user id ''");
    check_bad("1,2,3\r\n1,3,4x\r\n", ":2:5:", "'4x' is");
    check_bad("1,2,3\n1,3,inf\n", ":2:5:", "'inf'");
    check_bad("1,2,3\n1,3,1e39\n", ":2:5:", "range");
    check_bad("1,2,3\n9223372036854775808,3,1\n",
              ":2:1:", "9223372036854775808");
    check_bad("1,2,3\n007,3,1\n", ":2:1:", "'007'");
    check_bad("rating,userId,movieId\n1,2,3\n4,5,z\n", ":3:5:", "item id 'z'");
    check_bad("", ":", "empty");
    check_bad("userId,movieId,rating\n", ":", "no ratings");
    check_bad("userId,movieId,rating", ":", "no ratings");
    check_bad("user,movie,what\n1,2,3\n", ":1:1:", "rating");
    check_bad("a,b,c\n1,2,3\n", ":1:1:", "user id");
    /* A byte order mark takes no column. */
    check_bad("\xef\xbb\xbf"
              "1,2,z\n",
              ":1:5:", "'z'");
}

/* The first of many bad rows in the file, whatever rank it is on. */
static void test_first_of_many(void)
{
    char path[CF_PATH_MAX], where[64];
    cf_text text = {0};
    for (int first = 0; first < 90; first += 11) {
        cf_ratings_text r = {0};
        cf_text_clear(&text);
        for (int i = 0; i < 100; i++)
            cf_text_add(&text,
                        i >= first && i % 2 == first % 2 ? "%d,5,bad%d\n"
                                                         : "%d,5,1\n",
                        i, i);
        snprintf(where, sizeof where, "first.csv:%d:%d: rating 'bad%d'",
                 first + 1, first < 10 ? 5 : 6, first);
        write_bytes(path, folder, "first.csv", text.data, text.length);
        int status =
            cf_ratings_read(&r, &world, path, CF_FORMAT_AUTO, CF_BAD_ROW_STOP);
        /* In the first line it could be a header; then it is none we know. */
        CHECK(failed_with(status, CF_BAD_DATA, where));
        cf_ratings_text_free(&r);
    }
    cf_text_free(&text);
}

static void test_skip(void)
{
    char path[CF_PATH_MAX], expected[CF_PATH_MAX + 64];
    cf_text text = {0};
    row rows[60];
    int64_t good = 0;
    cf_ratings_text r = {0};
    cf_text_add(&text, "userId,movieId,rating\n");
    for (int i = 0; i < 60; i++)
        if (i % 6 == 1) {
            cf_text_add(&text, "%d,%d,bad%d\n", i, i, i);
        } else {
            cf_text_add(&text, "%d,%d,2\n", i, i);
            rows[good++] = (row){i, i, 2};
        }
    write_bytes(path, folder, "skip.csv", text.data, text.length);
    CHECK(cf_ratings_read(&r, &world, path, CF_FORMAT_AUTO, CF_BAD_ROW_SKIP) ==
          CF_OK);
    table t = all_rows(&r);
    CHECK(same_rows(&t, rows, good));
    CHECK(r.skipped == 10 && r.shown_count == CF_BAD_ROWS_SHOWN);
    for (int i = 0; i < r.shown_count; i++) {
        int bad = 6 * i + 1;
        snprintf(expected, sizeof expected,
                 "%s:%d:%d: rating 'bad%d' is not a number", path, bad + 2,
                 bad < 10 ? 5 : 7, bad);
        CHECK(strcmp(r.shown[i], expected) == 0);
    }
    CHECK(same_on_all(r.shown, sizeof r.shown));
    cf_ratings_text_free(&r);
    cf_free(t.rows);
    write_text(path, folder, "none.csv", "1,2,x\n3,y,1\n");
    CHECK(failed_with(
        cf_ratings_read(&r, &world, path, CF_FORMAT_AUTO, CF_BAD_ROW_SKIP),
        CF_BAD_DATA, "no ratings"));
    cf_ratings_text_free(&r);
    cf_text_free(&text);
}

static void test_no_file(void)
{
    char path[CF_PATH_MAX];
    cf_ratings_text r = {0};
    snprintf(path, sizeof path, "%s/nowhere.csv", folder);
    CHECK(failed_with(
        cf_ratings_read(&r, &world, path, CF_FORMAT_AUTO, CF_BAD_ROW_STOP),
        CF_NO_INPUT, path));
    cf_ratings_text_free(&r);
    CHECK(failed_with(
        cf_ratings_read(&r, &world, folder, CF_FORMAT_AUTO, CF_BAD_ROW_STOP),
        CF_NO_INPUT, "folder"));
    cf_ratings_text_free(&r);
}

/* ---- finding a pair again ---- */

static void check_find(const char *path, int64_t user, int64_t item,
                       int64_t one, int64_t two)
{
    int64_t line[2] = {-1, -1};
    CHECK(cf_ratings_find(&world, path, CF_FORMAT_AUTO, user, item, line) ==
          CF_OK);
    CHECK(line[0] == one && line[1] == two);
}

static void test_find(void)
{
    char path[CF_PATH_MAX];
    write_text(
        path, folder, "find.csv",
        "userId,movieId,rating\n1,2,3\n1,3,3\n\n2,1,x\n1,2,4\n5,5,5\n5,5,1\n"
        "1,2,5\n1,3,1\n");
    check_find(path, 1, 2, 2, 6);
    check_find(path, 5, 5, 7, 8);
    check_find(path, 1, 3, 3, 10);
    check_find(path, 2, 1, 0, 0);
    check_find(path, 9, 9, 0, 0);
    write_text(path, folder, "find2.csv", "4,4,1\n1,2,3");
    check_find(path, 4, 4, 1, 0);
    check_find(path, 1, 2, 2, 0);
}

/* ---- pairs ---- */

static void check_pairs(const char *text, const row *expected, int64_t n)
{
    char path[CF_PATH_MAX];
    int64_t *user, *item, count;
    write_text(path, folder, "pairs.csv", text);
    CHECK(cf_pairs_read(&world, path, &user, &item, &count) == CF_OK);
    row *mine = cf_alloc(count, sizeof *mine, "test");
    for (int64_t i = 0; i < count; i++)
        mine[i] = (row){user[i], item[i], 0};
    table t = gather_rows(mine, count);
    CHECK(same_rows(&t, expected, n));
    cf_free(mine);
    cf_free(t.rows);
    cf_free(user);
    cf_free(item);
}

static void test_pairs(void)
{
    static const row pairs[] = {{1, 10, 0}, {1, 10, 0}, {-2, 20, 0}, {3, 5, 0}};
    char path[CF_PATH_MAX];
    int64_t *user, *item, count;
    check_pairs("user,item\n1,10\n1,10\n-2,20\n3,5\n", pairs, 4);
    check_pairs("userId,movieId,rating\n1,10,x\n1,10,\n-2,20,3\n3,5,1\n", pairs,
                4);
    check_pairs("1,10\r\n1,10\r\n-2,20\r\n3,5", pairs, 4);
    check_pairs("\xef\xbb\xbf"
                "1\t10\t3\n1\t10\n-2\t20\n3\t5\n",
                pairs, 4);
    check_pairs("item,user\n10,1\n10,1\n20,-2\n5,3\n", pairs, 4);
    write_text(path, folder, "pairs.csv", "user,item\n1,10\n1\n2,x\n");
    CHECK(failed_with(cf_pairs_read(&world, path, &user, &item, &count),
                      CF_BAD_DATA, "pairs.csv:3:2:"));
    cf_free(user);
    cf_free(item);
    write_text(path, folder, "pairs.csv", "user,item\n1,10\n2,x\n");
    CHECK(failed_with(cf_pairs_read(&world, path, &user, &item, &count),
                      CF_BAD_DATA, "pairs.csv:3:3:"));
    cf_free(user);
    cf_free(item);
}

static void run_tests(void)
{
    make_folder(folder);
    test_forms();
    check_many(1, false);
    check_many(7, true);
    check_many(3000, false);
    check_many(3000, true);
    test_long_line();
    test_borders();
    test_small();
    test_bad_rows();
    test_first_of_many();
    test_skip();
    test_no_file();
    test_find();
    test_pairs();
    remove_folder(folder);
}
