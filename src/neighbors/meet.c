/* Method  A row is compared as x = c + r, its tile's centre and a residual, so
 *         x·y = r·s + x·d + y·c - c·d for a row y = d + s of another tile. The
 *         last three terms come from products of rows with centres; the first
 *         from 8-bit codes, with a proven bound of its error. What remains
 *         possible against what either row's list asks for is an integer
 *         comparison in registers, by the first dimensions alone where that is
 *         enough for most; what passes is confirmed by all of them with finer
 *         codes, and scored exactly. Distances are compared by -|x-y|²/2 =
 *         r·s - |r|²/2 - |s|²/2 - r·(c-d) + s·(c-d) - |c-d|²/2, where nothing
 *         large cancels.
 * Bound   r = r' + e, s = s' + f with coded r', s': r·s - r'·s' =
 *         e·s + r'·f <= |e||s| + |r'||f|, with the largest e and f of a tile,
 *         which differ less than the lengths. The dimensions that are left
 *         out add at most the product of the lengths of what they hold. A
 *         float32 product of d terms is off by at most g |x||y|, g =
 *         du/(1-du), u = 2^-24.
 * Cost    h/64 instructions a pair with 512-bit registers that multiply 8-bit
 *         numbers, for the first h of d dimensions, and some ten for 16 pairs;
 *         some 20 + d/16 for one that is confirmed. Without that instruction
 *         32 or 64 products take two where their sums fit 16 bits (tiles.c
 *         sees to that by its steps where it costs little), else three.
 * References  Higham: Accuracy and Stability of Numerical Algorithms, 2002,
 *             section 3.1. */
#include "meet.h"

#include <math.h>
#include <string.h>

#include "cfmpi/cpu.h"
#include "cfmpi/memory.h"

#define UNIT 0x1p-24f     /* rounding of a float32 */
#define SMALLEST 0x1p-149 /* positive float32 */
#define AHEAD 8           /* pairs whose rows are on their way into the cache */
#define LANES 16          /* sums side by side */
#define HALF_MOST 32000   /* below the largest of 16 bits */
#define BEYOND 0x1p28f    /* of integers that are added up */
#define ALWAYS (-(1 << 30)) /* is reached by every sum of them */
/* What begins lower may have been lower still, and was raised to be added: no
 * harm to a bound from above. */
#define CUT (-(1 << 28) + (1 << 27))

void cf_meetings_begin(cf_meetings *s, const cf_measure *measure)
{
    *s = (cf_meetings){.measure = *measure};
    s->pairs = cf_alloc(CF_PAIRS_MOST, sizeof *s->pairs, "pairs that passed");
    s->sums = cf_alloc(CF_SIDE * CF_SIDE, sizeof *s->sums, "integer products");
}

void cf_meetings_end(cf_meetings *s)
{
    cf_free(s->pairs);
    cf_free(s->sums);
    *s = (cf_meetings){0};
}

/* ---- integers ---- */

/* What a row brings to a sum that bounds its products. */
typedef struct share {
    const float *product, *inverse, *base; /* product x inverse + base, ... */
    const float *length, *tail;
    float error, weight, more; /* + length x error + tail² x weight + more */
} share;

/* Integers above the shares / unit. False when one of them is too large. */
CF_VECTORISED static bool starts(const share *f, float per_unit, int rows,
                                 int32_t *start)
{
    int beyond = 0;
    for (int i = 0; i < rows; i++) {
        float x = f->product[i] * f->inverse[i] + f->base[i] +
                  f->length[i] * f->error +
                  f->tail[i] * f->tail[i] * f->weight + f->more;
        x *= per_unit;
        x += fabsf(x) * 0x1p-20f + 2;
        beyond += !(x < BEYOND);
        x = x > -BEYOND ? x : -BEYOND;
        start[i] = (int32_t)(x < BEYOND ? x : BEYOND);
    }
    return beyond == 0;
}

