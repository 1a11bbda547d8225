/* Ratings in text files: MovieLens CSV with a header, `::`, tabs. */
#ifndef CFMPI_RATINGS_TEXT_H
#define CFMPI_RATINGS_TEXT_H

#include "cfmpi/context.h"
#include "cfmpi/digest.h"
#include "cfmpi/idmap.h"

/* How fields are separated; AUTO looks at the first line. */
enum cf_ratings_format {
    CF_FORMAT_AUTO,
    CF_FORMAT_CSV,
    CF_FORMAT_TSV,
    CF_FORMAT_DAT
};

enum cf_bad_row { CF_BAD_ROW_STOP, CF_BAD_ROW_SKIP };

#define CF_BAD_ROWS_SHOWN 5

/* The rows that one rank read, ids replaced by their number in the tables. */
typedef struct cf_ratings_text {
    cf_idtable users, items;
    int32_t *user, *item; /* [count] */
    float *value;         /* [count] */
    int64_t count, capacity;
    int64_t bytes;                      /* of the whole file */
    char digest[CF_DIGEST_HEX];         /* of the whole file */
    int64_t skipped;                    /* bad rows, all ranks */
    char shown[CF_BAD_ROWS_SHOWN][256]; /* the first of them, as messages */
    int shown_count;
} cf_ratings_text;

/* Reads the file once, each rank the lines that begin in its byte range.
 * Errors, agreed: CF_NO_INPUT; CF_BAD_DATA naming line and column of the
 * first bad row in the file unless rows are to be skipped, also for a file
 * without any row; CF_IO. Collective; memory 12 bytes a row and 8 MiB. */
int cf_ratings_read(cf_ratings_text *r, const cf_par *par, const char *path,
                    enum cf_ratings_format format, enum cf_bad_row bad_row);

/* Line numbers of the first two rows of this user and item, 0 where there are
 * fewer. Reads the file again: for error messages. Collective. */
int cf_ratings_find(const cf_par *par, const char *path,
                    enum cf_ratings_format format, int64_t user, int64_t item,
                    int64_t line[2]);

/* Safe on {0} and twice. Local. */
void cf_ratings_text_free(cf_ratings_text *r);

/* User and item of each row of a file of pairs, read like ratings but with
 * two columns wanted. user, item [count] are freed by the caller with cf_free;
 * ranks hold consecutive rows. Errors as above. Collective. */
int cf_pairs_read(const cf_par *par, const char *path, int64_t **user,
                  int64_t **item, int64_t *count);

#endif
