/* Method  The longer rows of a block are taken in panels. Columns that many of
 *         them rated are turned into bytes, blocks of rows side by side; the
 *         others into lists. A shorter row drives: its ratings in the columns
 *         with lists are scattered into a strip of sums, from which the byte
 *         kernel then goes on in registers, four columns of like ratings at a
 *         time, so that the cost follows the short row's ratings. There the
 *         sums are compared with what either list needs, in 16 bits and
 *         rounded down; for the few pairs that reach it the score is computed
 *         from the exact sum. Sums that could pass 16 bits (by |x||y|) are
 *         added up in 32.
 * Cost    A byte kernel takes about 8 instructions for four ratings of the
 *         driver and a register of the panel's rows. */
#include "coded.h"

#include <math.h>
#include <string.h>

#include "cfmpi/memory.h"

#define PREFETCH 3 /* drivers ahead */
#define AHEAD 8    /* lists ahead */
#define FOUR 4     /* entries of a list that are taken together */

/* Rounding down what a sum must reach: more than float32 scores and products
 * of float64 round. */
#define LESS (1 - 1e-5)

/* ---- room ---- */

void cf_coded_begin(cf_coded *s, cf_pairing *pairing,
                    const cf_ratings_measure *by, cf_gidx columns,
                    const cf_codes *codes)
{
    const int64_t strip = CF_DRIVERS * CF_BYTE_PANEL;
    *s = (cf_coded){.pairing = pairing,
                    .by = by,
                    .is = cf_definition_of(by->similarity),
                    .kernel = cf_byte_kernel_of_cpu(),
                    .step = codes->step,
                    .largest = codes->largest};
    cf_byte_panel_begin(&s->panel, columns, s->kernel->group);
    s->right = cf_alloc(2 * CF_BYTE_PANEL, sizeof *s->right, "list floors");
    s->least = s->right + CF_BYTE_PANEL;
    s->whole_right =
        cf_alloc(2 * CF_BYTE_PANEL, sizeof *s->whole_right, "list floors");
    s->whole_least = s->whole_right + CF_BYTE_PANEL;
    s->quad = cf_alloc(CF_BANDS_MOST * (CF_DRIVERS + 1), sizeof *s->quad,
                       "ratings that drive");
    s->sum = cf_alloc(strip, sizeof *s->sum, "sums in common");
    s->wide = cf_alloc(strip, sizeof *s->wide, "sums in common");
    s->n = cf_alloc(CF_BLOCK, sizeof *s->n, "pairs to score");
    s->strip = cf_calloc(8 * CF_BLOCK, sizeof *s->strip, "pairs to score");
    s->scores = cf_alloc(CF_BLOCK, sizeof *s->scores, "pairs to score");
    s->lane = cf_alloc(CF_BLOCK, sizeof *s->lane, "pairs to score");
    for (int i = 0; i < CF_BLOCK; i++)
        s->n[i] = 1;
}

void cf_coded_end(cf_coded *s)
{
    cf_byte_panel_end(&s->panel);
    cf_free(s->right);
    cf_free(s->whole_right);
    cf_free(s->quads);
    cf_free(s->quad);
    cf_free(s->sum);
    cf_free(s->wide);
    cf_free(s->n);
    cf_free(s->strip);
    cf_free(s->scores);
    cf_free(s->lane);
    *s = (cf_coded){0};
}

/* ---- what sums must reach ---- */

/* A score of `floor` of rows x and y takes a sum of codes of at least floor
 * left(x) right(y). */
static double left_of(const cf_coded *s, const cf_rated_head *head)
{
    return s->is->reach == CF_REACH_LENGTHS ? sqrt(head->p) / s->step
                                            : 1 / (s->step * s->step);
}

static double right_of(const cf_coded *s, const cf_rated_head *head)
{
    return s->is->reach == CF_REACH_LENGTHS ? sqrt(head->p) / s->step : 1;
}

static double least_of(const cf_coded *s, const cf_rated_head *head,
                       float floor)
{
    return floor > 0 ? (double)floor * left_of(s, head) * LESS : 0;
}

static uint16_t rounded_down(double x)
{
    x *= LESS;
    return x >= CF_SUM_MOST ? CF_SUM_MOST : (uint16_t)x;
}

