/* Method  Rules without neighbours are evaluated where the pairs are, from
 *         means and baselines that every rank has. Those over the nearest who
 *         rated are answered where these were found (nearest), all of them from
 *         one sorted list: that of a smaller k is its head. The embedding's
 *         are answered by the rank of the user, from the vectors of all items.
 *         What is left over takes the fallback.
 * Cost    As in the header. */
#include "cfmpi/predict.h"

#include <float.h>
#include <math.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "nearest.h"
#include "route.h"
#include "rules.h"

/* What all rules of a call share. */
typedef struct work {
    const cf_par *par;
    const cf_rule_options *rules;
    int count;
    const cf_predict_from *from;
    const cf_csr *items; /* the transpose, or NULL where nobody needs it */
    cf_csr transpose;    /* ... when it was made here */
    cf_levels levels;
    bool of_items;  /* neighbours */
    float *answers; /* [arrived x count] */
} work;

/* ---- over neighbours ---- */

static cf_gidx user_of(const work *w, cf_gidx row, cf_gidx column)
{
    return w->of_items ? column : row;
}

static cf_gidx item_of(const work *w, cf_gidx row, cf_gidx column)
{
    return w->of_items ? row : column;
}

static double mean_of(const work *w, cf_gidx row)
{
    return w->of_items ? w->levels.item_mean[row] : w->levels.user_mean[row];
}

static double spread_of(const work *w, cf_gidx row)
{
    return w->of_items ? w->levels.item_spread[row]
                       : w->levels.user_spread[row];
}

static double baseline_of(const work *w, cf_gidx row, cf_gidx column)
{
    return cf_rule_fallback(CF_FALLBACK_BASELINE)
        ->level(&w->levels, user_of(w, row, column), item_of(w, row, column));
}

/* A rating of `row` less what is expected of it. */
static double deviation(const work *w, enum cf_less less, cf_gidx row,
                        cf_gidx column, double rating)
{
    switch (less) {
    case CF_LESS_NOTHING: break;
    case CF_LESS_MEAN: return rating - mean_of(w, row);
    case CF_LESS_BASELINE: return rating - baseline_of(w, row, column);
    case CF_LESS_DEVIATION:
        return (rating - mean_of(w, row)) / spread_of(w, row);
    }
    return rating;
}

/* The way back. */
static double rating_at(const work *w, enum cf_less less, const cf_pair *p,
                        double x)
{
    switch (less) {
    case CF_LESS_NOTHING: break;
    case CF_LESS_MEAN: return mean_of(w, p->row) + x;
    case CF_LESS_BASELINE: return baseline_of(w, p->row, p->column) + x;
    case CF_LESS_DEVIATION:
        return mean_of(w, p->row) + spread_of(w, p->row) * x;
    }
    return x;
}

/* What is left of a prediction without neighbours. */
static void tell_level(const work *w, enum cf_rule level, cf_gidx user,
                       cf_gidx item)
{
    cf_explanation *e = w->from->why;
    const cf_levels *l = &w->levels;
    if (level == CF_RULE_USER_MEAN)
        cf_explanation_part(e, CF_BY_USER_MEAN, l->user_mean[user], NAN);
    else if (level == CF_RULE_ITEM_MEAN)
        cf_explanation_part(e, CF_BY_ITEM_MEAN, l->item_mean[item], NAN);
    else
        cf_explanation_part(e, CF_BY_GLOBAL_MEAN, l->mean, NAN);
    if (level == CF_RULE_BASELINE) {
        cf_explanation_part(e, CF_BY_USER_BIAS, l->baseline.user[user], NAN);
        cf_explanation_part(e, CF_BY_ITEM_BIAS, l->baseline.item[item], NAN);
    }
    e->value = cf_rule_row_of(level)->level(l, user, item);
    e->told = true;
}

/* What one over neighbours is made of. */
static void tell_nearest(const work *w, enum cf_less less, const cf_pair *p,
                         const cf_near *near, int64_t count, double weight)
{
    cf_explanation *e = w->from->why;
    double unit = less == CF_LESS_DEVIATION ? spread_of(w, p->row) : 1;
    enum cf_rule level = less == CF_LESS_BASELINE ? CF_RULE_BASELINE
                         : w->of_items            ? CF_RULE_ITEM_MEAN
                                                  : CF_RULE_USER_MEAN;
    if (less != CF_LESS_NOTHING)
        tell_level(w, level, user_of(w, p->row, p->column),
                   item_of(w, p->row, p->column));
    for (int64_t i = 0; i < count; i++) {
        double s = (double)near[i].score;
        double above =
            deviation(w, less, near[i].row, p->column, (double)near[i].rating);
        cf_explanation_term(e, &(cf_explained_term){near[i].row, near[i].rating,
                                                    s, s / weight,
                                                    unit * s * above / weight});
    }
}

