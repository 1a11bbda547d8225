/* Method  The ranks' items go round in blocks; float32 products of a block of
 *         users with them say which items can enter a list, and these are
 *         computed in float64. A product of d terms in float32, whatever the
 *         order of its sum, is off by less than (d + 4)·2^-24·‖x‖·‖y‖, and
 *         by half the smallest float32 a term where terms are below 2^-126.
 * Cost    users x items x d multiply-adds, shared by the threads; every rank
 *         gets all item rows once. Memory: a block of items, and a block of
 *         products for each thread.
 * References  Cremonesi, Koren, Turrin: Performance of recommender algorithms
 *         on top-n recommendation tasks. RecSys 2010. */
#include "factors.h"

#include <cblas.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "cfmpi/neighbors.h"
#include "cfmpi/progress.h"
#include "cfmpi/threads.h"

#define ITEMS 1024 /* of a block */
#define USERS 128
#define SMALLEST 0x1p-149 /* positive float32 */

typedef struct work {
    const cf_recommend_from *from;
    const uint8_t *candidate, *asked;
    const float *rows; /* [count x dim] of items from `first` on */
    cf_gidx first;
    int64_t count;
    double longest;     /* of these rows */
    float **products;   /* of each thread, [USERS x ITEMS] */
    const double *norm; /* [own users] */
    atomic_long next;   /* user to be taken up */
    cf_gidx begin;      /* number of the first own user */
    cf_topk *out;
} work;

/* Takes what the user has rated out of a row of products. */
static void forget_seen(const work *w, int64_t user, float *products)
{
    const cf_csr *a = cf_recommended_users(w->from);
    int64_t end = a->indptr[user + 1];
    int64_t at = cf_column_from(a->indices, a->indptr[user], end, w->first);
    for (; at < end && a->indices[at] < w->first + w->count; at++)
        products[a->indices[at] - w->first] = -INFINITY;
}

static void choose(const work *w, int64_t user, const float *products)
{
    int dim = w->from->dim;
    const float *x = w->from->user_rows + user * dim;
    double off = (dim + 4) * (0x1p-24 * w->norm[user] * w->longest + SMALLEST);
    float bar = cf_topk_floor(w->out, user);
    bar = nextafterf((float)((double)bar - off), -INFINITY);
    for (int64_t j = 0; j < w->count; j++) {
        if (!(products[j] >= bar) || !w->candidate[w->first + j] ||
            isinf(products[j]))
            continue;
        float score = (float)cf_dot(x, w->rows + j * dim, dim);
        float floor = cf_topk_floor(w->out, user);
        if (!(score >= floor))
            continue;
        cf_topk_push(w->out, user, score, w->first + j);
        floor = cf_topk_floor(w->out, user);
        bar = nextafterf((float)((double)floor - off), -INFINITY);
    }
}

static void recommend_some(int thread, void *data)
{
    work *w = data;
    int dim = w->from->dim;
    float *products = w->products[thread];
    int64_t users = w->out->rows;
    for (;;) {
        int64_t first = atomic_fetch_add(&w->next, USERS);
        if (first >= users)
            return;
        int64_t n = CF_MIN(users - first, USERS);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)n,
                    (int)w->count, dim, 1, w->from->user_rows + first * dim,
                    dim, w->rows, dim, 0, products, ITEMS);
        for (int64_t i = 0; i < n; i++) {
            if (w->asked != NULL && !w->asked[w->begin + first + i])
                continue;
            forget_seen(w, first + i, products + i * ITEMS);
            choose(w, first + i, products + i * ITEMS);
        }
    }
}

static void recommend_block(work *w, int threads)
{
    w->longest = 0;
    for (int64_t j = 0; j < w->count; j++) {
        const float *y = w->rows + j * w->from->dim;
        w->longest = fmax(w->longest, sqrt(cf_dot(y, y, w->from->dim)));
    }
    atomic_store(&w->next, 0);
    cf_threads_run(threads, recommend_some, w);
}

static double *norms(const float *rows, int64_t count, int dim)
{
    double *norm = cf_alloc(count, sizeof *norm, "lengths of rows");
    for (int64_t i = 0; i < count; i++)
        norm[i] = sqrt(cf_dot(rows + i * dim, rows + i * dim, dim));
    return norm;
}

/* All ranks' items, block by block, against own users. */
static void go_round(work *w, const cf_par *par, int threads)
{
    const cf_part *part = w->from->item_part;
    int dim = w->from->dim;
    size_t bytes = (size_t)dim * sizeof(float);
    float *rows = cf_alloc(ITEMS * (int64_t)dim, sizeof *rows, "item rows");
    w->rows = rows;
    for (int r = 0; r < par->size; r++)
        for (cf_gidx j = part->begin[r]; j < part->begin[r + 1]; j += ITEMS) {
            w->first = j;
            w->count = CF_MIN(part->begin[r + 1] - j, ITEMS);
            if (r == par->rank)
                memcpy(rows, w->from->item_rows + (j - part->begin[r]) * dim,
                       (size_t)w->count * bytes);
            cf_bcast(par, rows, w->count * (int64_t)bytes, r);
            recommend_block(w, threads);
            cf_progress_step((double)j, (double)cf_part_rows(part));
        }
    cf_free(rows);
}

void cf_recommend_by_factors(cf_recommendations *out, const cf_par *par,
                             const cf_recommend_from *from,
                             const cf_recommend_how *how,
                             const uint8_t *candidate)
{
    const cf_csr *rated = cf_recommended_users(from);
    const cf_part *users = &rated->part;
    int threads = CF_MAX(how->threads, 1);
    int blas_threads = openblas_get_num_threads();
    double *norm = norms(from->user_rows, rated->n_loc, from->dim);
    work w = {.from = from,
              .candidate = candidate,
              .asked = how->asked,
              .norm = norm,
              .begin = users->begin[par->rank],
              .out = &out->lists};
    cf_part_copy(&out->part, users);
    cf_topk_init(&out->lists, rated->n_loc, how->top);
    w.products = cf_alloc(threads, sizeof *w.products, "threads");
    for (int t = 0; t < threads; t++)
        w.products[t] = cf_alloc(USERS * ITEMS, sizeof(float), "products");
    openblas_set_num_threads(1);
    go_round(&w, par, threads);
    openblas_set_num_threads(blas_threads);
    for (int t = 0; t < threads; t++)
        cf_free(w.products[t]);
    cf_free(w.products);
    cf_free(norm);
    cf_topk_finish(&out->lists);
}
