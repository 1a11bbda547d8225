#include "test.h"

#include "cfmpi/scan.h"

static const char *end_of(const char *s)
{
    return s + strlen(s);
}

static void test_int64(void)
{
    static const struct {
        const char *text;
        int64_t value;
    } good[] = {
        {"0", 0},
        {"7", 7},
        {"-1", -1},
        {"10", 10},
        {"1234567890123", 1234567890123},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
    };
    static const char *const bad[] = {
        "",
        "-",
        "+1",
        "-0",
        "00",
        "01",
        "-01",
        " 1",
        "1 ",
        "1.0",
        "1e3",
        "0x10",
        "1a",
        "--1",
        "9223372036854775808",
        "-9223372036854775809",
        "10000000000000000000",
        "18446744073709551617",
        "99999999999999999999999",
    };
    int64_t x = 0;
    for (int i = 0; i < COUNT(good); i++)
        CHECK(cf_scan_int64(good[i].text, end_of(good[i].text), &x) &&
              x == good[i].value);
    for (int i = 0; i < COUNT(bad); i++)
        CHECK(!cf_scan_int64(bad[i], end_of(bad[i]), &x));
    const char *inside = "x123,4";
    CHECK(cf_scan_int64(inside + 1, inside + 4, &x) && x == 123);
    const char nul[] = {'1', '\0', '2'};
    CHECK(!cf_scan_int64(nul, nul + sizeof nul, &x));
}

static void check_double(const char *text)
{
    double x = -7;
    CHECK(cf_scan_double(text, end_of(text), &x) &&
          same_number(x, strtod(text, NULL)));
}

static void test_double(void)
{
    static const char *const good[] = {
        "0",
        "-0",
        "3",
        "3.5",
        "-3.5",
        "0.1",
        "0.30000000000000004",
        "5.",
        ".5",
        "1e3",
        "1E-3",
        "-2.5e+10",
        "123456789012345",
        "1234567890123456789",
        "9007199254740993",
        "0.000000000000000000001",
        "4.9e-324",
        "1.7976931348623157e308",
        "0.123456789012345678901234567890123456789",
        "100000000000000000000000000000000000000.5",
    };
    static const char *const bad[] = {
        "",      "-",     ".",      "-.",  "e",    "1e",       "1e+",
        "e5",    "nan",   "NaN",    "inf", "-inf", "Infinity", "0x10",
        "0x1p3", "1,5",   "1.2.3",  " 1",  "1 ",   "1f",       "--1",
        "1-",    "1e999", "-1e999", "abc", "1d5",
    };
    double x;
    for (int i = 0; i < COUNT(good); i++)
        check_double(good[i]);
    for (int i = 0; i < COUNT(bad); i++)
        CHECK(!cf_scan_double(bad[i], end_of(bad[i]), &x));
    const char *inside = "1,4.5,3";
    CHECK(cf_scan_double(inside + 2, inside + 5, &x) && same_number(x, 4.5));
    const char nul[] = {'4', '\0', '5'};
    CHECK(!cf_scan_double(nul, nul + sizeof nul, &x));
}

/* Every form of a number rounds as the C library rounds it. */
static void test_rounding(void)
{
    static const char *const formats[] = {"%.1f", "%.2f",  "%.6f",  "%.14f",
                                          "%.9g", "%.15g", "%.17g", "%.5e"};
    char text[400];
    for (int i = 0; i < 20000; i++) {
        double x = noise(1, i) * pow(10, (double)pick(2, i, 20) - 10);
        snprintf(text, sizeof text, formats[i % COUNT(formats)], x);
        check_double(text);
    }
}

static void test_size(void)
{
    static const struct {
        const char *text;
        int64_t bytes;
    } good[] = {
        {"0", 0},
        {"512", 512},
        {"1K", 1024},
        {"1k", 1024},
        {"1.5M", 3 << 19},
        {"512M", (int64_t)512 << 20},
        {"2G", (int64_t)2 << 30},
        {"3t", (int64_t)3 << 40},
    };
    static const char *const bad[] = {
        "",   "K",   "M",   "-1",  "-1G",  "1KB",         "1P",
        "G1", "1 G", "nan", "inf", "1e30", "99999999999T"};
    int64_t x = 0;
    for (int i = 0; i < COUNT(good); i++)
        CHECK(cf_scan_size(good[i].text, &x) && x == good[i].bytes);
    for (int i = 0; i < COUNT(bad); i++)
        CHECK(!cf_scan_size(bad[i], &x));
}

static void run_tests(void)
{
    test_int64();
    test_double();
    test_rounding();
    test_size();
}
