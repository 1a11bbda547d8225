/* Method  Rows that ask and base rows are dealt out so that every rank has
 * short and long ones of both alike. Then either blocks of those that ask go
 *         round the whole ring of ranks, from which their lists travel back
 *         home, or blocks of base rows, whichever are fewer bytes. Two blocks
 *         meet as in ratings.c; floors of +inf keep the lists of base rows
 *         empty. Rows of the base that ask are copies of those that were dealt:
 *         they stay where they are, and none is its own neighbour. Rows that
 *         are not of the base are numbered behind it meanwhile.
 * Cost    As many multiplications as those who ask have columns in common with
 *         base rows, times the sums. Bytes sent by a rank, with b and e as
 *         there: b e for each row to deal, then what moves once round the ring,
 *         and with it up to 12 (k + 1) bytes for each list. Memory: both sides'
 *         own ratings and two blocks of what moves, 12 (k + 1) bytes a list,
 *         thrice while they are merged; of a join what cf_pairs has. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "edges.h"
#include "travel.h"
#include "ways.h"

/* Both sides of a search on this rank. */
typedef struct sides {
    const cf_par *par;
    const cf_ratings_measure *by;
    cf_gidx columns; /* of those who ask; the base has the first of them */
    cf_codes codes;  /* what codes are; of them none */
    cf_raters asking, there;
    bool asking_moves;
    cf_way way;
    cf_join join;
} sides;

static bool is_distance(const sides *s)
{
    return cf_definition_of(s->by->similarity)->distance;
}

static void sides_free(sides *s)
{
    cf_way_end(&s->way);
    cf_raters_free(&s->asking);
    cf_raters_free(&s->there);
    cf_pairs_end(&s->join.pairs);
}

/* ---- rows ---- */

/* The values or codes of one side. */
typedef struct material {
    const cf_csr *rows;
    double *values;
    cf_codes codes;
} material;

static void material_free(material *m)
{
    cf_free(m->values);
    cf_free(m->codes.code);
}

/* Codes of another step, as many times smaller. */
static void refine(cf_codes *c, double step, const cf_csr *a)
{
    int times = (int)(c->step / step);
    for (int64_t e = 0; e < a->indptr[a->n_loc]; e++)
        c->code[e] = (uint8_t)(c->code[e] * times);
    c->largest *= times;
    c->step = step;
}

static void drop_codes(material *m)
{
    cf_free(m->codes.code);
    m->codes = (cf_codes){0};
}

/* Codes of one step for both, or none. */
static void find_codes(material *a, material *b, const cf_par *par,
                       const cf_ratings_measure *by)
{
    cf_codes_find(&a->codes, a->rows, par, by);
    cf_codes_find(&b->codes, b->rows, par, by);
    double step = fmin(a->codes.step, b->codes.step);
    int most = cf_codes_most(by);
    if (a->codes.code == NULL || b->codes.code == NULL ||
        a->codes.largest * a->codes.step > most * step ||
        b->codes.largest * b->codes.step > most * step) {
        drop_codes(a);
        drop_codes(b);
        return;
    }
    refine(&a->codes, step, a->rows);
    refine(&b->codes, step, b->rows);
    a->codes.largest = b->codes.largest =
        CF_MAX(a->codes.largest, b->codes.largest);
}

static double *room_for_values(const cf_csr *a)
{
    return cf_alloc(a->indptr[a->n_loc], sizeof(double), "ratings to compare");
}

/* Rows for the ring, once both sides have codes or values. */
static void deal(cf_rated *r, const sides *s, const material *m,
                 const cf_lidx *number)
{
    cf_rated_deal(r, s->par, m->rows, m->values, m->codes.code, is_distance(s));
    if (number != NULL)
        cf_rated_renumber(r, number, s->columns);
    cf_rated_describe(r, s->by, m->codes.step);
}

static cf_lidx *new_numbers(const sides *s, const material *base)
{
    return base->codes.code == NULL
               ? NULL
               : cf_most_rated_first(s->par, base->rows, s->columns);
}

static int make_base(sides *s, const cf_compared *base)
{
    int status = CF_OK;
    cf_learned learned = {0};
    material m = {.rows = base->rows};
    cf_codes_find(&m.codes, base->rows, s->par, s->by);
    if (m.codes.code == NULL) {
        m.values = room_for_values(base->rows);
        CF_TRY(cf_stand_in(m.values, &learned, s->par, base, s->by));
    }
    s->codes = m.codes;
    cf_lidx *number = new_numbers(s, &m);
    deal(&s->there.rows, s, &m, number);
    cf_free(number);
done:
    cf_learned_free(&learned);
    material_free(&m);
    return status;
}

