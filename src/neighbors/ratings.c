/* Method  Rows are dealt out so that every rank has short and long ones alike
 *         (rated). Blocks then go round a ring of ranks for half a turn, as
 *         those of embeddings do (neighbors). Of a pair the shorter row drives:
 *         own rows drive the visitors' panels, and visitors own panels; where
 *         two ranks meet in the last step and share it, each does the first of
 *         the two. There are three ways to meet, which find the same lists: in
 *         float64 (sweep); where ratings are small whole numbers times one
 *         step, by integer sums (moments); and where then only Σxy is asked
 *         for, by products that are screened (coded). Float64 sums of such
 *         products are exact, so that all have the same sums. For the screen,
 *         floors begin at what a sample of own rows gives.
 * Cost    As many multiplications as all pairs have columns in common, that is
 *         Σ c²/2 for columns of c ratings, times the sums; dealing in order of
 *         size gives every rank about the same share. Bytes sent by a rank,
 *         with m = n/P rows of e ratings, b = 12 bytes each or 5 of codes: b e
 *         + 32 m to deal, P/2 times as much for blocks, lists as in neighbors.
 * Memory  The largest of, in bytes a rank beside the ratings as given, with
 *         C columns, B = 32 m + b e for a block, L = 12 m (k + 2) for lists:
 *         - dealing: B + 28 m + b' e and the larger of 32 m and what is on its
 *           way (6 MB); b' is 1 for codes, 8 for values; then 28 C;
 *         - ring: B + 12 m + L + R for own rows and what blocks meet in; with
 *           several ranks B for each of P/2 steps, 2 at most, L + 24 m for
 *           visitors, and their lists on their way, 6 MB or a third of 2 L;
 *         - owners: 2 L + 28 m and the larger of 48 m and 8 MB.
 *         R is, with E(r) the ratings of the longest r rows of a rank:
 *         - sweep: 68 s + 12 E(s) + 4 C, of s = 2,048 rows or more (sweep.h);
 *         - screen: 1 MB, or 3 where sums pass 16 bits, + 6 E(256) + a panel;
 *           moments: 4.5 MB + 4 E(64) + one;
 *         - a panel of 2,048 rows: 2 KiB for each column that 4 % of the
 *           longest rows have rated (panel.h), 2 bytes a rating in others, 8 C.
 *         A matrix that is not needed any more is freed after dealing.
 * Libraries and pages that are not filled add 5 MB, and 0.1 MB for each rank of
 *         the node. cf_ratings_needs() has these formulae. */
#include "cfmpi/ratings_neighbors.h"

#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "edges.h"
#include "travel.h"
#include "ways.h"

/* Own rows for the ring, with codes where they will do. */
static int make_rows(cf_rated *own, const cf_par *par, const cf_compared *c,
                     const cf_ratings_measure *by, cf_codes *codes)
{
    int status = CF_OK;
    const cf_csr *a = c->rows;
    double *values = NULL;
    cf_learned learned = {0};
    cf_codes_find(codes, a, par, by);
    if (codes->code == NULL) {
        values =
            cf_alloc(a->indptr[a->n_loc], sizeof *values, "ratings to compare");
        CF_TRY(cf_stand_in(values, &learned, par, c, by));
    }
    cf_rated_deal(own, par, a, values, codes->code,
                  cf_definition_of(by->similarity)->distance);
    cf_free(codes->code);
    cf_free(values);
    codes->code = NULL;
    values = NULL;
    if (own->code != NULL) {
        cf_lidx *number = cf_most_rated_first(par, a, a->cols);
        cf_rated_renumber(own, number, a->cols);
        cf_free(number);
    }
    if (c->spent != NULL)
        cf_csr_free(c->spent);
    cf_rated_describe(own, by, codes->step);
done:
    cf_learned_free(&learned);
    cf_free(values);
    return status;
}

/* ---- the ring ---- */

/* What each rank's block holds. */
typedef struct loads {
    cf_part rows, entries;
} loads;

/* One row of so many is in the sample of them all. */
#define SAMPLE 160

/* The scores that own rows' lists will end with at least, [own rows], or NULL:
 * those that would end lists made of a sample of own rows. */
static float *seeds(cf_way *w, cf_raters *own, int64_t k)
{
    cf_raters sample = {0};
    int64_t rows = own->rows.count;
    if (w->kind != CF_WAY_SCREEN || rows / SAMPLE <= 2 * k)
        return NULL;
    cf_rated_sample(&sample.rows, &own->rows, SAMPLE);
    cf_raters_begin(&sample, 0, NULL);
    cf_way_meet(w, &sample, own, false);
    cf_way_meet(w, own, &sample, true);
    float *floor = cf_alloc(rows, sizeof *floor, "list floors");
    memcpy(floor, own->floor, (size_t)rows * sizeof *floor);
    cf_raters_free(&sample);
    return floor;
}

