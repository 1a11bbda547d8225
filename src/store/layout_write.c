#include <stdio.h>

#include "cfmpi/error.h"
#include "cfmpi/exchange.h"
#include "cfmpi/layout.h"
#include "cfmpi/memory.h"
#include "layout_internal.h"

void cf_tables_fill(cf_tables *t, const cf_csr *a, const cf_par *par)
{
    int64_t items = cf_part_count(&t->items.part, par->rank);
    t->user_count = cf_alloc(a->n_loc, sizeof *t->user_count, "user counts");
    t->user_mean = cf_alloc(a->n_loc, sizeof *t->user_mean, "user means");
    t->item_count = cf_alloc(items, sizeof *t->item_count, "item counts");
    t->item_mean = cf_alloc(items, sizeof *t->item_mean, "item means");
    cf_csr_row_stats(a, t->user_count, t->user_mean);
    cf_csr_col_stats(a, par, &t->items.part, t->item_count, t->item_mean);
}

void cf_titles_free(cf_titles *t)
{
    cf_free(t->data);
    *t = (cf_titles){0};
}

void cf_tables_free(cf_tables *t)
{
    cf_idmap_free(&t->users);
    cf_idmap_free(&t->items);
    cf_titles_free(&t->titles);
    cf_free(t->user_count);
    cf_free(t->user_mean);
    cf_free(t->item_count);
    cf_free(t->item_mean);
    *t = (cf_tables){0};
}

/* A vector of which this rank has the rows that `part` says. */
static void add_vector(cf_writer *w, const char *name, enum cf_type type,
                       const cf_part *part, const void *data,
                       const char *description, const char *units)
{
    cf_writer_add(w, name, type, cf_part_rows(part), 1, 1,
                  part->begin[w->par->rank], cf_part_count(part, w->par->rank),
                  data, description, units, 0);
}

static void add_matrix(cf_writer *w, const char *name, enum cf_type type,
                       const cf_part *part, int64_t cols, const void *data,
                       const char *description, const char *units,
                       cf_gidx below)
{
    cf_writer_add(w, name, type, cf_part_rows(part), cols, 2,
                  part->begin[w->par->rank], cf_part_count(part, w->par->rank),
                  data, description, units, below);
}

/* A small vector that every rank has; rank 0 writes it. */
static void add_common(cf_writer *w, const char *name, int64_t rows,
                       const double *data, const char *description)
{
    cf_writer_add(w, name, CF_F64, rows, 1, 1, w->par->rank == 0 ? 0 : rows,
                  w->par->rank == 0 ? rows : 0, data, description, NULL, 0);
}

/* Row pointers count over all ranks; the last rank has one more. */
void cf_layout_add_pointers(cf_writer *w, const char *name, const cf_part *part,
                            const int64_t *indptr, int64_t before)
{
    bool last = w->par->rank == w->par->size - 1;
    int64_t n = cf_part_count(part, w->par->rank) + last;
    int64_t *global = cf_alloc(n, sizeof *global, "row pointers");
    for (int64_t i = 0; i < n; i++)
        global[i] = before + indptr[i];
    cf_writer_keep(w, global);
    cf_writer_add(w, name, CF_I64, cf_part_rows(part) + 1, 1, 1,
                  part->begin[w->par->rank], n, global,
                  "CSR row pointers: row i has entries indptr[i] to "
                  "indptr[i+1]-1",
                  NULL, 0);
}

void cf_layout_add_ids(cf_writer *w, const char *name, cf_gidx rows,
                       cf_gidx begin, const cf_ids *ids,
                       const char *description)
{
    bool text = cf_max_i64(w->par, ids->text && ids->count > 0) > 0;
    if (!text) {
        cf_writer_add(w, name, CF_I64, rows, 1, 1, begin, ids->count,
                      ids->number, description, NULL, 0);
        return;
    }
    CF_ASSERT(ids->text || ids->count == 0);
    size_t width = (size_t)cf_max_i64(w->par, (int64_t)cf_ids_width(ids));
    char *fields = cf_alloc(ids->count, width, "id strings");
    cf_ids_to_fields(ids, fields, width);
    cf_writer_keep(w, fields);
    cf_writer_add_strings(w, name, width, rows, begin, ids->count, fields,
                          description);
}

/* The ids of a side; how they stand in order depends on their kind. */
static void add_side(cf_writer *w, const char *name, const cf_idmap *map,
                     const char *strings, const char *integers)
{
    bool text = cf_max_i64(w->par, map->ids.text && map->ids.count > 0) > 0;
    cf_layout_add_ids(w, name, cf_part_rows(&map->part),
                      map->part.begin[w->par->rank], &map->ids,
                      text ? strings : integers);
}

