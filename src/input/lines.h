/* A text file's lines, shared out over the ranks by byte ranges. */
#ifndef CFMPI_LINES_H
#define CFMPI_LINES_H

#include "cfmpi/context.h"
#include "cfmpi/digest.h"

/* Called for each line without its end ('\n' or "\r\n"); `number` counts this
 * rank's lines from 0. A nonzero return stops this rank's reading. */
typedef int cf_line_fn(const char *s, const char *e, int64_t number, void *arg);

/* Hands every line that begins in this rank's byte range to `take`, and gives
 * the file's size and digest. `lines` gets the number of lines this rank went
 * through. Not agreed: the caller's status is local. Errors: CF_NO_INPUT,
 * CF_IO. Collective. */
int cf_lines_read(const cf_par *par, const char *path, cf_line_fn *take,
                  void *arg, int64_t *lines, int64_t *bytes,
                  char digest[CF_DIGEST_HEX]);

/* The first line, at most `size` - 1 bytes, and the same checks of the file.
 * Rank 0 reads; all get it. Errors, agreed. Collective. */
int cf_lines_first(const cf_par *par, const char *path, char *line, int size);

#endif
