/* A text file that all ranks write together, or standard output. */
#ifndef CFMPI_TEXT_FILE_H
#define CFMPI_TEXT_FILE_H

#include <stdbool.h>

#include "cfmpi/context.h"
#include "cfmpi/text.h"

/* {0} is closed. Written beside its name and renamed when whole. */
typedef struct cf_text_file {
    char path[CF_PATH_MAX]; /* "": standard output, by rank 0 */
    char temporary[CF_PATH_MAX + 64];
    int fd;
    int64_t size; /* bytes so far, over all ranks */
} cf_text_file;

/* CF_CANT_CREATE when `path` exists without `force`, is no regular file, or
 * cannot be made. Collective. */
int cf_text_file_begin(cf_text_file *f, const cf_par *par, const char *path,
                       bool force);

/* Writes every rank's piece, rank after rank, and clears it. CF_IO, agreed.
 * Collective; to standard output the pieces pass through rank 0. */
int cf_text_file_write(cf_text_file *f, const cf_par *par, cf_text *piece);

/* Renames the file into place. CF_IO, agreed. Collective. */
int cf_text_file_commit(cf_text_file *f, const cf_par *par);

/* Removes what was not committed. Safe on {0} and twice. Local. */
void cf_text_file_free(cf_text_file *f, const cf_par *par);

#endif
