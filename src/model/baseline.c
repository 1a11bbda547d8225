#include "cfmpi/baseline.h"

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"

/* ---- means ---- */

static double row_sum(const cf_csr *a, int64_t i)
{
    double sum = 0;
    for (int64_t e = a->indptr[i]; e < a->indptr[i + 1]; e++)
        sum += (double)a->values[e];
    return sum;
}

/* What own rows have, handed round and freed. */
static double *of_all(const cf_csr *a, const cf_par *par, double *own)
{
    double *all = cf_alloc(a->rows, sizeof *all, "sums of rows");
    cf_allgather_rows(par, &a->part, own, all, sizeof *all);
    cf_free(own);
    return all;
}

double *cf_row_sums(const cf_csr *a, const cf_par *par)
{
    double *own = cf_alloc(a->n_loc, sizeof *own, "sums of rows");
    for (int64_t i = 0; i < a->n_loc; i++)
        own[i] = row_sum(a, i);
    return of_all(a, par, own);
}

double *cf_row_means(const cf_csr *a, const cf_par *par, double empty)
{
    double *own = cf_alloc(a->n_loc, sizeof *own, "means of rows");
    for (int64_t i = 0; i < a->n_loc; i++) {
        int64_t count = a->indptr[i + 1] - a->indptr[i];
        own[i] = count > 0 ? row_sum(a, i) / (double)count : empty;
    }
    return of_all(a, par, own);
}

double cf_global_mean(const cf_csr *a, const cf_par *par)
{
    double *all = cf_row_sums(a, par), sum = 0;
    for (cf_gidx i = 0; i < a->rows; i++)
        sum += all[i];
    cf_free(all);
    return a->nnz > 0 ? sum / (double)a->nnz : 0;
}

/* ---- the baseline ---- */

/* Sum of own rows' ratings less `mean` and what is known of the column. */
static double left_in_row(const cf_csr *a, int64_t i, double mean,
                          const double *column)
{
    double sum = 0;
    for (int64_t e = a->indptr[i]; e < a->indptr[i + 1]; e++)
        sum += ((double)a->values[e] - mean) - column[a->indices[e]];
    return sum;
}

void cf_baseline_side(double *side, const double *other, const cf_csr *a,
                      const cf_par *par, double mean, double weight)
{
    double *own = cf_alloc(a->n_loc, sizeof *own, "biases");
    for (int64_t i = 0; i < a->n_loc; i++) {
        double of = weight + (double)(a->indptr[i + 1] - a->indptr[i]);
        own[i] = of > 0 ? left_in_row(a, i, mean, other) / of : 0;
    }
    cf_allgather_rows(par, &a->part, own, side, sizeof *side);
    cf_free(own);
}

void cf_baseline_fit(cf_baseline *b, const cf_par *par, const cf_csr *users,
                     const cf_csr *items, const cf_baseline_options *options)
{
    const cf_baseline_options usual = {CF_BASELINE_SWEEPS, CF_BASELINE_USER,
                                       CF_BASELINE_ITEM};
    const cf_baseline_options *o = options != NULL ? options : &usual;
    cf_baseline_free(b);
    b->user = cf_calloc(users->rows, sizeof *b->user, "biases of users");
    b->item = cf_calloc(items->rows, sizeof *b->item, "biases of items");
    b->mean = cf_global_mean(users, par);
    for (int64_t sweep = 0; sweep < o->sweeps; sweep++) {
        cf_baseline_side(b->item, b->user, items, par, b->mean, o->item);
        cf_baseline_side(b->user, b->item, users, par, b->mean, o->user);
    }
}

void cf_baseline_free(cf_baseline *b)
{
    cf_free(b->user);
    cf_free(b->item);
    *b = (cf_baseline){0};
}
