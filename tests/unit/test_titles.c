#include "test.h"

#include "cfmpi/text.h"
#include "cfmpi/titles.h"

static char folder[FOLDER_MAX];

/* This rank's even share of the ids: those in `numbers`, else in `words`. */
static cf_gidx own_ids(cf_ids *ids, const int64_t *numbers,
                       const char *const *words, int64_t n)
{
    cf_part part = {0};
    cf_part_even(&part, n, world.size);
    cf_gidx begin = part.begin[world.rank];
    int64_t own = cf_part_count(&part, world.rank);
    cf_part_free(&part);
    cf_ids_make(ids, numbers == NULL, own, own * CF_ID_MAX);
    for (int64_t i = 0; i < own && numbers != NULL; i++)
        ids->number[i] = numbers[begin + i];
    for (int64_t i = 0; i < own && numbers == NULL; i++) {
        size_t length = strlen(words[begin + i]);
        memcpy(ids->bytes + ids->begin[i], words[begin + i], length);
        ids->begin[i + 1] = ids->begin[i] + (int64_t)length;
    }
    return begin;
}

/* Titles of the ids, of which each rank asks for its even share. */
static void check_all(const char *name, const char *text,
                      const int64_t *numbers, const char *const *words,
                      const char *const *titles, int64_t n)
{
    char path[CF_PATH_MAX];
    cf_ids own_list = {0};
    cf_titles t = {0};
    size_t width = 1;
    int64_t found = 0;
    write_text(path, folder, name, text);
    cf_gidx begin = own_ids(&own_list, numbers, words, n);
    int64_t own = own_list.count;
    bool read = cf_titles_read(&t, &world, path, &own_list) == CF_OK;
    if (!read)
        fprintf(stderr, "  %s\n", cf_error_message());
    CHECK(read);
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
    cf_ids_free(&own_list);
}

