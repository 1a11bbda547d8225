/* Neighbour lists by themselves, where what they were made from is not in the
 * file. */
#ifndef CFMPI_VERIFY_LISTS_H
#define CFMPI_VERIFY_LISTS_H

#include "cfmpi/h5.h"
#include "cfmpi/neighbors.h"

/* Lists in a file. */
typedef struct cf_list_group {
    const char *name; /* "/neighbors/users" */
    enum cf_similarity by;
    cf_gidx rows;    /* lists that there must be */
    cf_gidx among;   /* rows that they may name */
    bool others;     /* lists of rows that are not among these; else list i is
                        that of row i, or of row own[i] */
    const char *own; /* the dataset of these numbers, or NULL */
} cf_list_group;

/* Looks through every list of a group: lengths, that they name other rows, each
 * once, nearest first, ties by row number, that it can have such scores and
 * they reach the bound that the file names, and that gap and ties fit. `wrong`
 * is how many do not hold, over all ranks. CF_BAD_DATA when the datasets do not
 * fit each other, CF_IO, agreed. Collective; O(k log k) a list. */
int cf_verify_lists(const cf_par *par, const cf_h5 *file,
                    const cf_list_group *group, int64_t *wrong);

#endif