static int make_both(sides *s, const cf_compared *base,
                     const cf_compared *queries)
{
    int status = CF_OK;
    cf_learned learned = {0};
    material b = {.rows = base->rows}, q = {.rows = queries->rows};
    find_codes(&b, &q, s->par, s->by);
    if (b.codes.code == NULL) {
        b.values = room_for_values(b.rows);
        q.values = room_for_values(q.rows);
        CF_TRY(cf_stand_in(b.values, &learned, s->par, base, s->by));
        CF_TRY(cf_stand_in_others(q.values, s->par, &learned, queries,
                                  base->rows->cols, s->by));
    }
    s->codes = b.codes;
    cf_lidx *number = new_numbers(s, &b);
    deal(&s->there.rows, s, &b, number);
    deal(&s->asking.rows, s, &q, number);
    cf_free(number);
    for (int64_t i = 0; i < s->asking.rows.count; i++)
        s->asking.rows.head[i].id += base->rows->rows;
done:
    cf_learned_free(&learned);
    material_free(&b);
    material_free(&q);
    return status;
}

/* ---- the ring ---- */

static void begin_asking(const sides *s, cf_raters *r, const float *floor)
{
    cf_raters_begin(r, s->asking.lists.k, floor);
    r->join = s->asking.join;
}

/* Base rows, whose lists nobody asks for. */
static void begin_there(cf_raters *r)
{
    float *floor = cf_alloc(r->rows.count, sizeof *floor, "list floors");
    for (int64_t i = 0; i < r->rows.count; i++)
        floor[i] = INFINITY;
    cf_raters_begin(r, 0, floor);
    cf_free(floor);
}

/* Every pair of the two once, driven by the shorter row. */
static void meet(sides *s, cf_raters *asking, cf_raters *there)
{
    cf_way_meet(&s->way, there, asking, false);
    cf_way_meet(&s->way, asking, there, true);
}

static void visit(sides *s, const cf_travel *c, const cf_part *rows,
                  const cf_part *entries, int step)
{
    const cf_par *par = s->par;
    cf_raters *own = s->asking_moves ? &s->asking : &s->there, other = {0};
    int from = (par->rank + step) % par->size;
    int64_t count = cf_part_count(rows, from);
    cf_rated_open(&other.rows, &own->rows, cf_travel_block(c, step), count,
                  cf_part_count(entries, from));
    if (s->asking_moves) {
        float *floor = cf_alloc(count, sizeof *floor, "list floors");
        cf_travel_swap(par, par->size - step, own->floor, own->rows.count,
                       floor, count, sizeof *floor);
        begin_asking(s, &other, floor);
        cf_free(floor);
        meet(s, &other, &s->there);
        cf_raters_send_home(par, step, &other, own);
    } else {
        begin_there(&other);
        meet(s, &s->asking, &other);
    }
    cf_raters_free(&other);
}

static void go_round(sides *s)
{
    const cf_par *par = s->par;
    const cf_rated *moving = s->asking_moves ? &s->asking.rows : &s->there.rows;
    cf_travel c;
    cf_part rows = {0}, entries = {0};
    cf_part_gather(&rows, par, moving->count);
    cf_part_gather(&entries, par, moving->entries);
    cf_travel_begin(&c, par, cf_rated_bytes(moving), CF_MIN(par->size - 1, 2));
    for (int step = 0; step < par->size; step++) {
        bool more = step + 1 < par->size;
        if (more)
            cf_travel_turn(&c, &s->way.pairing.ring, moving->block, step);
        if (step == 0)
            meet(s, &s->asking, &s->there);
        else
            visit(s, &c, &rows, &entries, step);
        if (more)
            cf_ring_end(&s->way.pairing.ring);
    }
    cf_travel_end(&c);
    cf_part_free(&rows);
    cf_part_free(&entries);
}

/* Those who ask, or the base: what is fewer bytes, lists included. */
static void choose_mover(sides *s, cf_gidx asking, cf_gidx there)
{
    const cf_par *par = s->par;
    int64_t lists = s->asking.join == NULL
                        ? s->asking.rows.count * 12 * (s->asking.lists.k + 1)
                        : 0;
    int64_t bytes = cf_sum_i64(par, cf_rated_bytes(&s->asking.rows) + lists);
    s->asking_moves = bytes <= cf_sum_i64(par, cf_rated_bytes(&s->there.rows));
    s->way.pairing.total = s->asking_moves
                               ? (double)asking * (double)s->there.rows.count
                               : (double)s->asking.rows.count * (double)there;
}

/* Rows that ask and are base rows have been scored with themselves. */
static int64_t selves(const sides *s)
{
    int64_t count = 0, fewest = s->by->min_overlap;
    for (int64_t i = 0; i < s->asking.rows.count && s->way.kind == CF_WAY_SWEEP;
         i++)
        count += s->asking.rows.head[i].entries >=
                 (is_distance(s) && fewest == 1 ? 0 : fewest);
    return count;
}

