#include "test.h"

#include "../../src/input/marks.h"
#include "cfmpi/cpu.h"
#include "cfmpi/scan.h"

enum { LONGEST = 500 };

/* ---- where fields end ---- */

/* The definition, byte by byte: quotes open at the begin of a field only. */
static cf_found define(const char *text, int64_t n, const cf_cut *cut,
                       uint32_t *marks)
{
    cf_found found = {0};
    bool open = false, begins = true;
    for (int64_t i = 0; i < n; i++) {
        char c = text[i];
        bool quote = cut->quotes && c == '"', first = begins;
        begins = false;
        found.quotes |= quote;
        if (open && quote && i + 1 < n && text[i + 1] == '"') {
            i++;
        } else if (open || quote) {
            open = open ? !quote : first;
        } else if (c == '\n') {
            marks[found.marks++] = (uint32_t)i;
            found.newlines++;
            begins = true;
        } else if (c == cut->separator &&
                   (!cut->twice || (i + 1 < n && text[i + 1] == c))) {
            marks[found.marks++] = (uint32_t)i;
            i += cut->twice;
            begins = true;
        }
    }
    return found;
}

static bool same_marks(cf_marks_fn *marks_of, const char *text, int64_t n,
                       const cf_cut *cut)
{
    uint32_t expected[LONGEST + 64], marks[LONGEST + 64];
    cf_found right = define(text, n, cut, expected);
    cf_found found = marks_of(text, n, cut, marks);
    bool same =
        found.marks == right.marks && found.newlines == right.newlines &&
        found.quotes == right.quotes &&
        memcmp(marks, expected, (size_t)right.marks * sizeof *marks) == 0;
    if (!same)
        fprintf(stderr, "'%c' twice %d, quotes %d, %d bytes:\n%.*s\n",
                cut->separator, cut->twice, cut->quotes, (int)n, (int)n, text);
    return same;
}

/* What follows the text may be read, and must not count. */
static void check_marks(const char *bytes, int64_t n, const cf_cut *cut)
{
    static const char behind[] = {'"', '\n', ',', ':'};
    char text[LONGEST + CF_MARKS_PAD];
    memcpy(text, bytes, (size_t)n);
    memset(text + n, behind[n % 4], CF_MARKS_PAD);
    CHECK(same_marks(cf_marks_portable, text, n, cut));
#if defined(__x86_64__)
    if (cf_cpu_isa() >= CF_ISA_AVX2)
        CHECK(same_marks(cf_marks_avx2, text, n, cut));
    if (cf_cpu_isa() >= CF_ISA_AVX512)
        CHECK(same_marks(cf_marks_avx512, text, n, cut));
#endif
}

static const cf_cut cuts[] = {{',', false, true},  {',', false, false},
                              {'\t', false, true}, {':', true, false},
                              {';', false, true},  {' ', false, false}};

/* Texts of every length, from few bytes of which most mean something. */
static void test_random_texts(void)
{
    static const char alphabet[] = "\"\"\"\",,\n::1a\t \r";
    char text[LONGEST];
    for (int64_t n = 0; n <= LONGEST; n++)
        for (int c = 0; c < COUNT(cuts); c++) {
            int64_t stream = n * COUNT(cuts) + c;
            int64_t kinds = 3 + pick(1, stream, COUNT(alphabet) - 3);
            for (int64_t i = 0; i < n; i++)
                text[i] = alphabet[pick(2 + (uint64_t)stream, i, kinds)];
            check_marks(text, n, &cuts[c]);
        }
}

/* Runs of quotes, of colons and of newlines at every place about the border
 * of two words of 64 bytes. */
static void test_runs(void)
{
    static const char *const lead[] = {"", ",", "\"", ",\"", "\n\"x"};
    for (int from = 50; from < 70; from++)
        for (int length = 1; length < 80; length += length < 8 ? 1 : 17)
            for (int l = 0; l < COUNT(lead); l++)
                for (int kind = 0; kind < 3; kind++) {
                    char text[LONGEST];
                    int n =
                        snprintf(text, sizeof text, "%0*d%s", from, 0, lead[l]);
                    memset(text + n, "\":\n"[kind], (size_t)length);
                    n += length;
                    n += snprintf(text + n, 20, ",a::b\n\"c\",d\n");
                    for (int c = 0; c < COUNT(cuts); c++)
                        check_marks(text, n, &cuts[c]);
                }
}

/* ---- the version that is taken ---- */

