#include "ways.h"

#include <math.h>
#include <stdlib.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "travel.h"

/* ---- the three ways ---- */

enum cf_way_kind cf_way_for(const cf_ratings_measure *by, bool coded)
{
    return !coded                      ? CF_WAY_SWEEP
           : cf_codes_are_screened(by) ? CF_WAY_SCREEN
                                       : CF_WAY_MOMENTS;
}

void cf_way_begin(cf_way *w, const cf_ratings_measure *by, cf_gidx columns,
                  const cf_codes *codes, const cf_rated *like)
{
    w->kind = cf_way_for(by, like->code != NULL);
    w->kernel = NULL;
    switch (w->kind) {
    case CF_WAY_SWEEP:
        cf_sweep_begin(&w->sweep, &w->pairing, by, columns, like->count,
                       like->entries);
        break;
    case CF_WAY_SCREEN:
        cf_coded_begin(&w->coded, &w->pairing, by, columns, codes);
        w->kernel = w->coded.kernel->name;
        break;
    case CF_WAY_MOMENTS:
        cf_moments_begin(&w->moments, &w->pairing, by, columns, codes->step,
                         codes->largest);
        w->kernel = w->moments.kernel->name;
    }
}

void cf_way_meet(cf_way *w, cf_raters *heavy, cf_raters *light, bool strict)
{
    switch (w->kind) {
    case CF_WAY_SWEEP: cf_sweep_pairs(&w->sweep, heavy, light, strict); break;
    case CF_WAY_SCREEN: cf_coded_pairs(&w->coded, heavy, light, strict); break;
    case CF_WAY_MOMENTS: cf_moments_pairs(&w->moments, heavy, light, strict);
    }
}

void cf_way_end(cf_way *w)
{
    cf_sweep_end(&w->sweep);
    cf_coded_end(&w->coded);
    cf_moments_end(&w->moments);
}

/* ---- rows ---- */

void cf_rated_describe(cf_rated *r, const cf_ratings_measure *by, double step)
{
    const cf_definition *is = cf_definition_of(by->similarity);
    for (int64_t i = 0; i < r->count; i++) {
        double squares = 0;
        for (int64_t e = r->begin[i]; e < r->begin[i + 1]; e++) {
            double v = r->code != NULL ? r->code[e] * step : r->value[e];
            squares += v * v;
        }
        is->row(by, squares, (double)r->head[i].entries, &r->head[i].p,
                &r->head[i].q);
    }
}

/* Columns by their ratings, the most rated first. */
typedef struct column_count {
    int64_t count;
    cf_lidx column;
} column_count;

static int most_first(const void *a, const void *b)
{
    const column_count *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return (x->column > y->column) - (x->column < y->column);
}

cf_lidx *cf_most_rated_first(const cf_par *par, const cf_csr *a,
                             cf_gidx columns)
{
    int64_t *count = cf_alloc(a->cols, sizeof *count, "column counts");
    column_count *order = cf_alloc(columns, sizeof *order, "column counts");
    cf_lidx *number = cf_alloc(columns, sizeof *number, "column numbers");
    cf_csr_col_counts(a, par, count);
    for (cf_gidx c = 0; c < columns; c++)
        order[c] = (column_count){c < a->cols ? count[c] : 0, (cf_lidx)c};
    qsort(order, (size_t)columns, sizeof *order, most_first);
    for (cf_gidx c = 0; c < columns; c++)
        number[order[c].column] = (cf_lidx)c;
    cf_free(count);
    cf_free(order);
    return number;
}

/* ---- lists ---- */

float *cf_list_bounds(int64_t rows, const cf_ratings_measure *by)
{
    float *floor = cf_alloc(rows, sizeof *floor, "list floors");
    bool distance = cf_definition_of(by->similarity)->distance;
    for (int64_t i = 0; i < rows; i++)
        floor[i] = !by->bounded ? -INFINITY : distance ? -by->bound : by->bound;
    return floor;
}

static void offer(void *to, int64_t row, float score, cf_gidx index)
{
    cf_raters_offer(to, row, score, index);
}

void cf_raters_send_home(const cf_par *par, int step, const cf_raters *away,
                         cf_raters *own)
{
    if (own->join == NULL)
        cf_travel_home(par, step, &away->lists, &own->lists, offer, own);
}

void cf_raters_deliver(cf_neighbors *out, const cf_par *par,
                       const cf_origin *origin, cf_raters *own, cf_gidx first,
                       enum cf_similarity similarity)
{
    cf_slab slab = {
        .count = own->rows.count,
        .id = cf_alloc(own->rows.count, sizeof *slab.id, "row numbers")};
    for (int64_t i = 0; i < slab.count; i++)
        slab.id[i] = own->rows.head[i].id - first;
    cf_rated_free(&own->rows);
    cf_deliver_lists(out, par, origin, &slab, &own->lists, similarity);
    cf_free(slab.id);
}
