/* Contiguous ranges of rows, one a rank. */
#ifndef CFMPI_PARTITION_H
#define CFMPI_PARTITION_H

#include "cfmpi/types.h"

/* Rank r owns rows begin[r] .. begin[r+1]-1; the array is owned here. */
typedef struct cf_part {
    int size;       /* ranks */
    cf_gidx *begin; /* [size + 1], begin[0] = 0, begin[size] = rows */
} cf_part;

/* Ranges whose lengths differ by one row at most. Local. */
void cf_part_even(cf_part *p, cf_gidx rows, int size);

/* A copy of `from`. Local. */
void cf_part_copy(cf_part *p, const cf_part *from);

/* Safe on {0} and twice. Local. */
void cf_part_free(cf_part *p);

/* The rank that owns `row`, which must be in range. Local, O(log size). */
int cf_part_owner(const cf_part *p, cf_gidx row);

/* Rows of all ranks, of one rank, and of the largest rank. Local. */
cf_gidx cf_part_rows(const cf_part *p);
cf_gidx cf_part_count(const cf_part *p, int rank);
cf_gidx cf_part_largest(const cf_part *p);

#endif
