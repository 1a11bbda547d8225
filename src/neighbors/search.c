/* Method  A row is compared as x = c + r, its tile's centre and a residual, so
 *         x·y = r·s + x·d + y·c - c·d for a row y = d + s of another tile. The
 *         last three terms come from products of rows with centres (sgemm);
 *         the first from 8-bit codes, with a proven bound of its error. What
 *         remains possible against what either row's list asks for is an
 *         integer comparison in registers. What passes is scored exactly.
 *         Tiles most alike come first, so that lists ask for much early.
 *         Distances are compared by -|x-y|²/2 = r·s - |r|²/2 - |s|²/2 -
 *         r·(c-d) + s·(c-d) - |c-d|²/2, where nothing large cancels. Pairs of
 *         tiles whose centres are too far apart for anything are left out.
 * Bound   r = r' + e, s = s' + f with coded r', s': r·s - r'·s' =
 *         e·s + r'·f <= |e||s| + |r'||f|, with the largest e and f of a tile,
 *         which differ less than the lengths. Each float32 product of d terms
 * is off by at most g |x||y|, g = du/(1-du), u = 2^-24 (Higham 2002, 3.1). Cost
 * d/64 instructions a pair, and some ten for 16 pairs; of the rows with
 * centres, 4 d flops a row and tile of the other side. References  Higham:
 * Accuracy and Stability of Numerical Algorithms, 2002. */
#include "search.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

#include "cfmpi/cpu.h"
#include "cfmpi/memory.h"
#include "cfmpi/neighbors.h"
#include "cfmpi/progress.h"

#define UNIT 0x1p-24f
#define NEAR 8   /* tiles most alike that are looked at first */
#define SEEDS 8  /* tiles most alike that give lists their first floor */
#define STRIP 32 /* tiles of rows ... */
#define CHUNK                                                                  \
    32 /* ... and of columns whose products with centres are at hand */
#define SMALLEST 0x1p-149 /* positive float32 */
#define QUEUE 32 /* pairs that wait for their rows to arrive in the cache */
#define LANES 16 /* sums side by side */
#define BEYOND 0x1p29f /* of integers that are added up */

void cf_search_begin(cf_search *s, int dim, enum cf_similarity similarity,
                     double scale)
{
    *s = (cf_search){.kernel = cf_screen_kernel_of_cpu(),
                     .similarity = similarity,
                     .dim = dim,
                     .scale = scale};
    s->hits = cf_alloc(CF_HITS_MOST, sizeof *s->hits, "pairs that passed");
    s->products = cf_alloc(2 * STRIP * CHUNK * CF_SIDE, sizeof *s->products,
                           "products with centres");
    s->constants =
        cf_alloc(STRIP * CHUNK, sizeof *s->constants, "tile constants");
    s->sums = cf_alloc(CF_SIDE * CF_SIDE, sizeof *s->sums, "integer products");
    s->bounds = cf_alloc(CF_SIDE * SEEDS * CF_SIDE, sizeof *s->bounds,
                         "bounds of products");
}

void cf_search_end(cf_search *s)
{
    cf_free(s->hits);
    cf_free(s->products);
    cf_free(s->constants);
    cf_free(s->sums);
    cf_free(s->bounds);
    *s = (cf_search){0};
}

/* ---- parties ---- */

void cf_party_begin(cf_party *p, const cf_search *s, int64_t capacity)
{
    *p = (cf_party){0};
    int64_t rows = (capacity + CF_SIDE - 1) / CF_SIDE * CF_SIDE;
    cf_tiles_begin(&p->tiles, capacity, s->dim, s->similarity);
    p->floor = cf_alloc(2 * rows, sizeof *p->floor, "list floors");
    p->least = p->floor + rows;
    p->tile_least = cf_alloc(rows / CF_SIDE, sizeof *p->tile_least, "floors");
}

void cf_party_end(cf_party *p)
{
    cf_tiles_end(&p->tiles);
    cf_topk_free(&p->lists);
    cf_free(p->floor);
    cf_free(p->tile_least);
    *p = (cf_party){0};
}

/* What is compared: a product, or -distance²/2, of rows times `scale`. Those
 * under it belong to scores below `floor`, which is within its rounding of the
 * exact value. */
