/* Method  The matrix is dealt out in square blocks over a grid of processes
 *         close to square; pdsyevd; each process then fills its part of the
 *         result and a sum of disjoint parts gives it to all, exactly.
 * Cost    As in the header.
 * References  Blackford et al.: ScaLAPACK Users' Guide, 1997.
 *             Tisseur, Dongarra: SIAM J. Sci. Comput. 20 (1999). */
#include "cfmpi/grid.h"

#include <stdbool.h>
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"

int Csys2blacs_handle(MPI_Comm comm);
void Cfree_blacs_system_handle(int handle);
void Cblacs_gridinit(int *context, const char *order, int rows, int cols);
void Cblacs_gridinfo(int context, int *rows, int *cols, int *row, int *col);
void Cblacs_gridexit(int context);
int numroc_(const int *n, const int *nb, const int *iproc, const int *source,
            const int *nprocs);
void descinit_(int *desc, const int *m, const int *n, const int *mb,
               const int *nb, const int *irsrc, const int *icsrc,
               const int *context, const int *lld, int *info);
void pdsyevd_(const char *jobz, const char *uplo, const int *n, double *a,
              const int *ia, const int *ja, const int *desca, double *w,
              double *z, const int *iz, const int *jz, const int *descz,
              double *work, const int *lwork, int *iwork, const int *liwork,
              int *info);

/* One process's view of the grid and of its share of an n x n matrix. */
typedef struct grid {
    int context, rows, cols, row, col;
    int n, block;
    int loc_rows, loc_cols, lld;
    int desc[9];
} grid;

/* Grids of at least 128 matrix rows a process row: smaller shares only wait
 * for each other. Two by two from four ranks on, whatever the size. */
static void choose_shape(int ranks, int n, int *rows, int *cols)
{
    int most = CF_MAX(2, n / 128);
    *rows = 1;
    for (int r = 1; r * r <= ranks && r <= most; r++)
        *rows = r;
    *cols = CF_MIN(CF_MIN(ranks / *rows, most), 2 * *rows);
}

static bool grid_begin(grid *g, const cf_par *par, int n)
{
    static const int zero = 0;
    int info, rows, cols;
    choose_shape(par->size, n, &rows, &cols);
    int handle = Csys2blacs_handle(par->comm);
    *g = (grid){.context = handle, .n = n, .block = n >= 128 ? 32 : 8};
    Cblacs_gridinit(&g->context, "Row", rows, cols);
    Cfree_blacs_system_handle(handle);
    if (g->context < 0 || par->rank >= rows * cols)
        return false;
    Cblacs_gridinfo(g->context, &g->rows, &g->cols, &g->row, &g->col);
    g->loc_rows = numroc_(&n, &g->block, &g->row, &zero, &g->rows);
    g->loc_cols = numroc_(&n, &g->block, &g->col, &zero, &g->cols);
    g->lld = CF_MAX(1, g->loc_rows);
    descinit_(g->desc, &n, &n, &g->block, &g->block, &zero, &zero, &g->context,
              &g->lld, &info);
    CF_ASSERT(info == 0);
    return true;
}

/* Global number of a local row or column. */
static int global(int local, int block, int me, int processes)
{
    return (local / block * processes + me) * block + local % block;
}

static int solve(const grid *g, double *a, double *z, double *values)
{
    static const int one = 1;
    int info, lwork = -1, liwork = -1, small_int;
    double small;
    pdsyevd_("V", "U", &g->n, a, &one, &one, g->desc, values, z, &one, &one,
             g->desc, &small, &lwork, &small_int, &liwork, &info);
    if (small > 2e9)
        return -1;
    lwork = (int)small + 1024;
    liwork = small_int + 64;
    double *work = cf_alloc(lwork, sizeof *work, "eigenvalue workspace");
    int *iwork = cf_alloc(liwork, sizeof *iwork, "eigenvalue workspace");
    pdsyevd_("V", "U", &g->n, a, &one, &one, g->desc, values, z, &one, &one,
             g->desc, work, &lwork, iwork, &liwork, &info);
    cf_free(work);
    cf_free(iwork);
    return info;
}

/* This process's share of the problem; adds its part to `vectors`. */
static int eigen_share(const grid *g, const double *a, int lda, int want,
                       double *values, double *vectors)
{
    int64_t share = (int64_t)g->lld * CF_MAX(1, g->loc_cols);
    double *mine = cf_alloc(2 * share, sizeof *mine, "matrix on the grid");
    double *z = mine + share;
    for (int c = 0; c < g->loc_cols; c++)
        for (int r = 0; r < g->loc_rows; r++)
            mine[r + (int64_t)c * g->lld] =
                a[global(r, g->block, g->row, g->rows) +
                  (int64_t)global(c, g->block, g->col, g->cols) * lda];
    int info = solve(g, mine, z, values);
    for (int c = 0; c < g->loc_cols && info == 0; c++) {
        /* pdsyevd counts upwards. */
        int column = g->n - 1 - global(c, g->block, g->col, g->cols);
        for (int r = 0; r < g->loc_rows && column < want; r++)
            vectors[global(r, g->block, g->row, g->rows) +
                    (int64_t)column * g->n] = z[r + (int64_t)c * g->lld];
    }
    cf_free(mine);
    return info;
}

static void reverse(double *x, int n)
{
    for (int i = 0; i < n / 2; i++) {
        double t = x[i];
        x[i] = x[n - 1 - i];
        x[n - 1 - i] = t;
    }
}

int cf_grid_eigen(const cf_par *par, const double *a, int n, int lda, int want,
                  double *values, double *vectors)
{
    grid g;
    int info = 0;
    if ((int64_t)n * n / par->size > INT32_MAX)
        return cf_fail(CF_BAD_DATA,
                       "a dense problem of order %d needs %" PRId64
                       " MiB and more a rank, beyond ScaLAPACK's 32-bit "
                       "sizes; use more ranks or a smaller --dim",
                       n, (int64_t)n * n / par->size * 8 >> 20);
    memset(vectors, 0, (size_t)n * (size_t)want * sizeof *vectors);
    bool inside = grid_begin(&g, par, n);
    if (inside) {
        info = eigen_share(&g, a, lda, want, values, vectors);
        Cblacs_gridexit(g.context);
    }
    info = (int)cf_max_i64(par, info < 0 ? -info : info);
    if (info != 0)
        return cf_fail(CF_INTERNAL,
                       "the dense eigenvalue solver failed "
                       "(pdsyevd: %d) at order %d",
                       info, n);
    cf_bcast(par, values, n * (int64_t)sizeof *values, 0);
    cf_allreduce(par, vectors, (int64_t)n * want, MPI_DOUBLE, MPI_SUM);
    reverse(values, n);
    return CF_OK;
}
