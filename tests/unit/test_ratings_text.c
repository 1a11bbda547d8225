#include "text_check.h"

static char folder[FOLDER_MAX];

/* ---- what a row can look like ---- */

static const char three[] = "1 10 4.5\n2 -20 3\n7 30 0.5\n";

static void check_three(const char *name, const char *text,
                        enum cf_ratings_format format)
{
    char path[CF_PATH_MAX], hex[CF_DIGEST_HEX];
    reading r = {0};
    cf_text_options o = usual;
    cf_text bytes = {(char *)(uintptr_t)text, (int64_t)strlen(text), 0};
    o.format = format;
    write_text(path, folder, name, text);
    read_inputs(&r, &world, path, &o);
    CHECK(gave(&r, name, three));
    digest_of(&bytes, hex);
    CHECK(strcmp(r.in.digest, hex) == 0 && r.in.bytes == bytes.length);
    CHECK(r.in.skipped == 0 && r.in.shown_count == 0 && !r.in.implicit);
    CHECK(r.in.file_count == 1 && strcmp(r.in.files[0].path, path) == 0 &&
          r.in.files[0].bytes == bytes.length);
    reading_free(&r);
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
        {"empty-rest", "1,10,4.5,\n2,-20,3,\n7,30,0.5,x\n", CF_FORMAT_AUTO},
    };
    for (int i = 0; i < COUNT(forms); i++)
        check_three(forms[i].name, forms[i].text, forms[i].format);
}

/* ---- ids that are no integers, ratings that are not there ---- */

typedef struct sheet {
    const char *columns, *text, *rows;
} sheet;

static void check_sheet(const sheet *s, bool times, bool implicit)
{
    char path[CF_PATH_MAX];
    reading r = {0};
    cf_text_options o = usual;
    o.columns = s->columns;
    o.times = r.in.keep.keep_time = times;
    write_text(path, folder, "sheet.csv", s->text);
    read_inputs(&r, &world, path, &o);
    CHECK(gave(&r, s->text, s->rows));
    CHECK(r.in.implicit == implicit);
    reading_free(&r);
}

static void test_text_ids(void)
{
    static const sheet sheets[] = {
        {"", "ann,x,1\nbob,y,2\n", "ann x 1\nbob y 2\n"},
        /* one id that is no integer makes all of its column strings */
        {"", "1,10,1\n2,x9,2\n", "1 10 1\n2 x9 2\n"},
        {"", "007,1,1\n7,1,2\n", "007 1 1\n7 1 2\n"},
        {"", "9223372036854775808,1,1\n", "9223372036854775808 1 1\n"},
        {"", "\"a,b\",\"c\nd\",\"3\"\n\"x\"\"y\",\"\"\"\", 4 \n",
         "a,b c\nd 3\nx\"y \" 4\n"},
        {"", "a\"b,\"c\"d,5\n", "a\"b cd 5\n"},
        {"", "user;book rating;isbn\n1;7;12X\n2;8;34Y\n", "1 12X 7\n2 34Y 8\n"},
        /* Latin-1 becomes UTF-8 */
        {"", "caf\xe9,1,2\ncaf\xc3\xa9,1,3\n",
         "caf\xc3\xa9 1 2\ncaf\xc3\xa9 1 3\n"},
    };
    for (int i = 0; i < COUNT(sheets); i++)
        check_sheet(&sheets[i], false, false);
}

static void test_columns(void)
{
    static const sheet sheets[] = {
        {"user=2,item=1", "10,1,4.5\n-20,2,3\n", "1 10 4.5\n2 -20 3\n"},
        {"user=3,item=2,rating=1", "4.5,10,1\n3,-20,2\n",
         "1 10 4.5\n2 -20 3\n"},
        {"user=who,item=what,rating=how", "what,how,who\n10,4.5,1\n-20,3,2\n",
         "1 10 4.5\n2 -20 3\n"},
        /* the fourth column and one named time would be times else */
        {"user=2,item=4,rating=1", "4.5,1,x,10\n3,2,x,-20\n",
         "1 10 4.5\n2 -20 3\n"},
        {"rating=time", "user,item,time\n1,10,4.5\n", "1 10 4.5\n"},
        {"rating=SCORE", "userId,itemId,rating,score\n1,10,0,4.5\n",
         "1 10 4.5\n"},
        {"user=2,item=3", "rating,userId,itemId\n4.5,1,10\n", "1 10 4.5\n"},
    };
    static const sheet unrated[] = {
        {"rating=none", "1,10,4.5\n2,-20,3\n", "1 10 1\n2 -20 1\n"},
        {"", "userId,itemId\n1,10\n2,-20\n", "1 10 1\n2 -20 1\n"},
        {"", "userId,itemId,timestamp\n1,10,99\n", "1 10 1\n"},
        {"", "1,10\n2,-20\n", "1 10 1\n2 -20 1\n"},
    };
    static const sheet timed[] = {
        {"", "1,10,4.5,978300760\n2,-20,3,1970-01-02\n",
         "1 10 4.5 @978300760\n2 -20 3 @86400\n"},
        {"time=1,user=2,item=3,rating=4", "5,1,10,4.5\n6,2,-20,3\n",
         "1 10 4.5 @5\n2 -20 3 @6\n"},
        {"time=when", "when,user,item,rating,date\n5,1,10,4.5,x\n",
         "1 10 4.5 @5\n"},
    };
    for (int i = 0; i < COUNT(sheets); i++)
        check_sheet(&sheets[i], false, false);
    for (int i = 0; i < COUNT(unrated); i++)
        check_sheet(&unrated[i], false, true);
    for (int i = 0; i < COUNT(timed); i++)
        check_sheet(&timed[i], true, false);
}

