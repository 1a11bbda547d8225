#include "newcomers.h"

#include <math.h>
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/log.h"
#include "cfmpi/memory.h"
#include "find_id.h"
#include "top.h"

#define NAMED 5 /* users in a note */

static const char lists[] = "/neighbors/users";

/* ---- what the file is made by ---- */

static int settle_lists(cf_job *job)
{
    int status = CF_OK;
    cf_options *o = job->bent;
    cf_dataset d;
    cf_ratings_measure by;
    cf_transform t;
    CF_TRY(cf_h5_dataset(&job->file, "/neighbors/users/index", &d));
    CF_TRY(cf_layout_read_measure(&job->file, lists, &by, &t));
    if (!cf_options_given(o, "neighbors"))
        o->neighbors = CF_MAX(d.cols, 1);
    o->space = cf_layout_on_ratings(&job->file, lists) ? CF_SPACE_RATINGS
                                                       : CF_SPACE_EMBEDDING;
    o->similarity = by.similarity;
    o->min_overlap = by.min_overlap;
    o->significance = by.significance;
    o->shrinkage = by.shrinkage;
    o->shrinkage_given = true;
    o->alpha = by.alpha;
    o->beta = by.beta;
    o->weighting = t.weighting;
    o->centring = t.centring;
    job->bound = cf_layout_read_bound(&job->file, lists, by.similarity);
    job->bounded = isfinite(job->bound);
done:
    return status;
}

static int settle_top(cf_job *job)
{
    static const char group[] = "/recommendations";
    int status = CF_OK;
    cf_options *o = job->bent;
    cf_dataset d;
    cf_text score = {0};
    double fewest = 0;
    CF_TRY(cf_h5_dataset(&job->file, "/recommendations/index", &d));
    if (!cf_options_given(o, "top"))
        o->top = CF_MAX(d.cols, 1);
    if (!cf_options_given(o, "fill"))
        o->fill = cf_h5_has(&job->file, "/recommendations/filled");
    if (!cf_options_given(o, "min-popularity") &&
        cf_h5_number(&job->file, group, "min_popularity", &fewest))
        o->min_popularity = (int64_t)fewest;
    if (cf_options_given(o, "score") ||
        !cf_h5_text(&job->file, group, "score", &score))
        goto done;
    o->score = cf_score_find(score.data);
    if (o->score < 0)
        CF_TRY(cf_fail(CF_BAD_DATA,
                       "%s: %s are by a score that is not known; give a "
                       "--score",
                       o->input, group));
    if (!cf_options_given(o, "baseline-weight"))
        cf_h5_number(&job->file, group, "baseline_weight", &o->baseline_weight);
done:
    cf_text_free(&score);
    return status;
}

/* Distances are no weights. */
static bool recommends(const cf_job *job)
{
    const cf_options *o = job->o;
    enum cf_score_needs needs = cf_score_about((enum cf_score)o->score)->needs;
    return o->similarity != CF_EUCLIDEAN ||
           needs != CF_SCORE_NEEDS_USER_LISTS || cf_options_given(o, "score");
}

static bool embeds(const cf_job *job)
{
    return job->o->space == CF_SPACE_EMBEDDING ||
           (recommends(job) && job->o->score == CF_SCORE_PURESVD);
}

int cf_newcomers_settle(cf_job *job)
{
    int status = CF_OK;
    const cf_options *o = job->o;
    if (cf_h5_has(&job->file, "/neighbors/users/index"))
        CF_TRY(settle_lists(job));
    if (cf_h5_has(&job->file, "/recommendations/index"))
        CF_TRY(settle_top(job));
    if (embeds(job) && !cf_h5_has(&job->file, "/embedding/users"))
        CF_TRY(cf_fail(CF_BAD_DATA,
                       "%s: has no /embedding, nor neighbours by ratings; make "
                       "them with `cfmpi svd` or `cfmpi neighbors "
                       "--space=ratings`",
                       o->input));
    job->first = job->last = CF_STEP_RECOMMEND;
    if (!recommends(job))
        goto done;
    const char *missing = cf_score_about((enum cf_score)o->score)->needs ==
                                  CF_SCORE_NEEDS_USER_LISTS
                              ? NULL /* those of the newcomers are made */
                              : cf_top_missing(job);
    if (missing != NULL)
        CF_TRY(cf_fail(CF_BAD_DATA, "%s: has no %s", o->input, missing));
    CF_TRY(cf_top_check(job));
done:
    return status;
}

