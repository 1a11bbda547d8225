/* Numbers in text, against the C library's conversions and a grammar of its
 * own. */
#include "fuzz.h"

#include <errno.h>
#include <math.h>
#include <time.h>

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

/* YYYY-MM-DD[( |T)HH:MM[:SS[.fraction]][Z]], by the C library's calendar. */
static bool date_of(const char *text, int64_t *seconds)
{
    static const char form[] = "dddd-dd-dd dd:dd:dd.";
    struct tm t = {0}, back;
    int field[6] = {0}, at = 0, length = 0;
    for (; form[length] != '\0'; length++) {
        char f = form[length], c = text[length];
        if (f == 'd' ? c < '0' || c > '9' : c != f && !(f == ' ' && c == 'T'))
            break;
        at += length > 0 && f == 'd' && form[length - 1] != 'd';
        field[at] = f == 'd' ? 10 * field[at] + c - '0' : field[at];
    }
    const char *rest = length == 20 ? digits(text + 20) : text + length;
    if (length != 10 && length != 16 && length < 19)
        return false;
    rest += length > 10 && *rest == 'Z';
    int second = field[5];
    if (*rest != '\0' || field[3] > 23 || field[4] > 59 || second > 60)
        return false;
    t.tm_year = field[0] - 1900;
    t.tm_mon = field[1] - 1;
    t.tm_mday = field[2];
    *seconds = timegm(&t);
    back = *gmtime(&(time_t){*seconds});
    *seconds += 3600 * field[3] + 60 * field[4] + second;
    return back.tm_mon == field[1] - 1 && back.tm_mday == field[2];
}

static void try_time(const char *s, size_t size, const char *text)
{
    int64_t time = 0, expected = 0;
    size_t whole = strcspn(text, ".");
    bool good = cf_scan_time(s, s + size, &time);
    bool number = cf_scan_int64(text, text + whole, &expected);
    if (number && whole < size)
        number = text[whole + 1 + strspn(text + whole + 1, "0")] == '\0';
    HOLDS(good ==
          (strlen(text) == size && (number || date_of(text, &expected))));
    HOLDS(!good || time == expected);
}

/* There are 8 bytes in front of the text. */
static void try_digits(const char *text, size_t size)
{
    int64_t x = 0, expected = 0;
    if (size < 1 || size > 8)
        return;
    bool good = cf_scan_digits(text, text + size, &x);
    HOLDS(good ==
          (*text != '-' && cf_scan_int64(text, text + size, &expected)));
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
    char *room = malloc(size + 9), *text = room + 8;
    memset(room, '7', 8);
    memcpy(text, data, size);
    text[size] = '\0';
    try_double((const char *)data, size, text);
    try_integer((const char *)data, size, text);
    try_time((const char *)data, size, text);
    try_digits(text, size);
    try_size(text);
    free(room);
}
