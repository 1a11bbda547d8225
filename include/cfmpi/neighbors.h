/* Exact nearest neighbours of the rows of a dense matrix. */
#ifndef CFMPI_NEIGHBORS_H
#define CFMPI_NEIGHBORS_H

#include "cfmpi/context.h"
#include "cfmpi/partition.h"
#include "cfmpi/topk.h"

/* Lists of the rows that `part` gives this rank. */
typedef struct cf_neighbors {
    cf_part part;
    cf_topk lists;     /* finished */
    int64_t pairs;     /* ordered pairs looked at, all ranks */
    int64_t skipped;   /* of these, kept out by the screen alone */
    int64_t rows_tied; /* rows with a tie at the end of their list */
} cf_neighbors;

/* The `k` rows most similar to each row by cosine, over all ranks. `rows`
 * [own rows x dim], row-major, split by `part`; it is scaled in place by a
 * power of two a row, which changes no score. The score is the float32
 * rounding of dot/sqrt(|x|²|y|²), each a float64 sum over float32 entries in
 * the order of cf_cosine: it is the same on any number of ranks. Rows without
 * direction have no neighbours and are nobody's. CF_BAD_DATA names a row that
 * is not finite, as `what` and its number; agreed. Collective; 2 n² dim / P
 * flops, and n dim 4 bytes sent a rank; memory: two blocks of n/P rows and
 * the lists. */
int cf_neighbors_cosine(cf_neighbors *out, const cf_par *par,
                        const cf_part *part, float *rows, int dim, int64_t k,
                        const char *what);

/* Sum of x[i] y[i] in float64: 16 lanes, entry i in lane i mod 16, in order,
 * then lanes l and l + 8 added, l and l + 4, and so on. Products of float32
 * are exact in float64, so fused multiply-add changes nothing. Local. */
double cf_dot(const float *x, const float *y, int dim);

/* Cosine of two rows of squared lengths nx, ny (cf_dot of each with itself),
 * NaN when one of them is 0. Local. */
float cf_cosine(const float *x, double nx, const float *y, double ny, int dim);

/* Safe on {0} and twice. Local. */
void cf_neighbors_free(cf_neighbors *n);

#endif
