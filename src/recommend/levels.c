#include "levels.h"

#include <float.h>
#include <math.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"

static double squares_about(const cf_csr *a, int64_t i, double mean)
{
    double sum = 0;
    for (int64_t e = a->indptr[i]; e < a->indptr[i + 1]; e++) {
        double d = (double)a->values[e] - mean;
        sum += d * d;
    }
    return sum;
}

/* Of all ratings, summed by users; 1 where they are all equal. */
static double spread_of_all(const cf_csr *users, const cf_par *par, double mean)
{
    double *own = cf_alloc(users->n_loc, sizeof *own, "squares"), sum = 0;
    double *all = cf_alloc(users->rows, sizeof *all, "squares");
    for (int64_t i = 0; i < users->n_loc; i++)
        own[i] = squares_about(users, i, mean);
    cf_allgather_rows(par, &users->part, own, all, sizeof *all);
    for (cf_gidx i = 0; i < users->rows; i++)
        sum += all[i];
    cf_free(own);
    cf_free(all);
    return sum > 0 ? sqrt(sum / (double)users->nnz) : 1;
}

static double *spreads(const cf_csr *a, const cf_par *par, double of_all)
{
    double *means = cf_row_means(a, par, 0);
    double *own = cf_alloc(a->n_loc, sizeof *own, "deviations");
    for (int64_t i = 0; i < a->n_loc; i++) {
        double count = (double)(a->indptr[i + 1] - a->indptr[i]);
        double sum = squares_about(a, i, means[a->part.begin[par->rank] + i]);
        own[i] = sum > 0 ? sqrt(sum / count) : of_all;
    }
    cf_allgather_rows(par, &a->part, own, means, sizeof *means);
    cf_free(own);
    return means;
}

static void find_range(cf_levels *l, const cf_csr *a, const cf_par *par)
{
    double most[2] = {-DBL_MAX, -DBL_MAX};
    for (int64_t e = 0; e < a->indptr[a->n_loc]; e++) {
        most[0] = fmax(most[0], -(double)a->values[e]);
        most[1] = fmax(most[1], (double)a->values[e]);
    }
    MPI_Allreduce(MPI_IN_PLACE, most, 2, MPI_DOUBLE, MPI_MAX, par->comm);
    l->low = -most[0];
    l->high = most[1];
}

void cf_levels_learn(cf_levels *l, const cf_par *par, const cf_csr *users,
                     const cf_csr *items, int wanted,
                     const cf_baseline_options *options)
{
    double spread = 0;
    *l = (cf_levels){.mean = cf_global_mean(users, par)};
    find_range(l, users, par);
    if (wanted & (CF_LEVEL_USER_SPREAD | CF_LEVEL_ITEM_SPREAD))
        spread = spread_of_all(users, par, l->mean);
    if (wanted & CF_LEVEL_USER_MEAN)
        l->user_mean = cf_row_means(users, par, l->mean);
    if (wanted & CF_LEVEL_ITEM_MEAN)
        l->item_mean = cf_row_means(items, par, l->mean);
    if (wanted & CF_LEVEL_USER_SPREAD)
        l->user_spread = spreads(users, par, spread);
    if (wanted & CF_LEVEL_ITEM_SPREAD)
        l->item_spread = spreads(items, par, spread);
    if (wanted & CF_LEVEL_BASELINE)
        cf_baseline_fit(&l->baseline, par, users, items, options);
}

void cf_levels_free(cf_levels *l)
{
    cf_free(l->user_mean);
    cf_free(l->item_mean);
    cf_free(l->user_spread);
    cf_free(l->item_spread);
    cf_baseline_free(&l->baseline);
    *l = (cf_levels){0};
}
