/* Method  Gram-Schmidt of a whole block, first against the two newest blocks
 *         of the basis, where a Krylov block has nearly all of its length,
 *         then against everything, again while more goes than stays.
 *         CholeskyQR inside the block, the first time of unit columns with a
 *         shift, repeated until nothing changes: shifted CholeskyQR3 when the
 *         block is ill-conditioned, two turns otherwise. A pivot that
 *         vanishes marks a dependent column, which is replaced by a random
 *         one: that is how an invariant subspace is left. Sums run over 256
 * rows as reals, over more in float64. Cost    A turn against p columns: 4 n p
 * width flops, two readings of them, one all-reduce of 8 p width bytes.
 * References  Björck, Bowie: An iterative algorithm for computing the best
 *             estimate of an orthogonal matrix. SINUM 8 (1971).
 *             Giraud, Langou, Rozložník, van den Eshof: The loss of
 *             orthogonality in Gram-Schmidt. Comput. Math. Appl. 50 (2005).
 *             Yamamoto et al.: CholeskyQR2. ETNA 44 (2015).
 *             Fukaya et al.: Shifted CholeskyQR. SISC 42 (2020). */
#include "basis.h"

#include <math.h>
#include <string.h>

#include "cfmpi/cpu.h"
#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "cfmpi/random.h"

#define SQUARE (CF_BLOCK * CF_BLOCK)
#define MAX_TURNS 12
#define LEADING 4 /* blocks that hold most of the leading vectors */

static int blocks_of(int columns)
{
    return (columns + CF_BLOCK - 1) / CF_BLOCK;
}

static int64_t block_bytes(const cf_basis *b)
{
    return b->n_loc * CF_BLOCK * (int64_t)b->kernels->real;
}

void cf_basis_begin(cf_basis *b, const cf_par *par, const cf_part *part,
                    const cf_kernels *kernels, int capacity, uint64_t seed)
{
    int blocks = blocks_of(capacity);
    *b = (cf_basis){.par = par,
                    .kernels = kernels,
                    .capacity = blocks * CF_BLOCK,
                    .seed = seed};
    b->row_begin = part->begin[par->rank];
    b->n_loc = cf_part_count(part, par->rank);
    b->q = cf_alloc_streamed(blocks, (size_t)block_bytes(b), "SVD basis");
}

void cf_basis_end(cf_basis *b)
{
    cf_free(b->q);
    *b = (cf_basis){0};
}

void *cf_basis_columns(const cf_basis *b, int width)
{
    return cf_calloc(blocks_of(width), (size_t)block_bytes(b), "SVD block");
}

void *cf_basis_block(const cf_basis *b, const void *w, int first)
{
    return (char *)w + first / CF_BLOCK * block_bytes(b);
}

static int64_t element(const cf_basis *b, int64_t row, int column)
{
    return (column / CF_BLOCK * b->n_loc + row) * CF_BLOCK + column % CF_BLOCK;
}

double cf_basis_get(const cf_basis *b, const void *w, int64_t row, int column)
{
    int64_t at = element(b, row, column);
    return b->kernels->real == sizeof(float) ? (double)((const float *)w)[at]
                                             : ((const double *)w)[at];
}

void cf_basis_set(const cf_basis *b, void *w, int64_t row, int column, double x)
{
    int64_t at = element(b, row, column);
    if (b->kernels->real == sizeof(float))
        ((float *)w)[at] = (float)x;
    else
        ((double *)w)[at] = x;
}

CF_VECTORISED static void squares_of_floats(const float *x, int64_t rows,
                                            double *sum)
{
    for (int64_t i = 0; i < rows; i++)
        for (int c = 0; c < CF_BLOCK; c++)
            sum[c] += (double)x[i * CF_BLOCK + c] * (double)x[i * CF_BLOCK + c];
}

void cf_basis_squares(const cf_basis *b, const void *block,
                      double sum[CF_BLOCK])
{
    const double *x = block;
    memset(sum, 0, CF_BLOCK * sizeof *sum);
    if (b->kernels->real == sizeof(float)) {
        squares_of_floats(block, b->n_loc, sum);
        return;
    }
    for (int64_t i = 0; i < b->n_loc; i++)
        for (int c = 0; c < CF_BLOCK; c++)
            sum[c] += x[i * CF_BLOCK + c] * x[i * CF_BLOCK + c];
}

