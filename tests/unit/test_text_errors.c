#include "text_check.h"

static char folder[FOLDER_MAX];

/* ---- bad rows ---- */

static void check_bad(const char *text, const char *where, const char *message)
{
    char path[CF_PATH_MAX], expected[CF_PATH_MAX + 64];
    reading r = {0};
    write_text(path, folder, "bad.csv", text);
    read_inputs(&r, &world, path, &usual);
    snprintf(expected, sizeof expected, "%s%s", path, where);
    CHECK(strstr(cf_error_message(), message) != NULL);
    CHECK(strchr(cf_error_message(), '\n') == NULL);
    CHECK(failed_with(r.status, CF_BAD_DATA, expected));
    reading_free(&r);
}

static void test_bad_rows(void)
{
    check_bad("1,2,3\n1,3,abc\n", ":2:5:", "rating 'abc' is not a number");
    check_bad("1,2,3\n1,3,abc\n", ":2:5:", "--on-bad-row=skip");
    check_bad("userId,movieId,rating\n1,2,3\n,3,4\n",
              ":3:1:", "user id is empty");
    check_bad("1,2,3\n\n10,,4\n", ":3:4:", "item id is empty");
    check_bad("1::2::3\n12::3::x\n", ":2:8:", "rating 'x'");
    check_bad("1\t2\t3\n12\t3\tnan\n", ":2:6:", "'nan'");
    check_bad("1,2,3\n1,3\n", ":2:1:", "2 columns in '1,3'; expected 3");
    check_bad("1,2,3\n1\n", ":2:1:", "1 column in '1'");
    check_bad("1,2,3\n1,3,4,\n", ":2:1:", "4 columns");
    check_bad("1,2,3\n1,3,\n", ":2:5:", "rating ''");
    check_bad("1,2,3\r\n1,3,4x\r\n", ":2:5:", "'4x' is");
    check_bad("1,2,3\n1,3,inf\n", ":2:5:", "'inf'");
    check_bad("1,2,3\n1,3,1e39\n", ":2:5:", "'1e39' is out of range");
    check_bad("rating,userId,movieId\n1,2,3\nz,4,5\n", ":3:1:", "rating 'z'");
    check_bad("1,2,3\n1,3,\"4\"\"\"\n", ":2:5:", "rating '4\"'");
    check_bad("\"1\n\",2,3\n\"5\n\n\",3,x\n", ":5:5:", "rating 'x'");
    check_bad("1,2,3\n4,\"5,6\n7,8,9\n",
              ":2:1:", "the row '4,\"5,6?7,8,9?' has no end");
    check_bad("1,2,3\n1,3,\x1b[1m\n", ":2:5:", "rating '?[1m'");
    check_bad("", ":", "empty");
    check_bad("userId,movieId,rating\n", ":", "no ratings");
    check_bad("userId,movieId,rating", ":", "no ratings");
    check_bad("\n\r\n\n", ":", "no ratings");
    check_bad("user,movie,what\n1,2,3\n", ":1:1:", "rating");
    check_bad("a,b,c\n1,2,3\n", ":1:1:", "user id");
    check_bad("1,2,3\r4,5,6\r", ":1:1:", "carriage returns");
    check_bad("\xff\xfe"
              "1,2,3\n",
              ":", "UTF-16");
    /* A byte order mark takes no column. */
    check_bad("\xef\xbb\xbf"
              "1,2,3\n1,2,z\n",
              ":2:5:", "'z'");
}

static void check_bad_id(int64_t bytes, bool item, const char *message)
{
    char text[700];
    snprintf(text, sizeof text,
             item ? "1,2,3\n7,%0*d,1\n" : "1,2,3\n%0*d,7,1\n", (int)bytes, 0);
    check_bad(text, item ? ":2:3:" : ":2:1:", message);
}

