#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "cfmpi/cpu.h"
#include "cfmpi/csr.h"
#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"

#define LANES 8

/* Eight sums side by side, added in one order, whatever the instructions. */
CF_VECTORISED
static double sum_row(const float *v, int64_t n)
{
    double lane[LANES] = {0};
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++)
            lane[l] += (double)v[i + l];
    for (int l = 0; i + l < n; l++)
        lane[l] += (double)v[i + l];
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) +
           ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

void cf_csr_row_stats(const cf_csr *a, int64_t *count, double *mean)
{
    for (int64_t i = 0; i < a->n_loc; i++) {
        count[i] = a->indptr[i + 1] - a->indptr[i];
        mean[i] = count[i] > 0 ? sum_row(a->values + a->indptr[i], count[i]) /
                                     (double)count[i]
                               : (double)NAN;
    }
}

void cf_csr_col_counts(const cf_csr *a, const cf_par *par, int64_t *count)
{
    memset(count, 0, (size_t)a->cols * sizeof *count);
    for (int64_t e = 0; e < a->indptr[a->n_loc]; e++)
        count[a->indices[e]]++;
    cf_allreduce(par, count, a->cols, MPI_INT64_T, MPI_SUM);
}

double cf_csr_squares(const cf_csr *a, const cf_par *par)
{
    double sum = 0;
    for (int64_t e = 0; e < a->indptr[a->n_loc]; e++)
        sum += (double)a->values[e] * (double)a->values[e];
    cf_allreduce(par, &sum, 1, MPI_DOUBLE, MPI_SUM);
    return sum;
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

/* Multiples of 2^-10 up to 2^10: sums of fewer than 2^33 of them are exact in
 * float64, so their order does not matter. */
#define FINEST 1024.0F
#define LARGEST 1024.0F

CF_VECTORISED
static int64_t count_coarse(const float *v, int64_t n)
{
    int64_t coarse = 0;
    for (int64_t e = 0; e < n; e++) {
        float scaled = v[e] * FINEST;
        int32_t whole = fabsf(v[e]) <= LARGEST ? (int32_t)scaled : 0;
        coarse += (float)whole == scaled;
    }
    return coarse;
}

static bool sums_are_exact(const cf_csr *a, const cf_par *par)
{
    int64_t n = a->indptr[a->n_loc];
    return cf_sum_i64(par, count_coarse(a->values, n)) == a->nnz &&
           a->nnz < (int64_t)1 << 33;
}

/* Entries and sum of a column. */
typedef struct column {
    double count, sum;
} column;

static column *exact_columns(const cf_csr *a, const cf_par *par)
{
    column *c = cf_calloc(a->cols, sizeof *c, "column sums");
    for (int64_t e = 0; e < a->indptr[a->n_loc]; e++) {
        column *x = &c[a->indices[e]];
        x->count++;
        x->sum += a->values[e];
    }
    cf_allreduce(par, c, 2 * a->cols, MPI_DOUBLE, MPI_SUM);
    return c;
}

static column *folded_columns(const cf_csr *a, const cf_par *par)
{
    column *c = cf_alloc(a->cols, sizeof *c, "column sums");
    int64_t *count = cf_alloc(a->cols, sizeof *count, "column counts");
    double *sum = cf_alloc(a->cols, sizeof *sum, "column sums");
    cf_csr_col_counts(a, par, count);
    col_sums(a, par, count, sum);
    for (cf_gidx j = 0; j < a->cols; j++)
        c[j] = (column){(double)count[j], sum[j]};
    cf_free(count);
    cf_free(sum);
    return c;
}

void cf_csr_col_stats(const cf_csr *a, const cf_par *par, const cf_part *part,
                      int64_t *count, double *mean)
{
    column *all =
        sums_are_exact(a, par) ? exact_columns(a, par) : folded_columns(a, par);
    const column *mine = all + part->begin[par->rank];
    for (cf_gidx j = 0; j < cf_part_count(part, par->rank); j++) {
        count[j] = (int64_t)mine[j].count;
        mean[j] = count[j] > 0 ? mine[j].sum / mine[j].count : (double)NAN;
    }
    cf_free(all);
}