/* ---- reading ---- */

/* A copy whose rows are evenly split. */
static void copy_evenly(cf_csr *out, const cf_par *par, const cf_csr *a)
{
    cf_csr_copy copy = {0};
    *out = (cf_csr){.rows = a->rows, .cols = a->cols};
    cf_part_even(&out->part, a->rows, par->size);
    int64_t n = cf_part_count(&out->part, par->rank);
    cf_gidx *rows = cf_alloc(n, sizeof *rows, "rows");
    for (int64_t i = 0; i < n; i++)
        rows[i] = out->part.begin[par->rank] + i;
    cf_csr_fetch(&copy, a, par, rows, n);
    out->indptr = copy.indptr;
    out->indices = copy.indices;
    out->values = copy.values;
    cf_csr_seal(out, par);
    cf_free(rows);
}

/* Columns that the file does not know stand behind those that it does. */
static void keep_known(cf_csr *a, const cf_par *par, cf_gidx columns)
{
    int64_t kept = 0, begin = 0;
    for (int64_t i = 0; i < a->n_loc; i++) {
        int64_t end = a->indptr[i + 1];
        for (int64_t e = begin; e < end && a->indices[e] < columns; e++) {
            a->indices[kept] = a->indices[e];
            a->values[kept++] = a->values[e];
        }
        begin = end;
        a->indptr[i + 1] = kept;
    }
    a->cols = columns;
    cf_csr_seal(a, par);
}

static void name_strangers(cf_newcomers *n, const cf_job *job)
{
    const cf_par *par = job->par;
    const cf_csr *a = &n->ratings;
    cf_idmap users = {.ids = job->queries.ids};
    cf_text names = {0};
    int64_t count = 0;
    int64_t *own = cf_alloc(a->n_loc, sizeof *own, "known ratings");
    cf_part_gather(&users.part, par, users.ids.count);
    n->known = cf_alloc(a->rows, sizeof *n->known, "known ratings");
    n->strangers = cf_alloc(a->n_loc, sizeof *n->strangers, "new users");
    for (int64_t i = 0; i < a->n_loc; i++) {
        own[i] = a->indptr[i + 1] - a->indptr[i];
        n->strangers[i] = own[i] == 0;
    }
    cf_allgather_rows(par, &a->part, own, n->known, sizeof *own);
    for (cf_gidx u = 0; u < a->rows; u++) {
        if (n->known[u] > 0 || count++ >= NAMED)
            continue;
        cf_text_add(&names, count > 1 ? ", " : "");
        cf_idmap_print(&users, par, u, &names);
    }
    if (count > 0)
        cf_log_note("%" PRId64 " of %" CF_PRIgidx
                    " new users have rated nothing that %s knows, and get "
                    "nothing: %s%s",
                    count, a->rows, job->o->input, names.data,
                    count > NAMED ? " …" : "");
    cf_text_free(&names);
    cf_part_free(&users.part);
    cf_free(own);
}

/* The ratings in columns of the file. */
static int match(cf_newcomers *n, cf_job *job)
{
    int status = CF_OK;
    cf_transform kept = job->transform;
    job->transform = (cf_transform){0};
    copy_evenly(&job->queries.asked.ratings, job->par, &n->as_read);
    status = cf_job_asked_rows(job, &n->ratings, false);
    job->transform = kept;
    CF_TRY(status);
    keep_known(&n->ratings, job->par, job->ratings.cols);
    name_strangers(n, job);
done:
    return status;
}

/* Rows that a list of the file names. */
static int read_named(const cf_job *job, const char *name, cf_rows_named *out)
{
    int status = CF_OK;
    cf_dataset d;
    cf_part even = {0};
    if (!cf_h5_has(&job->file, name) || out->row != NULL)
        return CF_OK;
    CF_TRY(cf_agree(job->par, cf_h5_dataset(&job->file, name, &d)));
    cf_part_even(&even, d.rows, job->par->size);
    out->count = cf_part_count(&even, job->par->rank);
    out->row = cf_alloc(out->count, sizeof *out->row, "rows named");
    CF_TRY(cf_h5_read_slab(&job->file, job->par, name, CF_I64, 1,
                           even.begin[job->par->rank], out->count, out->row));
    for (int64_t i = 0; i < out->count && status == CF_OK; i++)
        if (out->row[i] < 0 || out->row[i] >= job->ratings.cols)
            status =
                cf_fail(CF_BAD_DATA, "%s: %s names a row that does not exist",
                        job->o->input, name);
    CF_TRY(cf_agree(job->par, status));
done:
    cf_part_free(&even);
    return status;
}