static double over_nearest(const work *w, const cf_rule_options *o,
                           const cf_pair *p, const cf_near *near, int64_t count)
{
    enum cf_less less = cf_rule_row_of(o->rule)->less;
    double sum = 0, weight = 0;
    int64_t n = 0;
    for (; n < CF_MIN(count, o->k); n++) {
        double s = (double)near[n].score;
        if (s < o->min_similarity)
            break;
        sum += s * deviation(w, less, near[n].row, p->column,
                             (double)near[n].rating);
        weight += s;
    }
    bool enough = n > 0 && n >= o->min_k;
    double rating = enough ? rating_at(w, less, p, sum / weight) : (double)NAN;
    if (w->from->why != NULL) {
        w->from->why->of_items = w->of_items;
        w->from->why->near = n;
        if (enough)
            tell_nearest(w, less, p, near, n, weight);
        w->from->why->value = rating;
        w->from->why->told = enough;
    }
    return rating;
}

static double clipped(const work *w, const cf_rule_options *o, double rating)
{
    double low = o->low, high = o->high;
    if (o->clip == CF_CLIP_RATINGS) {
        low = w->levels.low;
        high = w->levels.high;
    }
    return o->clip == CF_CLIP_NONE || isnan(rating)
               ? rating
               : fmin(fmax(rating, low), high);
}

static bool is_nearest(const cf_rule_options *o)
{
    return (cf_rule_about(o->rule)->needs & CF_NEEDS_SIMILARITY) != 0;
}

static void answer_pair(void *to, const cf_pair *p, const cf_near *near,
                        int64_t count)
{
    work *w = to;
    for (int r = 0; r < w->count; r++)
        w->answers[p->place * w->count + r] =
            is_nearest(&w->rules[r])
                ? (float)clipped(w, &w->rules[r],
                                 over_nearest(w, &w->rules[r], p, near, count))
                : NAN;
}

/* The smallest float32 from which on some rule has neighbours. */
static float floor_of(double least)
{
    float f = (float)least;
    if ((double)f < least)
        f = nextafterf(f, INFINITY);
    return fmaxf(f, 0x1p-149f);
}

/* Vectors of the side whose neighbours are asked for, as lists have them; the
 * caller frees the rows. */
static cf_points points_of(const work *w)
{
    const cf_embedding *e = w->from->embedding;
    const cf_part *part = w->of_items ? &e->item_part : &e->user_part;
    int64_t n = cf_part_count(part, w->par->rank);
    const float *rows = w->of_items ? e->items : e->users;
    cf_points p = {part, cf_alloc(n * e->dim, sizeof *p.rows, "vectors"),
                   w->of_items ? "/embedding/items" : "/embedding/users"};
    for (int64_t i = 0; i < n * e->dim; i++)
        p.rows[i] = rows[i];
    if (w->of_items)
        cf_embedding_scale_items(p.rows, n, e->dim, e->sigma, e->scale);
    return p;
}

static int by_nearest(work *w, const cf_pairs_asked *pairs, float *back)
{
    int status = CF_OK;
    const cf_predict_from *from = w->from;
    cf_points points = {0};
    cf_route route = {0};
    cf_rows_compared compared = {.rows = w->of_items ? w->items : from->users,
                                 .columns =
                                     w->of_items ? from->users : w->items,
                                 .of_items = w->of_items,
                                 .by = from->by,
                                 .what = from->what};
    cf_nearest n = {.compared = &compared, .k = 1};
    double least = DBL_MAX;
    if (from->embedded) {
        points = points_of(w);
        compared.points = &points;
        compared.dim = from->embedding->dim;
    }
    for (int r = 0; r < w->count; r++)
        if (is_nearest(&w->rules[r])) {
            n.k = CF_MAX(n.k, w->rules[r].k);
            least = fmin(least, w->rules[r].min_similarity);
        }
    n.floor = floor_of(least);
    cf_nearest_route(&route, w->par, &n,
                     w->of_items ? pairs->item : pairs->user,
                     w->of_items ? pairs->user : pairs->item, pairs->count);
    w->answers =
        cf_alloc(route.arrived * w->count, sizeof *w->answers, "predictions");
    CF_TRY(cf_nearest_find(w->par, &n, &route, answer_pair, w));
    cf_route_answer(&route, w->answers, back,
                    (size_t)w->count * sizeof *w->answers);
done:
    cf_free(w->answers);
    cf_free(points.rows);
    cf_route_free(&route);
    return status;
}

/* ---- from the embedding ---- */

