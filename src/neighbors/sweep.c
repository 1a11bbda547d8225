/* Method  The longer rows of a block are taken in panels, turned into lists of
 *         ratings by column. A shorter row drives: along its columns, it adds
 *         to the sums of every row in their lists, so that the sums of a pair
 *         are made in ascending order of its columns whoever drives. Then all
 *         scores of the panel are computed at once, and those that reach a
 *         list's floor are offered. */
#include "sweep.h"

#include <math.h>
#include <string.h>

#include "cfmpi/memory.h"

/* Rows of a panel: their sums stay in the cache. */
#define PANEL_LEAST 2048
#define PANEL_MOST 65536

#define GROUP 16 /* scores that are looked at together */

/* ---- room ---- */

int64_t cf_sweep_rows(cf_gidx columns, int64_t rows, int64_t entries)
{
    int64_t most = PANEL_LEAST;
    double mean = (double)CF_MAX(entries, 1) / (double)CF_MAX(rows, 1);
    while (most < PANEL_MOST && (double)most * mean < (double)columns)
        most *= 2;
    return most;
}

void cf_sweep_begin(cf_sweep *s, cf_pairing *pairing,
                    const cf_ratings_measure *by, cf_gidx columns, int64_t rows,
                    int64_t entries)
{
    *s = (cf_sweep){.pairing = pairing,
                    .by = by,
                    .is = cf_definition_of(by->similarity),
                    .columns = columns,
                    .most = cf_sweep_rows(columns, rows, entries)};
    s->panel.begin =
        cf_alloc(columns + 1, sizeof *s->panel.begin, "panel of ratings");
    s->panel.p = cf_alloc(2 * s->most, sizeof *s->panel.p, "panel of ratings");
    s->panel.q = s->panel.p + s->most;
    s->n = cf_alloc(s->most, sizeof *s->n, "counts in common");
    s->sum = cf_calloc(5 * s->most, sizeof *s->sum, "sums in common");
    s->there = cf_alloc(2 * s->most, sizeof *s->there, "scores");
    s->back = s->is->directed ? s->there + s->most : s->there;
}

void cf_sweep_end(cf_sweep *s)
{
    cf_free(s->panel.begin);
    cf_free(s->panel.row);
    cf_free(s->panel.value);
    cf_free(s->panel.rating);
    cf_free(s->panel.p);
    cf_free(s->n);
    cf_free(s->sum);
    cf_free(s->there);
    *s = (cf_sweep){0};
}

/* ---- panels ---- */

static void make_room(cf_sweep *s, int64_t entries, bool rated)
{
    if (entries > INT32_MAX)
        cf_die(CF_INTERNAL, "a panel of %" PRId64 " ratings", entries);
    if (entries <= s->room)
        return;
    cf_free(s->panel.row);
    cf_free(s->panel.value);
    cf_free(s->panel.rating);
    s->panel.row = cf_alloc(entries, sizeof *s->panel.row, "panel of ratings");
    s->panel.value =
        cf_alloc(entries, sizeof *s->panel.value, "panel of ratings");
    s->panel.rating =
        rated ? cf_alloc(entries, sizeof *s->panel.rating, "panel of ratings")
              : NULL;
    s->room = entries;
}

void cf_sweep_panel(cf_sweep *s, const cf_rated *r, int64_t first, int64_t last)
{
    cf_panel *p = &s->panel;
    int64_t from = r->begin[first], to = r->begin[last];
    make_room(s, to - from, r->rating != NULL);
    p->first = first;
    p->count = last - first;
    memset(p->begin, 0, (size_t)(s->columns + 1) * sizeof *p->begin);
    for (int64_t e = from; e < to; e++)
        p->begin[r->column[e] + 1]++;
    for (cf_gidx c = 0; c < s->columns; c++)
        p->begin[c + 1] += p->begin[c];
    /* begin[c] runs to the end of its list, and is then taken back. */
    for (int64_t i = first; i < last; i++) {
        for (int64_t e = r->begin[i]; e < r->begin[i + 1]; e++) {
            int32_t at = p->begin[r->column[e]]++;
            p->row[at] = (int32_t)(i - first);
            if (r->value != NULL)
                p->value[at] = r->value[e];
            if (r->rating != NULL)
                p->rating[at] = r->rating[e];
        }
        p->p[i - first] = r->head[i].p;
        p->q[i - first] = r->head[i].q;
    }
    memmove(p->begin + 1, p->begin, (size_t)s->columns * sizeof *p->begin);
    p->begin[0] = 0;
}

/* ---- sums ---- */

static inline __attribute__((always_inline)) void
add_up(cf_sweep *s, const cf_rated *r, int64_t i, int sums)
{
    const cf_panel *p = &s->panel;
    double *xy = s->sum, *x = xy + s->most, *y = x + s->most;
    double *xx = y + s->most, *yy = xx + s->most;
    for (int64_t e = r->begin[i]; e < r->begin[i + 1]; e++) {
        double a = r->value[e];
        cf_lidx c = r->column[e];
        for (int32_t l = p->begin[c]; l < p->begin[c + 1]; l++) {
            int32_t j = p->row[l];
            s->n[j]++;
            if (sums & CF_SUM_PRODUCTS)
                xy[j] += a * p->value[l];
            if (sums & CF_SUM_VALUES) {
                x[j] += a;
                y[j] += p->value[l];
            }
            if (sums & CF_SUM_SQUARES) {
                xx[j] += a * a;
                yy[j] += p->value[l] * p->value[l];
            }
        }
    }
}

