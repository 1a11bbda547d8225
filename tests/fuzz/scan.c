/* Numbers in text, against the C library's conversions and a grammar of its
 * own. */
#include "fuzz.h"

#include <errno.h>
#include <math.h>

#include "cfmpi/scan.h"

static void prepare(void)
{
}

static const char *digits(const char *s)
{
    while (*s >= '0' && *s <= '9')
        s++;
    return s;
}

/* [+-] digits [. digits] [e [+-] digits], a digit before the e at least. */
static bool is_decimal(const char *s)
{
    s += *s == '+' || *s == '-';
    const char *whole = digits(s);
    const char *end = *whole == '.' ? digits(whole + 1) : whole;
    if (end - s - (*whole == '.') == 0)
        return false;
    if (*end == 'e' || *end == 'E') {
        end++;
        end += *end == '+' || *end == '-';
        s = end;
        end = digits(end);
        if (end == s)
            return false;
    }
    return *end == '\0';
}

static void try_double(const char *s, size_t size, const char *text)
{
    double x = 0, expected = strtod(text, NULL);
    bool good = cf_scan_double(s, s + size, &x);
    HOLDS(good == (strlen(text) == size && size < 512 && is_decimal(text) &&
                   isfinite(expected)));
    HOLDS(!good || memcmp(&x, &expected, sizeof x) == 0);
}

static void try_integer(const char *s, size_t size, const char *text)
{
    int64_t x = 0;
    errno = 0;
    long long expected = strtoll(text, NULL, 10);
    const char *first = text + (text[0] == '-');
    bool canonical = strlen(text) == size && *digits(first) == '\0' &&
                     (*first != '0' ? *first != '\0' : size == 1);
    bool good = cf_scan_int64(s, s + size, &x);
    HOLDS(good == (canonical && errno == 0));
    HOLDS(!good || x == expected);
}

static void try_size(char *text)
{
    static const char units[] = "KMGT";
    size_t length = strlen(text);
    int64_t bytes = -1;
    double number = 0;
    bool good = cf_scan_size(text, &bytes);
    HOLDS(!good || (bytes >= 0 && bytes <= INT64_C(1) << 60));
    for (int i = 0; i < 4; i++)
        if (length > 0 && (text[length - 1] & ~0x20) == units[i]) {
            text[length - 1] = '\0';
            bool plain = is_decimal(text) && strlen(text) < 512;
            number = ldexp(strtod(text, NULL), 10 * i + 10);
            HOLDS(good == (plain && number >= 0 && number <= 0x1p60));
            HOLDS(!good || bytes == (int64_t)number);
        }
}

static void attempt(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = '\0';
    try_double((const char *)data, size, text);
    try_integer((const char *)data, size, text);
    try_size(text);
    free(text);
}
