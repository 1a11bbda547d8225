#include <string.h>

#include "cfmpi/scan.h"

/* `digits` digits, and the byte that must follow (0: none). */
static bool take_digits(const char **s, const char *e, int digits,
                        const char *after, int64_t *value)
{
    *value = 0;
    if (e - *s < digits)
        return false;
    for (int i = 0; i < digits; i++, ++*s) {
        if ((unsigned)(**s - '0') > 9)
            return false;
        *value = 10 * *value + (**s - '0');
    }
    if (*s == e)
        return true;
    return after[0] != '\0' && strchr(after, *(*s)++) != NULL;
}

/* Days since 1970-01-01 in the proleptic Gregorian calendar (Hinnant,
 * chrono-compatible low-level date algorithms). */
static int64_t days_since_1970(int64_t y, int64_t m, int64_t d)
{
    y -= m <= 2;
    int64_t era = y / 400, of_era = y % 400;
    int64_t of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    int64_t days = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    return era * 146097 + days - 719468;
}

static bool leap(int64_t y)
{
    return y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
}

static bool scan_date(const char *s, const char *e, int64_t *time)
{
    static const int length[] = {31, 28, 31, 30, 31, 30,
                                 31, 31, 30, 31, 30, 31};
    int64_t y, m, d, part[3] = {0, 0, 0};
    if (!take_digits(&s, e, 4, "-", &y) || s == e ||
        !take_digits(&s, e, 2, "-", &m) || s == e ||
        !take_digits(&s, e, 2, " T", &d))
        return false;
    if (m < 1 || m > 12 || d < 1 || d > length[m - 1] + (m == 2 && leap(y)))
        return false;
    for (int i = 0; i < 3 && s < e; i++)
        if (!take_digits(&s, e, 2, i < 2 ? ":" : ".Z", &part[i]))
            return false;
    for (; s < e; s++) /* parts of seconds, Z for UTC */
        if ((unsigned)(*s - '0') > 9 && !(*s == 'Z' && s + 1 == e))
            return false;
    if (part[0] > 23 || part[1] > 59 || part[2] > 60)
        return false;
    *time = days_since_1970(y, m, d) * 86400 + part[0] * 3600 + part[1] * 60 +
            part[2];
    return true;
}

bool cf_scan_time(const char *s, const char *e, int64_t *time)
{
    const char *point = memchr(s, '.', (size_t)(e - s));
    if (cf_scan_int64(s, e, time))
        return true;
    if (point != NULL && cf_scan_int64(s, point, time)) {
        for (point++; point < e; point++) /* 978300760.0 is whole */
            if (*point != '0')
                return false;
        return true;
    }
    return scan_date(s, e, time);
}
