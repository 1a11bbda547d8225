/* One file from its beginning to its end, unpacked on the way: plain, gzip or
 * zstd, standard input included. */
#ifndef CFMPI_INFLATE_H
#define CFMPI_INFLATE_H

#include <stdbool.h>
#include <stdint.h>

#include "cfmpi/digest.h"
#include "cfmpi/error.h"
#include "cfmpi/types.h"

enum cf_packing { CF_PLAIN, CF_GZIP, CF_ZSTD };

/* How a file that begins with these bytes is packed; 4 bytes are enough.
 * Local. */
enum cf_packing cf_packing_of(const char *head, int64_t n);

/* {0} is closed. */
typedef struct cf_inflate {
    char path[CF_PATH_MAX]; /* as messages name it */
    enum cf_packing packing;
    int64_t size;     /* of the file as it lies, -1 for a pipe */
    int64_t bytes_in; /* of it read so far; at the end, all */

    /* The rest is the reader's own. */
    int fd;
    bool own_fd;       /* not standard input */
    cf_digest *digest; /* borrowed, or NULL */
    char *raw;         /* what was read and not yet unpacked */
    int64_t raw_at, raw_end;
    void *stream;     /* the library's */
    bool stream_idle; /* between two members or frames */
    bool at_end;
    int64_t piece; /* zstd: input until something is whole */
    int failed;    /* status of an error that was met */
    char why[CF_ERROR_MAX];
} cf_inflate;

/* Opens `path`, "-" for standard input. The packing is found by content, also
 * on a pipe; the name matters only where a file is too short to tell. Every
 * byte of the file as it lies goes into `digest`, begun by the caller, unless
 * that is NULL. Errors: CF_NO_INPUT; CF_IO; CF_BAD_DATA for packings that are
 * not read. Local; memory 256 KiB, and the library's window (gzip: 40 KiB,
 * zstd: up to 128 MiB). */
int cf_inflate_open(cf_inflate *f, const char *path, cf_digest *digest);

/* Fills `out` [want] with what comes next, want > 0; *got < want only at the
 * end. A file is only known to be whole once *got < want: read until then.
 * Errors: CF_BAD_DATA for data that end early or are damaged; CF_IO, also for
 * a file that is not as long any more as it was when opened. *got bytes in
 * front of the error are good as far as one can tell; in all they are as many
 * whatever `want` was in each call. A call after an error gives it again.
 * Local; the library's speed, one copy less for plain files. */
int cf_inflate_read(cf_inflate *f, char *out, int64_t want, int64_t *got);

/* Safe on {0} and twice. Local. */
void cf_inflate_close(cf_inflate *f);

#endif
