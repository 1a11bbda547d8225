/* Rows of text become ratings: the second of the two steps of reading text. */
#ifndef CFMPI_ROWS_H
#define CFMPI_ROWS_H

#include "cfmpi/intake.h"
#include "dialect.h"

/* What is wrong with a row. */
typedef struct cf_complaint {
    int64_t file; /* number of the input file */
    int64_t line; /* of this rank's part of the file, from 0 */
    int column;   /* in bytes, from 1 */
    char text[256];
} cf_complaint;

/* A field that was met lately, and its number. */
typedef struct cf_recent {
    cf_key key;
    int32_t number;
} cf_recent;

/* A place in the input. */
typedef struct cf_place {
    int64_t file, line;
} cf_place;

/* One rank's reading. The caller sets the first group. */
typedef struct cf_rows {
    const cf_dialect *d;
    cf_intake *in;
    double missing;           /* dense */
    const cf_text *wanted[2]; /* user and item to look for; then nothing is
                                 added */
    int64_t file;             /* number of the input file in hand */
    int64_t line;             /* newlines before the next record, in this
                                 rank's part of the file */

    cf_place found[2]; /* of what was wanted */
    int found_count;
    int64_t bad; /* bad rows */
    cf_complaint first[CF_BAD_ROWS_SHOWN];
    int64_t rows; /* records that are not blank, the bad ones included */
    bool quoted;  /* there was a quote */
    bool zeros;   /* there are zero bytes in the text in hand */
    cf_recent recent[2];
    int16_t code[10][10]; /* one more than the code of a short rating, 0 is
                             unknown */
    cf_text field[2];     /* ids that had to be unquoted */
    bool judging;         /* some rule looks at each rating */
    bool usual, plain;    /* which of the quick ways may be taken */
    cf_marks_fn *marks_of;
    uint32_t *marks;
    int64_t marks_room;
    float *dense; /* [columns] of the row in hand */
} cf_rows;

/* Takes the records of text[0, n) that begin before `limit` and are whole;
 * the text begins with a record, the 8 bytes in front of it and CF_MARKS_PAD
 * behind it can be read. `used` gets the bytes of those records. CF_BAD_DATA
 * after a bad row when rows are not to be skipped. Local. */
int cf_rows_take(cf_rows *r, const char *text, int64_t n, int64_t limit,
                 int64_t *used);

/* A record that has no end: text[0, n) is what there is of it. CF_BAD_DATA, or
 * CF_OK when rows are to be skipped. Local. */
int cf_rows_open_end(cf_rows *r, const char *text, int64_t n);

/* Safe on {0} and twice. Local. */
void cf_rows_free(cf_rows *r);

#endif
