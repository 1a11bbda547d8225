/* How far lists on the embedding and on the ratings agree: all of it made
 * anew from the lists. */
#include <stdio.h>
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/layout.h"
#include "cfmpi/memory.h"
#include "verify.h"

/* A set of what the file says, and what it should say: own rows, or all of
 * them on every rank. */
typedef struct expected {
    const char *name;
    enum cf_type type;
    cf_gidx rows, cols, begin;
    int64_t count;
    const void *data;
} expected;

/* NaN is like NaN. */
static bool same_value(const expected *e, const void *stored, int64_t i)
{
    if (e->type == CF_I64)
        return ((const int64_t *)stored)[i] == ((const int64_t *)e->data)[i];
    double x, y;
    if (e->type == CF_F32) {
        x = (double)((const float *)stored)[i];
        y = (double)((const float *)e->data)[i];
    } else {
        x = ((const double *)stored)[i];
        y = ((const double *)e->data)[i];
    }
    return (x <= y && x >= y) || (x != x && y != y);
}

/* Counts the values that differ here; all where the shape does. */
static int compare(const cf_check *c, const char *group, const expected *e,
                   int64_t *wrong)
{
    int status = CF_OK;
    char name[CF_NAME_MAX];
    cf_dataset d;
    void *stored = NULL;
    int64_t values = e->count * e->cols;
    snprintf(name, sizeof name, "%.100s/%.20s", group, e->name);
    CF_TRY(cf_h5_dataset(&c->file, name, &d));
    if (d.type != e->type || d.rows != e->rows || d.cols != e->cols) {
        *wrong += CF_MAX(values, 1);
        goto done;
    }
    stored = cf_alloc(values, (size_t)d.width, "overlap of lists");
    CF_TRY(cf_h5_read(&c->file, &d, e->begin, e->count, stored));
    for (int64_t i = 0; i < values; i++)
        *wrong += !same_value(e, stored, i);
done:
    cf_free(stored);
    return status;
}

static int compare_all(const cf_check *c, const char *group,
                       const cf_overlap *o, int64_t *wrong)
{
    int status = CF_OK, rank = c->par->rank;
    cf_gidx n = cf_part_rows(&o->part), begin = o->part.begin[rank];
    int64_t own = cf_part_count(&o->part, rank);
    int64_t d = o->depths, b = o->bins;
    const expected all[] = {
        {"depth", CF_I64, d, 1, 0, d, o->depth},
        {"overlap", CF_F32, n, d, begin, own, o->overlap},
        {"recall", CF_F32, n, d, begin, own, o->recall},
        {"mean_overlap", CF_F64, d, 1, 0, d, o->mean_overlap},
        {"mean_recall", CF_F64, d, 1, 0, d, o->mean_recall},
        {"bin_from", CF_I64, b, 1, 0, b, o->from},
        {"bin_to", CF_I64, b, 1, 0, b, o->to},
        {"bin_rows", CF_I64, b, 1, 0, b, o->bin_rows},
        {"bin_overlap", CF_F64, b, d, 0, b, o->bin_overlap},
        {"bin_recall", CF_F64, b, d, 0, b, o->bin_recall}};
    for (size_t i = 0; i < sizeof all / sizeof *all && status == CF_OK; i++)
        status = compare(c, group, &all[i], wrong);
    return cf_agree(c->par, status);
}

int cf_check_overlap(cf_check *c, const char *side)
{
    int status = CF_OK;
    char group[CF_NAME_MAX], line[128];
    cf_topk a = {0}, b = {0};
    cf_part part = {0}, same = {0};
    cf_overlap o = {0};
    int64_t *ratings = NULL, wrong = 0;
    bool items = strcmp(side, "items") == 0;
    cf_gidx rows = items ? c->ratings.cols : c->ratings.rows;
    snprintf(group, sizeof group, "/neighbors/%.20s", side);
    CF_TRY(
        cf_layout_read_lists(&c->file, c->par, group, rows, rows, &part, &a));
    snprintf(group, sizeof group, "/neighbors_ratings/%.20s", side);
    CF_TRY(
        cf_layout_read_lists(&c->file, c->par, group, rows, rows, &same, &b));
    if (a.k != b.k)
        CF_TRY(cf_fail(CF_BAD_DATA,
                       "%s: the lists of %s are not of one length in both "
                       "spaces",
                       c->file.path, side));
    snprintf(group, sizeof group, "/%.20s/count", side);
    ratings = cf_alloc(a.rows, sizeof *ratings, "counts of ratings");
    CF_TRY(cf_h5_read_slab(&c->file, c->par, group, CF_I64, 1,
                           part.begin[c->par->rank], a.rows, ratings));
    cf_overlap_find(&o, c->par, &part, &a, &b, ratings);
    snprintf(group, sizeof group, "/overlap/%.20s", side);
    CF_TRY(compare_all(c, group, &o, &wrong));
    wrong = cf_sum_i64(c->par, wrong);
    snprintf(line, sizeof line,
             " of %" CF_PRIgidx " %s from the lists, %" PRId64 " values differ",
             rows, side, wrong);
    cf_check_tell(c, wrong == 0, "overlap", line);
done:
    cf_overlap_free(&o);
    cf_topk_free(&a);
    cf_topk_free(&b);
    cf_part_free(&part);
    cf_part_free(&same);
    cf_free(ratings);
    return status;
}
