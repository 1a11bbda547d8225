/* Method  As in coded, with which it shares the panels: a short row drives
 *         through the bytes of blocks of long rows, and through lists where
 *         columns are rated by few. Its columns are taken in runs of one code,
 *         over which the number of ratings in common, of y and of v(y) (bytes)
 *         are added up in bytes; by the run's code they become parts of n, Σxy,
 *         Σx, Σv(x), Σy and Σv(y) in 16 bits. Lists hold few ratings in common,
 *         so that the six sums have room in 64 bits and are added at once by a
 *         table of the two codes; drivers with more ratings there than the
 *         smallest part has room for have 32 bits a sum. All pairs of a block
 *         are then scored in float32; those that by its error may be of use are
 *         scored in float64, from the same exact sums. Where sums are too large
 *         for float32 to hold them, all pairs are.
 * Cost    For a rating of the driver and 64 rows six instructions, and for a
 *         run 26: about three times those of coded. */
#include "moments.h"

#include <math.h>
#include <string.h>

#include "cfmpi/cpu.h"
#include "cfmpi/memory.h"

#define AHEAD 8 /* lists ahead */
#define FOUR 4  /* entries of a list that are taken together */
#define MIDDLE 5
#define SUMS (CF_MOMENTS * CF_BLOCK)
#define EXACT (1 << 24) /* whole numbers below it are exact in float32 */

/* Sums of up to PACKED_MOST ratings in two times 32 bits. */
#define PACKED_MOST 51
#define NINE ((1 << 9) - 1)
#define AT_VX 13 /* above Σxy, in the lower half */
#define AT_VY 22
#define AT_Y 9 /* above Σx, in the upper half */
#define AT_N 18

/* ---- room ---- */

static enum cf_moment_set set_of(const cf_definition *is)
{
    return is->sums == 0                 ? CF_COUNTS
           : is->sums == CF_SUM_PRODUCTS ? CF_PRODUCTS
                                         : CF_SQUARES;
}

static uint64_t pack(int x, int y)
{
    uint64_t vx = (uint64_t)cf_moment_v(x), vy = (uint64_t)cf_moment_v(y);
    if (x == 0 || y == 0)
        return 0;
    return (UINT64_C(1) << AT_N | (uint64_t)y << AT_Y | (uint64_t)x) << 32 |
           vy << AT_VY | vx << AT_VX | (uint64_t)(x * y);
}

void cf_moments_begin(cf_moments *s, cf_pairing *pairing,
                      const cf_ratings_measure *by, cf_gidx columns,
                      double step, int largest)
{
    const int64_t strip = CF_MOMENT_DRIVERS * CF_BYTE_PANEL;
    const cf_definition *is = cf_definition_of(by->similarity);
    bool squares = set_of(is) == CF_SQUARES;
    int most = CF_MAX(largest, squares ? cf_moment_v(1) : 1);
    *s = (cf_moments){.pairing = pairing,
                      .by = by,
                      .is = is,
                      .kernel = cf_byte_kernel_of_cpu(),
                      .set = set_of(is),
                      .longest_run = UINT8_MAX / (squares ? most : largest),
                      .entries = CF_SUM_MOST / (largest * most),
                      .middle = is->values == CF_FROM_MIDDLE ? MIDDLE : 0,
                      .step = step};
    cf_byte_panel_begin(&s->panel, columns, s->kernel->group);
    s->p = cf_alloc(2 * CF_BYTE_PANEL, sizeof *s->p, "panel of ratings");
    s->q = s->p + CF_BYTE_PANEL;
    s->place = cf_alloc(CF_BANDS_MOST * (CF_MOMENT_DRIVERS + 1),
                        sizeof *s->place, "ratings that drive");
    s->packed = cf_alloc(strip, sizeof *s->packed, "sums in common");
    s->whole = cf_alloc(strip, sizeof *s->whole, "sums in common");
    s->sum =
        cf_alloc(CF_MOMENT_DRIVERS * SUMS, sizeof *s->sum, "sums in common");
    s->wide =
        cf_alloc(CF_MOMENT_DRIVERS * SUMS, sizeof *s->wide, "sums in common");
    s->products = cf_calloc(1 << CF_LIST_BITS, sizeof *s->products, "codes");
    s->sums = cf_calloc(1 << CF_LIST_BITS, sizeof *s->sums, "codes");
    for (int x = 1; x <= largest; x++)
        for (int y = 1; y <= largest; y++) {
            s->products[x][y] = pack(x, y);
            s->sums[x][y] = (cf_moment_sums){1, x * y,          x,
                                             y, cf_moment_v(x), cf_moment_v(y)};
        }
    s->values = cf_calloc(SUMS, sizeof *s->values, "pairs to score");
    s->there = cf_alloc(2 * CF_BLOCK, sizeof *s->there, "pairs to score");
    s->back = is->directed ? s->there + CF_BLOCK : s->there;
    s->gathered =
        cf_calloc(SUMS + 2 * CF_BLOCK, sizeof *s->gathered, "pairs to score");
    s->n = cf_alloc(CF_BLOCK, sizeof *s->n, "pairs to score");
    s->lane = cf_alloc(CF_BLOCK, sizeof *s->lane, "pairs to score");
}

