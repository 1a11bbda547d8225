#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cfmpi/error.h"
#include "cfmpi/exchange.h"
#include "cfmpi/layout.h"
#include "cfmpi/memory.h"
#include "layout_internal.h"

static int wrong(const cf_h5 *file, const char *what)
{
    return cf_fail(CF_BAD_DATA, "%s: %s", file->path, what);
}

/* A message that begins with the name of a dataset. */
static int wrong_set(const cf_h5 *file, const char *name, const char *what)
{
    return cf_fail(CF_BAD_DATA, "%s: %s %s", file->path, name, what);
}

int cf_layout_read_counts(const cf_h5 *file, const cf_par *par,
                          const char *name, const cf_part *part, int64_t nnz,
                          int64_t *counts)
{
    int status = CF_OK;
    cf_gidx begin = part->begin[par->rank];
    int64_t n = cf_part_count(part, par->rank);
    bool last = par->rank == par->size - 1;
    int64_t *p = cf_alloc(n + 1, sizeof *p, "row pointers");
    cf_dataset d;
    CF_TRY(cf_h5_read_slab(file, par, name, CF_I64, 1, begin, n + last, p));
    CF_TRY(cf_agree(par, cf_h5_dataset(file, name, &d)));
    if (!last)
        status = cf_h5_read(file, &d, begin + n, 1, p + n);
    for (int64_t i = 0; status == CF_OK && i < n; i++) {
        counts[i] = p[i + 1] - p[i];
        if (counts[i] < 0)
            status = wrong_set(file, name, "does not ascend");
    }
    if (status == CF_OK && ((begin == 0 && p[0] != 0) || (last && p[n] != nnz)))
        status = wrong_set(file, name, "does not fit the entries");
    CF_TRY(cf_agree(par, status));
done:
    cf_free(p);
    return status;
}

static int check_entries(const cf_h5 *file, const cf_csr *a)
{
    for (int64_t i = 0; i < a->n_loc; i++)
        for (int64_t e = a->indptr[i]; e < a->indptr[i + 1]; e++) {
            if (a->indices[e] < 0 || a->indices[e] >= a->cols ||
                (e > a->indptr[i] && a->indices[e] <= a->indices[e - 1]))
                return wrong(file, "/ratings/indices has a row that does not "
                                   "ascend within the items");
            if (!isfinite(a->values[e]))
                return wrong(file, "/ratings/values has a value that is not "
                                   "finite");
        }
    return CF_OK;
}

static int read_entries(const cf_h5 *file, const cf_par *par, cf_csr *a)
{
    int status = CF_OK;
    int64_t entries = a->indptr[a->n_loc];
    a->indices = cf_alloc(entries, sizeof *a->indices, "column numbers");
    a->values = cf_alloc(entries, sizeof *a->values, "ratings");
    CF_TRY(cf_h5_read_slab(file, par, "/ratings/indices", CF_I32, 1,
                           a->nnz_begin, entries, a->indices));
    CF_TRY(cf_h5_read_slab(file, par, "/ratings/values", CF_F32, 1,
                           a->nnz_begin, entries, a->values));
    CF_TRY(cf_agree(par, check_entries(file, a)));
done:
    return status;
}

int cf_layout_read_ratings(const cf_h5 *file, const cf_par *par, cf_csr *a)
{
    int status = CF_OK;
    cf_part even = {0};
    cf_dataset pointers, items, values;
    int64_t *counts = NULL;
    cf_csr_free(a);
    CF_TRY(cf_agree(par, cf_h5_dataset(file, "/ratings/indptr", &pointers)));
    CF_TRY(cf_agree(par, cf_h5_dataset(file, "/ratings/values", &values)));
    CF_TRY(cf_agree(par, cf_h5_dataset(file, "/items/id", &items)));
    if (pointers.rows < 2 || pointers.type != CF_I64 || items.rows > INT32_MAX)
        CF_TRY(wrong(file, "/ratings is no matrix that cfmpi has written"));
    a->rows = pointers.rows - 1;
    a->cols = items.rows;
    cf_part_even(&even, a->rows, par->size);
    counts = cf_alloc(cf_part_count(&even, par->rank), sizeof *counts,
                      "entries a row");
    CF_TRY(cf_layout_read_counts(file, par, "/ratings/indptr", &even,
                                 values.rows, counts));
    cf_csr_balance(&a->part, par, &even, counts);
    a->n_loc = cf_part_count(&a->part, par->rank);
    a->indptr = cf_alloc(a->n_loc + 1, sizeof *a->indptr, "row pointers");
    CF_TRY(cf_agree(par, cf_h5_read(file, &pointers, a->part.begin[par->rank],
                                    a->n_loc + 1, a->indptr)));
    for (int64_t i = a->n_loc; i >= 0; i--)
        a->indptr[i] -= a->indptr[0];
    cf_csr_seal(a, par);
    CF_TRY(read_entries(file, par, a));
done:
    cf_part_free(&even);
    cf_free(counts);
    return status;
}

