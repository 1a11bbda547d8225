#include "cfmpi/baseline.h"

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"

/* Sum of own rows' ratings less `mean` and what is known of the column. */
static double left_in_row(const cf_csr *a, int64_t i, double mean,
                          const double *column)
{
    double sum = 0;
    for (int64_t e = a->indptr[i]; e < a->indptr[i + 1]; e++)
        sum += ((double)a->values[e] - mean) - column[a->indices[e]];
    return sum;
}

static double mean_of(const cf_csr *a, const cf_par *par, const double *zeros)
{
    double *own = cf_alloc(a->n_loc, sizeof *own, "sums of rows"), sum = 0;
    double *all = cf_alloc(a->rows, sizeof *all, "sums of rows");
    for (int64_t i = 0; i < a->n_loc; i++)
        own[i] = left_in_row(a, i, 0, zeros);
    cf_allgather_rows(par, &a->part, own, all, sizeof *all);
    for (cf_gidx i = 0; i < a->rows; i++)
        sum += all[i];
    cf_free(own);
    cf_free(all);
    return a->nnz > 0 ? sum / (double)a->nnz : 0;
}

void cf_baseline_side(double *side, const double *other, const cf_csr *a,
                      const cf_par *par, double mean, double weight)
{
    double *own = cf_alloc(a->n_loc, sizeof *own, "biases");
    for (int64_t i = 0; i < a->n_loc; i++)
        own[i] = left_in_row(a, i, mean, other) /
                 (weight + (double)(a->indptr[i + 1] - a->indptr[i]));
    cf_allgather_rows(par, &a->part, own, side, sizeof *side);
    cf_free(own);
}

void cf_baseline_fit(cf_baseline *b, const cf_par *par, const cf_csr *users,
                     const cf_csr *items)
{
    cf_baseline_free(b);
    b->user = cf_calloc(users->rows, sizeof *b->user, "biases of users");
    b->item = cf_calloc(items->rows, sizeof *b->item, "biases of items");
    b->mean = mean_of(users, par, b->item);
    for (int sweep = 0; sweep < CF_BASELINE_SWEEPS; sweep++) {
        cf_baseline_side(b->item, b->user, items, par, b->mean,
                         CF_BASELINE_ITEM);
        cf_baseline_side(b->user, b->item, users, par, b->mean,
                         CF_BASELINE_USER);
    }
}

void cf_baseline_free(cf_baseline *b)
{
    cf_free(b->user);
    cf_free(b->item);
    *b = (cf_baseline){0};
}