void cf_basis_scale(const cf_basis *b, void *block,
                    const double factor[CF_BLOCK])
{
    float *single = block;
    double *x = block;
    bool floats = b->kernels->real == sizeof(float);
    for (int64_t i = 0; i < b->n_loc && floats; i++)
        for (int c = 0; c < CF_BLOCK; c++)
            single[i * CF_BLOCK + c] =
                (float)((double)single[i * CF_BLOCK + c] * factor[c]);
    for (int64_t i = 0; i < b->n_loc && !floats; i++)
        for (int c = 0; c < CF_BLOCK; c++)
            x[i * CF_BLOCK + c] *= factor[c];
}

void cf_basis_floats(const cf_basis *b, const void *block, float *out)
{
    const double *x = block;
    if (b->kernels->real == sizeof(float))
        memcpy(out, block, (size_t)block_bytes(b));
    else
        for (int64_t i = 0; i < b->n_loc * CF_BLOCK; i++)
            out[i] = (float)x[i];
}

/* Row `at` of block `block` of w. */
static char *rows_at(const cf_basis *b, const void *w, int block, int64_t at)
{
    return (char *)w + ((int64_t)block * b->n_loc + at) * CF_BLOCK *
                           (int64_t)b->kernels->real;
}

void cf_basis_reals(const cf_kernels *k, const double *c, int64_t count,
                    double sign, void *out)
{
    for (int64_t i = 0; i < count; i++)
        if (k->real == sizeof(float))
            ((float *)out)[i] = (float)(sign * c[i]);
        else
            ((double *)out)[i] = sign * c[i];
}

/* c [q_blocks][w_blocks][16 x 16] = qᵀ w over all ranks. */
static void inner_products(const cf_basis *b, const void *q, int q_blocks,
                           const void *w, int w_blocks, double *c)
{
    memset(c, 0, (size_t)q_blocks * (size_t)w_blocks * SQUARE * sizeof *c);
    for (int64_t at = 0; at < b->n_loc; at += CF_PANEL) {
        int64_t rows = CF_MIN(CF_PANEL, b->n_loc - at);
        for (int j = 0; j < q_blocks; j++)
            for (int v = 0; v < w_blocks; v++)
                b->kernels->inner(rows_at(b, q, j, at), rows_at(b, w, v, at),
                                  rows, c + (j * w_blocks + v) * SQUARE);
    }
    cf_allreduce(b->par, c, (int64_t)q_blocks * w_blocks * SQUARE, MPI_DOUBLE,
                 MPI_SUM);
}

/* w -= q c. */
static void subtract(const cf_basis *b, const void *q, int q_blocks,
                     const double *c, void *w, int w_blocks)
{
    int64_t squares = (int64_t)q_blocks * w_blocks;
    size_t square = SQUARE * b->kernels->real;
    char *reals = cf_alloc(squares, square, "coefficients");
    cf_basis_reals(b->kernels, c, squares * SQUARE, -1, reals);
    for (int64_t at = 0; at < b->n_loc; at += CF_PANEL) {
        int64_t rows = CF_MIN(CF_PANEL, b->n_loc - at);
        for (int j = 0; j < q_blocks; j++)
            for (int v = 0; v < w_blocks; v++)
                b->kernels->add_product(rows_at(b, q, j, at),
                                        reals +
                                            (size_t)(j * w_blocks + v) * square,
                                        rows, rows_at(b, w, v, at));
    }
    cf_free(reals);
}

/* A block of columns on its way into the basis. */
typedef struct newcomer {
    void *w;
    int width;
    double *h;       /* [count x width] coefficients so far */
    double *gram;    /* [width x width] */
    double *removed; /* [width] squared length lost in the last turn */
    double *c;       /* room for the squares of a turn */
} newcomer;

