/* The ratings of --queries with --space=ratings: rows that are compared with
 * those of the input over the columns that both know. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/file.h"
#include "cfmpi/log.h"
#include "cfmpi/memory.h"
#include "job.h"

/* ---- reading ---- */

/* Names that end as those of vectors do. Rank 0. */
static int check_name(const char *path)
{
    cf_vectors_source s = {.found = false};
    bool vectors = cf_vectors_find(&s, path);
    if (!vectors || cf_h5_is_hdf5(s.file))
        return CF_OK;
    return cf_fail(CF_USAGE,
                   "--queries: %s holds vectors, and --space=ratings compares "
                   "ratings; leave out --space",
                   path);
}

/* A file as `ingest` takes it. All users and items stay, whatever rules there
 * are for those of the base. */
static int read_ratings(cf_job *from, const cf_job *job)
{
    cf_options *o = cf_alloc(1, sizeof *o, "options");
    *o = *job->o;
    snprintf(o->input, sizeof o->input, "%s", job->o->queries);
    snprintf(o->inputs, sizeof o->inputs, "%s", job->o->queries);
    o->titles[0] = '\0';
    o->min_user_ratings = o->min_item_ratings = 0;
    o->keep_time = false;
    from->bent = o;
    from->o = o;
    return cf_job_ingest(from);
}

static int read_result(cf_job *from, const cf_job *job)
{
    int status = CF_OK;
    const char *path = job->o->queries;
    cf_report_begin(job->report, "ingest", "bytes");
    CF_TRY(cf_h5_open(&from->file, from->par, path));
    if (!cf_h5_has(&from->file, "/ratings/indptr"))
        CF_TRY(cf_fail(CF_BAD_DATA, "%s: has no /ratings", path));
    CF_TRY(cf_layout_read_ratings(&from->file, from->par, &from->ratings));
    CF_TRY(cf_layout_read_ids(&from->file, from->par, "users",
                              &from->tables.users));
    CF_TRY(cf_layout_read_ids(&from->file, from->par, "items",
                              &from->tables.items));
    cf_text_add(&from->input, "{\"name\": ");
    cf_text_json(&from->input, cf_base_name(path));
    cf_text_add(&from->input, ", \"dataset\": \"/ratings\"}");
done:
    cf_report_end(job->report);
    return cf_agree(from->par, status);
}

static int read_file(cf_job *from, const cf_job *job)
{
    int status = CF_OK;
    bool first = job->par->rank == 0;
    const char *path = job->o->queries;
    CF_TRY(cf_agree(job->par, first ? check_name(path) : CF_OK));
    if (cf_max_i64(job->par, first && cf_h5_is_result(path)) > 0)
        CF_TRY(read_result(from, job));
    else
        CF_TRY(read_ratings(from, job));
done:
    return status;
}

/* ---- who is who ---- */

/* Places of all ids of `ids` among those of the base, whose side has `count`;
 * those that it has not come behind. */
static int find_places(cf_gidx **place, const cf_job *job, const cf_idmap *ids,
                       const char *side, cf_gidx count, cf_gidx *unknown)
{
    int status = CF_OK;
    bool users = strcmp(side, "users") == 0;
    cf_idmap loaded = {0};
    const cf_idmap *base = users ? &job->tables.users : &job->tables.items;
    cf_gidx all = cf_part_rows(&ids->part);
    cf_gidx *own = cf_alloc(ids->ids.count, sizeof *own, "places of ids");
    if (job->from_file) {
        CF_TRY(cf_layout_read_ids(&job->file, job->par, side, &loaded));
        base = &loaded;
    }
    cf_idmap_find(base, job->par, &ids->ids, own);
    *place = cf_alloc(all, sizeof **place, "places of ids");
    cf_allgather_rows(job->par, &ids->part, own, *place, sizeof *own);
    *unknown = 0;
    for (cf_gidx i = 0; i < all; i++)
        if ((*place)[i] < 0)
            (*place)[i] = count + (*unknown)++;
    if (count + *unknown > INT32_MAX)
        CF_TRY(cf_fail(CF_BAD_DATA,
                       "%s: its %s and those of %s are more than 2^31-1",
                       job->o->queries, side, job->o->input));
done:
    cf_idmap_free(&loaded);
    cf_free(own);
    return status;
}

