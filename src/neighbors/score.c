#include <math.h>

#include "cfmpi/cpu.h"
#include "cfmpi/neighbors.h"

#define LANES 16

CF_VECTORISED static double lanes(const float *x, const float *y, int dim)
{
    double lane[LANES] = {0};
    int whole = dim - dim % LANES;
    for (int i = 0; i < whole; i += LANES)
        for (int l = 0; l < LANES; l++)
            lane[l] += (double)x[i + l] * (double)y[i + l];
    for (int l = 0; l < dim - whole; l++)
        lane[l] += (double)x[whole + l] * (double)y[whole + l];
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++)
            lane[l] += lane[l + half];
    return lane[0];
}

double cf_dot(const float *x, const float *y, int dim)
{
    return lanes(x, y, dim);
}

float cf_cosine(const float *x, double nx, const float *y, double ny, int dim)
{
    double length = sqrt(nx * ny);
    return length > 0 ? (float)(cf_dot(x, y, dim) / length) : NAN;
}
