#include "cfmpi/row_set.h"

#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"

static int64_t words_of(cf_gidx rows)
{
    return rows / 64 + 1;
}

void cf_row_set_begin(cf_row_set *s, cf_gidx rows)
{
    cf_row_set_free(s);
    s->rows = rows;
    s->bits = cf_calloc(words_of(rows), sizeof *s->bits, "set of rows");
    s->before = cf_alloc(words_of(rows), sizeof *s->before, "set of rows");
}

bool cf_row_set_add(cf_row_set *s, cf_gidx row)
{
    uint64_t bit = (uint64_t)1 << (row & 63), *word = &s->bits[row >> 6];
    bool first = !(*word & bit);
    *word |= bit;
    return first;
}

void cf_row_set_join(cf_row_set *s, const cf_par *par)
{
    if (par->size > 1)
        cf_allreduce(par, s->bits, words_of(s->rows), MPI_UINT64_T, MPI_BOR);
}

void cf_row_set_end(cf_row_set *s)
{
    s->count = 0;
    for (int64_t w = 0; w < words_of(s->rows); w++) {
        s->before[w] = s->count;
        s->count += __builtin_popcountll(s->bits[w]);
    }
}

cf_gidx *cf_row_set_list(const cf_row_set *s)
{
    cf_gidx *list = cf_alloc(s->count, sizeof *list, "rows of a set");
    int64_t n = 0;
    for (int64_t w = 0; w < words_of(s->rows); w++)
        for (uint64_t left = s->bits[w]; left != 0; left &= left - 1)
            list[n++] = 64 * w + __builtin_ctzll(left);
    return list;
}

void cf_row_set_free(cf_row_set *s)
{
    cf_free(s->bits);
    cf_free(s->before);
    *s = (cf_row_set){0};
}
