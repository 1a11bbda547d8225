/* Leaving out users and items with few ratings. */
#ifndef CFMPI_CSR_FILTER_H
#define CFMPI_CSR_FILTER_H

#include "cfmpi/csr.h"
#include "cfmpi/idmap.h"

/* What to ask for, and what it took. */
typedef struct cf_filter {
    int64_t min_user, min_item;         /* ratings; 0 asks for none */
    int64_t users_left, items_left;     /* left out */
    int64_t user_ratings, item_ratings; /* ratings of left out users; of items,
                                           where the user was not left out in
                                           the same round */
} cf_filter;

/* Leaves out users and items with too few ratings, again and again until
 * nothing changes (the k-core of the bipartite graph: Seidman 1983), renumbers
 * the rest and splits the rows anew. Collective; a pass over the entries and
 * a sum of 8 bytes an item a round. */
void cf_csr_filter(cf_csr *a, const cf_par *par, cf_idmap *users,
                   cf_idmap *items, cf_filter *f);

#endif
