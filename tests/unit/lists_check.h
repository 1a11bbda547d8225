/* Rows of many kinds, and lists of neighbours against brute force. */
#ifndef CFMPI_LISTS_CHECK_H
#define CFMPI_LISTS_CHECK_H

#include "test.h"

#include <float.h>

#include "cfmpi/neighbors.h"

enum kind {
    PLAIN,
    ZEROS,
    COPIES,
    BITS,
    NEARLY,
    TINY,
    LARGE,
    DENORMAL,
    EVERY_SIZE,
    LARGEST,
    CLUSTERS,
    OPPOSITE,
    KINDS
};

/* Element c of a row. */
static inline float element(enum kind kind, cf_gidx row, int c)
{
    int64_t at = row * 128 + c;
    double x = noise(11, at);
    switch (kind) {
    case PLAIN: return (float)x;
    case ZEROS: return row % 4 == 1 ? 0 : (float)x;
    case COPIES: return (float)noise(12, row % 3 * 128 + c);
    case BITS: return (float)pick(13, at, 2);
    case NEARLY: return (float)(noise(12, row % 5 * 128 + c) + 1e-6 * x);
    case TINY: return (float)(x * 1e-30);
    case LARGE: return (float)(x * 1e30);
    case DENORMAL: return (float)((double)pick(13, at, 9) * 1.4e-45);
    case EVERY_SIZE: return (float)ldexp(x, (int)pick(14, row, 240) - 125);
    case CLUSTERS:
        return (float)(ldexp(1, (int)pick(15, row, 5)) *
                       (3 * noise(16, pick(17, row, 12) * 128 + c) + x));
    case OPPOSITE: /* far closer to each other than to the others */
        return (float)((c == 0) * (row % 6 == 0 ? -1 : 1) + 1e-6 * x);
    case LARGEST: return row % 2 ? FLT_MAX : (float)x;
    case KINDS: break;
    }
    return 0;
}

static inline float *make_rows(enum kind kind, cf_gidx begin, cf_gidx end,
                               int dim)
{
    float *rows = cf_alloc((end - begin) * dim, sizeof *rows, "test");
    for (cf_gidx i = begin; i < end; i++)
        for (int c = 0; c < dim; c++)
            rows[(i - begin) * dim + c] = element(kind, i, c);
    return rows;
}

static enum cf_similarity similarity;

/* List i, that of x, against all rows but one, sorted; returns whether it ends
 * in a tie. */
static inline bool check_list(const cf_topk *t, int64_t i, const float *x,
                              const float *rows, const double *squared,
                              cf_gidx n, cf_gidx but, int dim, candidate *c)
{
    double length = cf_dot(x, x, dim);
    int64_t have = 0, k = t->k, ties = 0, wrong = 0;
    bool all = similarity != CF_COSINE;
    float sign = similarity == CF_EUCLIDEAN ? -1 : 1;
    for (cf_gidx j = 0; j < n; j++)
        if (j != but && (all || (squared[j] > 0 && length > 0)))
            c[have++] =
                (candidate){sign * cf_score(similarity, x, length,
                                            rows + j * dim, squared[j], dim),
                            j};
    qsort(c, (size_t)have, sizeof *c, best_first);
    CHECK(t->count[i] == CF_MIN(have, k));
    for (int64_t p = 0; p < k; p++) {
        wrong += t->index[i * k + p] != (p < have ? c[p].index : -1);
        wrong += !same_number(t->score[i * k + p],
                              p < have ? sign * c[p].score : NAN);
    }
    CHECK(wrong == 0);
    for (int64_t p = k; p < have; p++)
        ties += same_number(c[p].score, c[k - 1].score);
    CHECK(t->ties[i] == ties);
    CHECK(same_number(t->gap[i], have > k ? c[k - 1].score - c[k].score : NAN));
    return ties > 0;
}

/* Whether products of such rows are beyond float32. */
static inline bool too_large(enum kind kind)
{
    return kind == LARGE || kind == EVERY_SIZE || kind == LARGEST;
}

#endif
