/* Method  Products of all queries with a block of rows at a time, in float32;
 *         pairs whose products reach what the query's list asks for, less the
 *         rounding, are scored exactly.
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

#define UNIT 0x1p-24f      /* rounding of a float32 */
#define SMALLEST 0x1p-149f /* positive float32 */
#define BLOCK 256          /* rows of which products are at hand */

/* Measured with 128 dimensions and with 8. */
int64_t cf_direct_most = 1500;

/* A block of base rows. */
typedef struct block {
    int64_t first;
    int rows;
    float times[BLOCK], plus[BLOCK]; /* of products with each row */
    float longest;
} block;

void cf_direct_begin(cf_direct *d, const cf_measure *measure,
                     const cf_slab *base, int64_t queries)
{
    *d = (cf_direct){.measure = measure, .base = base};
    d->squared = cf_alloc(base->count, sizeof *d->squared, "row lengths");
    d->products = cf_alloc(queries * BLOCK, sizeof *d->products, "products");
    d->cut = cf_alloc(queries, sizeof *d->cut, "list floors");
    for (int64_t i = 0; i < base->count; i++) {
        const float *x = base->rows + i * measure->dim;
        d->squared[i] = cf_dot(x, x, measure->dim);
    }
}

void cf_direct_end(cf_direct *d)
{
    cf_free(d->squared);
    cf_free(d->products);
    cf_free(d->cut);
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

static void score_passing(cf_direct *d, cf_party *queries, int64_t i,
                          const float *product, const block *b)
{
    const cf_measure *u = d->measure;
    const cf_tiles *t = &queries->tiles;
    bool all = isinf(d->cut[i]);
    for (int r = 0; r < b->rows; r++) {
        int64_t j = b->first + r;
        if (!all && !(product[r] * b->times[r] + b->plus[r] >= d->cut[i]))
            continue;
        if (u->apart && t->slab->id[i] == d->base->id[j])
            continue;
        float score =
            cf_party_score(u, t->slab->rows + i * u->dim, t->squared[i],
                           d->base->rows + j * u->dim, d->squared[j]);
        d->exact++;
        cf_party_offer(u, queries, i, score, d->base->id[j]);
    }
}

void cf_direct_meet(cf_direct *d, cf_party *queries, cf_ring *ring)
{
    const cf_measure *u = d->measure;
    const cf_slab *asked = queries->tiles.slab;
    block b;
    for (int64_t first = 0; first < d->base->count && asked->count > 0;
         first += BLOCK) {
        set_block(d, first, &b);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)asked->count,
                    b.rows, u->dim, 1, asked->rows, u->dim,
                    d->base->rows + first * u->dim, u->dim, 0, d->products,
                    BLOCK);
        for (int64_t i = 0; i < asked->count; i++) {
            const float *product = d->products + i * BLOCK;
            d->cut[i] =
                cut_of(u, queries->tiles.squared[i], queries->least[i], &b);
            if (isinf(d->cut[i]) || count_passing(product, &b, d->cut[i]) > 0)
                score_passing(d, queries, i, product, &b);
        }
        d->pairs += (double)asked->count * b.rows;
        cf_ring_progress(ring);
        cf_progress_step(d->pairs, d->total);
    }
}
