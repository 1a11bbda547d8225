/* How text comes to the rank that parses it: from a share of a plain file, or
 * from a stream that one rank unpacks. */
#ifndef CFMPI_FEED_H
#define CFMPI_FEED_H

#include "cfmpi/digest.h"
#include "rows.h"
#include "sources.h"

/* What one rank reads of one file. */
typedef struct cf_piece {
    int64_t file;       /* number in the list of sources */
    int64_t begin, end; /* bytes of the file */
    bool open;          /* `begin` lies within quotes */
    int64_t lines;      /* newlines of the rows that begin here, once read */
} cf_piece;

/* This rank's pieces, in order; the pieces of all ranks cover the files. A
 * packed file belongs to the rank in whose share its middle lies. The caller
 * frees with cf_free. Local. */
cf_piece *cf_pieces_of(const cf_sources *s, int rank, int size, int64_t *count);

/* Reads the rows that begin in a piece, and every byte of the piece into
 * `digest` (NULL: none). `body` is where the rows of the file begin, with
 * body_lines newlines before. Errors: CF_NO_INPUT, CF_IO, CF_BAD_DATA. Local.
 */
int cf_feed_piece(cf_rows *rows, const cf_source *f, cf_piece *piece,
                  int64_t body, int64_t body_lines, cf_digest *digest);

/* Reads a stream whose first `head_bytes` unpacked bytes are in `head`, the
 * rest in `stream`, both on rank 0 only, from byte `body` on. With more ranks
 * than one rank 0 unpacks and the others parse one after the other, each as
 * long as its share of the packed bytes lasts. Not agreed. Collective. */
int cf_feed_stream(cf_rows *rows, const cf_par *par, cf_inflate *stream,
                   const char *head, int64_t head_bytes, int64_t body,
                   cf_piece *piece);

/* Whether the begin of each rank's first piece lies within quotes, from the
 * quotes in all pieces (body [2 x files]: where the rows of each begin, and a
 * count that is not looked at): sets `open` of this rank's first. True when
 * that changed it, so that the rank must read anew. CF_IO in `status`.
 * Collective; a light pass over the text. */
bool cf_feed_find_quotes(const cf_par *par, const cf_sources *s,
                         const int64_t *body, const cf_cut *cut,
                         cf_piece *piece, int64_t pieces, int *status);

#endif
