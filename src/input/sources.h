/* The files that stand behind the inputs a user names. */
#ifndef CFMPI_SOURCES_H
#define CFMPI_SOURCES_H

#include "cfmpi/context.h"
#include "cfmpi/inflate.h"

typedef struct cf_source {
    char path[CF_PATH_MAX];
    int64_t size;            /* bytes, as it lies; -1 for a pipe */
    int64_t begin;           /* bytes of the files before */
    enum cf_packing packing; /* a pipe counts as packed: it has one reader */
} cf_source;

typedef struct cf_sources {
    cf_source *file; /* [count], in reading order; the same on all ranks */
    int64_t count;
    int64_t room;  /* rank 0: of the array */
    int64_t bytes; /* of all files; -1 with a pipe */
} cf_sources;

/* Finds the files: `inputs` has one input a line, a file, a folder (its files
 * in the order of their names, hidden ones left out), a pattern such as
 * part-*.csv, or "-". Errors, agreed: CF_NO_INPUT, CF_USAGE for "-" beside
 * others. Collective. */
int cf_sources_find(cf_sources *s, const cf_par *par, const char *inputs);

/* True for a file that only one rank can read, from its beginning on. */
bool cf_source_is_stream(const cf_source *f);

/* Safe on {0} and twice. Local. */
void cf_sources_free(cf_sources *s);

#endif
