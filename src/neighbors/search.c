/* Method  For each tile the tiles most alike are found by their centres. Lower
 *         bounds of the products with these give every row's list a proven
 *         floor; then these tiles meet, as they raise floors further, and the
 *         rest follows in an order that is kind to the caches. Tiles whose
 *         centres are too far apart for anything are left out. How many
 *         dimensions the screen looks at before a pair is confirmed by all of
 *         them is what costs least for a sample of pairs.
 * Cost    Besides the meetings: 4 d flops a row and tile of the other side, for
 *         the products of rows with centres. */
#include "search.h"

#include <cblas.h>
#include <math.h>

#include "cfmpi/cpu.h"
#include "cfmpi/memory.h"
#include "cfmpi/progress.h"

#define SEEDS 8  /* of them, those that give lists their first floor */
#define LANES 16 /* values looked at side by side */
#define STRIP 32 /* tiles of rows, and ... */
#define CHUNK 32 /* ... of columns, with products with centres at hand */

/* What a thread needs for itself. */
typedef struct cf_worker {
    cf_meetings meetings;
    cf_search *search;
    bool first;       /* the thread that may call MPI */
    float *products;  /* rows with the centres of tiles, both ways */
    float *constants; /* of pairs of tiles */
    float *bounds;    /* of a tile with several */
} cf_worker;

void cf_search_begin(cf_search *s, const cf_measure *measure)
{
    int threads = measure->crew->threads;
    *s = (cf_search){.measure = *measure};
    measure->crew->ring = &s->ring;
    s->blas_threads = openblas_get_num_threads();
    openblas_set_num_threads(1);
    s->workers = cf_calloc(threads, sizeof *s->workers, "threads");
    for (int t = 0; t < threads; t++) {
        cf_worker *w = &s->workers[t];
        cf_meetings_begin(&w->meetings, measure);
        w->search = s;
        w->first = t == 0;
        w->products = cf_alloc(2 * STRIP * CHUNK * CF_SIDE, sizeof *w->products,
                               "products with centres");
        w->constants =
            cf_alloc(STRIP * CHUNK, sizeof *w->constants, "tile constants");
        w->bounds = cf_alloc(CF_SIDE * SEEDS * CF_SIDE, sizeof *w->bounds,
                             "bounds of products");
    }
}

static cf_crew *crew_of(const cf_search *s)
{
    return s->measure.crew;
}

void cf_search_end(cf_search *s)
{
    for (int t = 0; s->workers != NULL && t < crew_of(s)->threads; t++) {
        cf_meetings_end(&s->workers[t].meetings);
        cf_free(s->workers[t].products);
        cf_free(s->workers[t].constants);
        cf_free(s->workers[t].bounds);
    }
    if (s->workers != NULL) {
        openblas_set_num_threads(s->blas_threads);
        crew_of(s)->ring = NULL;
    }
    cf_free(s->workers);
    *s = (cf_search){0};
}

int64_t cf_search_exact(const cf_search *s)
{
    int64_t sum = 0;
    for (int t = 0; t < crew_of(s)->threads; t++)
        sum += s->workers[t].meetings.exact;
    return sum;
}

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
    int32_t
        *near; /* [tiles in a][CF_NEAR] tiles of b, -1 where there is none */
} plan;

static bool is_near_to(const plan *p, int64_t i, int64_t j)
{
    for (int t = 0; t < CF_NEAR; t++)
        if (p->near[(i - p->in_a.first) * CF_NEAR + t] == j)
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
    int32_t *near = p->near + (i - p->in_a.first) * CF_NEAR;
    float value[CF_NEAR];
    int have = 0;
    for (int64_t j = p->in_b.first; j < p->in_b.last; j++) {
        float x = constant[j - p->in_b.first] * weight[j];
        x = p->same && i == j ? INFINITY : x;
        if (have == CF_NEAR && !(x > value[have - 1]))
            continue;
        int at = have < CF_NEAR ? have++ : CF_NEAR - 1;
        for (; at > 0 && value[at - 1] < x; at--) {
            value[at] = value[at - 1];
            near[at] = near[at - 1];
        }
        value[at] = x;
        near[at] = (int32_t)j;
    }
    for (int t = have; t < CF_NEAR; t++)
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
    default: break;
    }
    return 1;
}

/* What threads need to make a plan together. */
typedef struct planning {
    cf_crew *crew;
    plan *plan;
    const float *weight;
    float *constant; /* of each thread [tiles in b] */
} planning;

