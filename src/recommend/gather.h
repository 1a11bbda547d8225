/* The rows that some users' scores are made from, fetched from their ranks a
 * batch of users at a time; once for all ranks of a node. */
#ifndef CFMPI_GATHER_H
#define CFMPI_GATHER_H

#include <stdbool.h>

#include "cfmpi/node.h"
#include "cfmpi/recommend.h"
#include "cfmpi/row_set.h"

/* The rows that count for each own user, and their weights: neighbours, or
 * where `lists` is NULL the items that the user has rated. */
typedef struct cf_sources {
    const cf_part *part; /* of users */
    const cf_topk *lists;
    const cf_csr *rated;
    bool self; /* the user's own row is needed besides */
} cf_sources;

static inline int64_t cf_sources_count(const cf_sources *s, int64_t user)
{
    return s->lists != NULL
               ? s->lists->count[user]
               : s->rated->indptr[user + 1] - s->rated->indptr[user];
}

static inline cf_gidx cf_sources_row(const cf_sources *s, int64_t user,
                                     int64_t i)
{
    return s->lists != NULL ? s->lists->index[user * s->lists->stride + i]
                            : s->rated->indices[s->rated->indptr[user] + i];
}

static inline float cf_sources_weight(const cf_sources *s, int64_t user,
                                      int64_t i)
{
    return s->lists != NULL ? s->lists->score[user * s->lists->stride + i]
                            : s->rated->values[s->rated->indptr[user] + i];
}

/* What is fetched: own rows of a matrix with their indices and values, or
 * `words` of `size` bytes in place of both. */
typedef struct cf_stock {
    const cf_csr *rows;
    const void *words; /* NULL: indices and values of `rows` */
    size_t size;
} cf_stock;

/* Memory of a node: the rows of a batch, what is made of them by who uses it,
 * which ends with the batch, and how long all rows are. */
enum { CF_GATHER_ROWS, CF_GATHER_MADE, CF_GATHER_LENGTHS, CF_GATHER_MEMORY };

/* One batch: users[first .. last) can be served. Rows are those that any rank
 * of the node needs, in ascending order; what they have is in shared memory. */
typedef struct cf_gather {
    const cf_par *par;
    cf_stock stock;
    cf_sources from;
    const int64_t *users; /* [count] own user rows, ascending; borrowed */
    int64_t count;
    cf_nodes nodes;
    cf_row_set needed; /* all rows that are, on the node */
    int64_t budget;    /* entries a batch */
    int64_t parts;     /* into which users are cut */
    cf_row_set taken;  /* rows of this batch */
    int64_t first, last;
    cf_shared memory[CF_GATHER_MEMORY];
    const int64_t *lengths; /* [needed] */
    const int64_t *begin;   /* [taken + 1] where the entries of each begin */
    const cf_lidx *indices;
    const float *values;
    const void *words; /* in place of both */
} cf_gather;

/* Finds out what is needed. Collective, as all of the following is. */
void cf_gather_begin(cf_gather *g, const cf_par *par, const cf_stock *stock,
                     const cf_sources *from, const int64_t *users,
                     int64_t count);

/* Fetches the next batch; false when all ranks are through. */
bool cf_gather_next(cf_gather *g);

void cf_gather_end(cf_gather *g);

/* This rank's share of the rows of a batch: [*first, *last). Local. */
void cf_gather_share(const cf_gather *g, int64_t *first, int64_t *last);

/* Place of a global row, which must be in the batch. Local. */
static inline int64_t cf_gather_row(const cf_gather *g, cf_gidx row)
{
    return cf_row_set_place(&g->taken, row);
}

#endif
