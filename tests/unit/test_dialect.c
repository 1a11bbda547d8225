/* What the first rows of a text tell: separator, header, columns. */
#include "text_check.h"

#include "../../src/input/dialect.h"

/* Every rank looks at texts of its own. */
static int looked;

static bool mine(void)
{
    return looked++ % world.size == world.rank;
}

/* ---- separators ---- */

/* Name of a separator as tests write it. */
static const char *separator_of(const cf_dialect *d)
{
    static const char *const names[] = {",", ";", "|", "\t", " ", "::"};
    for (int i = 0; i < COUNT(names); i++)
        if (names[i][0] == d->cut.separator &&
            d->cut.twice == (names[i][1] != '\0'))
            return names[i];
    return "?";
}

static void check_separator(const char *text, enum cf_ratings_format format,
                            const char *separator, int columns)
{
    cf_dialect d;
    cf_text_options o = usual;
    o.format = format;
    if (!mine())
        return;
    int status =
        cf_dialect_find(&d, "x", text, (int64_t)strlen(text), true, &o);
    bool same = status == CF_OK && d.columns == columns &&
                strcmp(separator_of(&d), separator) == 0 &&
                d.cut.quotes == !d.cut.twice;
    CHECK(same);
    if (!same)
        fprintf(stderr, "  %s  status %d %s, %d columns by '%s'\n", text,
                status, cf_error_message(), d.columns, separator_of(&d));
    cf_error_clear();
}

static void test_separators(void)
{
    static const struct {
        const char *text, *separator;
        int columns;
    } texts[] = {
        {"1,2,3\n4,5,6\n", ",", 3},
        {"1;2;3\n4;5;6\n", ";", 3},
        {"1|2|3\n4|5|6\n", "|", 3},
        {"1\t2\t3\n4\t5\t6\n", "\t", 3},
        {"1 2 3\n4 5 6\n", " ", 3},
        {"1::2::3\n4::5::6\n", "::", 3},
        /* what stands within fields */
        {"1;2;3,5\n4;5;4,0\n", ";", 3},
        {"1\t2\t3.5\t2015-03-31 23:59:59\n1\t3\t4\t2015-03-31 11:00:00\n", "\t",
         4},
        {"1,2,3.5,2015-03-31 23:59:59\n1,3,4,2015-03-31 11:00:00\n", ",", 4},
        {"1,2,3,\"a;b;c\"\n4,5,6,\"a;b;c\"\n", ",", 4},
        {"1,2,3,\"a;b;c;d;e\"\n4,5,6,\"f;g;h;i;j\"\n", ",", 4},
        {"1,2,3,a b c d e f\n4,5,6,g\n", ",", 4},
        {"1::2::3::a,b,c\n4::5::6::a\n", "::", 4},
        {"\"a,b\";\"c,d\";3\n\"e,f\";\"g,h\";4\n", ";", 3},
        {"\"1\"\t\"x;y\"\t\"3\"\n\"2\"\t\"z\"\t\"4\"\n", "\t", 3},
        /* rows that are not all of one width: those of more fields */
        {"1,2,3\n4,5\n6,7,8\n", ",", 3},
        {"1;2;3\n4;5\n6;7;8,5\n", ";", 3},
        /* empty lines and one row tell enough */
        {"\n\r\n1,2,3\n", ",", 3},
        {"1|2", "|", 2},
        {"1,2,3\n4,5,\"6\n\"\n", ",", 3},
    };
    for (int i = 0; i < COUNT(texts); i++)
        check_separator(texts[i].text, CF_FORMAT_AUTO, texts[i].separator,
                        texts[i].columns);
    check_separator("1,2;3,5\n", CF_FORMAT_CSV, ",", 3);
    check_separator("1\t2,3,4\t5\n", CF_FORMAT_TSV, "\t", 3);
    check_separator("1::2,3,4,5,6::5\n", CF_FORMAT_DAT, "::", 3);
}

/* ---- header and columns ---- */

/* The columns of user, item, rating and time from 1, 0 where there is none,
 * and bytes and lines before the first row. */
typedef struct layout {
    const char *text, *columns;
    int place[CF_ROLES];
    int64_t body, lines;
} layout;

static void check_layout(const layout *l, bool times)
{
    cf_dialect d;
    cf_text_options o = usual;
    o.columns = l->columns;
    o.times = times;
    if (!mine())
        return;
    int64_t n = (int64_t)strlen(l->text);
    int status = cf_dialect_find(&d, "x", l->text, n, true, &o);
    bool same =
        status == CF_OK && d.body == l->body && d.body_lines == l->lines;
    for (int role = 0; role < CF_ROLES && same; role++)
        same = d.column[role] + 1 == l->place[role];
    CHECK(same && (d.header[0] != '\0') == (l->lines > 0));
    if (!same)
        fprintf(stderr, "  %s  status %d %s, rows from byte %d\n", l->text,
                status, cf_error_message(), (int)d.body);
    cf_error_clear();
}

