/* Method  An entry at place p of A and place q of B is in both lists cut to d
 *         when p and q are below d, and is found when q is: each list of B is
 *         sorted by row once, and every entry of A is looked up.
 * Cost    O(k log k) a row; sums of 128 numbers a depth over the ranks. */
#include "cfmpi/overlap.h"

#include <math.h>
#include <stdlib.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"

#define BINS 64
#define ONE 0x1p32 /* a share of 1 in sums */

/* ---- depths and bins ---- */

static int64_t next_depth(int64_t d)
{
    int64_t power = 1;
    while (power <= d / 10)
        power *= 10;
    return d == 2 * power ? 5 * power : 2 * d;
}

static void choose_depths(cf_overlap *o, int64_t k)
{
    o->depths = 1;
    for (int64_t d = 10; d < k; d = next_depth(d))
        o->depths++;
    o->depth = cf_alloc(o->depths, sizeof *o->depth, "depths");
    int64_t d = 10;
    for (int i = 0; i < o->depths - 1; i++, d = next_depth(d))
        o->depth[i] = d;
    o->depth[o->depths - 1] = k;
}

static int bin_of(int64_t ratings)
{
    return ratings > 0 ? 64 - __builtin_clzll((unsigned long long)ratings) : 0;
}

/* ---- rows ---- */

/* An entry of B. */
typedef struct place {
    cf_gidx index;
    int32_t at;
} place;

static int by_index(const void *a, const void *b)
{
    const place *x = a, *y = b;
    return (x->index > y->index) - (x->index < y->index);
}

static int sort_list(place *out, const cf_topk *t, int64_t row, int64_t most)
{
    int count = (int)CF_MIN(t->count[row], most);
    for (int i = 0; i < count; i++)
        out[i] = (place){t->index[row * t->stride + i], i};
    qsort(out, (size_t)count, sizeof *out, by_index);
    return count;
}

/* The first of the depths that has place `at` in it. */
static int depth_of(const cf_overlap *o, int64_t at)
{
    int d = 0;
    while (o->depth[d] <= at)
        d++;
    return d;
}

/* Entries in common: by the first depth at which both have them, and by the
 * first at which B does. */
static void count_common(const cf_overlap *o, const cf_topk *a, int64_t row,
                         const place *b, int count, int64_t *both,
                         int64_t *found)
{
    for (int d = 0; d < o->depths; d++)
        both[d] = found[d] = 0;
    for (int p = 0; p < a->count[row]; p++) {
        place key = {a->index[row * a->stride + p], 0};
        const place *at = bsearch(&key, b, (size_t)count, sizeof *b, by_index);
        if (at == NULL)
            continue;
        both[depth_of(o, CF_MAX(p, at->at))]++;
        found[depth_of(o, at->at)]++;
    }
}

/* What is summed up of a bin's rows. */
typedef struct sums {
    int64_t *rows;             /* [BINS] */
    int64_t *overlap, *recall; /* [BINS x depths] shares times ONE */
} sums;

static void take_share(float *share, int64_t *sum, int64_t common, double of)
{
    double s = (double)common / of;
    *share = (float)s;
    *sum += llround(s * ONE);
}

static void set_row(cf_overlap *o, int64_t row, int length, const int64_t *both,
                    const int64_t *found, int bin, sums *s)
{
    int64_t in_both = 0, in_all = 0, at = row * o->depths;
    for (int d = 0; d < o->depths; d++) {
        o->overlap[at + d] = o->recall[at + d] = NAN;
        if (length == 0)
            continue;
        double of = (double)CF_MIN(length, o->depth[d]);
        int64_t *overlap = s->overlap + bin * o->depths + d;
        int64_t *recall = s->recall + bin * o->depths + d;
        take_share(&o->overlap[at + d], overlap, in_both += both[d], of);
        take_share(&o->recall[at + d], recall, in_all += found[d], of);
    }
    s->rows[bin] += length > 0;
}

/* ---- means ---- */

static void divide(const cf_overlap *o, const int64_t *sum, int64_t rows,
                   double *mean)
{
    for (int d = 0; d < o->depths; d++)
        mean[d] = rows > 0 ? (double)sum[d] / ONE / (double)rows : NAN;
}