void cf_layout_add_ratings(cf_writer *w, const cf_tables *t, const cf_csr *a)
{
    const cf_part *items = &t->items.part;
    int64_t entries = a->indptr[a->n_loc];
    add_side(w, "/users/id", &t->users,
             "user ids as in the input, UTF-8, in byte order",
             "user ids as in the input, ascending");
    add_vector(w, "/users/count", CF_I64, &a->part, t->user_count,
               "ratings of each user", "ratings");
    add_vector(w, "/users/mean", CF_F64, &a->part, t->user_mean,
               "mean rating of each user", "rating");
    add_side(w, "/items/id", &t->items,
             "item ids as in the input, UTF-8, in byte order",
             "item ids as in the input, ascending");
    add_vector(w, "/items/count", CF_I64, items, t->item_count,
               "ratings of each item", "ratings");
    add_vector(w, "/items/mean", CF_F64, items, t->item_mean,
               "mean rating of each item", "rating");
    if (t->titles.data != NULL)
        cf_writer_add_strings(w, "/items/title", t->titles.width,
                              cf_part_rows(items), items->begin[w->par->rank],
                              t->titles.count, t->titles.data,
                              "titles of the items");
    cf_layout_add_pointers(w, "/ratings/indptr", &a->part, a->indptr,
                           a->nnz_begin);
    cf_writer_add(w, "/ratings/indices", CF_I32, a->nnz, 1, 1, a->nnz_begin,
                  entries, a->indices, "CSR column numbers: rows of /items",
                  NULL, 0);
    cf_writer_add(w, "/ratings/values", CF_F32, a->nnz, 1, 1, a->nnz_begin,
                  entries, a->values, "CSR values: the ratings", "rating", 0);
    if (a->time != NULL)
        cf_writer_add(w, "/ratings/time", CF_I64, a->nnz, 1, 1, a->nnz_begin,
                      entries, a->time, "when each rating was given",
                      "seconds since 1970-01-01 UTC", 0);
}

/* Weights and means of the items, which every rank has. */
static void add_transform(cf_writer *w, const cf_transform *t)
{
    cf_writer_text(w, "/embedding", "weighting",
                   cf_weighting_names[t->weighting]);
    cf_writer_text(w, "/embedding", "center", cf_centring_names[t->centring]);
    cf_writer_real(w, "/embedding", "mean_length", t->mean_length);
    if (t->idf != NULL)
        add_common(w, "/embedding/idf", t->items, t->idf,
                   "ln(users) - ln(1 + ratings) of each item, which weighs "
                   "its ratings");
    if (t->item_mean != NULL)
        add_common(w, "/embedding/item_mean", t->items, t->item_mean,
                   "what was subtracted from the weighted ratings of each "
                   "item");
}

static void add_explained(cf_writer *w, const cf_embedding *e)
{
    double *share = cf_alloc(e->dim, sizeof *share, "explained variance");
    for (int k = 0; k < e->dim; k++)
        share[k] = e->squares > 0 ? e->sigma[k] * e->sigma[k] / e->squares : 0;
    cf_writer_keep(w, share);
    add_common(w, "/embedding/explained_variance", e->dim, share,
               "share of the matrix' squares that each dimension explains");
}

void cf_layout_add_embedding(cf_writer *w, const cf_embedding *e,
                             const cf_transform *t)
{
    static const char *const rows[] = {"A·V = U·Σ, one row a user",
                                       "U, one row a user",
                                       "U·√Σ, one row a user"};
    add_matrix(w, "/embedding/users", CF_F32, &e->user_part, e->dim, e->users,
               rows[e->scale], NULL, 0);
    add_matrix(w, "/embedding/items", CF_F32, &e->item_part, e->dim, e->items,
               "V, one row an item", NULL, 0);
    add_common(w, "/embedding/singular_values", e->dim, e->sigma,
               "singular values σ, descending");
    add_common(w, "/embedding/residuals", e->dim, e->residual,
               "max(‖Av−σu‖, ‖Aᵀu−σv‖)/σ of the stored vectors");
    add_common(w, "/embedding/residuals_left", e->dim, e->left, "‖Av−σu‖/σ");
    add_common(w, "/embedding/residuals_right", e->dim, e->right, "‖Aᵀu−σv‖/σ");
    add_explained(w, e);
    add_transform(w, t);
    cf_writer_text(w, "/embedding", "rows", cf_embedding_scales[e->scale]);
    cf_writer_real(w, "/embedding", "orthogonality", e->orthogonality);
}