int cf_newcomers_read(cf_newcomers *n, cf_job *job)
{
    int status = CF_OK;
    const cf_options *o = job->o;
    n->excluded = -1;
    CF_TRY(cf_job_load(job));
    if (o->exclude_user[0] != '\0')
        CF_TRY(cf_find_id(job, &job->tables.users, "exclude-user", "user",
                          o->exclude_user, &n->excluded));
    CF_TRY(cf_top_read(job));
    CF_TRY(read_named(job, "/recommendations/allow", &job->allow));
    CF_TRY(read_named(job, "/recommendations/exclude", &job->exclude));
    CF_TRY(cf_job_read_asked(job, false));
    copy_evenly(&n->as_read, job->par, &job->queries.asked.ratings);
    cf_csr_free(&job->queries.asked.ratings);
    job->queries.others = true;
    CF_TRY(match(n, job));
    if (embeds(job))
        CF_TRY(cf_job_load_embedding(job));
done:
    return status;
}

/* ---- neighbours ---- */

static int fold_in(cf_newcomers *n, cf_job *job)
{
    int status = CF_OK;
    const cf_embedding *e = &job->embedding;
    cf_csr a = n->ratings;
    float *values =
        cf_alloc(a.indptr[a.n_loc], sizeof *values, "weighted ratings");
    CF_TRY(
        cf_job_weigh(job->par, &job->transform, &a, values, job->o->queries));
    a.values = values;
    n->rows = cf_alloc(a.n_loc * e->dim, sizeof *n->rows, "new users");
    cf_svd_fold_in(e, &a, job->par, n->rows);
done:
    cf_free(values);
    return status;
}

static int find_by_vectors(cf_newcomers *n, cf_job *job, int64_t k)
{
    int status = CF_OK;
    const cf_embedding *e = &job->embedding;
    enum cf_similarity by = (enum cf_similarity)job->o->similarity;
    int64_t values = n->ratings.n_loc * e->dim;
    cf_points base = {&e->user_part, e->users, "/embedding/users"};
    cf_points asked = {&n->ratings.part,
                       cf_alloc(values, sizeof *asked.rows, "new users"),
                       job->o->queries};
    for (int64_t i = 0; i < values; i++)
        asked.rows[i] = n->rows[i];
    if (job->bounded)
        CF_TRY(cf_neighbors_query_within(&n->found, job->par, &base, &asked,
                                         e->dim, k, by, job->bound));
    else
        CF_TRY(cf_neighbors_query(&n->found, job->par, &base, &asked, e->dim, k,
                                  by));
done:
    cf_free(asked.rows);
    return status;
}

static int find_by_ratings(cf_newcomers *n, cf_job *job, int64_t k)
{
    int status = CF_OK;
    cf_neighbors none = {0};
    cf_queries *q = &job->queries;
    copy_evenly(&q->asked.ratings, job->par, &n->as_read);
    job->bent->neighbors = k;
    CF_TRY(cf_job_compare_ratings(job, false, &none, NULL));
    cf_neighbors_free(&n->found);
    n->found = q->found;
    q->found = (cf_neighbors){0};
done:
    return status;
}

static int find(cf_newcomers *n, cf_job *job, int64_t k)
{
    return job->o->space == CF_SPACE_EMBEDDING ? find_by_vectors(n, job, k)
                                               : find_by_ratings(n, job, k);
}

static bool is_listed(const cf_topk *t, int64_t row, cf_gidx index)
{
    for (int64_t i = 0; i < t->count[row]; i++)
        if (t->index[row * t->stride + i] == index)
            return true;
    return false;
}

/* Lists that may have left out the excluded user as one of several that tie:
 * how many these are cannot be told. */
static int64_t unsettled(const cf_topk *t, int64_t k, cf_gidx excluded)
{
    int64_t count = 0;
    for (int64_t i = 0; i < t->rows; i++) {
        const float *s = t->score + i * t->stride;
        count += t->count[i] == t->k && t->ties[i] > 0 &&
                 !(s[k - 1] > s[t->k - 1] || s[k - 1] < s[t->k - 1]) &&
                 !is_listed(t, i, excluded);
    }
    return count;
}

