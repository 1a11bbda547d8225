#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/layout.h"
#include "cfmpi/memory.h"
#include "verify.h"

static const char group[] = "/recommendations";

/* What the lists say of themselves, and what they are made from. */
typedef struct top {
    cf_check *c;
    enum cf_score score;
    int64_t length;
    bool filled;
    double weight; /* of the baseline */
    cf_baseline baseline;
    int64_t *count;     /* [items] ratings */
    uint8_t *candidate; /* [items] */
    cf_gidx *only;      /* users with lists, NULL: all */
    int64_t users;      /* that many */
    int64_t near;       /* neighbours of a user */
    cf_csr lists;       /* neighbours of items */
    cf_part item_part;
    float *user_rows, *item_rows;
    cf_part user_part;
    int dim;
    double *sum, *sum_of_weights; /* [items] of the user in hand */
    float *value;                 /* [items] score of each, NaN for none */
} top;

/* ---- what the file says ---- */

/* Rows that a dataset names, below `limit`, on every rank; NULL where there is
 * no such dataset. */
static int read_named(top *t, const char *name, cf_gidx limit, cf_gidx **row,
                      int64_t *count)
{
    int status = CF_OK;
    char path[CF_NAME_MAX];
    cf_dataset d;
    cf_check *c = t->c;
    snprintf(path, sizeof path, "%s/%s", group, name);
    *row = NULL;
    if (!cf_h5_has(&c->file, path))
        return CF_OK;
    CF_TRY(cf_h5_dataset(&c->file, path, &d));
    if (d.type != CF_I64 || d.cols != 1)
        CF_TRY(cf_fail(CF_BAD_DATA, "%s: %s has the wrong type or shape",
                       c->file.path, path));
    *count = d.rows;
    *row = cf_alloc(d.rows, sizeof **row, "rows named");
    CF_TRY(cf_h5_read(&c->file, &d, 0, d.rows, *row));
    for (int64_t i = 0; i < *count; i++)
        if ((*row)[i] < 0 || (*row)[i] >= limit)
            CF_TRY(cf_fail(CF_BAD_DATA,
                           "%s: %s names a row that does not "
                           "exist",
                           c->file.path, path));
done:
    return cf_agree(c->par, status);
}

static int read_candidates(top *t)
{
    int status = CF_OK;
    cf_check *c = t->c;
    cf_gidx items = c->ratings.cols, *allow = NULL, *exclude = NULL;
    int64_t allowed = 0, excluded = 0;
    double least = 0;
    t->count = cf_alloc(items, sizeof *t->count, "ratings of items");
    t->candidate = cf_calloc(items, 1, "candidates");
    cf_csr_col_counts(&c->ratings, c->par, t->count);
    cf_h5_number(&c->file, group, "min_popularity", &least);
    CF_TRY(read_named(t, "allow", items, &allow, &allowed));
    CF_TRY(read_named(t, "exclude", items, &exclude, &excluded));
    for (int64_t i = 0; i < allowed; i++)
        t->candidate[allow[i]] = 1;
    for (cf_gidx j = 0; j < items; j++)
        t->candidate[j] = (allow == NULL || t->candidate[j]) &&
                          t->count[j] > 0 && (double)t->count[j] >= least;
    for (int64_t i = 0; i < excluded; i++)
        t->candidate[exclude[i]] = 0;
done:
    cf_free(allow);
    cf_free(exclude);
    return status;
}

static int read_score(top *t)
{
    int status = CF_OK, score = -1;
    cf_check *c = t->c;
    cf_text name = {0};
    if (cf_h5_text(&c->file, group, "score", &name))
        score = cf_score_find(name.data);
    if (score < 0)
        CF_TRY(cf_fail(CF_BAD_DATA, "%s: %s says no score that is known",
                       c->file.path, group));
    t->score = (enum cf_score)score;
    cf_h5_number(&c->file, group, "baseline_weight", &t->weight);
    t->filled = cf_h5_has(&c->file, "/recommendations/filled");
done:
    cf_text_free(&name);
    return cf_agree(c->par, status);
}

/* ---- what the scores are made from ---- */

