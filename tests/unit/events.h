/* Ratings that any rank can make and their matrix, with a dense reference to
 * compare it with. */
#ifndef CFMPI_EVENTS_H
#define CFMPI_EVENTS_H

#include "test.h"

/* Entries in no order, many in one place; place after place, in half stars;
 * or so until the second chunk and in no order from then on. */
enum order { RANDOM, ASCENDING, TURNING };

/* A set of events: ratings that are dealt out over the ranks. */
typedef struct events {
    cf_gidx rows, cols;
    int64_t count;
    int spread; /* event e is on a rank below this one */
    bool timed;
    enum order order;
} events;

typedef struct event {
    cf_gidx row, col;
    float value;
    int64_t time;
} event;

/* Now and then so large that the order of a sum is seen in it. */
static inline float nth_value(int64_t e)
{
    int64_t kind = pick(13, e, 8);
    return kind == 0 ? 1e20F : kind == 1 ? -1e20F : (float)noise(13, e);
}

static inline event nth_event(const events *v, int64_t e)
{
    event x = {.time = pick(15, e, INT64_MAX)};
    if (v->order == ASCENDING ||
        (v->order == TURNING && e < CF_ENTRIES_CHUNK + 1000)) {
        x.row = e / v->cols % v->rows;
        x.col = e % v->cols;
        x.value = (float)(pick(16, e, 10) + 1) / 2;
        return x;
    }
    x.row = pick(11, e, v->rows);
    x.row = x.row * x.row / v->rows; /* crowded at the beginning */
    x.col = pick(12, e, v->cols);
    x.value = nth_value(e);
    return x;
}

static inline int owner_of(const events *v, int64_t e)
{
    return (int)pick(14, e, CF_MIN(v->spread, world.size));
}

/* What stands in one place: values in the order that the rule sees. */
typedef struct place {
    int64_t count, first_time, last_time;
    float first, last;
    double sum;
} place;

/* The order of the input is that of the ranks, then that of each. */
static inline place *dense(const events *v)
{
    place *p = cf_calloc(v->rows * v->cols, sizeof *p, "test");
    for (int r = 0; r < CF_MIN(v->spread, world.size); r++)
        for (int64_t e = 0; e < v->count; e++) {
            if (owner_of(v, e) != r)
                continue;
            event x = nth_event(v, e);
            place *at = &p[x.row * v->cols + x.col];
            if (at->count++ == 0) {
                at->first = x.value;
                at->first_time = x.time;
            }
            at->last = x.value;
            at->last_time = x.time;
            at->sum += (double)x.value;
        }
    return p;
}

/* This rank's entries; rows and columns without any are in some table. */
static inline void read_events(cf_entries *in, const events *v)
{
    in->timed = v->timed;
    for (int64_t e = 0; e < v->count; e++) {
        if (owner_of(v, e) != world.rank)
            continue;
        event x = nth_event(v, e);
        int32_t user = cf_dictionary_add_number(&in->users, x.row);
        int32_t item = cf_dictionary_add_number(&in->items, x.col);
        cf_entries_add(in, user, item, x.value, x.time);
    }
    for (cf_gidx i = world.rank; i < v->rows; i += world.size)
        cf_dictionary_add_number(&in->users, i);
    for (cf_gidx j = world.rank; j < v->cols; j += world.size)
        cf_dictionary_add_number(&in->items, j);
}

/* A matrix, and who its rows and columns are. */
typedef struct matrix {
    cf_csr a;
    cf_idmap users, items;
} matrix;

static inline int build(matrix *m, const events *v, enum cf_duplicates rule,
                        int64_t *merged, cf_gidx twice[2])
{
    cf_entries in = {0};
    cf_placement user_at = {0}, item_at = {0};
    *m = (matrix){0};
    read_events(&in, v);
    cf_idmap_build(&m->users, &world, &in.users, &user_at);
    cf_idmap_build(&m->items, &world, &in.items, &item_at);
    cf_numbering n = {&m->users, &user_at, &item_at, v->cols};
    int64_t known = in.users.ids.count;
    int status = cf_csr_build(&m->a, &world, &in, &n, rule, merged, twice);
    CHECK(in.count == 0 && in.chunks == 0 && in.users.ids.count == known);
    cf_entries_free(&in);
    cf_placement_free(&user_at);
    cf_placement_free(&item_at);
    return status;
}

static inline void free_matrix(matrix *m)
{
    cf_csr_free(&m->a);
    cf_csr_free(&m->a);
    cf_idmap_free(&m->users);
    cf_idmap_free(&m->items);
}

static inline float by_rule(const place *p, enum cf_duplicates rule)
{
    switch (rule) {
    case CF_DUP_LAST: return p->last;
    case CF_DUP_MEAN: return (float)(p->sum / (double)p->count);
    case CF_DUP_SUM: return (float)p->sum;
    case CF_DUP_FIRST:
    case CF_DUP_ERROR: break;
    }
    return p->first;
}

static inline bool entry_is(const cf_csr *a, int64_t e, const place *p,
                            enum cf_duplicates rule)
{
    int64_t time = rule == CF_DUP_FIRST ? p->first_time : p->last_time;
    return same_number(a->values[e], by_rule(p, rule)) &&
           (a->time == NULL || a->time[e] == time);
}

static inline void check_rows(const cf_csr *a, const place *p,
                              enum cf_duplicates rule)
{
    cf_gidx begin = a->part.begin[world.rank];
    CHECK(a->n_loc == cf_part_count(&a->part, world.rank) && a->indptr[0] == 0);
    for (int64_t i = 0; i < a->n_loc; i++) {
        int64_t e = a->indptr[i];
        const place *row = p + (begin + i) * a->cols;
        for (cf_gidx j = 0; j < a->cols; j++) {
            if (row[j].count == 0)
                continue;
            bool there = e < a->indptr[i + 1] && a->indices[e] == j;
            CHECK(there);
            if (there)
                CHECK(entry_is(a, e++, &row[j], rule));
        }
        CHECK(e == a->indptr[i + 1]);
    }
}

/* No rank has more than its share and one row. */
static inline void check_balance(const cf_csr *a, int64_t count)
{
    int64_t mine = a->indptr[a->n_loc], longest = 0;
    for (int64_t i = 0; i < a->n_loc; i++)
        longest = CF_MAX(longest, a->indptr[i + 1] - a->indptr[i]);
    longest = cf_max_i64(&world, longest);
    CHECK(a->nnz_begin == cf_exscan_i64(&world, mine));
    CHECK(a->nnz == cf_sum_i64(&world, mine));
    CHECK(cf_max_i64(&world, mine) <= count / world.size + longest + 1);
}

#endif
