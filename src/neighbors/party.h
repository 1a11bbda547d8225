/* Blocks of rows and their lists, and what a list's score means for products.
 */
#ifndef CFMPI_PARTY_H
#define CFMPI_PARTY_H

#include "cfmpi/topk.h"
#include "pairs.h"
#include "tiles.h"

/* How rows are compared: by products, or by -distance²/2, of rows times
 * `scale`, a power of two, or of directions. */
typedef struct cf_measure {
    enum cf_similarity similarity;
    int dim;
    double scale;
    const cf_screen_kernel *kernel;
    const float *rotation; /* of residuals, or NULL */
    cf_crew *crew;         /* that prepares blocks and searches */
    bool apart;   /* two parties share rows: one is nothing to itself */
    bool bounded; /* scores under `floor` are of no use to anyone */
    float floor;
    cf_pairs *pairs; /* where all that reach it go in place of lists, or NULL */
} cf_measure;

/* A block of rows with the lists that its rows fill here; distances stand in
 * lists with a minus. */
typedef struct cf_party {
    cf_tiles tiles;
    cf_topk lists;
    float *floor;      /* [rows of all tiles] a score that is of no use below */
    float *least;      /* the same as a bound for products */
    float *tile_least; /* the smallest of a tile, or less */
} cf_party;

/* Room for blocks of up to `capacity` rows. Local. */
void cf_party_begin(cf_party *p, const cf_measure *u, int64_t capacity);

/* The same in zeroes that the ranks of a crew share, with lists of k in an
 * arena of their own. Local. */
void cf_party_place(cf_party *p, const cf_measure *u, int64_t capacity,
                    int64_t k, cf_arena *arena, cf_arena *lists);

/* The rows, whole tiles, of a block of `rows` that rank `rank` of a crew of
 * `size` ranks looks after between searches, from its first to that of the
 * next. Local. */
int64_t cf_party_first(int64_t rows, int rank, int size);

/* The rows of a slab, with empty lists of k, and what a score must reach from
 * the outset, [rows of which this rank looks after], or NULL where that is the
 * measure's floor. Collective over the crew. */
void cf_party_set(cf_party *p, const cf_measure *u, const cf_slab *slab,
                  int64_t k, const float *floor);

/* Safe on {0} and twice. Local. */
void cf_party_end(cf_party *p);

/* The score of rows of squared lengths nx, ny as it stands in lists. Local. */
float cf_party_score(const cf_measure *u, const float *x, double nx,
                     const float *y, double ny);

/* A score for row i. Local, O(log k). */
void cf_party_offer(const cf_measure *u, cf_party *p, int64_t i, float score,
                    cf_gidx index);

/* Scores under `floor` are of no use to row i from now on. Local. */
void cf_party_raise(const cf_measure *u, cf_party *p, int64_t i, float floor);

/* Brings tile_least of a tile up to date. Local. */
void cf_party_note_least(cf_party *p, int64_t tile);

/* What is of no use below, as it stands in lists, where scores must reach
 * `bound`. Local. */
float cf_floor_of_bound(enum cf_similarity similarity, float bound);

/* A score below those of all rows whose products reach `least`. Local. */
float cf_floor_of(const cf_measure *u, float least);

#endif