/* Lists of k of `asking` rows, or all that reach the bound, among `there`. */
static void search(cf_neighbors *out, sides *s, int64_t k, bool join,
                   cf_gidx asking, cf_gidx there, bool apart)
{
    float *floor = cf_list_bounds(s->asking.rows.count, s->by);
    cf_way_begin(&s->way, s->by, s->columns, &s->codes, &s->there.rows);
    s->join.one_way = true;
    s->asking.join = join ? &s->join : NULL;
    cf_raters_begin(&s->asking, k, floor);
    cf_free(floor);
    begin_there(&s->there);
    choose_mover(s, asking, there);
    go_round(s);
    out->kernel = s->way.kernel;
    out->pairs = asking * (there - apart);
    out->skipped = out->pairs - cf_sum_i64(s->par, s->way.pairing.scored -
                                                       (apart ? selves(s) : 0));
}

/* The graph of all that was found; out->part splits its rows. */
static void make_graph(cf_graph *graph, sides *s, const cf_part *part,
                       cf_gidx first)
{
    cf_raters_free(&s->asking);
    cf_raters_free(&s->there);
    cf_way_end(&s->way);
    cf_pairs_to_rows(graph, s->par, part, &s->join.pairs, first);
    if (is_distance(s))
        cf_graph_drop_signs(graph, s->par);
}

/* ---- those who ask ---- */

int cf_ratings_query(cf_neighbors *out, cf_graph *graph, const cf_par *par,
                     const cf_compared *base, const cf_compared *queries,
                     int64_t k, const cf_ratings_measure *measure)
{
    int status = CF_OK;
    cf_gidx n = base->rows->rows, q = queries->rows->rows;
    sides s = {.par = par, .by = measure, .columns = queries->rows->cols};
    cf_origin from = {&out->part, 0, NULL};
    cf_pairs_begin(&s.join.pairs);
    cf_neighbors_free(out);
    CF_TRY(make_both(&s, base, queries));
    cf_part_even(&out->part, q, par->size);
    from.count = cf_part_count(&out->part, par->rank);
    search(out, &s, k, graph != NULL, q, n, false);
    if (graph != NULL)
        make_graph(graph, &s, &out->part, n);
    else
        cf_raters_deliver(out, par, &from, &s.asking, n, measure->similarity);
done:
    sides_free(&s);
    return status;
}

static bool is_among(const cf_gidx *all, cf_gidx count, cf_gidx row)
{
    return count > 0 && all[cf_edges_place(all, count, row)] == row;
}

/* Those of the own base rows that are among `all`, in the same order. */
static void pick(sides *s, const cf_gidx *all, cf_gidx count)
{
    const cf_rated *from = &s->there.rows;
    int64_t *rows = cf_alloc(from->count, sizeof *rows, "chosen rows"), n = 0;
    for (int64_t i = 0; i < from->count; i++)
        if (is_among(all, count, from->head[i].id))
            rows[n++] = i;
    cf_rated_pick(&s->asking.rows, from, rows, n);
    cf_free(rows);
}

/* Rows of pairs become places among `all`. */
static void find_places(cf_pairs *p, const cf_gidx *all, cf_gidx count)
{
    for (int64_t c = 0; c < p->chunks; c++)
        for (int64_t i = 0; i < p->chunk[c]->count; i++)
            p->chunk[c]->one[i] =
                cf_edges_place(all, count, p->chunk[c]->one[i]);
}

int cf_ratings_some(cf_neighbors *out, cf_graph *graph, const cf_par *par,
                    const cf_compared *base, const cf_gidx *chosen,
                    int64_t count, int64_t k, const cf_ratings_measure *measure)
{
    int status = CF_OK;
    cf_gidx n = base->rows->rows, asked;
    sides s = {.par = par, .by = measure, .columns = base->rows->cols};
    cf_part even = {0};
    cf_origin from = {&even, count, chosen};
    cf_gidx *all = NULL;
    cf_pairs_begin(&s.join.pairs);
    cf_neighbors_free(out);
    CF_TRY(make_base(&s, base));
    cf_part_even(&even, n, par->size);
    cf_part_gather(&out->part, par, count);
    asked = cf_part_rows(&out->part);
    all = cf_alloc(asked, sizeof *all, "chosen rows");
    cf_allgather_rows(par, &out->part, chosen, all, sizeof *all);
    pick(&s, all, asked);
    search(out, &s, k, graph != NULL, asked, n, true);
    find_places(&s.join.pairs, all, asked);
    if (graph != NULL)
        make_graph(graph, &s, &out->part, 0);
    else
        cf_raters_deliver(out, par, &from, &s.asking, 0, measure->similarity);
done:
    cf_part_free(&even);
    cf_free(all);
    sides_free(&s);
    return status;
}
