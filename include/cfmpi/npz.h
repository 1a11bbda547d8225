/* Sparse matrices as scipy.sparse.save_npz writes them. */
#ifndef CFMPI_NPZ_H
#define CFMPI_NPZ_H

#include "cfmpi/intake.h"

/* True when the file begins as a zip archive does; false also when it cannot
 * be read. Local. */
bool cf_npz_is(const char *path);

/* Reads the ratings of a CSR, CSC or COO matrix, compressed or not. Users are
 * its rows, items its columns, with ids from 0; those without ratings are
 * there too. Each rank takes an even range of the compressed axis, or of the
 * entries; what it has to pass by in a compressed member it inflates and
 * drops. Errors, agreed: CF_NO_INPUT, CF_IO, CF_BAD_DATA with the member and
 * place (values that are no ratings: unless bad rows are skipped), CF_USAGE
 * when the rules look at times. Collective; memory in proportion to the own
 * rows, ratings and ids. */
int cf_npz_read(cf_intake *in, const cf_par *par, const char *path);

#endif
