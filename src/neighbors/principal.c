/* Method  Eigenvectors of the covariance of a sample of cells.
 * Cost    See the header.
 * References  LAPACK's dsyevd. */
#include "principal.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "cfmpi/neighbors.h"

#define SAMPLED 128 /* rows a dimension */
#define PAYS 64     /* rows a dimension from which it pays */
#define DIM_LEAST 16
#define DIM_MOST 1024

void dsyevd_(const char *jobz, const char *uplo, const int *n, double *a,
             const int *lda, double *w, double *work, const int *lwork,
             int *iwork, const int *liwork, int *info);

/* Adds up products of the residuals of a cell. */
static void add_cell(const cf_slab *slab, int64_t first, int rows, int dim,
                     float scale, float *residuals, float *sums)
{
    for (int r = 0; r < rows; r++) {
        const float *x = slab->rows + (first + r) * dim;
        float by = scale > 0 ? scale : 1 / (float)sqrt(cf_dot(x, x, dim));
        for (int c = 0; c < dim; c++)
            residuals[r * dim + c] = x[c] * by;
    }
    for (int c = 0; c < dim; c++) {
        float mean = 0;
        for (int r = 0; r < rows; r++)
            mean += residuals[r * dim + c] / (float)rows;
        for (int r = 0; r < rows; r++)
            residuals[r * dim + c] -= mean;
    }
    cblas_ssyrk(CblasRowMajor, CblasUpper, CblasTrans, dim, rows, 1, residuals,
                dim, 1, sums, dim);
}

/* Sums over every stride-th cell of own rows; [dim x dim] of the covariance,
 * its upper triangle, on all ranks. */
static double *covariance(const cf_par *par, const cf_slab *slab, int dim,
                          int cell, float scale, int64_t stride)
{
    int64_t square = (int64_t)dim * dim;
    float *sums = cf_calloc(square, sizeof *sums, "covariance");
    float *room = cf_alloc((int64_t)cell * dim, sizeof *room, "covariance");
    double *out = cf_alloc(square, sizeof *out, "covariance");
    for (int64_t first = 0; first < slab->count; first += stride * cell)
        add_cell(slab, first, (int)CF_MIN(cell, slab->count - first), dim,
                 scale, room, sums);
    for (int64_t i = 0; i < square; i++)
        out[i] = (double)sums[i];
    cf_allreduce(par, out, square, MPI_DOUBLE, MPI_SUM);
    cf_free(room);
    cf_free(sums);
    return out;
}

static bool all_finite(const double *x, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += fabs(x[i]);
    return isfinite(sum);
}

/* Eigenvectors of a symmetric matrix in its place, as rows in the order of
 * rising eigenvalues; false when they were not found. */
static bool eigenvectors(double *a, int dim)
{
    int lwork = 1 + 6 * dim + 2 * dim * dim, liwork = 3 + 5 * dim, info;
    double *values = cf_alloc(dim, sizeof *values, "eigenvalues");
    double *work = cf_alloc(lwork, sizeof *work, "eigenvalues");
    int *iwork = cf_alloc(liwork, sizeof *iwork, "eigenvalues");
    /* The upper triangle by rows is the lower one by columns. */
    dsyevd_("V", "L", &dim, a, &dim, values, work, &lwork, iwork, &liwork,
            &info);
    cf_free(values);
    cf_free(work);
    cf_free(iwork);
    return info == 0;
}

float *cf_principal(const cf_par *par, const cf_slab *slab, int dim, int cell,
                    float scale)
{
    int64_t n = cf_sum_i64(par, slab->count), found = 0;
    if (n < (int64_t)PAYS * dim || dim < DIM_LEAST || dim > DIM_MOST)
        return NULL;
    int64_t stride = CF_MAX(1, n / ((int64_t)SAMPLED * dim));
    double *a = covariance(par, slab, dim, cell, scale, stride);
    float *out = cf_alloc((int64_t)dim * dim, sizeof *out, "rotation");
    if (par->rank == 0) {
        found = all_finite(a, (int64_t)dim * dim) && eigenvectors(a, dim);
        for (int r = 0; r < dim; r++)
            for (int c = 0; c < dim; c++)
                out[r * dim + c] = (float)a[(dim - 1 - r) * dim + c];
    }
    cf_free(a);
    cf_bcast(par, &found, sizeof found, 0);
    cf_bcast(par, out, (int64_t)dim * dim * (int64_t)sizeof *out, 0);
    if (!found) {
        cf_free(out);
        out = NULL;
    }
    return out;
}
