/* Result files: HDF5 with fixed-size types, contiguous datasets, and a digest
 * on each. Reading needs no MPI-IO: every rank opens the file by itself.
 * Writing goes beside the output and is renamed when whole. */
#ifndef CFMPI_H5_H
#define CFMPI_H5_H

#include <hdf5.h>
#include <stdbool.h>

#include "cfmpi/context.h"
#include "cfmpi/digest.h"
#include "cfmpi/partition.h"
#include "cfmpi/text.h"

#define CF_FORMAT_VERSION 1
#define CF_NAME_MAX 128

enum cf_type { CF_I32, CF_I64, CF_F32, CF_F64, CF_STRING };

/* Shape and kind of a dataset; vectors have cols = 1 and dims = 1. */
typedef struct cf_dataset {
    char name[CF_NAME_MAX]; /* full path, "/users/id" */
    enum cf_type type;
    size_t width; /* bytes of an element */
    int dims;     /* 1 or 2 */
    cf_gidx rows, cols;
    char digest[CF_DIGEST_HEX]; /* stored digest, "" when there is none */
    bool known;   /* else type and shape are none of the above, and not set */
    bool hollow;  /* not known: claims more values than the file can hold */
    bool foreign; /* somebody else has put it into the file */
} cf_dataset;

/* An open input file. */
typedef struct cf_h5 {
    hid_t id; /* 0 when closed */
    char path[CF_PATH_MAX];
} cf_h5;

/* True when the file begins as HDF5 does; false also when it cannot be read.
 * Local. */
bool cf_h5_is_hdf5(const char *path);

/* True when the file is HDF5 and nothing says that it is not ours: damaged
 * files count, so that cf_h5_open can say what is wrong. Local. */
bool cf_h5_is_result(const char *path);

/* Opens a result file after rank 0 has looked at it: it must be HDF5, ours, of
 * a version known, and whole. Errors: CF_NO_INPUT, CF_BAD_DATA. Collective. */
int cf_h5_open(cf_h5 *file, const cf_par *par, const char *path);

/* Safe on {0} and twice. Local. */
void cf_h5_close(cf_h5 *file);

/* True when there is a dataset or group of this name. Local. */
bool cf_h5_has(const cf_h5 *file, const char *name);

/* Looks a dataset up. CF_BAD_DATA when it is missing, of no kind that enum
 * cf_type knows, or larger than the file can hold: arrays may be sized by what
 * it says. Local. */
int cf_h5_dataset(const cf_h5 *file, const char *name, cf_dataset *d);

/* All datasets of the file in the order of their names, also those that are
 * not `known`; array and count to the caller, who frees with cf_free.
 * CF_BAD_DATA when one is damaged. Local. */
int cf_h5_list(const cf_h5 *file, cf_dataset **list, int *count);

/* Reads rows [begin, begin + count) as they are stored. CF_BAD_DATA when the
 * dataset has no such rows, CF_IO. Local. */
int cf_h5_read(const cf_h5 *file, const cf_dataset *d, cf_gidx begin,
               cf_gidx count, void *out);

/* Reads this rank's rows of a dataset that must be of `type` and `cols`
 * columns, and compares the digest of the whole with the stored one.
 * CF_I64 takes int32 too and widens it; strings come as wide as they are
 * stored. The rows of all ranks must cover the dataset in order. Errors:
 * CF_BAD_DATA, CF_IO, agreed. Collective. */
int cf_h5_read_slab(const cf_h5 *file, const cf_par *par, const char *name,
                    enum cf_type type, cf_gidx cols, cf_gidx begin,
                    cf_gidx count, void *out);

/* Recomputes the digest of a dataset. CF_IO, agreed. Collective. */
int cf_h5_digest(const cf_h5 *file, const cf_par *par, const cf_dataset *d,
                 char hex[CF_DIGEST_HEX]);

/* Attributes of an object: one text, added to `out`, or one number; false when
 * absent or of another kind. Local. */
bool cf_h5_text(const cf_h5 *file, const char *object, const char *name,
                cf_text *out);
bool cf_h5_number(const cf_h5 *file, const char *object, const char *name,
                  double *value);

/* What one rank gives of a dataset to write. `data` is borrowed until the
 * commit. */
typedef struct cf_slab {
    cf_dataset d;
    enum cf_type memory;  /* type of `data`: CF_I64 may go to CF_I32 */
    cf_gidx begin, count; /* own rows */
    const void *data;
    const char *description;
    const char *units; /* NULL when it has none */
    const cf_h5 *from; /* copied from this file in place of `data` */
} cf_slab;

/* A small attribute on a group or dataset. */
typedef struct cf_attr {
    char object[CF_NAME_MAX];
    char name[CF_NAME_MAX];
    char *text; /* NULL: a number */
    double number;
    int64_t integer;
    bool is_integer;
} cf_attr;

/* An output file in the making. */
typedef struct cf_writer {
    const cf_par *par;
    char path[CF_PATH_MAX];
    char temporary[CF_PATH_MAX + 64];
    cf_slab *slabs;
    cf_attr *attrs;
    void **kept; /* buffers that live as long as the writer */
    int slab_count, attr_count, kept_count;
} cf_writer;

/* Begins an output and finds out now, before the work, whether it can be
 * made: CF_CANT_CREATE when it exists without `force`, is a folder, or its
 * folder is missing or not writable. Collective. */
int cf_writer_begin(cf_writer *w, const cf_par *par, const char *path,
                    bool force);

/* Adds a dataset; the file type is that of the narrowest fit: int64 data of
 * numbers below `below` goes to int32 where that fits (0: as it is). Local,
 * but all ranks add the same ones in the same order. */
void cf_writer_add(cf_writer *w, const char *name, enum cf_type type,
                   cf_gidx rows, cf_gidx cols, int dims, cf_gidx begin,
                   cf_gidx count, const void *data, const char *description,
                   const char *units, cf_gidx below);

/* Adds fixed-length UTF-8 strings of `width` bytes. Local, as above. */
void cf_writer_add_strings(cf_writer *w, const char *name, size_t width,
                           cf_gidx rows, cf_gidx begin, cf_gidx count,
                           const char *data, const char *description);

/* Adds every dataset of `file` whose name begins with `prefix`, with its
 * attributes and those of its group. The digest is compared on the way. What
 * is not `known` stays behind. CF_BAD_DATA. Local, as above. */
int cf_writer_carry(cf_writer *w, const cf_h5 *file, const char *prefix);

/* Leaves a buffer from cf_alloc to the writer, to be freed with it. Local. */
void *cf_writer_keep(cf_writer *w, void *buffer);

/* Adds an attribute. Local, as above. */
void cf_writer_text(cf_writer *w, const char *object, const char *name,
                    const char *text);
void cf_writer_integer(cf_writer *w, const char *object, const char *name,
                       int64_t value);
void cf_writer_real(cf_writer *w, const char *object, const char *name,
                    double value);

/* Writes everything and renames the file into place. On failure nothing is
 * left behind and an earlier file stays as it was. Errors: CF_IO,
 * CF_BAD_DATA, CF_CANT_CREATE, agreed. Collective. */
int cf_writer_commit(cf_writer *w);

/* Frees; removes the temporary file when there was no commit. Safe on {0} and
 * twice. Local. */
void cf_writer_free(cf_writer *w);

/* Bytes that this rank has read and written through this module. Local. */
int64_t cf_h5_bytes_read(void);
int64_t cf_h5_bytes_written(void);

#endif
