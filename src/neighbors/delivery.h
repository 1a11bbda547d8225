/* Finished lists go to the ranks that their rows are from. */
#ifndef CFMPI_DELIVERY_H
#define CFMPI_DELIVERY_H

#include "arrange.h"
#include "cfmpi/neighbors.h"
#include "cfmpi/topk.h"

/* Bytes of lists that a rank sends, or gets, at a time. */
#ifndef CF_DELIVERY_ROUND
#define CF_DELIVERY_ROUND (1 << 22)
#endif

/* Where rows are from. */
typedef struct cf_origin {
    const cf_part *part;   /* splits the numbers that rows have */
    int64_t count;         /* own rows */
    const cf_gidx *number; /* [count] their numbers, ascending; NULL: all that
                              `part` gives this rank */
} cf_origin;

/* Finishes the lists of the rows of a slab and gives out->lists those of own
 * rows, in the order of their numbers; rows that are in no slab have empty
 * ones. Distances lose their minus. out->rows_tied is counted. Collective; 12 k
 * bytes a row; memory: the lists twice, and 8 MiB. */
void cf_deliver_lists(cf_neighbors *out, const cf_par *par,
                      const cf_origin *from, const cf_slab *slab,
                      cf_topk *lists, enum cf_similarity similarity);

#endif
