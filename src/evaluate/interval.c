/* Method  Student's distribution has a finite sum for whole degrees of freedom;
 *         its inverse by bisection.
 * References  Abramowitz, Stegun: Handbook of Mathematical Functions, 26.7.3-4.
 */
#include <math.h>
#include <stdbool.h>

#include "cfmpi/metrics.h"

/* Probability of |T| <= √freedom · tan(angle). */
static double within(int64_t freedom, double angle)
{
    double c = cos(angle), term = 1, sum = 0;
    bool odd = freedom % 2 == 1;
    /* cos^j times the product of the factors below j over those up to j. */
    if (odd)
        term = c;
    for (int64_t j = odd ? 1 : 0; j <= freedom - 2; j += 2) {
        sum += term;
        term *= c * c * (double)(j + 1) / (double)(j + 2);
    }
    sum *= sin(angle);
    return odd ? (angle + sum) * 2 / acos(-1.0) : sum;
}

double cf_student_t(int64_t freedom, double level)
{
    double lo = 0, hi = acos(-1.0) / 2;
    for (int i = 0; i < 200; i++) {
        double mid = lo + (hi - lo) / 2;
        if (within(freedom, mid) < level)
            lo = mid;
        else
            hi = mid;
    }
    return sqrt((double)freedom) * tan(lo);
}

void cf_metrics_interval(const double *x, int64_t n, double *mean, double *half)
{
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    *mean = sum / (double)n;
    for (int64_t i = 0; i < n; i++)
        squares += (x[i] - *mean) * (x[i] - *mean);
    *half = n < 2 ? (double)NAN
                  : cf_student_t(n - 1, 0.95) *
                        sqrt(squares / (double)(n - 1) / (double)n);
}
