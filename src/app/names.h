/* What single rows of a result file are called. Read by one rank for itself.
 */
#ifndef CFMPI_NAMES_H
#define CFMPI_NAMES_H

#include "cfmpi/h5.h"
#include "cfmpi/text.h"

/* Appends the id of a row of "users" or "items"; with `json` a string has its
 * quotes. CF_BAD_DATA, CF_IO. Local. */
int cf_name_id(const cf_h5 *file, const char *side, cf_gidx row, cf_text *out,
               bool json);

/* The title of an item, "" where it has none; the caller frees it, also after
 * an error. CF_BAD_DATA, CF_IO. Local. */
int cf_name_title(const cf_h5 *file, cf_gidx item, char **title);

#endif
