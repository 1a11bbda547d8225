/* Method  All rows of A x first, then Aᵀ of them: of x and of the sums, whose
 *         rows come in random order, only one at a time wants room in the
 *         cache. Tile by tile at once, as the rows of a tile are there, took
 *         6 % longer.
 * Cost    4 nnz 16 flops a pass. From memory: 6.4 bytes an entry, 16 where
 *         the matrix has more than 16 values, and 128 bytes a row; for each
 *         entry two block rows of 64 bytes (float32), mostly from the L2
 *         cache.
 * Note    Nothing of the exchange hides behind a product: the first row wants
 *         all of x, the last one adds to all sums, and the step in between
 *         needs these. On two ranks it takes 6 % of the time, mostly waiting
 *         for the slower one. */
#include "product.h"

#include <string.h>

#include "cfmpi/clock.h"
#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"

void cf_operator_precision(cf_operator *op, enum cf_precision precision)
{
    if (op->kernels == cf_kernels_of(precision))
        return;
    op->kernels = cf_kernels_of(precision);
    size_t row = CF_BLOCK * op->kernels->real;
    cf_free(op->gathered);
    cf_free(op->summed);
    cf_free(op->tile);
    cf_free(op->between);
    op->gathered =
        cf_alloc(op->by_items ? op->a->cols : 0, row, "gathered block");
    op->summed = cf_alloc(op->a->cols, row, "summed block");
    op->tile = cf_alloc(CF_TILE, row, "tile of a block");
    op->between =
        cf_alloc_streamed(op->packed.tiles * CF_TILE, row, "rows of a block");
}

void cf_operator_begin(cf_operator *op, cf_csr *a, const cf_par *par,
                       enum cf_precision precision, bool in_place)
{
    *op = (cf_operator){.a = a, .par = par, .by_items = a->cols <= a->rows};
    cf_part_even(&op->item_part, a->cols, par->size);
    cf_part_copy(&op->part, op->by_items ? &op->item_part : &a->part);
    op->n_loc = cf_part_count(&op->part, par->rank);
    op->order = cf_part_rows(&op->part);
    double begin = cf_clock();
    cf_packed_begin(&op->packed, a, par, in_place);
    op->times.pack = cf_clock() - begin;
    cf_operator_precision(op, precision);
}

void cf_operator_end(cf_operator *op)
{
    cf_part_free(&op->part);
    cf_part_free(&op->item_part);
    cf_packed_end(&op->packed);
    cf_free(op->gathered);
    cf_free(op->summed);
    cf_free(op->tile);
    cf_free(op->between);
    *op = (cf_operator){0};
}

static MPI_Datatype real_of(const cf_operator *op)
{
    return op->kernels->real == sizeof(float) ? MPI_FLOAT : MPI_DOUBLE;
}

static void clear_sums(cf_operator *op)
{
    memset(op->summed, 0, (size_t)op->a->cols * CF_BLOCK * op->kernels->real);
}

static char *tile_of(const cf_operator *op, const void *rows, int64_t tile)
{
    return (char *)rows +
           tile * CF_TILE * CF_BLOCK * (int64_t)op->kernels->real;
}

/* summed = Aᵀ x over own rows. */
static void sum_items(cf_operator *op, const void *x)
{
    clear_sums(op);
    for (int64_t t = 0; t < op->packed.tiles; t++)
        op->kernels->scatter(&op->packed, t, tile_of(op, x, t), op->summed);
}

void cf_operator_transpose(cf_operator *op, const void *x, void *w)
{
    sum_items(op, x);
    cf_reduce_scatter_rows(op->par, &op->item_part, op->summed, w, CF_BLOCK,
                           real_of(op));
}

void cf_operator_gather_items(const cf_operator *op, const float *rows, int dim,
                              int first, float *all)
{
    int width = CF_MIN(CF_BLOCK, dim - first);
    int64_t m = cf_part_count(&op->item_part, op->par->rank);
    float *own = cf_calloc(m * CF_BLOCK, sizeof *own, "panel of item rows");
    for (int64_t i = 0; i < m; i++)
        memcpy(own + i * CF_BLOCK, rows + i * dim + first,
               (size_t)width * sizeof *own);
    cf_allgather_rows(op->par, &op->item_part, own, all,
                      CF_BLOCK * sizeof *all);
    cf_free(own);
}

static void apply_to_items(cf_operator *op, const void *x, void *y)
{
    double t0 = cf_clock();
    cf_allgather_rows(op->par, &op->part, x, op->gathered,
                      CF_BLOCK * op->kernels->real);
    double t1 = cf_clock();
    for (int64_t t = 0; t < op->packed.tiles; t++)
        op->kernels->gather(&op->packed, t, op->gathered,
                            tile_of(op, op->between, t));
    sum_items(op, op->between);
    double t2 = cf_clock();
    cf_reduce_scatter_rows(op->par, &op->part, op->summed, y, CF_BLOCK,
                           real_of(op));
    op->times.products += t2 - t1;
    op->times.exchange += t1 - t0 + cf_clock() - t2;
}

static void apply_to_users(cf_operator *op, const void *x, void *y)
{
    double t0 = cf_clock();
    sum_items(op, x);
    double t1 = cf_clock();
    cf_allreduce(op->par, op->summed, op->a->cols * CF_BLOCK, real_of(op),
                 MPI_SUM);
    double t2 = cf_clock();
    for (int64_t t = 0; t < op->packed.tiles; t++)
        op->kernels->gather(&op->packed, t, op->summed, tile_of(op, y, t));
    op->times.products += t1 - t0 + cf_clock() - t2;
    op->times.exchange += t2 - t1;
}

void cf_operator_apply(cf_operator *op, const void *x, void *y)
{
    op->passes++;
    if (op->by_items)
        apply_to_items(op, x, y);
    else
        apply_to_users(op, x, y);
}