static void plan_some(int thread, void *data)
{
    const planning *g = data;
    plan *p = g->plan;
    int64_t columns = p->in_b.last - p->in_b.first;
    float *constant = g->constant + thread * columns;
    for (int64_t i;
         (i = p->in_a.first + cf_crew_next(g->crew)) < p->in_a.last;) {
        if (columns > 0)
            constants(&p->a->tiles, (cf_tile_range){i, i + 1}, &p->b->tiles,
                      p->in_b, constant);
        find_near(p, constant, g->weight, i);
    }
}

static void make_plan(plan *p, cf_crew *crew, int32_t *near)
{
    const cf_tiles *b = &p->b->tiles;
    int64_t columns = p->in_b.last - p->in_b.first;
    float *weight = cf_alloc(b->tiles, sizeof *weight, "order of tiles");
    planning g = {
        crew, p, weight,
        cf_alloc(crew->threads * columns, sizeof(float), "order of tiles")};
    p->near = near;
    if (near == NULL)
        p->near = cf_alloc((p->in_a.last - p->in_a.first) * CF_NEAR,
                           sizeof *p->near, "order of tiles");
    for (int64_t j = 0; j < b->tiles; j++)
        weight[j] = weight_of(b, j);
    cf_crew_run(crew, plan_some, &g);
    cf_free(g.constant);
    cf_free(weight);
}

CF_VECTORISED static int count_reaching(const float *x, int n, float least)
{
    int count = 0;
    for (int i = 0; i < n; i++)
        count += x[i] >= least;
    return count;
}

/* The smallest and the largest of n finite bounds, -inf left out; returns how
 * many there are. */
CF_VECTORISED static int64_t range_of(const float *x, int n, float *low,
                                      float *high)
{
    float least[LANES], most[LANES];
    int32_t finite[LANES] = {0};
    int64_t count = 0;
    for (int l = 0; l < LANES; l++) {
        least[l] = INFINITY;
        most[l] = -INFINITY;
    }
    for (int i = 0; i < n; i += LANES)
        for (int l = 0; l < LANES; l++) {
            float y = x[i + l];
            bool is = y > -INFINITY;
            finite[l] += is;
            least[l] = is && y < least[l] ? y : least[l];
            most[l] = y > most[l] ? y : most[l];
        }
    *low = INFINITY;
    *high = -INFINITY;
    for (int l = 0; l < LANES; l++) {
        count += finite[l];
        *low = fminf(*low, least[l]);
        *high = fmaxf(*high, most[l]);
    }
    return count;
}

/* A value that at least `wanted` of n bounds reach, close to the largest such;
 * -inf when so many are not there. n is a multiple of LANES. */