/* Half of the products of what has 16 bits is dropped: it is of 65536 what the
 * one is of `most`. */
static uint16_t own_least(const cf_coded *s, double least)
{
    return rounded_down(least * s->most * 65536 / CF_SUM_MOST);
}

static void set_least(cf_coded *s, const cf_raters *heavy, int64_t j)
{
    double least = least_of(s, heavy->rows.head + s->panel.first + j,
                            heavy->floor[s->panel.first + j]);
    s->whole_least[j] = (float)least;
    s->least[j] = rounded_down(least * s->unit);
}

static void set_tests(cf_coded *s, const cf_raters *heavy)
{
    const cf_rated_head *head = heavy->rows.head + s->panel.first;
    double left = 0;
    s->most = 0;
    for (int64_t j = 0; j < s->panel.count; j++) {
        s->most = fmax(s->most, right_of(s, head + j));
        left = fmax(left, left_of(s, head + j));
    }
    /* A cosine is at most 1, a product any sum of 16 bits. */
    s->unit = s->is->reach == CF_REACH_LENGTHS ? CF_SUM_MOST / left : 1;
    for (int64_t j = 0; j < CF_BYTE_PANEL; j++) {
        s->right[j] = s->least[j] = CF_SUM_MOST;
        s->whole_right[j] = s->whole_least[j] = INFINITY;
        if (j >= s->panel.count)
            continue;
        double right = right_of(s, head + j);
        s->whole_right[j] = (float)(right * LESS);
        s->right[j] = rounded_down(right * CF_SUM_MOST / s->most);
        set_least(s, heavy, j);
    }
}

/* ---- drivers ---- */

/* Columns grouped by their codes, each group filled up to an even number with
 * `zero`, a column of zeros; returns their number. */
static int group_columns(const cf_lidx *column, const uint8_t *code, int count,
                         int lo, int zero, uint16_t *grouped, int *end)
{
    int next[CF_CODE_MOST + 1] = {0}, at = 0;
    for (int e = 0; e < count; e++)
        next[code[e]]++;
    for (int c = 0; c <= CF_CODE_MOST; c++) {
        int in = next[c];
        next[c] = at;
        at += in + in % 2;
        end[c] = at;
        if (in % 2 == 1)
            grouped[at - 1] = (uint16_t)zero;
    }
    for (int e = 0; e < count; e++)
        grouped[next[code[e]]++] = (uint16_t)(column[e] - lo);
    return at;
}

/* Quads of some ratings of a row; returns the end. */
static cf_code_quad *make_quads(cf_code_quad *q, const cf_lidx *column,
                                const uint8_t *code, int count, int lo,
                                int zero)
{
    uint16_t grouped[CF_BAND_MOST + CF_CODE_MOST + 1];
    int end[CF_CODE_MOST + 1], c = 0;
    int all = group_columns(column, code, count, lo, zero, grouped, end);
    for (int at = 0, half = 0; at < all; at += 2, half = !half) {
        while (at >= end[c])
            c++;
        if (half == 0) {
            *q++ = (cf_code_quad){
                {grouped[at], grouped[at + 1], (uint16_t)zero, (uint16_t)zero},
                {(uint8_t)c, 0, (uint8_t)c, 0}};
        } else {
            q[-1].column[2] = grouped[at];
            q[-1].column[3] = grouped[at + 1];
            q[-1].weight[1] = q[-1].weight[3] = (uint8_t)c;
        }
    }
    return q;
}

static int64_t *quads_at(const cf_coded *s, int band)
{
    return s->quad + band * (CF_DRIVERS + 1);
}

/* Quads of the head's columns of the rows [first, last). */
static void make_all_quads(cf_coded *s, const cf_rated *r, int64_t first,
                           int64_t last)
{
    int64_t entries = r->begin[last] - r->begin[first];
    int64_t most = entries / 2 + (last - first) * s->panel.bands * CF_CODE_MOST;
    if (most > s->quad_room) {
        cf_free(s->quads);
        s->quads = cf_alloc(most, sizeof *s->quads, "ratings that drive");
        s->quad_room = most;
    }
    cf_code_quad *q = s->quads;
    for (int band = 0; band < s->panel.bands; band++) {
        int lo = cf_byte_panel_band(&s->panel, band),
            hi = cf_byte_panel_band(&s->panel, band + 1);
        for (int64_t i = first; i < last; i++) {
            int64_t e = cf_entry_from(r, i, lo), end = cf_entry_from(r, i, hi);
            quads_at(s, band)[i - first] = q - s->quads;
            q = make_quads(q, r->column + e, r->code + e, (int)(end - e), lo,
                           s->panel.head - lo);
        }
        quads_at(s, band)[last - first] = q - s->quads;
    }
}

