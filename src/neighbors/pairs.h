/* Pairs of rows that reach a score, as they are found: each once. */
#ifndef CFMPI_PAIRS_H
#define CFMPI_PAIRS_H

#include <pthread.h>

#include "cfmpi/graph.h"

#ifndef CF_PAIRS_CHUNK
#define CF_PAIRS_CHUNK 65536
#endif

/* Pairs in one piece of memory, so that growing copies nothing. */
typedef struct cf_pairs_chunk {
    int64_t count;
    cf_gidx one[CF_PAIRS_CHUNK], other[CF_PAIRS_CHUNK];
    float score[CF_PAIRS_CHUNK];
} cf_pairs_chunk;

/* All pairs of this rank, or entries: rows with a column each. */
typedef struct cf_pairs {
    pthread_mutex_t lock; /* of what follows */
    cf_pairs_chunk **chunk;
    int64_t chunks, room;
    int64_t *begin; /* [chunks + 1] pairs in the chunks before, in the end */
    cf_gidx first;  /* of cf_pairs_to_rows */
} cf_pairs;

void cf_pairs_begin(cf_pairs *p);
void cf_pairs_end(cf_pairs *p);

/* Adds a pair to a chunk that is the caller's alone, NULL at first; returns
 * where to go on. Several threads may add, with a chunk each; none may take
 * memory otherwise meanwhile. Ends the job when there is no memory for more.
 * Local; 20 bytes a pair. */
cf_pairs_chunk *cf_pairs_add(cf_pairs *p, cf_pairs_chunk *chunk, cf_gidx one,
                             cf_gidx other, float score);

/* The graph of the pairs that all ranks have found. Collective; a pair is sent
 * four times, 16 bytes. Memory: 12 bytes an entry of the graph. */
void cf_pairs_to_graph(cf_graph *out, const cf_par *par, const cf_part *part,
                       cf_pairs *p);

/* As many rows of entries, one way only: `one` less `first` is the row, which
 * `part` splits, and `other` the column. The same costs; an entry is sent
 * twice. */
void cf_pairs_to_rows(cf_graph *out, const cf_par *par, const cf_part *part,
                      cf_pairs *p, cf_gidx first);

#endif