void cf_moments_end(cf_moments *s)
{
    cf_byte_panel_end(&s->panel);
    cf_free(s->p);
    cf_free(s->runs);
    cf_free(s->columns);
    cf_free(s->place);
    cf_free(s->packed);
    cf_free(s->whole);
    cf_free(s->sum);
    cf_free(s->wide);
    cf_free(s->products);
    cf_free(s->sums);
    cf_free(s->values);
    cf_free(s->there);
    cf_free(s->gathered);
    cf_free(s->n);
    cf_free(s->lane);
    *s = (cf_moments){0};
}

static void make_panel(cf_moments *s, const cf_rated *r, int64_t first,
                       int64_t last)
{
    cf_byte_panel_make(&s->panel, r, first, last);
    memset(s->p, 0, 2 * CF_BYTE_PANEL * sizeof *s->p);
    s->most = 0;
    for (int64_t j = first; j < last; j++) {
        s->p[j - first] = (float)r->head[j].p;
        s->q[j - first] = (float)r->head[j].q;
        s->most = fmax(s->most, r->head[j].p);
    }
}

/* ---- drivers ---- */

static cf_moment_place *places(const cf_moments *s, int band)
{
    return s->place + band * (CF_MOMENT_DRIVERS + 1);
}

/* Runs of some ratings of a row, put behind `at`. */
static void make_runs(cf_moments *s, cf_moment_place *at, const cf_lidx *column,
                      const uint8_t *code, int64_t count, int lo)
{
    int64_t next[CF_CODE_MOST + 1] = {0}, end = at->column;
    for (int64_t e = 0; e < count; e++)
        next[code[e]]++;
    for (int c = 0; c <= CF_CODE_MOST; c++) {
        int64_t left = next[c];
        next[c] = end;
        end += left;
        for (; left > 0; left -= CF_MIN(left, s->longest_run))
            s->runs[at->run++] = (cf_code_run){
                (uint8_t)c, (uint8_t)CF_MIN(left, s->longest_run)};
    }
    for (int64_t e = 0; e < count; e++)
        s->columns[next[code[e]]++] = (uint16_t)(column[e] - lo);
    at->column = end;
}

/* Runs of the head's columns of the rows [first, last). */
static void make_all_runs(cf_moments *s, const cf_rated *r, int64_t first,
                          int64_t last)
{
    int64_t entries = r->begin[last] - r->begin[first];
    cf_moment_place at = {0, 0};
    if (entries > s->room) {
        cf_free(s->runs);
        cf_free(s->columns);
        s->runs = cf_alloc(entries, sizeof *s->runs, "ratings that drive");
        s->columns =
            cf_alloc(entries, sizeof *s->columns, "ratings that drive");
        s->room = entries;
    }
    for (int band = 0; band < s->panel.bands; band++) {
        int lo = cf_byte_panel_band(&s->panel, band);
        int hi = cf_byte_panel_band(&s->panel, band + 1);
        for (int64_t i = first; i < last; i++) {
            int64_t e = cf_entry_from(r, i, lo), end = cf_entry_from(r, i, hi);
            places(s, band)[i - first] = at;
            make_runs(s, &at, r->column + e, r->code + e, end - e, lo);
        }
        places(s, band)[last - first] = at;
    }
}

