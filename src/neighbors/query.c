/* Method  Base rows are dealt out so that like rows lie on one rank, and
 *         queries in the same order. Then either blocks of queries go round
 *         the whole ring of ranks, from which their lists travel back home, or
 *         blocks of base rows, whichever are fewer bytes; what stays has been
 *         coded once. Only lists of queries are kept: floors of +inf keep
 *         those of base rows empty. First floors come from the base rows that
 *         are on the same rank as a query. For a few queries order and codes
 *         would cost more than they save: these go round, and meet base rows
 *         as they are.
 * Cost    q n / P pairs a rank. Bytes sent by a rank for P ranks, q queries and
 *         n base rows: those of the order, (q + n)/P (4 dim + 8); going round,
 *         q (4 dim + 12) and up to 12 q (k + 1), or n (4 dim + 8); 12 k q/P in
 *         the end. Memory: own rows in order, two blocks, codes of own queries
 *         and base rows and of a block (2 dim bytes each), 12 (k + 1) bytes a
 *         query of lists, thrice while they are merged. */
#include <math.h>
#include <string.h>

#include "carousel.h"
#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "cfmpi/neighbors.h"
#include "comparable.h"
#include "delivery.h"
#include "direct.h"
#include "principal.h"
#include "search.h"

/* Both sides of a search on this rank. */
typedef struct sides {
    const cf_par *par;
    cf_measure measure;
    cf_crew crew;
    int64_t k;
    bool queries_move;
    bool direct; /* base rows stay as they are */
    cf_slab queries, base;
    cf_party asking, there; /* own queries and base rows */
    cf_party passing;       /* a block of the side that moves */
    cf_search search;
    cf_direct few;
} sides;

/* Base rows, whose lists nobody asks for. */
static void set_base(sides *s, cf_party *p, const cf_slab *slab)
{
    float *floor = cf_alloc(slab->count, sizeof *floor, "list floors");
    for (int64_t i = 0; i < slab->count; i++)
        floor[i] = INFINITY;
    cf_party_set(p, &s->measure, slab, 0, floor);
    cf_free(floor);
}

static void meet(sides *s, cf_party *queries, cf_party *base)
{
    if (s->direct) {
        cf_direct_meet(&s->few, queries, &s->search.ring);
        return;
    }
    cf_tile_range a = {0, queries->tiles.tiles}, b = {0, base->tiles.tiles};
    cf_search_pairs(&s->search, queries, a, base, b);
}

static void meet_block(sides *s, const cf_carousel *c, int step)
{
    cf_slab block;
    if (s->queries_move) {
        cf_carousel_visit(c, &s->measure, step, &s->asking, s->k, &block,
                          &s->passing);
        meet(s, &s->passing, &s->there);
    } else {
        block = cf_carousel_slab(c, step);
        set_base(s, &s->passing, &block);
        meet(s, &s->asking, &s->passing);
    }
}

/* Returns how many candidates went home from here. */
static int64_t go_round(sides *s)
{
    int64_t travelled = 0;
    cf_carousel c;
    const cf_par *par = s->par;
    const cf_slab *moving = s->queries_move ? &s->queries : &s->base;
    cf_carousel_begin(&c, par, moving, s->measure.dim);
    if (par->size > 1)
        cf_party_begin(&s->passing, &s->measure, cf_part_largest(&c.part));
    for (int step = 0; step < par->size; step++) {
        bool more = step + 1 < par->size;
        if (more)
            cf_carousel_turn(&c, &s->search.ring, moving, step);
        s->search.seeds = step == 0;
        if (step == 0)
            meet(s, &s->asking, &s->there);
        else
            meet_block(s, &c, step);
        if (more)
            cf_ring_end(&s->search.ring);
        if (step > 0 && s->queries_move)
            travelled += cf_carousel_send_home(&s->measure, &s->asking,
                                               &s->passing, par, step);
    }
    cf_carousel_end(&c);
    return travelled;
}

/* The lists of the rows of a slab; returns what go_round does. */
static int64_t find_lists(sides *s, cf_gidx queries, cf_gidx base)
{
    cf_search_begin(&s->search, &s->measure);
    cf_party_begin(&s->asking, &s->measure, s->queries.count);
    cf_party_set(&s->asking, &s->measure, &s->queries, s->k, NULL);
    if (s->direct) {
        cf_direct_begin(&s->few, &s->measure, &s->base, queries);
    } else {
        cf_party_begin(&s->there, &s->measure, s->base.count);
        set_base(s, &s->there, &s->base);
    }
    double row = 4 * s->measure.dim + 8, lists = 12 * ((double)s->k + 1);
    s->queries_move =
        s->direct || (double)queries * (row + 4 + lists) < (double)base * row;
    s->few.total = s->search.total =
        s->queries_move ? (double)queries * (double)s->base.count
                        : (double)s->queries.count * (double)base;
    return go_round(s);
}

