#include "test.h"

#include "cfmpi/dictionary.h"

/* An id in the middle of other text, as in a line of a file: the bytes in
 * front can be read, and none of those around belong to it. */
static int32_t add(cf_dictionary *d, const char *id)
{
    char line[8 + CF_ID_MAX + 8];
    size_t length = strlen(id);
    memset(line, '7', sizeof line);
    memcpy(line + 8, id, length);
    return cf_dictionary_add(d, line + 8, line + 8 + length);
}

static bool is(const cf_dictionary *d, int64_t i, const char *expected)
{
    cf_text t = {0};
    cf_ids_print(&d->ids, i, &t);
    bool same = t.length == (int64_t)strlen(expected) &&
                memcmp(t.data, expected, strlen(expected)) == 0;
    cf_text_free(&t);
    return same;
}

/* Adds all ids, each of them new, and then again in the other order. */
static void check_ids(const char *const *ids, int count, bool text)
{
    cf_dictionary d = {0};
    for (int i = 0; i < count; i++)
        CHECK(add(&d, ids[i]) == i);
    for (int i = count - 1; i >= 0; i--)
        CHECK(add(&d, ids[i]) == i);
    CHECK(d.ids.count == count && d.ids.text == text && d.latin1 == 0);
    for (int i = 0; i < d.ids.count; i++)
        CHECK(is(&d, i, ids[i]));
    cf_dictionary_free(&d);
    cf_dictionary_free(&d);
    CHECK(d.ids.count == 0 && d.slot == NULL);
}

/* Canonical decimals of every length and both signs, small ones that an array
 * takes and large ones that it does not. */
static const char *const integers[] = {"5",
                                       "0",
                                       "9",
                                       "10",
                                       "99",
                                       "123",
                                       "1234",
                                       "12345",
                                       "123456",
                                       "1234567",
                                       "12345678",
                                       "99999999",
                                       "10000000",
                                       "123456789",
                                       "1234567890",
                                       "12345678901",
                                       "123456789012",
                                       "1234567890123",
                                       "12345678901234",
                                       "123456789012345",
                                       "1234567890123456",
                                       "12345678901234567",
                                       "123456789012345678",
                                       "1234567890123456789",
                                       "9223372036854775807",
                                       "9223372036854775806",
                                       "4294967296",
                                       "4294967295",
                                       "2147483647",
                                       "2147483648",
                                       "-1",
                                       "-9",
                                       "-10",
                                       "-123",
                                       "-1234567",
                                       "-12345678",
                                       "-123456789",
                                       "-1234567890123456789",
                                       "-9223372036854775808",
                                       "-9223372036854775807",
                                       "-4294967296"};

/* What looks like a number and is an id of its own. */
static const char *const strings[] = {"007",
                                      "07",
                                      "00",
                                      "-0",
                                      "+5",
                                      "-",
                                      "+",
                                      "--5",
                                      "5-",
                                      " 5",
                                      "5 ",
                                      "5.0",
                                      "0x5",
                                      "1e3",
                                      "1234:",
                                      "123/",
                                      "12345678x",
                                      "x12345678",
                                      "1\t",
                                      "\xc2\xb2",
                                      "9223372036854775808",
                                      "-9223372036854775809",
                                      "18446744073709551621",
                                      "10000000000000000000",
                                      "00000000000000000005",
                                      "-007",
                                      "-00000000000001",
                                      "a",
                                      "A",
                                      "a b",
                                      "a,b",
                                      "\"",
                                      "\"a\"",
                                      "\n",
                                      "\xc3\xa9",
                                      "1:",
                                      "1;"};

static void test_forms(void)
{
    check_ids(integers, COUNT(integers), false);
    check_ids(strings, COUNT(strings), true);
    /* Each is what makes the table one of strings. */
    for (int i = 0; i < COUNT(strings); i++) {
        cf_dictionary d = {0};
        CHECK(add(&d, "5") == 0 && add(&d, "7") == 1 && !d.ids.text);
        CHECK(add(&d, strings[i]) == 2 && d.ids.text);
        CHECK(add(&d, "7") == 1 && add(&d, "5") == 0 && d.ids.count == 3);
        CHECK(is(&d, 0, "5") && is(&d, 1, "7") && is(&d, 2, strings[i]));
        cf_dictionary_free(&d);
    }
}

/* Every integer keeps its number when a string comes. */
static void test_switch(void)
{
    cf_dictionary d = {0};
    for (int i = 0; i < COUNT(integers); i++)
        CHECK(add(&d, integers[i]) == i);
    CHECK(!d.ids.text);
    CHECK(add(&d, "007") == COUNT(integers) && d.ids.text);
    CHECK(cf_dictionary_add_number(&d, INT64_MIN) == 38);
    CHECK(cf_dictionary_add_number(&d, 0) == 1);
    CHECK(cf_dictionary_add_number(&d, -2) == COUNT(integers) + 1);
    CHECK(add(&d, "-2") == COUNT(integers) + 1);
    for (int i = 0; i < COUNT(integers); i++)
        CHECK(add(&d, integers[i]) == i && is(&d, i, integers[i]));
    for (int i = 0; i < 2; i++) { /* and when it is asked for, once */
        cf_dictionary_to_text(&d);
        CHECK(d.ids.count == COUNT(integers) + 2 && add(&d, "007") == 41);
    }
    cf_dictionary_free(&d);
    cf_dictionary_to_text(&d); /* one that is empty */
    CHECK(d.ids.text && d.ids.count == 0);
    CHECK(cf_dictionary_add_number(&d, 12) == 0 && add(&d, "x") == 1);
    CHECK(add(&d, "12") == 0 && add(&d, "012") == 2);
    cf_dictionary_free(&d);
}

