/* What the files of the generator share. */
#ifndef CFMPI_SYNTH_INTERNAL_H
#define CFMPI_SYNTH_INTERNAL_H

#include "cfmpi/random.h"
#include "cfmpi/synth.h"

/* Products that pass 64 bits. */
__extension__ typedef __int128 cf_wide;

/* Each kind of choice draws from streams of its own, one a user where the
 * choice is a user's. */
enum cf_synth_purpose {
    CF_SYNTH_ORDER,    /* items: popularity rank */
    CF_SYNTH_GROUP,    /* items: taste group */
    CF_SYNTH_QUALITY,  /* items */
    CF_SYNTH_YEAR,     /* items */
    CF_SYNTH_ACTIVITY, /* users */
    CF_SYNTH_TASTE,    /* users: groups, bias, first day */
    CF_SYNTH_BIAS,     /* users */
    CF_SYNTH_PICK,     /* per user: which items */
    CF_SYNTH_RACE,     /* per user: which items, when they are many */
    CF_SYNTH_NOISE,    /* per user and item: rating */
    CF_SYNTH_TIME,     /* per user and item */
    CF_SYNTH_SPLIT,    /* per user and item: held out or not */
    CF_SYNTH_CLUSTER,  /* vectors: which cluster; clusters: deviation */
    CF_SYNTH_CENTRE,   /* per cluster: centre */
    CF_SYNTH_POINT     /* per vector: where around the centre */
};

static inline uint64_t cf_synth_stream(enum cf_synth_purpose purpose,
                                       int64_t user)
{
    return ((uint64_t)purpose << 56) | (uint64_t)user;
}

/* 0 .. count-1 from 32 random bits. */
static inline int64_t cf_synth_below(uint64_t bits, int64_t count)
{
    return (int64_t)(((bits & 0xffffffffu) * (uint64_t)count) >> 32);
}

/* exp and log from additions and multiplications alone, so that every
 * machine gives the same bits; relative error below 1e-14. */
double cf_synth_exp(double x);
double cf_synth_log(double x);

/* Standard normal by Marsaglia's polar method on the above. */
double cf_synth_normal(uint64_t seed, uint64_t stream, uint64_t index);

/* Fills the item side: popularity, groups, quality, tables. Local. */
void cf_synth_items_open(cf_synth *s);

/* Fills the user side: blocks and activity. Collective. */
void cf_synth_users_open(cf_synth *s, const cf_par *par);

/* Ratings of each user of a block: begin[users + 1]. Local. */
void cf_synth_counts(const cf_synth *s, int64_t first, int64_t users,
                     int64_t *begin);

/* First and second taste group. Local. */
void cf_synth_groups_of(const cf_synth *s, int64_t user, int groups[2]);

/* Name of a group. Local. */
const char *cf_synth_group_name(int group);

#endif
