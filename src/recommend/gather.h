/* The rows that some users' scores are made from, fetched from their ranks a
 * batch of users at a time. */
#ifndef CFMPI_GATHER_H
#define CFMPI_GATHER_H

#include <stdbool.h>

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

/* One batch: users[first .. last) can be served from `copy`. */
typedef struct cf_gather {
    const cf_par *par;
    cf_stock stock;
    cf_sources from;
    const int64_t *users; /* [count] own user rows, ascending; borrowed */
    int64_t count;
    cf_row_set needed; /* all rows that are */
    int64_t *lengths;  /* of these */
    int64_t budget;    /* entries a batch */
    cf_row_set taken;  /* rows of this batch */
    int64_t first, last;
    cf_csr_copy copy;
    void *words; /* [entries of copy] when these are fetched */
} cf_gather;

/* Finds out what is needed. Collective. */
void cf_gather_begin(cf_gather *g, const cf_par *par, const cf_stock *stock,
                     const cf_sources *from, const int64_t *users,
                     int64_t count);

/* Fetches the next batch; false when all ranks are through. Collective. */
bool cf_gather_next(cf_gather *g);

/* Place in `copy` of a global row, which must be in the batch. Local. */
static inline int64_t cf_gather_row(const cf_gather *g, cf_gidx row)
{
    return cf_row_set_place(&g->taken, row);
}

void cf_gather_end(cf_gather *g);

#endif
