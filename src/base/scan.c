#include "cfmpi/scan.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

bool cf_scan_int64(const char *s, const char *e, int64_t *value)
{
    bool negative = s < e && *s == '-';
    if (negative)
        s++;
    if (s == e || e - s > 19 || (*s == '0' && (e - s > 1 || negative)))
        return false;
    uint64_t x = 0;
    for (; s < e; s++) {
        unsigned digit = (unsigned)(*s - '0');
        if (digit > 9)
            return false;
        x = 10 * x + digit;
    }
    if (x > (uint64_t)INT64_MAX + (negative ? 1 : 0))
        return false;
    *value = negative ? (int64_t)(0 - x) : (int64_t)x;
    return true;
}

/* Letters would let strtod take inf, nan and hexadecimal. */
static bool decimal_only(const char *s, const char *e)
{
    for (; s < e; s++)
        if (!isdigit((unsigned char)*s) &&
            (*s == '\0' || strchr("+-.eE", *s) == NULL))
            return false;
    return true;
}

static bool scan_slowly(const char *s, const char *e, double *value)
{
    char copy[512], *end;
    if (s == e || e - s >= (long)sizeof copy || !decimal_only(s, e))
        return false;
    memcpy(copy, s, (size_t)(e - s));
    copy[e - s] = '\0';
    *value = strtod(copy, &end);
    return *end == '\0' && isfinite(*value);
}

bool cf_scan_double(const char *s, const char *e, double *value)
{
    /* A mantissa below 2^53 over a power of ten up to 10^15 is one exact
     * division (Clinger 1990); everything else goes to strtod. */
    static const double power[] = {1e0,  1e1,  1e2,  1e3, 1e4,  1e5,
                                   1e6,  1e7,  1e8,  1e9, 1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15};
    const char *p = s;
    bool negative = p < e && *p == '-';
    uint64_t mantissa = 0;
    int digits = 0, fraction = 0;
    if (negative)
        p++;
    for (; p < e && (unsigned)(*p - '0') <= 9; p++, digits++)
        mantissa = 10 * mantissa + (unsigned)(*p - '0');
    if (p < e && *p == '.')
        for (p++; p < e && (unsigned)(*p - '0') <= 9; p++, fraction++)
            mantissa = 10 * mantissa + (unsigned)(*p - '0');
    if (p != e || digits + fraction == 0 || digits + fraction > 15)
        return scan_slowly(s, e, value);
    double x = (double)mantissa / power[fraction];
    *value = negative ? -x : x;
    return true;
}

bool cf_scan_size(const char *s, int64_t *bytes)
{
    const char *units = "KMGT";
    size_t length = strlen(s);
    int shift = 0;
    double number;
    int last = length > 0 ? toupper((unsigned char)s[length - 1]) : '0';
    const char *unit = strchr(units, last);
    if (unit != NULL && *unit != '\0') {
        shift = 10 * (int)(unit - units + 1);
        length--;
    }
    if (!cf_scan_double(s, s + length, &number) || number < 0)
        return false;
    number = ldexp(number, shift);
    if (number > 0x1p60)
        return false;
    *bytes = (int64_t)number;
    return true;
}