/* Sums of row i with all of the panel; a loop for each set of sums. */
static void find_sums(cf_sweep *s, const cf_rated *r, int64_t i)
{
    size_t bytes = (size_t)s->panel.count * sizeof *s->sum;
    memset(s->n, 0, (size_t)s->panel.count * sizeof *s->n);
    for (int k = 0; k < 5; k++)
        memset(s->sum + k * s->most, 0, s->is->sums == 0 ? 0 : bytes);
    switch (s->is->sums) {
    case 0: add_up(s, r, i, 0); break;
    case CF_SUM_PRODUCTS: add_up(s, r, i, CF_SUM_PRODUCTS); break;
    case CF_SUM_VALUES: add_up(s, r, i, CF_SUM_VALUES); break;
    case CF_SUM_PRODUCTS | CF_SUM_SQUARES:
        add_up(s, r, i, CF_SUM_PRODUCTS | CF_SUM_SQUARES);
        break;
    default: add_up(s, r, i, CF_SUM_PRODUCTS | CF_SUM_VALUES | CF_SUM_SQUARES);
    }
}

/* ---- scores ---- */

static void score(cf_sweep *s, const cf_rated_head *head, int64_t from)
{
    const cf_panel *p = &s->panel;
    const double *sum = s->sum + from;
    cf_strip strip = {.count = p->count - from,
                      .n = s->n + from,
                      .xy = sum,
                      .x = sum + s->most,
                      .y = sum + 2 * s->most,
                      .xx = sum + 3 * s->most,
                      .yy = sum + 4 * s->most,
                      .p = head->p,
                      .q = head->q,
                      .ps = p->p + from,
                      .qs = p->q + from,
                      .there = s->there + from,
                      .back = s->back + from};
    s->is->scores(s->by, &strip);
}

float *cf_sweep_row(cf_sweep *s, const cf_rated *r, int64_t i)
{
    find_sums(s, r, i);
    score(s, r->head + i, 0);
    return s->there;
}

/* Offers the scores of row i with rows [j, end) of the panel. */
static void offer(cf_sweep *s, cf_raters *heavy, cf_raters *light, int64_t i,
                  int64_t j, int64_t end)
{
    const float *floor = heavy->floor + s->panel.first;
    for (; j < end; j++) {
        if (s->there[j] >= light->floor[i])
            cf_raters_offer(light, i, s->there[j],
                            heavy->rows.head[s->panel.first + j].id);
        if (s->back[j] >= floor[j])
            cf_raters_offer(heavy, s->panel.first + j, s->back[j],
                            light->rows.head[i].id);
    }
}

/* Most groups hold no score that anyone wants. */
static void offer_all(cf_sweep *s, cf_raters *heavy, cf_raters *light,
                      int64_t i, int64_t from)
{
    const float *floor = heavy->floor + s->panel.first;
    int64_t scored = 0;
    for (int64_t j = from, end; j < s->panel.count; j = end) {
        int any = 0;
        float own = light->floor[i];
        end = CF_MIN(j + GROUP, s->panel.count);
        for (int64_t c = j; c < end; c++) {
            any |= (s->there[c] >= own) | (s->back[c] >= floor[c]);
            scored += !isnan(s->there[c]);
        }
        if (any)
            offer(s, heavy, light, i, j, end);
    }
    s->pairing->scored += scored;
}

/* ---- pairs ---- */

/* The panel with all rows that drive it. */
static void sweep_panel(cf_sweep *s, cf_raters *heavy, cf_raters *light,
                        bool strict)
{
    const cf_panel *p = &s->panel;
    const cf_rated *rows = &light->rows;
    int64_t last = p->first + p->count, done = 0;
    for (int64_t i = 0; i < rows->count; i++) {
        int64_t from =
            cf_raters_driven(heavy, light, strict, i, p->first, last);
        if (from >= last)
            break; /* rows after it are longer still */
        find_sums(s, rows, i);
        score(s, rows->head + i, from - p->first);
        offer_all(s, heavy, light, i, from - p->first);
        done += last - from;
        if (i % 64 == 63) {
            cf_pairing_step(s->pairing, done);
            done = 0;
        }
    }
    cf_pairing_step(s->pairing, done);
}

void cf_sweep_pairs(cf_sweep *s, cf_raters *heavy, cf_raters *light,
                    bool strict)
{
    /* The longest first: they have most in common with others, and set floors
     * high. */
    for (int64_t last = heavy->rows.count; last > 0; last -= s->most) {
        int64_t first = CF_MAX(last - s->most, 0);
        cf_sweep_panel(s, &heavy->rows, first, last);
        sweep_panel(s, heavy, light, strict);
    }
}
