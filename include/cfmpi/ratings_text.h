/* Ratings in text files: CSV and its relatives, Matrix Market, dense blocks;
 * one file or many, packed or not, or standard input. */
#ifndef CFMPI_RATINGS_TEXT_H
#define CFMPI_RATINGS_TEXT_H

#include "cfmpi/intake.h"

/* What the input is. AUTO looks. */
enum cf_ratings_format {
    CF_FORMAT_AUTO,
    CF_FORMAT_CSV, /* comma, semicolon or bar */
    CF_FORMAT_TSV,
    CF_FORMAT_DAT, /* "::" */
    CF_FORMAT_MTX,
    CF_FORMAT_DENSE,
    CF_FORMAT_NPZ,
    CF_FORMAT_H5AD
};

typedef struct cf_text_options {
    enum cf_ratings_format format;
    const char *columns; /* "user=2,item=isbn,rating=3", or "" */
    double missing;      /* dense: value that stands for none; or NaN */
    bool pairs;          /* only users and items are wanted */
    bool times;          /* times are wanted */
} cf_text_options;

/* Reads all inputs (one a line, see cf_sources_find), each rank the rows that
 * begin in its share of the bytes; a single packed file or a pipe is unpacked
 * by rank 0 while others parse (all of a pipe,
 * whose length is unknown, by one rank). Errors, agreed: CF_NO_INPUT; CF_USAGE;
 * CF_BAD_DATA naming file, line and column of the first bad row in the input
 * unless rows are to be skipped, also for an input without any row; CF_IO.
 * Collective; one pass over the text, memory 12 bytes a row (20 with times),
 * the distinct ids, and 1 MiB. */
int cf_ratings_read(cf_intake *in, const cf_par *par, const char *inputs,
                    const cf_text_options *o);

/* Where a user's rating of an item stands. */
typedef struct cf_finding {
    char path[CF_PATH_MAX];
    int64_t line; /* 0: there is none */
} cf_finding;

/* The first two rows of this user and item among those that the rules keep.
 * Reads the input again, for error
 * messages; finds nothing in a pipe. Collective. */
int cf_ratings_find(const cf_par *par, const char *inputs,
                    const cf_text_options *o, const cf_keep *keep,
                    const cf_text *user, const cf_text *item,
                    cf_finding found[2]);

/* User and item of each row of a file of pairs, read like ratings; ids of a
 * column are of one kind on all ranks, ranks hold consecutive rows. Lists are
 * freed by the caller. Errors as above. Collective. */
int cf_pairs_read(const cf_par *par, const char *path, cf_ids *user,
                  cf_ids *item);

#endif