static float reached_by(const float *bounds, int n, int64_t wanted)
{
    float low, high;
    if (range_of(bounds, n, &low, &high) < wanted)
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

/* Tile i of a and tile j of b, without products. */
static cf_meeting encounter(const plan *p, int64_t i, int64_t j)
{
    cf_meeting m = {.a = p->a, .b = p->b, .i = i, .j = j};
    constants(&p->a->tiles, (cf_tile_range){i, i + 1}, &p->b->tiles,
              (cf_tile_range){j, j + 1}, &m.constant);
    return m;
}

/* Adds products of their own. */
static void multiply(cf_worker *w, cf_meeting *m)
{
    const cf_tiles *a = &m->a->tiles, *b = &m->b->tiles;
    float *with_b = w->products, *with_a = w->products + CF_SIDE;
    with_centres(a, m->i, m->i + 1, b->centre + m->j * b->dim, 1, with_b);
    with_centres(b, m->j, m->j + 1, a->centre + m->i * a->dim, 1, with_a);
    m->with_b = with_b;
    m->with_a = with_a;
}

/* Floors of the rows of tile i from the tiles most alike. */
static void seed(cf_worker *w, const plan *p, int64_t i)
{
    const cf_measure *u = &w->meetings.measure;
    const int32_t *near = p->near + (i - p->in_a.first) * CF_NEAR;
    int count = 0;
    /* In few dimensions the nearest tiles have most of the neighbours. */
    int most = CF_MIN(SEEDS, 2 + u->dim / 16);
    for (; count < most && near[count] >= 0; count++) {
        cf_meeting m = encounter(p, i, near[count]);
        multiply(w, &m);
        cf_meeting_bounds(&w->meetings, &m, w->bounds + count * CF_SIDE,
                          SEEDS * CF_SIDE);
    }
    for (int r = 0; r < cf_tile_rows(&p->a->tiles, i); r++) {
        int64_t at = i * CF_SIDE + r;
        float bound = reached_by(w->bounds + r * SEEDS * CF_SIDE,
                                 count * CF_SIDE, p->a->lists.k + 1 + u->apart);
        cf_party_raise(u, p->a, at, cf_floor_of(u, bound));
    }
    cf_party_note_least(p->a, i);
}

static void count_pairs(cf_worker *w, const cf_meeting *m)
{
    int64_t pairs = (int64_t)cf_tile_rows(&m->a->tiles, m->i) *
                    cf_tile_rows(&m->b->tiles, m->j);
    __atomic_fetch_add(&w->search->pairs, pairs, __ATOMIC_RELAXED);
}

static void advance(cf_worker *w, const cf_meeting *m)
{
    cf_search *s = w->search;
    count_pairs(w, m);
    if (!w->first)
        return;
    cf_ring_progress(&s->ring);
    cf_progress_step((double)__atomic_load_n(&s->pairs, __ATOMIC_RELAXED),
                     s->total);
}

/* Tiles of `range` with those of `other` that are the t-th most alike; where
 * both sides are the same, pairs that come first in `range`. */
static void meet_nth(cf_worker *w, const plan *p, cf_tile_range range,
                     cf_tile_range other, int t)
{
    for (int64_t i = range.first; i < range.last; i++) {
        int64_t j = p->near[(i - p->in_a.first) * CF_NEAR + t];
        if (j < other.first || j >= other.last)
            continue;
        if (p->same && j < i && is_near_to(p, j, i))
            continue; /* has its turn there */
        cf_meeting m = encounter(p, i, j);
        if (!cf_nothing_there(&w->meetings.measure, &m)) {
            multiply(w, &m);
            cf_meet(&w->meetings, &m);
        }
        advance(w, &m);
    }
}

/* Near tiles of two ranges, which are the same or disjoint, those most alike
 * first: they raise floors most. */
static void meet_near(cf_worker *w, const plan *p, cf_tile_range a,
                      cf_tile_range b)
{
    for (int t = 0; t < CF_NEAR; t++) {
        meet_nth(w, p, a, b, t);
        if (p->same && a.first != b.first)
            meet_nth(w, p, b, a, t);
    }
}

/* Of the pairs that are looked at for the choice of a head: at most so many
 * rows by columns, and one of so many, for each takes as long as a thousand in
 * the screen; with fewer than the least the choice before stands. */
#define SAMPLE_ROWS 64
#define SAMPLE_COLUMNS 512
#define SAMPLE_OF 16384
#define SAMPLE_LEAST 256

/* The head that costs least. */
static int choose_head(const cf_search *s, const cf_party *a, const cf_party *b)
{
    const cf_measure *u = &s->measure;
    int quads = a->tiles.quads, best = quads;
    double pairs = (double)a->tiles.count * (double)b->tiles.count;
    int64_t looked = 0, sampled = (int64_t)(pairs / SAMPLE_OF);
    if (sampled < SAMPLE_LEAST)
        return s->head > 0 ? s->head : quads;
    int64_t rows = CF_MIN(SAMPLE_ROWS, (int64_t)sqrt((double)sampled / 8));
    int64_t columns = CF_MIN(SAMPLE_COLUMNS, sampled / rows);
    int64_t down = CF_MAX(1, a->tiles.count / rows);
    int64_t across = CF_MAX(1, b->tiles.count / columns);
    float *bounds = cf_alloc(quads + 1, sizeof *bounds, "sampled pairs");
    double *price = cf_calloc(quads + 1, sizeof *price, "sampled pairs");
    for (int64_t i = down / 2; i < a->tiles.count; i += down)
        for (int64_t j = across / 2; j < b->tiles.count; j += across) {
            float least = fminf(a->least[i], b->least[j]);
            looked++;
            cf_head_bounds(u, a, i, b, j, bounds);
            for (int q = 1; q <= quads; q++)
                price[q] += bounds[q] >= least;
        }
    for (int q = quads; q > 0; q--) {
        price[q] = q + price[q] * u->kernel->price / (double)looked;
        if (price[q] < price[best])
            best = q;
    }
    cf_free(bounds);
    cf_free(price);
    return best;
}

/* Which tiles of a strip and a chunk have still to meet; bit j - chunk.first of
 * to_meet[i - strip.first]. */
static bool remaining(cf_worker *s, const plan *p, cf_tile_range strip,
                      cf_tile_range chunk, uint32_t to_meet[STRIP])
{
    int64_t columns = chunk.last - chunk.first;
    bool any = false;
    constants(&p->a->tiles, strip, &p->b->tiles, chunk, s->constants);
    for (int64_t i = strip.first; i < strip.last; i++) {
        const float *constant = s->constants + (i - strip.first) * columns;
        uint32_t bits = 0;
        for (int64_t j = chunk.first; j < chunk.last; j++) {
            cf_meeting m = {.a = p->a,
                            .b = p->b,
                            .i = i,
                            .j = j,
                            .constant = constant[j - chunk.first]};
            if ((p->same && j < i) || is_near(p, i, j))
                continue;
            if (cf_nothing_there(&s->meetings.measure, &m))
                count_pairs(s, &m);
            else
                bits |= 1u << (j - chunk.first);
        }
        to_meet[i - strip.first] = bits;
        any = any || bits != 0;
    }
    return any;
}

/* The rest of a strip of tiles of a with a chunk of those of b. */
static void meet_chunk(cf_worker *s, const plan *p, cf_tile_range strip,
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
            cf_meeting m = {.a = p->a,
                            .b = p->b,
                            .i = strip.first + r,
                            .j = chunk.first + c,
                            .with_b = with_b + (c * rows + r) * CF_SIDE,
                            .with_a = with_a + (r * columns + c) * CF_SIDE,
                            .constant = s->constants[r * columns + c]};
            cf_meet(&s->meetings, &m);
            advance(s, &m);
        }
}