/* ---- what lies in lists ---- */

/* The entries of one list after the other are added to the sums of rows, which
 * SUM(row, code) does. */
#define SCATTER(SUM)                                                           \
    const int32_t *begin = s->panel.begin;                                     \
    const uint16_t *list = s->panel.list;                                      \
    for (int64_t e = 0; e < count; e++) {                                      \
        const uint16_t *l = list + begin[column[e]];                           \
        const uint16_t *end = list + begin[column[e] + 1];                     \
        if (e + AHEAD < count)                                                 \
            __builtin_prefetch(list + begin[column[e + AHEAD]]);               \
        for (; l < end; l++)                                                   \
            SUM(*l >> CF_LIST_BITS, *l & ((1 << CF_LIST_BITS) - 1));           \
    }

static __attribute__((noinline)) void
scatter_packed(const cf_moments *s, const cf_lidx *column, const uint8_t *code,
               int64_t count, uint64_t *sum)
{
#define SUM(row, y) sum[row] += s->products[code[e]][y]
    SCATTER(SUM)
#undef SUM
}

static __attribute__((noinline)) void
scatter_whole(const cf_moments *s, const cf_lidx *column, const uint8_t *code,
              int64_t count, cf_moment_sums *sum)
{
#define SUM(row, y) sum[row] += s->sums[code[e]][y]
    SCATTER(SUM)
#undef SUM
}

/* Sums of a driver with what lies in lists: none, packed, or whole. */
enum in_lists { NOTHING, PACKED, WHOLE };

static enum in_lists scatter(cf_moments *s, const cf_rated *r, int64_t i,
                             int64_t at)
{
    int64_t e = cf_entry_from(r, i, s->panel.head), count = r->begin[i + 1] - e;
    size_t rows = (size_t)(cf_byte_panel_blocks(&s->panel) * CF_BLOCK);
    uint64_t *packed = s->packed + at * CF_BYTE_PANEL;
    cf_moment_sums *whole = s->whole + at * CF_BYTE_PANEL;
    if (count == 0)
        return NOTHING;
    if (count <= PACKED_MOST) {
        memset(packed, 0, rows * sizeof *packed);
        scatter_packed(s, r->column + e, r->code + e, count, packed);
        return PACKED;
    }
    memset(whole, 0, rows * sizeof *whole);
    scatter_whole(s, r->column + e, r->code + e, count, whole);
    return WHOLE;
}

/* ---- sums of a block ---- */

/* sum[SUMS] = what has 16 bits. */
CF_VECTORISED static void widen(int32_t *sum, const uint16_t *from)
{
    for (int e = 0; e < SUMS; e++)
        sum[e] = from[e];
}

CF_VECTORISED static void add_packed(int32_t *sum, const uint64_t *packed)
{
    for (int l = 0; l < CF_BLOCK; l++) {
        int32_t low = (int32_t)packed[l], high = (int32_t)(packed[l] >> 32);
        sum[CF_MOMENT_N * CF_BLOCK + l] += high >> AT_N;
        sum[CF_MOMENT_X * CF_BLOCK + l] += high & NINE;
        sum[CF_MOMENT_Y * CF_BLOCK + l] += high >> AT_Y & NINE;
        sum[CF_MOMENT_VX * CF_BLOCK + l] += low >> AT_VX & NINE;
        sum[CF_MOMENT_VY * CF_BLOCK + l] += low >> AT_VY;
        sum[CF_MOMENT_XY * CF_BLOCK + l] += low & ((1 << AT_VX) - 1);
    }
}

static void add_whole(int32_t *sum, const cf_moment_sums *whole)
{
    for (int l = 0; l < CF_BLOCK; l++)
        for (int m = 0; m < CF_MOMENTS; m++)
            sum[m * CF_BLOCK + l] += whole[l][m];
}

/* The sums of the formulae, of ratings less `middle` steps: [CF_MOMENTS]
 * [CF_BLOCK], where squares stand in the places of v. */
