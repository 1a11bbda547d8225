/* Scores that are products of the embedding's rows. */
#ifndef CFMPI_FACTORS_H
#define CFMPI_FACTORS_H

#include "cfmpi/recommend.h"

/* cf_recommend for CF_SCORE_PURESVD; `candidate` [items] and how->asked decide
 * alone which items and users, lists are not filled up. Collective. */
void cf_recommend_by_factors(cf_recommendations *out, const cf_par *par,
                             const cf_recommend_from *from,
                             const cf_recommend_how *how,
                             const uint8_t *candidate);

#endif
