/* Names and first bytes of files. */
#ifndef CFMPI_FILE_H
#define CFMPI_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What stands behind the last slash of a path, all of it where nothing does.
 * Local. */
const char *cf_base_name(const char *path);

/* Whether a name ends with `end`, as ".csv". Local. */
bool cf_name_ends(const char *path, const char *end);

/* Whether two paths are one file: the same path, or two ways to a regular file.
 * Local. */
bool cf_file_same(const char *a, const char *b);

/* True when a regular file begins with these `n` bytes, at most 16; false also
 * when it cannot be read. Local. */
bool cf_file_begins(const char *path, const void *magic, size_t n);

/* Reads `bytes` bytes from `at` on of an open file. CF_IO, naming `path`, when
 * they cannot be had. Local. */
int cf_file_read(int fd, const char *path, void *out, int64_t bytes,
                 int64_t at);

#endif
