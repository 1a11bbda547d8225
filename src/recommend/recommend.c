#include "cfmpi/recommend.h"

#include <string.h>

#include "cfmpi/memory.h"
#include "factors.h"
#include "neighbours.h"
#include "popular.h"

/* ---- scores ---- */

static const cf_score_text scores[CF_SCORES] = {
    [CF_SCORE_MEAN] = {"mean", CF_SCORE_NEEDS_USER_LISTS,
                       "predicted rating; NaN where there is none", "rating"},
    [CF_SCORE_SUM] = {"sum", CF_SCORE_NEEDS_USER_LISTS,
                      "sum of the neighbours' ratings times their similarity; "
                      "NaN where there is none",
                      NULL},
    [CF_SCORE_ITEM_SUM] = {"item-sum", CF_SCORE_NEEDS_ITEM_LISTS,
                           "sum of the user's ratings times the item's "
                           "similarity to what was rated; NaN where there is "
                           "none",
                           NULL},
    [CF_SCORE_PURESVD] = {"puresvd", CF_SCORE_NEEDS_EMBEDDING,
                          "product of the user's row A·V and the item's row V "
                          "of the embedding; NaN where there is none",
                          NULL},
    [CF_SCORE_POPULARITY] = {"popularity", CF_SCORE_NEEDS_NOTHING,
                             "ratings of the item; NaN where there is none",
                             "ratings"},
};

const cf_score_text *cf_score_about(enum cf_score score)
{
    return &scores[score];
}

int cf_score_find(const char *name)
{
    for (int s = 0; s < CF_SCORES; s++)
        if (strcmp(scores[s].name, name) == 0)
            return s;
    return -1;
}

/* ---- lists ---- */

void cf_lists_matrix(cf_csr *a, const cf_par *par, const cf_user_lists *lists)
{
    const cf_topk *t = lists->lists;
    int64_t n = 0;
    *a = (cf_csr){.rows = cf_part_rows(lists->part),
                  .cols = cf_part_rows(lists->part)};
    cf_part_copy(&a->part, lists->part);
    a->indptr = cf_alloc(t->rows + 1, sizeof *a->indptr, "row pointers");
    a->indices = cf_alloc(t->rows * t->k, sizeof *a->indices, "item lists");
    a->values = cf_alloc(t->rows * t->k, sizeof *a->values, "item lists");
    for (int64_t i = 0; i < t->rows; i++) {
        a->indptr[i] = n;
        for (int64_t e = i * t->stride; e < i * t->stride + t->count[i]; e++) {
            if (!(t->score[e] > 0))
                continue;
            a->indices[n] = (cf_lidx)t->index[e];
            a->values[n++] = t->score[e];
        }
    }
    a->indptr[t->rows] = n;
    cf_csr_seal(a, par);
}

static uint8_t *candidates(const cf_recommend_from *from,
                           const cf_recommend_how *how, const int64_t *count)
{
    cf_gidx items = from->ratings->cols;
    uint8_t *candidate = cf_alloc(items, sizeof *candidate, "candidates");
    for (cf_gidx j = 0; j < items; j++)
        candidate[j] = count[j] >= CF_MAX(how->min_popularity, 1) &&
                       (how->candidate == NULL || how->candidate[j] != 0);
    return candidate;
}

static void empty_lists(cf_recommendations *out, const cf_par *par,
                        const cf_csr *a, int64_t top)
{
    cf_part_copy(&out->part, &a->part);
    cf_topk_init(&out->lists, cf_part_count(&a->part, par->rank), top);
    cf_topk_finish(&out->lists);
}

void cf_recommend(cf_recommendations *out, const cf_par *par,
                  const cf_recommend_from *from, const cf_recommend_how *how)
{
    const cf_csr *a = from->ratings, *users = cf_recommended_users(from);
    bool popular = how->score == CF_SCORE_POPULARITY;
    int64_t *count = cf_alloc(a->cols, sizeof *count, "ratings of items");
    cf_recommendations_free(out);
    cf_csr_col_counts(a, par, count);
    uint8_t *candidate = candidates(from, how, count);
    switch (scores[how->score].needs) {
    case CF_SCORE_NEEDS_USER_LISTS:
    case CF_SCORE_NEEDS_ITEM_LISTS:
        cf_recommend_by_lists(out, par, from, how, candidate);
        break;
    case CF_SCORE_NEEDS_EMBEDDING:
        cf_recommend_by_factors(out, par, from, how, candidate);
        break;
    case CF_SCORE_NEEDS_NOTHING: empty_lists(out, par, users, how->top); break;
    }
    if (popular || how->fill) {
        cf_popular p = {users, candidate, count, how->asked, popular};
        if (!popular)
            out->filled = cf_calloc(out->lists.rows, sizeof *out->filled,
                                    "lists filled up");
        cf_popular_fill(out, par, &p, out->filled);
    }
    cf_free(candidate);
    cf_free(count);
}

void cf_recommendations_free(cf_recommendations *r)
{
    cf_part_free(&r->part);
    cf_topk_free(&r->lists);
    cf_free(r->filled);
    *r = (cf_recommendations){0};
}
