#include <math.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "coded.h"

#define FINEST 8 /* steps to a whole number */

/* Whether all own ratings are from 1 to CF_CODE_MOST steps. */
static bool fits(const cf_csr *a, double step)
{
    for (int64_t e = 0; e < a->indptr[a->n_loc]; e++) {
        double code = (double)a->values[e] / step;
        if (!(code >= 1 && code <= CF_CODE_MOST) || code > floor(code))
            return false;
    }
    return true;
}

void cf_codes_find(cf_codes *c, const cf_csr *a, const cf_par *par,
                   const cf_ratings_measure *by)
{
    *c = (cf_codes){.step = 1};
    if (cf_definition_of(by->similarity)->reach == CF_REACH_UNKNOWN ||
        by->min_overlap > 1 || by->significance > 0)
        return;
    while (cf_max_i64(par, !fits(a, c->step)) == 1) {
        c->step /= 2;
        if (c->step * FINEST < 1)
            return;
    }
    int64_t entries = a->indptr[a->n_loc], largest = 0;
    c->code = cf_alloc(entries, sizeof *c->code, "ratings to compare");
    for (int64_t e = 0; e < entries; e++) {
        c->code[e] = (uint8_t)((double)a->values[e] / c->step);
        largest = CF_MAX(largest, c->code[e]);
    }
    c->largest = (int)cf_max_i64(par, largest);
}
