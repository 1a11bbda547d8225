#include <math.h>

#include "cfmpi/cpu.h"
#include "cfmpi/neighbors.h"

#define LANES 16

static inline __attribute__((always_inline)) double fold(double lane[LANES])
{
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++)
            lane[l] += lane[l + half];
    return lane[0];
}

#define FEW 4 /* dimensions that leave all lanes but as many at zero */

static inline double fold_few(const double lane[FEW])
{
    return (lane[0] + lane[2]) + (lane[1] + lane[3]);
}

CF_VECTORISED static double lanes(const float *x, const float *y, int dim)
{
    double lane[LANES] = {0};
    int whole = dim - dim % LANES;
    for (int i = 0; i < whole; i += LANES)
        for (int l = 0; l < LANES; l++)
            lane[l] += (double)x[i + l] * (double)y[i + l];
    for (int l = 0; l < dim - whole; l++)
        lane[l] += (double)x[whole + l] * (double)y[whole + l];
    return fold(lane);
}

/* A difference of float32 may be rounded in float64, so that it is taken
 * first, and squared without fusing. */
CF_VECTORISED static double differences(const float *x, const float *y, int dim)
{
    double lane[LANES] = {0};
    int whole = dim - dim % LANES;
    for (int i = 0; i < whole; i += LANES)
        for (int l = 0; l < LANES; l++) {
            double d = (double)x[i + l] - (double)y[i + l];
            lane[l] += d * d;
        }
    for (int l = 0; l < dim - whole; l++) {
        double d = (double)x[whole + l] - (double)y[whole + l];
        lane[l] += d * d;
    }
    return fold(lane);
}

double cf_dot(const float *x, const float *y, int dim)
{
    double lane[FEW] = {0};
    if (dim > FEW)
        return lanes(x, y, dim);
    for (int l = 0; l < dim; l++)
        lane[l] += (double)x[l] * (double)y[l];
    return fold_few(lane);
}

float cf_cosine(const float *x, double nx, const float *y, double ny, int dim)
{
    double length = sqrt(nx * ny);
    return length > 0 ? (float)(cf_dot(x, y, dim) / length) : NAN;
}

double cf_squared_distance(const float *x, const float *y, int dim)
{
    double lane[FEW] = {0};
    if (dim > FEW)
        return differences(x, y, dim);
    for (int l = 0; l < dim; l++) {
        double d = (double)x[l] - (double)y[l];
        lane[l] += d * d;
    }
    return fold_few(lane);
}

float cf_score(enum cf_similarity similarity, const float *x, double nx,
               const float *y, double ny, int dim)
{
    switch (similarity) {
    case CF_DOT: return (float)cf_dot(x, y, dim);
    case CF_EUCLIDEAN: return (float)sqrt(cf_squared_distance(x, y, dim));
    default: break;
    }
    return cf_cosine(x, nx, y, ny, dim);
}