static void test_bad_ids(void)
{
    char path[CF_PATH_MAX];
    reading r = {0};
    cf_text text = {0};
    check_bad_id(256, false, "user id '000");
    check_bad_id(256, true, "longer than 255 bytes");
    check_bad_id(600, true, "longer than 255 bytes");
    /* 255 bytes that are 510 in UTF-8 */
    cf_text_add(&text, "1,2,3\n7,");
    for (int i = 0; i < 255; i++)
        cf_text_bytes(&text, "\xe9", 1);
    cf_text_add(&text, ",1\n");
    check_bad(text.data, ":2:3:", "longer than 255 bytes in UTF-8");
    write_bytes(path, folder, "zero.csv", "1,2,3\n1,a\0b,4\n", 14);
    read_inputs(&r, &world, path, &usual);
    CHECK(failed_with(r.status, CF_BAD_DATA, "zero bytes"));
    reading_free(&r);
    cf_text_free(&text);
}

static void test_bad_times(void)
{
    char path[CF_PATH_MAX];
    reading r = {0};
    cf_text_options o = usual;
    o.times = r.in.keep.keep_time = true;
    write_text(path, folder, "time.csv", "1,2,3,5\n1,3,4,2015-02-30\n");
    read_inputs(&r, &world, path, &o);
    CHECK(failed_with(r.status, CF_BAD_DATA,
                      "time.csv:2:7: time '2015-02-30' is neither"));
    reading_free(&r);
}

static void test_scale(void)
{
    char path[CF_PATH_MAX];
    reading r = {.in = {.keep = {.has_scale = true, .scale = {1, 5}}}};
    write_text(path, folder, "scale.csv", "1,2,3\n1,3,5.5\n4,4,1\n");
    read_inputs(&r, &world, path, &usual);
    CHECK(failed_with(r.status, CF_BAD_DATA,
                      "scale.csv:2:5: rating '5.5' is outside the scale 1 to "
                      "5"));
    reading_free(&r);
    r = (reading){.in = {.bad_row = CF_BAD_ROW_SKIP,
                         .keep = {.has_scale = true,
                                  .scale = {1, 5},
                                  .has_threshold = true,
                                  .threshold = 3}}};
    read_inputs(&r, &world, path, &usual);
    CHECK(gave(&r, "scale", "1 2 1\n") && r.in.skipped == 1);
    CHECK(cf_sum_i64(&world, r.in.left[CF_LEFT_THRESHOLD]) == 1);
    reading_free(&r);
}

/* The first of many bad rows in the file, whatever rank it is on; rows with
 * newlines within quotes count all their lines. */
static void test_first_of_many(void)
{
    char path[CF_PATH_MAX], where[64];
    for (int first = 0; first < 90; first += 11)
        for (int quoted = 0; quoted < 2; quoted++) {
            cf_text text = {0};
            reading r = {0};
            cf_text_add(&text, "userId,movieId,rating,note\n");
            for (int i = 0; i < 100; i++)
                cf_text_add(&text, "%d,5,%s%d,%s\n", i,
                            i >= first && i % 2 == first % 2 ? "bad" : "", i,
                            quoted ? "\"\n\n\"" : "");
            snprintf(where, sizeof where, "first.csv:%d:%d: rating 'bad%d'",
                     first * (quoted ? 3 : 1) + 2, first < 10 ? 5 : 6, first);
            write_bytes(path, folder, "first.csv", text.data, text.length);
            read_inputs(&r, &world, path, &usual);
            CHECK(failed_with(r.status, CF_BAD_DATA, where));
            reading_free(&r);
            cf_text_free(&text);
        }
}

