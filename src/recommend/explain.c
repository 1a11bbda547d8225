/* Method  The sums of a single score anew, term by term, in the order in which
 *         cf_recommend takes them.
 * Cost    The ratings or lists of one user's neighbours or items; for products
 *         of vectors all rows of V.
 * References  Herlocker, Konstan, Riedl: Explaining collaborative filtering
 *         recommendations. CSCW 2000. */
#include "cfmpi/explain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "cfmpi/neighbors.h"

/* ---- what is known ---- */

void cf_explanation_part(cf_explanation *e, enum cf_explained_by by,
                         double amount, double share)
{
    CF_ASSERT(e->parts < CF_EXPLAINED_PARTS);
    e->part[e->parts++] = (cf_explained_part){(int)by, amount, share};
}

void cf_explanation_term(cf_explanation *e, const cf_explained_term *term)
{
    if (e->count == e->room) {
        int64_t room = CF_MAX(2 * e->room, 64);
        cf_explained_term *more = cf_alloc(room, sizeof *more, "neighbours");
        if (e->count > 0)
            memcpy(more, e->term, (size_t)e->count * sizeof *more);
        cf_free(e->term);
        e->term = more;
        e->room = room;
    }
    e->term[e->count++] = *term;
}

void cf_explanation_share(cf_explanation *e, const cf_par *par)
{
    int64_t near = cf_max_i64(par, e->near);
    bool of_items = cf_max_i64(par, e->of_items) > 0;
    int root = (int)cf_min_i64(par, e->told ? par->rank : par->size);
    if (root < par->size) {
        cf_explanation all = *e;
        cf_bcast(par, &all, sizeof all, root);
        all.term = e->term;
        if (par->rank != root) {
            cf_free(e->term);
            all.room = all.count;
            all.term = cf_alloc(all.count, sizeof *all.term, "neighbours");
        }
        if (all.count > 0)
            cf_bcast(par, all.term, all.count * (int64_t)sizeof *all.term,
                     root);
        *e = all;
    }
    e->near = near;
    e->of_items = of_items;
}

void cf_explanation_free(cf_explanation *e)
{
    cf_free(e->term);
    *e = (cf_explanation){0};
}

/* ---- one row ---- */

/* Entries of one row, the same on all ranks; freed by the caller. */
typedef struct line {
    int64_t count;
    cf_gidx *index;
    float *score;
} line;

static void line_free(line *l)
{
    cf_free(l->index);
    cf_free(l->score);
}

static line list_of(const cf_par *par, const cf_user_lists *lists, cf_gidx row)
{
    const cf_topk *t = lists->lists;
    int owner = cf_part_owner(lists->part, row);
    int64_t at = row - lists->part->begin[owner];
    line l = {.count = par->rank == owner ? t->count[at] : 0};
    cf_bcast(par, &l.count, sizeof l.count, owner);
    l.index = cf_alloc(l.count, sizeof *l.index, "neighbours");
    l.score = cf_alloc(l.count, sizeof *l.score, "neighbours");
    for (int64_t i = 0; i < l.count && par->rank == owner; i++) {
        l.index[i] = t->index[at * t->stride + i];
        l.score[i] = t->score[at * t->stride + i];
    }
    if (l.count > 0) {
        cf_bcast(par, l.index, l.count * (int64_t)sizeof *l.index, owner);
        cf_bcast(par, l.score, l.count * (int64_t)sizeof *l.score, owner);
    }
    return l;
}

/* The entry of a row in a column; NaN where there is none. */
static float entry(const cf_csr_copy *c, int64_t row, cf_gidx column)
{
    for (int64_t e = c->indptr[row]; e < c->indptr[row + 1]; e++)
        if (c->indices[e] == column)
            return c->values[e];
    return NAN;
}