static void test_latin1(void)
{
    cf_dictionary d = {0};
    CHECK(add(&d, "Am\xe9lie") == 0);     /* Latin-1 first */
    CHECK(add(&d, "Am\xc3\xa9lie") == 0); /* the same in UTF-8 */
    CHECK(add(&d, "caf\xc3\xa9") == 1);   /* UTF-8 first */
    CHECK(add(&d, "caf\xe9") == 1);
    CHECK(add(&d, "\xff") == 2 && add(&d, "\xc3\xbf") == 2);
    CHECK(add(&d, "cafe") == 3);
    CHECK(d.latin1 == 3 && d.ids.count == 4);
    CHECK(is(&d, 0, "Am\xc3\xa9lie") && is(&d, 1, "caf\xc3\xa9"));
    cf_dictionary_free(&d);
}

static void test_longest(void)
{
    cf_dictionary d = {0};
    char id[CF_ID_MAX + 1] = {0}, latin[CF_ID_MAX + 1] = {0};
    memset(id, 'x', CF_ID_MAX);
    CHECK(add(&d, id) == 0);
    id[CF_ID_MAX - 1] = 'y';
    CHECK(add(&d, id) == 1 && is(&d, 1, id));
    /* Each letter takes two bytes in UTF-8: 254 fit, 256 do not. */
    memset(latin, 0xe9, CF_ID_MAX / 2);
    CHECK(add(&d, latin) == 2 && d.ids.begin[3] - d.ids.begin[2] == 254);
    latin[CF_ID_MAX / 2] = 'a';
    CHECK(add(&d, latin) == 3 && d.ids.begin[4] - d.ids.begin[3] == 255);
    latin[CF_ID_MAX / 2] = (char)0xe9;
    CHECK(add(&d, latin) == -1 && d.ids.count == 4);
    CHECK(add(&d, "x") == 4);
    cf_dictionary_free(&d);
}

enum { MANY = 20000 };

/* The id at place i: distinct, and over the kinds in a mix. */
static void many(char *s, size_t size, int64_t i, int kind)
{
    int64_t spread = (int64_t)(cf_random_bits(3, 5, (uint64_t)i) >> 2);
    if (kind == 0) /* dense: all in the array */
        snprintf(s, size, "%" PRId64, (i * 7919) % MANY);
    else if (kind == 1) /* sparse: all in the hash table */
        snprintf(s, size, "%" PRId64, i % 2 ? -spread : spread);
    else if (kind == 2) /* small ones come when others are there */
        snprintf(s, size, "%" PRId64,
                 i % 3 ? MANY - i : ((int64_t)1 << 40) + i);
    else
        snprintf(s, size, "user-%" PRId64 "%s", i, i % 2 ? "" : "-of-many");
}

static void test_many(int kind, int64_t string_at)
{
    cf_dictionary d = {0};
    char s[64];
    int64_t at = 0;
    for (int64_t i = 0; i < MANY; i++) {
        if (i == string_at)
            CHECK(add(&d, "a string") == at++);
        many(s, sizeof s, i, kind);
        CHECK(add(&d, s) == at++);
        many(s, sizeof s, i / 2, kind); /* one of before */
        int64_t before = i / 2 + (string_at >= 0 && i / 2 >= string_at);
        CHECK(add(&d, s) == before);
    }
    CHECK(d.ids.count == at && d.ids.text == (kind == 3 || string_at >= 0));
    for (int64_t i = 0; i < MANY; i++) {
        many(s, sizeof s, i, kind);
        CHECK(is(&d, i + (string_at >= 0 && i >= string_at), s));
    }
    cf_dictionary_free(&d);
}

/* Numbers given as such and written ones are the same ids. */
static void test_numbers(void)
{
    cf_dictionary d = {0};
    char s[32];
    for (int64_t i = 0; i < 3000; i++) {
        int64_t id = i % 2 ? i * i * i : -i * 1000003;
        CHECK(cf_dictionary_add_number(&d, id) == i);
        snprintf(s, sizeof s, "%" PRId64, id);
        CHECK(add(&d, s) == i && d.ids.number[i] == id);
    }
    CHECK(d.ids.count == 3000 && !d.ids.text);
    cf_dictionary_free(&d);
}

/* The counts of ratings stay with their ids while the table grows. */
static void test_entries(void)
{
    cf_dictionary d = {0};
    char s[32];
    for (int64_t i = 0; i < 5000; i++) {
        snprintf(s, sizeof s, i < 3000 ? "%" PRId64 : "x%" PRId64, i);
        int32_t number = add(&d, s);
        CHECK(number == i && d.entries[number] == 0);
        d.entries[number] = 3 * i;
    }
    for (int64_t i = 0; i < 5000; i++)
        CHECK(d.entries[i] == 3 * i);
    cf_dictionary_free(&d);
}

static void run_tests(void)
{
    test_forms();
    test_switch();
    test_latin1();
    test_longest();
    for (int kind = 0; kind < 4; kind++) {
        test_many(kind, -1);
        test_many(kind, 0);
        test_many(kind, 6001);
    }
    test_numbers();
    test_entries();
}
