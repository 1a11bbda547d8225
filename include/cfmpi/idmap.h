/* From the ids that users write to row numbers 0..n-1 in ascending id order,
 * whatever the number of ranks. */
#ifndef CFMPI_IDMAP_H
#define CFMPI_IDMAP_H

#include "cfmpi/context.h"
#include "cfmpi/partition.h"

/* The distinct ids that one rank has seen, numbered by first sight; an open
 * addressing hash table. {0} is empty. */
typedef struct cf_idtable {
    int64_t *ids; /* [count] in order of first sight */
    int64_t count;
    int64_t capacity; /* of ids */
    int32_t *slot;    /* [slots] number of the id, -1 when free */
    int64_t slots;    /* a power of two */
} cf_idtable;

/* The number of `id`, a new one at first sight. At most 2^31-1 ids a rank.
 * Local, O(1). */
int32_t cf_idtable_add(cf_idtable *t, int64_t id);

/* Safe on {0} and twice. Local. */
void cf_idtable_free(cf_idtable *t);

/* The distinct ids of all ranks, sorted, spread over the ranks. */
typedef struct cf_idmap {
    cf_part part; /* which rank holds which positions */
    int64_t *ids; /* [own positions], ascending over the ranks */
} cf_idmap;

/* Builds the map from each rank's distinct ids and gives the position of each:
 * index[i] for ids[i]. `index` [count] is the caller's. Collective; ids are
 * sent once to the rank that owns their range and the answer comes back
 * (sample sort: Frazer, McKellar 1970). */
void cf_idmap_build(cf_idmap *map, const cf_par *par, const int64_t *ids,
                    int64_t count, cf_gidx *index);

/* Position of each id, -1 where it is unknown. Collective. */
void cf_idmap_find(const cf_idmap *map, const cf_par *par, const int64_t *ids,
                   int64_t count, cf_gidx *index);

/* The ids of any positions (-1 gives 0). Collective. */
void cf_idmap_ids(const cf_idmap *map, const cf_par *par, const cf_gidx *index,
                  int64_t count, int64_t *ids);

/* Safe on {0} and twice. Local. */
void cf_idmap_free(cf_idmap *map);

#endif
