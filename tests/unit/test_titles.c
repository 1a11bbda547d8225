#include "test.h"

#include "cfmpi/text.h"
#include "cfmpi/titles.h"

static char folder[FOLDER_MAX];

/* Titles of the ids, of which each rank asks for its even share. */
static void check_titles(const char *name, const char *text, const int64_t *ids,
                         const char *const *titles, int64_t n)
{
    char path[CF_PATH_MAX];
    cf_part part = {0};
    cf_titles t = {0};
    size_t width = 1;
    int64_t found = 0;
    write_text(path, folder, name, text);
    cf_part_even(&part, n, world.size);
    cf_gidx begin = part.begin[world.rank];
    int64_t own = cf_part_count(&part, world.rank);
    CHECK(cf_titles_read(&t, &world, path, ids + begin, own) == CF_OK);
    cf_error_clear();
    for (int64_t i = 0; i < n; i++) {
        width = CF_MAX(width, strlen(titles[i]));
        found += titles[i][0] != '\0';
    }
    CHECK(t.count == own && t.found == found && t.width == width);
    for (int64_t i = 0; i < CF_MIN(own, t.count); i++) {
        char expected[256] = {0};
        memcpy(expected, titles[begin + i], strlen(titles[begin + i]));
        bool same = t.width == width &&
                    memcmp(t.data + i * (int64_t)width, expected, width) == 0;
        if (!same)
            fprintf(stderr, "  %s: '%.*s', not '%s'\n", name, (int)t.width,
                    t.data + i * (int64_t)t.width, expected);
        CHECK(same);
    }
    cf_titles_free(&t);
    cf_titles_free(&t);
    cf_part_free(&part);
}

static const int64_t ids[] = {-3, 1, 2, 3, 50};
static const char *const plain[] = {"", "Toy Story (1995)", "Up", "",
                                    "Am\xc3\xa9lie"};

static void test_forms(void)
{
    static const struct {
        const char *name, *text;
    } forms[] = {
        {"csv", "movieId,title,genres\n1,Toy Story (1995),Animation\n2,Up,A|B\n"
                "50,Am\xc3\xa9lie,C\n"},
        {"bare", "1,Toy Story (1995)\n2,Up\n50,Am\xc3\xa9lie\n"},
        {"open", "1,Toy Story (1995)\n2,Up\n50,Am\xc3\xa9lie"},
        {"crlf",
         "movieId,title\r\n1,Toy Story (1995)\r\n2,Up\r\n50,Am\xc3\xa9lie\r\n"},
        {"crlf-open",
         "movieId,title\r\n1,Toy Story (1995)\r\n2,Up\r\n50,Am\xc3\xa9lie"},
        {"bom", "\xef\xbb\xbfmovieId,title\n1,Toy Story (1995)\n2,Up\n"
                "50,Am\xc3\xa9lie\n"},
        {"bom-bare", "\xef\xbb\xbf"
                     "1,Toy Story (1995)\n2,Up\n50,Am\xc3\xa9lie\n"},
        {"bom-quoted",
         "\xef\xbb\xbf\"movieId\",\"title\"\n1,Toy Story (1995)\n2,Up\n"
         "50,Am\xc3\xa9lie\n"},
        {"quoted", "movieId,title\n\"1\",\"Toy Story (1995)\"\n2,\"Up\"\n"
                   "50,\"Am\xc3\xa9lie\"\n"},
        {"dat",
         "1::Toy Story (1995)::Animation\n2::Up::X\n50::Am\xc3\xa9lie::Y\n"},
        {"latin",
         "1::Toy Story (1995)::Animation\n2::Up::X\n50::Am\xe9lie::Y\n"},
        {"u.item", "1|Toy Story (1995)|01-Jan-1995||http://x?a,b|0|1\n2|Up|||\n"
                   "50|Am\xe9lie|\n"},
        {"tabs",
         "item_id\tname\n1\tToy Story (1995)\n2\tUp\n50\tAm\xc3\xa9lie\n"},
        {"moved",
         "genres,TITLE,year,MovieID\nx,Toy Story (1995),5,1\ny,Up,6,2\n"
         "z,Am\xc3\xa9lie,7,50\n"},
        {"others",
         "7,Seven\n50,Am\xc3\xa9lie\n-4,Minus\n2,Up\n1,Toy Story (1995)\n"
         "51,More and longer\n"},
        {"again",
         "1,Toy Story (1995)\n1,Other\n2,Up\n2,\n50,Am\xc3\xa9lie\n3\n"},
        {"empty-lines",
         "\n1,Toy Story (1995)\n\n\r\n2,Up\n50,Am\xc3\xa9lie\n\n"},
    };
    for (int i = 0; i < COUNT(forms); i++)
        check_titles(forms[i].name, forms[i].text, ids, plain, COUNT(ids));
    check_titles("nobody", forms[0].text, ids, plain, 0);
}