static void sides_free(sides *s)
{
    cf_party_end(&s->asking);
    cf_party_end(&s->there);
    cf_party_end(&s->passing);
    cf_search_end(&s->search);
    cf_direct_end(&s->few);
    cf_crew_end(&s->crew);
    cf_slab_free(&s->queries);
    if (!s->direct)
        cf_slab_free(&s->base);
    else
        cf_free(s->base.id);
}

/* Numbers of `count` rows, as given or from `first` on. */
static cf_gidx *number(const cf_gidx *given, cf_gidx first, int64_t count)
{
    cf_gidx *id = cf_alloc(count, sizeof *id, "row numbers");
    for (int64_t i = 0; i < count; i++)
        id[i] = given != NULL ? given[i] : first + i;
    return id;
}

/* Both sides as they stand, for a few queries. */
static void take(sides *s, const cf_points *base, const float *queries,
                 const cf_origin *from)
{
    int rank = s->par->rank, dim = s->measure.dim;
    size_t bytes = (size_t)from->count * (size_t)dim * sizeof *queries;
    int64_t n = cf_part_count(base->part, rank);
    s->base =
        (cf_slab){n, base->rows, number(NULL, base->part->begin[rank], n)};
    s->queries.count = from->count;
    s->queries.id = number(from->number, from->part->begin[rank], from->count);
    s->queries.rows = cf_alloc(from->count * dim, sizeof *queries, "queries");
    if (bytes > 0)
        memcpy(s->queries.rows, queries, bytes);
}

/* Both sides in an order of the base's; gives a rotation, which is freed by the
 * caller. */
static float *arrange(sides *s, const cf_points *base, const float *queries,
                      const cf_origin *from)
{
    cf_tree tree;
    const cf_par *par = s->par;
    cf_measure *u = &s->measure;
    bool cosine = u->similarity == CF_COSINE;
    cf_tree_grow(&tree, par, base->part, base->rows, u->dim, cosine, CF_SIDE);
    cf_tree_deal(&s->base, par, &tree, base->rows, NULL,
                 base->part->begin[par->rank],
                 cf_part_count(base->part, par->rank));
    cf_tree_deal(&s->queries, par, &tree, queries, from->number,
                 from->part->begin[par->rank], from->count);
    cf_tree_free(&tree);
    return cf_principal(par, &s->base, u->dim, CF_SIDE,
                        cosine ? 0 : (float)u->scale);
}

/* Lists of `queries`, [from->count], with the numbers that `from` gives them.
 * Rows are comparable. */
static void search(cf_neighbors *out, sides *s, const cf_points *base,
                   const float *queries, const cf_origin *from)
{
    const cf_par *par = s->par;
    cf_measure *u = &s->measure;
    cf_gidx n = cf_part_rows(base->part);
    float *rotation = NULL;
    cf_part_gather(&out->part, par, from->count);
    cf_gidx asked = cf_part_rows(&out->part);
    s->direct = asked <= cf_direct_most;
    if (s->direct)
        take(s, base, queries, from);
    else
        rotation = arrange(s, base, queries, from);
    u->kernel = cf_screen_kernel_of_cpu();
    u->rotation = rotation;
    cf_crew_alone(&s->crew, par->threads);
    u->crew = &s->crew;
    int64_t travelled = find_lists(s, asked, n);
    if (u->pairs == NULL)
        cf_deliver_lists(out, par, from, &s->queries, &s->asking.lists,
                         u->similarity);
    out->travelled = cf_sum_i64(par, travelled);
    out->kernel = u->kernel->name;
    out->pairs = asked * (n - u->apart);
    out->skipped = out->pairs -
                   cf_sum_i64(par, cf_search_exact(&s->search) + s->few.exact);
    sides_free(s);
    cf_free(rotation);
}

/* What scores must reach, in list terms, and where pairs go in place of lists.
 */
static void set_floor(cf_measure *u, float floor, cf_pairs *pairs)
{
    u->bounded = floor > -INFINITY;
    u->floor = floor;
    u->pairs = pairs;
}

static int query(cf_neighbors *out, const cf_par *par, const cf_points *base,
                 const cf_points *queries, int dim, int64_t k,
                 enum cf_similarity similarity, float floor, cf_pairs *pairs)
{
    int status = CF_OK;
    sides s = {
        .par = par, .measure = {.similarity = similarity, .dim = dim}, .k = k};
    cf_origin from = {queries->part, cf_part_count(queries->part, par->rank),
                      NULL};
    cf_neighbors_free(out);
    set_floor(&s.measure, floor, pairs);
    CF_TRY(cf_make_comparable(par, queries, base, dim, similarity,
                              &s.measure.scale));
    search(out, &s, base, queries->rows, &from);
done:
    return status;
}

