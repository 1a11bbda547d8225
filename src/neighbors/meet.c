/* Method  A row is compared as x = c + r, its tile's centre and a residual, so
 *         x·y = r·s + x·d + y·c - c·d for a row y = d + s of another tile. The
 *         last three terms come from products of rows with centres; the first
 *         from 8-bit codes, with a proven bound of its error. What remains
 *         possible against what either row's list asks for is an integer
 *         comparison in registers. What passes is bounded once more in
 *         float32, and scored exactly. Distances are compared by -|x-y|²/2 =
 *         r·s - |r|²/2 - |s|²/2 - r·(c-d) + s·(c-d) - |c-d|²/2, where nothing
 *         large cancels.
 * Bound   r = r' + e, s = s' + f with coded r', s': r·s - r'·s' =
 *         e·s + r'·f <= |e||s| + |r'||f|, with the largest e and f of a tile,
 *         which differ less than the lengths. A float32 product of d terms is
 *         off by at most g |x||y|, g = du/(1-du), u = 2^-24.
 * Cost    d/64 instructions a pair with 512-bit registers that multiply 8-bit
 *         numbers, and some ten for 16 pairs.
 * References  Higham: Accuracy and Stability of Numerical Algorithms, 2002,
 *             section 3.1. */
#include "meet.h"

#include <math.h>

#include "cfmpi/cpu.h"
#include "cfmpi/memory.h"

#define UNIT 0x1p-24f     /* rounding of a float32 */
#define SMALLEST 0x1p-149 /* positive float32 */
#define QUEUE 32 /* pairs that wait for their rows to arrive in the cache */
#define LANES 16 /* sums side by side */
#define BEYOND 0x1p29f /* of integers that are added up */

void cf_meetings_begin(cf_meetings *s, const cf_measure *measure)
{
    *s = (cf_meetings){.measure = *measure};
    s->hits = cf_alloc(CF_HITS_MOST, sizeof *s->hits, "pairs that passed");
    s->sums = cf_alloc(CF_SIDE * CF_SIDE, sizeof *s->sums, "integer products");
}

void cf_meetings_end(cf_meetings *s)
{
    cf_free(s->hits);
    cf_free(s->sums);
    *s = (cf_meetings){0};
}

/* ---- integers ---- */

/* Integers above sum / unit. False when one of them is too large. */
CF_VECTORISED static bool starts(const float *products, const float *inverse,
                                 const float *base, const float *length,
                                 float error, float more, float per_unit,
                                 int rows, int32_t *start)
{
    float most = 0;
    for (int i = 0; i < rows; i++) {
        float x = products[i] * inverse[i] + base[i] + length[i] * error + more;
        x *= per_unit;
        x += fabsf(x) * 0x1p-20f + 2;
        most = x > most ? x : most;
        x = x < -BEYOND ? -BEYOND : x > BEYOND ? BEYOND : x;
        start[i] = (int32_t)x;
    }
    return most < BEYOND;
}

/* Integers below least / unit; returns the smallest least. */
CF_VECTORISED static float targets(const float *least, float per_unit, int rows,
                                   int32_t *target)
{
    float smallest = INFINITY;
    for (int i = 0; i < rows; i++) {
        float x = least[i] * per_unit;
        x -= fabsf(x) * 0x1p-20f + 2;
        smallest = least[i] < smallest ? least[i] : smallest;
        /* The comparison is false for the NaN of inf - inf as well. */
        bool low = !(x >= -2 * BEYOND);
        x = low ? 0 : x > 2 * BEYOND ? 2 * BEYOND : x;
        target[i] = low ? INT32_MIN : (int32_t)x;
    }
    return smallest;
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

/* Pairs whose rows have been asked for. */
typedef struct queue {
    int count;
    int32_t row[QUEUE], column[QUEUE];
} queue;

static inline __attribute__((always_inline)) float fold(float lane[LANES])
{
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++)
            lane[l] += lane[l + half];
    return lane[0];
}

