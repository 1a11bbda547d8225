/* Opening the generator, and the ratings of a block of users.
 *
 * Method: a user draws items without replacement, each draw from the table
 * of his first or second taste group or of all items. Draws that repeat an
 * item are dropped; when there are too many, because the user wants a large
 * share of the items, all items race instead: with exponential times of rate
 * = the item's weight for this user, the first n to arrive are a draw of the
 * same distribution.
 * Cost: a few table look-ups a rating; a race is O(items).
 * Reference: P. S. Efraimidis, P. G. Spirakis, "Weighted random sampling
 * with a reservoir", Information Processing Letters 97(5), 2006. */
#include "cfmpi/synth.h"

#include <string.h>

#include "cfmpi/memory.h"
#include "internal.h"

/* Draws from each kind of table, of 256. */
#define DRAWS_FIRST 136
#define DRAWS_SECOND 56
#define DRAWS_ALL (256 - DRAWS_FIRST - DRAWS_SECOND)
#define DRAWS_PER_RATING 8 /* then the race */

/* Stars. */
#define BASE 3.3
#define MATCH_FIRST 0.9
#define MATCH_SECOND 0.5
#define MATCH_NONE (-0.7)
#define BIAS 0.35
#define NOISE 0.55

#define TIME_FIRST 820454400 /* 1996-01-01 */
#define TIME_SPAN (24L * 365 * 86400)
#define TIME_VISIT (30L * 86400)

static int check_shape(const cf_synth_shape *shape)
{
    int64_t users = shape->users, items = shape->items, z = shape->ratings;
    if (users < 1 || items < 1 || z < 1 || users > INT32_MAX ||
        items > INT32_MAX)
        return cf_fail(CF_USAGE,
                       "users, items and ratings must be at least "
                       "1, users and items at most %" PRId32,
                       INT32_MAX);
    if (z < users)
        return cf_fail(CF_USAGE,
                       "%" PRId64 " ratings are too few: each of "
                       "the %" PRId64 " users has at least one",
                       z, users);
    if (z > users * items)
        return cf_fail(CF_USAGE,
                       "%" PRId64 " ratings are too many: %" PRId64
                       " users and %" PRId64 " items make %" PRId64 " pairs",
                       z, users, items, users * items);
    return CF_OK;
}

int cf_synth_open(cf_synth *s, const cf_par *par, cf_synth_shape shape)
{
    int status = check_shape(&shape);
    if (status != CF_OK)
        return status;
    s->shape = shape;
    cf_synth_items_open(s);
    cf_synth_users_open(s, par);
    return CF_OK;
}

void cf_synth_free(cf_synth *s)
{
    cf_free(s->activity);
    cf_free(s->group);
    cf_free(s->place);
    cf_free(s->popularity);
    cf_free(s->quality);
    for (int g = 0; g <= CF_SYNTH_GROUPS; g++)
        cf_free(s->tables[g].slots);
    *s = (cf_synth){0};
}

void cf_synth_block_free(cf_synth_block *b)
{
    cf_free(b->begin);
    cf_free(b->item);
    cf_free(b->half_stars);
    cf_free(b->time);
    cf_free(b->chosen);
    cf_free(b->race);
    *b = (cf_synth_block){0};
}

void cf_synth_groups_of(const cf_synth *s, int64_t user, int groups[2])
{
    uint64_t bits = cf_random_bits(
        s->shape.seed, cf_synth_stream(CF_SYNTH_TASTE, 0), (uint64_t)user);
    groups[0] = (int)cf_synth_below(bits, CF_SYNTH_GROUPS);
    int step = 1 + (int)cf_synth_below(bits >> 32, CF_SYNTH_GROUPS - 1);
    groups[1] = (groups[0] + step) % CF_SYNTH_GROUPS;
}

/* The set of chosen items: one bit an item, and above it one bit a word that
 * is not empty, so that few items out of very many are found quickly. */
static int64_t words_for(int64_t bits)
{
    return (bits + 63) / 64;
}

/* Puts the item in; false when it was there. */
static bool choose(uint64_t *words, uint64_t *summary, int64_t item)
{
    uint64_t bit = (uint64_t)1 << (item & 63);
    int64_t word = item >> 6;
    if (words[word] & bit)
        return false;
    words[word] |= bit;
    summary[word >> 6] |= (uint64_t)1 << (word & 63);
    return true;
}