static void test_isa(void)
{
    static cf_marks_fn *const versions[] = {
        cf_marks_portable,
#if defined(__x86_64__)
        cf_marks_avx2,
        cf_marks_avx512,
        cf_marks_avx512
#else
        cf_marks_portable,
        cf_marks_portable,
        cf_marks_portable
#endif
    };
    const char *set = getenv("CFMPI_ISA");
    char before[32] = "";
    snprintf(before, sizeof before, "%s", set != NULL ? set : "");
    unsetenv("CFMPI_ISA");
    enum cf_isa best = cf_cpu_isa();
    CHECK(cf_marks_best() == versions[best]);
    for (int isa = CF_ISA_PORTABLE; isa <= CF_ISA_VNNI; isa++) {
        enum cf_isa expected = CF_MIN((enum cf_isa)isa, best);
        setenv("CFMPI_ISA", cf_cpu_isa_name((enum cf_isa)isa), 1);
        CHECK(cf_cpu_isa() == expected);
        CHECK(cf_marks_best() == versions[expected]);
    }
    setenv("CFMPI_ISA", "mmx", 1);
    CHECK(cf_cpu_isa() == best);
    if (set != NULL)
        setenv("CFMPI_ISA", before, 1);
    else
        unsetenv("CFMPI_ISA");
}

/* ---- numbers of 1 to 8 digits ---- */

static void check_digits(const char *text, int length)
{
    /* in front of the digits stands what could be taken for some */
    char field[32] = "99999999";
    int64_t fast = -1, slow = -1;
    memcpy(field + 8, text, (size_t)length);
    const char *s = field + 8, *e = s + length;
    bool good = cf_scan_digits(s, e, &fast);
    CHECK(good == (cf_scan_int64(s, e, &slow) && *s != '-'));
    CHECK(!good || fast == slow);
}

static void test_digits(void)
{
    char text[16];
    for (int length = 1; length <= 8; length++)
        for (int place = 0; place < length; place++)
            for (int c = 0; c < 256; c++)
                for (int rest = '0'; rest <= '9'; rest += 3) {
                    memset(text, rest, sizeof text);
                    text[place] = (char)c;
                    check_digits(text, length);
                }
    for (int64_t i = 0; i < 20000; i++) {
        int n = snprintf(text, sizeof text, "%" PRId64, pick(1, i, 100000000));
        check_digits(text, n);
        check_digits(text + n / 2, n - n / 2);
    }
}

/* ---- times ---- */

static void test_times(void)
{
    static const struct {
        const char *text;
        int64_t time;
    } good[] = {
        {"0", 0},
        {"978300760", 978300760},
        {"-1", -1},
        {"1970-01-01", 0},
        {"1970-01-02", 86400},
        {"1969-12-31", -86400},
        {"2000-02-29", 951782400},
        {"2015-03-31", 1427760000},
        {"2015-03-31 23:59:59", 1427846399},
        {"2015-03-31T23:59:59", 1427846399},
        {"2015-03-31T23:59:59Z", 1427846399},
        {"2015-03-31T23:59:59.5Z", 1427846399},
        {"2015-03-31 23:59", 1427846340},
        {"978300760.0", 978300760},
        {"1900-03-01", -2203891200},
    };
    static const char *const bad[] = {"",
                                      "-",
                                      "x",
                                      "1.5x",
                                      "2015-03",
                                      "2015-3-31",
                                      "2015-00-10",
                                      "2015-13-01",
                                      "2015-02-29",
                                      "1900-02-29",
                                      "2015-04-31",
                                      "2015-03-31 ",
                                      "2015-03-31 24:00:00",
                                      "2015-03-31 23:60:00",
                                      "2015-03-31x23:59:59",
                                      "2015/03/31",
                                      "9223372036854775808",
                                      "31.03.2015"};
    int64_t t;
    for (int i = 0; i < COUNT(good); i++) {
        const char *s = good[i].text;
        bool same = cf_scan_time(s, s + strlen(s), &t) && t == good[i].time;
        CHECK(same);
        if (!same)
            fprintf(stderr, "  %s: %" PRId64 "\n", s, t);
    }
    for (int i = 0; i < COUNT(bad); i++) {
        bool none = !cf_scan_time(bad[i], bad[i] + strlen(bad[i]), &t);
        CHECK(none);
        if (!none)
            fprintf(stderr, "  %s: %" PRId64 "\n", bad[i], t);
    }
}

static void run_tests(void)
{
    test_random_texts();
    test_runs();
    test_isa();
    test_digits();
    test_times();
}
