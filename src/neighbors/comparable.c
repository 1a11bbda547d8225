#include "comparable.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

/* Longer or shorter than 2 to this, rows are compared times a power of two. */
#define FAR 60

/* Brings every row to a length in [0.5, 1): neither products nor squares can
 * then overflow, and a power of two changes no cosine. */
static void scale_each(float *rows, int64_t count, int dim)
{
    for (int64_t i = 0; i < count; i++) {
        float *x = rows + i * dim;
        int exponent;
        double squared = cf_dot(x, x, dim);
        frexp(sqrt(squared), &exponent);
        for (int c = 0; c < dim && squared > 0; c++)
            x[c] = ldexpf(x[c], -exponent);
    }
}

static int64_t own_rows(const cf_par *par, const cf_points *p)
{
    return cf_part_count(p->part, par->rank);
}

/* The longest of own rows, squared; names one that is not finite. */
static int check_rows(const cf_par *par, const cf_points *p, int dim,
                      double *longest)
{
    *longest = 0;
    for (int64_t i = 0; i < own_rows(par, p); i++) {
        const float *x = p->rows + i * dim;
        double squared = cf_dot(x, x, dim);
        if (!isfinite(squared))
            return cf_fail(CF_BAD_DATA,
                           "row %" CF_PRIgidx " of %s has a "
                           "value that is not finite",
                           p->part->begin[par->rank] + i, p->what);
        *longest = fmax(*longest, squared);
    }
    return CF_OK;
}

/* The longest row of all ranks, squared. */
static int find_longest(const cf_par *par, const cf_points *p, int dim,
                        double *longest)
{
    int status = cf_agree(par, check_rows(par, p, dim, longest));
    if (status == CF_OK)
        MPI_Allreduce(MPI_IN_PLACE, longest, 1, MPI_DOUBLE, MPI_MAX, par->comm);
    return status;
}

int cf_make_comparable(const cf_par *par, const cf_points *a,
                       const cf_points *b, int dim,
                       enum cf_similarity similarity, double *scale)
{
    int status = CF_OK, exponent;
    double of_a, of_b;
    bool same = a == b;
    *scale = 1;
    CF_TRY(find_longest(par, a, dim, &of_a));
    of_b = of_a;
    if (!same)
        CF_TRY(find_longest(par, b, dim, &of_b));
    if (similarity == CF_COSINE) {
        scale_each(a->rows, own_rows(par, a), dim);
        if (!same)
            scale_each(b->rows, own_rows(par, b), dim);
    }
    if (similarity == CF_DOT && sqrt(of_a) * sqrt(of_b) > (double)FLT_MAX)
        CF_TRY(cf_fail(CF_BAD_DATA,
                       "products of the rows of %s%s%s are beyond float32; "
                       "scale them down",
                       a->what, same ? "" : " with those of ",
                       same ? "" : b->what));
    frexp(sqrt(fmax(of_a, of_b)), &exponent);
    if (similarity != CF_COSINE && fmax(of_a, of_b) > 0 && abs(exponent) > FAR)
        *scale = ldexp(1, -exponent);
done:
    return status;
}
