/* Datasets of HDF5 files that other programs have written: chunked, packed or
 * neither, of one or two dimensions. */
#ifndef CFMPI_H5_SET_H
#define CFMPI_H5_SET_H

#include "cfmpi/h5.h"

/* Opens file->path for reading. CF_BAD_DATA when it is no HDF5 file, or a
 * damaged one. Local. */
int cf_h5_set_file(cf_h5 *file);

/* Opens a dataset, with a cache of chunks that holds all those which one
 * place of `axis` needs, or each block of rows (axis 0) or columns (axis 1)
 * would inflate them anew. Below 0 when it cannot be opened. Local. */
hid_t cf_h5_set_open(hid_t file, const char *name, int axis);

/* CF_BAD_DATA when the dataset is packed by a filter that this HDF5 lacks, or
 * when parts of it were never written (they would read as zeros); `path` and
 * `name` are for messages. Local. */
int cf_h5_set_check(hid_t dataset, const char *path, const char *name);

/* The block of `count` places from `start` on, along each of `dims`
 * dimensions, as elements of `type`. Local. */
bool cf_h5_set_read(hid_t dataset, hid_t type, int dims, const hsize_t *start,
                    const hsize_t *count, void *out);

#endif
