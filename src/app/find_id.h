/* One user or item that an option names. */
#ifndef CFMPI_FIND_ID_H
#define CFMPI_FIND_ID_H

#include "job.h"

/* The row of an id among those of `map`, the same on all ranks; `what` calls
 * it. CF_BAD_DATA, agreed, where there is none. Collective. */
int cf_find_id(const cf_job *job, const cf_idmap *map, const char *option,
               const char *what, const char *id, cf_gidx *row);

#endif