/* "/neighbors/users" + "/index" and so on. */
static const char *path(char out[CF_NAME_MAX], const char *group,
                        const char *name)
{
    snprintf(out, CF_NAME_MAX, "%.100s/%.20s", group, name);
    return out;
}

/* Lists whose entries are numbers below `below`; `root` is the group of the
 * lists of all sides. */
static void add_lists(cf_writer *w, const char *root, const char *group,
                      const char *space, enum cf_similarity by,
                      const cf_neighbors *n, cf_gidx below)
{
    const cf_similarity_text *about = cf_similarity_about(by);
    bool distance = by == CF_EUCLIDEAN;
    char name[CF_NAME_MAX];
    const cf_topk *t = &n->lists;
    add_matrix(w, path(name, group, "index"), CF_I64, &n->part, t->k, t->index,
               "rows of the nearest neighbours, nearest first; -1 where there "
               "is none",
               NULL, below);
    add_matrix(w, path(name, group, "score"), CF_F32, &n->part, t->k, t->score,
               about->score, about->units, 0);
    add_vector(w, path(name, group, "count"), CF_I32, &n->part, t->count,
               "neighbours in the list", NULL);
    add_vector(w, path(name, group, "gap"), CF_F32, &n->part, t->gap,
               distance ? "(k+1)-th minus k-th score; NaN where there is no "
                          "(k+1)-th"
                        : "k-th minus (k+1)-th score; NaN where there is no "
                          "(k+1)-th",
               about->units);
    add_vector(w, path(name, group, "ties"), CF_I32, &n->part, t->ties,
               "rows left out that score as the last in the list does", NULL);
    cf_writer_text(w, group, "similarity", about->name);
    cf_writer_text(w, group, "order", distance ? "ascending" : "descending");
    cf_writer_text(w, group, "space", space);
    if (n->kernel != NULL)
        cf_writer_text(w, group, "kernel", n->kernel);
    cf_writer_text(w, root, "space", space);
    cf_writer_text(w, root, "similarity", about->name);
}

void cf_layout_add_neighbors(cf_writer *w, const char *side, const char *space,
                             enum cf_similarity by, const cf_neighbors *n)
{
    char group[CF_NAME_MAX];
    snprintf(group, sizeof group, "/neighbors/%s", side);
    add_lists(w, "/neighbors", group, space, by, n, cf_part_rows(&n->part));
}

void cf_layout_add_rating_neighbors(cf_writer *w, const char *side,
                                    enum cf_similarity by,
                                    const cf_neighbors *n)
{
    static const char root[] = "/neighbors_ratings";
    char group[CF_NAME_MAX];
    snprintf(group, sizeof group, "%s/%s", root, side);
    add_lists(w, root, group, "ratings", by, n, cf_part_rows(&n->part));
}

void cf_layout_add_queries(cf_writer *w, const char *side, const char *space,
                           enum cf_similarity by, const cf_neighbors *n,
                           cf_gidx rows)
{
    add_lists(w, "/neighbors", "/neighbors/queries", space, by, n, rows);
    cf_writer_text(w, "/neighbors/queries", "among", side);
}

static void add_recommendations(cf_writer *w, const char *group,
                                const cf_recommendations *r,
                                enum cf_score score, cf_gidx items)
{
    const cf_score_text *about = cf_score_about(score);
    char name[CF_NAME_MAX];
    const cf_topk *t = &r->lists;
    add_matrix(w, path(name, group, "index"), CF_I64, &r->part, t->k, t->index,
               "rows of the recommended items, best first; -1 "
               "where there is none",
               NULL, items);
    add_matrix(w, path(name, group, "score"), CF_F32, &r->part, t->k, t->score,
               about->what, about->units, 0);
    add_vector(w, path(name, group, "count"), CF_I32, &r->part, t->count,
               "items in the list", NULL);
    if (r->filled != NULL)
        add_vector(w, path(name, group, "filled"), CF_I32, &r->part, r->filled,
                   "items at the end of the list that popularity has given; "
                   "their score is NaN",
                   NULL);
    cf_writer_text(w, group, "score", about->name);
}

void cf_layout_add_recommendations(cf_writer *w, const cf_recommendations *r,
                                   enum cf_score score, cf_gidx items)
{
    add_recommendations(w, "/recommendations", r, score, items);
}

void cf_layout_add_query_recommendations(cf_writer *w,
                                         const cf_recommendations *r,
                                         enum cf_score score, cf_gidx items)
{
    add_recommendations(w, "/recommendations/queries", r, score, items);
}