/* The dataset of a side's ids, of one of the two kinds. */
static int find_ids(const cf_h5 *file, const char *side, cf_dataset *d)
{
    int status = CF_OK;
    char name[CF_NAME_MAX];
    snprintf(name, sizeof name, "/%s/id", side);
    CF_TRY(cf_h5_dataset(file, name, d));
    bool strings = d->type == CF_STRING && d->width <= CF_ID_MAX;
    if ((d->type != CF_I64 && !strings) || d->cols != 1)
        status = cf_fail(CF_BAD_DATA,
                         "%s: %s holds neither int64 nor strings of at most "
                         "%d bytes",
                         file->path, name, CF_ID_MAX);
done:
    return status;
}

/* Rows from `begin` on ascend; `before` is the one in front, if any. */
static int check_ids(const cf_h5 *file, const cf_dataset *d, cf_gidx begin,
                     const cf_ids *before, const cf_ids *ids)
{
    for (int64_t i = 0; i < ids->count; i++) {
        bool first = i == 0 && before->count == 0;
        const char *what = NULL;
        if (ids->text && ids->begin[i] == ids->begin[i + 1])
            what = "is empty";
        else if (!first && cf_ids_compare(i > 0 ? ids : before,
                                          CF_MAX(i - 1, 0), ids, i) >= 0)
            what = "does not come after the one before";
        if (what != NULL)
            return cf_fail(CF_BAD_DATA,
                           "%s: %s, row %" CF_PRIgidx ": the id %s", file->path,
                           d->name, begin + i, what);
    }
    return CF_OK;
}

/* Where `count` ids are to be read to: integers to their place, strings to
 * `fields`. */
static void *make_room(cf_ids *ids, const cf_dataset *d, int64_t count,
                       char **fields)
{
    bool text = d->type == CF_STRING;
    cf_ids_make(ids, false, text ? 0 : count, 0);
    *fields = text ? cf_alloc(count, d->width, "id strings") : NULL;
    return text ? (void *)*fields : ids->number;
}

/* Takes up what was read, and frees `fields`. */
static void take_up(cf_ids *ids, const cf_dataset *d, int64_t count,
                    char *fields)
{
    if (fields != NULL)
        cf_ids_from_fields(ids, fields, count, d->width);
    cf_free(fields);
}

int cf_layout_load_ids(const cf_h5 *file, const char *side, cf_gidx begin,
                       cf_gidx count, cf_ids *ids)
{
    static const cf_ids none;
    cf_dataset d;
    char *fields;
    int status = find_ids(file, side, &d);
    if (status != CF_OK)
        return status;
    count = count < 0 ? d.rows : count;
    void *to = make_room(ids, &d, count, &fields);
    status = cf_h5_read(file, &d, begin, count, to);
    take_up(ids, &d, status == CF_OK ? count : 0, fields);
    return status != CF_OK ? status : check_ids(file, &d, begin, &none, ids);
}

int cf_layout_read_ids(const cf_h5 *file, const cf_par *par, const char *side,
                       cf_idmap *map)
{
    int status = CF_OK;
    cf_dataset d;
    cf_ids before = {0};
    char *fields;
    cf_idmap_free(map);
    CF_TRY(cf_agree(par, find_ids(file, side, &d)));
    cf_part_even(&map->part, d.rows, par->size);
    int64_t n = cf_part_count(&map->part, par->rank);
    cf_gidx begin = map->part.begin[par->rank];
    void *to = make_room(&map->ids, &d, n, &fields);
    status = cf_h5_read_slab(file, par, d.name, d.type, 1, begin, n, to);
    take_up(&map->ids, &d, status == CF_OK ? n : 0, fields);
    CF_TRY(status);
    if (begin > 0 && n > 0)
        status = cf_layout_load_ids(file, side, begin - 1, 1, &before);
    if (status == CF_OK)
        status = check_ids(file, &d, begin, &before, &map->ids);
    CF_TRY(cf_agree(par, status));
done:
    cf_ids_free(&before);
    return status;
}

