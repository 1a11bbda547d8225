/* Method  A vector's number draws its cluster, by bisection in the sums of the
 *         clusters' integer weights, and its values: the centre plus the
 *         deviation times a normal number of its own, in float64, rounded
 *         once.
 * Cost    One normal number a value. */
#include "cfmpi/memory.h"
#include "internal.h"

#define WEIGHT_ONE ((uint64_t)1 << 20) /* of the largest cluster */
#define LEAST 0.2
#define MOST 0.8

static int64_t clusters_of(int64_t rows)
{
    int64_t n = 1;
    while (n < CF_SYNTH_CLUSTERS && (n + 1) * (n + 1) <= rows)
        n++;
    return n;
}

void cf_synth_vectors_open(cf_synth_vectors *s, uint64_t seed, int64_t rows,
                           int dim)
{
    uint64_t sum = 0;
    int64_t n = clusters_of(rows);
    *s = (cf_synth_vectors){
        .seed = seed, .rows = rows, .dim = dim, .clusters = n};
    s->weight = cf_alloc(n, sizeof *s->weight, "clusters");
    s->deviation = cf_alloc(n, sizeof *s->deviation, "clusters");
    s->centre = cf_alloc(n * dim, sizeof *s->centre, "centres");
    for (int64_t c = 0; c < n; c++) {
        sum += WEIGHT_ONE / (uint64_t)(c + 1);
        s->weight[c] = sum;
        double u = cf_random_uniform(seed, cf_synth_stream(CF_SYNTH_CLUSTER, 1),
                                     (uint64_t)c);
        s->deviation[c] = (float)(LEAST + (MOST - LEAST) * u);
        for (int i = 0; i < dim; i++)
            s->centre[c * dim + i] = (float)cf_synth_normal(
                seed, cf_synth_stream(CF_SYNTH_CENTRE, c), (uint64_t)i);
    }
}

int64_t cf_synth_cluster(const cf_synth_vectors *s, int64_t row)
{
    uint64_t bits = cf_random_bits(
        s->seed, cf_synth_stream(CF_SYNTH_CLUSTER, 0), (uint64_t)row);
    uint64_t total = s->weight[s->clusters - 1];
    uint64_t at = (uint64_t)cf_synth_below(bits, (int64_t)total);
    int64_t lo = 0, hi = s->clusters - 1;
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (at < s->weight[mid])
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

void cf_synth_vectors_fill(const cf_synth_vectors *s, int64_t first,
                           int64_t count, float *out)
{
    for (int64_t i = 0; i < count; i++) {
        int64_t c = cf_synth_cluster(s, first + i);
        const float *centre = s->centre + c * s->dim;
        uint64_t stream = cf_synth_stream(CF_SYNTH_POINT, first + i);
        for (int k = 0; k < s->dim; k++) {
            double z = cf_synth_normal(s->seed, stream, (uint64_t)k);
            out[i * s->dim + k] =
                (float)((double)centre[k] + (double)s->deviation[c] * z);
        }
    }
}

void cf_synth_vectors_free(cf_synth_vectors *s)
{
    cf_free(s->weight);
    cf_free(s->deviation);
    cf_free(s->centre);
    *s = (cf_synth_vectors){0};
}