static bool same(float x, float y)
{
    return !(x < y) && !(x > y);
}

/* One of the longer lists becomes a list of k without a row. */
static void take_without(cf_topk *out, const cf_topk *t, int64_t row,
                         cf_gidx excluded, bool distance)
{
    int64_t have = 0, k = out->k, count = t->count[row];
    float *score = cf_alloc(count, sizeof *score, "list");
    cf_gidx *index = cf_alloc(count, sizeof *index, "list");
    for (int64_t i = row * t->stride; i < row * t->stride + count; i++)
        if (t->index[i] != excluded) {
            score[have] = t->score[i];
            index[have++] = t->index[i];
        }
    for (int64_t i = 0; i < k; i++) {
        out->score[row * k + i] = i < have ? score[i] : NAN;
        out->index[row * k + i] = i < have ? index[i] : -1;
    }
    out->count[row] = (int32_t)CF_MIN(have, k);
    out->ties[row] = 0;
    out->gap[row] = NAN;
    if (have > k) {
        out->gap[row] =
            distance ? score[k] - score[k - 1] : score[k - 1] - score[k];
        for (int64_t i = k; i < have && same(score[i], score[k - 1]); i++)
            out->ties[row]++;
        if (out->ties[row] == have - k && count == t->k &&
            same(t->score[row * t->stride + count - 1], score[k - 1]))
            out->ties[row] += t->ties[row];
    }
    cf_free(score);
    cf_free(index);
}

/* As if the excluded user were not in the file: longer lists, of which one
 * entry is left out. */
static int find_without(cf_newcomers *n, cf_job *job)
{
    int status = CF_OK;
    int64_t k = job->o->neighbors, more = 2, open = 1;
    cf_topk kept = {0};
    for (; open > 0; more *= 2) {
        CF_TRY(find(n, job, k + more));
        open = cf_sum_i64(job->par, unsettled(&n->found.lists, k, n->excluded));
    }
    job->bent->neighbors = k;
    cf_topk_init(&kept, n->found.lists.rows, k);
    kept.stride = k;
    for (int64_t i = 0; i < kept.rows; i++)
        take_without(&kept, &n->found.lists, i, n->excluded,
                     job->o->similarity == CF_EUCLIDEAN);
    cf_topk_free(&n->found.lists);
    n->found.lists = kept;
done:
    return status;
}

/* Empties the lists of users of whom nothing is known. */
static void empty(cf_topk *t, const int64_t *strangers)
{
    for (int64_t i = 0; i < t->rows; i++) {
        if (!strangers[i])
            continue;
        for (int64_t e = i * t->stride; e < i * t->stride + t->k; e++) {
            t->score[e] = NAN;
            t->index[e] = -1;
        }
        t->count[i] = t->ties[i] = 0;
        t->gap[i] = NAN;
    }
}

int cf_newcomers_find(cf_newcomers *n, cf_job *job)
{
    int status = CF_OK;
    cf_report_begin(job->report, "neighbors", "pairs");
    if (embeds(job))
        CF_TRY(fold_in(n, job));
    CF_TRY(n->excluded >= 0 ? find_without(n, job)
                            : find(n, job, job->o->neighbors));
    empty(&n->found.lists, n->strangers);
    job->report->neighbors.pairs = n->found.pairs;
    job->report->neighbors.skipped = n->found.skipped;
    job->report->neighbors.similarity =
        cf_similarity_about((enum cf_similarity)job->o->similarity)->name;
    job->report->neighbors.kernel = n->found.kernel;
done:
    cf_report_end(job->report);
    return status;
}

/* ---- recommendations ---- */

/* The embedding is then that of the new users. */
static void take_place(const cf_newcomers *n, cf_embedding *e)
{
    int64_t values = n->ratings.n_loc * e->dim;
    cf_free(e->users);
    cf_part_free(&e->user_part);
    cf_part_copy(&e->user_part, &n->ratings.part);
    e->users = cf_alloc(values, sizeof *e->users, "new users");
    for (int64_t i = 0; i < values; i++)
        e->users[i] = n->rows[i];
}

/* Biases of the new users, the items' being as they are. */
static void fit_users(const cf_newcomers *n, const cf_job *job, cf_baseline *b)
{
    cf_free(b->user);
    b->user = cf_alloc(n->ratings.rows, sizeof *b->user, "biases of users");
    cf_baseline_side(b->user, b->item, &n->ratings, job->par, b->mean,
                     CF_BASELINE_USER);
}

