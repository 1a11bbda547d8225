#include "raters.h"

#include <math.h>

#include "cfmpi/memory.h"
#include "cfmpi/progress.h"

void cf_raters_begin(cf_raters *r, int64_t k, const float *floor)
{
    int64_t rows = r->rows.count;
    cf_topk_init(&r->lists, rows, k);
    cf_free(r->floor);
    r->floor = cf_alloc(rows, sizeof *r->floor, "list floors");
    for (int64_t i = 0; i < rows; i++)
        r->floor[i] = floor != NULL ? floor[i] : -INFINITY;
}

static void add_to(cf_join *join, cf_gidx row, float score, cf_gidx index)
{
    /* Of scores that are the same either way, one. */
    if (join->one_way || row < index)
        join->open = cf_pairs_add(&join->pairs, join->open, row, index, score);
}

void cf_raters_offer(cf_raters *r, int64_t i, float score, cf_gidx index)
{
    cf_gidx row = r->rows.head[i].id;
    if (!(score >= r->floor[i]) || row == index)
        return;
    if (r->join != NULL) {
        add_to(r->join, row, score, index);
        return;
    }
    cf_topk_push(&r->lists, i, score, index);
    r->floor[i] = fmaxf(r->floor[i], cf_topk_floor(&r->lists, i));
}

int64_t cf_raters_driven(const cf_raters *heavy, const cf_raters *light,
                         bool strict, int64_t i, int64_t first, int64_t last)
{
    int64_t entries = light->rows.head[i].entries + strict;
    if (heavy == light)
        return CF_MAX(first, i + 1);
    while (first < last) {
        int64_t middle = first + (last - first) / 2;
        if (heavy->rows.head[middle].entries < entries)
            first = middle + 1;
        else
            last = middle;
    }
    return first;
}

int64_t cf_raters_drivers(const cf_raters *heavy, const cf_raters *light,
                          bool strict, int64_t first, int64_t last)
{
    int64_t lo = 0, hi = light->rows.count;
    while (lo < hi) {
        int64_t middle = lo + (hi - lo) / 2;
        if (cf_raters_driven(heavy, light, strict, middle, first, last) < last)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo;
}

void cf_pairing_step(cf_pairing *p, int64_t pairs)
{
    p->done += (double)pairs;
    cf_ring_progress(&p->ring);
    cf_progress_step(p->done, p->total);
}

void cf_raters_free(cf_raters *r)
{
    cf_rated_free(&r->rows);
    cf_topk_free(&r->lists);
    cf_free(r->floor);
    *r = (cf_raters){0};
}