CF_VECTORISED static float product(const float *x, const float *y, int dim)
{
    float lane[LANES] = {0};
    int whole = dim - dim % LANES;
    for (int i = 0; i < whole; i += LANES)
        for (int l = 0; l < LANES; l++)
            lane[l] += x[i + l] * y[i + l];
    for (int i = whole; i < dim; i++)
        lane[i - whole] += x[i] * y[i];
    return fold(lane);
}

CF_VECTORISED static float squared_distance(const float *x, const float *y,
                                            int dim)
{
    float lane[LANES] = {0};
    int whole = dim - dim % LANES;
    for (int i = 0; i < whole; i += LANES)
        for (int l = 0; l < LANES; l++)
            lane[l] += (x[i + l] - y[i + l]) * (x[i + l] - y[i + l]);
    for (int i = whole; i < dim; i++)
        lane[i - whole] += (x[i] - y[i]) * (x[i] - y[i]);
    return fold(lane);
}

/* An upper bound of the product of two rows, or of -distance²/2. */
static float bound_of_rows(const cf_measure *u, const cf_meeting *m, int64_t i,
                           int64_t j, float rounding)
{
    const cf_tiles *a = &m->a->tiles, *b = &m->b->tiles;
    const float *x = a->slab->rows + i * u->dim;
    const float *y = b->slab->rows + j * u->dim;
    if (u->scale < 1 || u->scale > 1)
        return INFINITY; /* they might not fit float32 */
    if (u->similarity == CF_EUCLIDEAN)
        return -0.5f * squared_distance(x, y, u->dim) *
                   (1 - 2 * (float)(u->dim + 8) * UNIT) +
               (float)(2 * u->dim * SMALLEST);
    return product(x, y, u->dim) * a->inverse[i] * b->inverse[j] + rounding;
}

/* The score of two rows as it stands in lists. */
static float score_of_rows(const cf_measure *u, const cf_meeting *m, int64_t i,
                           int64_t j)
{
    const cf_tiles *a = &m->a->tiles, *b = &m->b->tiles;
    const float *x = a->slab->rows + i * u->dim;
    const float *y = b->slab->rows + j * u->dim;
    float score =
        cf_score(u->similarity, x, a->squared[i], y, b->squared[j], u->dim);
    return u->similarity == CF_EUCLIDEAN ? -score : score;
}

static void score_queue(cf_meetings *s, const cf_meeting *m, queue *q)
{
    const cf_gidx *id_a = m->a->tiles.slab->id, *id_b = m->b->tiles.slab->id;
    float rounding = rounding_of(&s->measure, m);
    for (int t = 0; t < q->count; t++) {
        int64_t i = m->i * CF_SIDE + q->row[t];
        int64_t j = m->j * CF_SIDE + q->column[t];
        if (bound_of_rows(&s->measure, m, i, j, rounding) <
            fminf(m->a->least[i], m->b->least[j]))
            continue;
        s->exact++;
        float score = score_of_rows(&s->measure, m, i, j);
        cf_party_offer(&s->measure, m->a, i, score, id_b[j]);
        cf_party_offer(&s->measure, m->b, j, score, id_a[i]);
    }
    q->count = 0;
}

static void enqueue(cf_meetings *s, const cf_meeting *m, queue *q, int row,
                    int column)
{
    const char *y = (const char *)(m->b->tiles.slab->rows +
                                   (m->j * CF_SIDE + column) * s->measure.dim);
    for (int64_t at = 0; at < s->measure.dim * (int64_t)sizeof(float); at += 64)
        __builtin_prefetch(y + at);
    q->row[q->count] = row;
    q->column[q->count++] = column;
    if (q->count == QUEUE)
        score_queue(s, m, q);
}

