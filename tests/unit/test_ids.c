#include "test.h"

#include "cfmpi/ids.h"

/* Strings in byte order, among them one that begins another, numbers, bytes
 * above ASCII, and the longest. */
static const char *const words[] = {"",
                                    "-5",
                                    "007",
                                    "10",
                                    "7",
                                    "A",
                                    "a",
                                    "a b",
                                    "a,b",
                                    "aa",
                                    "b\n",
                                    "b\"",
                                    "\xc3\xa9t\xc3\xa9",
                                    "\xe2\x82\xac",
                                    "\xf0\x9f\x8e\xac"};

static const int64_t numbers[] = {INT64_MIN, -1000000007, -10,      -1, 0, 1, 7,
                                  10,        4294967296,  INT64_MAX};

static const char *const written[] = {"-9223372036854775808",
                                      "-1000000007",
                                      "-10",
                                      "-1",
                                      "0",
                                      "1",
                                      "7",
                                      "10",
                                      "4294967296",
                                      "9223372036854775807"};

static void make_words(cf_ids *ids, const char *const *from, int64_t count)
{
    int64_t bytes = 0;
    for (int64_t i = 0; i < count; i++)
        bytes += (int64_t)strlen(from[i]);
    cf_ids_make(ids, true, count, bytes);
    CHECK(ids->text && ids->count == count && ids->begin[0] == 0);
    for (int64_t i = 0; i < count; i++) {
        size_t length = strlen(from[i]);
        memcpy(ids->bytes + ids->begin[i], from[i], length);
        ids->begin[i + 1] = ids->begin[i] + (int64_t)length;
    }
}

static void make_numbers(cf_ids *ids, const int64_t *from, int64_t count)
{
    cf_ids_make(ids, false, count, 0);
    CHECK(!ids->text && ids->count == count);
    memcpy(ids->number, from, (size_t)count * sizeof *from);
}

static bool prints(const cf_ids *ids, int64_t i, const char *expected)
{
    cf_text t = {0};
    cf_ids_print(ids, i, &t);
    bool same =
        t.length == (int64_t)strlen(expected) &&
        (t.length == 0 || memcmp(t.data, expected, strlen(expected)) == 0);
    cf_text_free(&t);
    return same;
}

static int64_t search(const cf_ids *ids, const char *s)
{
    return cf_ids_search(ids, s, s + strlen(s));
}

static int sign(int x)
{
    return (x > 0) - (x < 0);
}

static void check_order(const cf_ids *ids)
{
    for (int64_t i = 0; i < ids->count; i++)
        for (int64_t j = 0; j < ids->count; j++)
            CHECK(sign(cf_ids_compare(ids, i, ids, j)) == (i > j) - (i < j));
}

static void test_strings(void)
{
    cf_ids ids = {0}, other = {0};
    make_words(&ids, words, COUNT(words));
    check_order(&ids);
    for (int i = 0; i < COUNT(words); i++) {
        CHECK(search(&ids, words[i]) == i);
        CHECK(prints(&ids, i, words[i]));
    }
    /* Before, between and behind them; and a part of what is searched. */
    CHECK(search(&ids, " ") == -1 && search(&ids, "0") == -1);
    CHECK(search(&ids, "aaa") == -1 && search(&ids, "\xff") == -1);
    CHECK(search(&ids, "\xc3\xa9") == -1);
    CHECK(cf_ids_search(&ids, "a bc", "a bc" + 3) == 7);
    make_words(&other, (const char *const[]){"a,"}, 1);
    CHECK(cf_ids_compare(&other, 0, &ids, 7) > 0);
    CHECK(cf_ids_compare(&other, 0, &ids, 8) < 0);
    cf_ids_free(&other);
    cf_ids_free(&ids);
    cf_ids_free(&ids);
    CHECK(ids.count == 0 && !ids.text && ids.bytes == NULL);
}

static void test_numbers(void)
{
    cf_ids ids = {0};
    make_numbers(&ids, numbers, COUNT(numbers));
    check_order(&ids);
    for (int i = 0; i < COUNT(numbers); i++) {
        CHECK(search(&ids, written[i]) == i);
        CHECK(prints(&ids, i, written[i]));
    }
    /* Other ways to write a number are other ids. */
    static const char *const others[] = {"",
                                         "2",
                                         "-11",
                                         "007",
                                         "-0",
                                         "+7",
                                         " 7",
                                         "7 ",
                                         "7.",
                                         "1e1",
                                         "0x7",
                                         "x",
                                         "9223372036854775808",
                                         "-9223372036854775809",
                                         "18446744073709551623"};
    for (int i = 0; i < COUNT(others); i++)
        CHECK(search(&ids, others[i]) == -1);
    CHECK(cf_ids_width(&ids) == 1);
    cf_ids_free(&ids);
}

