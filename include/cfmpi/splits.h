/* Which ratings are kept out of the training, to test what was learned.
 *
 * A rating falls to a side by a number that its ids and the seed alone decide,
 * so a split is the same for any rank count and order of the input, and can be
 * repeated anywhere:
 *
 *   mix(x):  x += 0x9e3779b97f4a7c15
 *            x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9
 *            x = (x ^ x >> 27) * 0x94d049bb133111eb
 *            x ^ x >> 31                    in 64 bits (SplitMix64)
 *   key(id): the id itself where the ids of its column are integers, else the
 *            XXH3-64 of its UTF-8 bytes
 *   hash   = mix(mix(mix(seed) ^ key(user)) ^ key(item))
 *   draw   = (hash >> 11) / 2^53            in [0, 1)
 *
 *   random          tested: draw < share
 *   kfold           test set number ⌊draw · folds⌋, from 0
 *   per-user        of each user `leave` ratings, or ⌊share · count + 1/2⌋,
 *                   those of the smallest hash; at least one stays
 *   leave-last-out  of each user the `leave` latest, of one time those of the
 *                   smallest hash first; at least one stays
 *   temporal        tested: time >= cut; without a cut, that is the time at
 *                   place ⌊(1 − share) · ratings⌋, from 0, in order of time
 *
 * Equal hashes go by item, the smaller row first. References: Steele, Lea,
 * Flood: Fast splittable pseudorandom number generators. OOPSLA 2014. Collet:
 * xxHash, XXH3. */
#ifndef CFMPI_SPLITS_H
#define CFMPI_SPLITS_H

#include <stdbool.h>

#include "cfmpi/csr.h"
#include "cfmpi/idmap.h"

enum cf_split_rule {
    CF_SPLIT_RANDOM,
    CF_SPLIT_KFOLD,
    CF_SPLIT_PER_USER,
    CF_SPLIT_LAST,
    CF_SPLIT_TEMPORAL
};

/* Their names; NULL ends. */
extern const char *const cf_split_names[];

typedef struct cf_split {
    enum cf_split_rule rule;
    uint64_t seed;
    double share;  /* of the ratings, in (0, 1) */
    int64_t folds; /* of KFOLD, at least 2 */
    int64_t leave; /* of a user; 0 for PER_USER: `share` decides */
    bool has_cut;
    int64_t cut; /* of TEMPORAL: seconds since 1970; set where it was not */
} cf_split;

/* Whether it goes by the times of the ratings. Local. */
bool cf_split_needs_time(enum cf_split_rule rule);

/* Test sets: more than one with KFOLD alone. Local. */
int64_t cf_split_sets(const cf_split *s);

/* The test set of each own rating, from 0, -1 for those in none; set [own
 * entries] is the caller's. `a` has times where the rule needs them.
 * CF_BAD_DATA when a set has no rating, or nothing is left to learn from;
 * agreed. Collective; 8 bytes an own user and an item. */
int cf_split_mark(int32_t *set, const cf_par *par, const cf_csr *a,
                  const cf_idmap *users, const cf_idmap *items, cf_split *s);

/* The ratings in test set `number`, or all others when `rest`: rows and columns
 * are those of `a`, also where nothing is left in them; times are left behind.
 * Collective. */
void cf_split_take(cf_csr *out, const cf_par *par, const cf_csr *a,
                   const int32_t *set, int32_t number, bool rest);

#endif
