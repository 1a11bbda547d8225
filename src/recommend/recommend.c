#include "cfmpi/recommend.h"

#include <string.h>

#include "neighbours.h"

static const cf_score_text scores[CF_SCORES] = {
    [CF_SCORE_MEAN] = {"mean", CF_SCORE_NEEDS_USER_LISTS,
                       "predicted rating; NaN where there is none", "rating"},
    [CF_SCORE_SUM] = {"sum", CF_SCORE_NEEDS_USER_LISTS,
                      "sum of the neighbours' ratings times their similarity; "
                      "NaN where there is none",
                      NULL},
    [CF_SCORE_ITEM_SUM] = {"item-sum", CF_SCORE_NEEDS_ITEM_LISTS,
                           "sum of the user's ratings times the similarity of "
                           "what was rated; NaN where there is none",
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

void cf_recommend(cf_recommendations *out, const cf_par *par,
                  const cf_recommend_from *from, const cf_recommend_how *how)
{
    cf_recommend_by_lists(out, par, from, how, how->candidate);
}

#include "cfmpi/memory.h"
void cf_recommendations_free(cf_recommendations *r)
{
    cf_part_free(&r->part);
    cf_topk_free(&r->lists);
    cf_free(r->filled);
    *r = (cf_recommendations){0};
}
