/* Method  A block of right vectors from an earlier result takes the place of
 *         noise: with all of them in the first block, a few wide steps find
 *         what new ratings have changed.
 * Cost    An all-gather of the vectors, and where the basis is on the users a
 *         product with the ratings. */
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "krylov.h"

/* Columns [k, k + 16) of the given vectors for all items, by position, into
 * `by_position` [cols x 16] reals. */
static void spread(const cf_svd *s, int k, void *by_position)
{
    const cf_operator *op = &s->op;
    int dim = s->options.start_dim, width = CF_MIN(CF_BLOCK, dim - k);
    int64_t m = cf_part_count(&op->item_part, op->par->rank);
    float *own = cf_calloc(m * CF_BLOCK, sizeof *own, "start vectors");
    float *all = cf_alloc(op->a->cols * CF_BLOCK, sizeof *all, "start vectors");
    for (int64_t i = 0; i < m; i++)
        memcpy(own + i * CF_BLOCK, s->options.start + i * dim + k,
               (size_t)width * sizeof *own);
    cf_allgather_rows(op->par, &op->item_part, own, all,
                      CF_BLOCK * sizeof *all);
    for (int64_t j = 0; j < op->a->cols; j++)
        for (int c = 0; c < CF_BLOCK; c++) {
            int64_t at = (int64_t)op->packed.position[j] * CF_BLOCK + c;
            if (op->kernels->real == sizeof(float))
                ((float *)by_position)[at] = all[j * CF_BLOCK + c];
            else
                ((double *)by_position)[at] = (double)all[j * CF_BLOCK + c];
        }
    cf_free(own);
    cf_free(all);
}

void cf_svd_start_columns(cf_svd *s)
{
    cf_operator *op = &s->op;
    size_t row = CF_BLOCK * op->kernels->real;
    char *x = cf_alloc(op->a->cols, row, "start vectors");
    for (int k = 0; k < s->width && k < s->options.start_dim; k += CF_BLOCK) {
        char *block = cf_basis_block(&s->basis, s->w, k);
        spread(s, k, x);
        if (op->by_items)
            memcpy(block, x + (size_t)op->part.begin[op->par->rank] * row,
                   (size_t)op->n_loc * row);
        for (int64_t t = 0; t < op->packed.tiles && !op->by_items; t++) {
            op->kernels->gather(&op->packed, t, x, op->tile);
            int64_t rows = CF_MIN(CF_TILE, op->n_loc - t * CF_TILE);
            memcpy(block + (size_t)(t * CF_TILE) * row, op->tile,
                   (size_t)rows * row);
        }
    }
    cf_free(x);
}