/* The columns, that is the other side, have to be known in part. */
static int match(cf_asked *a, const cf_job *job, const cf_tables *t, bool items)
{
    int status = CF_OK;
    cf_gidx users = 0, others = 0;
    const char *side = items ? "users" : "items";
    CF_TRY(find_places(&a->items, job, &t->items, "items", job->ratings.cols,
                       &others));
    if (items)
        CF_TRY(find_places(&a->users, job, &t->users, "users",
                           job->ratings.rows, &users));
    cf_gidx all = items ? a->ratings.rows : a->ratings.cols;
    cf_gidx unknown = items ? users : others;
    if (unknown == all)
        CF_TRY(cf_fail(CF_BAD_DATA,
                       "%s: none of its %" CF_PRIgidx " %s is among those of "
                       "%s, so that nothing can be compared",
                       job->o->queries, all, side, job->o->input));
    if (unknown > 0)
        cf_log_note("%" CF_PRIgidx " of the %" CF_PRIgidx " %s of %s are not "
                    "among those of %s: their ratings %s",
                    unknown, all, side, job->o->queries, job->o->input,
                    job->o->space == CF_SPACE_RATINGS
                        ? "count in the lengths of its rows alone"
                        : "do not count");
done:
    return status;
}

int cf_job_read_asked(cf_job *job, bool items)
{
    int status = CF_OK;
    cf_queries *q = &job->queries;
    cf_job from = {.par = job->par, .report = job->report};
    cf_report kept = *job->report; /* what is told of the input stays */
    CF_TRY(read_file(&from, job));
    job->report->input = kept.input;
    q->asked.ratings = from.ratings;
    from.ratings = (cf_csr){0};
    q->source = from.input;
    from.input = (cf_text){0};
    CF_TRY(match(&q->asked, job, &from.tables, items));
    cf_ids *ids = items ? &from.tables.items.ids : &from.tables.users.ids;
    q->ids = *ids;
    *ids = (cf_ids){0};
done:
    cf_job_free(&from);
    return status;
}

/* ---- as they are compared ---- */

/* What the base has learned, of the items of the queries. */
static void translate(cf_transform *out, const cf_transform *t,
                      const cf_asked *a, cf_gidx users)
{
    *out = *t;
    out->items = a->ratings.cols;
    out->idf = out->item_mean = NULL;
    if (t->idf != NULL)
        out->idf = cf_alloc(out->items, sizeof *out->idf, "item weights");
    if (t->item_mean != NULL)
        out->item_mean =
            cf_alloc(out->items, sizeof *out->item_mean, "item means");
    for (cf_gidx j = 0; j < out->items; j++) {
        bool known = a->items[j] < t->items;
        if (t->idf != NULL)
            out->idf[j] = known ? t->idf[a->items[j]] : log((double)users);
        if (t->item_mean != NULL)
            out->item_mean[j] = known ? t->item_mean[a->items[j]] : 0;
    }
}

typedef struct entry {
    cf_lidx column;
    float value;
} entry;

static int by_column(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    return (x->column > y->column) - (x->column < y->column);
}

/* Gives every column a new number, and orders the rows by them. */
static void renumber(cf_csr *a, const cf_gidx *number, cf_gidx columns)
{
    int64_t longest = 0;
    for (int64_t i = 0; i < a->n_loc; i++)
        longest = CF_MAX(longest, a->indptr[i + 1] - a->indptr[i]);
    entry *row = cf_alloc(longest, sizeof *row, "row of ratings");
    for (int64_t i = 0; i < a->n_loc; i++) {
        int64_t begin = a->indptr[i], n = a->indptr[i + 1] - begin;
        for (int64_t e = 0; e < n; e++)
            row[e] = (entry){(cf_lidx)number[a->indices[begin + e]],
                             a->values[begin + e]};
        qsort(row, (size_t)n, sizeof *row, by_column);
        for (int64_t e = 0; e < n; e++) {
            a->indices[begin + e] = row[e].column;
            a->values[begin + e] = row[e].value;
        }
    }
    a->cols = columns;
    cf_free(row);
}

/* The ratings weighted as those of the base are. */
static int weigh(cf_job *job, cf_csr *a)
{
    int status = CF_OK;
    cf_transform t = {0};
    if (cf_transform_is_none(&job->transform))
        return CF_OK;
    translate(&t, &job->transform, &job->queries.asked, job->ratings.rows);
    float *values =
        cf_alloc(a->indptr[a->n_loc], sizeof *values, "weighted ratings");
    CF_TRY(cf_job_weigh(job->par, &t, a, values, job->o->queries));
    cf_free(a->values);
    a->values = values;
    values = NULL;
done:
    cf_free(values);
    cf_transform_free(&t);
    return status;
}

int cf_job_asked_rows(cf_job *job, cf_csr *rows, bool items)
{
    int status = CF_OK;
    cf_asked *a = &job->queries.asked;
    cf_gidx columns = items ? job->ratings.rows : job->ratings.cols;
    const cf_gidx *number = items ? a->users : a->items;
    CF_TRY(weigh(job, &a->ratings));
    if (items) {
        cf_csr_transpose(rows, &a->ratings, job->par);
        cf_csr_free(&a->ratings);
    } else {
        *rows = a->ratings;
        a->ratings = (cf_csr){0};
    }
    cf_gidx all = columns;
    for (cf_gidx c = 0; c < rows->cols; c++)
        all = CF_MAX(all, number[c] + 1);
    renumber(rows, number, all);
done:
    return status;
}
