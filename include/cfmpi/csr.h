/* The ratings as a sparse matrix in compressed sparse rows, one slab of rows a
 * rank. */
#ifndef CFMPI_CSR_H
#define CFMPI_CSR_H

#include "cfmpi/context.h"
#include "cfmpi/partition.h"

/* Rows part.begin[rank] .. of this rank; columns ascending within a row. */
typedef struct cf_csr {
    cf_gidx rows, cols, nnz; /* of the whole matrix */
    cf_part part;            /* rows of each rank */
    cf_gidx nnz_begin;       /* entries of the ranks before */
    int64_t n_loc;           /* own rows */
    int64_t *indptr;         /* [n_loc + 1], from 0 */
    cf_lidx *indices;        /* [indptr[n_loc]] */
    float *values;           /* [indptr[n_loc]] */
} cf_csr;

/* What to do with two entries in one place; their order is that of the rank
 * and then that of the entries given. */
enum cf_duplicates { CF_DUP_ERROR, CF_DUP_LAST, CF_DUP_FIRST, CF_DUP_MEAN };

/* One entry on its way to its row's rank. */
typedef struct cf_entry {
    cf_gidx row;
    cf_lidx col;
    float value;
} cf_entry;

/* Builds the matrix from entries in any order on any rank. Rows are split so
 * that every rank has about as many entries. `entries` (from cf_alloc) is
 * consumed. `merged` gets the number of entries that the rule took out. With
 * CF_DUP_ERROR and a duplicate: CF_BAD_DATA, and `first` names row and column
 * of the first one in row order. Collective; 16 bytes an entry on the wire,
 * 40 bytes an entry of memory for a while. */
int cf_csr_build(cf_csr *a, const cf_par *par, cf_gidx rows, cf_gidx cols,
                 cf_entry *entries, int64_t count, enum cf_duplicates rule,
                 int64_t *merged, cf_entry *first);

/* Splits rows so that every rank has about as many entries. `counts` are the
 * entries of the rows of `even`, this rank's share. Collective. */
void cf_csr_balance(cf_part *part, const cf_par *par, const cf_part *even,
                    const int64_t *counts);

/* Fills indptr-derived fields (n_loc, nnz, nnz_begin) from part and indptr.
 * Collective. */
void cf_csr_seal(cf_csr *a, const cf_par *par);

/* Entries and mean value of each own row; mean of an empty row is NaN.
 * count, mean [n_loc] are the caller's. Local. */
void cf_csr_row_stats(const cf_csr *a, int64_t *count, double *mean);

/* Entries and mean of the columns that `part` gives this rank. The sums do
 * not depend on the rank count (two-fold reproducible summation after Demmel
 * and Nguyen 2013). Collective; 28 bytes a column of memory on each rank. */
void cf_csr_col_stats(const cf_csr *a, const cf_par *par, const cf_part *part,
                      int64_t *count, double *mean);

/* Entries of every column, [cols], the same on all ranks. Collective. */
void cf_csr_col_counts(const cf_csr *a, const cf_par *par, int64_t *count);

/* Rows of other ranks, copied here: row i of the copy is row rows[i]. */
typedef struct cf_csr_copy {
    int64_t count;
    int64_t *indptr; /* [count + 1] */
    cf_lidx *indices;
    float *values;
} cf_csr_copy;

/* Lengths of the `count` rows named in ascending order. Collective. */
void cf_csr_row_lengths(const cf_csr *a, const cf_par *par, const cf_gidx *rows,
                        int64_t count, int64_t *lengths);

/* Copies the `count` rows named in ascending order. Collective, also for ranks
 * that want none; 8 bytes an entry on the wire. */
void cf_csr_fetch(cf_csr_copy *copy, const cf_csr *a, const cf_par *par,
                  const cf_gidx *rows, int64_t count);

/* Safe on {0} and twice. Local. */
void cf_csr_copy_free(cf_csr_copy *copy);
void cf_csr_free(cf_csr *a);

#endif
