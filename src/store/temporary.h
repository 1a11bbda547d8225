/* Where an output is written before it is renamed into place. */
#ifndef CFMPI_TEMPORARY_H
#define CFMPI_TEMPORARY_H

#include <stdbool.h>
#include <stddef.h>

/* Creates an empty file beside `path` under a name that no other has, and
 * puts the name into `name`; *fd is open for writing. CF_CANT_CREATE when
 * `path` exists without `force`, is no regular file, or its folder takes no
 * file. Rank 0. */
int cf_temporary_create(const char *path, bool force, char *name, size_t size,
                        int *fd);

#endif
