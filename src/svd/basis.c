/* Method  Classical Gram-Schmidt against the basis and CholeskyQR inside the
 *         block, both repeated until nothing changes: CholeskyQR2 in the good
 *         case, more turns when the block is ill-conditioned. A pivot that
 *         vanishes marks a dependent column, which is replaced by a random
 *         one: that is how an invariant subspace is left.
 * Cost    A turn: 4 n count width + 2 n width^2 flops and two all-reduces.
 * References  Giraud, Langou, Rozložník, van den Eshof: The loss of
 *             orthogonality in Gram-Schmidt. Comput. Math. Appl. 50 (2005).
 *             Yamamoto et al.: CholeskyQR2. ETNA 44 (2015). */
#include "basis.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "cfmpi/random.h"

#define DEPENDENT 1e-13 /* of the squared length: under float64 rounding */
#define MAX_TURNS 12

void cf_basis_begin(cf_basis *b, const cf_par *par, const cf_part *part,
                    int capacity, uint64_t seed)
{
    *b = (cf_basis){.par = par, .capacity = capacity, .seed = seed};
    b->row_begin = part->begin[par->rank];
    b->n_loc = cf_part_count(part, par->rank);
    b->ld = (int)CF_MAX(1, b->n_loc);
    b->q = cf_alloc((int64_t)b->ld * capacity, sizeof *b->q, "SVD basis");
}

void cf_basis_end(cf_basis *b)
{
    cf_free(b->q);
    *b = (cf_basis){0};
}

void cf_basis_project(const cf_basis *b, double *w, int width, double *h,
                      bool add)
{
    int n = (int)b->n_loc, p = b->count;
    if (p == 0)
        return;
    double *own = cf_alloc((int64_t)p * width, sizeof *own, "coefficients");
    cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, p, width, n, 1, b->q,
                b->ld, w, b->ld, 0, own, p);
    cf_allreduce(b->par, own, (int64_t)p * width, MPI_DOUBLE, MPI_SUM);
    cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, n, width, p, -1,
                b->q, b->ld, own, p, 1, w, b->ld);
    for (int64_t i = 0; h != NULL && i < (int64_t)p * width; i++)
        h[i] = add ? h[i] + own[i] : own[i];
    cf_free(own);
}

void cf_basis_gram(const cf_basis *b, const double *w, int width, double *g)
{
    cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, width, width,
                (int)b->n_loc, 1, w, b->ld, w, b->ld, 0, g, width);
    cf_allreduce(b->par, g, (int64_t)width * width, MPI_DOUBLE, MPI_SUM);
}

/* Upper Cholesky factor in g; a column whose pivot vanishes becomes a column
 * of the identity and is marked. Returns the smallest share of a column's
 * squared length that its pivot keeps. */
static double cholesky(double *g, int n, double negligible, char *dependent)
{
    double least = 1;
    for (int c = 0; c < n; c++) {
        double length = g[c + c * n];
        for (int r = 0; r < c; r++) {
            double x = g[r + c * n];
            for (int t = 0; t < r; t++)
                x -= g[t + r * n] * g[t + c * n];
            g[r + c * n] = dependent[r] ? 0 : x / g[r + r * n];
        }
        double pivot = length;
        for (int r = 0; r < c; r++)
            pivot -= g[r + c * n] * g[r + c * n];
        /* The comparison is false for NaN too. */
        dependent[c] =
            !(pivot > DEPENDENT * length && length > negligible * negligible);
        if (dependent[c]) {
            for (int r = 0; r < c; r++)
                g[r + c * n] = 0;
            pivot = 1;
        } else {
            least = fmin(least, pivot / length);
        }
        g[c + c * n] = sqrt(pivot);
    }
    return least;
}

static void fill_random(cf_basis *b, double *column)
{
    uint64_t stream = 1000 + b->refills++;
    for (int64_t i = 0; i < b->n_loc; i++)
        column[i] =
            cf_random_normal(b->seed, stream, (uint64_t)(b->row_begin + i));
}

/* What rank 0 decides for all, so that ranks on unlike CPUs never differ. */
struct decision {
    double least;
    char dependent[CF_WIDTH_MAX];
};

void cf_basis_append(cf_basis *b, double *w, int width, double negligible)
{
    struct decision d = {0};
    double *g = cf_alloc((int64_t)width * width, sizeof *g, "gram");
    bool again = true;
    CF_ASSERT(width <= CF_WIDTH_MAX && b->count + width <= b->capacity);
    for (int turn = 0; again; turn++) {
        if (turn > 0)
            cf_basis_project(b, w, width, NULL, false);
        cf_basis_gram(b, w, width, g);
        if (b->par->rank == 0)
            d.least =
                cholesky(g, width, turn == 0 ? negligible : 0, d.dependent);
        MPI_Bcast(&d, sizeof d, MPI_BYTE, 0, b->par->comm);
        MPI_Bcast(g, width * width, MPI_DOUBLE, 0, b->par->comm);
        cblas_dtrsm(CblasColMajor, CblasRight, CblasUpper, CblasNoTrans,
                    CblasNonUnit, (int)b->n_loc, width, 1, g, width, w, b->ld);
        again = turn == 0 || d.least < 0.5;
        for (int c = 0; c < width; c++)
            if (d.dependent[c]) {
                fill_random(b, w + (int64_t)c * b->ld);
                again = true;
            }
        CF_ASSERT(turn < MAX_TURNS);
    }
    memcpy(b->q + (int64_t)b->count * b->ld, w,
           (size_t)b->ld * (size_t)width * sizeof *w);
    b->count += width;
    cf_free(g);
}
