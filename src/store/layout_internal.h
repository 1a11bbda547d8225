/* Shared by the parts of a result file that are compressed sparse rows. */
#ifndef CFMPI_LAYOUT_INTERNAL_H
#define CFMPI_LAYOUT_INTERNAL_H

#include "cfmpi/h5.h"

/* Adds the row pointers `name`: indptr [own rows + 1] counts from 0 here, and
 * there are `before` entries on the ranks before. Local, all ranks alike. */
void cf_layout_add_pointers(cf_writer *w, const char *name, const cf_part *part,
                            const int64_t *indptr, int64_t before);

/* Entries of this rank's rows of a split, counts [own rows], from the row
 * pointers of `nnz` entries in all, whose digest is compared. CF_BAD_DATA,
 * CF_IO, agreed. Collective. */
int cf_layout_read_counts(const cf_h5 *file, const cf_par *par,
                          const char *name, const cf_part *part, int64_t nnz,
                          int64_t *counts);

/* The number of an attribute's text among names, which NULL ends; 0 where
 * there is none, -1 where it is not among them. Local. */
int64_t cf_layout_name_number(const cf_h5 *file, const char *object,
                              const char *attribute, const char *const *names);

#endif
