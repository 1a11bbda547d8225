/* What cf_ratings_neighbors will allocate: the formulae of ratings.c, with the
 * sizes of panels taken from the rows that the largest ones are made of. */
#include <math.h>
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "cfmpi/ratings_neighbors.h"
#include "travel.h"
#include "ways.h"

/* Of the places of visitors' lists one in so many is filled. */
#define FOUND_AWAY 3

/* Sizes of a search, in the mean over ranks. */
typedef struct sizes {
    const cf_par *par;
    const cf_csr *rows;
    int64_t count, entries; /* of the rows that are dealt to a rank */
    int64_t of_entry;       /* bytes of one: its column and value or code */
    int64_t k;
    enum cf_way_kind way;
    bool wide; /* some sums of products pass 16 bits */
} sizes;

/* A rank's share of the ratings of the longest rows: from place `skip` on in
 * each rank's rows, about `rows` of each; entries by column when `count` is not
 * NULL. Returns the share of a rank in what was counted. */
static double of_longest(const sizes *s, int64_t skip, int64_t rows,
                         int64_t *entries, int64_t *count)
{
    const cf_csr *a = s->rows;
    int64_t below = cf_rated_least(s->par, a, skip * s->par->size), found = 0;
    int64_t least = cf_rated_least(s->par, a, (skip + rows) * s->par->size);
    *entries = 0;
    for (int64_t i = 0; i < a->n_loc; i++) {
        int64_t length = a->indptr[i + 1] - a->indptr[i];
        if (length < least || (length >= below && below > least))
            continue;
        found++;
        *entries += length;
        for (int64_t e = a->indptr[i]; count != NULL && e < a->indptr[i + 1];
             e++)
            count[a->indices[e]]++;
    }
    if (count != NULL)
        cf_allreduce(s->par, count, a->cols, MPI_INT64_T, MPI_SUM);
    found = CF_MAX(cf_sum_i64(s->par, found), 1);
    double share = (double)rows / (double)found;
    *entries = (int64_t)(share * (double)cf_sum_i64(s->par, *entries));
    return share;
}

static int64_t entries_of_longest(const sizes *s, int64_t rows)
{
    int64_t entries;
    of_longest(s, 0, CF_MIN(rows, s->count), &entries, NULL);
    return entries;
}

/* Of the last panel, which may be a small one, and that before it. */
static int64_t byte_panel(const sizes *s)
{
    int64_t most = 0, entries, skip = 0;
    int64_t *count = cf_alloc(s->rows->cols, sizeof *count, "column counts");
    int64_t rows = s->count > 0 ? (s->count - 1) % CF_BYTE_PANEL + 1 : 0;
    for (int turn = 0; turn < 2 && skip < s->count; turn++) {
        memset(count, 0, (size_t)s->rows->cols * sizeof *count);
        double share = of_longest(s, skip, rows, &entries, count);
        most = CF_MAX(most,
                      cf_byte_panel_needs(count, s->rows->cols, share, rows));
        skip += rows;
        rows = CF_BYTE_PANEL;
    }
    cf_free(count);
    return most;
}

/* What blocks meet in: constants are those of the rooms in coded, moments and
 * sweep; that for wide sums in coded is there, but not touched without need. */
static int64_t rooms(const sizes *s)
{
    if (s->way == CF_WAY_SWEEP) {
        int64_t most = cf_sweep_rows(s->rows->cols, s->count, s->entries);
        return 68 * most + 4 * s->rows->cols + 12 * entries_of_longest(s, most);
    }
    if (s->way == CF_WAY_SCREEN)
        return byte_panel(s) + ((int64_t)(s->wide ? 3 : 1) << 20) +
               6 * entries_of_longest(s, CF_DRIVERS);
    return byte_panel(s) + ((int64_t)9 << 19) +
           4 * entries_of_longest(s, CF_MOMENT_DRIVERS);
}

static int64_t lists(const sizes *s)
{
    return s->count * (12 * (s->k + 1) + 12);
}

static int64_t block(const sizes *s)
{
    return s->count * (int64_t)sizeof(cf_rated_head) + s->entries * s->of_entry;
}

/* Rows are made and dealt out. */
static int64_t dealing(const sizes *s)
{
    bool coded = s->way != CF_WAY_SWEEP;
    int64_t value = coded ? 1 : 8;
    int64_t round = CF_MIN(s->entries, CF_DEAL_ROUND) * 2 * CF_MAX(value, 4);
    int64_t order = coded ? 28 * s->rows->cols : 0;
    int64_t deal =
        value * s->entries + 20 * s->count + CF_MAX(round, 32 * s->count);
    return block(s) + 8 * s->count + CF_MAX(deal, order);
}

/* Blocks go round. */
static int64_t ring(const sizes *s)
{
    int64_t steps = s->par->size / 2, own = 12 * s->count;
    int64_t found = s->count * (s->k + 1) / FOUND_AWAY;
    int64_t away = 2 * 12 * CF_MIN(CF_TRAVEL_ROUND, found);
    int64_t visit = 16 * s->count + lists(s);
    int64_t here = block(s) + own + lists(s) + rooms(s);
    return steps == 0 ? here
                      : here + CF_MIN(steps, 2) * block(s) + visit + away +
                            8 * s->count;
}

/* Lists go to the owners of their rows. */
static int64_t owning(const sizes *s)
{
    int64_t all = s->rows->rows / s->par->size;
    int64_t round = 2 * CF_MIN(CF_DELIVERY_ROUND, 8 * s->k * all);
    return lists(s) + all * (12 * (s->k + 1) + 12) + 28 * all +
           CF_MAX(round, 48 * all);
}

/* Whether two rows, which are not one, have such sums. */
static bool has_wide_sums(const cf_par *par, const cf_csr *a,
                          const uint8_t *code)
{
    int64_t most = 0, wide = 0;
    for (int64_t i = 0; i < a->n_loc; i++)
        most = CF_MAX(most, cf_squared_codes(code + a->indptr[i],
                                             a->indptr[i + 1] - a->indptr[i]));
    most = cf_max_i64(par, most);
    for (int64_t i = 0; i < a->n_loc; i++) {
        int64_t own = cf_squared_codes(code + a->indptr[i],
                                       a->indptr[i + 1] - a->indptr[i]);
        wide += sqrt((double)own * (double)most) >= CF_SUM_MOST - 1;
    }
    return cf_sum_i64(par, wide) > 1;
}

int64_t cf_ratings_needs(const cf_par *par, const cf_compared *compared,
                         int64_t k, const cf_ratings_measure *measure)
{
    const cf_csr *a = compared->rows, *spent = compared->spent;
    cf_codes codes;
    int64_t rated = 0, freed = 0;
    bool empty = cf_definition_of(measure->similarity)->distance;
    for (int64_t i = 0; i < a->n_loc; i++)
        rated += empty || a->indptr[i + 1] > a->indptr[i];
    cf_codes_find(&codes, a, par, measure);
    sizes s = {.par = par,
               .rows = a,
               .count = cf_sum_i64(par, rated) / par->size,
               .entries = a->nnz / par->size,
               .of_entry = codes.code != NULL ? 5 : 12,
               .k = k,
               .way = cf_way_for(measure, codes.code != NULL)};
    s.wide = codes.code != NULL && has_wide_sums(par, a, codes.code);
    cf_free(codes.code);
    if (spent != NULL && spent->indptr != NULL)
        freed = 8 * (spent->n_loc + spent->nnz / par->size);
    return CF_MAX(dealing(&s), CF_MAX(ring(&s), owning(&s)) - freed);
}
