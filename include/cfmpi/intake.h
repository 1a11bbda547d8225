/* What readers of ratings have in common: where ratings go, which are kept,
 * and what is told about the input. */
#ifndef CFMPI_INTAKE_H
#define CFMPI_INTAKE_H

#include "cfmpi/context.h"
#include "cfmpi/digest.h"
#include "cfmpi/entries.h"

enum cf_bad_row { CF_BAD_ROW_STOP, CF_BAD_ROW_SKIP };

#define CF_BAD_ROWS_SHOWN 5

/* Which ratings are kept. {0} keeps all. */
typedef struct cf_keep {
    bool has_scale, has_ratings, has_times, has_threshold;
    double scale[2];   /* outside: a bad row */
    double ratings[2]; /* outside: left out, counted */
    int64_t times[2];  /* seconds since 1970; outside: left out, counted */
    double threshold;  /* at or above: 1, below: left out, counted */
    bool keep_time;
} cf_keep;

/* What becomes of a rating. */
enum cf_verdict {
    CF_KEPT,
    CF_LEFT_RATING,    /* out of `ratings` */
    CF_LEFT_TIME,      /* out of `times` */
    CF_LEFT_THRESHOLD, /* below `threshold` */
    CF_VERDICTS,
    CF_OFF_SCALE /* out of `scale`: a bad row */
};

/* One input file. */
typedef struct cf_input_file {
    char path[CF_PATH_MAX];
    int64_t bytes;
} cf_input_file;

/* What one rank has read. The caller sets `keep` and `bad_row`. */
typedef struct cf_intake {
    cf_keep keep;
    enum cf_bad_row bad_row;
    cf_entries entries;
    int64_t left[CF_VERDICTS]; /* of this rank, by verdict; [CF_KEPT] unused */
    int64_t skipped;           /* bad rows, all ranks */
    char shown[CF_BAD_ROWS_SHOWN][256]; /* the first of them, as messages */
    int shown_count;
    bool implicit;        /* the input has no ratings: each row counts 1 */
    cf_input_file *files; /* [file_count], the same on all ranks */
    int64_t file_count, file_room;
    int64_t bytes;              /* of all files */
    char digest[CF_DIGEST_HEX]; /* of their bytes, one file after the other */
} cf_intake;

/* Applies the rules to one rating: what becomes of it, and its value then
 * (1 with a threshold). What is left out is counted. Local. */
enum cf_verdict cf_intake_judge(cf_intake *in, float *value, int64_t time);

/* Whether the rules look at times. Local. */
bool cf_intake_needs_time(const cf_intake *in);

/* Bad rows that one rank has met in one input, in input order. */
typedef struct cf_bad_rows {
    int64_t count;
    char first[CF_BAD_ROWS_SHOWN][256];
} cf_bad_rows;

/* Counts a bad row; its message is kept when it is one of the first. Local. */
void cf_bad_rows_add(cf_bad_rows *bad, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Adds the bad rows of all ranks, which follow each other in the input, to
 * `skipped` and `shown`. Collective. */
void cf_intake_add_bad_rows(cf_intake *in, const cf_par *par,
                            const cf_bad_rows *bad);

/* Adds a file to the list of files. Local, all ranks alike. */
cf_input_file *cf_intake_add_file(cf_intake *in, const char *path);

/* Size and digest of a file into the list, each rank reading a share; of an
 * input that is one file, for readers that do not see its bytes in order.
 * Errors, agreed: CF_NO_INPUT, CF_IO (also when ranks see different sizes).
 * Collective. */
int cf_intake_file(cf_intake *in, const cf_par *par, const char *path);

/* CF_IO when the size of the file last added is no longer what it was: for
 * readers that open it anew. Local. */
int cf_intake_check_file(const cf_intake *in);

/* Safe on {0} and twice. Local. */
void cf_intake_free(cf_intake *in);

#endif
