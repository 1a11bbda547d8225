/* Method  Blocks of rows go round a ring of ranks. Each rank compares its own
 *         rows with the block in hand while the next one arrives, and keeps
 *         the lists of its own rows; no n x n object ever exists.
 * Cost    P steps of 2 (n/P)^2 dim flops; each rank sends n dim 4 bytes.
 *         Memory: own rows, two blocks, 12 (k+1) bytes a row of lists. */
#include <math.h>
#include <stdbool.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "cfmpi/neighbors.h"
#include "screen.h"

/* Brings every row to a length in [0.5, 1): neither products nor squares can
 * then overflow, and a power of two changes no score. */
static int scale_rows(float *rows, int64_t count, int dim, cf_gidx begin,
                      const char *what)
{
    for (int64_t i = 0; i < count; i++) {
        float *x = rows + i * dim;
        int exponent;
        double squared = cf_dot(x, x, dim);
        if (!isfinite(squared))
            return cf_fail(CF_BAD_DATA,
                           "row %" CF_PRIgidx " of %s has a "
                           "value that is not finite",
                           begin + i, what);
        frexp(sqrt(squared), &exponent);
        for (int c = 0; c < dim && squared > 0; c++)
            x[c] = ldexpf(x[c], -exponent);
    }
    return CF_OK;
}

/* Room for the block in hand and the one arriving; the first block in hand is
 * the rank's own. */
typedef struct carousel {
    float *buffer[2];
    int64_t row_bytes;
} carousel;

static void start_step(carousel *c, cf_ring *ring, const cf_par *par,
                       const cf_part *part, const float *own, int step)
{
    int next = (par->rank + step + 1) % par->size;
    int now = (par->rank + step) % par->size;
    const float *send = step == 0 ? own : c->buffer[(step - 1) % 2];
    cf_ring_begin(ring, par, send, cf_part_count(part, now) * c->row_bytes,
                  c->buffer[step % 2],
                  cf_part_count(part, next) * c->row_bytes);
}

static void ring_sweep(cf_sweep *s, const cf_par *par, const cf_part *part,
                       const float *rows, int dim)
{
    int64_t largest = cf_part_largest(part);
    int64_t count = cf_part_count(part, par->rank);
    carousel c = {.row_bytes = dim * (int64_t)sizeof *rows};
    cf_block own, other;
    for (int b = 0; b < 2; b++)
        c.buffer[b] = cf_alloc(par->size > b + 1 ? largest * dim : 0,
                               sizeof *rows, "ring block");
    cf_block_begin(&own, count, dim);
    cf_block_begin(&other, largest, dim);
    cf_block_set(&own, part->begin[par->rank], count, rows);
    for (int step = 0; step < par->size; step++) {
        int owner = (par->rank + step) % par->size;
        bool last = step + 1 == par->size;
        if (!last)
            start_step(&c, &s->ring, par, part, rows, step);
        cf_block_set(&other, part->begin[owner], cf_part_count(part, owner),
                     step == 0 ? rows : c.buffer[(step - 1) % 2]);
        cf_screen(s, &own, &other);
        if (!last)
            cf_ring_end(&s->ring);
    }
    cf_block_end(&own);
    cf_block_end(&other);
    cf_free(c.buffer[0]);
    cf_free(c.buffer[1]);
}

int cf_neighbors_cosine(cf_neighbors *out, const cf_par *par,
                        const cf_part *part, float *rows, int dim, int64_t k,
                        const char *what)
{
    int status = CF_OK;
    cf_gidx n = cf_part_rows(part);
    int64_t count = cf_part_count(part, par->rank), tied = 0;
    cf_neighbors_free(out);
    CF_TRY(cf_agree(
        par, scale_rows(rows, count, dim, part->begin[par->rank], what)));
    cf_part_copy(&out->part, part);
    cf_topk_init(&out->lists, count, k);
    cf_sweep sweep = {.lists = &out->lists, .total = (double)count * (double)n};
    sweep.tile = cf_alloc(CF_TILE_ROWS * CF_TILE_COLS, sizeof *sweep.tile,
                          "tile of products");
    ring_sweep(&sweep, par, part, rows, dim);
    cf_free(sweep.tile);
    cf_topk_finish(&out->lists);
    for (int64_t i = 0; i < count; i++)
        tied += out->lists.ties[i] > 0;
    out->pairs = n * (n - 1);
    out->skipped = out->pairs - cf_sum_i64(par, sweep.exact);
    out->rows_tied = cf_sum_i64(par, tied);
done:
    return status;
}

void cf_neighbors_free(cf_neighbors *n)
{
    cf_part_free(&n->part);
    cf_topk_free(&n->lists);
    *n = (cf_neighbors){0};
}
