/* Method  Float32 products of tiles of rows (sgemm), compared with each row's
 *         current k-th best score less a proven error bound; what passes is
 *         scored exactly in float64 and offered to the row's list.
 * Bound   A float32 product of d terms in any order, with or without fused
 *         multiply-add, is off by at most g |x||y|, g = du/(1-du), u = 2^-24
 *         (Higham 2002, 3.1). The scaling by 1/|y| adds 2u, the rounding of
 *         the stored score u: g + 8u covers all.
 * Cost    2 d flops a pair; k ln(n/k) exact scores a row for rows in random
 *         order.
 * References  Higham: Accuracy and Stability of Numerical Algorithms, 2002. */
#include "screen.h"

#include <cblas.h>
#include <math.h>

#include "cfmpi/cpu.h"
#include "cfmpi/memory.h"
#include "cfmpi/neighbors.h"
#include "cfmpi/progress.h"

#define CHUNK 32 /* columns looked at together */

void cf_block_begin(cf_block *b, int64_t capacity, int dim)
{
    *b = (cf_block){.dim = dim};
    b->squared = cf_alloc(capacity, sizeof *b->squared, "row lengths");
    b->inverse = cf_alloc(capacity, sizeof *b->inverse, "row lengths");
}

void cf_block_end(cf_block *b)
{
    cf_free(b->squared);
    cf_free(b->inverse);
    *b = (cf_block){0};
}

void cf_block_set(cf_block *b, cf_gidx begin, int64_t count, const float *rows)
{
    b->begin = begin;
    b->count = count;
    b->rows = rows;
    for (int64_t i = 0; i < count; i++) {
        const float *x = rows + i * b->dim;
        b->squared[i] = cf_dot(x, x, b->dim);
        b->inverse[i] =
            b->squared[i] > 0 ? (float)(1 / sqrt(b->squared[i])) : NAN;
    }
}

static double error_bound(int dim)
{
    double g = dim * 0x1p-24 / (1 - dim * 0x1p-24);
    return (g + 8 * 0x1p-24) * 1.001;
}

/* What product x 1/|y| must reach: a candidate of a score under `floor` is
 * always below it. */
static float threshold(float floor, double squared, double bound)
{
    if (isinf(floor))
        return -INFINITY;
    return nextafterf((float)(((double)floor - bound) * sqrt(squared)),
                      -INFINITY);
}

/* Which of the next CHUNK columns pass; a row of zeros (NaN) never does. */
CF_VECTORISED static int any_pass(const float *product, const float *inverse,
                                  int n, float least)
{
    int passed = 0;
    for (int j = 0; j < n; j++)
        passed |= product[j] * inverse[j] >= least;
    return passed;
}

/* One own row against the columns of a tile. */
static int64_t scan_row(cf_topk *lists, const cf_block *own, int64_t i,
                        const cf_block *other, int64_t first, int count,
                        const float *product)
{
    const float *x = own->rows + i * own->dim;
    double bound = error_bound(own->dim), nx = own->squared[i];
    float floor = cf_topk_floor(lists, i);
    float least = threshold(floor, nx, bound);
    int64_t exact = 0;
    for (int c = 0; c < count; c += CHUNK) {
        int n = CF_MIN(CHUNK, count - c);
        const float *inverse = other->inverse + first + c;
        if (!any_pass(product + c, inverse, n, least))
            continue;
        for (int j = 0; j < n; j++) {
            int64_t col = first + c + j;
            if (!(product[c + j] * inverse[j] >= least) ||
                other->begin + col == own->begin + i)
                continue;
            float score = cf_cosine(x, nx, other->rows + col * own->dim,
                                    other->squared[col], own->dim);
            exact++;
            if (score >= floor)
                cf_topk_push(lists, i, score, other->begin + col);
            floor = cf_topk_floor(lists, i);
            least = threshold(floor, nx, bound);
        }
    }
    return exact;
}

void cf_screen(cf_sweep *s, const cf_block *own, const cf_block *other)
{
    int dim = own->dim;
    for (int64_t c = 0; c < other->count; c += CF_TILE_COLS)
        for (int64_t r = 0; r < own->count; r += CF_TILE_ROWS) {
            int cols = (int)CF_MIN(CF_TILE_COLS, other->count - c);
            int rows = (int)CF_MIN(CF_TILE_ROWS, own->count - r);
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, cols,
                        dim, 1, own->rows + r * dim, dim, other->rows + c * dim,
                        dim, 0, s->tile, CF_TILE_COLS);
            for (int i = 0; i < rows; i++)
                if (own->squared[r + i] > 0)
                    s->exact += scan_row(s->lists, own, r + i, other, c, cols,
                                         s->tile + (int64_t)i * CF_TILE_COLS);
            cf_ring_progress(&s->ring);
            s->pairs += (double)rows * cols;
            cf_progress_step(s->pairs, s->total);
        }
}
