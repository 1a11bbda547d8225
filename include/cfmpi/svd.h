/* The embedding: a truncated SVD of the ratings, A ≈ U Σ Vᵀ, with a residual
 * for every triplet. */
#ifndef CFMPI_SVD_H
#define CFMPI_SVD_H

#include <stdbool.h>

#include "cfmpi/csr.h"

/* What user rows are: U times a power of Σ. */
enum cf_embedding_scale {
    CF_EMBEDDING_US,
    CF_EMBEDDING_U,
    CF_EMBEDDING_US_HALF
};

/* Their names in options and files; NULL ends. */
extern const char *const cf_embedding_scales[];

/* What is published. Row-major float32, one slab of rows a rank. */
typedef struct cf_embedding {
    int dim;
    int64_t scale; /* enum cf_embedding_scale */
    cf_part user_part, item_part;
    float *users;  /* [n_loc x dim] A·V, that is U·Σ, or as `scale` says */
    float *items;  /* [m_loc x dim] V */
    double *sigma; /* [dim] descending */
    double *residual; /* [dim] max of the two below */
    double *left, *right; /* ‖Av−σu‖/σ and ‖Aᵀu−σv‖/σ, with u from `users`;
                             over σ1 where σ is 0 */
    double orthogonality; /* max |UᵀU − I| over the triplets with σ > 0 */
    double max_residual;
    int64_t rows_off; /* entries of users that A·V does not give bit for bit;
                         found by cf_svd_certify */
    double squares; /* sum of the matrix' squares, of which σ² is the share that
                       a triplet explains */
    int64_t passes; /* over the matrix, certificate not counted */
} cf_embedding;

/* AUTO goes by the sizes of the matrix and `dim` alone. */
enum cf_svd_method { CF_SVD_AUTO, CF_SVD_KRYLOV, CF_SVD_GRAM };

typedef struct cf_svd_options {
    int64_t method; /* enum cf_svd_method */
    int64_t scale;  /* enum cf_embedding_scale, of the user rows */
    int dim;        /* 1 .. min(rows, cols) */
    double tol;     /* on residual */
    int64_t max_passes;
    uint64_t seed;
    /* Right vectors to start from, rows of own items, which are split evenly;
     * borrowed. NULL for none. */
    const float *start;
    int start_dim;
} cf_svd_options;

/* Where a rank's seconds went: packing the matrix, products with it, blocks on
 * their way between ranks (waiting included), keeping the basis orthonormal,
 * eigenvalue problems, making the vectors. */
typedef struct cf_svd_times {
    double pack, products, exchange, basis, eigen, vectors;
} cf_svd_times;

/* A solver between calls; opaque. */
typedef struct cf_svd cf_svd;

/* Prepares the solver. `a` is lent until cf_svd_end, its indices and values as
 * working space: they may be NULL, and no copy of `a` may be read meanwhile.
 * Memory: 16 bytes a rating where there are more than 16 values; a basis of up
 * to 6 dim + 192 columns of the smaller side in float32 (float64 where that is
 * needed), spread over the ranks, as one block of 16 columns of the users; on
 * every rank (6 dim + 128)^2 doubles and two such blocks of the item side.
 * More when a singular value repeats over 16 times and blocks are widened. By
 * the Gram matrix see src/svd/gram.c. Collective. */
cf_svd *cf_svd_begin(cf_csr *a, const cf_par *par,
                     const cf_svd_options *options);

/* Iterates until the estimated residuals are below `target` or the passes are
 * used up (`more` is false then), and fills dim, items, sigma, passes; users
 * come from cf_svd_complete. At least the passes that dim columns need are
 * made. Can be called again with a smaller target to go on. Errors:
 * CF_BAD_DATA, CF_INTERNAL. Collective. */
int cf_svd_solve(cf_svd *s, double target, cf_embedding *e, bool *more);

void cf_svd_end(cf_svd *s);

/* So far. Local. */
cf_svd_times cf_svd_seconds(const cf_svd *s);

/* After cf_svd_solve: makes users = A·V, in float64 from the stored V and
 * rounded to float32, and the certificate of what is stored: left, right,
 * residual, max_residual, orthogonality. A row's ratings are summed in the
 * order of items, every other one apart, and the two sums added: one order,
 * whatever the rank count or the instruction set. Collective; two products
 * with dim columns, four for other scales than US. */
void cf_svd_complete(cf_svd *s, cf_embedding *e);

/* The certificate of an embedding that is stored; users must be split as the
 * rows of `a`, which is lent meanwhile as above. Collective; packs the matrix,
 * then as above. */
void cf_svd_certify(cf_embedding *e, cf_csr *a, const cf_par *par);

/* What rows of ratings are in an embedding that has not seen them: rows [own
 * rows of a x dim] = A·V, in the scale of `e`, of which dim, scale, sigma,
 * items and item_part are read. `a` has the items of the embedding as its
 * columns, weighted as the matrix was. A row that was decomposed is what is
 * stored, bit for bit. Collective; cost, traffic and memory: src/svd/fold.c. */
void cf_svd_fold_in(const cf_embedding *e, const cf_csr *a, const cf_par *par,
                    float *rows);

/* Rows of V become rows as `scale` has them of U: V·Σ, V or V·√Σ, each entry a
 * float64 product rounded to float32; rows [count x dim]. Local. */
void cf_embedding_scale_items(float *rows, int64_t count, int dim,
                              const double *sigma, int64_t scale);

/* What becomes of an entry of U·Σ in column k in the scale of `e`. Local. */
float cf_embedding_rescaled(const cf_embedding *e, int k, float us);

/* User rows from U·Σ to another scale. Local. */
void cf_embedding_rescale(cf_embedding *e, int64_t users, int64_t scale);

/* User rows in the scale of `e` become A·V again; of `e` dim, scale and sigma
 * are read. Local. */
void cf_embedding_to_product(const cf_embedding *e, int64_t users, float *rows);

/* σ of triplet k to the power with which user rows hold it. Local. */
double cf_embedding_power(const cf_embedding *e, int k);

/* Puts the triplets in descending order of σ. Local. */
void cf_embedding_sort(cf_embedding *e, int64_t users, int64_t items);

/* Keeps the leading `dim` triplets; what was certified of all of them together
 * is to be certified anew. `users`, `items`: own rows. Local. */
void cf_embedding_cut(cf_embedding *e, int64_t users, int64_t items, int dim);

/* Safe on {0} and twice. Local. */
void cf_embedding_free(cf_embedding *e);

#endif
