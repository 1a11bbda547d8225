/* Dense vectors as other programs store them: NumPy's .npy, the .fvecs,
 * .bvecs and .ivecs of nearest-neighbour benchmarks, and HDF5 datasets. */
#ifndef CFMPI_VECTORS_H
#define CFMPI_VECTORS_H

#include <stdbool.h>

#include "cfmpi/context.h"
#include "cfmpi/digest.h"
#include "cfmpi/partition.h"

#define CF_VECTORS_DIM 4096 /* values that a vector has at most */

enum cf_vectors_format {
    CF_VECTORS_NPY,
    CF_VECTORS_FVECS, /* float32, each vector after its int32 length */
    CF_VECTORS_BVECS, /* uint8, likewise */
    CF_VECTORS_IVECS, /* int32, likewise */
    CF_VECTORS_HDF5
};

/* Where vectors stand. Plain data, so that rank 0 can broadcast it. */
typedef struct cf_vectors_source {
    enum cf_vectors_format format;
    char file[CF_PATH_MAX];
    char set[CF_PATH_MAX]; /* HDF5 only: the dataset */
    bool found;            /* the dataset was not named, it is /train */
    char distance[64]; /* HDF5 only: what the file says that it is for, or "" */
} cf_vectors_source;

/* This rank's vectors. */
typedef struct cf_vectors {
    cf_part part; /* even */
    int dim;
    float *rows;                     /* [own vectors x dim] */
    char name[2 * CF_PATH_MAX + 16]; /* what messages call them */
    int64_t bytes;                   /* of the file */
    char digest[CF_DIGEST_HEX];      /* of the file */
} cf_vectors;

/* Whether `path` names vectors: by the end of its name (.npy, .fvecs, .bvecs,
 * .ivecs), as FILE:/DATASET, or as an HDF5 file that has a dataset /train (a
 * benchmark's base vectors) and is no result file of this program, which the
 * caller knows. The file need not be there, nor be whole. Local. */
bool cf_vectors_find(cf_vectors_source *s, const char *path);

/* Reads the rows of the matrix, with `columns` its columns. Other numbers than
 * float32 are converted, which is said in a note. Values need not be finite,
 * but must be within float32's range. Errors, agreed: CF_NO_INPUT, CF_IO,
 * CF_BAD_DATA (damaged or cut short, no matrix of numbers, vectors of
 * different lengths, of none or of more than CF_VECTORS_DIM values, no vectors
 * at all). Collective; each rank reads its share of the file twice, once for
 * the digest; memory: the own vectors, two blocks of 4 MiB,
 * and of packed HDF5 the chunks that one vector needs. */
int cf_vectors_read(cf_vectors *v, const cf_par *par,
                    const cf_vectors_source *s, bool columns);

/* Safe on {0} and twice. Local. */
void cf_vectors_free(cf_vectors *v);

#endif