static void set_bins(cf_overlap *o, const sums *s)
{
    for (int bin = 0; bin < BINS; bin++)
        o->bins += s->rows[bin] > 0;
    o->from = cf_alloc(3 * (int64_t)o->bins, sizeof *o->from, "bins");
    o->to = o->from + o->bins;
    o->bin_rows = o->to + o->bins;
    o->bin_overlap = cf_alloc(2 * (int64_t)o->bins * o->depths,
                              sizeof *o->bin_overlap, "means of bins");
    o->bin_recall = o->bin_overlap + o->bins * o->depths;
    for (int bin = 0, at = 0; bin < BINS; bin++) {
        if (s->rows[bin] == 0)
            continue;
        o->from[at] = bin > 0 ? (int64_t)1 << (bin - 1) : 0;
        o->to[at] = bin > 0 ? o->from[at] + (o->from[at] - 1) : 0;
        o->bin_rows[at] = s->rows[bin];
        divide(o, s->overlap + bin * o->depths, s->rows[bin],
               o->bin_overlap + at * o->depths);
        divide(o, s->recall + bin * o->depths, s->rows[bin],
               o->bin_recall + at * o->depths);
        at++;
    }
}

/* Sums of all ranks become means, of each bin and of all. */
static void set_means(cf_overlap *o, const cf_par *par, sums *s)
{
    int64_t *all = cf_calloc(2 * (int64_t)o->depths, sizeof *all, "sums");
    cf_allreduce(par, s->rows, BINS * (1 + 2 * (int64_t)o->depths), MPI_INT64_T,
                 MPI_SUM);
    for (int bin = 0; bin < BINS; bin++) {
        o->rows += s->rows[bin];
        for (int d = 0; d < o->depths; d++) {
            all[d] += s->overlap[bin * o->depths + d];
            all[o->depths + d] += s->recall[bin * o->depths + d];
        }
    }
    o->left_out = cf_part_rows(&o->part) - o->rows;
    o->mean_overlap =
        cf_alloc(2 * (int64_t)o->depths, sizeof *o->mean_overlap, "means");
    o->mean_recall = o->mean_overlap + o->depths;
    divide(o, all, o->rows, o->mean_overlap);
    divide(o, all + o->depths, o->rows, o->mean_recall);
    set_bins(o, s);
    cf_free(all);
}

void cf_overlap_find(cf_overlap *o, const cf_par *par, const cf_part *part,
                     const cf_topk *a, const cf_topk *b,
                     const int64_t *activity)
{
    sums s;
    CF_ASSERT(a->rows == b->rows && a->k <= b->k);
    cf_overlap_free(o);
    cf_part_copy(&o->part, part);
    choose_depths(o, a->k);
    int64_t values = a->rows * o->depths;
    o->overlap = cf_alloc(2 * values, sizeof *o->overlap, "overlap of lists");
    o->recall = o->overlap + values;
    s.rows = cf_calloc(BINS * (1 + 2 * (int64_t)o->depths), sizeof *s.rows,
                       "sums of bins");
    s.overlap = s.rows + BINS;
    s.recall = s.overlap + BINS * o->depths;
    int64_t *both = cf_alloc(2 * (int64_t)o->depths, sizeof *both, "counts");
    place *sorted = cf_alloc(a->k, sizeof *sorted, "list");
    for (int64_t i = 0; i < a->rows; i++) {
        int length = sort_list(sorted, b, i, a->k);
        count_common(o, a, i, sorted, length, both, both + o->depths);
        set_row(o, i, length, both, both + o->depths, bin_of(activity[i]), &s);
    }
    set_means(o, par, &s);
    cf_free(sorted);
    cf_free(both);
    cf_free(s.rows);
}

void cf_overlap_free(cf_overlap *o)
{
    cf_part_free(&o->part);
    cf_free(o->depth);
    cf_free(o->overlap);
    cf_free(o->mean_overlap);
    cf_free(o->from);
    cf_free(o->bin_overlap);
    *o = (cf_overlap){0};
}
