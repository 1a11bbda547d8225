/* Method  Rows asked for stay on their rank; the slabs of all rows go once
 *         round the ring, with their ratings and vectors. A slab is taken in
 *         panels (sweep): of each row asked for with a panel, all sums are made
 *         at once in ascending order of the columns, so that a score has the
 *         same bits as in lists, whoever asks; of vectors, all scores.
 * Cost    For ratings Σ c_j over the ratings of the rows asked for, c_j those
 *         of column j, times the sums; for vectors a product a pair. A turn of
 *         the ring sends 8 bytes a rating, and 4 a component of vectors, P - 1
 *         times n/P rows a rank; so rows should be asked for many at a time.
 *         Memory: two blocks of these, 8 bytes a rating more for the block in
 *         hand and 16 for the rows asked for, a panel, and what values take
 *         from all ratings, 8 bytes a row and a column. */
#include "cfmpi/similarity_rows.h"

#include <math.h>
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "comparable.h"
#include "stand_in.h"
#include "sweep.h"
#include "travel.h"

struct cf_similarity_rows {
    const cf_par *par;
    cf_rows_compared of;
    const cf_definition *is;
    cf_learned learned;
    float *points; /* [own rows x dim], split as the rows, or NULL */
    cf_pairing pairing;
    cf_sweep sweep;
    cf_part entries; /* of the slab of each rank */
    cf_travel travel;
};

/* Rows with their ratings, where these and their vectors lie. */
typedef struct slab {
    int64_t count;
    const cf_gidx *id; /* or NULL: they follow `first` */
    cf_gidx first;
    const int64_t *begin; /* [count + 1] */
    cf_lidx *column;
    float *rating;
    const float *points; /* [count x dim] or NULL */
} slab;

/* ---- what is compared ---- */

/* Own rows' vectors, split as the ratings are. */
static int take_points(cf_similarity_rows *s, const cf_par *par)
{
    const cf_rows_compared *c = &s->of;
    double scale;
    s->points = cf_alloc(c->rows->n_loc * c->dim, sizeof *s->points, "vectors");
    cf_repartition_rows(par, c->points->part, c->points->rows, &c->rows->part,
                        s->points, (size_t)c->dim * sizeof *s->points);
    cf_points own = {&c->rows->part, s->points, c->points->what};
    return cf_make_comparable(par, &own, &own, c->dim, c->by->similarity,
                              &scale);
}

int cf_similarity_rows_begin(cf_similarity_rows **out, const cf_par *par,
                             const cf_rows_compared *compared, double pairs)
{
    int status = CF_OK;
    const cf_csr *a = compared->rows;
    int64_t entries = a->indptr[a->n_loc];
    const cf_compared ratings = {a, compared->columns, compared->of_items,
                                 compared->what, NULL};
    cf_similarity_rows *s = cf_calloc(1, sizeof *s, "similarities");
    s->par = par;
    s->of = *compared;
    s->is = cf_definition_of(compared->by->similarity);
    if (compared->points != NULL)
        CF_TRY(take_points(s, par));
    else
        CF_TRY(cf_stand_in_learn(&s->learned, par, &ratings, compared->by));
    cf_sweep_begin(&s->sweep, &s->pairing, s->of.by, a->cols, a->n_loc,
                   entries);
    cf_part_gather(&s->entries, par, entries);
    s->pairing.total = pairs;
done:
    if (status != CF_OK) {
        cf_similarity_rows_end(s);
        s = NULL;
    }
    *out = s;
    return status;
}

void cf_similarity_rows_end(cf_similarity_rows *s)
{
    if (s == NULL)
        return;
    cf_learned_free(&s->learned);
    cf_free(s->points);
    cf_sweep_end(&s->sweep);
    cf_part_free(&s->entries);
    cf_free(s);
}

/* ---- rows as they are compared ---- */