/* Integers below least / unit. */
CF_VECTORISED static void targets(const float *least, float per_unit, int rows,
                                  int32_t *target)
{
    for (int i = 0; i < rows; i++) {
        float x = least[i] * per_unit;
        x = x > 4 * BEYOND ? 4 * BEYOND : x;
        x -= fabsf(x) * 0x1p-20f + 2;
        /* The comparison is false for NaN as well. */
        bool low = !(x >= -2 * BEYOND);
        x = x < 2 * BEYOND ? x : 2 * BEYOND;
        int32_t integer = (int32_t)(low ? 0 : x);
        target[i] = low ? ALWAYS : integer;
    }
}

/* The size of what is added up for a pair of two tiles. */
static float size_of(const cf_meeting *m)
{
    const cf_tiles *a = &m->a->tiles, *b = &m->b->tiles;
    if (a->similarity != CF_EUCLIDEAN)
        return a->length[m->i] * b->length[m->j];
    return (a->reach[m->i] + b->reach[m->j]) *
               (a->length[m->i] + b->length[m->j]) -
           m->constant;
}

/* Rounding of products of rows with rows or centres, and of a few of these
 * together; the last part is for those under the smallest normal number. */
static float rounding_of(const cf_measure *u, const cf_meeting *m)
{
    float smallest = (float)(SMALLEST * fmax(u->scale, 1));
    return 4 * (float)(u->dim + 16) * (UNIT * size_of(m) + smallest);
}

/* The score of two rows as it stands in lists. */
static float score_of_rows(const cf_measure *u, const cf_meeting *m, int64_t i,
                           int64_t j)
{
    const cf_tiles *a = &m->a->tiles, *b = &m->b->tiles;
    const float *x = a->slab->rows + i * u->dim;
    const float *y = b->slab->rows + j * u->dim;
    return cf_party_score(u, x, a->squared[i], y, b->squared[j]);
}

static void ask_for_row(const cf_tiles *t, int64_t row)
{
    const char *x = (const char *)(t->slab->rows + row * t->dim);
    for (int64_t b = 0; b < t->dim * (int64_t)sizeof(float); b += 64)
        __builtin_prefetch(x + b);
}

static void ask_for(const cf_meeting *m, cf_pair at)
{
    ask_for_row(&m->a->tiles, m->i * CF_SIDE + at.row);
    ask_for_row(&m->b->tiles, m->j * CF_SIDE + at.column);
}

static void score_pairs(cf_meetings *s, const cf_meeting *m, int count)
{
    const cf_gidx *id_a = m->a->tiles.slab->id, *id_b = m->b->tiles.slab->id;
    s->exact += count;
    for (int t = 0; t < count && t < AHEAD; t++)
        ask_for(m, s->pairs[t]);
    for (int t = 0; t < count; t++) {
        int64_t i = m->i * CF_SIDE + s->pairs[t].row;
        int64_t j = m->j * CF_SIDE + s->pairs[t].column;
        if (t + AHEAD < count)
            ask_for(m, s->pairs[t + AHEAD]);
        if (s->measure.apart && id_a[i] == id_b[j]) {
            s->exact--;
            continue;
        }
        float score = score_of_rows(&s->measure, m, i, j);
        if (s->measure.pairs != NULL) {
            if (score >= s->measure.floor)
                s->found = cf_pairs_add(s->measure.pairs, s->found, id_a[i],
                                        id_b[j], score);
            continue;
        }
        cf_party_offer(&s->measure, m->a, i, score, id_b[j]);
        cf_party_offer(&s->measure, m->b, j, score, id_a[i]);
    }
}

/* Products are at most those of the centres and what residuals add, and
 * distances at least that of the centres less the residuals. */
bool cf_nothing_there(const cf_measure *u, const cf_meeting *m)
{
    const cf_tiles *a = &m->a->tiles, *b = &m->b->tiles;
    float reach_a = a->reach[m->i], reach_b = b->reach[m->j], most;
    if (u->similarity == CF_EUCLIDEAN) {
        float apart = sqrtf(-2 * m->constant) - reach_a - reach_b;
        most = apart > 0 ? -0.5f * apart * apart : 0;
    } else {
        most = -m->constant + reach_a * b->length[m->j] +
               reach_b * a->length[m->i] + reach_a * reach_b;
    }
    return most + 2 * rounding_of(u, m) <
           fminf(m->a->tile_least[m->i], m->b->tile_least[m->j]);
}

