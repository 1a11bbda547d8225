/* Method  The starting block is made of random combinations of the right
 *         vectors of an earlier result, later ones with more weight, as the
 *         leading ones come up by themselves: a Krylov space of a few steps
 *         then holds all of them, and more steps find what new ratings have
 *         changed. Some noise is added, for what the earlier vectors hold
 *         nothing of: items that were not there, rated by users who were not.
 * Cost    An all-gather of the vectors, and where the basis is on the users a
 *         product with the ratings. */
#include <math.h>
#include <string.h>

#include "cfmpi/memory.h"
#include "cfmpi/random.h"
#include "solver.h"

/* Random numbers from this stream on are the start's. */
#define STREAM 2000
/* Of the usual size of an entry of the starting block. */
#define NOISE 0.01

/* out += the columns times random weights; out [cols x 16] by position. */
static void combine(const cf_svd *s, int k, const float *columns, double *out)
{
    double weight[CF_BLOCK][CF_BLOCK];
    for (int c = 0; c < CF_BLOCK; c++)
        for (int d = 0; d < CF_BLOCK; d++)
            weight[c][d] =
                (k + c + 1) *
                cf_random_normal(s->options.seed, STREAM,
                                 (uint64_t)(k + c) * CF_BLOCK + (uint64_t)d);
    for (int64_t j = 0; j < s->op.a->cols; j++) {
        double *row = out + (int64_t)s->op.packed.position[j] * CF_BLOCK;
        for (int c = 0; c < CF_BLOCK; c++)
            for (int d = 0; d < CF_BLOCK; d++)
                row[d] += (double)columns[j * CF_BLOCK + c] * weight[c][d];
    }
}

static void add_noise(const cf_svd *s, double *sums)
{
    int64_t n = s->op.a->cols * CF_BLOCK;
    double squares = 0;
    for (int64_t i = 0; i < n; i++)
        squares += sums[i] * sums[i];
    double size = NOISE * sqrt(squares / (double)n);
    for (int64_t i = 0; i < n; i++)
        sums[i] +=
            size * cf_random_normal(s->options.seed, STREAM + 1, (uint64_t)i);
}

void cf_svd_start_columns(cf_svd *s)
{
    cf_operator *op = &s->op;
    int64_t cols = op->a->cols;
    size_t row = CF_BLOCK * op->kernels->real;
    float *all = cf_alloc(cols * CF_BLOCK, sizeof *all, "start vectors");
    double *sums = cf_calloc(cols * CF_BLOCK, sizeof *sums, "start vectors");
    for (int k = 0; k < s->options.start_dim; k += CF_BLOCK) {
        cf_operator_gather_items(op, s->options.start, s->options.start_dim, k,
                                 all);
        combine(s, k, all, sums);
    }
    cf_free(all);
    add_noise(s, sums);
    char *x = cf_alloc(cols, row, "start vectors");
    cf_basis_reals(op->kernels, sums, cols * CF_BLOCK, 1, x);
    cf_free(sums);
    if (op->by_items)
        memcpy(s->w, x + (size_t)op->part.begin[op->par->rank] * row,
               (size_t)op->n_loc * row);
    for (int64_t t = 0; t < op->packed.tiles && !op->by_items; t++) {
        int64_t rows = CF_MIN(CF_TILE, op->n_loc - t * CF_TILE);
        op->kernels->gather(&op->packed, t, x, op->tile);
        memcpy((char *)s->w + (size_t)(t * CF_TILE) * row, op->tile,
               (size_t)rows * row);
    }
    cf_free(x);
}