static void check_titles(const char *name, const char *text, const int64_t *ids,
                         const char *const *titles, int64_t n)
{
    check_all(name, text, ids, NULL, titles, n);
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

/* Ids that are strings, in byte order. */
static const char *const words[] = {
    "034545104X", "080442957X", "7", "a \"b\"", "a,b", "caf\xc3\xa9", "x|y"};
static const char *const named[] = {"Flesh Tones: A Novel",
                                    "The \"J. Peterman\" \\ \"Life\"",
                                    "",
                                    "Quotes",
                                    "Am\xc3\xa9lie",
                                    "two\nlines",
                                    "a;b|c::d"};

static void test_strings(void)
{
    static const struct {
        const char *name, *text;
    } forms[] = {
        {"commas.csv",
         "isbn,title\n034545104X,Flesh Tones: A Novel\n"
         "080442957X,\"The \"\"J. Peterman\"\" \\ \"\"Life\"\"\"\n"
         "\"a \"\"b\"\"\",Quotes\n007,Seven\n\"a,b\",Am\xc3\xa9lie\n"
         "caf\xc3\xa9,\"two\nlines\"\nx|y,a;b|c::d\n"},
        {"books.csv", /* as databases write */
         "\"ISBN\";\"Book-Title\";\"Book-Author\"\r\n"
         "\"034545104X\";\"Flesh Tones: A Novel\";\"M. J. Rose\"\r\n"
         "\"080442957X\";\"The \\\"J. Peterman\\\" \\\\ \\\"Life\\\"\";\"\"\r\n"
         "\"a \\\"b\\\"\";\"Quotes\";\"\\\\\"\r\n\"007\";\"Seven\";\"\"\r\n"
         "\"a,b\";\"Am\xe9lie\";\"x\"\r\n\"caf\xe9\";\"two\nlines\";\"\"\r\n"
         "\"x|y\";\"a;b|c::d\";\"\"\r\n"},
        {"tabs.tsv", /* with quotes where they are needed */
         "title\tASIN\nFlesh Tones: A Novel\t034545104X\n"
         "\"The \"\"J. Peterman\"\" \\ \"\"Life\"\"\"\t080442957X\n"
         "Quotes\t\"a \"\"b\"\"\"\nSeven\t007\nAm\xc3\xa9lie\ta,b\n"
         "\"two\nlines\"\tcaf\xc3\xa9\na;b|c::d\tx|y\n"},
        {"bare.tsv", /* without any, but for what holds lines */
         "a,b\tAm\xc3\xa9lie\n034545104X\tFlesh Tones: A Novel\n"
         "080442957X\tThe \"J. Peterman\" \\ \"Life\"\n"
         "a \"b\"\tQuotes\n007\tSeven\n"
         "caf\xe9\t\"two\nlines\"\nx|y\ta;b|c::d\n"},
        {"pipes.txt", "034545104X|Flesh Tones: A Novel|1\n"
                      "080442957X|The \"J. Peterman\" \\ \"Life\"|2\n"
                      "\"a \"\"b\"\"\"|Quotes\n007|Seven\na,b|Am\xe9lie|3\n"
                      "caf\xc3\xa9|\"two\nlines\"|4\n\"x|y\"|\"a;b|c::d\"|5"},
    };
    for (int i = 0; i < COUNT(forms); i++)
        check_all(forms[i].name, forms[i].text, NULL, words, named,
                  COUNT(words));
    /* Integers among strings are written in one way only. */
    check_all("seven.csv", "id,name\n07,A\n7,B\n+7,C\n", NULL, words,
              (const char *const[]){"", "", "B", "", "", "", ""}, COUNT(words));
}

/* A quote that begins a field without being one, as in files that know no
 * quoting. */
static void test_bare_quotes(void)
{
    static const int64_t all[] = {1, 2, 3, 4, 5, 6, 7};
    static const char *const titles[] = {"\"Great Performances\" Cats",
                                         "\"Rome",
                                         "Up\"",
                                         "\"",
                                         "\"\"Twice\"\" x",
                                         "Whole",
                                         "\"open"};
    check_titles(
        "bare.tsv",
        "1\t\"Great Performances\" Cats\ta\n2\t\"Rome\tb\n3\tUp\"\t\"c\"\n"
        "4\t\"\td\n5\t\"\"Twice\"\" x\te\n6\t\"Whole\"\tf\n7\t\"open\n",
        all, titles, COUNT(all));
    check_titles("bare.item",
                 "1|\"Great Performances\" Cats|a\n2|\"Rome|b\n3|Up\"|\"c\"\n"
                 "4|\"|d\n5|\"\"Twice\"\" x|e\n6|\"Whole\"|f\n7|\"open\n",
                 all, titles, COUNT(all));
    /* In CSV what follows a quoted part belongs to the field. */
    check_titles("behind.csv",
                 "1,\"Great Performances\" Cats,a\n2,\"\"\"Rome\"\n", all,
                 (const char *const[]){"Great Performances Cats", "\"Rome"}, 2);
    /* A backslash is a letter where no quote needs one. */
    check_titles("backslash.csv", "1,\"C:\\\"\n2,\"a\\\\b\"\n3,\"\\\"\"\"\n",
                 all, (const char *const[]){"C:\\", "a\\\\b", "\\\""}, 3);
}

static void test_separators(void)
{
    static const int64_t one[] = {1};
    static const struct {
        const char *text, *title;
    } forms[] = {
        {"1,a;b|c::d", "a;b|c::d"},
        {"1;a,b|c::d", "a,b|c::d"},
        {"1|a,b;c::d", "a,b;c::d"},
        {"1::a,b;c|d", "a,b;c|d"},
        {"1\ta,b;c|d::e", "a,b;c|d::e"},
        {"\"1\";\"a,b\"", "a,b"},
        {"1,a:b", "a:b"},
        {"1::a:b::c", "a:b"},
        {"1,", ""},
        {"1", ""},
        {"genres,x;y|z,title,Movie ID\na,b,\"c,d\",1", "c,d"},
        {"a,b;title;id\nx,y;c,d;1", "c,d"},
        {"item,count,mean,title\n1,3,4.5,\"c,d\"", "c,d"},
        {"movie_id|movie title|release date\n1|a, b|2", "a, b"},
        {"id,title,original_title,name\n1,a,b,c", "a"},
        {"title,item,id\na,1,2", "a"},
    };
    for (int i = 0; i < COUNT(forms); i++)
        check_titles("form.csv", forms[i].text, one,
                     (const char *const[]){forms[i].title}, 1);
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

static void check_failure(const char *path, const cf_ids *own, int status,
                          const char *message)
{
    cf_titles t = {0};
    CHECK(failed_with(cf_titles_read(&t, &world, path, own), status, message));
    CHECK(t.data == NULL);
    cf_titles_free(&t);
}

static void check_bad(const char *text, const char *message)
{
    char path[CF_PATH_MAX];
    cf_ids own = {0};
    own_ids(&own, ids, NULL, COUNT(ids));
    write_text(path, folder, "bad.csv", text);
    check_failure(path, &own, CF_BAD_DATA, message);
    cf_ids_free(&own);
}

static void test_errors(void)
{
    char path[CF_PATH_MAX], text[5000] = "1,A\n2,\"";
    cf_ids own = {0};
    check_bad("", "empty");
    check_bad("movieId,title\n1,A\nx,B\n", "bad.csv:3: the id is not");
    check_bad("1,\"two\nlines\"\n2,B\n\n1.5,C\n", "bad.csv:5: the id is not");
    check_bad("1,A\r\n,B\r\n", "bad.csv:2: the id is missing");
    check_bad("movieId,title\n1,A\n2,\"B\n50,C\n", "bad.csv:3: a quote");
    check_bad("1;A\n2;\"B\n50;C\n", "bad.csv:2: a quote");
    check_bad("movieId,genres\n1,A\n", "bad.csv:1: the header names no");
    check_bad("Film;Titel\n1;A\n", "bad.csv:1: the header names no");
    check_bad("Nummer;Titel\n1;A\n", "bad.csv:1: the id is not an integer");
    check_bad("\xff\xfe"
              "1,A",
              "UTF-16");
    memset(text + 7, 'x', 4097);
    check_bad(text, "bad.csv:2: a quote is not closed");
    strcat(text, "\"\n50,C\n");
    check_bad(text, "bad.csv:2: a title of 4097 bytes");
    own_ids(&own, NULL, words, COUNT(words));
    write_text(path, folder, "words.csv", "isbn;x\n1;2\n");
    check_failure(path, &own, CF_BAD_DATA, "words.csv:1: the header names no");
    write_text(path, folder, "words.csv", "a;1\n;2\n");
    check_failure(path, &own, CF_BAD_DATA, "words.csv:2: the id is missing");
    snprintf(path, sizeof path, "%s/nowhere.csv", folder);
    check_failure(path, &own, CF_NO_INPUT, path);
    check_failure(folder, &own, CF_NO_INPUT, folder);
    cf_ids_free(&own);
}

/* More text than goes in one of the tiny messages. */
static void test_many(void)
{
    const int64_t n = 2000;
    char path[CF_PATH_MAX], expected[32];
    cf_text text = {0};
    cf_titles t = {0};
    cf_ids mine = {0};
    int64_t own = 0;
    cf_ids_make(&mine, false, n, 0);
    for (int64_t i = 0; i < n; i++)
        cf_text_add(&text, "%" PRId64 ",\"Film, number %" PRId64 "\",x\n",
                    n - i, n - i);
    for (int64_t id = 1; id <= n; id++)
        if (id * world.size / (n + 1) == world.rank)
            mine.number[own++] = id;
    mine.count = own;
    write_bytes(path, folder, "many.csv", text.data, text.length);
    CHECK(cf_titles_read(&t, &world, path, &mine) == CF_OK);
    CHECK(t.found == n && t.count == own &&
          t.width == strlen("Film, number 2000"));
    for (int64_t i = 0; i < own; i++) {
        snprintf(expected, sizeof expected, "Film, number %" PRId64,
                 mine.number[i]);
        CHECK(strncmp(t.data + i * (int64_t)t.width, expected, t.width) == 0);
    }
    cf_titles_free(&t);
    cf_text_free(&text);
    cf_ids_free(&mine);
}

static void run_tests(void)
{
    make_folder(folder);
    test_forms();
    test_quotes();
    test_strings();
    test_bare_quotes();
    test_separators();
    test_latin();
    test_errors();
    test_many();
    remove_folder(folder);
}
