#include <math.h>
#include <string.h>

#include "cfmpi/memory.h"
#include "cfmpi/svd.h"

const char *const cf_embedding_scales[] = {"us", "u", "us-half", NULL};

/* σ to the power that `scale` gives it. */
static double power_of(double sigma, int64_t scale)
{
    return scale == CF_EMBEDDING_US  ? sigma
           : scale == CF_EMBEDDING_U ? 1
                                     : sqrt(sigma);
}

void cf_embedding_scale_items(float *rows, int64_t count, int dim,
                              const double *sigma, int64_t scale)
{
    for (int k = 0; k < dim; k++) {
        double factor = power_of(sigma[k], scale);
        for (int64_t i = 0; i < count; i++)
            rows[i * dim + k] = (float)((double)rows[i * dim + k] * factor);
    }
}

float cf_embedding_rescaled(const cf_embedding *e, int k, float us)
{
    double sigma = e->sigma[k];
    if (e->scale == CF_EMBEDDING_US || !(sigma > 0))
        return us;
    return (float)((double)us / sigma * power_of(sigma, e->scale));
}

void cf_embedding_rescale(cf_embedding *e, int64_t users, int64_t scale)
{
    CF_ASSERT(e->scale == CF_EMBEDDING_US);
    e->scale = scale;
    for (int k = 0; k < e->dim && scale != CF_EMBEDDING_US; k++)
        for (int64_t i = 0; i < users && e->sigma[k] > 0; i++) {
            float *x = e->users + i * e->dim + k;
            *x = cf_embedding_rescaled(e, k, *x);
        }
}

void cf_embedding_to_product(const cf_embedding *e, int64_t users, float *rows)
{
    for (int k = 0; k < e->dim && e->scale != CF_EMBEDDING_US; k++) {
        double sigma = e->sigma[k];
        for (int64_t i = 0; i < users && sigma > 0; i++) {
            float *x = rows + i * e->dim + k;
            *x = (float)((double)*x / power_of(sigma, e->scale) * sigma);
        }
    }
}

double cf_embedding_power(const cf_embedding *e, int k)
{
    return power_of(e->sigma[k], e->scale);
}

static void reorder(float *rows, int64_t count, int dim, const int *order)
{
    float *old = cf_alloc(dim, sizeof *old, "embedding row");
    for (int64_t i = 0; i < count; i++) {
        memcpy(old, rows + i * dim, (size_t)dim * sizeof *old);
        for (int k = 0; k < dim; k++)
            rows[i * dim + k] = old[order[k]];
    }
    cf_free(old);
}

void cf_embedding_sort(cf_embedding *e, int64_t users, int64_t items)
{
    bool sorted = true;
    int *order = cf_alloc(e->dim, sizeof *order, "triplets");
    for (int k = 0; k < e->dim; k++) {
        int at = k;
        for (; at > 0 && e->sigma[order[at - 1]] < e->sigma[k]; at--) {
            order[at] = order[at - 1];
            sorted = false;
        }
        order[at] = k;
    }
    if (!sorted) {
        reorder(e->users, users, e->dim, order);
        reorder(e->items, items, e->dim, order);
        double *figures[] = {e->sigma, e->residual, e->left, e->right};
        double *old = cf_alloc(e->dim, sizeof *old, "triplets");
        for (int f = 0; f < 4; f++) {
            memcpy(old, figures[f], (size_t)e->dim * sizeof *old);
            for (int k = 0; k < e->dim; k++)
                figures[f][k] = old[order[k]];
        }
        cf_free(old);
    }
    cf_free(order);
}

static void cut_rows(float *rows, int64_t count, int from, int to)
{
    for (int64_t i = 0; i < count; i++)
        memmove(rows + i * to, rows + i * from, (size_t)to * sizeof *rows);
}

void cf_embedding_cut(cf_embedding *e, int64_t users, int64_t items, int dim)
{
    cut_rows(e->users, users, e->dim, dim);
    cut_rows(e->items, items, e->dim, dim);
    e->dim = dim;
}

void cf_embedding_free(cf_embedding *e)
{
    cf_part_free(&e->user_part);
    cf_part_free(&e->item_part);
    cf_free(e->users);
    cf_free(e->items);
    cf_free(e->sigma);
    *e = (cf_embedding){0};
}