int cf_newcomers_recommend(cf_newcomers *n, cf_job *job)
{
    int status = CF_OK;
    cf_top_from top = {0};
    if (!recommends(job)) {
        cf_log_note("%s: its neighbours are by distance, which is no weight "
                    "for their ratings: nothing is recommended unless --score "
                    "names a score without them",
                    job->o->input);
        return CF_OK;
    }
    cf_report_begin(job->report, "recommend", "users");
    if (n->rows != NULL)
        take_place(n, &job->embedding);
    job->user_neighbors = n->found; /* lent */
    CF_TRY(cf_top_find(job, &top));
    if (job->o->baseline_weight > 0)
        fit_users(n, job, &top.baseline);
    top.from.others = &n->ratings;
    cf_recommend(&n->top, job->par, &top.from, &top.how);
    empty(&n->top.lists, n->strangers);
    for (int64_t i = 0; i < n->ratings.n_loc && n->top.filled != NULL; i++)
        n->top.filled[i] = n->strangers[i] ? 0 : n->top.filled[i];
    n->recommended = true;
done:
    job->user_neighbors = (cf_neighbors){0};
    cf_top_free(&top);
    cf_report_end(job->report);
    return status;
}

/* ---- writing ---- */

static void add_users(const cf_newcomers *n, const cf_job *job, cf_writer *w)
{
    const cf_csr *a = &n->ratings;
    cf_gidx begin = a->part.begin[w->par->rank];
    int64_t *count = cf_alloc(a->n_loc, sizeof *count, "ratings of users");
    for (int64_t i = 0; i < a->n_loc; i++)
        count[i] = n->as_read.indptr[i + 1] - n->as_read.indptr[i];
    cf_writer_keep(w, count);
    cf_layout_add_ids(w, "/queries/id", a->rows,
                      cf_exscan_i64(w->par, job->queries.ids.count),
                      &job->queries.ids, "ids of the new users");
    cf_writer_add(w, "/queries/count", CF_I64, a->rows, 1, 1, begin, a->n_loc,
                  count, "ratings of each new user", NULL, 0);
    cf_writer_add(w, "/queries/known", CF_I64, a->rows, 1, 1, begin, a->n_loc,
                  n->known + begin,
                  "those of items that are in /items; without any there are no "
                  "lists",
                  NULL, 0);
    if (n->rows != NULL)
        cf_writer_add(w, "/queries/vectors", CF_F32, a->rows,
                      job->embedding.dim, 2, begin, a->n_loc, n->rows,
                      "the new users, as user rows of the embedding", NULL, 0);
    cf_writer_text(w, "/queries", "source", job->queries.source.data);
}

void cf_newcomers_add(const cf_newcomers *n, const cf_job *job, cf_writer *w)
{
    static const char group[] = "/neighbors/queries";
    const cf_options *o = job->o;
    enum cf_similarity by = (enum cf_similarity)o->similarity;
    bool rated = o->space == CF_SPACE_RATINGS;
    cf_ratings_measure measure = cf_job_measure(job);
    add_users(n, job, w);
    cf_layout_add_queries(w, "users", rated ? "ratings" : "embedding", by,
                          &n->found, job->ratings.rows);
    if (rated)
        cf_layout_add_measure(w, group, &measure, &job->transform);
    if (job->bounded)
        cf_layout_add_bound(w, group, by, job->bound);
    if (n->excluded >= 0)
        cf_writer_integer(w, group, "excluded", n->excluded);
    if (!n->recommended)
        return;
    cf_layout_add_query_recommendations(w, &n->top, (enum cf_score)o->score,
                                        job->ratings.cols);
    if (o->baseline_weight > 0)
        cf_writer_real(w, "/recommendations/queries", "baseline_weight",
                       o->baseline_weight);
    if (o->min_popularity > 0)
        cf_writer_integer(w, "/recommendations/queries", "min_popularity",
                          o->min_popularity);
}

void cf_newcomers_free(cf_newcomers *n)
{
    cf_csr_free(&n->as_read);
    cf_csr_free(&n->ratings);
    cf_free(n->rows);
    cf_neighbors_free(&n->found);
    cf_recommendations_free(&n->top);
    cf_free(n->known);
    cf_free(n->strangers);
    *n = (cf_newcomers){0};
}