static void check_refused(const char *columns, bool times, const char *text,
                          int status, const char *message)
{
    char path[CF_PATH_MAX];
    reading r = {0};
    cf_text_options o = usual;
    o.columns = columns;
    o.times = times;
    write_text(path, folder, "refused.csv", text);
    read_inputs(&r, &world, path, &o);
    CHECK(failed_with(r.status, status, message));
    reading_free(&r);
}

static void test_columns_refused(void)
{
    static const char rows[] = "1,2,3\n4,5,6\n";
    check_refused("user=0", false, rows, CF_USAGE, "'user=0'");
    check_refused("user=", false, rows, CF_USAGE, "'user='");
    check_refused("use=1", false, rows, CF_USAGE, "'use=1'");
    check_refused("user=1,user=2", false, rows, CF_USAGE, "'user=2'");
    check_refused("item=1", false, rows, CF_USAGE,
                  "column 1 cannot be both user id and item id");
    check_refused("rating=4", false, rows, CF_BAD_DATA,
                  "refused.csv:1:1: there is no column 4 for the rating");
    check_refused("user=who", false, "a,b,c\n1,2,3\n", CF_BAD_DATA,
                  "refused.csv:1:1: the header names no column 'who'");
    check_refused("user=none", false, rows, CF_BAD_DATA, "no user id");
    check_refused("", true, rows, CF_BAD_DATA, "--columns=time=");
    check_refused("", false, "user,item,mark\n1,2,3\n", CF_BAD_DATA,
                  "names no rating column");
}

/* ---- shares of the bytes ---- */

/* The text with a head that is longer by one byte each time, so that borders
 * of shares fall everywhere (the more ranks, the more borders); '#' in it
 * stands for the filling. */
static void check_borders(const char *form, const char *rows)
{
    char path[CF_PATH_MAX], hex[CF_DIGEST_HEX];
    const char *place = strchr(form, '#');
    for (int i = 0; i < 60 / world.size + 12; i++) {
        reading r = {0};
        cf_text text = {0};
        cf_text_add(&text, "%.*s%0*d%s", (int)(place - form), form, i + 1, 0,
                    place + 1);
        write_bytes(path, folder, "borders.csv", text.data, text.length);
        read_inputs(&r, &world, path, &usual);
        CHECK(gave(&r, text.data, rows));
        digest_of(&text, hex);
        CHECK(strcmp(r.in.digest, hex) == 0);
        reading_free(&r);
        cf_text_free(&text);
    }
}

static void test_borders(void)
{
    check_borders("1,10,4.5,#\r\n2,-20,3,\r\n7,30,0.5,\r\n", three);
    check_borders("1,10,4.5,#\r\n2,-20,3,\r\n7,30,0.5,", three);
    check_borders("\xef\xbb\xbf"
                  "1,10,4.5,#\n2,-20,3,\n7,30,0.5,\n",
                  three);
    check_borders("userId,itemId,rating,x#\n1,10,4.5,\n2,-20,3,\n7,30,0.5,",
                  three);
    check_borders("1::10::4.5::#\n2::-20::3::\n7::30::0.5::\n", three);
    check_borders("1,10,4.5,#\n\n\n\r\n2,-20,3,\n\n\n\n\n\n7,30,0.5,\n\n\n",
                  three);
    /* newlines, separators and doubled quotes within quotes */
    check_borders("1,10,4.5,\"#\n9,9,9,\n\"\n2,-20,3,\"\n8,8,8,\n\"\n"
                  "7,30,0.5,\"\n7,7,7,\n\"",
                  three);
    check_borders("1,10,4.5,\"#\"\"\n9,9,9,\n\"\"\"\n2,-20,3,"
                  "\"\"\"\n8,8,8,\"\"\"\r\n7,30,0.5,\"\"\n",
                  three);
    check_borders("\"a\"\"b\",\"\"\"\",1,#\n\"\"\"\"\"\"\"\",\"x,\n\",2,\n"
                  "c\"d,e\"\"f,3,\n",
                  "a\"b \" 1\n\"\"\" x,\n 2\nc\"d e\"\"f 3\n");
}