static void test_skip(void)
{
    char path[CF_PATH_MAX], expected[CF_PATH_MAX + 64];
    cf_text text = {0}, rows = {0};
    reading r = {.in = {.bad_row = CF_BAD_ROW_SKIP}};
    cf_text_add(&text, "userId,movieId,rating\n");
    for (int i = 0; i < 60; i++) {
        bool bad = i % 6 == 1;
        cf_text_add(&text, bad ? "%d,%d,bad%d\n" : "%d,%d,2\n", i, i, i);
        if (!bad)
            cf_text_add(&rows, "%d %d 2\n", i, i);
    }
    write_bytes(path, folder, "skip.csv", text.data, text.length);
    read_inputs(&r, &world, path, &usual);
    CHECK(gave(&r, "skip", rows.data));
    CHECK(r.in.skipped == 10 && r.in.shown_count == CF_BAD_ROWS_SHOWN);
    for (int i = 0; i < r.in.shown_count; i++) {
        int bad = 6 * i + 1;
        snprintf(expected, sizeof expected,
                 "%s:%d:%d: rating 'bad%d' is not a number", path, bad + 2,
                 bad < 10 ? 5 : 7, bad);
        CHECK(strcmp(r.in.shown[i], expected) == 0);
    }
    CHECK(same_on_all(r.in.shown, sizeof r.in.shown));
    reading_free(&r);
    cf_text_free(&text);
    cf_text_free(&rows);
}

/* Rows that are skipped in other ways: all of them, one without an end, fewer
 * than are shown. */
static void test_skip_others(void)
{
    char path[CF_PATH_MAX];
    reading r = {.in = {.bad_row = CF_BAD_ROW_SKIP}};
    write_text(path, folder, "end.csv", "1,2,3\n4,5\n7,\"8,9\n1,2,3\n");
    read_inputs(&r, &world, path, &usual);
    CHECK(gave(&r, "no end", "1 2 3\n"));
    CHECK(r.in.skipped == 2 && r.in.shown_count == 2);
    CHECK(strstr(r.in.shown[0], "end.csv:2:1: 2 columns") != NULL);
    CHECK(strstr(r.in.shown[1], "end.csv:3:1: the row") != NULL);
    CHECK(r.in.shown[2][0] == '\0');
    reading_free(&r);
}

static void test_no_file(void)
{
    char path[CF_PATH_MAX];
    reading r = {0};
    snprintf(path, sizeof path, "%s/nowhere.csv", folder);
    read_inputs(&r, &world, path, &usual);
    CHECK(failed_with(r.status, CF_NO_INPUT, path));
    reading_free(&r);
}

/* ---- finding a pair again ---- */

/* Where the first two stand, as "NAME:LINE NAME:LINE"; "" for none. */
static bool finds(const char *inputs, const char *user, const char *item,
                  const char *expected)
{
    cf_text u = {0}, i = {0}, places = {0};
    cf_finding found[2];
    cf_text_add(&u, "%s", user);
    cf_text_add(&i, "%s", item);
    cf_text_bytes(&places, "", 0);
    cf_keep all = {0};
    int status = cf_ratings_find(&world, inputs, &usual, &all, &u, &i, found);
    for (int k = 0; k < 2 && found[k].line > 0; k++)
        cf_text_add(&places, "%s%s:%" PRId64, k > 0 ? " " : "",
                    strrchr(found[k].path, '/') + 1, found[k].line);
    bool good = status == CF_OK && strcmp(places.data, expected) == 0;
    if (!good)
        fprintf(stderr, "found %s, not %s\n", places.data, expected);
    cf_text_free(&u);
    cf_text_free(&i);
    cf_text_free(&places);
    return good;
}

static void test_find(void)
{
    char path[CF_PATH_MAX], other[CF_PATH_MAX], both[2 * CF_PATH_MAX + 3];
    write_text(path, folder, "find.csv",
               "userId,movieId,rating\n1,2,3\n1,3,3\n\n2,1,x\n1,2,4\n5,5,5\n"
               "\"5\",5,1\n1,2,5\n1,3,1\n");
    CHECK(finds(path, "1", "2", "find.csv:2 find.csv:6"));
    CHECK(finds(path, "5", "5", "find.csv:7 find.csv:8"));
    CHECK(finds(path, "1", "3", "find.csv:3 find.csv:10"));
    CHECK(finds(path, "2", "1", ""));
    CHECK(finds(path, "9", "9", ""));
    write_text(other, folder, "find2.csv",
               "userId,movieId,rating\n4,\"a\n\"\"b\",1\n1,2,3\ncaf\xe9,1,1");
    CHECK(finds(other, "4", "a\n\"b", "find2.csv:2"));
    CHECK(finds(other, "1", "2", "find2.csv:4"));
    CHECK(finds(other, "caf\xc3\xa9", "1", "find2.csv:5"));
    snprintf(both, sizeof both, "%s\n%s\n", other, path);
    CHECK(finds(both, "1", "2", "find2.csv:4 find.csv:2"));
}