#define FINISH(name, type)                                                     \
    CF_VECTORISED static void name(type *to, const int32_t *sum,               \
                                   int32_t middle, type one)                   \
    {                                                                          \
        int32_t square = middle * middle, more = 11 - 2 * middle;              \
        for (int l = 0; l < CF_BLOCK; l++) {                                   \
            int32_t n = sum[CF_MOMENT_N * CF_BLOCK + l];                       \
            int32_t x = sum[CF_MOMENT_X * CF_BLOCK + l];                       \
            int32_t y = sum[CF_MOMENT_Y * CF_BLOCK + l];                       \
            int32_t xy = sum[CF_MOMENT_XY * CF_BLOCK + l];                     \
            int32_t xx = 2 * sum[CF_MOMENT_VX * CF_BLOCK + l] + more * x;      \
            int32_t yy = 2 * sum[CF_MOMENT_VY * CF_BLOCK + l] + more * y;      \
            int32_t both = xy - middle * (x + y) + square * n;                 \
            to[CF_MOMENT_N * CF_BLOCK + l] = (type)n;                          \
            to[CF_MOMENT_X * CF_BLOCK + l] = (type)(x - middle * n) * one;     \
            to[CF_MOMENT_Y * CF_BLOCK + l] = (type)(y - middle * n) * one;     \
            to[CF_MOMENT_XY * CF_BLOCK + l] = (type)both * one * one;          \
            to[CF_MOMENT_VX * CF_BLOCK + l] =                                  \
                (type)(xx + (square - 30) * n) * one * one;                    \
            to[CF_MOMENT_VY * CF_BLOCK + l] =                                  \
                (type)(yy + (square - 30) * n) * one * one;                    \
        }                                                                      \
    }

FINISH(finish_rough, float)
FINISH(finish_exact, double)

/* ---- scores ---- */

/* A driver and a block. */
typedef struct meeting {
    cf_raters *heavy, *light;
    int64_t i;      /* the driver */
    int64_t first;  /* the block's first row among those of `heavy`, */
    int64_t place;  /* and in the panel */
    int64_t lo, hi; /* rows of the block that are driven */
} meeting;

/* Whether a row of the block is the driver, which may be in a sample. */
static bool is_itself(const meeting *m, int64_t lane)
{
    return m->heavy->rows.head[m->first + lane].id ==
           m->light->rows.head[m->i].id;
}

static void offer(const cf_moments *s, const meeting *m, int64_t count)
{
    const cf_rated_head *own = m->light->rows.head + m->i;
    for (int64_t c = 0; c < count; c++) {
        int64_t row = m->first + s->lane[c];
        if (s->there[c] >= m->light->floor[m->i])
            cf_raters_offer(m->light, m->i, s->there[c],
                            m->heavy->rows.head[row].id);
        if (s->back[c] >= m->heavy->floor[row])
            cf_raters_offer(m->heavy, row, s->back[c], own->id);
    }
}

/* Exact scores of the `count` rows of s->lane, whose sums are those at
 * s->gathered[CF_MOMENTS][CF_BLOCK]. */
static void score(cf_moments *s, const meeting *m, int64_t count)
{
    const cf_rated_head *own = m->light->rows.head + m->i;
    double *sum = s->gathered, *p = sum + SUMS, *q = p + CF_BLOCK;
    for (int64_t c = 0; c < count; c++) {
        const cf_rated_head *head = m->heavy->rows.head + m->first + s->lane[c];
        s->n[c] = (int32_t)sum[CF_MOMENT_N * CF_BLOCK + c];
        p[c] = head->p;
        q[c] = head->q;
    }
    cf_strip strip = {.count = count,
                      .n = s->n,
                      .xy = sum + CF_MOMENT_XY * CF_BLOCK,
                      .x = sum + CF_MOMENT_X * CF_BLOCK,
                      .y = sum + CF_MOMENT_Y * CF_BLOCK,
                      .xx = sum + CF_MOMENT_VX * CF_BLOCK,
                      .yy = sum + CF_MOMENT_VY * CF_BLOCK,
                      .p = own->p,
                      .q = own->q,
                      .ps = p,
                      .qs = q,
                      .there = s->there,
                      .back = s->back};
    s->is->scores(s->by, &strip);
    s->pairing->scored += count;
    offer(s, m, count);
}

