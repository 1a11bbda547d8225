/* Method  Each entry of a row adds two numbers to its item's pair of sums. The
 *         leading positions are swept with vectors: a whole block of items is
 *         passed over when a product says that none of them can enter the
 *         list. The other positions are written down as they are added to.
 *         What passes is computed exactly.
 * Cost    Some 3 cycles an entry, and 1 a leading position. */
#include "sums.h"

#include <math.h>
#include <string.h>

#include "cfmpi/memory.h"

int64_t cf_sums_padded(const cf_words *w)
{
    return (w->used + CF_CHOICE - 1) / CF_CHOICE * CF_CHOICE;
}

void cf_sums_begin(cf_sums *s, const cf_words *w, const cf_sum_rule *rule)
{
    *s = (cf_sums){.w = w, .rule = rule, .choose = cf_choose_kernel_of_cpu()};
    s->swept = (w->head + CF_CHOICE - 1) / CF_CHOICE * CF_CHOICE;
    s->at = cf_calloc(cf_sums_padded(w), sizeof *s->at, "item sums");
}

void cf_sums_reserve(cf_sums *s, int64_t entries)
{
    if (entries <= s->room)
        return;
    s->room = entries;
    cf_free(s->apart);
    s->apart = cf_alloc(entries, sizeof *s->apart, "items in use");
}

void cf_sums_end(cf_sums *s)
{
    cf_free(s->at);
    cf_free(s->apart);
    *s = (cf_sums){0};
}

/* ---- adding ---- */

static cf_sum term(const cf_sums *s, float value, float weight)
{
    double v = value, w = weight;
    return (cf_sum){w * v, s->rule->by_value ? v : w};
}

static void add_coded(cf_sums *s, const uint32_t *words, int64_t leading,
                      int64_t count, float weight)
{
    cf_sum terms[CF_CODES], *at = s->at;
    for (int c = 0; c < CF_CODES; c++)
        terms[c] = term(s, s->w->values[c], weight);
    for (int64_t e = 0; e < leading; e++)
        at[words[e] >> 4] += terms[words[e] & 15];
    for (int64_t e = leading; e < count; e++) {
        at[words[e] >> 4] += terms[words[e] & 15];
        s->apart[s->count++] = words[e] >> 4;
    }
}

static void add_plain(cf_sums *s, const cf_value_word *words, int64_t leading,
                      int64_t count, float weight)
{
    for (int64_t e = 0; e < count; e++)
        s->at[words[e].at] += term(s, words[e].value, weight);
    for (int64_t e = leading; e < count; e++)
        s->apart[s->count++] = words[e].at;
}

void cf_sums_add(cf_sums *s, const void *words, int64_t leading, int64_t count,
                 float weight)
{
    if (s->w->coded)
        add_coded(s, words, leading, count, weight);
    else
        add_plain(s, words, leading, count, weight);
}

void cf_sums_forget(cf_sums *s, const void *words, int64_t count)
{
    for (int64_t e = 0; e < count; e++)
        s->at[s->w->coded ? ((const uint32_t *)words)[e] >> 4
                          : ((const cf_value_word *)words)[e].at] =
            (cf_sum){0, 0};
}

/* ---- choosing ---- */

/* A list being made. */
typedef struct list {
    cf_topk *out;
    int64_t row;
    double baseline; /* of the user: mean + b_u */
    float floor;
    cf_gidx last; /* of the entries with that score, the last one's item */
    cf_bar bar;
} list;

/* What value + item_sum must pass for the score to be above `score`. */
static void set_bar(const cf_sum_rule *rule, double score, double baseline,
                    double *factor, double *bound)
{
    double w = rule->baseline;
    *factor = rule->mean ? score : 0;
    *bound = rule->mean ? 0 : score;
    if (rule->mean && w > 0)
        *bound = w * (score - baseline) -
                 1e-12 * (w * fabs(baseline) + rule->largest);
}

/* Both bars let a little more pass than they should, so that rounding keeps
 * nothing out. */
static void raise_bar(list *l, const cf_sum_rule *rule)
{
    float floor = cf_topk_floor(l->out, l->row);
    double below = nextafterf(nextafterf(floor, -INFINITY), -INFINITY);
    double next = nextafterf(floor, INFINITY), f = floor;
    cf_gidx last = cf_topk_last(l->out, l->row);
    cf_bar *b = &l->bar;
    if (!(floor > l->floor) && last == l->last)
        return;
    l->floor = floor;
    l->last = last;
    b->last = (double)last;
    set_bar(rule, below, l->baseline, &b->low, &b->low_bound);
    set_bar(rule, isfinite(f) ? f + (next - f) / 4 : below, l->baseline,
            &b->high, &b->high_bound);
}

static float score_of(const cf_sum_rule *rule, cf_sum sum, double baseline)
{
    double w = rule->baseline;
    if (!rule->mean)
        return (float)sum[CF_SUM_VALUE];
    if (!(w > 0))
        return (float)(sum[CF_SUM_VALUE] / sum[CF_SUM_WEIGHT]);
    return (float)((sum[CF_SUM_VALUE] + w * baseline) /
                   (sum[CF_SUM_WEIGHT] + w));
}

/* Offers what passes the bar. */
static void offer(const cf_sums *s, list *l, int64_t at)
{
    const cf_sum_rule *rule = s->rule;
    bool baseline = rule->baseline > 0;
    cf_sum sum = s->at[at];
    cf_lidx item = s->w->column[at];
    double value = sum[CF_SUM_VALUE] + (baseline ? rule->item_sum[at] : 0);
    if (!cf_passes(value, sum[CF_SUM_WEIGHT], item, &l->bar))
        return;
    float score = score_of(
        rule, sum, l->baseline + (baseline ? rule->from->item[item] : 0));
    if (score >= l->floor) {
        cf_topk_push(l->out, l->row, score, item);
        raise_bar(l, rule);
    }
}

void cf_sums_offer(cf_sums *s, cf_topk *out, int64_t row, cf_gidx user)
{
    const cf_sum_rule *rule = s->rule;
    const cf_choice c = {(const double *)s->at, rule->item_sum, s->w->column};
    list l = {.out = out, .row = row, .last = -1};
    if (rule->baseline > 0)
        l.baseline = rule->from->mean + rule->from->user[user];
    raise_bar(&l, rule);
    uint32_t bits;
    for (int64_t at = 0; at < s->swept; at += CF_CHOICE) {
        at = s->choose->next(&c, at, s->swept, &l.bar, &bits);
        for (; bits != 0; bits &= bits - 1)
            offer(s, &l, at + __builtin_ctz(bits));
    }
    memset(s->at, 0, (size_t)s->swept * sizeof *s->at);
    for (int64_t i = 0; i < s->count; i++) {
        offer(s, &l, s->apart[i]);
        s->at[s->apart[i]] = (cf_sum){0, 0};
    }
    s->count = 0;
}
