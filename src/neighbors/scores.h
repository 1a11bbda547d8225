/* Scores of a row with a strip of others, by every formula: exact ones, which
 * are stored, and estimates in half the width, which tell what is worth an
 * exact one. */
#ifndef CFMPI_SCORES_H
#define CFMPI_SCORES_H

#include "cfmpi/ratings_neighbors.h"

/* A row with a strip of others. Arrays are of the others. */
typedef struct cf_strip {
    int64_t count;
    const int32_t *n;
    const double *xy, *x, *y, *xx, *yy;
    double p, q; /* of the row */
    const double *ps, *qs;
    float *there; /* scores in the row's list; NaN for those who are none */
    float *back;  /* in the lists of the others */
} cf_strip;

/* The same in float32. */
typedef struct cf_rough_strip {
    int64_t count;
    const float *n, *xy, *x, *y, *xx, *yy;
    float p, q;
    const float *ps, *qs;
    float *there, *back;
} cf_rough_strip;

typedef void cf_strip_scores(const cf_ratings_measure *by, const cf_strip *s);

/* Where sums are whole numbers times a power of two, n Σxy and the like below
 * 2^24 times that, and distances' squares too, a score is within this share of
 * its size. */
typedef void cf_rough_scores(const cf_ratings_measure *by,
                             const cf_rough_strip *s);
#define CF_ROUGH 4e-6f

/* Every formula. */
#define CF_FORMULAS(F)                                                         \
    F(cosine)                                                                  \
    F(dot)                                                                     \
    F(euclidean)                                                               \
    F(asymmetric)                                                              \
    F(pearson)                                                                 \
    F(residual)                                                                \
    F(msd)                                                                     \
    F(jaccard)                                                                 \
    F(dice)                                                                    \
    F(tversky)                                                                 \
    F(walk)

#define CF_DECLARE_SCORES(f)                                                   \
    cf_strip_scores cf_exact_##f;                                              \
    cf_rough_scores cf_rough_##f;

CF_FORMULAS(CF_DECLARE_SCORES)

#endif