static void test_headers(void)
{
    static const layout plain[] = {
        {"1,2,3\n4,5,6\n", "", {1, 2, 3, 0}, 0, 0},
        {"a,b,3\nc,d,4\n", "", {1, 2, 3, 0}, 0, 0},
        {"a,b\nc,d\n", "", {1, 2, 0, 0}, 0, 0},
        {"userId,movieId,rating\n4,5,6\n", "", {1, 2, 3, 0}, 22, 1},
        {"user,movie\n", "", {1, 2, 0, 0}, 11, 1},
        {"\"User-ID\";\"ISBN\";\"Book-Rating\"\r\n1;2;3\r\n",
         "",
         {1, 2, 3, 0},
         32,
         1},
        {"\xef\xbb\xbfuser,item,rating\n1,2,3\n", "", {1, 2, 3, 0}, 20, 1},
        {"\xef\xbb\xbf"
         "1,2,3\n",
         "",
         {1, 2, 3, 0},
         3,
         0},
        {"\n\nuser,item,rating\n1,2,3\n", "", {1, 2, 3, 0}, 19, 3},
        {"\"user\nid\",user,item,rating\n1,2,3,4\n", "", {2, 3, 4, 0}, 27, 2},
        /* the likeliest name of several, wherever it stands */
        {"user,userId,itemId,item,stars,rating\n1,2,3,4,5,6\n",
         "",
         {2, 3, 6, 0},
         37,
         1},
        {"overall,reviewerID,verified,asin\n5,A1,x,B0\n",
         "",
         {2, 4, 1, 0},
         33,
         1},
        /* two columns of words above numbers */
        {"from,to\n1,2\n", "user=1,item=2", {1, 2, 0, 0}, 8, 1},
        /* what --columns says goes before names */
        {"user,item,rating,likes\n1,2,3,4\n",
         "rating=likes",
         {1, 2, 4, 0},
         23,
         1},
        {"user,item,rating\n1,2,3\n", "rating=none", {1, 2, 0, 0}, 17, 1},
        {"user,item,rating\n1,2,3\n", "user=2,item=1", {2, 1, 3, 0}, 17, 1},
        {"x,y,z\n1,2,3\n", "rating=X,item=Z,user=y", {2, 3, 1, 0}, 6, 1},
        {"3,1,2\n4,5,6\n", "rating=1,user=2,item=3", {2, 3, 1, 0}, 0, 0},
    };
    static const layout timed[] = {
        {"1,2,3,4\n", "", {1, 2, 3, 4}, 0, 0},
        {"userId,movieId,rating,timestamp\n1,2,3,4\n", "", {1, 2, 3, 4}, 32, 1},
        {"date,user,item,rating\n4,1,2,3\n", "", {2, 3, 4, 1}, 22, 1},
        {"4,1,2,3\n", "time=1,user=2,item=3,rating=4", {2, 3, 4, 1}, 0, 0},
        {"user,item,when\n1,2,3\n", "time=when", {1, 2, 0, 3}, 15, 1},
    };
    for (int i = 0; i < COUNT(plain); i++)
        check_layout(&plain[i], false);
    for (int i = 0; i < COUNT(timed); i++)
        check_layout(&timed[i], true);
}

/* ---- what is refused ---- */

static void check_refused(const char *text, bool all, int status,
                          const char *message)
{
    cf_dialect d;
    if (!mine())
        return;
    int64_t n = (int64_t)strlen(text);
    int found = cf_dialect_find(&d, "x", text, n, all, &usual);
    bool same = found == status && strstr(cf_error_message(), message) != NULL;
    CHECK(same);
    if (!same)
        fprintf(stderr, "  %s  status %d %s\n", text, found,
                cf_error_message());
    cf_error_clear();
}

static void test_refused(void)
{
    check_refused("", true, CF_BAD_DATA, "x: is empty");
    check_refused("\n\n", true, CF_BAD_DATA, "x: there are no ratings");
    check_refused("1,2,3", false, CF_BAD_DATA, "x:1:1: the first row has no");
    check_refused("\"1,2,3\n4,5,6\n", true, CF_BAD_DATA, "a quote is opened");
    check_refused("1\n2\n", true, CF_BAD_DATA, "x:1:1: there is no item id");
    check_refused("a,b,c\n1,2,3\n", true, CF_BAD_DATA, "names no user id");
    check_refused("user,b,c\n1,2,3\n", true, CF_BAD_DATA, "names no item id");
    check_refused("user,item,c\n1,2,3\n", true, CF_BAD_DATA, "names no rating");
    check_refused("1,2,3\r4,5,6\r", true, CF_BAD_DATA, "carriage returns");
    check_refused("\xfe\xff\x01,\x01", true, CF_BAD_DATA, "UTF-16");
}

/* ---- files that belong together ---- */

static bool fit(const char *one, const char *two, const char *message)
{
    cf_dialect a, b;
    cf_dialect_find(&a, "one", one, (int64_t)strlen(one), true, &usual);
    cf_dialect_find(&b, "two", two, (int64_t)strlen(two), true, &usual);
    int status = cf_dialect_compare(&a, "one", &b, "two");
    bool good = message == NULL ? status == CF_OK
                                : status == CF_BAD_DATA &&
                                      strstr(cf_error_message(), message);
    if (!good)
        fprintf(stderr, "  %s and %s: %s\n", one, two, cf_error_message());
    cf_error_clear();
    return good;
}

static void test_compare(void)
{
    CHECK(fit("1,2,3\n", "4,5,6\n", NULL));
    CHECK(fit("1,2,3\n",
              "\xef\xbb\xbf"
              "4,5,6\r\n",
              NULL));
    CHECK(fit("user,item,rating\n1,2,3\n", "user,item,rating\r\n", NULL));
    CHECK(fit("user,item,rating\n1,2,3\n", "1,2,3\n",
              "two:1:1: this file has no header, but one has one"));
    CHECK(fit("1,2,3\n", "user,item,rating\n1,2,3\n",
              "two:1:1: this file has a header, but one has none"));
    CHECK(fit("user,item,rating\n1,2,3\n", "item,user,rating\n1,2,3\n",
              "two:1:1: the header 'item,user,rating' is not that of one"));
    CHECK(fit("1,2,3\n", "1,2,3,4\n", "rows of 4 columns between ','"));
    CHECK(fit("1,2,3\n", "1\t2\t3\n", "but one has rows of 3 between ','"));
}

static void run_tests(void)
{
    test_separators();
    test_headers();
    test_refused();
    test_compare();
}