/* Takes all items out, in ascending order, as ids. */
static void take_out(uint64_t *words, uint64_t *summary, int64_t items,
                     int64_t *ids)
{
    int64_t summaries = words_for(words_for(items));
    for (int64_t i = 0; i < summaries; i++)
        for (; summary[i] != 0; summary[i] &= summary[i] - 1) {
            int64_t word = 64 * i + __builtin_ctzll(summary[i]);
            for (; words[word] != 0; words[word] &= words[word] - 1)
                *ids++ = 64 * word + __builtin_ctzll(words[word]) + 1;
        }
}

/* Draws until `count` items are chosen; returns how many are when the draws
 * run out. */
static int64_t draw_items(const cf_synth *s, int64_t user, const int groups[2],
                          int64_t count, uint64_t *words, uint64_t *summary)
{
    uint64_t stream = cf_synth_stream(CF_SYNTH_PICK, user);
    int64_t found = 0;
    for (int64_t i = 0; i < DRAWS_PER_RATING * count && found < count; i++) {
        uint64_t bits = cf_random_bits(s->shape.seed, stream, (uint64_t)i);
        int kind = (int)(bits & 255);
        const cf_synth_table *t =
            &s->tables[kind < DRAWS_FIRST                  ? groups[0]
                       : kind < DRAWS_FIRST + DRAWS_SECOND ? groups[1]
                                                           : CF_SYNTH_GROUPS];
        if (t->count == 0)
            continue;
        const cf_synth_slot *slot =
            &t->slots[cf_synth_below(bits >> 32, t->count)];
        uint32_t fraction = (uint32_t)(bits >> 8) & 0xffffff;
        found += choose(words, summary,
                        fraction < slot->cut ? slot->own : slot->other);
    }
    return found;
}

/* Arrival times of all items, as floats. */
static void run_race(const cf_synth *s, int64_t user, const int groups[2],
                     float *race)
{
    uint64_t stream = cf_synth_stream(CF_SYNTH_RACE, user);
    double rate[CF_SYNTH_GROUPS];
    for (int g = 0; g < CF_SYNTH_GROUPS; g++) {
        rate[g] = DRAWS_ALL / (double)s->tables[CF_SYNTH_GROUPS].weight;
        if (s->tables[g].count > 0)
            rate[g] += ((g == groups[0]) * DRAWS_FIRST +
                        (g == groups[1]) * DRAWS_SECOND) /
                       (double)s->tables[g].weight;
    }
    for (int64_t i = 0; i < s->shape.items; i++) {
        double u = cf_random_uniform(s->shape.seed, stream, (uint64_t)i);
        race[i] =
            (float)(-cf_synth_log(u) / (s->popularity[i] * rate[s->group[i]]));
    }
}

static int64_t arrived(const float *race, int64_t items, float time)
{
    int64_t count = 0;
    for (int64_t i = 0; i < items; i++)
        count += race[i] <= time;
    return count;
}

/* The time by which at least `count` items have arrived, and not at the float
 * before it. Positive floats are in the order of their bit patterns. */
static float arrival_of(const float *race, int64_t items, int64_t count)
{
    uint32_t low = 0, high = 0x7f800000;
    float time;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        memcpy(&time, &middle, sizeof time);
        if (arrived(race, items, time) >= count)
            high = middle;
        else
            low = middle + 1;
    }
    memcpy(&time, &low, sizeof time);
    return time;
}

static void race_items(const cf_synth *s, int64_t user, const int groups[2],
                       int64_t count, cf_synth_block *b)
{
    int64_t items = s->shape.items;
    uint64_t *words = b->chosen, *summary = words + words_for(items);
    if (b->race == NULL)
        b->race = cf_alloc(items, sizeof *b->race, "item race");
    run_race(s, user, groups, b->race);
    float last = arrival_of(b->race, items, count);
    for (int64_t i = 0; i < items; i++)
        if (b->race[i] < last)
            count -= choose(words, summary, i);
    for (int64_t i = 0; i < items && count > 0; i++)
        if (b->race[i] == last)
            count -= choose(words, summary, i);
}

static void choose_items(const cf_synth *s, int64_t user, const int groups[2],
                         int64_t count, cf_synth_block *b, int64_t *ids)
{
    int64_t items = s->shape.items;
    uint64_t *words = b->chosen, *summary = words + words_for(items);
    int64_t found = draw_items(s, user, groups, count, words, summary);
    if (found < count) {
        take_out(words, summary, items, ids);
        race_items(s, user, groups, count, b);
    }
    take_out(words, summary, items, ids);
}

