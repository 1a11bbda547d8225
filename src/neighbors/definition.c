#include "definition.h"

#include <math.h>
#include <string.h>

/* ---- what is known of a row ---- */

static void squares_row(const cf_ratings_measure *by, double squares,
                        double count, double *p, double *q)
{
    (void)by;
    (void)count;
    *p = squares;
    *q = 0;
}

static void powers_row(const cf_ratings_measure *by, double squares,
                       double count, double *p, double *q)
{
    (void)count;
    *p = pow(squares, by->alpha);
    *q = pow(squares, 1 - by->alpha);
}

static void count_row(const cf_ratings_measure *by, double squares,
                      double count, double *p, double *q)
{
    (void)by;
    (void)squares;
    *p = count;
    *q = 0;
}

static void walk_row(const cf_ratings_measure *by, double squares, double count,
                     double *p, double *q)
{
    (void)squares;
    *p = pow(count, -by->alpha);
    *q = by->similarity == CF_RP3BETA ? pow(count, -by->beta) : 1;
}

/* ---- the table ---- */

enum {
    PRODUCTS = CF_SUM_PRODUCTS,
    MOMENTS = CF_SUM_PRODUCTS | CF_SUM_SQUARES,
    ALL_SUMS = CF_SUM_PRODUCTS | CF_SUM_VALUES | CF_SUM_SQUARES,
    H = CF_TAKES_SHRINKAGE,
    A = CF_TAKES_ALPHA,
    B = CF_TAKES_BETA,
    S = CF_TAKES_SIGNIFICANCE
};

#define SCORES(f) cf_exact_##f, cf_rough_##f

#define NONE "; NaN where there is none"

static const cf_definition table[CF_SIMILARITIES] = {
    [CF_COSINE] = {{"cosine", "cosine of the angle to each neighbour" NONE,
                    "cosine", "", S | H},
                   CF_AS_RATED,
                   PRODUCTS,
                   false,
                   false,
                   squares_row,
                   SCORES(cosine),
                   CF_REACH_LENGTHS},
    [CF_DOT] = {{"dot", "inner product with each neighbour" NONE, NULL,
                 " by inner product", S},
                CF_AS_RATED,
                PRODUCTS,
                false,
                false,
                squares_row,
                SCORES(dot),
                CF_REACH_SCORE},
    [CF_EUCLIDEAN] = {{"euclidean", "distance of each neighbour" NONE, NULL,
                       " by distance", 0},
                      CF_AS_RATED,
                      PRODUCTS,
                      true,
                      false,
                      squares_row,
                      SCORES(euclidean),
                      CF_REACH_UNKNOWN},
    [CF_CENTERED_COSINE] = {{"centered-cosine",
                             "cosine with each neighbour, less own means" NONE,
                             "cosine", " by centred cosine", S | H},
                            CF_FROM_OWN,
                            PRODUCTS,
                            false,
                            false,
                            squares_row,
                            SCORES(cosine),
                            CF_REACH_UNKNOWN},
    [CF_ADJUSTED_COSINE] = {{"adjusted-cosine",
                             "cosine with each neighbour, less the users' "
                             "means" NONE,
                             "cosine", " by adjusted cosine", S | H},
                            CF_FROM_USER,
                            PRODUCTS,
                            false,
                            false,
                            squares_row,
                            SCORES(cosine),
                            CF_REACH_UNKNOWN},
    [CF_ASYMMETRIC_COSINE] = {{"asymmetric-cosine",
                               "asymmetric cosine with each neighbour" NONE,
                               NULL, " by asymmetric cosine", S | H | A},
                              CF_AS_RATED,
                              PRODUCTS,
                              false,
                              true,
                              powers_row,
                              SCORES(asymmetric),
                              CF_REACH_UNKNOWN},
    [CF_PEARSON] = {{"pearson",
                     "correlation with each neighbour over what both "
                     "rated" NONE,
                     NULL, " by correlation", S | H},
                    CF_FROM_MIDDLE,
                    ALL_SUMS,
                    false,
                    false,
                    squares_row,
                    SCORES(pearson),
                    CF_REACH_UNKNOWN},
    [CF_PEARSON_BASELINE] = {{"pearson-baseline",
                              "correlation with each neighbour about the "
                              "baseline" NONE,
                              NULL, " by correlation about the baseline",
                              S | H},
                             CF_RESIDUAL,
                             MOMENTS,
                             false,
                             false,
                             squares_row,
                             SCORES(residual),
                             CF_REACH_UNKNOWN},
    [CF_MSD] = {{"msd",
                 "1 over 1 and the mean squared difference to each "
                 "neighbour" NONE,
                 NULL, " by mean squared difference", S},
                CF_FROM_MIDDLE,
                MOMENTS,
                false,
                false,
                squares_row,
                SCORES(msd),
                CF_REACH_UNKNOWN},
    [CF_JACCARD] = {{"jaccard", "Jaccard index with each neighbour" NONE, NULL,
                     " by Jaccard index", S},
                    CF_AS_RATED,
                    0,
                    false,
                    false,
                    count_row,
                    SCORES(jaccard),
                    CF_REACH_UNKNOWN},
    [CF_DICE] = {{"dice", "Dice coefficient with each neighbour" NONE, NULL,
                  " by Dice coefficient", S},
                 CF_AS_RATED,
                 0,
                 false,
                 false,
                 count_row,
                 SCORES(dice),
                 CF_REACH_UNKNOWN},
    [CF_TVERSKY] = {{"tversky", "Tversky index with each neighbour" NONE, NULL,
                     " by Tversky index", S | A | B},
                    CF_AS_RATED,
                    0,
                    false,
                    true,
                    count_row,
                    SCORES(tversky),
                    CF_REACH_UNKNOWN},
    [CF_P3ALPHA] = {{"p3alpha",
                     "weight of the walks of three steps to each "
                     "neighbour" NONE,
                     NULL, " by random walks", S | A},
                    CF_SHARE,
                    CF_SUM_VALUES,
                    false,
                    true,
                    walk_row,
                    SCORES(walk),
                    CF_REACH_UNKNOWN},
    [CF_RP3BETA] = {{"rp3beta",
                     "weight of the walks of three steps to each neighbour, "
                     "less for popular ones" NONE,
                     NULL, " by random walks", S | A | B},
                    CF_SHARE,
                    CF_SUM_VALUES,
                    false,
                    true,
                    walk_row,
                    SCORES(walk),
                    CF_REACH_UNKNOWN},
};

const cf_definition *cf_definition_of(enum cf_similarity by)
{
    return &table[by];
}

const cf_similarity_text *cf_similarity_about(enum cf_similarity by)
{
    return &table[by].text;
}

int cf_similarity_find(const char *name)
{
    for (int i = 0; i < CF_SIMILARITIES; i++)
        if (strcmp(table[i].text.name, name) == 0)
            return i;
    return -1;
}

bool cf_similarity_of_vectors(enum cf_similarity by)
{
    return by <= CF_EUCLIDEAN;
}

bool cf_similarity_directed(enum cf_similarity by)
{
    return table[by].directed;
}
