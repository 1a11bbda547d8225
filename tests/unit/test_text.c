#include "test.h"

#include "cfmpi/text.h"

static bool is(const cf_text *t, const char *expected)
{
    return t->length == (int64_t)strlen(expected) &&
           strcmp(t->data, expected) == 0;
}

static void test_growing(void)
{
    cf_text t = {0};
    char long_word[300];
    memset(long_word, 'x', sizeof long_word - 1);
    long_word[sizeof long_word - 1] = '\0';
    cf_text_free(&t);
    cf_text_add(&t, "%d-%s", 12, "ab");
    CHECK(is(&t, "12-ab"));
    cf_text_add(&t, "%s", ""); /* nothing */
    cf_text_bytes(&t, "c\0d", 3);
    CHECK(t.length == 8 && memcmp(t.data, "12-abc\0d", 9) == 0);
    cf_text_clear(&t);
    CHECK(is(&t, ""));
    for (int i = 0; i < 50; i++) { /* each longer than what is left */
        cf_text_add(&t, "%s", long_word);
        cf_text_add(&t, "%d", i % 10);
    }
    CHECK(t.length == 50 * 300 && strlen(t.data) == 50 * 300);
    CHECK(memcmp(t.data + 49 * 300, long_word, 299) == 0 &&
          t.data[50 * 300 - 1] == '9');
    cf_text_free(&t);
    cf_text_free(&t);
    CHECK(t.data == NULL && t.length == 0);
    cf_text_clear(&t);
    cf_text_bytes(&t, "", 0);
    CHECK(is(&t, ""));
    cf_text_free(&t);
}

static void test_json(void)
{
    static const char *const pairs[][2] = {
        {"", "\"\""},
        {"plain", "\"plain\""},
        {"say \"hi\"", "\"say \\\"hi\\\"\""},
        {"back\\slash", "\"back\\\\slash\""},
        {"line\nend\ttab\r", "\"line\\u000aend\\u0009tab\\u000d\""},
        {"\x01\x1f\x7f", "\"\\u0001\\u001f\x7f\""},
        {"Am\xc3\xa9lie", "\"Am\xc3\xa9lie\""},
    };
    for (int i = 0; i < COUNT(pairs); i++) {
        cf_text t = {0};
        cf_text_json(&t, pairs[i][0]);
        CHECK(is(&t, pairs[i][1]));
        cf_text_free(&t);
    }
}

static void test_csv(void)
{
    static const struct {
        const char *from, *comma, *tab;
    } rows[] = {
        {"", "", ""},
        {"plain", "plain", "plain"},
        {"a,b", "\"a,b\"", "a,b"},
        {"a\tb", "a\tb", "\"a\tb\""},
        {"\"", "\"\"\"\"", "\"\"\"\""},
        {"say \"hi\"", "\"say \"\"hi\"\"\"", "\"say \"\"hi\"\"\""},
        {"two\nlines", "\"two\nlines\"", "\"two\nlines\""},
        {"cr\r", "\"cr\r\"", "\"cr\r\""},
        {" space ", " space ", " space "},
        {"\xc3\xa9", "\xc3\xa9", "\xc3\xa9"},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        cf_text t = {0};
        int64_t length = (int64_t)strlen(rows[i].from);
        cf_text_csv(&t, rows[i].from, length, ',');
        CHECK(is(&t, rows[i].comma));
        cf_text_clear(&t);
        cf_text_csv(&t, rows[i].from, length, '\t');
        CHECK(is(&t, rows[i].tab));
        cf_text_free(&t);
    }
    cf_text t = {0}; /* no more than the length says */
    cf_text_csv(&t, "a,b\n", 1, ',');
    cf_text_csv(&t, "a,b\n", 3, ',');
    CHECK(is(&t, "a\"a,b\""));
    cf_text_free(&t);
}

static void check_utf8(const char *from, const char *expected)
{
    cf_text t = {0};
    bool converts = strcmp(from, expected) != 0;
    CHECK((cf_text_utf8(from, (int64_t)strlen(from), &t) != 0) == converts);
    CHECK(is(&t, expected));
    cf_text_free(&t);
}

static void test_utf8(void)
{
    static const char *const valid[] = {
        "",
        "plain",
        "Am\xc3\xa9lie",
        "\xc2\x80",
        "\xdf\xbf",
        "\xe0\xa0\x80",
        "\xe2\x82\xac",
        "\xed\x9f\xbf",
        "\xee\x80\x80",
        "\xef\xbf\xbf",
        "\xf0\x90\x80\x80",
        "\xf0\x9f\x8e\xac",
        "\xf4\x8f\xbf\xbf",
        "a\xc3\xa9"
        "b\xe2\x82\xac"
        "c",
    };
    for (int i = 0; i < COUNT(valid); i++)
        check_utf8(valid[i], valid[i]);
    check_utf8("Am\xe9lie", "Am\xc3\xa9lie");
    check_utf8("\xe9", "\xc3\xa9");             /* cut short */
    check_utf8("\x80\xff", "\xc2\x80\xc3\xbf"); /* the ends of Latin-1 */
    check_utf8("\xc0\xaf", "\xc3\x80\xc2\xaf"); /* overlong */
    check_utf8("\xe0\x9f\xbf", "\xc3\xa0\xc2\x9f\xc2\xbf");
    check_utf8("\xf0\x8f\xbf\xbf", "\xc3\xb0\xc2\x8f\xc2\xbf\xc2\xbf");
    check_utf8("\xed\xa0\x80", "\xc3\xad\xc2\xa0\xc2\x80"); /* a surrogate */
    check_utf8("\xf4\x90\x80\x80", "\xc3\xb4\xc2\x90\xc2\x80\xc2\x80");
    check_utf8("\xf5\x80\x80\x80", "\xc3\xb5\xc2\x80\xc2\x80\xc2\x80");
    /* One bad byte makes all of it Latin-1. */
    check_utf8("\xc3\xa9\xe9", "\xc3\x83\xc2\xa9\xc3\xa9");
}

static void test_defuse(void)
{
    char all[300], text[] = "a\tb\r\n\x1b[31m\x7f\xc2\x9b"
                            "1\xc2\xa0\xc3\x9b\xc2";
    for (int i = 0; i < 256; i++)
        all[i] = (char)(i + 1);
    cf_text_defuse(text);
    CHECK(strcmp(text, "a b???[31m???1\xc2\xa0\xc3\x9b\xc2") == 0);
    cf_text_defuse(all);
    CHECK(strlen(all) == 255 && all[8] == ' ' && all[26] == '?');
    for (int i = 0x20; i < 256; i++)
        CHECK(all[i - 1] == (i == 0x7f ? '?' : (char)i));
}

static void run_tests(void)
{
    test_growing();
    test_json();
    test_csv();
    test_utf8();
    test_defuse();
}