/* Whether a row may matter to a tile or the tile to the row: from its product
 * with the tile's centre, and how far rows of the tile are from that. */
CF_VECTORISED static int
count_that_matter(const float *product, const float *inverse, const float *base,
                  const float *least, float tile_least, float constant,
                  float more, float reach, bool distances, int rows)
{
    int count = 0;
    for (int i = 0; i < rows; i++) {
        float x = product[i] * inverse[i] + base[i] + constant;
        float apart = sqrtf(x < 0 ? -2 * x : 0) - reach;
        apart = apart > 0 ? apart : 0;
        float most = (distances ? -0.5f * apart * apart : x) + more;
        float wanted = least[i] < tile_least ? least[i] : tile_least;
        count += !(most < wanted);
    }
    return count;
}

/* Whether no row of one tile can matter with the other. */
static bool nobody_there(const cf_measure *u, const cf_meeting *m)
{
    const cf_tiles *a = &m->a->tiles, *b = &m->b->tiles;
    int64_t i = m->i * CF_SIDE, j = m->j * CF_SIDE;
    float least_a = m->a->tile_least[m->i], least_b = m->b->tile_least[m->j];
    float reach_a = a->reach[m->i], reach_b = b->reach[m->j];
    float rounding = 2 * rounding_of(u, m);
    bool distances = u->similarity == CF_EUCLIDEAN;
    /* Products with centres stand for themselves, distances from them for the
     * sum of all terms. */
    float constant = distances ? m->constant : 0;
    return count_that_matter(
               m->with_b, a->inverse + i, a->base + i, m->a->least + i, least_b,
               constant, rounding + (distances ? 0 : reach_b * a->length[m->i]),
               reach_b, distances, cf_tile_rows(a, m->i)) == 0 ||
           count_that_matter(
               m->with_a, b->inverse + j, b->base + j, m->b->least + j, least_a,
               constant, rounding + (distances ? 0 : reach_a * b->length[m->j]),
               reach_a, distances, cf_tile_rows(b, m->j)) == 0;
}

/* What two tiles bring to their integer product. */
typedef struct terms {
    cf_tile_pair pair;
    float per_unit; /* integers are products times this */
    bool fits;
    int32_t start[2][CF_SIDE], least[2][CF_SIDE], halves[CF_SIDE];
} terms;

/* Whether sums of half the products of codes are within 16 bits: they are at
 * most the products of lengths. Those of column codes differ from those of row
 * codes by the errors of both. */
static bool fit_halves(const cf_tiles *a, int64_t i, const cf_tiles *b,
                       int64_t j)
{
    float more = b->row_error[j] + b->col_error[j];
    float per_unit = 1 / (a->row_step[i] * b->col_step[j]);
    return a->first_most[i] * (b->first_most[j] + more) * per_unit <
               HALF_MOST &&
           a->last_most[i] * (b->last_most[j] + more) * per_unit < HALF_MOST;
}

/* Takes away what the offset of column codes adds; where sums have 16 bits they
 * begin without that. */
static void undo_offset(const cf_measure *u, const cf_meeting *m, terms *t)
{
    const cf_tiles *a = &m->a->tiles, *b = &m->b->tiles;
    int rows = cf_tile_rows(a, m->i), offset = u->kernel->offset;
    const int32_t *sum = a->head_sum + m->i * CF_SIDE;
    const int32_t *half = a->half_sum + m->i * CF_SIDE;
    bool halves = u->kernel->halves && fit_halves(a, m->i, b, m->j);
    for (int r = 0; r < rows && !halves; r++)
        t->start[0][r] -= offset * sum[r];
    for (int r = 0; r < CF_SIDE && halves; r++) {
        uint32_t first = r < rows ? (uint32_t)(-offset * half[r]) : 0;
        uint32_t last = r < rows ? (uint32_t)(-offset * (sum[r] - half[r])) : 0;
        t->halves[r] = (int32_t)((first & 0xffff) | last << 16);
    }
    t->pair.row_halves = halves ? t->halves : NULL;
}