/* Empty lists for own rows, and what a score must reach to be in them. */
static void begin_own(cf_way *w, cf_raters *own, int64_t k,
                      const cf_ratings_measure *by)
{
    float *floor = cf_list_bounds(own->rows.count, by);
    cf_raters_begin(own, k, floor);
    cf_free(floor);
    floor = own->join == NULL ? seeds(w, own, k) : NULL;
    if (floor != NULL)
        cf_raters_begin(own, k, floor);
    cf_free(floor);
}

static void visit(cf_way *w, const cf_par *par, const cf_travel *c,
                  const loads *l, cf_raters *own, cf_raters *other, int step)
{
    int from = (par->rank + step) % par->size;
    int64_t count = cf_part_count(&l->rows, from);
    float *floor = cf_alloc(count, sizeof *floor, "list floors");
    cf_travel_swap(par, par->size - step, own->floor, own->rows.count, floor,
                   count, sizeof *floor);
    cf_rated_open(&other->rows, &own->rows, cf_travel_block(c, step), count,
                  cf_part_count(&l->entries, from));
    cf_raters_begin(other, own->lists.k, floor);
    other->join = own->join;
    cf_free(floor);
    bool shared = 2 * step == par->size, upper = par->rank >= step;
    cf_way_meet(w, other, own, shared && upper);
    if (!shared)
        cf_way_meet(w, own, other, true);
}

static void go_round(cf_way *w, const cf_par *par, cf_raters *own)
{
    cf_travel c;
    loads l = {{0}, {0}};
    cf_raters other = {0};
    int steps = par->size / 2;
    cf_part_gather(&l.rows, par, own->rows.count);
    cf_part_gather(&l.entries, par, own->rows.entries);
    cf_travel_begin(&c, par, cf_rated_bytes(&own->rows), CF_MIN(steps, 2));
    for (int step = 0; step <= steps; step++) {
        if (step < steps)
            cf_travel_turn(&c, &w->pairing.ring, own->rows.block, step);
        if (step == 0)
            cf_way_meet(w, own, own, false);
        else
            visit(w, par, &c, &l, own, &other, step);
        if (step < steps)
            cf_ring_end(&w->pairing.ring);
        if (step > 0)
            cf_raters_send_home(par, step, &other, own);
        cf_raters_free(&other);
    }
    cf_travel_end(&c);
    cf_part_free(&l.rows);
    cf_part_free(&l.entries);
}

/* ---- all of it ---- */

/* Lists of k, or all that reach the bound to `join`. */
static int find(cf_neighbors *out, const cf_par *par,
                const cf_compared *compared, int64_t k, cf_join *join,
                const cf_ratings_measure *measure)
{
    int status = CF_OK;
    cf_gidx n = compared->rows->rows, columns = compared->rows->cols;
    cf_raters own = {.join = join};
    cf_codes codes = {0};
    cf_way w = {.kernel = NULL};
    cf_neighbors_free(out);
    CF_TRY(make_rows(&own.rows, par, compared, measure, &codes));
    cf_way_begin(&w, measure, columns, &codes, &own.rows);
    w.pairing.total = 0.5 * (double)own.rows.count * (double)n;
    begin_own(&w, &own, k, measure);
    go_round(&w, par, &own);
    cf_way_end(&w);
    cf_part_even(&out->part, n, par->size);
    cf_origin origin = {&out->part, cf_part_count(&out->part, par->rank), NULL};
    if (join == NULL)
        cf_raters_deliver(out, par, &origin, &own, 0, measure->similarity);
    out->kernel = w.kernel;
    out->pairs = n * (n - 1);
    out->skipped = out->pairs - 2 * cf_sum_i64(par, w.pairing.scored);
done:
    cf_way_end(&w);
    cf_raters_free(&own);
    return status;
}

int cf_ratings_neighbors(cf_neighbors *out, const cf_par *par,
                         const cf_compared *compared, int64_t k,
                         const cf_ratings_measure *measure)
{
    return find(out, par, compared, k, NULL, measure);
}

/* The graph is made when the rest has been freed. */
int cf_ratings_join(cf_neighbors *out, cf_graph *graph, const cf_par *par,
                    const cf_compared *compared,
                    const cf_ratings_measure *measure)
{
    cf_join join = {.one_way = cf_similarity_directed(measure->similarity)};
    CF_ASSERT(measure->bounded);
    cf_pairs_begin(&join.pairs);
    int status = find(out, par, compared, 0, &join, measure);
    if (status == CF_OK && join.one_way)
        cf_pairs_to_rows(graph, par, &out->part, &join.pairs, 0);
    else if (status == CF_OK)
        cf_pairs_to_graph(graph, par, &out->part, &join.pairs);
    if (status == CF_OK && cf_definition_of(measure->similarity)->distance)
        cf_graph_drop_signs(graph, par);
    cf_pairs_end(&join.pairs);
    return status;
}
