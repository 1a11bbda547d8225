/* What the readers of sparse matrices have in common: three or four arrays
 * of numbers, wherever they lie, become ratings. */
#ifndef CFMPI_SPARSE_H
#define CFMPI_SPARSE_H

#include "cfmpi/intake.h"

enum cf_sparse_format { CF_SPARSE_CSR, CF_SPARSE_CSC, CF_SPARSE_COO };

/* The arrays of a matrix. CSR has no ROW, CSC no COL, COO no POINTER. */
enum cf_sparse_array {
    CF_SPARSE_POINTER,
    CF_SPARSE_ROW,
    CF_SPARSE_COL,
    CF_SPARSE_DATA,
    CF_SPARSE_ARRAYS
};

/* Elements [begin, begin + count) of an array; the calls for one array come in
 * ascending order without gaps. Values come as doubles whose float32 is that
 * of the stored value. Errors: CF_BAD_DATA, CF_IO. Local. */
typedef int cf_sparse_integers_fn(void *source, int array, int64_t begin,
                                  int64_t count, int64_t *out);
typedef int cf_sparse_values_fn(void *source, int64_t begin, int64_t count,
                                double *out);

/* Names [begin, begin + count) of an axis (0: users, 1: items) into `out`;
 * the 8 bytes in front of a string can be read. Any order. Local. */
typedef int cf_sparse_names_fn(void *source, int axis, int64_t begin,
                               int64_t count, cf_ids *out);

/* A matrix in a file; everything is borrowed. */
typedef struct cf_sparse {
    const char *path; /* for messages */
    int format;
    int64_t size[2];                     /* users, items */
    int64_t count[CF_SPARSE_ARRAYS];     /* elements, as they are stored */
    const char *label[CF_SPARSE_ARRAYS]; /* of each array in messages */
    const char *names_label[2];          /* NULL: ids are 0 .. size - 1 */
    cf_sparse_integers_fn *integers;
    cf_sparse_values_fn *values;
    cf_sparse_names_fn *names;
    void *source;
} cf_sparse;

/* Reads the ratings of a matrix and all ids of both axes, each rank an even
 * range of the compressed axis (of the entries with COO); the same matrix on
 * all ranks, which is checked. Errors, agreed: CF_BAD_DATA (sizes that do not
 * fit each other, over 2^31-1 columns, far more rows or columns than entries,
 * indices out of range, bad values unless they are skipped, names that come
 * twice), CF_IO, CF_USAGE (rules about times). Collective; 8 bytes a row, 12 a
 * rating and what the ids take. */
int cf_sparse_read(cf_intake *in, const cf_par *par, const cf_sparse *m);

/* Moves ratings whose ids are places on the axes to the intake, their names
 * in place of the places, and checks that no name of an axis comes twice.
 * `from` holds the places of this rank's even share of each axis besides
 * those of its ratings; it is empty at the end. Errors, agreed: CF_BAD_DATA,
 * CF_IO. Collective. */
int cf_sparse_rename(cf_intake *in, const cf_par *par, const cf_sparse *m,
                     cf_entries *from);

#endif
