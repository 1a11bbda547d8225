/* Ratings and vectors of a known structure, of any size. Items belong to taste
 * groups and have a heavy-tailed popularity that does not follow their ids;
 * users have a log-normal activity, a first and a second taste group, and rate
 * what they like higher. Everything is a function of (seed, user, item) in
 * integer and basic IEEE arithmetic, without the math library, so the same
 * numbers come from every rank count, compiler and machine. */
#ifndef CFMPI_SYNTH_H
#define CFMPI_SYNTH_H

#include <stdbool.h>

#include "cfmpi/context.h"
#include "cfmpi/text.h"
#include "cfmpi/types.h"

#define CF_SYNTH_GROUPS 8

/* What is asked for. Users and items are numbered from 1. */
typedef struct cf_synth_shape {
    uint64_t seed;
    int64_t users, items, ratings;
} cf_synth_shape;

/* One column of an alias table: `own` where the fraction is below `cut`,
 * `other` elsewhere. */
typedef struct cf_synth_slot {
    uint32_t cut;
    cf_lidx own, other;
} cf_synth_slot;

typedef struct cf_synth_table {
    cf_synth_slot *slots;
    int64_t count;
    int64_t weight; /* sum over the table's items */
} cf_synth_table;

/* The generator: the same on every rank, about 40 bytes an item and 8 a
 * block. Users come in blocks of consecutive ids, the last one shorter; how
 * many there are does not depend on the rank count. */
typedef struct cf_synth {
    cf_synth_shape shape;

    int64_t block_users, blocks;
    int64_t least;     /* ratings that every user has */
    double spread;     /* of the logarithm of the activity */
    int64_t clip;      /* no activity weight counts for more */
    int64_t *activity; /* [blocks + 1] clipped weights of users before */

    uint8_t *group;       /* [items] taste group */
    cf_lidx *place;       /* [items] number within the group */
    uint32_t *popularity; /* [items] weight */
    float *quality;       /* [items] stars above the mean */
    cf_synth_table tables[CF_SYNTH_GROUPS + 1]; /* groups, then all items */
} cf_synth;

/* The ratings of consecutive users, by user, then by item. {0} is empty and
 * may be filled again and again. */
typedef struct cf_synth_block {
    int64_t first; /* id of the first user */
    int64_t users;
    int64_t *begin;      /* [users + 1] where a user's ratings start */
    int64_t *item;       /* [ratings] ids */
    uint8_t *half_stars; /* [ratings] 1..10 */
    int64_t *time;       /* [ratings] seconds since 1970 */
    int64_t user_capacity, capacity;
    uint64_t *chosen; /* set of items, empty between users */
    float *race;      /* [items] once a user needs it */
} cf_synth_block;

/* Makes the tables. CF_USAGE when there are no such ratings (fewer than
 * users, or more than users x items) or the sizes are out of range.
 * Collective; O(items + users / ranks) time, about 30 small reductions. */
int cf_synth_open(cf_synth *s, const cf_par *par, cf_synth_shape shape);

/* Safe on {0} and twice. Local. */
void cf_synth_free(cf_synth *s);

/* Fills `b` with block `number` of 0 .. blocks-1. Over all blocks there are
 * exactly shape.ratings distinct (user, item) pairs, at least one a user.
 * Local; O(its ratings), and O(items) for a user who rates a large share. */
void cf_synth_fill(const cf_synth *s, int64_t number, cf_synth_block *b);

/* Safe on {0} and twice. Local. */
void cf_synth_block_free(cf_synth_block *b);

/* Whether a split that sets `share` of the ratings aside takes this one.
 * Local. */
bool cf_synth_held_out(const cf_synth *s, int64_t user, int64_t item,
                       double share);

/* Appends the item's title, such as "Midnight Vault (1994)"; no two items
 * share one, and some hold a comma. Local. */
void cf_synth_title(const cf_synth *s, int64_t item, cf_text *out);

/* Name of an item's taste group, and of a user's first and second. Local. */
const char *cf_synth_genre(const cf_synth *s, int64_t item);
void cf_synth_taste(const cf_synth *s, int64_t user, const char *names[2]);

/* ---- vectors ---- */

/* A mixture of Gaussian clusters: about as many as the square root of the
 * number of vectors, at most CF_SYNTH_CLUSTERS; cluster c draws as many
 * vectors as 1/(c + 1) says. Centres are standard normal, and the vectors of a
 * cluster lie around it with a deviation of 0.2 to 0.8, a cluster's own, in
 * every direction. The same on every rank, as is every vector of a number:
 * 4 bytes a cluster and dimension. */
typedef struct cf_synth_vectors {
    uint64_t seed;
    int64_t rows;
    int dim;
    int64_t clusters;
    uint64_t *weight; /* [clusters] sums of the weights up to and with each */
    float *deviation; /* [clusters] */
    float *centre;    /* [clusters x dim] */
} cf_synth_vectors;

#define CF_SYNTH_CLUSTERS 1000

/* `rows` and `dim` are at least 1. Local; O(clusters dim). */
void cf_synth_vectors_open(cf_synth_vectors *s, uint64_t seed, int64_t rows,
                           int dim);

/* Vectors [first, first + count) into out[count x dim]. Local; O(count dim),
 * about 50 ns a value. */
void cf_synth_vectors_fill(const cf_synth_vectors *s, int64_t first,
                           int64_t count, float *out);

/* The cluster of a vector. Local; O(log clusters). */
int64_t cf_synth_cluster(const cf_synth_vectors *s, int64_t row);

/* Safe on {0} and twice. Local. */
void cf_synth_vectors_free(cf_synth_vectors *s);

#endif
