/* Numbers in text: strict, locale-free, and no allocation. */
#ifndef CFMPI_SCAN_H
#define CFMPI_SCAN_H

#include <stdbool.h>
#include <stdint.h>

/* The whole of [s, e) as a canonical decimal int64 (optional '-', no leading
 * zeros, no '+'). False when it is none or does not fit. Local. */
bool cf_scan_int64(const char *s, const char *e, int64_t *value);

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
