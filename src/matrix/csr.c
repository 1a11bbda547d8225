#include "cfmpi/csr.h"

#include <stdbool.h>
#include <string.h>

#include "cfmpi/error.h"
#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"

void cf_csr_balance(cf_part *part, const cf_par *par, const cf_part *given,
                    const int64_t *counts)
{
    cf_gidx rows = cf_part_rows(given), lo = given->begin[par->rank];
    int64_t n = cf_part_count(given, par->rank), mine = 0;
    for (int64_t i = 0; i < n; i++)
        mine += counts[i];
    int64_t before = cf_exscan_i64(par, mine), total = cf_sum_i64(par, mine);
    cf_part_even(part, rows, par->size);
    for (int r = 1; r < par->size; r++)
        part->begin[r] = rows;
    /* Rank r begins at the first row that has r/size of the entries before
     * it; only the rank that owns that row sees it. */
    int r = 1;
    for (int64_t i = 0; i < n; i++) {
        for (; r < par->size && before >= total * r / par->size; r++)
            part->begin[r] = CF_MIN(part->begin[r], lo + i);
        before += counts[i];
    }
    cf_allreduce(par, part->begin, par->size + 1, MPI_INT64_T, MPI_MIN);
}

void cf_csr_seal(cf_csr *a, const cf_par *par)
{
    a->n_loc = cf_part_count(&a->part, par->rank);
    a->nnz_begin = cf_exscan_i64(par, a->indptr[a->n_loc]);
    a->nnz = cf_sum_i64(par, a->indptr[a->n_loc]);
}

void cf_csr_free(cf_csr *a)
{
    cf_part_free(&a->part);
    cf_free(a->indptr);
    cf_free(a->indices);
    cf_free(a->values);
    cf_free(a->time);
    *a = (cf_csr){0};
}

int64_t cf_column_from(const cf_lidx *column, int64_t lo, int64_t hi,
                       cf_gidx least)
{
    while (lo < hi) {
        int64_t middle = lo + (hi - lo) / 2;
        if (column[middle] < least)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo;
}
