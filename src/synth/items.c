/* The item side.
 *
 * Method: the item of popularity rank p of M has the weight exp(-A x^g) with
 * x = (p + 1/2) / M, which follows MovieLens from the head to the tail. A
 * spans from the share that the best-known item has to half a rating for the
 * least known; g makes the weights add up to the ratings asked for. Items
 * are drawn by Walker's alias tables in integers.
 * Cost: O(items).
 * References: A. J. Walker, "An efficient method for generating discrete
 * random variables with general distributions", ACM TOMS 3(3), 1977; M. D.
 * Vose, "A linear algorithm for generating random numbers with a given
 * distribution", IEEE TSE 17(9), 1991. */
#include <stddef.h>

#include "cfmpi/memory.h"
#include "internal.h"

/* Draws of the best-known item a user: as nobody rates it twice, it ends at
 * 0.4 ratings a user with MovieLens-25M's shape. */
#define TOP_PER_USER 1.6
#define TOP_SHARE (1.0 / 60) /* of all ratings, at most */
#define LAST_COUNT 0.35
#define QUALITY 0.4 /* standard deviation in stars */

#define WEIGHT_ONE 0x1p30
#define CUT_BITS 24

/* Integral of exp(-a x^g) over 0..1 on a grid in log x. */
static double weight_integral(double a, double g)
{
    const double span = 25.0;
    const int steps = 1000;
    double sum = 0.0;
    for (int i = 0; i < steps; i++) {
        double log_x = -span * (i + 0.5) / steps;
        sum += cf_synth_exp(log_x - a * cf_synth_exp(g * log_x));
    }
    return sum * span / steps;
}

/* The exponent g for which the weights of all items average `mean`. */
static double solve_exponent(double a, double mean)
{
    double low = 0.1, high = 10.0;
    for (int i = 0; i < 50; i++) {
        double g = 0.5 * (low + high);
        if (weight_integral(a, g) < mean)
            low = g;
        else
            high = g;
    }
    return low;
}

/* A random order of the items: place p holds the item of rank p. */
static cf_lidx *popularity_order(const cf_synth *s)
{
    int64_t items = s->shape.items;
    cf_lidx *order = cf_alloc(items, sizeof *order, "item order");
    for (int64_t i = 0; i < items; i++) {
        uint64_t bits = cf_random_bits(
            s->shape.seed, cf_synth_stream(CF_SYNTH_ORDER, 0), (uint64_t)i);
        int64_t j = cf_synth_below(bits, i + 1);
        order[i] = order[j];
        order[j] = (cf_lidx)i;
    }
    return order;
}

static void set_popularity(cf_synth *s)
{
    double items = (double)s->shape.items, ratings = (double)s->shape.ratings;
    double top =
        CF_MIN(TOP_PER_USER * (double)s->shape.users, TOP_SHARE * ratings);
    double a = cf_synth_log(CF_MAX(top / LAST_COUNT, 1.5));
    double g = solve_exponent(a, ratings / (top * items));
    cf_lidx *order = popularity_order(s);
    for (int64_t p = 0; p < s->shape.items; p++) {
        double x = ((double)p + 0.5) / items;
        double power = cf_synth_exp(g * cf_synth_log(x));
        double weight = WEIGHT_ONE * cf_synth_exp(-a * power);
        s->popularity[order[p]] = (uint32_t)CF_MAX(weight, 1.0);
    }
    cf_free(order);
}

static void set_taste(cf_synth *s, int64_t members[CF_SYNTH_GROUPS])
{
    uint64_t seed = s->shape.seed;
    for (int64_t i = 0; i < s->shape.items; i++) {
        uint64_t bits = cf_random_bits(seed, cf_synth_stream(CF_SYNTH_GROUP, 0),
                                       (uint64_t)i);
        int group = (int)cf_synth_below(bits, CF_SYNTH_GROUPS);
        s->group[i] = (uint8_t)group;
        s->place[i] = (cf_lidx)members[group]++;
        s->quality[i] =
            (float)(QUALITY *
                    cf_synth_normal(seed, cf_synth_stream(CF_SYNTH_QUALITY, 0),
                                    (uint64_t)i));
    }
}

/* Pairs columns that hold less than the average with ones that hold more,
 * until each column holds the average. */
static void build_table(const cf_synth *s, cf_synth_table *t)
{
    int64_t n = t->count, poor = 0, rich = n;
    uint64_t *mass = cf_alloc(n, sizeof *mass, "alias masses");
    int64_t *todo = cf_alloc(n, sizeof *todo, "alias columns");
    t->weight = 0;
    for (int64_t i = 0; i < n; i++)
        t->weight += s->popularity[t->slots[i].own];
    uint64_t average = (uint64_t)t->weight;
    for (int64_t i = 0; i < n; i++) {
        mass[i] = (uint64_t)s->popularity[t->slots[i].own] * (uint64_t)n;
        t->slots[i].cut = (uint32_t)1 << CUT_BITS;
        t->slots[i].other = t->slots[i].own;
        todo[mass[i] < average ? poor++ : --rich] = i;
    }
    /* todo[0..poor) is a stack of poor columns, todo[rich..n) of rich ones;
     * a rich one that becomes poor moves over. */
    while (poor > 0 && rich < n) {
        int64_t a = todo[--poor], b = todo[rich];
        t->slots[a].cut = (uint32_t)(((cf_wide)mass[a] << CUT_BITS) / average);
        t->slots[a].other = t->slots[b].own;
        mass[b] -= average - mass[a];
        if (mass[b] < average) {
            rich++;
            todo[poor++] = b;
        }
    }
    cf_free(todo);
    cf_free(mass);
}

static void build_tables(cf_synth *s, const int64_t members[CF_SYNTH_GROUPS])
{
    cf_synth_table *all = &s->tables[CF_SYNTH_GROUPS];
    for (int g = 0; g <= CF_SYNTH_GROUPS; g++) {
        cf_synth_table *t = &s->tables[g];
        t->count = t == all ? s->shape.items : members[g];
        t->slots = cf_alloc(t->count, sizeof *t->slots, "alias table");
    }
    for (int64_t i = 0; i < s->shape.items; i++) {
        all->slots[i].own = (cf_lidx)i;
        s->tables[s->group[i]].slots[s->place[i]].own = (cf_lidx)i;
    }
    for (int g = 0; g <= CF_SYNTH_GROUPS; g++)
        build_table(s, &s->tables[g]);
}

void cf_synth_items_open(cf_synth *s)
{
    int64_t items = s->shape.items, members[CF_SYNTH_GROUPS] = {0};
    s->group = cf_alloc(items, sizeof *s->group, "item groups");
    s->place = cf_alloc(items, sizeof *s->place, "places in groups");
    s->popularity = cf_alloc(items, sizeof *s->popularity, "popularity");
    s->quality = cf_alloc(items, sizeof *s->quality, "item quality");
    set_popularity(s);
    set_taste(s, members);
    build_tables(s, members);
}
