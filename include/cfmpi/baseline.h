/* What can be said of a rating from its user and its item alone. */
#ifndef CFMPI_BASELINE_H
#define CFMPI_BASELINE_H

#include "cfmpi/csr.h"

/* A rating is expected to be mean + user + item. The same on all ranks. */
typedef struct cf_baseline {
    double mean;
    double *user; /* [users] */
    double *item; /* [items] */
} cf_baseline;

#define CF_BASELINE_SWEEPS 10
#define CF_BASELINE_USER 15.0 /* weight of having no bias, in ratings */
#define CF_BASELINE_ITEM 10.0

/* Alternating least squares from zero, items first: b_i = Σ(r − mean − b_u) /
 * (CF_BASELINE_ITEM + count), then b_u likewise. Sums go along a row of `users`
 * or of its transpose `items`, so that they do not depend on the number of
 * ranks. Reference: Koren: Factor in the neighbors. TKDD 4, 2010. Collective;
 * a sweep reads all ratings twice and sends 8 bytes a user and an item. */
void cf_baseline_fit(cf_baseline *b, const cf_par *par, const cf_csr *users,
                     const cf_csr *items);

/* Half a sweep: side [rows of a], on all ranks, from the biases of its columns,
 * `weight` being that of the rows. Collective. */
void cf_baseline_side(double *side, const double *other, const cf_csr *a,
                      const cf_par *par, double mean, double weight);

/* Safe on {0} and twice. Local. */
void cf_baseline_free(cf_baseline *b);

#endif
