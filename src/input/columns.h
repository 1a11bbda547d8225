/* What columns are called in the headers of ratings and of titles. */
#ifndef CFMPI_COLUMNS_H
#define CFMPI_COLUMNS_H

#include <stdbool.h>

enum cf_column {
    CF_COLUMN_USER,
    CF_COLUMN_ITEM,
    CF_COLUMN_RATING,
    CF_COLUMN_TIME,
    CF_COLUMN_TITLE
};

/* Whether [s, e) is one of the usual names of a column; only letters and
 * digits count, and not their case: movieId, Movie_ID, "movie id". Local. */
bool cf_column_named(enum cf_column column, const char *s, const char *e);

#endif
