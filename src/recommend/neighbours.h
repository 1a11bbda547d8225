/* Scores that are sums over lists of neighbours. */
#ifndef CFMPI_NEIGHBOURS_H
#define CFMPI_NEIGHBOURS_H

#include "cfmpi/recommend.h"

/* cf_recommend for the scores that need lists; `candidate` and how->asked
 * decide alone which items and users, lists are not filled up. Collective. */
void cf_recommend_by_lists(cf_recommendations *out, const cf_par *par,
                           const cf_recommend_from *from,
                           const cf_recommend_how *how,
                           const uint8_t *candidate);

#endif