/* Whether sums with rows of up to this |row|² stay within 16 bits. */
static bool is_narrow(const cf_coded *s, const cf_rated_head *head,
                      double longest)
{
    return sqrt(head->p * longest) < (CF_SUM_MOST - 1) * s->step * s->step;
}

/* The lists of the columns of the entries from `e` on are added to sums, which
 * are of a type; lists lie apart, so that the next are fetched early. */
#define SCATTER(name, type)                                                    \
    static __attribute__((noinline)) void name(                                \
        const cf_coded *s, const cf_lidx *column, const uint8_t *codes,        \
        int64_t count, type *sum)                                              \
    {                                                                          \
        const int32_t *begin = s->panel.begin;                                 \
        const uint16_t *list = s->panel.list;                                  \
        for (int64_t e = 0; e < count; e++) {                                  \
            unsigned code = codes[e];                                          \
            const uint16_t *l = list + begin[column[e]];                       \
            const uint16_t *end = list + begin[column[e] + 1];                 \
            if (e + AHEAD < count)                                             \
                __builtin_prefetch(list + begin[column[e + AHEAD]]);           \
            for (; l < end; l += FOUR)                                         \
                for (int f = 0; f < FOUR; f++)                                 \
                    sum[l[f] >> CF_LIST_BITS] =                                \
                        (type)((unsigned)sum[l[f] >> CF_LIST_BITS] +           \
                               code * (l[f] & CF_CODE_MOST));                  \
        }                                                                      \
    }

SCATTER(scatter_narrow, uint16_t)
SCATTER(scatter_wide, int32_t)

/* The strip of sums of row i with what lies in lists; returns whether they fit
 * 16 bits. */
static bool scatter(cf_coded *s, const cf_rated *r, int64_t i, int64_t at)
{
    int64_t e = cf_entry_from(r, i, s->panel.head), count = r->begin[i + 1] - e;
    uint16_t *sum = s->sum + at * CF_BYTE_PANEL;
    int32_t *wide = s->wide + at * CF_BYTE_PANEL;
    size_t rows = (size_t)(cf_byte_panel_blocks(&s->panel) * CF_BLOCK);
    double most =
        (double)cf_squared_codes(r->code + e, count) * (double)s->panel.rest;
    bool fits = sqrt(most) < CF_SUM_MOST - 1;
    if (fits) {
        memset(sum, 0, rows * sizeof *sum);
        scatter_narrow(s, r->column + e, r->code + e, count, sum);
    } else {
        memset(wide, 0, rows * sizeof *wide);
        scatter_wide(s, r->column + e, r->code + e, count, wide);
    }
    return fits;
}

/* ---- pairs that may matter ---- */

/* A driver and a block. */
typedef struct meeting {
    cf_raters *heavy, *light;
    int64_t i;     /* the driver */
    int64_t block; /* of the panel */
    int64_t from;  /* its first row that the driver drives */
    cf_sum_test test;
} meeting;

/* Offers the `count` pairs of s->lane, whose sums of codes are in s->strip. */
static void offer(cf_coded *s, meeting *m, int64_t count)
{
    cf_raters *heavy = m->heavy, *light = m->light;
    const cf_rated_head *own = light->rows.head + m->i;
    int64_t base = m->block * CF_BLOCK;
    double *xy = s->strip, *zeros = xy + 3 * CF_BLOCK;
    double *p = xy + CF_BLOCK, *q = p + CF_BLOCK;
    for (int64_t c = 0; c < count; c++) {
        const cf_rated_head *head =
            heavy->rows.head + s->panel.first + base + s->lane[c];
        p[c] = head->p;
        q[c] = head->q;
    }
    cf_strip strip = {count,  s->n,   xy, zeros, zeros,     zeros,    zeros,
                      own->p, own->q, p,  q,     s->scores, s->scores};
    s->is->scores(s->by, &strip);
    s->pairing->scored += count;
    for (int64_t c = 0; c < count; c++) {
        int64_t j = base + s->lane[c], row = s->panel.first + j;
        if (s->scores[c] >= light->floor[m->i])
            cf_raters_offer(light, m->i, s->scores[c],
                            heavy->rows.head[row].id);
        if (s->scores[c] >= heavy->floor[row]) {
            cf_raters_offer(heavy, row, s->scores[c], own->id);
            set_least(s, heavy, j);
        }
    }
    m->test.own_least = own_least(s, least_of(s, own, light->floor[m->i]));
}

