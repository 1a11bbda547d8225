/* The rows that --only names. */
#ifndef CFMPI_ONLY_H
#define CFMPI_ONLY_H

#include "cfmpi/idmap.h"

/* Reads a file of ids, one a line, blank lines left out, and looks them up
 * among those of `map`, or among the numbers below `rows` where that is NULL;
 * `whose` names both in messages. Gives `count` own row numbers of an even
 * split, ascending, each once, and the ids of those that `map` has here.
 * Errors, agreed: CF_NO_INPUT; CF_BAD_DATA naming the first line whose id is
 * not there, or for a file without any. The caller frees `chosen` and `ids`.
 * Collective; every rank holds the file. */
int cf_only_read(const cf_par *par, const char *path, const cf_idmap *map,
                 cf_gidx rows, const char *whose, cf_gidx **chosen,
                 int64_t *count, cf_ids *ids);

#endif