/* The rest of two ranges, which are the same or disjoint. */
static void meet_far(cf_worker *w, const plan *p, cf_tile_range a,
                     cf_tile_range b)
{
    bool same = p->same && a.first == b.first;
    for (int64_t i = a.first; i < a.last; i += STRIP)
        for (int64_t j = same ? i : b.first; j < b.last; j += CHUNK)
            meet_chunk(w, p, (cf_tile_range){i, CF_MIN(i + STRIP, a.last)},
                       (cf_tile_range){j, CF_MIN(j + CHUNK, b.last)});
}

/* ---- threads ---- */

/* What threads meet for. */
typedef struct turn {
    cf_search *search;
    const plan *plan;
    void (*work)(cf_worker *w, const plan *p, cf_tile_range a, cf_tile_range b);
    int parts, others;
} turn;

static cf_tile_range part_of(cf_tile_range all, int part, int parts)
{
    int64_t n = all.last - all.first;
    return (cf_tile_range){all.first + cf_threads_begin(n, part, parts),
                           all.first + cf_threads_begin(n, part + 1, parts)};
}

static void meet_parts(int thread, int x, int y, void *data)
{
    const turn *r = data;
    const plan *p = r->plan;
    r->work(&r->search->workers[thread], p, part_of(p->in_a, x, r->parts),
            part_of(p->in_b, y, r->others));
}

/* All pairs of ranges by all threads. */
static void share_out(cf_search *s, const plan *p,
                      void (*work)(cf_worker *w, const plan *p, cf_tile_range a,
                                   cf_tile_range b))
{
    turn r = {.search = s, .plan = p, .work = work};
    r.parts = cf_crew_parts(crew_of(s), p->in_a.last - p->in_a.first);
    r.others = cf_crew_parts(crew_of(s), p->in_b.last - p->in_b.first);
    cf_crew_pairs(crew_of(s), r.parts, r.others, p->same, meet_parts, &r);
}

static void seed_some(int thread, void *data)
{
    const turn *r = data;
    const plan *p = r->plan;
    cf_crew *crew = crew_of(r->search);
    for (int64_t i; (i = p->in_a.first + cf_crew_next(crew)) < p->in_a.last;)
        seed(&r->search->workers[thread], p, i);
}

/* The same head for all ranks of the crew, when none of them works. */
static void agree_on_head(cf_search *s, const cf_party *a, const cf_party *b)
{
    const cf_par *here = &crew_of(s)->here;
    if (here->rank == 0)
        s->head = choose_head(s, a, b);
    if (here->size > 1)
        MPI_Bcast(&s->head, 1, MPI_INT, 0, here->comm);
}

void cf_search_pairs(cf_search *s, cf_party *a, cf_tile_range in_a, cf_party *b,
                     cf_tile_range in_b)
{
    cf_crew *crew = crew_of(s);
    plan p = {.a = a, .b = b, .in_a = in_a, .in_b = in_b, .same = a == b};
    turn seeds = {.search = s, .plan = &p};
    make_plan(&p, crew, s->near);
    cf_tiles_set_head(&a->tiles, a->tiles.quads, crew);
    if ((p.same || s->seeds) && s->measure.pairs == NULL)
        cf_crew_run(crew, seed_some, &seeds);
    share_out(s, &p, meet_near);
    agree_on_head(s, a, b);
    cf_tiles_set_head(&a->tiles, s->head, crew);
    cf_tiles_set_head(&b->tiles, s->head, crew);
    share_out(s, &p, meet_far);
    if (s->near == NULL)
        cf_free(p.near);
}
