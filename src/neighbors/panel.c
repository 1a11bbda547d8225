#include "panel.h"

#include <math.h>
#include <string.h>

#include "cfmpi/memory.h"

/* Columns rated by this share of a panel's rows lie in bytes. */
#define DENSE 0.04
#define HEAD_MOST (CF_BANDS_MOST * BAND)
#define BAND 1536 /* columns whose bytes of a block stay in the cache */

#define FOUR 4 /* entries of a list are a multiple of this */

void cf_byte_panel_begin(cf_byte_panel *p, cf_gidx columns, int group)
{
    *p = (cf_byte_panel){.columns = columns, .group = group};
    p->begin = cf_alloc(columns + 1, sizeof *p->begin, "panel of ratings");
}

void cf_byte_panel_end(cf_byte_panel *p)
{
    cf_free(p->begin);
    cf_free(p->bytes);
    cf_free(p->list);
    *p = (cf_byte_panel){0};
}

int64_t cf_byte_panel_needs(const int64_t *count, cf_gidx columns, double share,
                            int64_t rows)
{
    double lists = 0;
    int64_t head = 0, blocks = (rows + CF_BLOCK - 1) / CF_BLOCK;
    for (cf_gidx c = 0; c < columns; c++) {
        double entries = share * (double)count[c];
        if (entries >= DENSE * (double)rows && head < HEAD_MOST)
            head++;
        else
            lists += entries + fmin((FOUR - 1) * entries, 0.5 * (FOUR - 1));
    }
    return blocks * (head + 1) * CF_BLOCK +
           (int64_t)(lists * sizeof(uint16_t)) +
           2 * columns * (int64_t)sizeof(int32_t);
}

/* begin[c + 1] = ratings of column c; the head are the leading columns, as
 * columns are numbered by their ratings, the most rated first. */
static void count_columns(cf_byte_panel *p, const cf_rated *r)
{
    int64_t from = r->begin[p->first], to = r->begin[p->first + p->count];
    memset(p->begin, 0, (size_t)(p->columns + 1) * sizeof *p->begin);
    for (int64_t e = from; e < to; e++)
        p->begin[r->column[e] + 1]++;
    p->head = 0;
    for (cf_gidx c = 0; c < p->columns && p->head < HEAD_MOST; c++)
        p->head += p->begin[c + 1] >= DENSE * (double)p->count;
    p->bands = p->head > CF_BAND_MOST ? (p->head + BAND - 1) / BAND : 1;
}

/* Turns counts into begins of lists, which are padded; returns their room. */
static int64_t place_lists(cf_byte_panel *p)
{
    int64_t at = 0;
    for (cf_gidx c = 0; c < p->columns; c++) {
        int64_t count = c < p->head ? 0 : p->begin[c + 1];
        p->begin[c + 1] = (int32_t)(at + (count + FOUR - 1) / FOUR * FOUR);
        at = p->begin[c + 1];
    }
    return at;
}

static void make_room(cf_byte_panel *p, int64_t lists)
{
    int64_t bytes = cf_byte_panel_blocks(p) * (p->head + 1) * CF_BLOCK;
    CF_ASSERT(lists <= INT32_MAX);
    if (lists > p->lists || p->list == NULL) {
        cf_free(p->list);
        p->list = cf_alloc(lists, sizeof *p->list, "panel of ratings");
        p->lists = lists;
    }
    if (bytes > p->room) {
        cf_free(p->bytes);
        p->bytes = cf_alloc(bytes, 1, "panel of ratings");
        p->room = bytes;
    }
    memset(p->list, 0, (size_t)lists * sizeof *p->list);
    memset(p->bytes, 0, (size_t)bytes);
}

int64_t cf_entry_from(const cf_rated *r, int64_t i, int column)
{
    return cf_column_from(r->column, r->begin[i], r->begin[i + 1], column);
}

int64_t cf_squared_codes(const uint8_t *code, int64_t count)
{
    int64_t sum = 0;
    for (int64_t e = 0; e < count; e++)
        sum += code[e] * code[e];
    return sum;
}

void cf_byte_panel_make(cf_byte_panel *p, const cf_rated *r, int64_t first,
                        int64_t last)
{
    p->first = first;
    p->count = last - first;
    count_columns(p, r);
    make_room(p, place_lists(p));
    int32_t *next = cf_alloc(p->columns, sizeof *next, "panel of ratings");
    memcpy(next, p->begin, (size_t)p->columns * sizeof *next);
    p->rest = 0;
    for (int64_t j = 0; j < p->count; j++) {
        int64_t block = j / CF_BLOCK * (p->head + 1) * CF_BLOCK;
        uint8_t *row =
            p->bytes + block + cf_code_place((int)(j % CF_BLOCK), p->group);
        int64_t middle = cf_entry_from(r, first + j, p->head),
                end = r->begin[first + j + 1];
        for (int64_t e = r->begin[first + j]; e < middle; e++)
            row[(int64_t)r->column[e] * CF_BLOCK] = r->code[e];
        for (int64_t e = middle; e < end; e++)
            p->list[next[r->column[e]]++] =
                (uint16_t)(j << CF_LIST_BITS | r->code[e]);
        p->rest =
            CF_MAX(p->rest, cf_squared_codes(r->code + middle, end - middle));
    }
    cf_free(next);
}
