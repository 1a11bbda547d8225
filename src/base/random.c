#include "cfmpi/random.h"

#include <math.h>

static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

uint64_t cf_random_bits(uint64_t seed, uint64_t stream, uint64_t index)
{
    return mix(mix(mix(seed) ^ stream) ^ index);
}

static double unit(uint64_t bits)
{
    /* Half a step up keeps 0 out; the last value would round to 1. */
    return fmin(((double)(bits >> 11) + 0.5) * 0x1p-53, 1 - 0x1p-53);
}

double cf_random_uniform(uint64_t seed, uint64_t stream, uint64_t index)
{
    return unit(cf_random_bits(seed, stream, index));
}

double cf_random_normal(uint64_t seed, uint64_t stream, uint64_t index)
{
    uint64_t bits = cf_random_bits(seed, stream, index);
    double radius = sqrt(-2.0 * log(unit(bits)));
    return radius * cos(2.0 * 3.14159265358979323846 * unit(mix(bits)));
}