static void describe(const cf_similarity_rows *s, cf_rated *r, const slab *b,
                     int64_t i)
{
    double squares = 0;
    int64_t count = b->begin[i + 1] - b->begin[i];
    cf_gidx id = b->id != NULL ? b->id[i] : b->first + i;
    r->head[i] = (cf_rated_head){.id = id, .entries = count};
    if (b->points != NULL) {
        const float *x = b->points + i * s->of.dim;
        r->head[i].p = cf_dot(x, x, s->of.dim);
        return;
    }
    double *value = r->value + b->begin[i];
    cf_stand_in_row(value, &s->learned, s->of.by, id, count,
                    b->column + b->begin[i], b->rating + b->begin[i]);
    for (int64_t e = 0; e < count; e++)
        squares += value[e] * value[e];
    s->is->row(s->of.by, squares, (double)count, &r->head[i].p, &r->head[i].q);
}

static void open_slab(const cf_similarity_rows *s, cf_rated *r, const slab *b)
{
    *r = (cf_rated){.count = b->count,
                    .entries = b->begin[b->count],
                    .column = b->column,
                    .rating = b->rating};
    r->head = cf_alloc(b->count, sizeof *r->head, "rows of ratings");
    r->begin = cf_alloc(b->count + 1, sizeof *r->begin, "rows of ratings");
    memcpy(r->begin, b->begin, (size_t)(b->count + 1) * sizeof *r->begin);
    if (b->points == NULL)
        r->value = cf_alloc(r->entries, sizeof *r->value, "rows of ratings");
    for (int64_t i = 0; i < b->count; i++)
        describe(s, r, b, i);
}

static void close_slab(cf_rated *r)
{
    cf_free(r->head);
    cf_free(r->value);
    cf_rated_free(r);
}

/* ---- meeting ---- */

/* What is on one side of all meetings of a turn. */
typedef struct asking {
    const slab *rows;
    cf_rated rated;
    cf_rows_meet_fn *meet;
    void *to;
} asking;

/* Scores of vectors, where a sweep has those of ratings. */
static float *score_points(cf_similarity_rows *s, const asking *a, int64_t i,
                           const slab *block)
{
    int dim = s->of.dim;
    const float *x = a->rows->points + i * dim;
    const float *y = block->points + s->sweep.panel.first * dim;
    for (int64_t j = 0; j < s->sweep.panel.count; j++)
        s->sweep.there[j] =
            cf_score(s->of.by->similarity, x, a->rated.head[i].p, y + j * dim,
                     s->sweep.panel.p[j], dim);
    return s->sweep.there;
}

static void meet_panel(cf_similarity_rows *s, const asking *a,
                       const slab *block)
{
    const cf_panel *p = &s->sweep.panel;
    const cf_rows_here here = {p->count, block->first + p->first, p->begin,
                               p->row, p->rating};
    for (int64_t i = 0; i < a->rated.count; i++) {
        float *score = block->points != NULL
                           ? score_points(s, a, i, block)
                           : cf_sweep_row(&s->sweep, &a->rated, i);
        cf_gidx self = a->rated.head[i].id - here.first;
        if (self >= 0 && self < here.count)
            score[self] = NAN;
        a->meet(a->to, i, score, &here);
        cf_pairing_step(&s->pairing, here.count);
    }
}

static void meet_block(cf_similarity_rows *s, const asking *a,
                       const slab *block)
{
    cf_rated r;
    if (a->rated.count == 0)
        return;
    open_slab(s, &r, block);
    for (int64_t first = 0; first < r.count; first += s->sweep.most) {
        cf_sweep_panel(&s->sweep, &r, first,
                       CF_MIN(first + s->sweep.most, r.count));
        meet_panel(s, a, block);
    }
    close_slab(&r);
}

/* ---- the ring ---- */

/* Of a slab on its way: where rows begin, columns, ratings, vectors. */
static int64_t bytes_of(const cf_similarity_rows *s, int64_t rows,
                        int64_t entries)
{
    int64_t dim = s->points != NULL ? s->of.dim : 0;
    return (rows + 1) * (int64_t)sizeof(int64_t) +
           entries * (int64_t)(sizeof(cf_lidx) + sizeof(float)) +
           rows * dim * (int64_t)sizeof(float);
}

static slab own_slab(const cf_similarity_rows *s)
{
    const cf_csr *a = s->of.rows;
    return (slab){.count = a->n_loc,
                  .first = a->part.begin[s->par->rank],
                  .begin = a->indptr,
                  .column = a->indices,
                  .rating = a->values,
                  .points = s->points};
}

