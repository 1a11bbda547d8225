/* The rows that are added up, as the sums read them: only columns that may be
 * recommended, the popular ones first, in few bytes. */
#ifndef CFMPI_WORDS_H
#define CFMPI_WORDS_H

#include <stdbool.h>

#include "cfmpi/csr.h"
#include "cfmpi/value_codes.h"

/* An entry of matrices of more than CF_CODES values, or of more than 2^28
 * columns. Otherwise it is one number, the position times 16 plus the value's
 * number. */
typedef struct cf_value_word {
    uint32_t at;
    float value;
} cf_value_word;

typedef struct cf_words {
    cf_csr rows;       /* part, n_loc and indptr of what is left */
    cf_lidx *position; /* [cols] of each column, -1: not to be recommended */
    cf_lidx *column;   /* [used] at each position */
    int64_t used;      /* columns that have a position */
    int64_t head;      /* leading positions that most entries are at: rows
                          begin with these */
    bool coded;
    float values[CF_CODES];
    void *words; /* [own entries] */
    size_t size; /* bytes of one */
} cf_words;

/* Packs own rows of `a`; `candidate` [cols] or NULL: all. `entries` is how many
 * entries a list of sums is made from, on average. The same on all ranks but
 * for rows and words. Memory: 4 or 8 bytes an entry, 8 bytes a row and 8 a
 * column. Collective. */
void cf_words_begin(cf_words *w, const cf_csr *a, const cf_par *par,
                    const uint8_t *candidate, double entries);

/* How many of `count` words are at leading positions: these stand first.
 * Local. */
int64_t cf_words_leading(const cf_words *w, const void *words, int64_t count);

/* Safe on {0} and twice. Local. */
void cf_words_free(cf_words *w);

#endif
