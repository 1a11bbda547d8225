/* Method  Products of all queries with a block of rows at a time, in float32;
 *         pairs whose products reach what the query's list asks for, less the
 *         rounding, are scored exactly. Threads multiply a block each, and
 *         then each looks at some queries, block after block.
 * Bound   A float32 product of d terms is off by at most g |x||y|, g =
 *         du/(1-du), u = 2^-24, whatever the order of its sum, and by what is
 *         lost under the smallest normal number; distances are compared by
 *         -|x-y|²/2 = x·y - |x|²/2 - |y|²/2, all within (|x|+|y|)².
 * Cost    See the header.
 * References  Higham: Accuracy and Stability of Numerical Algorithms, 2002,
 *             section 3.1. */
#include "direct.h"

#include <cblas.h>
#include <math.h>

#include "cfmpi/cpu.h"
#include "cfmpi/memory.h"
#include "cfmpi/progress.h"
#include "cfmpi/threads.h"

#define UNIT 0x1p-24f      /* rounding of a float32 */
#define SMALLEST 0x1p-149f /* positive float32 */
#define BLOCK 256          /* rows of which products are at hand */

/* Measured with 128 dimensions and with 8. */
int64_t cf_direct_most = 1500;

/* A block of base rows. */
typedef struct cf_direct_block {
    int64_t first;
    int rows;
    float times[BLOCK], plus[BLOCK]; /* of products with each row */
    float longest;
} block;

/* Blocks that all threads have in hand together: more for a few queries, for
 * which one is soon done. */
static int room_for(int threads, int64_t queries)
{
    if (threads == 1)
        return 1;
    return threads * (int)CF_MIN(8, CF_MAX(1, 1024 / CF_MAX(queries, 1)));
}

void cf_direct_begin(cf_direct *d, const cf_measure *measure,
                     const cf_slab *base, int64_t queries)
{
    *d = (cf_direct){.measure = measure, .base = base};
    d->room = room_for(measure->crew->threads, queries);
    d->squared = cf_alloc(base->count, sizeof *d->squared, "row lengths");
    d->block = cf_alloc(d->room, sizeof *d->block, "blocks of rows");
    d->products =
        cf_alloc(d->room * queries * BLOCK, sizeof *d->products, "products");
    d->scored = cf_calloc(measure->crew->threads, sizeof *d->scored, "threads");
    d->found = cf_calloc(measure->crew->threads, sizeof *d->found, "threads");
    for (int64_t i = 0; i < base->count; i++) {
        const float *x = base->rows + i * measure->dim;
        d->squared[i] = cf_dot(x, x, measure->dim);
    }
}

void cf_direct_end(cf_direct *d)
{
    cf_free(d->squared);
    cf_free(d->block);
    cf_free(d->products);
    cf_free(d->scored);
    cf_free(d->found);
    *d = (cf_direct){0};
}

static void set_block(const cf_direct *d, int64_t first, block *b)
{
    double longest = 0;
    b->first = first;
    b->rows = (int)CF_MIN(BLOCK, d->base->count - first);
    for (int r = 0; r < b->rows; r++) {
        double squared = d->squared[first + r];
        b->times[r] = 1;
        b->plus[r] = 0;
        if (d->measure->similarity == CF_COSINE)
            b->times[r] = (float)(1 / sqrt(squared));
        else if (d->measure->similarity == CF_EUCLIDEAN)
            b->plus[r] = (float)(-0.5 * squared);
        longest = fmax(longest, squared);
    }
    b->longest = (float)sqrt(longest) * (1 + 4 * UNIT);
}

/* What products times `times` plus `plus` reach for all pairs that `least`
 * lets pass: all errors are within 2 (dim + 16) units of what is added up. */
static float cut_of(const cf_measure *u, double squared, float least,
                    const block *b)
{
    float length = (float)sqrt(squared), both = length + b->longest;
    float error = 2 * (float)(u->dim + 16) * UNIT;
    float smallest = 4 * (float)(u->dim + 16) * SMALLEST;
    if (u->scale > 1 || u->scale < 1)
        return -INFINITY; /* products may not be float32 */
    switch (u->similarity) {
    case CF_COSINE: return length * (least - error);
    case CF_DOT: return least - error * length * b->longest - smallest;
    default: break;
    }
    return least + (float)(0.5 * squared) - error * both * both - smallest;
}

