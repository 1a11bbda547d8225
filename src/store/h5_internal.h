/* Shared by the reading and the writing half of the HDF5 module. */
#ifndef CFMPI_H5_INTERNAL_H
#define CFMPI_H5_INTERNAL_H

#include "cfmpi/h5.h"

/* Bytes of a dataset that are in memory on their way at a time. */
#define CF_H5_PIECE ((int64_t)4 << 20)

/* At least 1. */
cf_gidx cf_h5_piece_rows(const cf_dataset *d);

/* As cf_h5_list, but only what is named `prefix` or lies in that group; ""
 * is all. */
int cf_h5_list_under(const cf_h5 *file, const char *prefix, cf_dataset **list,
                     int *count);

/* A new HDF5 datatype for the dataset, as it lies in the file. */
hid_t cf_h5_type(const cf_dataset *d);

/* Reads or writes rows [begin, begin + count) of an open dataset. */
herr_t cf_h5_transfer(hid_t dataset, const cf_dataset *d, cf_gidx begin,
                      cf_gidx count, void *in, const void *out);

/* CF_BAD_DATA when a dataset's digest, computed anew, is not the stored one.
 * Local. */
int cf_h5_compare(const cf_h5 *file, const cf_dataset *d, const char *hex);

void cf_h5_count(int64_t read, int64_t written);

#endif
