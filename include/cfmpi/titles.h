/* Titles of items: movies.csv with quotes, movies.dat with `::`, u.item. */
#ifndef CFMPI_TITLES_H
#define CFMPI_TITLES_H

#include <stddef.h>

#include "cfmpi/context.h"

/* Fixed-length UTF-8 strings, null-padded. */
typedef struct cf_titles {
    size_t width; /* bytes of one, the same on all ranks, at least 1 */
    int64_t count;
    char *data;    /* [count x width] */
    int64_t found; /* how many of all ranks' items have a title */
} cf_titles;

/* Reads the titles of `ids` [count], ascending, this rank's items. Rank 0
 * reads the file and sends it round. Latin-1 is converted. An item without a
 * title gets "". Errors, agreed: CF_NO_INPUT, CF_BAD_DATA naming the line.
 * Collective; memory: the file's size on every rank for a while. */
int cf_titles_read(cf_titles *t, const cf_par *par, const char *path,
                   const int64_t *ids, int64_t count);

/* Safe on {0} and twice. Local. */
void cf_titles_free(cf_titles *t);

#endif
