#include "cfmpi/popularity.h"

#include "cfmpi/memory.h"

/* Beyond so many entries, more make no difference. */
#define BUCKETS ((int64_t)1 << 20)

void cf_csr_popularity(const cf_csr *a, const cf_par *par, cf_lidx *position,
                       int64_t *count)
{
    int64_t *entries = cf_alloc(a->cols, sizeof *entries, "column counts");
    int64_t *next = cf_calloc(BUCKETS + 1, sizeof *next, "column counts");
    cf_csr_col_counts(a, par, entries);
    for (int64_t j = 0; j < a->cols; j++)
        next[BUCKETS - CF_MIN(entries[j], BUCKETS - 1)]++;
    for (int64_t b = 0; b < BUCKETS; b++)
        next[b + 1] += next[b];
    for (int64_t j = 0; j < a->cols; j++) {
        int64_t bucket = BUCKETS - CF_MIN(entries[j], BUCKETS - 1);
        int64_t at = next[bucket - 1]++;
        position[j] = (cf_lidx)at;
        count[at] = entries[j];
    }
    cf_free(entries);
    cf_free(next);
}