/* Takes w apart along blocks [first, last). */
static void take(const cf_basis *b, int first, int last, newcomer *n)
{
    int p = b->count, w_blocks = blocks_of(n->width);
    const void *q = rows_at(b, b->q, first, 0);
    inner_products(b, q, last - first, n->w, w_blocks, n->c);
    subtract(b, q, last - first, n->c, n->w, w_blocks);
    memset(n->removed, 0, (size_t)n->width * sizeof *n->removed);
    for (int i = first * CF_BLOCK; i < CF_MIN(last * CF_BLOCK, p); i++)
        for (int v = 0; v < n->width; v++) {
            int j = i / CF_BLOCK - first;
            double x = n->c[(j * w_blocks + v / CF_BLOCK) * SQUARE +
                            i % CF_BLOCK * CF_BLOCK + v % CF_BLOCK];
            n->h[i + (int64_t)v * p] += x;
            n->removed[v] += x * x;
        }
}

static void gram_of(const cf_basis *b, const void *w, int width, double *c,
                    double *gram)
{
    int blocks = blocks_of(width);
    inner_products(b, w, blocks, w, blocks, c);
    for (int r = 0; r < width; r++)
        for (int v = 0; v < width; v++)
            gram[r + v * width] =
                c[(r / CF_BLOCK * blocks + v / CF_BLOCK) * SQUARE +
                  r % CF_BLOCK * CF_BLOCK + v % CF_BLOCK];
}

/* The largest ratio of what a column lost to what it kept. Beyond 1 that is
 * not orthogonal to working precision. */
static double loss(const newcomer *n)
{
    double most = 0;
    for (int v = 0; v < n->width; v++) {
        double kept = n->gram[v + v * n->width];
        most = fmax(most, n->removed[v] > 0 ? sqrt(n->removed[v] / kept) : 0);
    }
    return most;
}

static void arrive(const cf_basis *b, newcomer *n)
{
    int blocks = CF_MAX(blocks_of(b->count), blocks_of(n->width));
    n->c = cf_alloc((int64_t)blocks * blocks_of(n->width) * SQUARE + n->width,
                    sizeof *n->c, "coefficients");
    n->removed = n->c + (int64_t)blocks * blocks_of(n->width) * SQUARE;
    memset(n->h, 0, (size_t)b->count * (size_t)n->width * sizeof *n->h);
}

double cf_basis_project(const cf_basis *b, void *w, int width, double *h,
                        double *gram)
{
    newcomer n = {.w = w, .width = width, .h = h, .gram = gram};
    int blocks = blocks_of(b->count);
    double first_loss = 0;
    arrive(b, &n);
    take(b, CF_MAX(0, blocks - 2 * blocks_of(width)), blocks, &n);
    for (int turn = 0; turn < 3; turn++) {
        take(b, 0, blocks, &n);
        gram_of(b, w, width, n.c, gram);
        double lost = loss(&n);
        first_loss = turn == 0 ? lost : first_loss;
        if (lost <= 1)
            break;
    }
    cf_free(n.c);
    return first_loss;
}

void cf_basis_project_partly(const cf_basis *b, void *w, int width, double *h,
                             double *gram)
{
    newcomer n = {.w = w, .width = width, .h = h, .gram = gram};
    int blocks = blocks_of(b->count);
    int near = CF_MAX(0, blocks - 2 * blocks_of(width));
    arrive(b, &n);
    take(b, near, blocks, &n);
    take(b, 0, CF_MIN(near, LEADING), &n);
    take(b, near, blocks, &n);
    gram_of(b, w, width, n.c, gram);
    cf_free(n.c);
}

/* Upper Cholesky factor in g; a column whose pivot is not above `noise` becomes
 * one of the identity and is marked, as is one that is marked already.
 * Returns the smallest pivot, as a share of its column's squared length where
 * that is over 1. */
static double cholesky(double *g, int n, double noise, char *dependent)
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
        dependent[c] = dependent[c] || !(pivot > noise);
        if (dependent[c]) {
            for (int r = 0; r < c; r++)
                g[r + c * n] = 0;
            pivot = 1;
        } else {
            least = fmin(least, pivot / fmax(length, 1));
        }
        g[c + c * n] = sqrt(pivot);
    }
    return least;
}

