#include "cfmpi/partition.h"

#include <string.h>

#include "cfmpi/error.h"
#include "cfmpi/memory.h"

void cf_part_even(cf_part *p, cf_gidx rows, int size)
{
    cf_part_free(p);
    p->size = size;
    p->begin = cf_alloc(size + 1, sizeof *p->begin, "row partition");
    for (int r = 0; r <= size; r++)
        p->begin[r] = rows / size * r + CF_MIN(rows % size, r);
}

void cf_part_copy(cf_part *p, const cf_part *from)
{
    cf_part_free(p);
    p->size = from->size;
    p->begin = cf_alloc(p->size + 1, sizeof *p->begin, "row partition");
    memcpy(p->begin, from->begin, (size_t)(p->size + 1) * sizeof *p->begin);
}

void cf_part_free(cf_part *p)
{
    cf_free(p->begin);
    *p = (cf_part){0};
}

int cf_part_owner(const cf_part *p, cf_gidx row)
{
    CF_ASSERT(row >= 0 && row < p->begin[p->size]);
    int lo = 0, hi = p->size;
    while (hi - lo > 1) {
        int mid = lo + (hi - lo) / 2;
        if (p->begin[mid] <= row)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

cf_gidx cf_part_rows(const cf_part *p)
{
    return p->begin[p->size];
}

cf_gidx cf_part_count(const cf_part *p, int rank)
{
    return p->begin[rank + 1] - p->begin[rank];
}

cf_gidx cf_part_largest(const cf_part *p)
{
    cf_gidx most = 0;
    for (int r = 0; r < p->size; r++)
        most = CF_MAX(most, cf_part_count(p, r));
    return most;
}
