/* Sparse matrices in HDF5 as AnnData (and h5sparse before it) stores them. */
#ifndef CFMPI_H5AD_H
#define CFMPI_H5AD_H

#include "cfmpi/intake.h"

/* The file's part of "FILE" or "FILE:/GROUP" (no group: a file of this very
 * name, or no ":/" in it). Local. */
void cf_h5ad_file(const char *path, char file[CF_PATH_MAX]);

/* Reads the ratings of a CSR or CSC group: datasets data, indices, indptr,
 * attributes encoding-type (or h5sparse_format) and shape (h5sparse_shape).
 * The group is /X unless `path` names one, "file.h5ad:/layers/counts". Users
 * are its rows, items its columns; their ids are the names in /obs and /var,
 * for lack of these (said in a note) numbers from 0; those without ratings are
 * there too. The file must not be a result file of this program, which the
 * caller knows by cf_h5_open. Each rank takes an even range of the compressed
 * axis. Errors, agreed: CF_NO_INPUT, CF_IO, CF_BAD_DATA with the dataset and
 * place (values that are no ratings: unless bad rows are skipped), CF_USAGE
 * when the rules look at times. Collective; memory in proportion to the own
 * rows, ratings and ids. */
int cf_h5ad_read(cf_intake *in, const cf_par *par, const char *path);

#endif
