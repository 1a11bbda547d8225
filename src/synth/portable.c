#include <math.h>
#include <string.h>

#include "internal.h"

/* ln 2 in two parts; the high one has few bits, so products with k are exact.
 */
#define LN2_HIGH 0x1.62e42fefa0000p-1
#define LN2_LOW 0x1.cf79abc9e3b3ap-40

static double power_of_two(int64_t k)
{
    uint64_t bits = (uint64_t)(k + 1023) << 52;
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

double cf_synth_exp(double x)
{
    x = fmin(fmax(x, -700.0), 700.0);
    double k = floor(x / (LN2_HIGH + LN2_LOW) + 0.5);
    double r = (x - k * LN2_HIGH) - k * LN2_LOW;
    double sum = 1.0;
    for (int i = 14; i > 0; i--)
        sum = 1.0 + sum * r / i;
    return sum * power_of_two((int64_t)k);
}

double cf_synth_log(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int64_t k = (int64_t)(bits >> 52) - 1023;
    double m = x * power_of_two(-k);
    if (m > 1.4142135623730951) {
        m *= 0.5;
        k++;
    }
    double s = (m - 1.0) / (m + 1.0), square = s * s, sum = 0.0;
    for (int i = 19; i > 0; i -= 2)
        sum = sum * square + 1.0 / i;
    return 2.0 * s * sum + (double)k * (LN2_HIGH + LN2_LOW);
}

double cf_synth_normal(uint64_t seed, uint64_t stream, uint64_t index)
{
    uint64_t bits = index;
    double x, y, square;
    do {
        bits = cf_random_bits(seed, stream, bits);
        x = ((double)(bits >> 32) + 0.5) * 0x1p-31 - 1.0;
        y = ((double)(bits & 0xffffffffu) + 0.5) * 0x1p-31 - 1.0;
        square = x * x + y * y;
    } while (square >= 1.0);
    return x * sqrt(-2.0 * cf_synth_log(square) / square);
}