static int load_item_lists(top *t)
{
    int status = CF_OK;
    cf_check *c = t->c;
    cf_part part = {0};
    cf_topk lists = {0};
    cf_user_lists of = {&part, &lists};
    CF_TRY(cf_layout_read_lists(&c->file, c->par, "/neighbors/items",
                                c->ratings.cols, c->ratings.cols, &part,
                                &lists));
    cf_lists_matrix(&t->lists, c->par, &of);
done:
    cf_part_free(&part);
    cf_topk_free(&lists);
    return status;
}

static int load_factors(top *t)
{
    int status = CF_OK, dim;
    cf_check *c = t->c;
    cf_dataset d;
    cf_embedding e = {.scale = cf_layout_embedding_scale(&c->file)};
    CF_TRY(cf_layout_read_embedding(&c->file, c->par, "users", false,
                                    &t->user_part, &t->user_rows, &t->dim));
    CF_TRY(cf_layout_read_embedding(&c->file, c->par, "items", false,
                                    &t->item_part, &t->item_rows, &dim));
    if (dim != t->dim || cf_part_rows(&t->user_part) != c->ratings.rows ||
        cf_part_rows(&t->item_part) != c->ratings.cols)
        CF_TRY(cf_fail(CF_BAD_DATA,
                       "%s: /embedding and /ratings do not fit each other",
                       c->file.path));
    e.dim = dim;
    e.sigma = cf_alloc(dim, sizeof *e.sigma, "singular values");
    CF_TRY(cf_agree(c->par,
                    cf_h5_dataset(&c->file, "/embedding/singular_values", &d)));
    if (d.rows != dim || d.cols != 1 || d.type != CF_F64)
        CF_TRY(cf_fail(CF_BAD_DATA, "%s: %s has the wrong shape", c->file.path,
                       d.name));
    CF_TRY(cf_agree(c->par, cf_h5_read(&c->file, &d, 0, dim, e.sigma)));
    cf_embedding_to_product(&e, cf_part_count(&t->user_part, c->par->rank),
                            t->user_rows);
done:
    cf_free(e.sigma);
    return status;
}

static int load(top *t)
{
    int status = CF_OK;
    cf_check *c = t->c;
    cf_csr items = {0};
    cf_dataset d;
    switch (cf_score_about(t->score)->needs) {
    case CF_SCORE_NEEDS_USER_LISTS:
        CF_TRY(cf_agree(c->par,
                        cf_h5_dataset(&c->file, "/neighbors/users/index", &d)));
        t->near = d.cols;
        break;
    case CF_SCORE_NEEDS_ITEM_LISTS: CF_TRY(load_item_lists(t)); break;
    case CF_SCORE_NEEDS_EMBEDDING: CF_TRY(load_factors(t)); break;
    case CF_SCORE_NEEDS_NOTHING: break;
    }
    if (t->weight > 0) {
        cf_csr_transpose(&items, &c->ratings, c->par);
        cf_baseline_fit(&t->baseline, c->par, &c->ratings, &items, NULL);
    }
done:
    cf_csr_free(&items);
    return status;
}

/* ---- the scores of a user ---- */