static void score_all(cf_moments *s, const meeting *m, const int32_t *sum)
{
    int64_t count = 0;
    finish_exact(s->gathered, sum, s->middle, s->step);
    for (int64_t l = m->lo; l < m->hi; l++) {
        if (is_itself(m, l))
            continue;
        for (int k = 0; k < CF_MOMENTS; k++)
            s->gathered[k * CF_BLOCK + count] = s->gathered[k * CF_BLOCK + l];
        s->lane[count++] = (int16_t)l;
    }
    score(s, m, count);
}

/* What an estimate must reach for a score that reaches `floor`. */
static inline float estimate_of(float floor)
{
    return floor - CF_ROUGH * fabsf(floor);
}

/* hit[] = whether the estimates may be of use. */
CF_VECTORISED static void find_hits(uint8_t *hit, const float *there,
                                    const float *back, const float *floor,
                                    float own, int64_t count)
{
    for (int64_t l = 0; l < count; l++)
        hit[l] = (there[l] >= own) | (back[l] >= estimate_of(floor[l]));
}

/* Scores the rows whose estimates may be of use. */
static void take_hits(cf_moments *s, const meeting *m)
{
    uint8_t hit[CF_BLOCK] = {0};
    uint64_t eight;
    int64_t count = 0;
    find_hits(hit + m->lo, s->there + m->lo, s->back + m->lo,
              m->heavy->floor + m->first + m->lo,
              estimate_of(m->light->floor[m->i]), m->hi - m->lo);
    for (int64_t l = 0; l < CF_BLOCK; l++) {
        memcpy(&eight, hit + l / 8 * 8, sizeof eight);
        if (eight == 0) {
            l |= 7;
            continue;
        }
        if (!hit[l] || is_itself(m, l))
            continue;
        for (int k = 0; k < CF_MOMENTS; k++)
            s->gathered[k * CF_BLOCK + count] =
                (double)s->values[k * CF_BLOCK + l];
        s->lane[count++] = (int16_t)l;
    }
    if (count > 0)
        score(s, m, count);
}

static void estimate(cf_moments *s, const meeting *m, const int32_t *sum)
{
    const cf_rated_head *own = m->light->rows.head + m->i;
    const float *value = s->values;
    finish_rough(s->values, sum, s->middle, (float)s->step);
    cf_rough_strip strip = {.count = CF_BLOCK,
                            .n = value + CF_MOMENT_N * CF_BLOCK,
                            .xy = value + CF_MOMENT_XY * CF_BLOCK,
                            .x = value + CF_MOMENT_X * CF_BLOCK,
                            .y = value + CF_MOMENT_Y * CF_BLOCK,
                            .xx = value + CF_MOMENT_VX * CF_BLOCK,
                            .yy = value + CF_MOMENT_VY * CF_BLOCK,
                            .p = (float)own->p,
                            .q = (float)own->q,
                            .ps = s->p + m->place,
                            .qs = s->q + m->place,
                            .there = s->there,
                            .back = s->back};
    s->is->rough(s->by, &strip);
    take_hits(s, m);
}

/* ---- blocks ---- */

/* The drivers that go through a panel together. */
typedef struct drivers {
    int64_t first, last;
    int64_t from[CF_MOMENT_DRIVERS]; /* rows of the panel that each drives */
    enum in_lists lists[CF_MOMENT_DRIVERS];
} drivers;

static bool is_long(const cf_moments *s, const cf_rated *r, int64_t i)
{
    return r->head[i].entries > s->entries;
}

/* Whether estimates are as good as they are said to be. */
static bool is_exact(const cf_moments *s, const cf_rated_head *head)
{
    double n = (double)head->entries;
    int most = CF_MAX(CF_MOMENT_CODE - s->middle, s->middle);
    return n * n * most * most < EXACT &&
           (!s->is->distance ||
            (head->p + s->most) / (s->step * s->step) < EXACT);
}