int64_t cf_layout_name_number(const cf_h5 *file, const char *object,
                              const char *attribute, const char *const *names)
{
    cf_text text = {0};
    int64_t found = 0;
    if (cf_h5_text(file, object, attribute, &text)) {
        while (names[found] != NULL && strcmp(names[found], text.data) != 0)
            found++;
        found = names[found] == NULL ? -1 : found;
    }
    cf_text_free(&text);
    return found;
}

int64_t cf_layout_embedding_scale(const cf_h5 *file)
{
    return CF_MAX(0, cf_layout_name_number(file, "/embedding", "rows",
                                           cf_embedding_scales));
}

/* A column of float64, all of it on every rank; its digest is compared. */
static int read_column(const cf_h5 *file, const cf_par *par, const char *name,
                       cf_gidx rows, double **out)
{
    int status = CF_OK;
    cf_part even = {0};
    double *own = NULL;
    cf_part_even(&even, rows, par->size);
    int64_t count = cf_part_count(&even, par->rank);
    own = cf_alloc(count, sizeof *own, "item weights");
    CF_TRY(cf_h5_read_slab(file, par, name, CF_F64, 1, even.begin[par->rank],
                           count, own));
    *out = cf_alloc(rows, sizeof **out, "item weights");
    cf_allgather_rows(par, &even, own, *out, sizeof *own);
done:
    cf_part_free(&even);
    cf_free(own);
    return status;
}

int cf_layout_read_transform(const cf_h5 *file, const cf_par *par,
                             cf_transform *t)
{
    int status = CF_OK;
    cf_dataset items;
    *t =
        (cf_transform){.weighting = cf_layout_name_number(
                           file, "/embedding", "weighting", cf_weighting_names),
                       .centring = cf_layout_name_number(
                           file, "/embedding", "center", cf_centring_names)};
    if (t->weighting < 0 || t->centring < 0)
        CF_TRY(wrong(file, "/embedding has a weighting that is not known"));
    CF_TRY(cf_agree(par, cf_h5_dataset(file, "/embedding/items", &items)));
    t->items = items.rows;
    cf_h5_number(file, "/embedding", "mean_length", &t->mean_length);
    if (t->weighting >= CF_WEIGHT_TFIDF)
        CF_TRY(read_column(file, par, "/embedding/idf", t->items, &t->idf));
    if (t->centring >= CF_CENTRE_ITEM)
        CF_TRY(read_column(file, par, "/embedding/item_mean", t->items,
                           &t->item_mean));
done:
    return status;
}

int cf_layout_read_embedding(const cf_h5 *file, const cf_par *par,
                             const char *side, bool scaled, cf_part *part,
                             float **rows, int *dim)
{
    int status = CF_OK;
    cf_dataset d, values;
    char name[CF_NAME_MAX];
    double *sigma = NULL;
    snprintf(name, sizeof name, "/embedding/%s", side);
    CF_TRY(cf_agree(par, cf_h5_dataset(file, name, &d)));
    CF_TRY(cf_agree(
        par, cf_h5_dataset(file, "/embedding/singular_values", &values)));
    if (d.cols > INT32_MAX || values.rows != d.cols || values.type != CF_F64)
        CF_TRY(wrong(file, "/embedding has parts that do not fit each other"));
    *dim = (int)d.cols;
    cf_part_even(part, d.rows, par->size);
    int64_t n = cf_part_count(part, par->rank);
    *rows = cf_alloc(n * *dim, sizeof **rows, "embedding rows");
    CF_TRY(cf_h5_read_slab(file, par, name, CF_F32, *dim,
                           part->begin[par->rank], n, *rows));
    sigma = cf_alloc(*dim, sizeof *sigma, "singular values");
    CF_TRY(cf_agree(par, cf_h5_read(file, &values, 0, *dim, sigma)));
    if (cf_layout_name_number(file, "/embedding", "rows", cf_embedding_scales) <
        0)
        CF_TRY(wrong(file, "/embedding has user rows of an unknown kind"));
    if (scaled)
        cf_embedding_scale_items(*rows, n, *dim, sigma,
                                 cf_layout_embedding_scale(file));
done:
    cf_free(sigma);
    return status;
}

