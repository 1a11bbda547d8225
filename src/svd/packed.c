/* Method  Items are numbered by popularity, so that the rows of a block that
 *         are used most lie together in the cache. Going through a tile of
 *         rows, A x gathers row by row; Aᵀ y then takes the tile's ratings of
 *         popular items item by item, with the sum of an item in registers,
 *         where a scatter by rows would read and write it for each rating.
 *         Only items with several ratings in a usual tile are grouped.
 * Memory  With few values a rating's words need no more room than its column
 *         and its value, and take their place until the end.
 * Cost    Four passes over the entries, popularity among them, and one at the
 *         end. */
#include "packed.h"

#include <math.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "cfmpi/popularity.h"
#include "cfmpi/value_codes.h"

#define GROUPED_FROM 4 /* ratings in a tile that make grouping worth while */

/* ---- values ---- */

/* Whether the values can be coded. */
static void code_values(cf_packed *p, const cf_csr *a, cf_value_codes *c)
{
    unsigned code = 0;
    for (int64_t e = 0; e < a->indptr[a->n_loc] && code < CF_CODES; e++)
        code = cf_value_code(c, a->values[e]);
    p->coded = code < CF_CODES && a->cols < (cf_gidx)1 << 28;
    for (int k = 0; k < c->count; k++)
        p->values[k] = cf_code_value(c, k);
}

static float largest_size(const float *x, int64_t n)
{
    float most = 0;
    for (int64_t e = 0; e < n; e++)
        most = fabsf(x[e]) > most ? fabsf(x[e]) : most;
    return most;
}

static void scale_values(cf_packed *p, const cf_csr *a, const cf_par *par)
{
    float most = p->coded ? largest_size(p->values, CF_CODES)
                          : largest_size(a->values, a->indptr[a->n_loc]);
    MPI_Allreduce(MPI_IN_PLACE, &most, 1, MPI_FLOAT, MPI_MAX, par->comm);
    if (most > 0 && isfinite(most))
        frexpf(most, &p->exponent);
    for (int k = 0; k < CF_CODES; k++) {
        p->table_single[k] = ldexpf(p->values[k], -p->exponent);
        p->table_double[k] = (double)p->table_single[k];
    }
}

/* ---- entries ---- */

/* Coded words take the place of the matrix's own numbers. */
static void borrow(cf_packed *p, cf_csr *a)
{
    p->lender = a;
    p->words = a->indices;
    p->room = a->values;
    a->indices = NULL;
    a->values = NULL;
}

static void give_back(cf_packed *p)
{
    const uint32_t *words = p->words;
    cf_lidx *indices = p->words, *item;
    float *values = p->room;
    item = cf_alloc(p->cols, sizeof *item, "item positions");
    for (int64_t j = 0; j < p->cols; j++)
        item[p->position[j]] = (cf_lidx)j;
    for (int64_t e = 0; e < p->indptr[p->rows]; e++) {
        uint32_t word = words[e];
        values[e] = p->values[word & 15];
        indices[e] = item[word >> 4];
    }
    cf_free(item);
    p->lender->indices = indices;
    p->lender->values = values;
}

static inline int64_t position_of(const cf_packed *p, int64_t e)
{
    return p->coded ? ((const uint32_t *)p->words)[e] >> 4
                    : ((const cf_plain_word *)p->words)[e].at;
}

/* Which items are grouped. */
static void choose_groups(cf_packed *p, const cf_par *par)
{
    int64_t rows = cf_sum_i64(par, p->rows);
    while (p->grouped < p->cols &&
           (double)p->count[p->grouped] * CF_TILE >=
               (double)GROUPED_FROM * (double)CF_MAX(rows, CF_TILE))
        p->grouped++;
    p->rest_begin = cf_alloc(p->rows + 1, sizeof(int64_t), "packed rows");
    p->group_begin = cf_alloc(p->tiles, sizeof(int64_t), "packed tiles");
    p->runs = cf_calloc(p->tiles * p->grouped, sizeof *p->runs, "packed tiles");
}

static void pack_row(cf_packed *p, const cf_lidx *indices, const float *values,
                     int64_t i, cf_value_codes *c)
{
    uint16_t *runs = p->runs + i / CF_TILE * p->grouped;
    int64_t rest = p->rest_begin[i];
    for (int64_t e = p->indptr[i]; e < p->indptr[i + 1]; e++) {
        uint32_t at = (uint32_t)p->position[indices[e]];
        if (p->coded)
            ((uint32_t *)p->words)[e] = at << 4 | cf_value_code(c, values[e]);
        else
            ((cf_plain_word *)p->words)[e] =
                (cf_plain_word){at, ldexpf(values[e], -p->exponent)};
        if (at < p->grouped)
            runs[at]++;
        else
            rest++;
    }
    p->rest_begin[i + 1] = rest;
}

