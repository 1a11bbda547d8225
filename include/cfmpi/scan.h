/* Numbers in text: strict, locale-free, and no allocation. */
#ifndef CFMPI_SCAN_H
#define CFMPI_SCAN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* The whole of [s, e) as a canonical decimal int64 (optional '-', no leading
 * zeros, no '+'). False when it is none or does not fit. Local. */
bool cf_scan_int64(const char *s, const char *e, int64_t *value);

/* The same without a sign for [s, e) of 1 to 8 bytes, all at once. The 8 bytes
 * in front of e can be read. Local. */
static inline bool cf_scan_digits(const char *s, const char *e, int64_t *value)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint64_t digits, keep = ~(uint64_t)0 << (8 * (8 - (e - s)));
    memcpy(&digits, e - 8, sizeof digits);
    digits = (digits & keep) | (0x3030303030303030u & ~keep);
    uint64_t high = digits & 0xf0f0f0f0f0f0f0f0u;
    uint64_t carried = (digits + 0x0606060606060606u) & 0xf0f0f0f0f0f0f0f0u;
    if ((high | carried >> 4) != 0x3333333333333333u ||
        (*s == '0' && e > s + 1))
        return false;
    digits = (digits & 0x0f0f0f0f0f0f0f0fu) * 2561 >> 8;
    digits = (digits & 0x00ff00ff00ff00ffu) * 6553601 >> 16;
    *value = (int64_t)((digits & 0x0000ffff0000ffffu) * 42949672960001u >> 32);
    return true;
#else
    return cf_scan_int64(s, e, value) && *s != '-';
#endif
}

/* The whole of [s, e) as a decimal number, correctly rounded to float64; NaN
 * and inf are not numbers here. False when it is none. Local. */
bool cf_scan_double(const char *s, const char *e, double *value);

/* The whole of [s, e) as seconds since 1970: a whole number of them, or a date
 * such as 2015-03-31, 2015-03-31 23:59:59 or 2015-03-31T23:59:59.5Z, taken for
 * UTC, parts of seconds dropped. Local. */
bool cf_scan_time(const char *s, const char *e, int64_t *time);

/* A size such as 512M or 2G (powers of 1024) in bytes. Local. */
bool cf_scan_size(const char *s, int64_t *bytes);

#endif
