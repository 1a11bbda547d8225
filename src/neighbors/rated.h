/* Rows of ratings, dealt out so that all ranks have rows of all sizes, and
 * packed to travel. */
#ifndef CFMPI_RATED_H
#define CFMPI_RATED_H

#include "cfmpi/context.h"
#include <stdbool.h>

#include "cfmpi/csr.h"

/* Entries of all that a rank sends at a time when rows are dealt, unless one
 * has more. */
#ifndef CF_DEAL_ROUND
#define CF_DEAL_ROUND (1 << 18)
#endif

/* What goes with a row. */
typedef struct cf_rated_head {
    cf_gidx id;      /* its number in the input */
    int64_t entries; /* of it */
    double p, q;     /* as its similarity has them */
} cf_rated_head;

/* Rows in ascending order of their entries, the shortest first. Everything but
 * `begin` lies in `block`, in this order. */
typedef struct cf_rated {
    int64_t count, entries;
    cf_rated_head *head; /* [count] */
    double *value;       /* [entries], or NULL where there are codes */
    cf_lidx *column;     /* [entries] ascending in a row */
    uint8_t *code;       /* [entries], or NULL: value = code x step */
    int64_t *begin;      /* [count + 1] */
    const float *rating; /* [entries] what the values stand for, or NULL */
    char *block;
    bool owned; /* the block */
} cf_rated;

/* How many entries the longest `rows` rows of all ranks have at least, rounded
 * down a little; INT64_MAX for no rows. Collective. */
int64_t cf_rated_least(const cf_par *par, const cf_csr *a, int64_t rows);

/* Deals out the rows of `a` with these values, or with codes in their place,
 * those without entries only when `empty`. p and q are left open. Collective;
 * an entry is sent once, 12 bytes or 5; 4 MiB or so of them at a time. */
void cf_rated_deal(cf_rated *r, const cf_par *par, const cf_csr *a,
                   const double *values, const uint8_t *codes, bool empty);

/* Gives every column a new number, column c that of number[c] of `columns`.
 * Local; 16 bytes for each entry of the longest row. */
void cf_rated_renumber(cf_rated *r, const cf_lidx *number, cf_gidx columns);

/* A copy of every `step`-th row, or of some, [count] in ascending order.
 * Local. */
void cf_rated_sample(cf_rated *r, const cf_rated *from, int64_t step);
void cf_rated_pick(cf_rated *r, const cf_rated *from, const int64_t *rows,
                   int64_t count);

/* Bytes of the block. Local. */
int64_t cf_rated_bytes(const cf_rated *r);

/* The rows in a block that came from a rank whose own are like `own`. Local. */
void cf_rated_open(cf_rated *r, const cf_rated *own, char *block, int64_t count,
                   int64_t entries);

/* Safe on {0} and twice. Local. */
void cf_rated_free(cf_rated *r);

#endif