/* Whether a lane is that of the driver itself, which may be in a sample. */
static bool is_itself(const cf_coded *s, const meeting *m, int64_t lane)
{
    int64_t row = s->panel.first + m->block * CF_BLOCK + lane;
    return m->heavy->rows.head[row].id == m->light->rows.head[m->i].id;
}

/* The sums whose bits are set, as far as the driver drives their rows. */
static void take_hits(cf_coded *s, meeting *m, const uint16_t *sum,
                      const uint64_t hits[2])
{
    int64_t base = m->block * CF_BLOCK, count = 0;
    double unit = s->step * s->step;
    for (int half = 0; half < 2; half++)
        for (uint64_t bits = hits[half]; bits != 0; bits &= bits - 1) {
            int lane = half * 64 + __builtin_ctzll(bits);
            if (base + lane < m->from || base + lane >= s->panel.count ||
                is_itself(s, m, lane))
                continue;
            s->lane[count] = (int16_t)lane;
            s->strip[count++] = sum[lane] * unit;
        }
    if (count > 0)
        offer(s, m, count);
}

/* The same of sums of 32 bits, which are tested here. */
static void test_wide(cf_coded *s, meeting *m, const int32_t *sum)
{
    const cf_rated_head *own = m->light->rows.head + m->i;
    int64_t base = m->block * CF_BLOCK, count = 0;
    int64_t end = CF_MIN(s->panel.count - base, CF_BLOCK);
    float least = (float)(least_of(s, own, m->light->floor[m->i]) * LESS);
    float right = (float)(right_of(s, own) * LESS);
    const float *rights = s->whole_right + base,
                *leasts = s->whole_least + base;
    double unit = s->step * s->step;
    for (int64_t lane = CF_MAX(m->from - base, 0); lane < end; lane++) {
        float x = (float)sum[lane];
        if (sum[lane] > 0 && !is_itself(s, m, lane) &&
            (x >= least * rights[lane] || x >= right * leasts[lane])) {
            s->lane[count] = (int16_t)lane;
            s->strip[count++] = sum[lane] * unit;
        }
    }
    if (count > 0)
        offer(s, m, count);
}

/* ---- blocks ---- */

/* Adds the quads of a band to sums of 32 bits. */
static void add_wide(const cf_coded *s, int32_t *sum, const uint8_t *codes,
                     const cf_code_quad *quads, int64_t count)
{
    int64_t most = CF_SUM_MOST / (4 * s->largest * s->largest);
    for (int64_t at = 0; at < count; at += most) {
        uint16_t part[CF_BLOCK] = {0};
        s->kernel->add(part, codes, quads + at, CF_MIN(most, count - at));
        for (int lane = 0; lane < CF_BLOCK; lane++)
            sum[lane] += part[lane];
    }
}

/* The drivers that go through a panel together. */
typedef struct drivers {
    int64_t first, last;
    int64_t from[CF_DRIVERS]; /* rows of the panel that each drives */
    bool fits[CF_DRIVERS];    /* what came from lists stands in s->sum */
    uint16_t least[CF_DRIVERS], right[CF_DRIVERS];
} drivers;