/* The words of all rows, how many ratings each grouped item has in every tile,
 * and where the rest of every row begins. */
static void pack_rows(cf_packed *p, cf_csr *a, bool in_place, cf_value_codes *c)
{
    const cf_lidx *indices = a->indices;
    const float *values = a->values;
    if (p->coded && in_place)
        borrow(p, a);
    else
        p->words = cf_alloc(a->indptr[a->n_loc], p->row_word, "packed ratings");
    p->rest_begin[0] = 0;
    for (int64_t i = 0; i < p->rows; i++) {
        if (i % CF_TILE == 0)
            p->group_begin[i / CF_TILE] = p->indptr[i] - p->rest_begin[i];
        pack_row(p, indices, values, i, c);
    }
}

/* next [grouped] is room. */
static void group_tile(cf_packed *p, int64_t tile, int64_t *next)
{
    const uint16_t *runs = p->runs + tile * p->grouped;
    int64_t begin = tile * CF_TILE;
    uint16_t *codes = (uint16_t *)p->groups + p->group_begin[tile];
    cf_plain_word *plain = (cf_plain_word *)p->groups + p->group_begin[tile];
    int64_t at = 0;
    for (int64_t j = 0; j < p->grouped; at += runs[j++])
        next[j] = at;
    for (int64_t i = begin; i < CF_MIN(begin + CF_TILE, p->rows); i++) {
        int64_t rest = p->rest_begin[i];
        uint32_t user = (uint32_t)(i - begin);
        for (int64_t e = p->indptr[i]; e < p->indptr[i + 1]; e++) {
            int64_t j = position_of(p, e);
            if (p->coded) {
                uint32_t word = ((const uint32_t *)p->words)[e];
                if (j < p->grouped)
                    codes[next[j]++] = (uint16_t)(user << 4 | (word & 15));
                else
                    ((uint32_t *)p->rest)[rest++] = word;
            } else {
                cf_plain_word word = ((const cf_plain_word *)p->words)[e];
                if (j < p->grouped)
                    plain[next[j]++] = (cf_plain_word){user, word.value};
                else
                    ((cf_plain_word *)p->rest)[rest++] = word;
            }
        }
    }
}

static void pack_groups(cf_packed *p)
{
    int64_t rest = p->rest_begin[p->rows];
    int64_t grouped = p->indptr[p->rows] - rest;
    size_t group_word = p->coded ? sizeof(uint16_t) : sizeof(cf_plain_word);
    if (p->lender == NULL)
        p->room = cf_alloc(rest * (int64_t)p->row_word +
                               grouped * (int64_t)group_word,
                           1, "packed ratings");
    p->rest = p->room;
    p->groups = (char *)p->room + rest * (int64_t)p->row_word;
    int64_t *next = cf_alloc(p->grouped, sizeof *next, "packed items");
    for (int64_t t = 0; t < p->tiles; t++)
        group_tile(p, t, next);
    cf_free(next);
}

void cf_packed_begin(cf_packed *p, cf_csr *a, const cf_par *par, bool in_place)
{
    cf_value_codes c = {0};
    *p = (cf_packed){.rows = a->n_loc,
                     .cols = a->cols,
                     .tiles = (a->n_loc + CF_TILE - 1) / CF_TILE,
                     .indptr = a->indptr};
    p->position = cf_alloc(a->cols, sizeof *p->position, "item positions");
    p->count = cf_alloc(a->cols, sizeof *p->count, "item counts");
    cf_csr_popularity(a, par, p->position, p->count);
    code_values(p, a, &c);
    scale_values(p, a, par);
    p->row_word = p->coded ? sizeof(uint32_t) : sizeof(cf_plain_word);
    choose_groups(p, par);
    pack_rows(p, a, in_place, &c);
    pack_groups(p);
}

void cf_packed_end(cf_packed *p)
{
    if (p->lender != NULL) {
        give_back(p);
    } else {
        cf_free(p->words);
        cf_free(p->room);
    }
    cf_free(p->position);
    cf_free(p->count);
    cf_free(p->rest_begin);
    cf_free(p->group_begin);
    cf_free(p->runs);
    *p = (cf_packed){0};
}