/* For the screen, or to confirm a pair by the codes of rows on both sides.
 * |x||y| <= (w x² + y² / w) / 2 for all w > 0 splits what tails add. */
static void prepare(const cf_measure *u, const cf_meeting *m, bool confirm,
                    terms *t)
{
    const cf_tiles *a = &m->a->tiles, *b = &m->b->tiles;
    int64_t i = m->i * CF_SIDE, j = m->j * CF_SIDE;
    int rows = cf_tile_rows(a, m->i), columns = cf_tile_rows(b, m->j);
    float step = confirm ? b->row_step[m->j] : b->col_step[m->j];
    float x = a->typical[m->i], y = b->typical[m->j];
    bool tails = !confirm && x > 0 && y > 0;
    share in_a = {m->with_b,
                  a->inverse + i,
                  a->base + i,
                  a->coded + i,
                  a->tail + i,
                  confirm ? b->row_error[m->j] : b->col_error[m->j],
                  tails ? 0.5001f * y / x : 0,
                  rounding_of(u, m) + m->constant};
    share in_b = {m->with_a,
                  b->inverse + j,
                  b->base + j,
                  b->residual + j,
                  b->tail + j,
                  a->row_error[m->i],
                  tails ? 0.5001f * x / y : 0,
                  0};
    t->per_unit = (float)(1 / ((double)a->row_step[m->i] * (double)step));
    t->fits = isfinite(t->per_unit) &&
              starts(&in_a, t->per_unit, rows, t->start[0]) &&
              starts(&in_b, t->per_unit, columns, t->start[1]);
    for (int c = 0; c < columns && t->fits && confirm; c++)
        t->start[1][c] -= CF_OFFSET * b->code_sum[j + c];
    /* Rows that are not there are not to pass for the wants of others. */
    for (int r = rows; r < CF_SIDE; r++)
        t->start[0][r] = t->least[0][r] = (int32_t)-BEYOND;
    for (int c = columns; c < CF_SIDE; c++)
        t->start[1][c] = t->least[1][c] = (int32_t)-BEYOND;
    t->pair = (cf_tile_pair){.head = a->head,
                             .quads = a->quads,
                             .stride = a->stride,
                             .rows = rows,
                             .columns = columns,
                             .row_codes = a->row_codes + i * a->stride,
                             .col_codes = b->col_codes + j * a->quads * CF_QUAD,
                             .col_as_rows = b->row_codes + j * b->stride,
                             .row_start = t->start[0],
                             .col_start = t->start[1],
                             .row_least = t->least[0],
                             .col_least = t->least[1]};
    if (t->fits && !confirm)
        undo_offset(u, m, t);
}

static void want(const cf_meeting *m, terms *t)
{
    targets(m->a->least + m->i * CF_SIDE, t->per_unit, t->pair.rows,
            t->least[0]);
    targets(m->b->least + m->j * CF_SIDE, t->per_unit, t->pair.columns,
            t->least[1]);
}

/* All pairs: where the integers would not fit. */
static int all_pairs(const cf_tile_pair *p, cf_pair *pairs)
{
    int count = 0;
    for (int row = 0; row < p->rows; row++)
        for (int column = 0; column < p->columns; column++)
            pairs[count++] = (cf_pair){(cf_place)row, (cf_place)column};
    return count;
}

/* Leaves those that there are, once each. */
static int real_pairs(const cf_tile_pair *p, bool diagonal, cf_pair *pairs,
                      int count)
{
    int kept = 0;
    for (int t = 0; t < count; t++) {
        cf_pair at = pairs[t];
        pairs[kept] = at;
        kept += at.row < p->rows && at.column < p->columns &&
                (!diagonal || at.column > at.row);
    }
    return kept;
}

