#include "verify_lists.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/layout.h"
#include "cfmpi/memory.h"

/* Own rows of the datasets. */
typedef struct lists {
    const cf_list_group *group;
    cf_gidx begin;
    int64_t count, k;
    float bound;
    cf_gidx *index, *order;
    cf_gidx *self; /* rows that lists are of, -1 where they are of none */
    float *score, *gap;
    int32_t *length, *ties;
} lists;

static void lists_free(lists *l)
{
    cf_free(l->index);
    cf_free(l->order);
    cf_free(l->self);
    cf_free(l->score);
    cf_free(l->gap);
    cf_free(l->length);
    cf_free(l->ties);
}

static int read_set(const lists *l, const cf_par *par, const cf_h5 *file,
                    const char *name, enum cf_type type, cf_gidx cols,
                    void *out)
{
    char path[CF_NAME_MAX];
    snprintf(path, sizeof path, "%.100s/%.20s", l->group->name, name);
    return cf_h5_read_slab(file, par, path, type, cols, l->begin, l->count,
                           out);
}

static int read_lists(lists *l, const cf_par *par, const cf_h5 *file)
{
    int status = CF_OK;
    int64_t n = l->count;
    l->index = cf_alloc(n * l->k, sizeof *l->index, "lists");
    l->score = cf_alloc(n * l->k, sizeof *l->score, "lists");
    l->order = cf_alloc(l->k, sizeof *l->order, "list");
    l->length = cf_alloc(n, sizeof *l->length, "lists");
    l->ties = cf_alloc(n, sizeof *l->ties, "lists");
    l->gap = cf_alloc(n, sizeof *l->gap, "lists");
    l->self = cf_alloc(n, sizeof *l->self, "lists");
    for (int64_t i = 0; i < n; i++)
        l->self[i] = l->group->others ? -1 : l->begin + i;
    if (l->group->own != NULL)
        CF_TRY(cf_h5_read_slab(file, par, l->group->own, CF_I64, 1, l->begin, n,
                               l->self));
    CF_TRY(read_set(l, par, file, "index", CF_I64, l->k, l->index));
    CF_TRY(read_set(l, par, file, "score", CF_F32, l->k, l->score));
    CF_TRY(read_set(l, par, file, "count", CF_I32, 1, l->length));
    CF_TRY(read_set(l, par, file, "ties", CF_I32, 1, l->ties));
    CF_TRY(read_set(l, par, file, "gap", CF_F32, 1, l->gap));
done:
    return status;
}

static int by_number(const void *a, const void *b)
{
    const cf_gidx *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static bool distinct(const lists *l, const cf_gidx *index, int32_t n)
{
    memcpy(l->order, index, (size_t)n * sizeof *index);
    qsort(l->order, (size_t)n, sizeof *l->order, by_number);
    for (int32_t i = 1; i < n; i++)
        if (l->order[i] == l->order[i - 1])
            return false;
    return true;
}

/* Whether an entry may stand right before another. */
static bool in_order(const lists *l, const float *score, const cf_gidx *index)
{
    if (score[0] < score[1] || score[0] > score[1])
        return (score[0] < score[1]) == (l->group->by == CF_EUCLIDEAN);
    return index[0] < index[1];
}

static bool possible(const lists *l, float score)
{
    if (!cf_layout_reaches(score, l->group->by, l->bound))
        return false;
    switch (l->group->by) {
    case CF_COSINE: return score >= -1 && score <= 1;
    case CF_EUCLIDEAN: return score >= 0;
    default: return !isnan(score);
    }
}

/* What is said of the entries that a list leaves out. */
static bool good_end(const lists *l, int64_t i)
{
    float gap = l->gap[i];
    if (l->length[i] < l->k)
        return isnan(gap) && l->ties[i] == 0;
    return l->ties[i] == 0 ? isnan(gap) || gap > 0
                           : l->ties[i] > 0 && !(gap < 0 || gap > 0);
}

static bool good_list(const lists *l, int64_t i)
{
    const cf_gidx *index = l->index + i * l->k;
    const float *score = l->score + i * l->k;
    int32_t n = l->length[i];
    if (n < 0 || n > l->k || l->self[i] >= l->group->among)
        return false;
    for (int64_t c = 0; c < l->k; c++) {
        bool there = index[c] >= 0 && index[c] < l->group->among &&
                     index[c] != l->self[i] && possible(l, score[c]);
        if (c < n ? !there : index[c] != -1 || !isnan(score[c]))
            return false;
        if (c > 0 && c < n && !in_order(l, score + c - 1, index + c - 1))
            return false;
    }
    return distinct(l, index, n) && good_end(l, i);
}

int cf_verify_lists(const cf_par *par, const cf_h5 *file,
                    const cf_list_group *group, int64_t *wrong)
{
    int status = CF_OK;
    char name[CF_NAME_MAX];
    cf_dataset d;
    cf_part part = {0};
    lists l = {.group = group};
    int64_t bad = 0;
    snprintf(name, sizeof name, "%.100s/index", group->name);
    CF_TRY(cf_agree(par, cf_h5_dataset(file, name, &d)));
    if (d.rows != group->rows)
        CF_TRY(cf_fail(CF_BAD_DATA,
                       "%s: %s has %" CF_PRIgidx " rows for %" CF_PRIgidx " %s",
                       file->path, name, d.rows, group->rows,
                       strrchr(group->name, '/') + 1));
    cf_part_even(&part, group->rows, par->size);
    l.bound = cf_layout_read_bound(file, group->name, group->by);
    l.begin = part.begin[par->rank];
    l.count = cf_part_count(&part, par->rank);
    l.k = d.cols;
    CF_TRY(read_lists(&l, par, file));
    for (int64_t i = 0; i < l.count; i++)
        bad += !good_list(&l, i);
    *wrong = cf_sum_i64(par, bad);
done:
    lists_free(&l);
    cf_part_free(&part);
    return status;
}
