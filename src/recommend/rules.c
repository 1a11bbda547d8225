#include "rules.h"

/* ---- rules without neighbours ---- */

static double of_all(const cf_levels *l, cf_gidx user, cf_gidx item)
{
    (void)user;
    (void)item;
    return l->mean;
}

static double of_user(const cf_levels *l, cf_gidx user, cf_gidx item)
{
    (void)item;
    return l->user_mean[user];
}

static double of_item(const cf_levels *l, cf_gidx user, cf_gidx item)
{
    (void)user;
    return l->item_mean[item];
}

static double of_both(const cf_levels *l, cf_gidx user, cf_gidx item)
{
    const cf_baseline *b = &l->baseline;
    return (b->mean + b->user[user]) + b->item[item];
}

/* ---- the table ---- */

enum {
    UM = CF_LEVEL_USER_MEAN,
    IM = CF_LEVEL_ITEM_MEAN,
    US = CF_LEVEL_USER_MEAN | CF_LEVEL_USER_SPREAD,
    IS = CF_LEVEL_ITEM_MEAN | CF_LEVEL_ITEM_SPREAD,
    BL = CF_LEVEL_BASELINE,
    LISTS = CF_NEEDS_LISTS,
    SIMILAR = CF_NEEDS_SIMILARITY,
    EMBEDDING = CF_NEEDS_EMBEDDING
};

/* clang-format off */
static const cf_rule_row table[CF_RULES] = {
    [CF_RULE_MEAN] = {
        {"mean", LISTS, false, "Σ s r / Σ s over the user's list"},
        CF_LESS_NOTHING, 0, CF_FALLBACK_NONE, NULL},
    [CF_RULE_USER_BASIC] = {
        {"user-basic", SIMILAR, false, "Σ s r / Σ s"},
        CF_LESS_NOTHING, 0, CF_FALLBACK_GLOBAL, NULL},
    [CF_RULE_USER_CENTERED] = {
        {"user-centered", SIMILAR, false, "μ_u + Σ s (r − μ_v) / Σ s"},
        CF_LESS_MEAN, UM, CF_FALLBACK_USER, NULL},
    [CF_RULE_USER_BASELINE] = {
        {"user-baseline", SIMILAR, false, "b_ui + Σ s (r − b_vi) / Σ s"},
        CF_LESS_BASELINE, BL, CF_FALLBACK_BASELINE, NULL},
    [CF_RULE_USER_ZSCORE] = {
        {"user-zscore", SIMILAR, false, "μ_u + σ_u Σ s (r − μ_v)/σ_v / Σ s"},
        CF_LESS_DEVIATION, US, CF_FALLBACK_USER, NULL},
    [CF_RULE_ITEM_BASIC] = {
        {"item-basic", SIMILAR, true, "Σ s r / Σ s"},
        CF_LESS_NOTHING, 0, CF_FALLBACK_GLOBAL, NULL},
    [CF_RULE_ITEM_CENTERED] = {
        {"item-centered", SIMILAR, true, "μ_i + Σ s (r − μ_j) / Σ s"},
        CF_LESS_MEAN, IM, CF_FALLBACK_ITEM, NULL},
    [CF_RULE_ITEM_BASELINE] = {
        {"item-baseline", SIMILAR, true, "b_ui + Σ s (r − b_uj) / Σ s"},
        CF_LESS_BASELINE, BL, CF_FALLBACK_BASELINE, NULL},
    [CF_RULE_ITEM_ZSCORE] = {
        {"item-zscore", SIMILAR, true, "μ_i + σ_i Σ s (r − μ_j)/σ_j / Σ s"},
        CF_LESS_DEVIATION, IS, CF_FALLBACK_ITEM, NULL},
    [CF_RULE_GLOBAL_MEAN] = {
        {"global-mean", 0, false, "μ"},
        CF_LESS_NOTHING, 0, CF_FALLBACK_NONE, of_all},
    [CF_RULE_USER_MEAN] = {
        {"user-mean", 0, false, "μ_u"},
        CF_LESS_NOTHING, UM, CF_FALLBACK_NONE, of_user},
    [CF_RULE_ITEM_MEAN] = {
        {"item-mean", 0, true, "μ_i"},
        CF_LESS_NOTHING, IM, CF_FALLBACK_NONE, of_item},
    [CF_RULE_BASELINE] = {
        {"baseline", 0, false, "b_ui"},
        CF_LESS_NOTHING, BL, CF_FALLBACK_NONE, of_both},
    [CF_RULE_SVD] = {
        {"svd", EMBEDDING, false, "x_u · y_i"},
        CF_LESS_NOTHING, 0, CF_FALLBACK_NONE, NULL},
};
/* clang-format on */

const cf_rule_row *cf_rule_row_of(enum cf_rule rule)
{
    return &table[rule];
}

const cf_rule_text *cf_rule_about(enum cf_rule rule)
{
    return &table[rule].text;
}

const cf_rule_row *cf_rule_fallback(enum cf_fallback fallback)
{
    switch (fallback) {
    case CF_FALLBACK_GLOBAL: return &table[CF_RULE_GLOBAL_MEAN];
    case CF_FALLBACK_USER: return &table[CF_RULE_USER_MEAN];
    case CF_FALLBACK_ITEM: return &table[CF_RULE_ITEM_MEAN];
    case CF_FALLBACK_BASELINE: return &table[CF_RULE_BASELINE];
    default: return NULL;
    }
}