static float least_of(const cf_search *s, float floor)
{
    if (isinf(floor))
        return floor;
    if (s->similarity == CF_COSINE)
        return floor - 4 * UNIT * (1 + fabsf(floor));
    double x =
        (double)floor - 2 * (double)UNIT * fabs((double)floor) - SMALLEST;
    x *= s->scale;
    x = s->similarity == CF_DOT ? x * s->scale : -0.5 * x * x;
    return nextafterf((float)(x - 8 * (double)UNIT * fabs(x)), -INFINITY);
}

/* A score below those of all rows whose products reach `least`. */
static float floor_of(const cf_search *s, float least)
{
    double x = (double)least;
    if (isinf(least))
        return least;
    if (s->similarity == CF_COSINE)
        return least - 4 * UNIT * (1 + fabsf(least));
    x = s->similarity == CF_DOT ? x / s->scale : -sqrt(fmax(-2 * x, 0));
    x /= s->scale;
    return nextafterf((float)(x - 8 * (double)UNIT * fabs(x) - SMALLEST),
                      -INFINITY);
}

void cf_party_set(cf_party *p, const cf_search *s, const cf_slab *slab,
                  int64_t k, const float *floor)
{
    cf_tiles_set(&p->tiles, slab, (float)s->scale, s->kernel->offset);
    cf_topk_init(&p->lists, slab->count, k);
    for (int64_t i = 0; i < p->tiles.tiles * CF_SIDE; i++) {
        p->floor[i] = floor != NULL && i < slab->count ? floor[i] : -INFINITY;
        p->least[i] = least_of(s, p->floor[i]);
    }
    for (int64_t tile = 0; tile < p->tiles.tiles; tile++)
        p->tile_least[tile] = -INFINITY;
}

static void raise_floor(const cf_search *s, cf_party *p, int64_t i, float floor)
{
    if (floor > p->floor[i]) {
        p->floor[i] = floor;
        p->least[i] = least_of(s, floor);
    }
}

void cf_party_offer(const cf_search *s, cf_party *p, int64_t i, float score,
                    cf_gidx index)
{
    if (!(score >= p->floor[i]))
        return;
    cf_topk_push(&p->lists, i, score, index);
    raise_floor(s, p, i, cf_topk_floor(&p->lists, i));
}

/* ---- one pair of tiles ---- */

/* Two tiles with the products of the rows of each and the centre of the
 * other, as given (not yet times `inverse`). */