/* Adds a band of the head to the sums of a driver with a block. */
static void add_band(cf_moments *s, const drivers *d, const cf_rated *r,
                     int64_t i, int64_t block, int band)
{
    const uint8_t *codes = cf_byte_panel_codes(&s->panel, block, band);
    const cf_moment_place *at = places(s, band) + (i - d->first);
    uint16_t *sum = s->sum + (i - d->first) * SUMS;
    int32_t *wide = s->wide + (i - d->first) * SUMS;
    cf_add_moments *add = s->kernel->moments[s->set];
    if (!is_long(s, r, i)) {
        add(sum, codes, s->runs + at->run, at[1].run - at->run,
            s->columns + at->column);
        return;
    }
    int64_t column = at->column, most = s->entries / s->longest_run;
    for (int64_t run = at->run; run < at[1].run; run += most) {
        int64_t end = CF_MIN(run + most, at[1].run);
        memset(sum, 0, SUMS * sizeof *sum);
        add(sum, codes, s->runs + run, end - run, s->columns + column);
        for (int64_t e = run; e < end; e++)
            column += s->runs[e].count;
        for (int e = 0; e < SUMS; e++)
            wide[e] += sum[e];
    }
}

static void finish(cf_moments *s, meeting *m, const drivers *d, int64_t block)
{
    int64_t at = m->i - d->first, row = at * CF_BYTE_PANEL + block * CF_BLOCK;
    const cf_rated *r = &m->light->rows;
    int32_t sums[SUMS], *sum = sums;
    if (is_long(s, r, m->i))
        sum = s->wide + at * SUMS;
    else
        widen(sum, s->sum + at * SUMS);
    if (d->lists[at] == PACKED)
        add_packed(sum, s->packed + row);
    else if (d->lists[at] == WHOLE)
        add_whole(sum, s->whole + row);
    if (is_exact(s, r->head + m->i))
        estimate(s, m, sum);
    else
        score_all(s, m, sum);
}

static void meet_block(cf_moments *s, cf_raters *heavy, cf_raters *light,
                       const drivers *d, int64_t block)
{
    int64_t base = block * CF_BLOCK;
    size_t sums = (size_t)(d->last - d->first) * SUMS;
    memset(s->sum, 0, sums * sizeof *s->sum);
    for (int64_t i = d->first; i < d->last; i++)
        if (is_long(s, &light->rows, i))
            memset(s->wide + (i - d->first) * SUMS, 0, SUMS * sizeof *s->wide);
    for (int band = 0; band < s->panel.bands; band++)
        for (int64_t i = d->first; i < d->last; i++) {
            int64_t from = d->from[i - d->first];
            if (from >= base + CF_BLOCK)
                break; /* those after it drive still less */
            add_band(s, d, &light->rows, i, block, band);
            if (band + 1 < s->panel.bands)
                continue;
            meeting m = {.heavy = heavy,
                         .light = light,
                         .i = i,
                         .first = s->panel.first + base,
                         .place = base,
                         .lo = CF_MAX(from - base, 0),
                         .hi = CF_MIN(s->panel.count - base, CF_BLOCK)};
            finish(s, &m, d, block);
        }
}

/* Rows [first, last) drive all of the panel that they may. */
static void drive(cf_moments *s, cf_raters *heavy, cf_raters *light, drivers *d)
{
    int64_t pairs = 0;
    make_all_runs(s, &light->rows, d->first, d->last);
    for (int64_t i = d->first; i < d->last; i++) {
        d->lists[i - d->first] = scatter(s, &light->rows, i, i - d->first);
        pairs += s->panel.count - d->from[i - d->first];
    }
    for (int64_t block = 0; block < cf_byte_panel_blocks(&s->panel); block++)
        meet_block(s, heavy, light, d, block);
    cf_pairing_step(s->pairing, pairs);
}

void cf_moments_pairs(cf_moments *s, cf_raters *heavy, cf_raters *light,
                      bool strict)
{
    drivers d;
    for (int64_t first = 0; first < heavy->rows.count; first += CF_BYTE_PANEL) {
        int64_t last = CF_MIN(first + CF_BYTE_PANEL, heavy->rows.count);
        make_panel(s, &heavy->rows, first, last);
        d.first = cf_raters_drivers(heavy, light, strict, first, last);
        while (d.first > 0) {
            d.last = d.first;
            d.first = CF_MAX(d.last - CF_MOMENT_DRIVERS, 0);
            for (int64_t i = d.first; i < d.last; i++)
                d.from[i - d.first] =
                    cf_raters_driven(heavy, light, strict, i, first, last) -
                    first;
            drive(s, heavy, light, &d);
        }
    }
}