static void test_quotes(void)
{
    static const char text[] =
        "movieId,title,genres\n"
        "1,\"American President, The (1995)\",Comedy\n"
        "2,\"\"\"Great Performances\"\" Cats (1998)\",Musical\n"
        "3,\"two\nlines, and \"\"more\"\"\",\"a,\nb\"\n"
        "4,\"\",x\n"
        "5,6\" Under (2001),x\n"
        "6,\"\"\"\"\"\",x\n"
        "7,\"ends here\"";
    static const int64_t all[] = {1, 2, 3, 4, 5, 6, 7};
    static const char *const titles[] = {"American President, The (1995)",
                                         "\"Great Performances\" Cats (1998)",
                                         "two\nlines, and \"more\"",
                                         "",
                                         "6\" Under (2001)",
                                         "\"\"",
                                         "ends here"};
    check_titles("quotes.csv", text, all, titles, COUNT(all));
    /* Quotes are letters where fields cannot be quoted. */
    check_titles("quotes.dat", "1::\"X\", said: he::a\n2::\"Y::b\n", all,
                 (const char *const[]){"\"X\", said: he", "\"Y"}, 2);
}

/* Each title for itself: one in Latin-1 does not change the others. */
static void test_latin(void)
{
    static const int64_t all[] = {1, 2, 3};
    check_titles("mixed.csv", "1,Am\xe9lie\n2,Am\xc3\xa9lie\n3,\xff\xfe\n", all,
                 (const char *const[]){"Am\xc3\xa9lie", "Am\xc3\xa9lie",
                                       "\xc3\xbf\xc3\xbe"},
                 3);
}

static void check_bad(const char *text, int status, const char *message)
{
    char path[CF_PATH_MAX];
    cf_titles t = {0};
    write_text(path, folder, "bad.csv", text);
    CHECK(failed_with(cf_titles_read(&t, &world, path, ids, COUNT(ids)), status,
                      message));
    cf_titles_free(&t);
}

static void test_errors(void)
{
    char path[CF_PATH_MAX];
    cf_titles t = {0};
    check_bad("", CF_BAD_DATA, "empty");
    check_bad("movieId,title\n1,A\nx,B\n", CF_BAD_DATA, "bad.csv:3:");
    check_bad("1,\"two\nlines\"\n2,B\n\n1.5,C\n", CF_BAD_DATA, "bad.csv:5:");
    check_bad("1,A\r\n,B\r\n", CF_BAD_DATA, "bad.csv:2:");
    snprintf(path, sizeof path, "%s/nowhere.csv", folder);
    CHECK(failed_with(cf_titles_read(&t, &world, path, ids, COUNT(ids)),
                      CF_NO_INPUT, path));
    cf_titles_free(&t);
    CHECK(failed_with(cf_titles_read(&t, &world, folder, ids, COUNT(ids)),
                      CF_NO_INPUT, folder));
    cf_titles_free(&t);
}

/* More text than goes in one of the tiny messages. */
static void test_many(void)
{
    const int64_t n = 2000;
    char path[CF_PATH_MAX], expected[32];
    cf_text text = {0};
    cf_titles t = {0};
    int64_t mine[2000], own = 0;
    for (int64_t i = 0; i < n; i++)
        cf_text_add(&text, "%" PRId64 ",\"Film, number %" PRId64 "\",x\n",
                    n - i, n - i);
    for (int64_t id = 1; id <= n; id++)
        if (id * world.size / (n + 1) == world.rank)
            mine[own++] = id;
    write_bytes(path, folder, "many.csv", text.data, text.length);
    CHECK(cf_titles_read(&t, &world, path, mine, own) == CF_OK);
    CHECK(t.found == n && t.count == own &&
          t.width == strlen("Film, number 2000"));
    for (int64_t i = 0; i < own; i++) {
        snprintf(expected, sizeof expected, "Film, number %" PRId64, mine[i]);
        CHECK(strncmp(t.data + i * (int64_t)t.width, expected, t.width) == 0);
    }
    cf_titles_free(&t);
    cf_text_free(&text);
}

static void run_tests(void)
{
    make_folder(folder);
    test_forms();
    test_quotes();
    test_latin();
    test_errors();
    test_many();
    remove_folder(folder);
}
