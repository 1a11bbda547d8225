/* Titles of items: movies.csv with quotes, movies.dat with `::`, u.item with
 * `|`, BX-Books.csv with `;` and backslashes. */
#ifndef CFMPI_TITLES_H
#define CFMPI_TITLES_H

#include "cfmpi/ids.h"
#include "cfmpi/layout.h"

/* Reads the titles of `ids`, ascending, this rank's items. Rank 0 reads the
 * file, packed or not, and sends it round. The columns are those that a header
 * names, else the first two; Latin-1 is converted, field by field; of several
 * titles of an item the first counts, and an item without one gets "". Rows
 * whose id no item has are passed over, but when the ids are integers, all in
 * the file must be. Errors, agreed: CF_NO_INPUT, CF_IO, CF_BAD_DATA naming the
 * line. Collective; memory: the file's size on every rank for a while. */
int cf_titles_read(cf_titles *t, const cf_par *par, const char *path,
                   const cf_ids *ids);

#endif
