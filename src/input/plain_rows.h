/* The loop that most rows of a large file go through. */
#ifndef CFMPI_PLAIN_ROWS_H
#define CFMPI_PLAIN_ROWS_H

#include "rows.h"

/* A field of a row, without what separates it. */
typedef struct cf_field {
    const char *s, *e;
} cf_field;

/* Ratings of one digit, or of two about a point, by the two; what
 * cf_scan_double and rounding give. */
extern const float cf_short_ratings[10][10];

/* Whether a field is one of them, and which. Local. */
static inline bool cf_short_rating(cf_field f, unsigned *whole, unsigned *tenth)
{
    int64_t length = f.e - f.s;
    if (length != 3 && length != 1)
        return false;
    *whole = (unsigned)(f.s[0] - '0');
    *tenth = 0;
    if (length == 3) {
        *tenth = (unsigned)(f.s[2] - '0');
        if (f.s[1] != '.')
            return false;
    }
    return *whole <= 9 && *tenth <= 9;
}

/* Rows of m[0, rows x columns) in a text without quotes; every columns-th mark
 * is a newline and no other one is, and m[-1] is the newline before. Takes
 * them while user and item were met before and are short, ratings are short,
 * and there is room in the last chunk; gives how many. Local. */
int64_t cf_rows_take_plain(cf_rows *r, const char *text, const uint32_t *m,
                           int64_t rows);

#endif