CF_VECTORISED static int count_passing(const float *product, const block *b,
                                       float cut)
{
    int count = 0;
    for (int r = 0; r < b->rows; r++)
        count += product[r] * b->times[r] + b->plus[r] >= cut;
    return count;
}

/* By a thread; returns how many were scored. */
static int score_passing(const cf_direct *d, int thread, cf_party *queries,
                         int64_t i, const float *product, const block *b,
                         float cut)
{
    const cf_measure *u = d->measure;
    const cf_tiles *t = &queries->tiles;
    int scored = 0;
    for (int r = 0; r < b->rows; r++) {
        int64_t j = b->first + r;
        if (!isinf(cut) && !(product[r] * b->times[r] + b->plus[r] >= cut))
            continue;
        if (u->apart && t->slab->id[i] == d->base->id[j])
            continue;
        float score =
            cf_party_score(u, t->slab->rows + i * u->dim, t->squared[i],
                           d->base->rows + j * u->dim, d->squared[j]);
        scored++;
        if (u->pairs == NULL)
            cf_party_offer(u, queries, i, score, d->base->id[j]);
        else if (score >= u->floor)
            d->found[thread] =
                cf_pairs_add(u->pairs, d->found[thread], t->slab->id[i],
                             d->base->id[j], score);
    }
    return scored;
}

/* Blocks of rows from `first` on, with all queries. */
typedef struct turn {
    cf_direct *d;
    cf_party *queries;
    int64_t first;
    int blocks;
} turn;

static float *products_of(const turn *t, int b)
{
    return t->d->products + b * t->queries->tiles.slab->count * BLOCK;
}

/* Blocks of a thread. */
static void multiply(int thread, void *data)
{
    const turn *t = data;
    const cf_direct *d = t->d;
    int dim = d->measure->dim;
    const cf_slab *asked = t->queries->tiles.slab;
    for (int b = thread; b < t->blocks; b += d->measure->crew->threads) {
        block *of = &d->block[b];
        set_block(d, t->first + b * BLOCK, of);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)asked->count,
                    of->rows, dim, 1, asked->rows, dim,
                    d->base->rows + of->first * dim, dim, 0, products_of(t, b),
                    BLOCK);
    }
}

/* Queries of a thread. */
static void look(int thread, void *data)
{
    const turn *t = data;
    const cf_direct *d = t->d;
    const cf_measure *u = d->measure;
    cf_party *q = t->queries;
    int64_t n = q->tiles.slab->count;
    int64_t last = cf_threads_begin(n, thread + 1, u->crew->threads);
    for (int64_t i = cf_threads_begin(n, thread, u->crew->threads); i < last;
         i++)
        for (int b = 0; b < t->blocks; b++) {
            const block *of = &d->block[b];
            const float *product = products_of(t, b) + i * BLOCK;
            float cut = cut_of(u, q->tiles.squared[i], q->least[i], of);
            if (isinf(cut) || count_passing(product, of, cut) > 0)
                d->scored[thread] +=
                    score_passing(d, thread, q, i, product, of, cut);
        }
}

void cf_direct_meet(cf_direct *d, cf_party *queries, cf_ring *ring)
{
    int64_t asked = queries->tiles.slab->count, rows = d->base->count;
    int threads = d->measure->crew->threads;
    turn t = {.d = d, .queries = queries};
    for (; t.first < rows && asked > 0; t.first += (int64_t)d->room * BLOCK) {
        int64_t left = rows - t.first;
        t.blocks = (int)CF_MIN(d->room, (left + BLOCK - 1) / BLOCK);
        cf_threads_run(threads, multiply, &t);
        cf_threads_run(threads, look, &t);
        d->pairs +=
            (double)asked * (double)CF_MIN(left, (int64_t)t.blocks * BLOCK);
        cf_ring_progress(ring);
        cf_progress_step(d->pairs, d->total);
    }
    d->exact = 0;
    for (int i = 0; i < threads; i++)
        d->exact += d->scored[i];
}