static int ascending(const void *a, const void *b)
{
    const cf_gidx *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Ratings of `item` by `users`, NaN where there are none; to be freed. */
static float *ratings_by(const cf_par *par, const cf_csr *a,
                         const cf_gidx *users, int64_t count, cf_gidx item)
{
    cf_csr_copy rows = {0};
    cf_gidx *sorted = cf_alloc(count, sizeof *sorted, "neighbours");
    float *rating = cf_alloc(count, sizeof *rating, "ratings");
    if (count > 0)
        memcpy(sorted, users, (size_t)count * sizeof *sorted);
    qsort(sorted, (size_t)count, sizeof *sorted, ascending);
    cf_csr_fetch(&rows, a, par, sorted, count);
    for (int64_t i = 0; i < count; i++) {
        const cf_gidx *at = bsearch(&users[i], sorted, (size_t)count,
                                    sizeof *sorted, ascending);
        rating[i] = entry(&rows, at - sorted, item);
    }
    cf_csr_copy_free(&rows);
    cf_free(sorted);
    return rating;
}

/* ---- sums ---- */

static void share_by_amount(cf_explanation *e, double sum)
{
    for (int64_t i = 0; i < e->count; i++)
        e->term[i].share = e->term[i].amount / sum;
}

static void share_by_similarity(cf_explanation *e, double weight)
{
    for (int64_t i = 0; i < e->count; i++) {
        cf_explained_term *t = &e->term[i];
        t->share = t->similarity / weight;
        t->amount = t->similarity * (double)t->rating / weight;
    }
}

/* Users in the list who rated the item. */
static void by_users(cf_explanation *e, const cf_par *par,
                     const cf_recommend_from *from, const cf_recommend_how *how,
                     cf_gidx user, cf_gidx item)
{
    double sum = 0, weight = 0, of_baseline = how->baseline_weight;
    line l = list_of(par, from->users, user);
    float *rating = ratings_by(par, from->ratings, l.index, l.count, item);
    for (int64_t i = 0; i < l.count; i++) {
        double s = (double)l.score[i], r = (double)rating[i];
        if (!(s > 0) || isnan(rating[i]))
            continue;
        sum += s * r;
        weight += s;
        cf_explanation_term(
            e, &(cf_explained_term){l.index[i], rating[i], s, 0, s * r});
    }
    if (how->score == CF_SCORE_SUM) {
        share_by_amount(e, sum);
        e->value = sum;
    } else if (weight > 0 && of_baseline > 0) {
        const cf_baseline *b = from->baseline;
        double usual = (b->mean + b->user[user]) + b->item[item];
        double all = weight + of_baseline;
        share_by_similarity(e, all);
        cf_explanation_part(e, CF_BY_BASELINE, of_baseline * usual / all,
                            of_baseline / all);
        e->value = (sum + of_baseline * usual) / all;
    } else {
        share_by_similarity(e, weight);
        e->value = sum / weight;
    }
    line_free(&l);
    cf_free(rating);
}

/* Items that the user rated and in whose lists the item is. */
static void by_items(cf_explanation *e, const cf_par *par,
                     const cf_recommend_from *from, cf_gidx user, cf_gidx item)
{
    double sum = 0;
    cf_csr lists = {0};
    cf_csr_copy rated = {0}, near = {0};
    cf_csr_fetch(&rated, from->ratings, par, &user, 1);
    int64_t count = rated.indptr[1];
    cf_gidx *items = cf_alloc(count, sizeof *items, "items");
    for (int64_t i = 0; i < count; i++)
        items[i] = rated.indices[i];
    cf_lists_matrix(&lists, par, from->items);
    cf_csr_fetch(&near, &lists, par, items, count);
    for (int64_t i = 0; i < count; i++) {
        float s = entry(&near, i, item), r = rated.values[i];
        if (isnan(s))
            continue;
        sum += (double)r * (double)s;
        cf_explanation_term(e, &(cf_explained_term){items[i], r, (double)s, 0,
                                                    (double)r * (double)s});
    }
    share_by_amount(e, sum);
    e->value = sum;
    cf_csr_copy_free(&near);
    cf_csr_copy_free(&rated);
    cf_csr_free(&lists);
    cf_free(items);
}

static void by_vectors(cf_explanation *e, const cf_par *par,
                       const cf_recommend_from *from, cf_gidx user,
                       cf_gidx item)
{
    int dim = from->dim;
    const cf_part *users = &from->ratings->part, *items = from->item_part;
    int of_user = cf_part_owner(users, user);
    int of_item = cf_part_owner(items, item);
    float *x = cf_alloc(2 * (int64_t)dim, sizeof *x, "vectors"), *y = x + dim;
    size_t bytes = (size_t)dim * sizeof *x;
    if (par->rank == of_user)
        memcpy(x, from->user_rows + (user - users->begin[of_user]) * dim,
               bytes);
    if (par->rank == of_item)
        memcpy(y, from->item_rows + (item - items->begin[of_item]) * dim,
               bytes);
    cf_bcast(par, x, (int64_t)bytes, of_user);
    cf_bcast(par, y, (int64_t)bytes, of_item);
    e->value = cf_dot(x, y, dim);
    cf_free(x);
}

static void by_popularity(cf_explanation *e, const cf_par *par, const cf_csr *a,
                          cf_gidx item)
{
    int64_t *count = cf_alloc(a->cols, sizeof *count, "ratings of items");
    cf_csr_col_counts(a, par, count);
    e->value = (double)count[item];
    cf_explanation_part(e, CF_BY_POPULARITY, e->value, NAN);
    cf_free(count);
}

void cf_explain_score(cf_explanation *e, const cf_par *par,
                      const cf_recommend_from *from,
                      const cf_recommend_how *how, cf_gidx user, cf_gidx item)
{
    cf_explanation_free(e);
    switch (how->score) {
    case CF_SCORE_MEAN:
    case CF_SCORE_SUM: by_users(e, par, from, how, user, item); break;
    case CF_SCORE_ITEM_SUM:
        e->of_items = true;
        by_items(e, par, from, user, item);
        break;
    case CF_SCORE_PURESVD: by_vectors(e, par, from, user, item); return;
    default: by_popularity(e, par, from->ratings, item); return;
    }
    e->near = e->count;
    if (e->count == 0)
        e->value = NAN;
}

/* ---- products of vectors ---- */

/* V of all items, zeros where σ is. */
static float *all_items(const cf_par *par, const float *v, const cf_part *part,
                        int dim, const double *sigma)
{
    cf_gidx items = cf_part_rows(part);
    float *all = cf_alloc(items * dim, sizeof *all, "item vectors");
    cf_allgather_rows(par, part, v, all, (size_t)dim * sizeof *all);
    for (int k = 0; k < dim; k++)
        for (cf_gidx j = 0; j < items && !(sigma[k] > 0); j++)
            all[j * dim + k] = 0;
    return all;
}

/* The user's ratings as they were decomposed; to be freed. */
static float *decomposed(const cf_csr_copy *rated, const cf_transform *t)
{
    cf_csr row = {.n_loc = 1,
                  .indptr = rated->indptr,
                  .indices = rated->indices,
                  .values = rated->values};
    float *values = cf_alloc(rated->indptr[1], sizeof *values, "ratings");
    if (t != NULL)
        cf_transform_apply(t, &row, values);
    for (int64_t i = 0; i < rated->indptr[1] && t == NULL; i++)
        values[i] = rated->values[i];
    return values;
}

void cf_explain_product(cf_explanation *e, const cf_par *par, const cf_csr *a,
                        const cf_transform *t, const float *v,
                        const cf_part *item_part, int dim, const double *sigma,
                        cf_gidx user, cf_gidx item)
{
    double sum = 0, rest = e->value;
    cf_csr_copy rated = {0};
    float *all = all_items(par, v, item_part, dim, sigma);
    cf_csr_fetch(&rated, a, par, &user, 1);
    float *values = decomposed(&rated, t);
    e->of_items = true;
    for (int64_t i = 0; i < rated.indptr[1]; i++) {
        cf_gidx j = rated.indices[i];
        double s = cf_dot(all + j * dim, all + item * dim, dim);
        double amount = (double)values[i] * s;
        sum += amount;
        cf_explanation_term(
            e, &(cf_explained_term){j, rated.values[i], s, 0, amount});
    }
    share_by_amount(e, sum);
    for (int i = 0; i < e->parts; i++)
        rest -= e->part[i].amount;
    e->near = e->count;
    cf_explanation_part(e, CF_BY_ROUNDING, rest - sum, NAN);
    cf_csr_copy_free(&rated);
    cf_free(values);
    cf_free(all);
}