/* Sum of four uniform numbers, scaled to variance 1: near enough to a normal
 * one, from 64 bits and no function. */
static double noise(uint64_t bits)
{
    uint64_t sum = (bits & 0xffff) + ((bits >> 16) & 0xffff) +
                   ((bits >> 32) & 0xffff) + (bits >> 48);
    return ((double)(sum + 2) * 0x1p-16 - 2.0) * 1.7320508075688772;
}

static uint8_t half_stars(double stars)
{
    return (uint8_t)CF_MIN(10.0, CF_MAX(1.0, 2.0 * stars + 0.5));
}

static void rate_items(const cf_synth *s, int64_t user, const int groups[2],
                       cf_synth_block *b, int64_t begin, int64_t end)
{
    uint64_t seed = s->shape.seed;
    double base =
        BASE + BIAS * cf_synth_normal(seed, cf_synth_stream(CF_SYNTH_BIAS, 0),
                                      (uint64_t)user);
    int64_t start =
        TIME_FIRST +
        cf_synth_below(cf_random_bits(seed, cf_synth_stream(CF_SYNTH_TIME, 0),
                                      (uint64_t)user),
                       TIME_SPAN);
    double match[CF_SYNTH_GROUPS];
    for (int g = 0; g < CF_SYNTH_GROUPS; g++)
        match[g] = g == groups[0]   ? MATCH_FIRST
                   : g == groups[1] ? MATCH_SECOND
                                    : MATCH_NONE;
    for (int64_t i = begin; i < end; i++) {
        int64_t row = b->item[i] - 1;
        uint64_t draw = cf_random_bits(
            seed, cf_synth_stream(CF_SYNTH_NOISE, user), (uint64_t)row);
        uint64_t when = cf_random_bits(
            seed, cf_synth_stream(CF_SYNTH_TIME, user), (uint64_t)row);
        double stars = base + s->quality[row] + match[s->group[row]];
        b->half_stars[i] = half_stars(stars + NOISE * noise(draw));
        b->time[i] = start + cf_synth_below(when, TIME_VISIT);
    }
}

/* Makes room: users first, ratings once their number is known. */
static void reserve_users(const cf_synth *s, cf_synth_block *b)
{
    int64_t words = words_for(s->shape.items);
    if (b->chosen == NULL)
        b->chosen = cf_calloc(words + words_for(words), sizeof *b->chosen,
                              "chosen items");
    if (b->users <= b->user_capacity && b->begin != NULL)
        return;
    b->user_capacity = b->users;
    b->begin =
        cf_realloc(b->begin, b->users + 1, sizeof *b->begin, "block of users");
}

static void reserve_ratings(cf_synth_block *b)
{
    int64_t need = b->begin[b->users];
    if (need <= b->capacity)
        return;
    b->capacity = need + need / 8;
    b->item = cf_realloc(b->item, b->capacity, sizeof *b->item, "items");
    b->half_stars = cf_realloc(b->half_stars, b->capacity,
                               sizeof *b->half_stars, "ratings");
    b->time = cf_realloc(b->time, b->capacity, sizeof *b->time, "times");
}

void cf_synth_fill(const cf_synth *s, int64_t number, cf_synth_block *b)
{
    int64_t before = number * s->block_users;
    b->first = before + 1;
    b->users = CF_MIN(s->block_users, s->shape.users - before);
    reserve_users(s, b);
    cf_synth_counts(s, before, b->users, b->begin);
    reserve_ratings(b);
    for (int64_t u = 0; u < b->users; u++) {
        int64_t begin = b->begin[u], end = b->begin[u + 1];
        int64_t user = b->first + u;
        int groups[2];
        cf_synth_groups_of(s, user, groups);
        choose_items(s, user, groups, end - begin, b, b->item + begin);
        rate_items(s, user, groups, b, begin, end);
    }
}

bool cf_synth_held_out(const cf_synth *s, int64_t user, int64_t item,
                       double share)
{
    return cf_random_uniform(s->shape.seed,
                             cf_synth_stream(CF_SYNTH_SPLIT, user),
                             (uint64_t)item) < share;
}

const char *cf_synth_genre(const cf_synth *s, int64_t item)
{
    return cf_synth_group_name(s->group[item - 1]);
}

void cf_synth_taste(const cf_synth *s, int64_t user, const char *names[2])
{
    int groups[2];
    cf_synth_groups_of(s, user, groups);
    for (int i = 0; i < 2; i++)
        names[i] = cf_synth_group_name(groups[i]);
}
