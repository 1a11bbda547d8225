/* How many ratings each user has.
 *
 * Method: a user has the integer weight exp(SPREAD * normal) in fixed point;
 * beyond what every user has, the ratings go by weight: with Z of them left
 * and weights that add up to W, a user whose weights before and with his own
 * add up to p and q gets floor(Z q / W) - floor(Z p / W), which adds up to Z
 * exactly. Weights are clipped at the largest value for which nobody gets
 * more than the ceiling; the ratings so freed spread over the others.
 * Cost: 32 reductions of one integer; only sums per block are kept. */
#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "cfmpi/partition.h"
#include "internal.h"

#define SPREAD 1.39 /* MovieLens-25M: median 71, mean 154, least 20 */
#define LEAST 20
#define BUSIEST 0.5 /* of the items, as in MovieLens */
#define WEIGHT_ONE 0x1p16
#define WEIGHT_MAX 0x1p31

#define BLOCK_RATINGS (1 << 17)
#define BLOCKS_MIN 64 /* so that few users keep many ranks busy */

static int64_t weight_of(const cf_synth *s, int64_t user)
{
    double z = cf_synth_normal(
        s->shape.seed, cf_synth_stream(CF_SYNTH_ACTIVITY, 0), (uint64_t)user);
    double weight = WEIGHT_ONE * cf_synth_exp(s->spread * z);
    return (int64_t)CF_MAX(1.0, CF_MIN(weight, WEIGHT_MAX));
}

/* Most ratings a user may have: BUSIEST of the items as long as that leaves
 * room for users twice as busy as the mean one. */
static int64_t ceiling_of(const cf_synth_shape *shape)
{
    int64_t mean = (shape->ratings - 1) / shape->users + 1;
    int64_t usual = (int64_t)(BUSIEST * (double)shape->items) + 1;
    return CF_MIN(shape->items, CF_MAX(usual, 2 * mean));
}

static int64_t clipped_sum(const int64_t *weights, int64_t n, int64_t clip)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += CF_MIN(weights[i], clip);
    return sum;
}

/* The largest clip for which the share of a clipped weight, clip / W(clip),
 * gives no more than the ceiling. The share grows with the clip, and at 1
 * all users are alike, which always fits. */
static int64_t find_clip(const cf_synth *s, const cf_par *par,
                         const int64_t *weights, int64_t n)
{
    cf_wide rest = (cf_wide)(s->shape.ratings - s->shape.users * s->least);
    cf_wide room = (cf_wide)(ceiling_of(&s->shape) - s->least);
    int64_t low = 1, high = (int64_t)WEIGHT_MAX + 1;
    while (high - low > 1) {
        int64_t clip = low + (high - low) / 2;
        int64_t sum = cf_sum_i64(par, clipped_sum(weights, n, clip));
        if ((cf_wide)clip * rest <= room * (cf_wide)sum)
            low = clip;
        else
            high = clip;
    }
    return low;
}

static int64_t block_first(const cf_synth *s, int64_t block)
{
    return CF_MIN(block * s->block_users, s->shape.users);
}

static void size_blocks(cf_synth *s)
{
    int64_t users = s->shape.users, mean = s->shape.ratings / users;
    int64_t most = (users - 1) / BLOCKS_MIN + 1;
    s->block_users = CF_MAX(1, CF_MIN(BLOCK_RATINGS / mean, most));
    s->blocks = (users - 1) / s->block_users + 1;
    s->least = CF_MAX(1, CF_MIN(LEAST, mean / 4));
}

/* Smaller where the ceiling is near the mean, as in ml-100k and ml-1m, so
 * that few users are clipped. */
static void set_spread(cf_synth *s)
{
    double mean = (double)s->shape.ratings / (double)s->shape.users;
    double room = (double)ceiling_of(&s->shape) / mean;
    s->spread = CF_MIN(SPREAD, 0.5 * cf_synth_log(room));
}

void cf_synth_users_open(cf_synth *s, const cf_par *par)
{
    cf_part part = {0};
    size_blocks(s);
    set_spread(s);
    cf_part_even(&part, s->blocks, par->size);
    int64_t begin = part.begin[par->rank], end = part.begin[par->rank + 1];
    int64_t first = block_first(s, begin), n = block_first(s, end) - first;
    int64_t *weights = cf_alloc(n, sizeof *weights, "activity weights");
    int64_t *sums = cf_alloc(end - begin, sizeof *sums, "block sums");
    for (int64_t i = 0; i < n; i++)
        weights[i] = weight_of(s, first + i);
    s->clip = find_clip(s, par, weights, n);
    for (int64_t b = begin; b < end; b++) {
        int64_t at = block_first(s, b), next = block_first(s, b + 1);
        sums[b - begin] =
            clipped_sum(weights + (at - first), next - at, s->clip);
    }
    s->activity = cf_alloc(s->blocks + 1, sizeof *s->activity, "activity");
    s->activity[0] = 0;
    cf_allgather_rows(par, &part, sums, s->activity + 1, sizeof *sums);
    for (int64_t b = 0; b < s->blocks; b++)
        s->activity[b + 1] += s->activity[b];
    cf_free(sums);
    cf_free(weights);
    cf_part_free(&part);
}

void cf_synth_counts(const cf_synth *s, int64_t first, int64_t users,
                     int64_t *begin)
{
    cf_wide rest = (cf_wide)(s->shape.ratings - s->shape.users * s->least);
    cf_wide total = (cf_wide)s->activity[s->blocks];
    int64_t sum = s->activity[first / s->block_users];
    int64_t before = (int64_t)(rest * (cf_wide)sum / total);
    begin[0] = 0;
    for (int64_t i = 0; i < users; i++) {
        sum += CF_MIN(weight_of(s, first + i), s->clip);
        int64_t with = (int64_t)(rest * (cf_wide)sum / total);
        begin[i + 1] = begin[i] + s->least + with - before;
        before = with;
    }
}
