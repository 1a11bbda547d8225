#include "words.h"

#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "cfmpi/popularity.h"
#include "choose.h"

/* What it costs to add to a column that is looked up one by one, over that of
 * looking at one in a sweep over the leading ones. */
#ifndef CF_APART
#define CF_APART 16.0
#endif

/* Numbers the columns, and finds out how many of them are worth sweeping. */
static void number_columns(cf_words *w, const cf_csr *a, const cf_par *par,
                           const uint8_t *candidate, double entries)
{
    int64_t *count = cf_alloc(a->cols, sizeof *count, "column counts");
    cf_lidx *place = cf_alloc(a->cols, sizeof *place, "column positions");
    w->position = cf_alloc(a->cols, sizeof *w->position, "column positions");
    w->column = cf_calloc(a->cols + CF_CHOICE, sizeof *w->column, "columns");
    cf_csr_popularity(a, par, place, count);
    for (int64_t j = 0; j < a->cols; j++)
        w->column[place[j]] = (cf_lidx)j;
    for (int64_t at = 0; at < a->cols; at++) {
        cf_lidx j = w->column[at];
        bool takes = count[at] > 0 && (candidate == NULL || candidate[j] != 0);
        w->position[j] = takes ? (cf_lidx)w->used : -1;
        if (takes)
            w->column[w->used++] = j;
        if (takes && CF_APART * (double)count[at] * entries >= (double)a->nnz)
            w->head = w->used;
    }
    cf_free(count);
    cf_free(place);
}

/* Whether all ranks' values together are few, and which they are. */
static void code_values(cf_words *w, const cf_csr *a, const cf_par *par,
                        cf_value_codes *all)
{
    cf_value_codes own = {0};
    unsigned code = 0;
    for (int64_t e = 0; e < a->indptr[a->n_loc] && code < CF_CODES; e++)
        code = cf_value_code(&own, a->values[e]);
    bool few = w->used < (int64_t)1 << 28 &&
               cf_max_i64(par, code == CF_CODES ? 1 : 0) == 0;
    for (int r = 0; r < par->size && few; r++) {
        cf_value_codes some = own;
        cf_bcast(par, &some, sizeof some, r);
        for (int k = 0; k < some.count && few; k++)
            few = cf_value_code(all, cf_code_value(&some, k)) < CF_CODES;
    }
    w->coded = few;
    for (int k = 0; k < all->count; k++)
        w->values[k] = cf_code_value(all, k);
}

/* Words of row i from *at on: leading columns from the front, the others from
 * the back. */
static int64_t pack_row(const cf_words *w, const cf_csr *a, int64_t i,
                        int64_t at, cf_value_codes *codes)
{
    int64_t front = at, back;
    for (int64_t e = a->indptr[i]; e < a->indptr[i + 1]; e++)
        at += w->position[a->indices[e]] >= 0;
    back = at;
    for (int64_t e = a->indptr[i]; e < a->indptr[i + 1]; e++) {
        cf_lidx p = w->position[a->indices[e]];
        if (p < 0)
            continue;
        int64_t to = p < w->head ? front++ : --back;
        if (w->coded)
            ((uint32_t *)w->words)[to] =
                (uint32_t)p << 4 | cf_value_code(codes, a->values[e]);
        else
            ((cf_value_word *)w->words)[to] =
                (cf_value_word){(uint32_t)p, a->values[e]};
    }
    return at;
}

void cf_words_begin(cf_words *w, const cf_csr *a, const cf_par *par,
                    const uint8_t *candidate, double entries)
{
    cf_value_codes codes = {0};
    int64_t own = a->indptr[a->n_loc];
    *w = (cf_words){0};
    number_columns(w, a, par, candidate, entries);
    code_values(w, a, par, &codes);
    w->size = w->coded ? sizeof(uint32_t) : sizeof(cf_value_word);
    w->words = cf_alloc(own, w->size, "packed rows");
    w->rows = (cf_csr){.rows = a->rows, .cols = a->cols, .n_loc = a->n_loc};
    cf_part_copy(&w->rows.part, &a->part);
    w->rows.indptr =
        cf_alloc(a->n_loc + 1, sizeof *w->rows.indptr, "row pointers");
    w->rows.indptr[0] = 0;
    for (int64_t i = 0; i < a->n_loc; i++)
        w->rows.indptr[i + 1] = pack_row(w, a, i, w->rows.indptr[i], &codes);
}

int64_t cf_words_leading(const cf_words *w, const void *words, int64_t count)
{
    int64_t lo = 0, hi = count;
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        int64_t at = w->coded ? ((const uint32_t *)words)[mid] >> 4
                              : ((const cf_value_word *)words)[mid].at;
        if (at < w->head)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

void cf_words_free(cf_words *w)
{
    cf_csr_free(&w->rows);
    cf_free(w->position);
    cf_free(w->column);
    cf_free(w->words);
    *w = (cf_words){0};
}