/* The factor that a first turn divides by: columns are brought to unit length
 * and the shift keeps directions that are short beside others, for the next
 * turn to find. Columns shorter than `negligible` are marked. */
static double shifted_cholesky(double *g, int n, double shift,
                               double negligible, char *dependent)
{
    double *length = cf_alloc(n, sizeof *length, "gram");
    for (int c = 0; c < n; c++) {
        length[c] = sqrt(fmax(g[c + c * n], 0));
        dependent[c] = !(length[c] > negligible);
        if (dependent[c])
            length[c] = 1;
    }
    for (int c = 0; c < n; c++)
        for (int r = 0; r <= c; r++)
            g[r + c * n] =
                g[r + c * n] / (length[r] * length[c]) + (r == c ? shift : 0);
    double least = cholesky(g, n, 0, dependent);
    for (int c = 0; c < n; c++)
        for (int r = 0; r <= c; r++)
            g[r + c * n] *= length[c];
    cf_free(length);
    return least;
}

/* The inverse of the upper triangle r [n x n], in squares
 * [blocks][blocks][16 x 16]. */
static void invert(const double *r, int n, double *squares)
{
    int blocks = blocks_of(n);
    double *column = cf_alloc(n, sizeof *column, "triangle");
    memset(squares, 0, (size_t)blocks * (size_t)blocks * SQUARE * sizeof *r);
    for (int c = 0; c < n; c++) {
        for (int i = c; i >= 0; i--) {
            double x = i == c;
            for (int t = i + 1; t <= c; t++)
                x -= r[i + t * n] * column[t];
            column[i] = x / r[i + i * n];
            squares[(i / CF_BLOCK * blocks + c / CF_BLOCK) * SQUARE +
                    i % CF_BLOCK * CF_BLOCK + c % CF_BLOCK] = column[i];
        }
    }
    cf_free(column);
}

/* w = w s for squares s [from][to][16 x 16] of reals, in place. */
static void multiply_columns(const cf_basis *b, void *w, int from, int to,
                             const double *s)
{
    const cf_kernels *k = b->kernels;
    size_t square = SQUARE * k->real, panel = CF_PANEL * CF_BLOCK * k->real;
    char *reals = cf_alloc((int64_t)from * to, square, "coefficients");
    char *old = cf_alloc(from, panel, "rows of a block");
    cf_basis_reals(k, s, (int64_t)from * to * SQUARE, 1, reals);
    for (int64_t at = 0; at < b->n_loc; at += CF_PANEL) {
        int64_t rows = CF_MIN(CF_PANEL, b->n_loc - at);
        size_t bytes = (size_t)rows * CF_BLOCK * k->real;
        for (int j = 0; j < from; j++)
            memcpy(old + (size_t)j * panel, rows_at(b, w, j, at), bytes);
        for (int v = 0; v < to; v++) {
            memset(rows_at(b, w, v, at), 0, bytes);
            for (int j = 0; j < from; j++)
                k->add_product(old + (size_t)j * panel,
                               reals + (size_t)(j * to + v) * square, rows,
                               rows_at(b, w, v, at));
        }
    }
    cf_free(old);
    cf_free(reals);
}

double cf_basis_noise(const cf_basis *b, uint64_t stream, int64_t row)
{
    return cf_random_uniform(b->seed, stream, (uint64_t)(b->row_begin + row)) -
           0.5;
}

static void fill_random(cf_basis *b, void *w, int column)
{
    uint64_t stream = 1000 + b->refills++;
    for (int64_t i = 0; i < b->n_loc; i++)
        cf_basis_set(b, w, i, column, cf_basis_noise(b, stream, i));
}

/* What rank 0 decides for all, so that ranks on unlike CPUs never differ. */
struct decision {
    double least;
    char dependent[CF_WIDTH_MAX];
};