/* ---- pairs ---- */

static void check_pairs(const char *text, bool texts[2], const char *expected)
{
    char path[CF_PATH_MAX];
    cf_ids user = {0}, item = {0};
    cf_text mine = {0}, all = {0};
    write_text(path, folder, "pairs.csv", text);
    CHECK(cf_pairs_read(&world, path, &user, &item) == CF_OK);
    CHECK(user.text == texts[0] && item.text == texts[1]);
    CHECK(user.count == item.count);
    for (int64_t i = 0; i < user.count; i++) {
        cf_ids_print(&user, i, &mine);
        cf_text_add(&mine, " ");
        cf_ids_print(&item, i, &mine);
        cf_text_add(&mine, "\n");
    }
    gather_text(&all, &world, &mine);
    CHECK(strcmp(all.data, expected) == 0);
    cf_text_free(&mine);
    cf_text_free(&all);
    cf_ids_free(&user);
    cf_ids_free(&item);
}

static void check_bad_pairs(const char *text, const char *message)
{
    char path[CF_PATH_MAX];
    cf_ids user = {0}, item = {0};
    write_text(path, folder, "pairs.csv", text);
    int status = cf_pairs_read(&world, path, &user, &item);
    CHECK(strstr(cf_error_message(), "--on-bad-row") == NULL);
    CHECK(failed_with(status, CF_BAD_DATA, message));
    cf_ids_free(&user);
    cf_ids_free(&item);
}

static void test_pairs(void)
{
    static const char pairs[] = "1 10\n1 10\n-2 20\n3 5\n";
    static bool none[] = {false, false}, first[] = {true, false},
                both[] = {true, true};
    check_pairs("user,item\n1,10\n1,10\n-2,20\n3,5\n", none, pairs);
    check_pairs("userId,movieId,rating\n1,10,x\n1,10,\n-2,20,3\n3,5,1\n", none,
                pairs);
    check_pairs("1,10\r\n1,10\r\n-2,20\r\n3,5", none, pairs);
    check_pairs("\xef\xbb\xbf"
                "1\t10\n1\t10\n-2\t20\n3\t5\n",
                none, pairs);
    check_pairs("item,user\n10,1\n10,1\n20,-2\n5,3\n", none, pairs);
    check_pairs("ann,7\nbob,8\n", first, "ann 7\nbob 8\n");
    /* integers on the first ranks, strings on the last */
    check_pairs("1,1\n2,2\n3,3\n4,4\n5,5\n6,6\n7,7\n8,8\n9,9\nx,\"y z\"\n",
                both, "1 1\n2 2\n3 3\n4 4\n5 5\n6 6\n7 7\n8 8\n9 9\nx y z\n");
    check_bad_pairs("user,item\n1,10\n1\n2,x\n",
                    "pairs.csv:3:1: 1 column in '1'; expected 2");
    check_bad_pairs("user,item\n1,10\n2,\n", "pairs.csv:3:3: the item id is");
    check_bad_pairs("user,item\n", "there are no pairs in it");
    check_bad_pairs("1\n2\n", "one column only");
}

static void run_tests(void)
{
    make_folder(folder);
    test_bad_rows();
    test_bad_ids();
    test_bad_times();
    test_scale();
    test_first_of_many();
    test_skip();
    test_skip_others();
    test_no_file();
    test_find();
    test_pairs();
    remove_folder(folder);
}
