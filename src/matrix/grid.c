/* Method  The matrix is dealt out in square blocks over a grid of processes
 *         close to square; pdsyevd; each process then fills its part of the
 *         result and a sum of disjoint parts gives it to all, exactly.
 * Cost    As in the header.
 * References  Blackford et al.: ScaLAPACK Users' Guide, 1997.
 *             Tisseur, Dongarra: SIAM J. Sci. Comput. 20 (1999). */
#include "cfmpi/grid.h"

#include <math.h>
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

#define BLOCK_MOST 32
/* Numbers beyond what pdsyevd says that it needs: it rounds down. */
#define SPARE 1024

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
    *g = (grid){.context = handle, .n = n, .block = n >= 128 ? BLOCK_MOST : 8};
    /* Processes stand row by row. */
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
    lwork = (int)small + SPARE;
    liwork = small_int + 64;
    double *work = cf_alloc(lwork, sizeof *work, "eigenvalue workspace");
    int *iwork = cf_alloc(liwork, sizeof *iwork, "eigenvalue workspace");
    pdsyevd_("V", "U", &g->n, a, &one, &one, g->desc, values, z, &one, &one,
             g->desc, work, &lwork, iwork, &liwork, &info);
    cf_free(work);
    cf_free(iwork);
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

struct cf_grid_matrix {
    const cf_par *par;
    grid g;
    bool inside;    /* ranks that do not fit the grid have no share */
    int rows, cols; /* of the grid, on all ranks */
    double *share;  /* [lld x loc_cols] */
};

/* What pdsyevd asks for in numbers, at most. */
static int64_t workspace(const cf_par *par, int64_t n)
{
    int rows, cols;
    choose_shape(par->size, (int)n, &rows, &cols);
    int64_t most_rows = n / rows + BLOCK_MOST,
            most_cols = n / cols + BLOCK_MOST;
    return 2 * most_rows * most_cols + 12 * n + SPARE;
}

static int check_size(const cf_par *par, int64_t n)
{
    if (n <= INT32_MAX / 16 && workspace(par, n) <= INT32_MAX)
        return CF_OK;
    double size = (double)n * (double)n;
    return cf_fail(CF_BAD_DATA,
                   "a dense problem of order %" PRId64 " needs %.0f GiB in "
                   "all, and some %.0f ranks for ScaLAPACK's 32-bit sizes; "
                   "take more ranks, --svd=krylov or a smaller --dim",
                   n, 8 * size / (1 << 30), ceil(2 * size / INT32_MAX));
}

int cf_grid_begin(cf_grid_matrix **out, const cf_par *par, int64_t n)
{
    int status = CF_OK;
    CF_TRY(check_size(par, n));
    cf_grid_matrix *m = cf_calloc(1, sizeof *m, "matrix on the grid");
    m->par = par;
    m->inside = grid_begin(&m->g, par, (int)n);
    choose_shape(par->size, (int)n, &m->rows, &m->cols);
    int64_t share =
        m->inside ? (int64_t)m->g.lld * CF_MAX(1, m->g.loc_cols) : 0;
    m->share = cf_calloc(share, sizeof *m->share, "matrix on the grid");
    *out = m;
done:
    return status;
}

/* Places of a process row (or column) among `count` from `first` on. */
static int64_t places(const grid *g, int64_t first, int64_t count, int me,
                      int processes)
{
    int64_t sum = 0;
    for (int64_t i = first; i < first + count; i++)
        sum += i / g->block % processes == me;
    return sum;
}

void cf_grid_add(cf_grid_matrix *m, int64_t first, int64_t width,
                 const double *panel)
{
    const grid *g = &m->g;
    int64_t n = g->n, block = g->block, size = width * n;
    double *sorted = cf_alloc(size, sizeof *sorted, "panel");
    cf_part part = {0};
    cf_part_even(&part, 0, m->par->size);
    int64_t at = 0;
    for (int r = 0; r < m->par->size; r++) {
        if (r < m->rows * m->cols)
            for (int64_t c = first; c < first + width; c++)
                for (int64_t i = 0; i < n && c / block % m->cols == r % m->cols;
                     i += block)
                    for (int64_t k = i; k < CF_MIN(i + block, n) &&
                                        i / block % m->rows == r / m->cols;
                         k++)
                        sorted[at++] = panel[(c - first) * n + k];
        part.begin[r + 1] = at;
    }
    int64_t own = cf_part_count(&part, m->par->rank);
    double *mine = cf_alloc(own, sizeof *mine, "panel");
    cf_reduce_scatter_rows(m->par, &part, sorted, mine, 1, MPI_DOUBLE);
    if (own > 0) {
        int64_t column = places(g, 0, first, g->col, g->cols);
        for (int64_t e = 0; e < own; e += g->loc_rows, column++)
            for (int64_t k = 0; k < g->loc_rows; k++)
                m->share[k + column * g->lld] += mine[e + k];
    }
    cf_part_free(&part);
    cf_free(mine);
    cf_free(sorted);
}

/* Solves this process's share; adds its part to `vectors`. */
static int solve_share(cf_grid_matrix *m, int want, double *values,
                       double *vectors)
{
    const grid *g = &m->g;
    int64_t size = (int64_t)g->lld * CF_MAX(1, g->loc_cols);
    double *z = cf_alloc(size, sizeof *z, "matrix on the grid");
    int info = solve(g, m->share, z, values);
    for (int c = 0; c < g->loc_cols && info == 0; c++) {
        /* pdsyevd counts upwards. */
        int column = g->n - 1 - global(c, g->block, g->col, g->cols);
        for (int r = 0; r < g->loc_rows && column < want; r++)
            vectors[global(r, g->block, g->row, g->rows) +
                    (int64_t)column * g->n] = z[r + (int64_t)c * g->lld];
    }
    cf_free(z);
    return info;
}

int cf_grid_solve(cf_grid_matrix *m, int want, double *values, double *vectors)
{
    const cf_par *par = m->par;
    int n = m->g.n, info = 0;
    memset(vectors, 0, (size_t)n * (size_t)want * sizeof *vectors);
    if (m->inside)
        info = solve_share(m, want, values, vectors);
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

void cf_grid_end(cf_grid_matrix *m)
{
    if (m == NULL)
        return;
    if (m->inside)
        Cblacs_gridexit(m->g.context);
    cf_free(m->share);
    cf_free(m);
}

int cf_grid_eigen(const cf_par *par, const double *a, int n, int lda, int want,
                  double *values, double *vectors)
{
    int status = CF_OK;
    cf_grid_matrix *m = NULL;
    CF_TRY(cf_grid_begin(&m, par, n));
    const grid *g = &m->g;
    for (int c = 0; m->inside && c < g->loc_cols; c++)
        for (int r = 0; r < g->loc_rows; r++)
            m->share[r + (int64_t)c * g->lld] =
                a[global(r, g->block, g->row, g->rows) +
                  (int64_t)global(c, g->block, g->col, g->cols) * lda];
    CF_TRY(cf_grid_solve(m, want, values, vectors));
done:
    cf_grid_end(m);
    return status;
}
