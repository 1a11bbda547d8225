#include <string.h>

#include "cfmpi/scan.h"

/* `digits` digits. */
static bool take_digits(const char **s, const char *e, int digits,
                        int64_t *value)
{
    *value = 0;
    if (e - *s < digits)
        return false;
    for (int i = 0; i < digits; i++, ++*s) {
        if ((unsigned)(**s - '0') > 9)
            return false;
        *value = 10 * *value + (**s - '0');
    }
    return true;
}

/* One byte that is `a` or `b`. */
static bool take_byte(const char **s, const char *e, char a, char b)
{
    if (*s == e || (**s != a && **s != b))
        return false;
    ++*s;
    return true;
}

/* Days since 1970-01-01 in the proleptic Gregorian calendar (Hinnant,
 * chrono-compatible low-level date algorithms). */
static int64_t days_since_1970(int64_t y, int64_t m, int64_t d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
    int64_t of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    int64_t days = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    return era * 146097 + days - 719468;
}

static bool leap(int64_t y)
{
    return y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
}

/* HH:MM, HH:MM:SS or HH:MM:SS.fraction, and Z for UTC. */
static bool scan_clock(const char *s, const char *e, int64_t *seconds)
{
    int64_t hour, minute, second = 0;
    if (!take_digits(&s, e, 2, &hour) || !take_byte(&s, e, ':', ':') ||
        !take_digits(&s, e, 2, &minute))
        return false;
    if (take_byte(&s, e, ':', ':')) {
        if (!take_digits(&s, e, 2, &second))
            return false;
        if (take_byte(&s, e, '.', '.'))
            while (s < e && (unsigned)(*s - '0') <= 9)
                s++;
    }
    take_byte(&s, e, 'Z', 'Z');
    *seconds = hour * 3600 + minute * 60 + second;
    return s == e && hour <= 23 && minute <= 59 && second <= 60;
}

static bool scan_date(const char *s, const char *e, int64_t *time)
{
    static const int length[] = {31, 28, 31, 30, 31, 30,
                                 31, 31, 30, 31, 30, 31};
    int64_t y, m, d, seconds = 0;
    if (!take_digits(&s, e, 4, &y) || !take_byte(&s, e, '-', '-') ||
        !take_digits(&s, e, 2, &m) || !take_byte(&s, e, '-', '-') ||
        !take_digits(&s, e, 2, &d))
        return false;
    if (m < 1 || m > 12 || d < 1 || d > length[m - 1] + (m == 2 && leap(y)))
        return false;
    if (s < e && (!take_byte(&s, e, ' ', 'T') || !scan_clock(s, e, &seconds)))
        return false;
    *time = days_since_1970(y, m, d) * 86400 + seconds;
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
