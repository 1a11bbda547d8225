/* Sorting lists of ids and sending them round. */
#ifndef CFMPI_ID_LISTS_H
#define CFMPI_ID_LISTS_H

#include "cfmpi/context.h"
#include "cfmpi/ids.h"

/* The order in which ids ascend, equal ones as they stand: order [count] is
 * the caller's and gets numbers of the list. Local; linear in the bytes of the
 * ids (radix sort of eight bytes at a time: Knuth, TAOCP 3, 5.2.5). */
void cf_ids_sort(const cf_ids *ids, int64_t *order);

/* All-to-all of ids: those for rank 0, 1, … stand one after the other; what
 * arrives likewise by source. Counts as from cf_alltoall_counts. Collective;
 * lists on all ranks are of one kind. */
void cf_ids_alltoall(cf_ids *out, const cf_par *par, const cf_ids *ids,
                     const int64_t *to, const int64_t *from);

#endif