/* The slab of rank `from` at a place in memory. */
static slab slab_at(const cf_similarity_rows *s, char *at, int from)
{
    int64_t count = cf_part_count(&s->of.rows->part, from);
    int64_t entries = cf_part_count(&s->entries, from);
    slab b = {.count = count, .first = s->of.rows->part.begin[from]};
    b.begin = (int64_t *)(void *)at;
    b.column = (cf_lidx *)(void *)(b.begin + count + 1);
    b.rating = (float *)(void *)(b.column + entries);
    b.points = s->points != NULL ? b.rating + entries : NULL;
    return b;
}

static void pack(const cf_similarity_rows *s, char *at)
{
    slab own = own_slab(s), to = slab_at(s, at, s->par->rank);
    size_t entries = (size_t)own.begin[own.count], rows = (size_t)own.count;
    memcpy(at, own.begin, (rows + 1) * sizeof *own.begin);
    memcpy(to.column, own.column, entries * sizeof *own.column);
    memcpy(to.rating, own.rating, entries * sizeof *own.rating);
    if (own.points != NULL)
        memcpy(to.rating + entries, own.points,
               rows * (size_t)s->of.dim * sizeof *own.points);
}

static void go_round(cf_similarity_rows *s, const asking *a)
{
    const cf_par *par = s->par;
    slab own = own_slab(s);
    char *room;
    cf_travel_begin(&s->travel, par,
                    bytes_of(s, own.count, own.begin[own.count]), 2);
    room = cf_travel_room(&s->travel);
    if (par->size > 1)
        pack(s, room);
    for (int step = 0; step < par->size; step++) {
        slab block = own;
        bool more = step + 1 < par->size;
        if (step > 0)
            block = slab_at(s, cf_travel_block(&s->travel, step),
                            (par->rank + step) % par->size);
        if (more)
            cf_travel_turn(&s->travel, &s->pairing.ring, room, step);
        meet_block(s, a, &block);
        if (more)
            cf_ring_end(&s->pairing.ring);
    }
    cf_travel_end(&s->travel);
}

/* ---- rows asked for ---- */

/* Vectors of rows of any rank, [count x dim]; the caller frees them. */
static float *fetch_points(const cf_similarity_rows *s, const cf_gidx *asked,
                           int64_t count)
{
    const cf_par *par = s->par;
    const cf_part *part = &s->of.rows->part;
    size_t width = (size_t)s->of.dim;
    int64_t *to = cf_calloc(2 * (int64_t)par->size, sizeof *to, "requests");
    int64_t *from = to + par->size, arrived = 0;
    for (int64_t i = 0; i < count; i++)
        to[cf_part_owner(part, asked[i])]++;
    cf_alltoall_counts(par, to, from);
    for (int r = 0; r < par->size; r++)
        arrived += from[r];
    cf_gidx *rows = cf_alloc(arrived, sizeof *rows, "requests");
    cf_alltoallv(par, asked, to, rows, from, sizeof *rows);
    float *send = cf_alloc(arrived * s->of.dim, sizeof *send, "vectors");
    float *got = cf_alloc(count * s->of.dim, sizeof *got, "vectors");
    for (int64_t i = 0; i < arrived; i++)
        memcpy(send + (size_t)i * width,
               s->points + (size_t)(rows[i] - part->begin[par->rank]) * width,
               width * sizeof *send);
    cf_alltoallv(par, send, from, got, to, width * sizeof *send);
    cf_free(send);
    cf_free(rows);
    cf_free(to);
    return got;
}

void cf_similarity_rows_meet(cf_similarity_rows *s, const cf_gidx *asked,
                             int64_t count, cf_rows_meet_fn *meet, void *to)
{
    cf_csr_copy copy = {0};
    float *points = NULL;
    cf_csr_fetch(&copy, s->of.rows, s->par, asked, count);
    if (s->points != NULL)
        points = fetch_points(s, asked, count);
    const slab rows = {.count = count,
                       .id = asked,
                       .begin = copy.indptr,
                       .column = copy.indices,
                       .rating = copy.values,
                       .points = points};
    asking a = {.rows = &rows, .meet = meet, .to = to};
    open_slab(s, &a.rated, &rows);
    go_round(s, &a);
    close_slab(&a.rated);
    cf_csr_copy_free(&copy);
    cf_free(points);
}
