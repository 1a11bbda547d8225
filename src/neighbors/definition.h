/* What each similarity of ratings is made of. */
#ifndef CFMPI_DEFINITION_H
#define CFMPI_DEFINITION_H

#include "scores.h"

/* What stands for the ratings in sums. */
enum cf_stand_in {
    CF_AS_RATED,
    CF_FROM_MIDDLE, /* less the middle of all ratings, which changes nothing
                       but the rounding: differences stay large */
    CF_FROM_OWN,    /* less the row's mean */
    CF_FROM_USER,   /* less the user's mean */
    CF_RESIDUAL,    /* less the baseline */
    CF_SHARE        /* of its column's sum, to the power α */
};

/* Sums over what two rows have in common, besides its count. */
enum cf_sums {
    CF_SUM_PRODUCTS = 1, /* Σxy */
    CF_SUM_VALUES = 2,   /* Σx, Σy */
    CF_SUM_SQUARES = 4   /* Σx², Σy² */
};

/* What Σxy must reach for a score: nothing is known, score x |x||y|, or the
 * score. */
enum cf_reach { CF_REACH_UNKNOWN, CF_REACH_LENGTHS, CF_REACH_SCORE };

typedef struct cf_definition {
    cf_similarity_text text;
    enum cf_stand_in values;
    int sums;
    bool distance; /* with a minus here, so that the highest score is best */
    bool directed; /* what x is to y, y may not be to x */
    /* p and q of a row with `count` ratings whose squares sum to `squares`. */
    void (*row)(const cf_ratings_measure *by, double squares, double count,
                double *p, double *q);
    cf_strip_scores *scores;
    cf_rough_scores *rough;
    enum cf_reach reach; /* for ratings above 0; p is then |x|² */
} cf_definition;

const cf_definition *cf_definition_of(enum cf_similarity by);

#endif