static int some(cf_neighbors *out, const cf_par *par, const cf_points *base,
                const cf_gidx *chosen, int64_t count, int dim, int64_t k,
                enum cf_similarity similarity, float floor, cf_pairs *pairs)
{
    int status = CF_OK;
    sides s = {.par = par,
               .measure = {.similarity = similarity, .dim = dim, .apart = true},
               .k = k};
    cf_origin from = {base->part, count, chosen};
    float *rows = NULL;
    cf_neighbors_free(out);
    set_floor(&s.measure, floor, pairs);
    CF_TRY(
        cf_make_comparable(par, base, base, dim, similarity, &s.measure.scale));
    rows = cf_alloc(count * dim, sizeof *rows, "chosen rows");
    for (int64_t i = 0; i < count; i++)
        memcpy(rows + i * dim,
               base->rows + (chosen[i] - base->part->begin[par->rank]) * dim,
               (size_t)dim * sizeof *rows);
    search(out, &s, base, rows, &from);
done:
    cf_free(rows);
    return status;
}

int cf_neighbors_query(cf_neighbors *out, const cf_par *par,
                       const cf_points *base, const cf_points *queries, int dim,
                       int64_t k, enum cf_similarity similarity)
{
    return query(out, par, base, queries, dim, k, similarity, -INFINITY, NULL);
}

int cf_neighbors_query_within(cf_neighbors *out, const cf_par *par,
                              const cf_points *base, const cf_points *queries,
                              int dim, int64_t k, enum cf_similarity similarity,
                              float bound)
{
    return query(out, par, base, queries, dim, k, similarity,
                 cf_floor_of_bound(similarity, bound), NULL);
}

int cf_neighbors_some(cf_neighbors *out, const cf_par *par,
                      const cf_points *base, const cf_gidx *chosen,
                      int64_t count, int dim, int64_t k,
                      enum cf_similarity similarity)
{
    return some(out, par, base, chosen, count, dim, k, similarity, -INFINITY,
                NULL);
}

int cf_neighbors_some_within(cf_neighbors *out, const cf_par *par,
                             const cf_points *base, const cf_gidx *chosen,
                             int64_t count, int dim, int64_t k,
                             enum cf_similarity similarity, float bound)
{
    return some(out, par, base, chosen, count, dim, k, similarity,
                cf_floor_of_bound(similarity, bound), NULL);
}

/* ---- all that reach a bound ---- */

/* Distances as they are. */
static void turn_signs(cf_graph *g, int64_t entries)
{
    for (int64_t e = 0; e < entries; e++)
        g->weight[e] = fabsf(g->weight[e]);
}

int cf_neighbors_query_join(cf_neighbors *out, cf_graph *graph,
                            const cf_par *par, const cf_points *base,
                            const cf_points *queries, int dim,
                            enum cf_similarity similarity, float bound)
{
    cf_pairs pairs;
    cf_pairs_begin(&pairs);
    int status = query(out, par, base, queries, dim, 0, similarity,
                       cf_floor_of_bound(similarity, bound), &pairs);
    if (status == CF_OK)
        cf_pairs_to_rows(graph, par, queries->part, &pairs, 0);
    if (status == CF_OK && similarity == CF_EUCLIDEAN)
        turn_signs(graph,
                   graph->indptr[cf_part_count(&graph->part, par->rank)]);
    cf_pairs_end(&pairs);
    return status;
}

/* Of the rows of a graph those chosen, all others being empty. */
static void keep_chosen(cf_graph *g, const cf_par *par, const cf_gidx *chosen,
                        int64_t count)
{
    int64_t *indptr = cf_alloc(count + 1, sizeof *indptr, "row pointers");
    indptr[0] = 0;
    for (int64_t i = 0; i < count; i++)
        indptr[i + 1] = g->indptr[chosen[i] - g->part.begin[par->rank] + 1];
    cf_free(g->indptr);
    g->indptr = indptr;
    cf_part_free(&g->part);
    cf_part_gather(&g->part, par, count);
}

int cf_neighbors_some_join(cf_neighbors *out, cf_graph *graph,
                           const cf_par *par, const cf_points *base,
                           const cf_gidx *chosen, int64_t count, int dim,
                           enum cf_similarity similarity, float bound)
{
    cf_pairs pairs;
    cf_pairs_begin(&pairs);
    int status = some(out, par, base, chosen, count, dim, 0, similarity,
                      cf_floor_of_bound(similarity, bound), &pairs);
    if (status == CF_OK) {
        cf_pairs_to_rows(graph, par, base->part, &pairs, 0);
        keep_chosen(graph, par, chosen, count);
    }
    if (status == CF_OK && similarity == CF_EUCLIDEAN)
        turn_signs(graph, graph->indptr[count]);
    cf_pairs_end(&pairs);
    return status;
}
