/* Method  Rows of the Gram matrix of the smaller side are summed over the
 *         ranks' users in panels (products of two float32 are exact in
 *         float64), dealt out over a grid of processes, and given to pdsyevd.
 *         Where users are fewer, the transpose of the ratings takes the place
 *         of the ratings.
 * Cost    2 Σ (ratings of a user)² flops for the sums, 9 order³ for the
 *         eigenvalues, both over P; 8 order² (P-1)/P bytes a rank are sent.
 *         Memory: two panels of up to 32 MiB, 3 order² / P doubles and all
 *         wanted vectors; 8 bytes a rating, and 8 more for the transpose.
 * References  Blackford et al.: ScaLAPACK Users' Guide, 1997.
 *             Tisseur, Dongarra: SIAM J. Sci. Comput. 20 (1999). */
#include "gram.h"

#include <math.h>
#include <string.h>

#include "cfmpi/cpu.h"
#include "cfmpi/grid.h"
#include "cfmpi/memory.h"
#include "cfmpi/progress.h"

#define PANEL ((int64_t)1 << 22) /* elements */

/* row += x * (the row's entries). */
CF_VECTORISED static void add_row(double *row, double x, const cf_lidx *indices,
                                  const double *values, int64_t count)
{
    for (int64_t e = 0; e < count; e++)
        row[indices[e]] += x * values[e];
}

/* Rows [first, first + width) of AᵀA as far as own rows of A go; `next` [n_loc]
 * is where each row stands, columns before `first` behind it. */
static void sum_panel(const cf_csr *a, const double *values, int64_t *next,
                      int64_t first, int64_t width, double *panel)
{
    memset(panel, 0, (size_t)(width * a->cols) * sizeof *panel);
    for (int64_t i = 0; i < a->n_loc; i++) {
        int64_t begin = a->indptr[i], end = a->indptr[i + 1];
        for (; next[i] < end && a->indices[next[i]] < first + width; next[i]++)
            add_row(panel + (a->indices[next[i]] - first) * a->cols,
                    values[next[i]], a->indices + begin, values + begin,
                    end - begin);
    }
}

static void fill(cf_grid_matrix *g, const cf_csr *a, int exponent)
{
    int64_t n = a->cols, most = CF_MIN(n, CF_MAX(1, PANEL / n));
    int64_t entries = a->indptr[a->n_loc];
    double *panel = cf_alloc(most * n, sizeof *panel, "panel of AᵀA");
    double *values = cf_alloc(entries, sizeof *values, "ratings as float64");
    int64_t *next = cf_alloc(a->n_loc, sizeof *next, "row pointers");
    memcpy(next, a->indptr, (size_t)a->n_loc * sizeof *next);
    for (int64_t e = 0; e < entries; e++)
        values[e] = ldexp((double)a->values[e], -exponent);
    for (int64_t first = 0; first < n; first += most) {
        int64_t width = CF_MIN(most, n - first);
        sum_panel(a, values, next, first, width, panel);
        cf_grid_add(g, first, width, panel);
        cf_progress_step((double)(first + width), (double)n);
    }
    cf_free(panel);
    cf_free(values);
    cf_free(next);
}

int cf_gram_eigen(const cf_csr *a, const cf_par *par, int exponent, int want,
                  double *values, double *vectors)
{
    int status = CF_OK;
    cf_csr turned = {0};
    cf_grid_matrix *g = NULL;
    CF_TRY(cf_grid_begin(&g, par, CF_MIN(a->rows, a->cols)));
    if (a->rows < a->cols)
        cf_csr_transpose(&turned, a, par);
    fill(g, a->rows < a->cols ? &turned : a, exponent);
    CF_TRY(cf_grid_solve(g, want, values, vectors));
done:
    cf_csr_free(&turned);
    cf_grid_end(g);
    return status;
}
