/* Method  Rows of A·V in the order of cf_svd_complete: a row's entries in the
 *         order of items, every other one apart, and the two sums added, in
 *         float64; so that a row that was decomposed gets its bits back.
 * Cost    2 dim flops an entry. All of V passes through every rank, 16 columns
 *         at a time: 4 items dim bytes sent; memory 64 bytes an item. */
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "cfmpi/svd.h"

#define WIDTH 16 /* columns of V at a time */

/* Columns [k, k + width) of V of all items. */
static void gather_panel(const cf_embedding *e, const cf_par *par, int k,
                         int width, float *own, float *panel)
{
    int64_t m = cf_part_count(&e->item_part, par->rank);
    for (int64_t j = 0; j < m; j++)
        memcpy(own + j * WIDTH, e->items + j * e->dim + k,
               (size_t)width * sizeof *own);
    cf_allgather_rows(par, &e->item_part, own, panel, WIDTH * sizeof *own);
}

static void fold_row(const cf_embedding *e, const cf_csr *a, int64_t i, int k,
                     int width, const float *panel, float *out)
{
    double sum[2][WIDTH] = {{0}};
    int64_t begin = a->indptr[i];
    for (int64_t t = begin; t < a->indptr[i + 1]; t++) {
        const float *v = panel + (int64_t)a->indices[t] * WIDTH;
        double value = (double)a->values[t], *to = sum[(t - begin) % 2];
        for (int c = 0; c < width; c++)
            to[c] += value * (double)v[c];
    }
    for (int c = 0; c < width; c++)
        out[c] = e->sigma[k + c] > 0
                     ? cf_embedding_rescaled(e, k + c,
                                             (float)(sum[0][c] + sum[1][c]))
                     : 0;
}

void cf_svd_fold_in(const cf_embedding *e, const cf_csr *a, const cf_par *par,
                    float *rows)
{
    int64_t m = cf_part_count(&e->item_part, par->rank);
    float *own = cf_calloc(m * WIDTH, sizeof *own, "panel of V");
    float *panel = cf_alloc(a->cols * WIDTH, sizeof *panel, "panel of V");
    for (int k = 0; k < e->dim; k += WIDTH) {
        int width = CF_MIN(WIDTH, e->dim - k);
        gather_panel(e, par, k, width, own, panel);
        for (int64_t i = 0; i < a->n_loc; i++)
            fold_row(e, a, i, k, width, panel, rows + i * e->dim + k);
    }
    cf_free(own);
    cf_free(panel);
}
