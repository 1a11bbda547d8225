/* Where fields and records end: the first of the two steps of reading text. */
#ifndef CFMPI_MARKS_H
#define CFMPI_MARKS_H

#include <stdbool.h>
#include <stdint.h>

/* Bytes behind the text that are read, and may hold anything. */
#define CF_MARKS_PAD 64

/* How the text is cut. */
typedef struct cf_cut {
    char separator; /* its only byte, or the one that it has twice */
    bool twice;     /* "::" */
    bool quotes;    /* a field that begins with '"' ends at the next '"' that
                       is not doubled; else '"' is a byte like others */
} cf_cut;

/* What was found. */
typedef struct cf_found {
    int64_t marks;    /* their number */
    int64_t newlines; /* among them */
    bool quotes;      /* there are quotes in the text */
} cf_found;

/* Positions in text[0, n) of separators (the first byte) and of newlines that
 * are not within quotes, ascending; `text` begins at the begin of a record.
 * marks [n + 64] is the caller's. All versions give the same. Local; one pass.
 */
typedef cf_found cf_marks_fn(const char *text, int64_t n, const cf_cut *cut,
                             uint32_t *marks);

cf_marks_fn cf_marks_portable, cf_marks_avx2, cf_marks_avx512;

/* The version for this processor. Local. */
cf_marks_fn *cf_marks_best(void);

#endif