/* A comment that is longer than what a rank has of the file, or all others
 * together. */
static void test_long_line(void)
{
    char path[CF_PATH_MAX];
    for (int where = 0; where < 3; where++) {
        static const char *const begin[] = {"1,10,4.5,", "2,-20,3,",
                                            "7,30,0.5,"};
        reading r = {0};
        cf_text text = {0};
        for (int i = 0; i < 3; i++)
            cf_text_add(&text, "%s%0*d\n", begin[i],
                        i == where ? where == 1 ? 300000 : 30000 : 1, 0);
        write_bytes(path, folder, "long.csv", text.data, text.length);
        read_inputs(&r, &world, path, &usual);
        CHECK(gave(&r, "long", three));
        reading_free(&r);
        cf_text_free(&text);
    }
}

/* One field of many blocks, its doubled quotes lying across their borders; a
 * rank whose share begins within it must see that. */
static void test_long_quotes(void)
{
    char path[CF_PATH_MAX];
    const int64_t blocks = 150000;
    for (int odd = 0; odd < 2; odd++) {
        reading r = {0};
        cf_text text = {0};
        cf_text_add(&text, "1,10,4.5,%s\n2,-20,3,\"", odd ? "x" : "");
        for (int64_t i = 0; i < blocks / 2; i++)
            cf_text_bytes(&text, "\"\"", 2);
        while (text.length < (world.size + 1) * blocks)
            cf_text_add(&text, "\n9,9,9,9");
        cf_text_add(&text, "\"\n7,30,0.5,\n");
        write_bytes(path, folder, "quotes.csv", text.data, text.length);
        read_inputs(&r, &world, path, &usual);
        CHECK(gave(&r, "quotes", three));
        reading_free(&r);
        cf_text_free(&text);
    }
}

static void test_small(void)
{
    char path[CF_PATH_MAX];
    reading r = {0};
    write_text(path, folder, "small.csv", "1,2,3");
    read_inputs(&r, &world, path, &usual);
    CHECK(gave(&r, "small", "1 2 3\n"));
    reading_free(&r);
}

/* Many rows of many lengths. */
static void check_many(int64_t n, bool crlf)
{
    char path[CF_PATH_MAX], hex[CF_DIGEST_HEX];
    const char *end = crlf ? "\r\n" : "\n";
    cf_text text = {0}, rows = {0};
    reading r = {0};
    cf_text_add(&text, "userId,movieId,rating,timestamp%s", end);
    for (int64_t i = 0; i < n; i++) {
        int64_t user = pick(1, i, 50) * (i % 3 ? 1 : 1000000007);
        int64_t item = pick(2, i, 1000) - 300, half = pick(3, i, 10);
        cf_text_add(&text, "%" PRId64 ",%" PRId64 ",%.1f,%" PRId64 "%s", user,
                    item, (double)half / 2, i * i * i, end);
        cf_text_add(&rows, "%" PRId64 " %" PRId64 " %.9g\n", user, item,
                    (double)half / 2);
    }
    write_bytes(path, folder, "many.csv", text.data, text.length);
    read_inputs(&r, &world, path, &usual);
    CHECK(gave(&r, "many", rows.data));
    /* Each distinct id once a rank, and a rank's share of the bytes. */
    const cf_entries *e = &r.in.entries;
    for (int64_t i = 0; i < e->users.ids.count; i++)
        for (int64_t j = 0; j < i; j++)
            CHECK(e->users.ids.number[i] != e->users.ids.number[j]);
    CHECK(n < 1000 || llabs(e->count - n / world.size) < n / 10 + 10);
    digest_of(&text, hex);
    CHECK(strcmp(hex, r.in.digest) == 0 && r.in.bytes == text.length);
    reading_free(&r);
    cf_text_free(&rows);
    cf_text_free(&text);
}

static void run_tests(void)
{
    make_folder(folder);
    test_forms();
    test_text_ids();
    test_columns();
    test_columns_refused();
    test_borders();
    test_long_line();
    test_long_quotes();
    test_small();
    check_many(1, false);
    check_many(7, true);
    check_many(3000, false);
    check_many(3000, true);
    remove_folder(folder);
}
