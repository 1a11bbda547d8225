/* Neighbour lists by themselves, where what they were made from is not in the
 * file. */
#ifndef CFMPI_VERIFY_LISTS_H
#define CFMPI_VERIFY_LISTS_H

#include "cfmpi/h5.h"
#include "cfmpi/neighbors.h"

/* Looks through every list of `group` ("/neighbors/users"), of which there are
 * `rows`: lengths, that they name other rows, each once, nearest first `by`
 * that similarity, ties by row number, that it can have such scores, and that
 * gap and ties fit. `wrong` is how many do not hold, over all ranks.
 * CF_BAD_DATA when the datasets do not fit each other, CF_IO, agreed.
 * Collective; O(k log k) a list. */
int cf_verify_lists(const cf_par *par, const cf_h5 *file, const char *group,
                    enum cf_similarity by, cf_gidx rows, int64_t *wrong);

#endif
