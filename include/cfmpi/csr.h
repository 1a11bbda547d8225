/* The ratings as a sparse matrix in compressed sparse rows, one slab of rows a
 * rank. */
#ifndef CFMPI_CSR_H
#define CFMPI_CSR_H

#include "cfmpi/context.h"
#include "cfmpi/entries.h"
#include "cfmpi/idmap.h"
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
    int64_t *time;           /* [indptr[n_loc]] or NULL; seconds since 1970 */
} cf_csr;

/* What to do with two entries in one place; their order is that of the
 * input. */
enum cf_duplicates {
    CF_DUP_ERROR,
    CF_DUP_LAST,
    CF_DUP_FIRST,
    CF_DUP_MEAN,
    CF_DUP_SUM
};

/* Who the rows and columns of the entries are. */
typedef struct cf_numbering {
    const cf_idmap *users;
    cf_placement *user_at, *item_at; /* of this rank's tables */
    cf_gidx cols;
} cf_numbering;

/* Builds the matrix from the entries that all ranks have read. Rows are split
 * so that every rank has about as many entries. The chunks of `e` are freed on
 * the way, its tables stay; user_at->first is used up. `merged` gets the
 * number of entries that the rule took out; a merged entry has the time of
 * the last, with CF_DUP_FIRST that of the first. With CF_DUP_ERROR and a
 * duplicate: CF_BAD_DATA, and `place` names row and column of the first one in
 * row order. Collective; an entry is sent once, 16 or 24 bytes, in rounds of a
 * few MiB. */
int cf_csr_build(cf_csr *a, const cf_par *par, cf_entries *e,
                 const cf_numbering *n, enum cf_duplicates rule,
                 int64_t *merged, cf_gidx place[2]);

/* Splits rows so that every rank has about as many entries. `counts` are the
 * entries of the rows that `given` gives this rank. Collective. */
void cf_csr_balance(cf_part *part, const cf_par *par, const cf_part *given,
                    const int64_t *counts);

/* Fills indptr-derived fields (n_loc, nnz, nnz_begin) from part and indptr.
 * Collective. */
void cf_csr_seal(cf_csr *a, const cf_par *par);

/* Entries and mean value of each own row; mean of an empty row is NaN.
 * count, mean [n_loc] are the caller's. Local. */
void cf_csr_row_stats(const cf_csr *a, int64_t *count, double *mean);

/* Entries and mean of the columns that `part` gives this rank. The sums do
 * not depend on the rank count: they are exact where all values are multiples
 * of 2^-10 up to 2^10, else two-fold reproducible summation (Demmel and
 * Nguyen 2013). Collective; 28 bytes a column of memory on each rank. */
void cf_csr_col_stats(const cf_csr *a, const cf_par *par, const cf_part *part,
                      int64_t *count, double *mean);

/* Entries of every column, [cols], the same on all ranks. Collective. */
void cf_csr_col_counts(const cf_csr *a, const cf_par *par, int64_t *count);

/* The sum of the squares of all entries; its last places depend on the rank
 * count. Collective. */
double cf_csr_squares(const cf_csr *a, const cf_par *par);

/* The transpose: rows are the columns of `a`, split so that every rank has
 * about as many entries; times are left behind. Collective; an entry is sent
 * once, 12 bytes, some MiB at a time. */
void cf_csr_transpose(cf_csr *t, const cf_csr *a, const cf_par *par);

/* Rows of other ranks, copied here: row i of the copy is row rows[i]. */
typedef struct cf_csr_copy {
    int64_t count;
    int64_t *indptr; /* [count + 1] */
    cf_lidx *indices;
    float *values;
} cf_csr_copy;

/* The first of the ascending column[lo .. hi) that is at least `least`, hi
 * where there is none. Local, O(log). */
int64_t cf_column_from(const cf_lidx *column, int64_t lo, int64_t hi,
                       cf_gidx least);

/* Lengths of the `count` rows named in ascending order. Collective. */
void cf_csr_row_lengths(const cf_csr *a, const cf_par *par, const cf_gidx *rows,
                        int64_t count, int64_t *lengths);

/* Copies the `count` rows named in ascending order. Collective, also for ranks
 * that want none; 8 bytes an entry on the wire. */
void cf_csr_fetch(cf_csr_copy *copy, const cf_csr *a, const cf_par *par,
                  const cf_gidx *rows, int64_t count);

/* The same where `own` has `size` bytes for each own entry of `a`, of which
 * only part and indptr are read, and where it is known how long rows are: row
 * i takes the entries [begin[i], begin[i + 1]), less begin[0], of `to`.
 * Collective; `size` bytes an entry on the wire. */
void cf_csr_fetch_to(void *to, const int64_t *begin, const cf_csr *a,
                     const cf_par *par, const cf_gidx *rows, int64_t count,
                     const void *own, size_t size);

/* Safe on {0} and twice. Local. */
void cf_csr_copy_free(cf_csr_copy *copy);
void cf_csr_free(cf_csr *a);

#endif