static void meet_narrow(cf_coded *s, meeting *m, const drivers *d, int band)
{
    int64_t i = m->i - d->first;
    const uint8_t *codes = cf_byte_panel_codes(&s->panel, m->block, band);
    const cf_code_quad *quads = s->quads + quads_at(s, band)[i];
    int64_t count = quads_at(s, band)[i + 1] - quads_at(s, band)[i];
    uint16_t *sum = s->sum + i * CF_BYTE_PANEL + m->block * CF_BLOCK;
    uint16_t out[CF_BLOCK];
    uint64_t hits[2];
    for (int line = 0; line < 4 && i + PREFETCH < CF_DRIVERS; line++)
        __builtin_prefetch(sum + PREFETCH * CF_BYTE_PANEL + line * 32);
    if (band + 1 < s->panel.bands)
        s->kernel->add(sum, codes, quads, count);
    else if (s->kernel->screen(sum, codes, quads, count, &m->test, out, hits))
        take_hits(s, m, out, hits);
}

static void meet_wide(cf_coded *s, meeting *m, const drivers *d, int band)
{
    int64_t i = m->i - d->first;
    const uint8_t *codes = cf_byte_panel_codes(&s->panel, m->block, band);
    int64_t from = quads_at(s, band)[i], to = quads_at(s, band)[i + 1];
    int64_t strip = i * CF_BYTE_PANEL + m->block * CF_BLOCK;
    int32_t *sum = s->wide + strip;
    for (int lane = 0; lane < CF_BLOCK && band == 0 && d->fits[i]; lane++)
        sum[lane] = s->sum[strip + lane];
    add_wide(s, sum, codes, s->quads + from, to - from);
    if (band + 1 == s->panel.bands)
        test_wide(s, m, sum);
}

static void meet_block(cf_coded *s, cf_raters *heavy, cf_raters *light,
                       drivers *d, int64_t block)
{
    int64_t base = block * CF_BLOCK;
    double longest = 0;
    for (int64_t j = base; j < CF_MIN(base + CF_BLOCK, s->panel.count); j++)
        longest = fmax(longest, heavy->rows.head[s->panel.first + j].p);
    for (int band = 0; band < s->panel.bands; band++)
        for (int64_t i = d->first; i < d->last; i++) {
            int64_t at = i - d->first;
            if (d->from[at] >= base + CF_BLOCK)
                break; /* those after it drive still less */
            meeting m = {.heavy = heavy,
                         .light = light,
                         .i = i,
                         .block = block,
                         .from = d->from[at],
                         .test = {d->least[at], d->right[at], s->right + base,
                                  s->least + base}};
            if (d->fits[at] && is_narrow(s, light->rows.head + i, longest))
                meet_narrow(s, &m, d, band);
            else
                meet_wide(s, &m, d, band);
            d->least[at] = m.test.own_least;
        }
}

/* Rows [first, last) drive all of the panel that they may. */
static void drive(cf_coded *s, cf_raters *heavy, cf_raters *light, drivers *d)
{
    int64_t pairs = 0;
    make_all_quads(s, &light->rows, d->first, d->last);
    for (int64_t i = d->first; i < d->last; i++) {
        const cf_rated_head *head = light->rows.head + i;
        int64_t at = i - d->first;
        d->fits[at] = scatter(s, &light->rows, i, at);
        d->least[at] = own_least(s, least_of(s, head, light->floor[i]));
        d->right[at] = rounded_down(right_of(s, head) * 65536 / s->unit);
        pairs += s->panel.count - d->from[at];
    }
    for (int64_t block = cf_byte_panel_blocks(&s->panel) - 1; block >= 0;
         block--)
        meet_block(s, heavy, light, d, block);
    cf_pairing_step(s->pairing, pairs);
}

void cf_coded_pairs(cf_coded *s, cf_raters *heavy, cf_raters *light,
                    bool strict)
{
    drivers d;
    for (int64_t first = 0; first < heavy->rows.count; first += CF_BYTE_PANEL) {
        int64_t last = CF_MIN(first + CF_BYTE_PANEL, heavy->rows.count);
        cf_byte_panel_make(&s->panel, &heavy->rows, first, last);
        set_tests(s, heavy);
        d.first = cf_raters_drivers(heavy, light, strict, first, last);
        while (d.first > 0) {
            d.last = d.first;
            d.first = CF_MAX(d.last - CF_DRIVERS, 0);
            for (int64_t i = d.first; i < d.last; i++)
                d.from[i - d.first] = cf_raters_driven(heavy, light, strict, i,
                                                       s->panel.first, last) -
                                      s->panel.first;
            drive(s, heavy, light, &d);
        }
    }
}
