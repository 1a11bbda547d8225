#include <math.h>
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "codes.h"

#define FINEST 8 /* steps to a whole number */

int cf_codes_most(const cf_ratings_measure *by)
{
    const cf_definition *is = cf_definition_of(by->similarity);
    if (is->values != CF_AS_RATED && is->values != CF_FROM_MIDDLE)
        return 0;
    return cf_codes_are_screened(by) ? CF_CODE_MOST : CF_MOMENT_CODE;
}

bool cf_codes_are_screened(const cf_ratings_measure *by)
{
    return cf_definition_of(by->similarity)->reach != CF_REACH_UNKNOWN &&
           by->min_overlap <= 1 && by->significance == 0;
}

/* Whether all own ratings are from 1 to `most` steps. */
static bool fits(const cf_csr *a, double step, int most)
{
    for (int64_t e = 0; e < a->indptr[a->n_loc]; e++) {
        double code = (double)a->values[e] / step;
        if (!(code >= 1 && code <= most) || code > floor(code))
            return false;
    }
    return true;
}

static bool is_finite(const cf_csr *a)
{
    for (int64_t e = 0; e < a->indptr[a->n_loc]; e++)
        if (!isfinite(a->values[e]))
            return false;
    return true;
}

/* Where it is only asked which ratings there are, each is 1. */
static void find_ones(cf_codes *c, const cf_csr *a, const cf_par *par)
{
    int64_t entries = a->indptr[a->n_loc];
    if (cf_max_i64(par, !is_finite(a)) == 1)
        return;
    c->code = cf_alloc(entries, sizeof *c->code, "ratings to compare");
    memset(c->code, 1, (size_t)entries);
    c->largest = 1;
}

/* Whether sums over the longest row stay within 32 bits; v + 11 code + 30 is
 * the most that one rating adds to them. */
static bool sums_fit(const cf_csr *a, const cf_par *par, int most)
{
    int64_t longest = 0, one = CF_MAX(most * most, 11 * most + 40);
    for (int64_t i = 0; i < a->n_loc; i++)
        longest = CF_MAX(longest, a->indptr[i + 1] - a->indptr[i]);
    return cf_max_i64(par, longest) <= INT32_MAX / one;
}

void cf_codes_find(cf_codes *c, const cf_csr *a, const cf_par *par,
                   const cf_ratings_measure *by)
{
    int most = cf_codes_most(by);
    *c = (cf_codes){.step = 1};
    if (most == 0 || !sums_fit(a, par, most))
        return;
    if (cf_definition_of(by->similarity)->sums == 0) {
        find_ones(c, a, par);
        return;
    }
    while (cf_max_i64(par, !fits(a, c->step, most)) == 1) {
        c->step /= 2;
        if (c->step * FINEST < 1)
            return;
    }
    int64_t entries = a->indptr[a->n_loc], largest = 1;
    c->code = cf_alloc(entries, sizeof *c->code, "ratings to compare");
    for (int64_t e = 0; e < entries; e++) {
        c->code[e] = (uint8_t)((double)a->values[e] / c->step);
        largest = CF_MAX(largest, c->code[e]);
    }
    c->largest = (int)cf_max_i64(par, largest);
}
