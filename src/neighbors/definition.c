#include "definition.h"

#include <math.h>
#include <string.h>

#include "cfmpi/cpu.h"

/* What a formula sees of two rows. */
typedef struct pair {
    double n, xy, x, y, xx, yy;
    double px, qx, py, qy;
} pair;

typedef double formula(const cf_ratings_measure *by, pair a);

#define INLINE static inline __attribute__((always_inline))

/* ---- the formulae ---- */

INLINE double quotient(double a, double b)
{
    double q = a / b;
    return b > 0 ? q : 0;
}

/* (n - 1) / (n - 1 + h), 0 for one rating in common. */
INLINE double shrunk(const cf_ratings_measure *by, pair a)
{
    return quotient(a.n - 1, a.n - 1 + by->shrinkage);
}

INLINE double cosine(const cf_ratings_measure *by, pair a)
{
    return quotient(a.xy, sqrt(a.px * a.py) + by->shrinkage);
}

INLINE double dot(const cf_ratings_measure *by, pair a)
{
    (void)by;
    return a.xy;
}

INLINE double euclidean(const cf_ratings_measure *by, pair a)
{
    (void)by;
    double squared = (a.px + a.py) - 2 * a.xy;
    return -sqrt(squared > 0 ? squared : 0);
}

INLINE double asymmetric(const cf_ratings_measure *by, pair a)
{
    return quotient(a.xy, a.px * a.qy + by->shrinkage);
}

/* Variation of less than this share of the squares is rounding. */
#define CONSTANT 0x1p-40

INLINE double variation(double n, double x, double xx)
{
    double v = n * xx - x * x;
    return v > CONSTANT * (n * xx) ? v : 0;
}

INLINE double pearson(const cf_ratings_measure *by, pair a)
{
    double vx = variation(a.n, a.x, a.xx), vy = variation(a.n, a.y, a.yy);
    double r = quotient(a.n * a.xy - a.x * a.y, sqrt(vx * vy));
    return r * shrunk(by, a);
}

INLINE double residual(const cf_ratings_measure *by, pair a)
{
    return quotient(a.xy, sqrt(a.xx * a.yy)) * shrunk(by, a);
}

INLINE double msd(const cf_ratings_measure *by, pair a)
{
    (void)by;
    double squared = (a.xx + a.yy) - 2 * a.xy;
    return 1 / (1 + (squared > 0 ? squared : 0) / a.n);
}

INLINE double jaccard(const cf_ratings_measure *by, pair a)
{
    (void)by;
    return a.n / (a.px + a.py - a.n);
}

INLINE double dice(const cf_ratings_measure *by, pair a)
{
    (void)by;
    return 2 * a.n / (a.px + a.py);
}

INLINE double tversky(const cf_ratings_measure *by, pair a)
{
    double only = by->alpha * (a.px - a.n) + by->beta * (a.py - a.n);
    return a.n / (a.n + only);
}

INLINE double walk(const cf_ratings_measure *by, pair a)
{
    (void)by;
    return a.px * a.y * a.qy;
}

/* ---- strips ---- */

INLINE float finish(const cf_ratings_measure *by, pair a, formula *f,
                    bool distance)
{
    double score = f(by, a), s = (double)by->significance;
    double weight = a.n < s && !distance ? a.n / s : 1;
    double fewest = distance ? by->min_overlap > 1 ? (double)by->min_overlap : 0
                             : (double)by->min_overlap;
    float stored = (float)(score * weight);
    return a.n >= fewest ? stored : NAN;
}

INLINE void strip(const cf_ratings_measure *by, const cf_strip *s, formula *f,
                  bool distance, bool directed)
{
    for (int64_t j = 0; j < s->count; j++) {
        pair a = {(double)s->n[j], s->xy[j], s->x[j], s->y[j],  s->xx[j],
                  s->yy[j],        s->p,     s->q,    s->ps[j], s->qs[j]};
        s->there[j] = finish(by, a, f, distance);
        if (directed) {
            pair b = {a.n, a.xy, a.y, a.x, a.yy, a.xx, a.py, a.qy, a.px, a.qx};
            s->back[j] = finish(by, b, f, distance);
        }
    }
}

#define STRIP(f, distance, directed)                                           \
    CF_VECTORISED static void f##_scores(const cf_ratings_measure *by,         \
                                         const cf_strip *s)                    \
    {                                                                          \
        strip(by, s, f, distance, directed);                                   \
    }

STRIP(cosine, false, false)
STRIP(dot, false, false)
STRIP(euclidean, true, false)
STRIP(asymmetric, false, true)
STRIP(pearson, false, false)
STRIP(residual, false, false)
STRIP(msd, false, false)
STRIP(jaccard, false, false)
STRIP(dice, false, false)
STRIP(tversky, false, true)
STRIP(walk, false, true)

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

#define NONE "; NaN where there is none"

static const cf_definition table[CF_SIMILARITIES] = {
    [CF_COSINE] = {{"cosine", "cosine of the angle to each neighbour" NONE,
                    "cosine", "", S | H},
                   CF_AS_RATED,
                   PRODUCTS,
                   false,
                   false,
                   squares_row,
                   cosine_scores,
                   CF_REACH_LENGTHS},
    [CF_DOT] = {{"dot", "inner product with each neighbour" NONE, NULL,
                 " by inner product", S},
                CF_AS_RATED,
                PRODUCTS,
                false,
                false,
                squares_row,
                dot_scores,
                CF_REACH_SCORE},
    [CF_EUCLIDEAN] = {{"euclidean", "distance of each neighbour" NONE, NULL,
                       " by distance", 0},
                      CF_AS_RATED,
                      PRODUCTS,
                      true,
                      false,
                      squares_row,
                      euclidean_scores,
                      CF_REACH_UNKNOWN},
    [CF_CENTERED_COSINE] = {{"centered-cosine",
                             "cosine with each neighbour, less own means" NONE,
                             "cosine", " by centred cosine", S | H},
                            CF_FROM_OWN,
                            PRODUCTS,
                            false,
                            false,
                            squares_row,
                            cosine_scores,
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
                            cosine_scores,
                            CF_REACH_UNKNOWN},
    [CF_ASYMMETRIC_COSINE] = {{"asymmetric-cosine",
                               "asymmetric cosine with each neighbour" NONE,
                               NULL, " by asymmetric cosine", S | H | A},
                              CF_AS_RATED,
                              PRODUCTS,
                              false,
                              true,
                              powers_row,
                              asymmetric_scores,
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
                    pearson_scores,
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
                             residual_scores,
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
                msd_scores,
                CF_REACH_UNKNOWN},
    [CF_JACCARD] = {{"jaccard", "Jaccard index with each neighbour" NONE, NULL,
                     " by Jaccard index", S},
                    CF_AS_RATED,
                    0,
                    false,
                    false,
                    count_row,
                    jaccard_scores,
                    CF_REACH_UNKNOWN},
    [CF_DICE] = {{"dice", "Dice coefficient with each neighbour" NONE, NULL,
                  " by Dice coefficient", S},
                 CF_AS_RATED,
                 0,
                 false,
                 false,
                 count_row,
                 dice_scores,
                 CF_REACH_UNKNOWN},
    [CF_TVERSKY] = {{"tversky", "Tversky index with each neighbour" NONE, NULL,
                     " by Tversky index", S | A | B},
                    CF_AS_RATED,
                    0,
                    false,
                    true,
                    count_row,
                    tversky_scores,
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
                    walk_scores,
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
                    walk_scores,
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
