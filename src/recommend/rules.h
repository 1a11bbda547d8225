/* The rules of prediction: one table. */
#ifndef CFMPI_RULES_H
#define CFMPI_RULES_H

#include "cfmpi/predict.h"
#include "levels.h"

/* What is taken from a rating before the mean over neighbours, and given back
 * after it. */
enum cf_less {
    CF_LESS_NOTHING,
    CF_LESS_MEAN, /* of the row */
    CF_LESS_BASELINE,
    CF_LESS_DEVIATION /* the mean; then in units of the row's deviation */
};

typedef struct cf_rule_row {
    cf_rule_text text;
    enum cf_less less;
    int levels;           /* some of enum cf_level */
    enum cf_fallback own; /* what takes over */
    /* Of a rule without neighbours; else NULL. */
    double (*level)(const cf_levels *l, cf_gidx user, cf_gidx item);
} cf_rule_row;

const cf_rule_row *cf_rule_row_of(enum cf_rule rule);

/* The row of a fallback, never CF_FALLBACK_OWN; NULL where it is none. */
const cf_rule_row *cf_rule_fallback(enum cf_fallback fallback);

#endif