static void score_hits(cf_meetings *s, const cf_meeting *m, int hits)
{
    queue q = {0};
    int rows = cf_tile_rows(&m->a->tiles, m->i);
    int columns = cf_tile_rows(&m->b->tiles, m->j);
    bool diagonal = m->a == m->b && m->i == m->j;
    for (int h = 0; h < hits; h++) {
        int row = s->hits[h].row;
        for (uint32_t bits = s->hits[h].passed; bits != 0; bits &= bits - 1) {
            int column = s->hits[h].column + __builtin_ctz(bits);
            if (row < rows && column < columns && !(diagonal && column <= row))
                enqueue(s, m, &q, row, column);
        }
    }
    score_queue(s, m, &q);
}

/* Every pair: where the integers would not fit. */
static int all_hits(cf_meetings *s)
{
    int count = 0;
    for (int row = 0; row < CF_SIDE; row++)
        for (int column = 0; column < CF_SIDE; column += CF_GROUP)
            s->hits[count++] =
                (cf_hit){(int16_t)row, (int16_t)column, (1u << CF_GROUP) - 1};
    return count;
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

/* What two tiles bring to their integer product. */
typedef struct terms {
    cf_tile_pair pair;
    float per_unit; /* integers are products times this */
    bool fits;
    int32_t start[2][CF_SIDE], least[2][CF_SIDE];
} terms;

static void prepare(const cf_measure *u, const cf_meeting *m, terms *t)
{
    const cf_tiles *a = &m->a->tiles, *b = &m->b->tiles;
    int64_t i = m->i * CF_SIDE, j = m->j * CF_SIDE;
    int rows = cf_tile_rows(a, m->i), columns = cf_tile_rows(b, m->j);
    int stride = a->quads * CF_QUAD;
    double unit = (double)a->row_step[m->i] * (double)b->col_step[m->j];
    t->per_unit = (float)(1 / unit);
    t->fits = isfinite(t->per_unit) &&
              starts(m->with_b, a->inverse + i, a->base + i, a->coded + i,
                     b->col_error[m->j], rounding_of(u, m) + m->constant,
                     t->per_unit, rows, t->start[0]);
    t->fits = t->fits &&
              starts(m->with_a, b->inverse + j, b->base + j, b->residual + j,
                     a->row_error[m->i], 0, t->per_unit, columns, t->start[1]);
    for (int r = 0; r < rows && t->fits; r++)
        t->start[0][r] -= u->kernel->offset * a->code_sum[i + r];
    /* Rows that are not there are not to pass for the wants of others. */
    for (int r = rows; r < CF_SIDE; r++)
        t->start[0][r] = t->least[0][r] = (int32_t)-BEYOND;
    for (int c = columns; c < CF_SIDE; c++)
        t->start[1][c] = t->least[1][c] = (int32_t)-BEYOND;
    t->pair = (cf_tile_pair){.quads = a->quads,
                             .rows = rows,
                             .columns = columns,
                             .row_codes = a->row_codes + i * stride,
                             .col_codes = b->col_codes + j * stride,
                             .row_start = t->start[0],
                             .col_start = t->start[1],
                             .row_least = t->least[0],
                             .col_least = t->least[1]};
}

void cf_meet(cf_meetings *s, const cf_meeting *m)
{
    terms t;
    prepare(&s->measure, m, &t);
    m->a->tile_least[m->i] = targets(m->a->least + m->i * CF_SIDE, t.per_unit,
                                     t.pair.rows, t.least[0]);
    m->b->tile_least[m->j] = targets(m->b->least + m->j * CF_SIDE, t.per_unit,
                                     t.pair.columns, t.least[1]);
    score_hits(s, m,
               t.fits ? s->measure.kernel->screen(&t.pair, s->hits)
                      : all_hits(s));
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
    prepare(&s->measure, m, &t);
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
        for (int c = 0; c < CF_SIDE; c++)
            bound[c] = -INFINITY;
        if (t.fits)
            lower_bounds(s->sums + r * CF_SIDE, 1 / t.per_unit, less,
                         t.pair.columns, bound);
        if (m->a == m->b && m->i == m->j)
            bound[r] = -INFINITY;
    }
}