typedef struct meeting {
    cf_party *a, *b;
    int64_t i, j;                 /* tiles */
    const float *with_b, *with_a; /* [CF_SIDE] rows of a, of b */
    float constant; /* of all products: what the centres alone add */
} meeting;

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
static float size_of(const meeting *m)
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
static float rounding_of(const cf_search *s, const meeting *m)
{
    float smallest = (float)(SMALLEST * fmax(s->scale, 1));
    return 4 * (float)(s->dim + 16) * (UNIT * size_of(m) + smallest);
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
static float bound_of_rows(const cf_search *s, const meeting *m, int64_t i,
                           int64_t j, float rounding)
{
    const cf_tiles *a = &m->a->tiles, *b = &m->b->tiles;
    const float *x = a->slab->rows + i * s->dim;
    const float *y = b->slab->rows + j * s->dim;
    if (s->scale < 1 || s->scale > 1)
        return INFINITY; /* they might not fit float32 */
    if (s->similarity == CF_EUCLIDEAN)
        return -0.5f * squared_distance(x, y, s->dim) *
                   (1 - 2 * (float)(s->dim + 8) * UNIT) +
               (float)(2 * s->dim * SMALLEST);
    return product(x, y, s->dim) * a->inverse[i] * b->inverse[j] + rounding;
}

/* The score of two rows as it stands in lists. */
static float score_of_rows(const cf_search *s, const meeting *m, int64_t i,
                           int64_t j)
{
    const cf_tiles *a = &m->a->tiles, *b = &m->b->tiles;
    const float *x = a->slab->rows + i * s->dim;
    const float *y = b->slab->rows + j * s->dim;
    float score =
        cf_score(s->similarity, x, a->squared[i], y, b->squared[j], s->dim);
    return s->similarity == CF_EUCLIDEAN ? -score : score;
}

static void score_queue(cf_search *s, const meeting *m, queue *q)
{
    const cf_gidx *id_a = m->a->tiles.slab->id, *id_b = m->b->tiles.slab->id;
    float rounding = rounding_of(s, m);
    for (int t = 0; t < q->count; t++) {
        int64_t i = m->i * CF_SIDE + q->row[t];
        int64_t j = m->j * CF_SIDE + q->column[t];
        if (bound_of_rows(s, m, i, j, rounding) <
            fminf(m->a->least[i], m->b->least[j]))
            continue;
        s->exact++;
        float score = score_of_rows(s, m, i, j);
        cf_party_offer(s, m->a, i, score, id_b[j]);
        cf_party_offer(s, m->b, j, score, id_a[i]);
    }
    q->count = 0;
}

static void enqueue(cf_search *s, const meeting *m, queue *q, int row,
                    int column)
{
    const char *y = (const char *)(m->b->tiles.slab->rows +
                                   (m->j * CF_SIDE + column) * s->dim);
    for (int64_t at = 0; at < s->dim * (int64_t)sizeof(float); at += 64)
        __builtin_prefetch(y + at);
    q->row[q->count] = row;
    q->column[q->count++] = column;
    if (q->count == QUEUE)
        score_queue(s, m, q);
}

static void score_hits(cf_search *s, const meeting *m, int hits)
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
static int all_hits(cf_search *s)
{
    int count = 0;
    for (int row = 0; row < CF_SIDE; row++)
        for (int column = 0; column < CF_SIDE; column += CF_GROUP)
            s->hits[count++] =
                (cf_hit){(int16_t)row, (int16_t)column, (1u << CF_GROUP) - 1};
    return count;
}

/* Whether no pair of the two tiles can matter to anyone: products are at most
 * those of the centres and what residuals add, and distances at least that of
 * the centres less the residuals. */
static bool nothing_there(const cf_search *s, const meeting *m)
{
    const cf_tiles *a = &m->a->tiles, *b = &m->b->tiles;
    float reach_a = a->reach[m->i], reach_b = b->reach[m->j], most;
    if (s->similarity == CF_EUCLIDEAN) {
        float apart = sqrtf(-2 * m->constant) - reach_a - reach_b;
        most = apart > 0 ? -0.5f * apart * apart : 0;
    } else {
        most = -m->constant + reach_a * b->length[m->j] +
               reach_b * a->length[m->i] + reach_a * reach_b;
    }
    return most + 2 * rounding_of(s, m) <
           fminf(m->a->tile_least[m->i], m->b->tile_least[m->j]);
}

/* What two tiles bring to their integer product. */
typedef struct terms {
    cf_tile_pair pair;
    float per_unit; /* integers are products times this */
    bool fits;
    int32_t start[2][CF_SIDE], least[2][CF_SIDE];
} terms;

static void prepare(const cf_search *s, const meeting *m, terms *t)
{
    const cf_tiles *a = &m->a->tiles, *b = &m->b->tiles;
    int64_t i = m->i * CF_SIDE, j = m->j * CF_SIDE;
    int rows = cf_tile_rows(a, m->i), columns = cf_tile_rows(b, m->j);
    int stride = a->quads * CF_QUAD;
    double unit = (double)a->row_step[m->i] * (double)b->col_step[m->j];
    t->per_unit = (float)(1 / unit);
    t->fits = isfinite(t->per_unit) &&
              starts(m->with_b, a->inverse + i, a->base + i, a->coded + i,
                     b->col_error[m->j], rounding_of(s, m) + m->constant,
                     t->per_unit, rows, t->start[0]);
    t->fits = t->fits &&
              starts(m->with_a, b->inverse + j, b->base + j, b->residual + j,
                     a->row_error[m->i], 0, t->per_unit, columns, t->start[1]);
    for (int r = 0; r < rows && t->fits; r++)
        t->start[0][r] -= s->kernel->offset * a->code_sum[i + r];
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

static void meet(cf_search *s, const meeting *m)
{
    terms t;
    prepare(s, m, &t);
    m->a->tile_least[m->i] = targets(m->a->least + m->i * CF_SIDE, t.per_unit,
                                     t.pair.rows, t.least[0]);
    m->b->tile_least[m->j] = targets(m->b->least + m->j * CF_SIDE, t.per_unit,
                                     t.pair.columns, t.least[1]);
    score_hits(s, m,
               t.fits ? s->kernel->screen(&t.pair, s->hits) : all_hits(s));
}

/* ---- what lists can ask for from the outset ---- */

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

static void bounds_of_meeting(cf_search *s, const meeting *m, float *bounds)
{
    const cf_tiles *a = &m->a->tiles, *b = &m->b->tiles;
    terms t;
    prepare(s, m, &t);
    if (t.fits)
        s->kernel->products(&t.pair, s->sums);
    for (int r = 0; r < t.pair.rows; r++) {
        float *bound = bounds + r * SEEDS * CF_SIDE;
        float less =
            2.001f * (a->coded[m->i * CF_SIDE + r] * b->col_error[m->j] +
                      a->row_error[m->i] * b->reach[m->j]);
        less += 4 * rounding_of(s, m);
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

CF_VECTORISED static int count_reaching(const float *x, int n, float least)
{
    int count = 0;
    for (int i = 0; i < n; i++)
        count += x[i] >= least;
    return count;
}

/* A value that at least `wanted` of the bounds reach, close to the largest
 * such; -inf when so many are not there. */
static float reached_by(const float *bounds, int n, int64_t wanted)
{
    float low = INFINITY, high = -INFINITY;
    int64_t there = 0;
    for (int i = 0; i < n; i++) {
        there += bounds[i] > -INFINITY;
        low = bounds[i] > -INFINITY && bounds[i] < low ? bounds[i] : low;
        high = bounds[i] > high ? bounds[i] : high;
    }
    if (there < wanted)
        return -INFINITY;
    for (int step = 0; step < 16; step++) {
        float middle = 0.5f * (low + high);
        if (count_reaching(bounds, n, middle) >= wanted)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* ---- the order of tiles ---- */

/* Products of the rows of `t` in tiles [first, last) with `count` centres;
 * out [count][tiles x CF_SIDE]. */
static void with_centres(const cf_tiles *t, int64_t first, int64_t last,
                         const float *centres, int count, float *out)
{
    int64_t at = first * CF_SIDE, rows = CF_MIN(last * CF_SIDE, t->count) - at;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, count, (int)rows,
                t->dim, 1, centres, t->dim, t->linear + at * t->dim, t->dim, 0,
                out, (int)(last - first) * CF_SIDE);
}

/* Constants of tiles with tiles: out [tiles in a][tiles in b] */
static void constants(const cf_tiles *a, cf_tile_range in_a, const cf_tiles *b,
                      cf_tile_range in_b, float *out)
{
    int rows = (int)(in_a.last - in_a.first);
    int columns = (int)(in_b.last - in_b.first);
    if (a->similarity == CF_EUCLIDEAN)
        for (int r = 0; r < rows; r++)
            for (int c = 0; c < columns; c++)
                out[r * columns + c] =
                    (float)(-0.5 * cf_squared_distance(
                                       a->centre + (in_a.first + r) * a->dim,
                                       b->centre + (in_b.first + c) * b->dim,
                                       a->dim));
    else
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, columns,
                    a->dim, -1, a->centre + in_a.first * a->dim, a->dim,
                    b->centre + in_b.first * b->dim, b->dim, 0, out, columns);
}

/* The order in which two blocks meet. */
typedef struct plan {
    cf_party *a, *b;
    cf_tile_range in_a, in_b;
    bool same;
    int32_t *near; /* [tiles in a][NEAR] tiles of b, -1 where there is none */
} plan;

static bool is_near_to(const plan *p, int64_t i, int64_t j)
{
    for (int t = 0; t < NEAR; t++)
        if (p->near[(i - p->in_a.first) * NEAR + t] == j)
            return true;
    return false;
}

static bool is_near(const plan *p, int64_t i, int64_t j)
{
    return is_near_to(p, i, j) || (p->same && is_near_to(p, j, i));
}

/* The tiles of b most alike to tile i, best first: by the constants, [tiles in
 * b], times `weight`. */
static void find_near(plan *p, const float *constant, const float *weight,
                      int64_t i)
{
    int32_t *near = p->near + (i - p->in_a.first) * NEAR;
    float value[NEAR];
    int have = 0;
    for (int64_t j = p->in_b.first; j < p->in_b.last; j++) {
        float x = constant[j - p->in_b.first] * weight[j];
        x = p->same && i == j ? INFINITY : x;
        if (have == NEAR && !(x > value[have - 1]))
            continue;
        int at = have < NEAR ? have++ : NEAR - 1;
        for (; at > 0 && value[at - 1] < x; at--) {
            value[at] = value[at - 1];
            near[at] = near[at - 1];
        }
        value[at] = x;
        near[at] = (int32_t)j;
    }
    for (int t = have; t < NEAR; t++)
        near[t] = -1;
}

/* Products of centres as cosines, constants of distances as they are. */
static float weight_of(const cf_tiles *t, int64_t tile)
{
    const float *c = t->centre + tile * t->dim;
    switch (t->similarity) {
    case CF_COSINE:
        return -1 / fmaxf((float)sqrt(cf_dot(c, c, t->dim)), 1e-20f);
    case CF_DOT: return -1;
    case CF_EUCLIDEAN: break;
    }
    return 1;
}

static void make_plan(plan *p)
{
    const cf_tiles *a = &p->a->tiles, *b = &p->b->tiles;
    int64_t columns = p->in_b.last - p->in_b.first;
    float *constant = cf_alloc(columns, sizeof *constant, "order of tiles");
    float *weight = cf_alloc(b->tiles, sizeof *weight, "order of tiles");
    p->near = cf_alloc((p->in_a.last - p->in_a.first) * NEAR, sizeof *p->near,
                       "order of tiles");
    for (int64_t j = 0; j < b->tiles; j++)
        weight[j] = weight_of(b, j);
    for (int64_t i = p->in_a.first; i < p->in_a.last; i++) {
        if (columns > 0)
            constants(a, (cf_tile_range){i, i + 1}, b, p->in_b, constant);
        find_near(p, constant, weight, i);
    }
    cf_free(constant);
    cf_free(weight);
}

/* Floors of the rows of tile i from the tiles most alike. */
static void seed(cf_search *s, const plan *p, int64_t i)
{
    const cf_tiles *a = &p->a->tiles, *b = &p->b->tiles;
    const int32_t *near = p->near + (i - p->in_a.first) * NEAR;
    float *with_b = s->products, *with_a = s->products + CF_SIDE;
    int count = 0;
    for (; count < SEEDS && near[count] >= 0; count++) {
        int64_t j = near[count];
        meeting m = {p->a, p->b, i, j, with_b, with_a, 0};
        with_centres(a, i, i + 1, b->centre + j * b->dim, 1, with_b);
        with_centres(b, j, j + 1, a->centre + i * a->dim, 1, with_a);
        constants(a, (cf_tile_range){i, i + 1}, b, (cf_tile_range){j, j + 1},
                  &m.constant);
        bounds_of_meeting(s, &m, s->bounds + count * CF_SIDE);
    }
    for (int r = 0; r < cf_tile_rows(a, i); r++) {
        int64_t at = i * CF_SIDE + r;
        float bound = reached_by(s->bounds + r * SEEDS * CF_SIDE,
                                 count * CF_SIDE, p->a->lists.k + 1);
        raise_floor(s, p->a, at, floor_of(s, bound));
    }
}

static void advance(cf_search *s, const meeting *m)
{
    s->pairs += (double)cf_tile_rows(&m->a->tiles, m->i) *
                cf_tile_rows(&m->b->tiles, m->j);
    cf_ring_progress(&s->ring);
    cf_progress_step(s->pairs, s->total);
}

static void meet_near(cf_search *s, const plan *p, int64_t i)
{
    const cf_tiles *a = &p->a->tiles, *b = &p->b->tiles;
    const int32_t *near = p->near + (i - p->in_a.first) * NEAR;
    float *with_b = s->products, *with_a = s->products + CF_SIDE;
    for (int t = 0; t < NEAR && near[t] >= 0; t++) {
        int64_t j = near[t];
        if (p->same && j < i && is_near_to(p, j, i))
            continue; /* was there already */
        with_centres(a, i, i + 1, b->centre + j * b->dim, 1, with_b);
        with_centres(b, j, j + 1, a->centre + i * a->dim, 1, with_a);
        meeting m = {p->a, p->b, i, j, with_b, with_a, 0};
        constants(a, (cf_tile_range){i, i + 1}, b, (cf_tile_range){j, j + 1},
                  &m.constant);
        meet(s, &m);
        advance(s, &m);
    }
}

/* Which tiles of a strip and a chunk have still to meet; bit j - chunk.first of
 * to_meet[i - strip.first]. */
static bool remaining(cf_search *s, const plan *p, cf_tile_range strip,
                      cf_tile_range chunk, uint32_t to_meet[STRIP])
{
    int64_t columns = chunk.last - chunk.first;
    bool any = false;
    constants(&p->a->tiles, strip, &p->b->tiles, chunk, s->constants);
    for (int64_t i = strip.first; i < strip.last; i++) {
        const float *constant = s->constants + (i - strip.first) * columns;
        uint32_t bits = 0;
        for (int64_t j = chunk.first; j < chunk.last; j++) {
            meeting m = {.a = p->a,
                         .b = p->b,
                         .i = i,
                         .j = j,
                         .constant = constant[j - chunk.first]};
            if ((p->same && j < i) || is_near(p, i, j))
                continue;
            if (nothing_there(s, &m))
                advance(s, &m);
            else
                bits |= 1u << (j - chunk.first);
        }
        to_meet[i - strip.first] = bits;
        any = any || bits != 0;
    }
    return any;
}

/* The rest of a strip of tiles of a with a chunk of those of b. */
static void meet_far(cf_search *s, const plan *p, cf_tile_range strip,
                     cf_tile_range chunk)
{
    const cf_tiles *a = &p->a->tiles, *b = &p->b->tiles;
    int64_t rows = strip.last - strip.first, columns = chunk.last - chunk.first;
    float *with_b = s->products;
    float *with_a = s->products + STRIP * CHUNK * CF_SIDE;
    uint32_t to_meet[STRIP];
    if (!remaining(s, p, strip, chunk, to_meet))
        return;
    with_centres(a, strip.first, strip.last, b->centre + chunk.first * b->dim,
                 (int)columns, with_b);
    with_centres(b, chunk.first, chunk.last, a->centre + strip.first * a->dim,
                 (int)rows, with_a);
    for (int64_t c = 0; c < columns; c++)
        for (int64_t r = 0; r < rows; r++) {
            if (!(to_meet[r] >> c & 1))
                continue;
            meeting m = {.a = p->a,
                         .b = p->b,
                         .i = strip.first + r,
                         .j = chunk.first + c,
                         .with_b = with_b + (c * rows + r) * CF_SIDE,
                         .with_a = with_a + (r * columns + c) * CF_SIDE,
                         .constant = s->constants[r * columns + c]};
            meet(s, &m);
            advance(s, &m);
        }
}

void cf_search_pairs(cf_search *s, cf_party *a, cf_tile_range in_a, cf_party *b,
                     cf_tile_range in_b)
{
    plan p = {.a = a, .b = b, .in_a = in_a, .in_b = in_b, .same = a == b};
    make_plan(&p);
    for (int64_t i = in_a.first; i < in_a.last && p.same; i++)
        seed(s, &p, i);
    for (int64_t i = in_a.first; i < in_a.last; i++)
        meet_near(s, &p, i);
    for (int64_t i = in_a.first; i < in_a.last; i += STRIP)
        for (int64_t j = p.same ? i : in_b.first; j < in_b.last; j += CHUNK)
            meet_far(s, &p, (cf_tile_range){i, CF_MIN(i + STRIP, in_a.last)},
                     (cf_tile_range){j, CF_MIN(j + CHUNK, in_b.last)});
    cf_free(p.near);
}