static int by_row(const void *a, const void *b)
{
    const cf_gidx *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Adds weights times rows of `a`, in the order given, to the sums; what is
 * summed beside is the row's weight, or the entry itself. */
static void add_rows(top *t, const cf_csr *a, const cf_gidx *row,
                     const float *weight, int64_t count, bool entries)
{
    cf_csr_copy copy = {0};
    cf_gidx *rows = cf_alloc(count, sizeof *rows, "rows");
    if (count > 0)
        memcpy(rows, row, (size_t)count * sizeof *rows);
    qsort(rows, (size_t)count, sizeof *rows, by_row);
    cf_csr_fetch(&copy, a, t->c->par, rows, count);
    for (int64_t i = 0; i < count; i++) {
        const cf_gidx *at =
            bsearch(&row[i], rows, (size_t)count, sizeof *rows, by_row);
        for (int64_t e = copy.indptr[at - rows]; e < copy.indptr[at - rows + 1];
             e++) {
            double s = (double)weight[i], x = (double)copy.values[e];
            t->sum[copy.indices[e]] += s * x;
            t->sum_of_weights[copy.indices[e]] += entries ? x : s;
        }
    }
    cf_csr_copy_free(&copy);
    cf_free(rows);
}

/* False when the list names no users. */
static int add_neighbours(top *t, cf_gidx user, bool *good)
{
    static const char of[] = "/neighbors/users";
    int status = CF_OK;
    int32_t count = 0;
    int64_t used = 0;
    cf_check *c = t->c;
    cf_gidx *index = cf_alloc(t->near, sizeof *index, "list");
    float *score = cf_alloc(t->near, sizeof *score, "list");
    CF_TRY(cf_check_row(c, of, "index", CF_I64, t->near, user, index));
    CF_TRY(cf_check_row(c, of, "score", CF_F32, t->near, user, score));
    CF_TRY(cf_check_row(c, of, "count", CF_I32, 1, user, &count));
    *good = count >= 0 && count <= t->near;
    for (int32_t i = 0; *good && i < count; i++) {
        *good = index[i] >= 0 && index[i] < c->ratings.rows;
        if (!(score[i] > 0))
            continue;
        index[used] = index[i];
        score[used++] = score[i];
    }
    if (*good)
        add_rows(t, &c->ratings, index, score, used, false);
done:
    cf_free(index);
    cf_free(score);
    return status;
}

static void add_rated(top *t, const cf_csr_copy *own)
{
    int64_t n = own->indptr[1];
    cf_gidx *row = cf_alloc(n, sizeof *row, "items rated");
    for (int64_t e = 0; e < n; e++)
        row[e] = own->indices[e];
    add_rows(t, &t->lists, row, own->values, n, true);
    cf_free(row);
}

static void products(top *t, cf_gidx user)
{
    int rank = t->c->par->rank, owner = cf_part_owner(&t->user_part, user);
    int64_t n = cf_part_count(&t->item_part, rank);
    float *x = cf_alloc(t->dim, sizeof *x, "row");
    float *own = cf_alloc(n, sizeof *own, "scores of items");
    if (owner == rank)
        memcpy(x, t->user_rows + (user - t->user_part.begin[rank]) * t->dim,
               (size_t)t->dim * sizeof *x);
    cf_bcast(t->c->par, x, t->dim * (int64_t)sizeof *x, owner);
    for (int64_t j = 0; j < n; j++)
        own[j] = (float)cf_dot(x, t->item_rows + j * t->dim, t->dim);
    cf_allgather_rows(t->c->par, &t->item_part, own, t->value, sizeof *own);
    cf_free(own);
    cf_free(x);
}

static float score_of(const top *t, cf_gidx user, cf_gidx item)
{
    double sum = t->sum[item], weights = t->sum_of_weights[item];
    const cf_baseline *b = &t->baseline;
    if (!(weights > 0))
        return NAN;
    if (t->score != CF_SCORE_MEAN)
        return (float)sum;
    if (!(t->weight > 0))
        return (float)(sum / weights);
    double expected = (b->mean + b->user[user]) + b->item[item];
    return (float)((sum + t->weight * expected) / (weights + t->weight));
}

/* Of all items, into t->value. */
static int score_items(top *t, cf_gidx user, const cf_csr_copy *own, bool *good)
{
    int status = CF_OK;
    cf_gidx items = t->c->ratings.cols;
    *good = true;
    if (t->score == CF_SCORE_PURESVD) {
        products(t, user);
        return CF_OK;
    }
    for (cf_gidx j = 0; j < items; j++) {
        t->value[j] = (float)t->count[j];
        t->sum[j] = t->sum_of_weights[j] = 0;
    }
    if (t->score == CF_SCORE_POPULARITY)
        return CF_OK;
    if (t->score == CF_SCORE_ITEM_SUM)
        add_rated(t, own);
    else
        CF_TRY(add_neighbours(t, user, good));
    for (cf_gidx j = 0; j < items; j++)
        t->value[j] = score_of(t, user, j);
done:
    return status;
}

/* ---- the list of a user ---- */

/* The best candidates by t->value, and where popularity fills up lists, the
 * most rated of the others. */
static void make_list(const top *t, const cf_csr_copy *own, cf_topk *right,
                      int32_t *filled)
{
    cf_gidx items = t->c->ratings.cols;
    int64_t n;
    cf_topk more = {0};
    uint8_t *open = cf_alloc(items, sizeof *open, "candidates");
    memcpy(open, t->candidate, (size_t)items);
    for (int64_t e = 0; e < own->indptr[1]; e++)
        open[own->indices[e]] = 0;
    cf_topk_init(right, 1, t->length);
    for (cf_gidx j = 0; j < items; j++)
        if (open[j] && !isnan(t->value[j]))
            cf_topk_push(right, 0, t->value[j], j);
    cf_topk_finish(right);
    n = right->count[0];
    for (int64_t i = 0; i < n; i++)
        open[right->index[i]] = 0;
    cf_topk_init(&more, 1, t->length - n);
    for (cf_gidx j = 0; j < items && t->filled; j++)
        if (open[j])
            cf_topk_push(&more, 0, (float)t->count[j], j);
    cf_topk_finish(&more);
    for (int64_t i = 0; i < more.count[0]; i++)
        right->index[n + i] = more.index[i];
    *filled = more.count[0];
    right->count[0] += *filled;
    cf_topk_free(&more);
    cf_free(open);
}

static int compare(top *t, cf_gidx user, const cf_topk *right, int32_t filled,
                   bool *same)
{
    int status = CF_OK;
    int32_t count = 0, stored = 0;
    int64_t n = t->length;
    cf_gidx *index = cf_alloc(n, sizeof *index, "list");
    float *score = cf_alloc(n, sizeof *score, "list");
    CF_TRY(cf_check_row(t->c, group, "index", CF_I64, n, user, index));
    CF_TRY(cf_check_row(t->c, group, "score", CF_F32, n, user, score));
    CF_TRY(cf_check_row(t->c, group, "count", CF_I32, 1, user, &count));
    if (t->filled)
        CF_TRY(cf_check_row(t->c, group, "filled", CF_I32, 1, user, &stored));
    *same = count == right->count[0] && stored == filled;
    for (int64_t i = 0; i < n; i++)
        *same = *same && index[i] == right->index[i] &&
                isnan(score[i]) == isnan(right->score[i]) &&
                !(score[i] < right->score[i] || score[i] > right->score[i]);
done:
    cf_free(index);
    cf_free(score);
    return status;
}

/* One user, on every rank alike. */
static int check_user(top *t, cf_gidx user, bool *same)
{
    int status = CF_OK;
    int32_t filled = 0;
    cf_topk right = {0};
    cf_csr_copy own = {0};
    cf_csr_fetch(&own, &t->c->ratings, t->c->par, &user, 1);
    CF_TRY(score_items(t, user, &own, same));
    if (!*same)
        goto done;
    make_list(t, &own, &right, &filled);
    CF_TRY(compare(t, user, &right, filled, same));
done:
    cf_csr_copy_free(&own);
    cf_topk_free(&right);
    return status;
}

static int check_sample(top *t)
{
    int status = CF_OK;
    char line[128];
    int64_t samples = 0, differ = 0;
    bool same = true;
    cf_gidx *sample = cf_check_sample(t->c, t->users, &samples);
    for (int64_t s = 0; s < samples; s++) {
        CF_TRY(check_user(t, t->only != NULL ? t->only[sample[s]] : sample[s],
                          &same));
        differ += !same;
    }
    snprintf(line, sizeof line,
             " of %" PRId64 " users by brute force, %" PRId64 " differ",
             samples, differ);
    cf_check_tell(t->c, differ == 0, "recommendations", line);
done:
    cf_free(sample);
    return status;
}

static void top_free(top *t)
{
    cf_baseline_free(&t->baseline);
    cf_free(t->count);
    cf_free(t->candidate);
    cf_free(t->only);
    cf_csr_free(&t->lists);
    cf_part_free(&t->item_part);
    cf_part_free(&t->user_part);
    cf_free(t->user_rows);
    cf_free(t->item_rows);
    cf_free(t->sum);
    cf_free(t->sum_of_weights);
    cf_free(t->value);
}

int cf_check_recommendations(cf_check *c)
{
    int status = CF_OK;
    cf_gidx items = c->ratings.cols;
    cf_dataset d;
    top t = {.c = c, .users = c->ratings.rows};
    CF_TRY(read_score(&t));
    CF_TRY(read_candidates(&t));
    CF_TRY(read_named(&t, "only", c->ratings.rows, &t.only, &t.users));
    CF_TRY(cf_agree(c->par,
                    cf_h5_dataset(&c->file, "/recommendations/index", &d)));
    t.length = d.cols;
    CF_TRY(load(&t));
    t.sum = cf_alloc(items, sizeof *t.sum, "sums of items");
    t.sum_of_weights = cf_alloc(items, sizeof *t.sum, "sums of items");
    t.value = cf_alloc(items, sizeof *t.value, "scores of items");
    CF_TRY(check_sample(&t));
done:
    top_free(&t);
    return status;
}