/* Vectors of all items, so that a user's times an item's is A's entry. */
static float *all_items(const work *w)
{
    const cf_embedding *e = w->from->embedding;
    int64_t n = cf_part_count(&e->item_part, w->par->rank) * e->dim;
    cf_gidx items = cf_part_rows(&e->item_part);
    float *own = cf_alloc(n, sizeof *own, "item vectors");
    float *all = cf_alloc(items * e->dim, sizeof *all, "item vectors");
    for (int64_t i = 0; i < n; i++)
        own[i] = e->items[i];
    /* The power of Σ that user rows lack. */
    int64_t other = e->scale == CF_EMBEDDING_US  ? CF_EMBEDDING_U
                    : e->scale == CF_EMBEDDING_U ? CF_EMBEDDING_US
                                                 : e->scale;
    cf_embedding_scale_items(own, cf_part_count(&e->item_part, w->par->rank),
                             e->dim, e->sigma, other);
    cf_allgather_rows(w->par, &e->item_part, own, all,
                      (size_t)e->dim * sizeof *all);
    cf_free(own);
    return all;
}

/* The means that were taken off a user's ratings, NULL where none were. */
static double *user_means(const work *w)
{
    const cf_transform *t = w->from->transform;
    cf_csr a = *w->from->users;
    if (t == NULL || t->centring == CF_CENTRE_NONE ||
        t->centring == CF_CENTRE_ITEM)
        return NULL;
    cf_transform before = *t;
    before.centring =
        t->centring == CF_CENTRE_BOTH ? CF_CENTRE_ITEM : CF_CENTRE_NONE;
    a.values = cf_alloc(a.indptr[a.n_loc], sizeof *a.values, "centred ratings");
    cf_transform_apply(&before, w->from->users, a.values);
    double *means = cf_row_means(&a, w->par, 0);
    cf_free(a.values);
    return means;
}

/* The means in a product of vectors. */
static void tell_means(cf_explanation *e, double value, const double *of_item,
                       const double *of_user, cf_gidx item, cf_gidx user)
{
    e->value = value;
    e->told = true;
    if (of_item != NULL)
        cf_explanation_part(e, CF_BY_ITEM_MEAN, of_item[item], NAN);
    if (of_user != NULL)
        cf_explanation_part(e, CF_BY_USER_MEAN, of_user[user], NAN);
}

static int by_embedding(work *w, const cf_pairs_asked *pairs, float *back)
{
    const cf_par *par = w->par;
    const cf_embedding *e = w->from->embedding;
    const cf_transform *t = w->from->transform;
    cf_route r;
    if (t != NULL && t->weighting != CF_WEIGHT_NONE)
        return cf_fail(CF_BAD_DATA,
                       "%s: its embedding is of weighted ratings "
                       "(--weighting=%s), from which ratings cannot be "
                       "predicted; take another rule, or an embedding without "
                       "weights",
                       w->from->what, cf_weighting_names[t->weighting]);
    int *rank = cf_alloc(pairs->count, sizeof *rank, "ranks of pairs");
    for (int64_t i = 0; i < pairs->count; i++)
        rank[i] = pairs->user[i] < 0 || pairs->item[i] < 0
                      ? -1
                      : cf_part_owner(&e->user_part, pairs->user[i]);
    cf_route_begin(&r, par, pairs->user, pairs->item, pairs->count, rank);
    float *items = all_items(w);
    double *of_user = user_means(w);
    const double *of_item = t != NULL ? t->item_mean : NULL;
    double *answers = cf_alloc(r.arrived, sizeof *answers, "predictions");
    for (int64_t p = 0; p < r.arrived; p++) {
        cf_gidx user = r.pairs[p].row, item = r.pairs[p].column;
        const float *x =
            e->users + (user - e->user_part.begin[par->rank]) * e->dim;
        double rating = cf_dot(x, items + item * e->dim, e->dim);
        rating += of_item != NULL ? of_item[item] : 0;
        rating += of_user != NULL ? of_user[user] : 0;
        answers[r.pairs[p].place] = rating;
        if (w->from->why != NULL)
            tell_means(w->from->why, rating, of_item, of_user, item, user);
    }
    double *got = cf_alloc(pairs->count, sizeof *got, "predictions");
    cf_route_answer(&r, answers, got, sizeof *got);
    for (int64_t i = 0; i < pairs->count; i++)
        for (int c = 0; c < w->count && rank[i] >= 0; c++)
            if (w->rules[c].rule == CF_RULE_SVD)
                back[i * w->count + c] =
                    (float)clipped(w, &w->rules[c], got[i]);
    cf_free(got);
    cf_free(answers);
    cf_free(of_user);
    cf_free(items);
    cf_route_free(&r);
    return CF_OK;
}

/* ---- all of it ---- */