int cf_layout_read_similarity(const cf_h5 *file, const char *group,
                              enum cf_similarity *by)
{
    cf_text name = {0};
    int number = CF_COSINE;
    if (cf_h5_text(file, group, "similarity", &name))
        number = cf_similarity_find(name.data);
    cf_text_free(&name);
    if (number < 0)
        return cf_fail(CF_BAD_DATA,
                       "%s: %s is by a similarity that is not "
                       "known",
                       file->path, group);
    *by = (enum cf_similarity)number;
    return CF_OK;
}

int cf_layout_read_graph_form(const cf_h5 *file, const char *side,
                              enum cf_graph_form *form)
{
    char group[CF_NAME_MAX];
    snprintf(group, sizeof group, "/graph/%.20s", side);
    int64_t number = cf_layout_name_number(file, group, "form", cf_graph_names);
    if (number <= CF_GRAPH_DIRECTED)
        return cf_fail(CF_BAD_DATA, "%s: %s is of a form that is not known",
                       file->path, group);
    *form = (enum cf_graph_form)number;
    return CF_OK;
}

bool cf_layout_on_ratings(const cf_h5 *file, const char *group)
{
    cf_text space = {0};
    bool on = cf_h5_text(file, group, "space", &space) &&
              strcmp(space.data, "ratings") == 0;
    cf_text_free(&space);
    return on;
}

bool cf_layout_order_fits(const cf_h5 *file, const char *group,
                          enum cf_similarity by)
{
    static const char *const orders[] = {"descending", "ascending", NULL};
    return cf_layout_name_number(file, group, "order", orders) ==
           (by == CF_EUCLIDEAN);
}

const char *cf_layout_queries_among(const cf_h5 *file)
{
    static const char *const sides[] = {"users", "items", NULL};
    const char *group = cf_h5_has(file, "/neighbors/queries")
                            ? "/neighbors/queries"
                            : "/graph/queries";
    return sides[CF_MAX(0, cf_layout_name_number(file, group, "among", sides))];
}

static int check_lists(const cf_h5 *file, const cf_topk *t, cf_gidx limit)
{
    for (int64_t i = 0; i < t->rows; i++) {
        if (t->count[i] < 0 || t->count[i] > t->k)
            return wrong(file, "a list has a count beyond its length");
        for (int64_t c = 0; c < t->count[i]; c++)
            if (t->index[i * t->k + c] < 0 || t->index[i * t->k + c] >= limit)
                return wrong(file, "a list names a row that does not exist");
    }
    return CF_OK;
}

int cf_layout_read_lists(const cf_h5 *file, const cf_par *par,
                         const char *group, cf_gidx rows, cf_gidx limit,
                         cf_part *part, cf_topk *t)
{
    int status = CF_OK;
    cf_dataset d;
    char name[CF_NAME_MAX];
    cf_topk_free(t);
    snprintf(name, sizeof name, "%s/index", group);
    CF_TRY(cf_agree(par, cf_h5_dataset(file, name, &d)));
    if (d.rows != rows)
        CF_TRY(wrong(file, "there is not one list for each row"));
    cf_part_even(part, d.rows, par->size);
    cf_gidx begin = part->begin[par->rank];
    int64_t n = cf_part_count(part, par->rank);
    t->rows = n;
    t->k = t->stride = d.cols;
    t->index = cf_alloc(n * t->k, sizeof *t->index, "lists");
    t->score = cf_alloc(n * t->k, sizeof *t->score, "lists");
    t->count = cf_alloc(n, sizeof *t->count, "lists");
    CF_TRY(cf_h5_read_slab(file, par, name, CF_I64, t->k, begin, n, t->index));
    snprintf(name, sizeof name, "%s/score", group);
    CF_TRY(cf_h5_read_slab(file, par, name, CF_F32, t->k, begin, n, t->score));
    snprintf(name, sizeof name, "%s/count", group);
    CF_TRY(cf_h5_read_slab(file, par, name, CF_I32, 1, begin, n, t->count));
    CF_TRY(cf_agree(par, check_lists(file, t, limit)));
done:
    return status;
}
