/* What can be said of a rating from its user and its item alone. */
#ifndef CFMPI_BASELINE_H
#define CFMPI_BASELINE_H

#include "cfmpi/csr.h"

/* Sum of the ratings of each row, [rows], the same on all ranks; sums go along
 * a row, so that they do not depend on the number of ranks. The caller frees
 * them (cf_free). Collective; 8 bytes a row. */
double *cf_row_sums(const cf_csr *a, const cf_par *par);

/* Their means likewise; `empty` for a row without ratings. */
double *cf_row_means(const cf_csr *a, const cf_par *par, double empty);

/* Mean of all ratings, 0 where there are none: the sum of the rows' sums, in
 * their order. Collective; 8 bytes a row on each rank for a while. */
double cf_global_mean(const cf_csr *a, const cf_par *par);

/* A rating is expected to be mean + user + item. The same on all ranks. */
typedef struct cf_baseline {
    double mean;
    double *user; /* [users] */
    double *item; /* [items] */
} cf_baseline;

/* How it is found. */
typedef struct cf_baseline_options {
    int64_t sweeps;
    double user, item; /* weights of having no bias, in ratings */
} cf_baseline_options;

#define CF_BASELINE_SWEEPS 10
#define CF_BASELINE_USER 15.0
#define CF_BASELINE_ITEM 10.0

/* Alternating least squares from zero, items first: b_i = Σ(r − mean − b_u) /
 * (item + count), then b_u likewise; what has no ratings has no bias. Sums go
 * along a row of `users` or of its transpose `items`, so that they do not
 * depend on the number of ranks. Options are those above where NULL. Reference:
 * Koren: Factor in the neighbors. TKDD 4, 2010. Collective; a sweep reads all
 * ratings twice and sends 8 bytes a user and an item. */
void cf_baseline_fit(cf_baseline *b, const cf_par *par, const cf_csr *users,
                     const cf_csr *items, const cf_baseline_options *options);

/* Half a sweep: side [rows of a], on all ranks, from the biases of its columns,
 * `weight` being that of the rows. Collective. */
void cf_baseline_side(double *side, const double *other, const cf_csr *a,
                      const cf_par *par, double mean, double weight);

/* Safe on {0} and twice. Local. */
void cf_baseline_free(cf_baseline *b);

#endif