/* Levels that the rules and their fallbacks look at. */
static int levels_of(const cf_rule_options *o)
{
    const cf_rule_row *row = cf_rule_row_of(o->rule);
    const cf_rule_row *other = cf_rule_fallback(
        o->fallback == CF_FALLBACK_OWN ? row->own : o->fallback);
    return row->levels | (other != NULL ? other->levels : 0);
}

static void prepare(work *w)
{
    const cf_predict_from *from = w->from;
    const int of_items =
        CF_LEVEL_ITEM_MEAN | CF_LEVEL_ITEM_SPREAD | CF_LEVEL_BASELINE;
    int levels = 0, sides = 0;
    bool columns = false;
    for (int r = 0; r < w->count; r++) {
        levels |= levels_of(&w->rules[r]);
        if (!is_nearest(&w->rules[r]))
            continue;
        w->of_items = cf_rule_about(w->rules[r].rule)->of_items;
        sides |= w->of_items ? CF_LEVEL_ITEM_MEAN : CF_LEVEL_USER_MEAN;
        columns = columns || w->of_items ||
                  (!from->embedded &&
                   cf_ratings_needs_columns(from->by->similarity, false));
    }
    CF_ASSERT(sides != (CF_LEVEL_ITEM_MEAN | CF_LEVEL_USER_MEAN));
    w->items = from->items;
    if (w->items == NULL && (columns || (levels & of_items))) {
        cf_csr_transpose(&w->transpose, from->users, w->par);
        w->items = &w->transpose;
    }
    cf_levels_learn(&w->levels, w->par, from->users, w->items, levels,
                    &from->baseline);
}

static void by_lists(const work *w, const cf_pairs_asked *pairs, int rule,
                     float *back)
{
    float *got = cf_alloc(pairs->count, sizeof *got, "predictions");
    cf_predict_mean(w->par, w->from->lists, w->from->users, pairs->user,
                    pairs->item, pairs->count, got);
    for (int64_t i = 0; i < pairs->count; i++)
        back[i * w->count + rule] =
            (float)clipped(w, &w->rules[rule], (double)got[i]);
    cf_free(got);
}

/* Own pair i by a rule that has been asked, or what takes over. */
static void settle(const work *w, const cf_rule_options *o, cf_gidx user,
                   cf_gidx item, float rating, cf_predicted *out, int64_t i)
{
    const cf_rule_row *row = cf_rule_row_of(o->rule), *other;
    out->rating[i] = NAN;
    out->by[i] = CF_BY_NONE;
    if (user < 0 || item < 0)
        return;
    if (row->level != NULL)
        rating = (float)clipped(w, o, row->level(&w->levels, user, item));
    if (row->level != NULL && w->from->why != NULL)
        tell_level(w, o->rule, user, item);
    out->rating[i] = rating;
    out->by[i] = CF_BY_RULE;
    if (!isnan(rating))
        return;
    out->by[i] = CF_BY_FALLBACK;
    other = cf_rule_fallback(o->fallback == CF_FALLBACK_OWN ? row->own
                                                            : o->fallback);
    if (other != NULL && w->from->why != NULL)
        tell_level(w, (enum cf_rule)(other - cf_rule_row_of(CF_RULE_MEAN)),
                   user, item);
    if (other != NULL)
        out->rating[i] =
            (float)clipped(w, o, other->level(&w->levels, user, item));
    else if (o->rule == CF_RULE_MEAN && o->fallback == CF_FALLBACK_OWN)
        out->rating[i] = 0;
    else
        out->by[i] = CF_BY_NONE;
}

int cf_predict(const cf_par *par, const cf_rule_options *rules, int count,
               const cf_predict_from *from, const cf_pairs_asked *pairs,
               cf_predicted *out)
{
    int status = CF_OK, needs = 0;
    work w = {.par = par, .rules = rules, .count = count, .from = from};
    float *back = cf_alloc(pairs->count * count, sizeof *back, "predictions");
    for (int64_t i = 0; i < pairs->count * count; i++)
        back[i] = NAN;
    for (int r = 0; r < count; r++)
        needs |= cf_rule_about(rules[r].rule)->needs;
    prepare(&w);
    if (needs & CF_NEEDS_SIMILARITY)
        CF_TRY(by_nearest(&w, pairs, back));
    if (needs & CF_NEEDS_EMBEDDING)
        CF_TRY(by_embedding(&w, pairs, back));
    for (int r = 0; r < count; r++)
        if (rules[r].rule == CF_RULE_MEAN)
            by_lists(&w, pairs, r, back);
    for (int r = 0; r < count; r++)
        for (int64_t i = 0; i < pairs->count; i++)
            settle(&w, &rules[r], pairs->user[i], pairs->item[i],
                   back[i * count + r], &out[r], i);
done:
    cf_levels_free(&w.levels);
    cf_csr_free(&w.transpose);
    cf_free(back);
    return status;
}