/* Fields of a CSV row, one after the other. */
static void test_csv(void)
{
    cf_ids ids = {0};
    cf_text t = {0};
    make_words(&ids, words, COUNT(words));
    for (int64_t i = 7; i < 12; i++)
        cf_ids_print_csv(&ids, i, i == 8 ? '\t' : ',', &t);
    CHECK(strcmp(t.data, "a ba,baa\"b\n\"\"b\"\"\"") == 0);
    cf_text_clear(&t);
    cf_ids_print_csv(&ids, 8, ',', &t);
    make_numbers(&ids, numbers, 2);
    cf_ids_print_csv(&ids, 1, '-', &t);
    CHECK(strcmp(t.data, "\"a,b\"-1000000007") == 0);
    cf_text_free(&t);
    cf_ids_free(&ids);
}

static void test_empty(void)
{
    cf_ids ids = {0};
    char nothing[] = "x";
    CHECK(search(&ids, "7") == -1 && cf_ids_width(&ids) == 1);
    cf_ids_to_text(&ids);
    CHECK(ids.text && ids.count == 0 && ids.begin[0] == 0);
    CHECK(search(&ids, "7") == -1 && cf_ids_width(&ids) == 1);
    cf_ids_to_fields(&ids, nothing, 5);
    CHECK(nothing[0] == 'x');
    cf_ids_make(&ids, true, 0, 0); /* frees what was there */
    cf_ids_make(&ids, false, 0, 0);
    CHECK(!ids.text && ids.count == 0 && ids.begin == NULL);
    cf_ids_free(&ids);
}

static void test_to_text(void)
{
    cf_ids ids = {0};
    make_numbers(&ids, numbers, COUNT(numbers));
    for (int round = 0; round < 2;
         round++) { /* the second one changes nothing */
        cf_ids_to_text(&ids);
        CHECK(ids.text && ids.count == COUNT(numbers) && ids.number == NULL);
        for (int i = 0; i < COUNT(numbers); i++)
            CHECK(prints(&ids, i, written[i]));
    }
    CHECK(cf_ids_width(&ids) == 20);
    cf_ids_free(&ids);
}

/* Fields as wide as the longest string have no terminator. */
static void test_fields(void)
{
    enum { WIDTH = 6 };
    static const char *const some[] = {"", "a", "abcdef", "\xe2\x82\xac",
                                       "ab\n"};
    char fields[COUNT(some) * WIDTH + 1];
    cf_ids ids = {0}, back = {0};
    make_words(&ids, some, COUNT(some));
    CHECK(cf_ids_width(&ids) == WIDTH);
    memset(fields, 'x', sizeof fields);
    cf_ids_to_fields(&ids, fields, WIDTH);
    CHECK(memcmp(fields,
                 "\0\0\0\0\0\0a\0\0\0\0\0abcdef\xe2\x82\xac\0\0\0ab\n\0\0\0x",
                 sizeof fields) == 0);
    make_numbers(&back, numbers, 3);
    cf_ids_from_fields(&back, fields, COUNT(some), WIDTH);
    CHECK(back.text && back.count == COUNT(some));
    for (int i = 0; i < back.count; i++)
        CHECK(prints(&back, i, some[i]));
    cf_ids_free(&back);
    cf_ids_free(&ids);
}

/* Searching finds each id of a long list and nothing beside it. */
static void test_many(void)
{
    enum { MANY = 5000 };
    cf_ids ids = {0};
    char s[32];
    cf_ids_make(&ids, false, MANY, 0);
    for (int64_t i = 0; i < MANY; i++)
        ids.number[i] = 10000 + 3 * i;
    for (int kind = 0; kind < 2; kind++) { /* of five digits: the same order */
        for (int64_t i = 0; i < MANY; i++) {
            snprintf(s, sizeof s, "%" PRId64, 10000 + 3 * i);
            CHECK(search(&ids, s) == i);
            snprintf(s, sizeof s, "%" PRId64, 10000 + 3 * i + 1 + i % 2);
            CHECK(search(&ids, s) == -1);
        }
        cf_ids_to_text(&ids);
    }
    cf_ids_free(&ids);
}

static void run_tests(void)
{
    test_strings();
    test_numbers();
    test_csv();
    test_empty();
    test_to_text();
    test_fields();
    test_many();
}
