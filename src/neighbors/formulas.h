/* The formulae of similarities, for numbers of one kind: the including file
 * defines `real`, its square root root(x), the type strip_of, and SCORES(name),
 * the name of the function that scores a strip by a formula. */
#include <math.h>

#include "cfmpi/cpu.h"

#define INLINE static inline __attribute__((always_inline))

/* Variation of less than this share of the squares is rounding. */
#define CONSTANT 0x1p-40

/* What a formula sees of two rows. */
typedef struct pair {
    real n, xy, x, y, xx, yy;
    real px, qx, py, qy;
} pair;

typedef real formula(const cf_ratings_measure *by, pair a);

/* ---- the formulae ---- */

INLINE real quotient(real a, real b)
{
    real q = a / b;
    return b > 0 ? q : 0;
}

/* (n - 1) / (n - 1 + h), 0 for one rating in common. */
INLINE real shrunk(const cf_ratings_measure *by, pair a)
{
    return quotient(a.n - 1, a.n - 1 + (real)by->shrinkage);
}

INLINE real cosine(const cf_ratings_measure *by, pair a)
{
    return quotient(a.xy, root(a.px * a.py) + (real)by->shrinkage);
}

INLINE real dot(const cf_ratings_measure *by, pair a)
{
    (void)by;
    return a.xy;
}

INLINE real euclidean(const cf_ratings_measure *by, pair a)
{
    (void)by;
    real squared = (a.px + a.py) - 2 * a.xy;
    return -root(squared > 0 ? squared : 0);
}

INLINE real asymmetric(const cf_ratings_measure *by, pair a)
{
    return quotient(a.xy, a.px * a.qy + (real)by->shrinkage);
}

INLINE real variation(real n, real x, real xx)
{
    real v = n * xx - x * x;
    return v > (real)CONSTANT * (n * xx) ? v : 0;
}

INLINE real pearson(const cf_ratings_measure *by, pair a)
{
    real vx = variation(a.n, a.x, a.xx), vy = variation(a.n, a.y, a.yy);
    real r = quotient(a.n * a.xy - a.x * a.y, root(vx * vy));
    return r * shrunk(by, a);
}

INLINE real residual(const cf_ratings_measure *by, pair a)
{
    return quotient(a.xy, root(a.xx * a.yy)) * shrunk(by, a);
}

INLINE real msd(const cf_ratings_measure *by, pair a)
{
    (void)by;
    real squared = (a.xx + a.yy) - 2 * a.xy;
    return 1 / (1 + (squared > 0 ? squared : 0) / a.n);
}

INLINE real jaccard(const cf_ratings_measure *by, pair a)
{
    (void)by;
    return a.n / (a.px + a.py - a.n);
}

INLINE real dice(const cf_ratings_measure *by, pair a)
{
    (void)by;
    return 2 * a.n / (a.px + a.py);
}

INLINE real tversky(const cf_ratings_measure *by, pair a)
{
    real only = (real)by->alpha * (a.px - a.n) + (real)by->beta * (a.py - a.n);
    return a.n / (a.n + only);
}

INLINE real walk(const cf_ratings_measure *by, pair a)
{
    (void)by;
    return a.px * a.y * a.qy;
}

/* ---- strips ---- */

INLINE float finish(const cf_ratings_measure *by, pair a, formula *f,
                    bool distance)
{
    real score = f(by, a), s = (real)by->significance;
    real weight = a.n < s && !distance ? a.n / s : 1;
    real fewest = distance ? by->min_overlap > 1 ? (real)by->min_overlap : 0
                           : (real)by->min_overlap;
    float stored = (float)(score * weight);
    return a.n >= fewest ? stored : NAN;
}

INLINE void score_strip(const cf_ratings_measure *by, const strip_of *s,
                        formula *f, bool distance, bool directed)
{
    for (int64_t j = 0; j < s->count; j++) {
        pair a = {(real)s->n[j], s->xy[j], s->x[j], s->y[j],  s->xx[j],
                  s->yy[j],      s->p,     s->q,    s->ps[j], s->qs[j]};
        s->there[j] = finish(by, a, f, distance);
        if (directed) {
            pair b = {a.n, a.xy, a.y, a.x, a.yy, a.xx, a.py, a.qy, a.px, a.qx};
            s->back[j] = finish(by, b, f, distance);
        }
    }
}

#define STRIP(f, distance, directed)                                           \
    CF_VECTORISED void SCORES(f)(const cf_ratings_measure *by,                 \
                                 const strip_of *s)                            \
    {                                                                          \
        score_strip(by, s, f, distance, directed);                             \
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
