/* Exact nearest neighbours of the rows of a dense matrix. */
#ifndef CFMPI_NEIGHBORS_H
#define CFMPI_NEIGHBORS_H

#include "cfmpi/context.h"
#include "cfmpi/graph.h"
#include "cfmpi/partition.h"
#include "cfmpi/similarity.h"
#include "cfmpi/topk.h"

/* Lists of the rows that `part` gives this rank. */
typedef struct cf_neighbors {
    cf_part part;
    cf_topk lists;      /* finished */
    int64_t pairs;      /* ordered pairs looked at, all ranks */
    int64_t skipped;    /* of these, kept out by the screen alone */
    int64_t rows_tied;  /* rows with a tie at the end of their list */
    int64_t travelled;  /* candidates that were found away from their rows */
    const char *kernel; /* what screened: the instruction set's name */
} cf_neighbors;

/* Rows of all ranks: those that `part` gives this rank, [own rows x dim],
 * row-major. They may be scaled in place by powers of two, which changes no
 * score. */
typedef struct cf_points {
    const cf_part *part;
    float *rows;
    const char *what; /* in messages */
} cf_points;

/* The `k` rows most similar to each row, over all ranks. `rows` [own rows x
 * dim], row-major, split by `part`; they may be scaled in place by powers of
 * two, which changes no score. Scores are those of cf_score: the same on any
 * number of ranks. With CF_COSINE rows of zeros have no neighbours and are
 * nobody's. CF_BAD_DATA names a row that is not finite, as `what` and its
 * number, or says that products are beyond float32; agreed. Collective. Cost,
 * traffic and memory: src/neighbors/neighbors.c. */
int cf_neighbors_find(cf_neighbors *out, const cf_par *par, const cf_part *part,
                      float *rows, int dim, int64_t k,
                      enum cf_similarity similarity, const char *what);

/* The `k` rows of `base` most similar to each row of `queries`, which are other
 * rows: lists are those of own queries, and name base rows. Cosines of rows of
 * zeros are as above. CF_BAD_DATA as above. Collective. Cost, traffic and
 * memory: src/neighbors/query.c. */
int cf_neighbors_query(cf_neighbors *out, const cf_par *par,
                       const cf_points *base, const cf_points *queries, int dim,
                       int64_t k, enum cf_similarity similarity);

/* As cf_neighbors_find, but only the lists of some rows: `chosen` are `count`
 * own ones, in ascending order without repeats. List i is that of row
 * chosen[i]; out->part counts lists. Collective. */
int cf_neighbors_some(cf_neighbors *out, const cf_par *par,
                      const cf_points *base, const cf_gidx *chosen,
                      int64_t count, int dim, int64_t k,
                      enum cf_similarity similarity);

/* The same two of those base rows alone whose score reaches `bound`, as
 * below. */
int cf_neighbors_query_within(cf_neighbors *out, const cf_par *par,
                              const cf_points *base, const cf_points *queries,
                              int dim, int64_t k, enum cf_similarity similarity,
                              float bound);
int cf_neighbors_some_within(cf_neighbors *out, const cf_par *par,
                             const cf_points *base, const cf_gidx *chosen,
                             int64_t count, int dim, int64_t k,
                             enum cf_similarity similarity, float bound);

/* All base rows whose score with a query, or with a chosen row, reaches
 * `bound`: `graph` has a row for each of these, whose columns are base rows;
 * `out` gets no lists. Memory besides: as cf_neighbors_join. */
int cf_neighbors_query_join(cf_neighbors *out, cf_graph *graph,
                            const cf_par *par, const cf_points *base,
                            const cf_points *queries, int dim,
                            enum cf_similarity similarity, float bound);
int cf_neighbors_some_join(cf_neighbors *out, cf_graph *graph,
                           const cf_par *par, const cf_points *base,
                           const cf_gidx *chosen, int64_t count, int dim,
                           enum cf_similarity similarity, float bound);

/* As cf_neighbors_find, of those rows alone whose score reaches `bound`, a
 * float32: is no smaller, for distances no larger. Lists are shorter where
 * fewer do, and gap and ties are about these only. */
int cf_neighbors_within(cf_neighbors *out, const cf_par *par,
                        const cf_part *part, float *rows, int dim, int64_t k,
                        enum cf_similarity similarity, float bound,
                        const char *what);

/* All pairs of rows whose score reaches `bound`, as a graph; `out` gets no
 * lists. Cost, traffic and memory besides: 20 bytes a pair where it was found,
 * and src/neighbors/pairs.h; ends the job when that is more than there is. */
int cf_neighbors_join(cf_neighbors *out, cf_graph *graph, const cf_par *par,
                      const cf_part *part, float *rows, int dim,
                      enum cf_similarity similarity, float bound,
                      const char *what);

/* Sum of x[i] y[i] in float64: 16 lanes, entry i in lane i mod 16, in order,
 * then lanes l and l + 8 added, l and l + 4, and so on. Products of float32
 * are exact in float64, so fused multiply-add changes nothing. Local. */
double cf_dot(const float *x, const float *y, int dim);

/* Cosine of two rows of squared lengths nx, ny (cf_dot of each with itself),
 * NaN when one of them is 0. Local. */
float cf_cosine(const float *x, double nx, const float *y, double ny, int dim);

/* Sum of (x[i] - y[i])² in the same order. Local. */
double cf_squared_distance(const float *x, const float *y, int dim);

/* What is stored of two rows with squared lengths nx, ny: the float32 rounding
 * of cf_cosine, cf_dot or the distance. Symmetric in x and y. Local. */
float cf_score(enum cf_similarity similarity, const float *x, double nx,
               const float *y, double ny, int dim);

/* Safe on {0} and twice. Local. */
void cf_neighbors_free(cf_neighbors *n);

#endif
