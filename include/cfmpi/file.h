/* Names and first bytes of files. */
#ifndef CFMPI_FILE_H
#define CFMPI_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* What stands behind the last slash of a path, all of it where nothing does.
 * Local. */
const char *cf_base_name(const char *path);

/* True when a regular file begins with these `n` bytes, at most 16; false also
 * when it cannot be read. Local. */
bool cf_file_begins(const char *path, const void *magic, size_t n);

#endif