void cf_basis_append(cf_basis *b, void *w, int width, double negligible)
{
    struct decision d = {0};
    int blocks = blocks_of(width);
    bool single = b->kernels->real == sizeof(float), again = true, far = false;
    double shift = single ? 1e-5 : 1e-12; /* over the rounding of a Gram matrix
                                             of unit columns */
    double noise = single ? 1e-8 : 1e-16; /* of what rounding leaves of a
                                             dependent column, squared, once it
                                             is divided by √shift */
    double *g = cf_alloc((int64_t)width * width, sizeof *g, "gram");
    double *s = cf_alloc((int64_t)blocks * blocks * SQUARE, sizeof *s, "gram");
    double *h =
        cf_alloc((int64_t)(b->count + 1) * width, sizeof *h, "coefficients");
    CF_ASSERT(width <= CF_WIDTH_MAX && b->count % CF_BLOCK == 0 &&
              b->count + width <= b->capacity);
    for (int turn = 0; again; turn++) {
        /* A column that lost most of its length in the block has lost its
         * orthogonality to the basis as well. */
        if (far)
            cf_basis_project(b, w, width, h, g);
        gram_of(b, w, width, s, g);
        memset(d.dependent, 0, sizeof d.dependent);
        if (b->par->rank == 0)
            d.least = turn == 0 ? shifted_cholesky(g, width, shift, negligible,
                                                   d.dependent)
                                : cholesky(g, width, noise, d.dependent);
        MPI_Bcast(&d, sizeof d, MPI_BYTE, 0, b->par->comm);
        MPI_Bcast(g, width * width, MPI_DOUBLE, 0, b->par->comm);
        invert(g, width, s);
        multiply_columns(b, w, blocks, blocks, s);
        far = d.least < 0.01;
        again = turn == 0 || d.least < 0.5;
        for (int c = 0; c < width; c++)
            if (d.dependent[c]) {
                fill_random(b, w, c);
                again = far = true;
            }
        CF_ASSERT(turn < MAX_TURNS);
    }
    memcpy(cf_basis_block(b, b->q, b->count), w,
           (size_t)blocks * (size_t)block_bytes(b));
    b->count += width;
    cf_free(h);
    cf_free(s);
    cf_free(g);
}

void cf_basis_polish(cf_basis *b)
{
    int blocks = blocks_of(b->count);
    int64_t size = (int64_t)blocks * blocks * SQUARE;
    double *c = cf_alloc(size, sizeof *c, "gram");
    inner_products(b, b->q, blocks, b->q, blocks, c);
    for (int64_t i = 0; i < size; i++)
        c[i] *= -0.5;
    for (int k = 0; k < b->count; k++)
        c[(k / CF_BLOCK * blocks + k / CF_BLOCK) * SQUARE +
          k % CF_BLOCK * (CF_BLOCK + 1)] += 1.5;
    multiply_columns(b, b->q, blocks, blocks, c);
    cf_free(c);
}

/* Squares [blocks of count][blocks of columns][16 x 16] from columns [first,
 * last) of s [count x ...]. */
static double *squares_of(const cf_basis *b, const double *s, int first,
                          int last)
{
    int from = blocks_of(b->count), to = blocks_of(last - first);
    double *c =
        cf_calloc((int64_t)from * to * SQUARE, sizeof *c, "coefficients");
    for (int v = first; v < last; v++)
        for (int i = 0; i < b->count; i++)
            c[(i / CF_BLOCK * to + (v - first) / CF_BLOCK) * SQUARE +
              i % CF_BLOCK * CF_BLOCK + (v - first) % CF_BLOCK] =
                s[i + (int64_t)v * b->count];
    return c;
}

void cf_basis_combine(const cf_basis *b, const double *s, int first, int last,
                      void *out)
{
    int from = blocks_of(b->count), to = blocks_of(last - first);
    double *c = squares_of(b, s, first, last);
    for (int64_t i = 0; i < (int64_t)from * to * SQUARE; i++)
        c[i] = -c[i];
    memset(out, 0, (size_t)to * (size_t)block_bytes(b));
    subtract(b, b->q, from, c, out, to);
    cf_free(c);
}

void cf_basis_rotate(cf_basis *b, const double *s, int keep)
{
    double *c = squares_of(b, s, 0, keep);
    multiply_columns(b, b->q, blocks_of(b->count), blocks_of(keep), c);
    cf_free(c);
    b->count = keep;
}
