/* The rating rows that some users' neighbours have, fetched from their ranks
 * a batch of users at a time. */
#ifndef CFMPI_GATHER_H
#define CFMPI_GATHER_H

#include <stdbool.h>

#include "cfmpi/recommend.h"

/* One batch: users[first .. last) can be served from `copy`. */
typedef struct cf_gather {
    const cf_par *par;
    const cf_csr *a;
    const cf_user_lists *lists;
    const int64_t *users; /* [count] own user rows, ascending; borrowed */
    int64_t count;
    cf_gidx *rows;    /* all rows that are needed, ascending */
    int64_t *lengths; /* of these */
    int64_t needed;
    int64_t *stamp; /* [needed] batch that last took the row */
    int64_t budget; /* entries a batch */
    int64_t batch;
    cf_gidx *taken; /* rows of this batch, ascending */
    int64_t first, last;
    cf_csr_copy copy;
} cf_gather;

/* Finds out what is needed. Collective. */
void cf_gather_begin(cf_gather *g, const cf_par *par, const cf_csr *a,
                     const cf_user_lists *lists, const int64_t *users,
                     int64_t count);

/* Fetches the next batch; false when all ranks are through. Collective. */
bool cf_gather_next(cf_gather *g);

/* Place in `copy` of a global row, which must be in the batch. Local. */
int64_t cf_gather_row(const cf_gather *g, cf_gidx row);

void cf_gather_end(cf_gather *g);

#endif
