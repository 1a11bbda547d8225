/* From the ids that users write to row numbers 0..n-1 in ascending id order,
 * whatever the number of ranks. */
#ifndef CFMPI_IDMAP_H
#define CFMPI_IDMAP_H

#include "cfmpi/context.h"
#include "cfmpi/dictionary.h"
#include "cfmpi/ids.h"
#include "cfmpi/partition.h"

/* The distinct ids of all ranks, sorted, spread over the ranks. */
typedef struct cf_idmap {
    cf_part part;     /* which rank holds which positions */
    cf_ids ids;       /* of own positions, ascending over the ranks */
    int64_t *entries; /* [own positions] ratings of each over all ranks, as
                         the tables have counted: those of users; NULL once
                         filtered or when read from a file */
} cf_idmap;

/* Where a rank's own ids stand. */
typedef struct cf_placement {
    cf_gidx *index; /* [ids] position of each */
    int64_t *first; /* [ids] of users: where its first rating on this rank
                       stands among the ratings of all ranks, in order of id,
                       then of the rank that read them */
} cf_placement;

/* Builds the map from each rank's table of distinct ids, which become strings
 * everywhere when they are on any rank. `at` is freed by the caller with
 * cf_placement_free. Collective; memory in proportion to the ids of `d` and
 * those that fall to this rank; ids are sent once to the rank of their range,
 * the answers come back (sample sort: Frazer, McKellar 1970). */
void cf_idmap_build(cf_idmap *map, const cf_par *par, cf_dictionary *d,
                    cf_placement *at);

void cf_placement_free(cf_placement *at);

/* Position of each id, -1 where it is unknown; ids of the other kind than the
 * map's are compared as they are written. index [ids->count] is the caller's.
 * Collective. */
void cf_idmap_find(const cf_idmap *map, const cf_par *par, const cf_ids *ids,
                   cf_gidx *index);

/* Appends the id at a position, the same on all ranks. Collective. */
void cf_idmap_print(const cf_idmap *map, const cf_par *par, cf_gidx index,
                    cf_text *out);

/* Keeps the positions that `kept` [own positions] marks; renumber [own
 * positions] gets their new numbers, -1 for the others. Collective. */
void cf_idmap_filter(cf_idmap *map, const cf_par *par, const bool *kept,
                     cf_gidx *renumber);

/* Safe on {0} and twice. Local. */
void cf_idmap_free(cf_idmap *map);

#endif
