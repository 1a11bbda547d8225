/* Whole rows of similarities: what every row is to each of some rows, while
 * the rows with their ratings come by. For what lists of k neighbours cannot
 * tell, such as the nearest ones who rated an item. */
#ifndef CFMPI_SIMILARITY_ROWS_H
#define CFMPI_SIMILARITY_ROWS_H

#include "cfmpi/csr.h"
#include "cfmpi/neighbors.h"
#include "cfmpi/ratings_neighbors.h"

/* What is compared. All is borrowed until the end. */
typedef struct cf_rows_compared {
    const cf_csr *rows;    /* users, or items where `of_items` */
    const cf_csr *columns; /* the transpose; NULL will do where
                              cf_ratings_needs_columns() is false */
    bool of_items;
    const cf_ratings_measure *by;
    /* Vectors of the rows, compared in place of their ratings by by->similarity
     * (see neighbors.h); NULL where ratings are. */
    const cf_points *points;
    int dim;
    const char *what; /* in messages */
} cf_rows_compared;

/* Some rows that are here for a while, by their columns: the ratings of column
 * c are those from begin[c] to begin[c + 1]. */
typedef struct cf_rows_here {
    int64_t count;
    cf_gidx first;        /* number of the first one; others follow it */
    const int32_t *begin; /* [columns + 1] */
    const int32_t *row;   /* [entries] from 0 on, ascending in a column */
    const float *rating;  /* [entries] */
} cf_rows_here;

/* Gets what the rows here are to asked[i]: score[j] as a list of that row would
 * have it, NaN where row j is no neighbour, or the row itself. */
typedef void cf_rows_meet_fn(void *to, int64_t i, const float *score,
                             const cf_rows_here *here);

typedef struct cf_similarity_rows cf_similarity_rows;

/* Gets ready. `pairs` of own asked rows with others are to come, for the
 * progress. CF_BAD_DATA, agreed, as from cf_ratings_neighbors and
 * cf_neighbors_find; then there is nothing to end. Collective; cost, traffic
 * and memory: src/neighbors/rows.c. */
int cf_similarity_rows_begin(cf_similarity_rows **out, const cf_par *par,
                             const cf_rows_compared *compared, double pairs);

/* Calls `meet` for each of the `count` rows asked, ascending numbers of any
 * rank, with rows of all ranks; every rank may ask for others, or for none.
 * Collective: once round the ring. */
void cf_similarity_rows_meet(cf_similarity_rows *s, const cf_gidx *asked,
                             int64_t count, cf_rows_meet_fn *meet, void *to);

/* NULL is allowed. Local. */
void cf_similarity_rows_end(cf_similarity_rows *s);

#endif
