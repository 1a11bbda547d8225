/* Index types, each with its MPI type and print format beside it. */
#ifndef CFMPI_TYPES_H
#define CFMPI_TYPES_H

#include <inttypes.h>
#include <stdint.h>

/* Global row, column or entry number, over all ranks. */
typedef int64_t cf_gidx;
#define CF_MPI_GIDX MPI_INT64_T
#define CF_PRIgidx PRId64

/* Number of a row or column inside one rank's slab. */
typedef int32_t cf_lidx;
#define CF_MPI_LIDX MPI_INT32_T
#define CF_PRIlidx PRId32

/* Bytes of a file name, terminator included. */
#define CF_PATH_MAX 4096

#define CF_MIN(a, b) ((a) < (b) ? (a) : (b))
#define CF_MAX(a, b) ((a) > (b) ? (a) : (b))

#endif
