#include <float.h>
#include <math.h>
#include <string.h>

#include "cfmpi/csr.h"
#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"

void cf_csr_row_stats(const cf_csr *a, int64_t *count, double *mean)
{
    for (int64_t i = 0; i < a->n_loc; i++) {
        double sum = 0;
        for (int64_t e = a->indptr[i]; e < a->indptr[i + 1]; e++)
            sum += a->values[e];
        count[i] = a->indptr[i + 1] - a->indptr[i];
        mean[i] = count[i] > 0 ? sum / (double)count[i] : (double)NAN;
    }
}

void cf_csr_col_counts(const cf_csr *a, const cf_par *par, int64_t *count)
{
    memset(count, 0, (size_t)a->cols * sizeof *count);
    for (int64_t e = 0; e < a->indptr[a->n_loc]; e++)
        count[a->indices[e]]++;
    cf_allreduce(par, count, a->cols, MPI_INT64_T, MPI_SUM);
}

/* Largest magnitude in each column, over all ranks. */
static float *col_magnitudes(const cf_csr *a, const cf_par *par)
{
    float *most = cf_calloc(a->cols, sizeof *most, "column magnitudes");
    for (int64_t e = 0; e < a->indptr[a->n_loc]; e++) {
        float *m = &most[a->indices[e]];
        *m = fmaxf(*m, fabsf(a->values[e]));
    }
    cf_allreduce(par, most, a->cols, MPI_FLOAT, MPI_MAX);
    return most;
}

/* A value is cut at two fixed binary places, so that every partial sum of the
 * parts is exact and their order no longer matters. With b = 2^(1+e+c), where
 * 2^e bounds the magnitude and 2^c the count, (v + b) - b keeps the bits of v
 * that sums of 2^c terms have room for. What is under the second cut is below
 * the rounding of an ordinary float64 sum. */
static void col_sums(const cf_csr *a, const cf_par *par, const int64_t *count,
                     double *sum)
{
    double *fold = cf_calloc(2 * a->cols, sizeof *fold, "column sums");
    float *most = col_magnitudes(a, par);
    for (int64_t e = 0; e < a->indptr[a->n_loc]; e++) {
        cf_lidx j = a->indices[e];
        int bound = ilogb(fmaxf(most[j], FLT_MIN)) + 2;
        int terms = ilogb((double)count[j]) + 1;
        double v = a->values[e], high, low;
        double cut = ldexp(1.5, bound + terms);
        volatile double rounded = v + cut; /* must not be optimised away */
        high = rounded - cut;
        cut = ldexp(cut, terms - DBL_MANT_DIG + 1);
        rounded = (v - high) + cut;
        low = rounded - cut;
        fold[2 * j] += high;
        fold[2 * j + 1] += low;
    }
    cf_allreduce(par, fold, 2 * a->cols, MPI_DOUBLE, MPI_SUM);
    for (cf_gidx j = 0; j < a->cols; j++)
        sum[j] = fold[2 * j] + fold[2 * j + 1];
    cf_free(most);
    cf_free(fold);
}

void cf_csr_col_stats(const cf_csr *a, const cf_par *par, const cf_part *part,
                      int64_t *count, double *mean)
{
    int64_t *all = cf_alloc(a->cols, sizeof *all, "column counts");
    double *sum = cf_alloc(a->cols, sizeof *sum, "column sums");
    cf_csr_col_counts(a, par, all);
    col_sums(a, par, all, sum);
    cf_gidx begin = part->begin[par->rank];
    for (cf_gidx j = 0; j < cf_part_count(part, par->rank); j++) {
        count[j] = all[begin + j];
        mean[j] =
            count[j] > 0 ? sum[begin + j] / (double)count[j] : (double)NAN;
    }
    cf_free(all);
    cf_free(sum);
}