void cf_meet(cf_meetings *s, const cf_meeting *m)
{
    terms rough, close;
    const cf_screen_kernel *kernel = s->measure.kernel;
    bool diagonal = m->a == m->b && m->i == m->j;
    int count;
    if (nobody_there(&s->measure, m))
        return;
    prepare(&s->measure, m, false, &rough);
    prepare(&s->measure, m, true, &close);
    want(m, &rough);
    want(m, &close);
    cf_party_note_least(m->a, m->i);
    cf_party_note_least(m->b, m->j);
    if (rough.fits)
        count = kernel->screen(&rough.pair, s->pairs);
    else
        count = all_pairs(&rough.pair, s->pairs);
    if (diagonal || rough.pair.rows < CF_SIDE || rough.pair.columns < CF_SIDE)
        count = real_pairs(&rough.pair, diagonal, s->pairs, count);
    if (close.fits)
        count = kernel->confirm(&close.pair, s->pairs, count);
    score_pairs(s, m, count);
}

/* Lower bounds of the products of row r of a tile with those of another:
 * the screen's upper bounds less twice the error and the rounding up of the
 * integers. */
CF_VECTORISED static void lower_bounds(const int32_t *sum, float unit,
                                       float less, int columns, float *bound)
{
    for (int c = 0; c < columns; c++) {
        float x = (float)sum[c];
        bound[c] = (x - fabsf(x) * 0x1p-18f - 12) * unit - less;
    }
}

void cf_meeting_bounds(cf_meetings *s, const cf_meeting *m, float *bounds,
                       int stride)
{
    const cf_tiles *a = &m->a->tiles, *b = &m->b->tiles;
    terms t;
    prepare(&s->measure, m, false, &t);
    if (t.fits)
        s->measure.kernel->products(&t.pair, s->sums);
    for (int r = 0; r < t.pair.rows; r++) {
        float *bound = bounds + r * stride;
        float less =
            2.001f * (a->coded[m->i * CF_SIDE + r] * b->col_error[m->j] +
                      a->row_error[m->i] * b->reach[m->j]);
        less += 4 * rounding_of(&s->measure, m);
        /* Starts may be larger than the sum that they were part of. */
        less += 0x1p-18f * (fabsf(m->constant) + size_of(m));
        bool sure = t.fits && t.start[0][r] > CUT;
        for (int c = 0; c < CF_SIDE; c++)
            bound[c] = -INFINITY;
        if (sure)
            lower_bounds(s->sums + r * CF_SIDE, 1 / t.per_unit, less,
                         t.pair.columns, bound);
        for (int c = 0; c < t.pair.columns && sure; c++)
            bound[c] = t.start[1][c] > CUT ? bound[c] : -INFINITY;
        if (m->a == m->b && m->i == m->j)
            bound[r] = -INFINITY;
    }
}

void cf_head_bounds(const cf_measure *u, const cf_party *a, int64_t i,
                    const cf_party *b, int64_t j, float *bounds)
{
    const cf_tiles *x = &a->tiles, *y = &b->tiles;
    int64_t in_x = i / CF_SIDE, in_y = j / CF_SIDE;
    const int8_t *codes = x->row_codes + i * x->stride;
    const int8_t *others = y->row_codes + j * y->stride;
    cf_meeting m = {
        .a = (cf_party *)a, .b = (cf_party *)b, .i = in_x, .j = in_y};
    double unit = (double)x->row_step[in_x] * (double)y->row_step[in_y];
    double error =
        x->coded[i] * y->col_error[in_y] + x->row_error[in_x] * y->residual[j];
    double left = 0, squares = 0, other_squares = 0;
    double whole = (double)score_of_rows(u, &m, i, j);
    if (u->similarity == CF_EUCLIDEAN)
        whole = -0.5 * whole * whole;
    if (u->similarity != CF_COSINE)
        whole *= u->scale * u->scale;
    for (int q = x->quads; q > 0; q--) {
        bounds[q] = (float)(whole - unit * left + error +
                            unit * sqrt(squares * other_squares));
        for (int c = (q - 1) * CF_QUAD; c < q * CF_QUAD; c++) {
            left += codes[c] * others[c];
            squares += codes[c] * codes[c];
            other_squares += others[c] * others[c];
        }
    }
}
