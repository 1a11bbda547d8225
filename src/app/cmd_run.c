/* The main job and its parts: run, ingest, svd, neighbors and recommend are
 * one pipeline
 *
 *     ratings -> ingest -> svd (+ certify) -> neighbors -> recommend -> write
 *
 * that begins at what the input file already holds and ends at what the
 * command asks for. What lies before the beginning is carried over. Dense
 * vectors have neighbours only. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cfmpi/exchange.h"
#include "cfmpi/file.h"
#include "cfmpi/log.h"
#include "cfmpi/memory.h"
#include "cfmpi/ratings_text.h"
#include "cfmpi/titles.h"
#include "commands.h"
#include "job.h"
#include "top.h"

/* ---- where to begin and where to end ---- */

static enum cf_step last_step(const cf_options *o)
{
    switch (o->command) {
    case CF_CMD_INGEST: return CF_STEP_INGEST;
    case CF_CMD_SVD: return CF_STEP_SVD;
    case CF_CMD_NEIGHBORS: return CF_STEP_NEIGHBORS;
    default: return CF_STEP_RECOMMEND;
    }
}

/* Whether the file has the lists of a side that are asked for. */
static bool has_lists(const cf_job *job, const char *side)
{
    char name[CF_NAME_MAX], other[CF_NAME_MAX];
    snprintf(name, sizeof name, "/neighbors/%s", side);
    snprintf(other, sizeof other, "/overlap/%s", side);
    return cf_h5_has(&job->file, name) &&
           (job->o->space != CF_SPACE_BOTH || cf_h5_has(&job->file, other));
}

/* The first step whose result the file lacks. */
static enum cf_step first_missing(const cf_job *job)
{
    const cf_h5 *f = &job->file;
    bool users = job->o->side != CF_SIDE_ITEMS;
    bool items = job->o->side != CF_SIDE_USERS;
    if (!cf_h5_has(f, "/ratings/indptr"))
        return CF_STEP_INGEST;
    bool listed = (!users || has_lists(job, "users")) &&
                  (!items || has_lists(job, "items"));
    bool whole = job->last != CF_STEP_RECOMMEND || cf_top_missing(job) == NULL;
    if (job->o->command == CF_CMD_RECOMMEND)
        return whole ? CF_STEP_RECOMMEND : CF_STEP_NEIGHBORS;
    if (listed && whole && job->last == CF_STEP_RECOMMEND)
        return CF_STEP_RECOMMEND;
    if (cf_job_embeds(job) && !cf_h5_has(f, "/embedding/users"))
        return CF_STEP_SVD;
    return listed && whole ? CF_STEP_RECOMMEND : CF_STEP_NEIGHBORS;
}

/* Whether an option says how --queries are read, if not the input. */
static bool reads_queries(const cf_job *job, const char *option)
{
    return job->o->queries[0] != '\0' && !cf_job_embeds(job) &&
           strcmp(option, "titles") != 0 && strcmp(option, "keep-time") != 0 &&
           strncmp(option, "min-", 4) != 0;
}

/* Options of steps that are done already would be silently ignored. */
static int check_unused(const cf_job *job)
{
    static const struct {
        const char *name;
        enum cf_step step;
        const char *part;
    } of[] = {{"format", CF_STEP_INGEST, "ratings"},
              {"titles", CF_STEP_INGEST, "ratings"},
              {"duplicates", CF_STEP_INGEST, "ratings"},
              {"on-bad-row", CF_STEP_INGEST, "ratings"},
              {"columns", CF_STEP_INGEST, "ratings"},
              {"missing", CF_STEP_INGEST, "ratings"},
              {"scale", CF_STEP_INGEST, "ratings"},
              {"rating-range", CF_STEP_INGEST, "ratings"},
              {"time-range", CF_STEP_INGEST, "ratings"},
              {"binarize", CF_STEP_INGEST, "ratings"},
              {"min-user-ratings", CF_STEP_INGEST, "ratings"},
              {"min-item-ratings", CF_STEP_INGEST, "ratings"},
              {"keep-time", CF_STEP_INGEST, "ratings"},
              {"dim", CF_STEP_SVD, "embedding"},
              {"tol", CF_STEP_SVD, "embedding"},
              {"max-passes", CF_STEP_SVD, "embedding"},
              {"svd", CF_STEP_SVD, "embedding"},
              {"variance", CF_STEP_SVD, "embedding"},
              {"weighting", CF_STEP_SVD, "embedding"},
              {"center", CF_STEP_SVD, "embedding"},
              {"embedding", CF_STEP_SVD, "embedding"},
              {"start", CF_STEP_SVD, "embedding"},
              {"neighbors", CF_STEP_NEIGHBORS, "neighbours"},
              {"similarity", CF_STEP_NEIGHBORS, "neighbours"},
              {"min-similarity", CF_STEP_NEIGHBORS, "neighbours"},
              {"graph", CF_STEP_NEIGHBORS, "neighbours"},
              {"space", CF_STEP_NEIGHBORS, "neighbours"},
              {"min-overlap", CF_STEP_NEIGHBORS, "neighbours"},
              {"significance", CF_STEP_NEIGHBORS, "neighbours"},
              {"shrinkage", CF_STEP_NEIGHBORS, "neighbours"},
              {"alpha", CF_STEP_NEIGHBORS, "neighbours"},
              {"beta", CF_STEP_NEIGHBORS, "neighbours"}};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        if (of[i].step >= job->first || !cf_options_given(job->o, of[i].name) ||
            (of[i].step == CF_STEP_SVD && !cf_job_embeds(job)) ||
            (of[i].step == CF_STEP_INGEST && reads_queries(job, of[i].name)))
            continue;
        else if (job->from_vectors)
            return cf_fail(CF_USAGE,
                           "%s: holds vectors, so --%s has nothing to set; "
                           "leave it out",
                           job->o->input, of[i].name);
        else
            return cf_fail(CF_USAGE,
                           "%s: holds %s already, so --%s has nothing to "
                           "set; start from an earlier file or leave it out",
                           job->o->input, of[i].part, of[i].name);
    return CF_OK;
}

static int choose_steps(cf_job *job)
{
    const cf_options *o = job->o;
    const char *path = o->input;
    enum cf_step missing;
    job->last = last_step(o);
    job->first = CF_STEP_INGEST;
    if ((job->from_file || job->from_vectors) &&
        strchr(o->inputs, '\n') != NULL)
        return cf_fail(CF_USAGE,
                       "%s: is a %s file, which is read alone; give it no "
                       "other inputs beside it",
                       path, job->from_file ? "result" : "vector");
    if (!job->from_file && cf_file_same(path, o->output))
        return cf_fail(CF_USAGE, "%s: is the input and the output", path);
    if (!job->from_file && o->command == CF_CMD_RECOMMEND)
        return access(path, F_OK) != 0
                   ? cf_fail(CF_NO_INPUT, "%s: %s", path, strerror(errno))
                   : cf_fail(CF_USAGE,
                             "%s: recommend needs a result file; make one "
                             "with `cfmpi run`",
                             path);
    if (job->from_vectors) {
        job->first = CF_STEP_NEIGHBORS;
        return check_unused(job);
    }
    if (!job->from_file)
        return CF_OK;
    missing = first_missing(job);
    if (missing == CF_STEP_INGEST)
        return cf_fail(CF_BAD_DATA, "%s: has no /ratings", path);
    if (o->command == CF_CMD_INGEST)
        return cf_fail(CF_USAGE, "%s: is a matrix file already", path);
    if (o->command == CF_CMD_RECOMMEND && missing < CF_STEP_RECOMMEND)
        return cf_fail(CF_BAD_DATA, "%s: has no %s", path, cf_top_missing(job));
    /* /ratings are there: ingest is behind, whatever else is wanted. */
    job->first = CF_MAX(CF_MIN(missing, job->last), CF_STEP_SVD);
    return check_unused(job);
}

static int open_input(cf_job *job)
{
    int status = CF_OK;
    job->from_file = cf_max_i64(job->par, job->par->rank == 0 &&
                                              cf_h5_is_result(job->o->input));
    if (job->from_file)
        CF_TRY(cf_h5_open(&job->file, job->par, job->o->input));
    else
        CF_TRY(cf_job_find_vectors(job));
    CF_TRY(cf_agree(job->par, choose_steps(job)));
    CF_TRY(cf_agree(job->par, cf_top_check(job)));
    if (job->last == CF_STEP_NEIGHBORS)
        CF_TRY(cf_agree(job->par, cf_queries_begin(&job->queries, job->o)));
    CF_TRY(cf_agree(job->par, cf_job_find_bound(job)));
    CF_TRY(cf_agree(job->par, cf_job_check_similarity(job)));
done:
    return status;
}

/* ---- the ratings ---- */

/* The matrix of the input file, where a later step needs it; its sizes for
 * the report in any case. */
static int load_ratings(cf_job *job)
{
    int status = CF_OK;
    cf_dataset users, items, values;
    if (job->last == CF_STEP_NEIGHBORS && job->first == CF_STEP_NEIGHBORS &&
        !cf_job_compares_ratings(job)) {
        CF_TRY(cf_h5_dataset(&job->file, "/users/id", &users));
        CF_TRY(cf_h5_dataset(&job->file, "/items/id", &items));
        CF_TRY(cf_h5_dataset(&job->file, "/ratings/values", &values));
        job->ratings.rows = users.rows;
        job->ratings.cols = items.rows;
        job->ratings.nnz = values.rows;
        goto done;
    }
    cf_report_begin(job->report, "ingest", "bytes");
    CF_TRY(cf_layout_read_ratings(&job->file, job->par, &job->ratings));
    cf_report_end(job->report);
done:
    return cf_agree(job->par, status);
}

/* ---- queries ---- */

static bool has_queries(const cf_job *job)
{
    return job->queries.others || job->queries.some;
}

/* Finds the rows that --only names. */
static int choose_rows(cf_job *job)
{
    int status = CF_OK;
    bool items = job->o->side == CF_SIDE_ITEMS;
    const char *side = items ? "items" : "users";
    cf_gidx rows = items ? job->ratings.cols : job->ratings.rows;
    char whose[CF_PATH_MAX + 64];
    cf_idmap map = {0};
    const cf_idmap *ids = items ? &job->tables.items : &job->tables.users;
    if (job->from_vectors) {
        rows = cf_part_rows(&job->vectors.part);
        snprintf(whose, sizeof whose,
                 "the numbers of the rows, 0 to %" CF_PRIgidx, rows - 1);
        ids = NULL;
    } else {
        snprintf(whose, sizeof whose, "the %s of %s", side, job->o->input);
    }
    if (job->from_file) {
        CF_TRY(cf_layout_read_ids(&job->file, job->par, side, &map));
        ids = &map;
    }
    CF_TRY(
        cf_queries_choose(&job->queries, job->par, job->o, ids, rows, whose));
done:
    cf_idmap_free(&map);
    return status;
}

/* Before the embedding is made: what is wrong with queries is soon said. */
static int read_queries(cf_job *job)
{
    int status = CF_OK;
    bool items = job->o->side == CF_SIDE_ITEMS;
    if (!has_queries(job))
        return CF_OK;
    if (job->queries.others && !cf_job_embeds(job))
        return cf_job_read_asked(job, items);
    cf_report_begin(job->report, "ingest", "bytes");
    status = job->queries.some
                 ? choose_rows(job)
                 : cf_queries_read(&job->queries, job->par, job->o, items);
    cf_report_end(job->report);
    return status;
}

/* ---- neighbours ---- */

/* Vectors as they were read; the caller frees them. */
static void take_vectors(cf_job *job, cf_part *part, float **rows, int *dim)
{
    cf_vectors *v = &job->vectors;
    *part = v->part;
    *rows = v->rows;
    *dim = v->dim;
    v->part = (cf_part){0};
    v->rows = NULL;
}

int cf_job_embedding_rows(cf_job *job, const char *side, bool items,
                          cf_part *part, float **rows, int *dim)
{
    const cf_embedding *e = &job->embedding;
    if (job->first > CF_STEP_SVD)
        return cf_layout_read_embedding(&job->file, job->par, side, items, part,
                                        rows, dim);
    const cf_part *from = items ? &e->item_part : &e->user_part;
    size_t bytes = (size_t)e->dim * sizeof **rows;
    *dim = e->dim;
    cf_part_even(part, cf_part_rows(from), job->par->size);
    int64_t n = cf_part_count(part, job->par->rank);
    *rows = cf_alloc(n * e->dim, sizeof **rows, "embedding rows");
    cf_repartition_rows(job->par, from, items ? e->items : e->users, part,
                        *rows, bytes);
    if (items)
        cf_embedding_scale_items(*rows, n, e->dim, e->sigma, e->scale);
    return CF_OK;
}

static int dense_neighbors(cf_job *job, const char *side, bool items,
                           cf_neighbors *out, cf_graph *graph)
{
    int status = CF_OK, dim;
    cf_part part = {0};
    cf_queries *q = &job->queries;
    cf_points points = {&part, NULL,
                        job->from_vectors ? job->vectors.name
                        : items           ? "/embedding/items"
                                          : "/embedding/users"};
    if (job->from_vectors)
        take_vectors(job, &part, &points.rows, &dim);
    else
        CF_TRY(
            cf_job_embedding_rows(job, side, items, &part, &points.rows, &dim));
    cf_job_count_zeros(job, &points, dim,
                       items ? &job->item_oddities : &job->user_oddities);
    if (has_queries(job)) {
        CF_TRY(cf_queries_find(q, job->par, job->o, &points, dim,
                               !job->from_vectors));
    } else {
        CF_TRY(cf_job_find_neighbors(job, &part, points.rows, dim, points.what,
                                     out, graph));
    }
done:
    cf_part_free(&part);
    cf_free(points.rows);
    return status;
}

static void report_neighbors(cf_job *job, const cf_neighbors *out)
{
    job->report->neighbors.pairs += out->pairs;
    job->report->neighbors.skipped += out->skipped;
    job->report->neighbors.rows_tied += out->rows_tied;
    job->report->neighbors.travelled += out->travelled;
    job->report->neighbors.similarity =
        cf_similarity_about((enum cf_similarity)job->o->similarity)->name;
    job->report->neighbors.kernel = out->kernel;
}

static int side_neighbors(cf_job *job, const char *side, bool items,
                          cf_neighbors *out, cf_graph *graph)
{
    int status = CF_OK;
    if (job->o->space == CF_SPACE_BOTH && !job->from_vectors) {
        cf_neighbors *rated = items ? &job->item_rated : &job->user_rated;
        CF_TRY(cf_job_compare_ratings(job, items, rated, NULL));
        report_neighbors(job, rated);
    }
    if (cf_job_embeds(job))
        CF_TRY(dense_neighbors(job, side, items, out, graph));
    else
        CF_TRY(cf_job_compare_ratings(job, items, out, graph));
    report_neighbors(job, has_queries(job) ? &job->queries.found : out);
done:
    return status;
}

static int neighbors(cf_job *job)
{
    int status = CF_OK;
    cf_report_begin(job->report, "neighbors", "pairs");
    if (job->from_vectors || job->o->side & CF_SIDE_USERS)
        CF_TRY(side_neighbors(job, "users", false, &job->user_neighbors,
                              &job->user_graph));
    if (!job->from_vectors && job->o->side & CF_SIDE_ITEMS)
        CF_TRY(side_neighbors(job, "items", true, &job->item_neighbors,
                              &job->item_graph));
    if (job->o->space == CF_SPACE_BOTH && job->o->side & CF_SIDE_USERS)
        cf_job_find_overlap(job, false);
    if (job->o->space == CF_SPACE_BOTH && job->o->side & CF_SIDE_ITEMS)
        cf_job_find_overlap(job, true);
done:
    cf_report_end(job->report);
    return status;
}

/* ---- write ---- */

static void add_root(cf_job *job, cf_writer *w)
{
    cf_text command = {0};
    cf_options_json(job->o, &command);
    cf_job_add_root(w, job->o, command.data);
    if (!job->from_file)
        cf_writer_text(w, "/", "input", job->input.data);
    cf_text_free(&command);
}

/* Groups of lists, and whether this run has made them. */
static bool makes(const cf_job *job, int group)
{
    const cf_neighbors *const made[] = {
        &job->user_neighbors, &job->item_neighbors, &job->queries.found};
    return made[group]->lists.gap != NULL;
}

static const char *const list_groups[] = {
    "/neighbors/users", "/neighbors/items", "/neighbors/queries"};

enum { LIST_GROUPS = sizeof list_groups / sizeof *list_groups };

/* Lists of the input stand as long as the embedding that they are on. */
static bool carries(const cf_job *job, int group)
{
    return job->from_file && job->first >= CF_STEP_NEIGHBORS &&
           !makes(job, group) && !(group == 2 && has_queries(job)) &&
           cf_h5_has(&job->file, list_groups[group]);
}

static int add_carried(cf_job *job, cf_writer *w)
{
    static const char *const groups[] = {"/users", "/items", "/ratings"};
    int status = CF_OK;
    cf_text input = {0};
    for (int i = 0; i < 3; i++)
        CF_TRY(cf_writer_carry(w, &job->file, groups[i]));
    if (job->first > CF_STEP_SVD)
        CF_TRY(cf_writer_carry(w, &job->file, "/embedding"));
    for (int g = 0; g < LIST_GROUPS; g++)
        if (carries(job, g))
            CF_TRY(cf_writer_carry(w, &job->file, list_groups[g]));
    if (job->first >= CF_STEP_NEIGHBORS && !has_queries(job))
        CF_TRY(cf_writer_carry(w, &job->file, "/queries"));
    if (job->first == CF_STEP_NEIGHBORS && carries(job, 0))
        CF_TRY(cf_writer_carry(w, &job->file, "/recommendations"));
    CF_TRY(cf_job_carry_graphs(job, w));
    CF_TRY(cf_job_carry_both(job, w));
    if (cf_h5_text(&job->file, "/", "input", &input))
        cf_writer_text(w, "/", "input", input.data);
done:
    cf_text_free(&input);
    return status;
}

static int add_neighbors(cf_job *job, cf_writer *w)
{
    int status = CF_OK;
    enum cf_similarity by = (enum cf_similarity)job->o->similarity, other;
    const char *space = job->from_vectors    ? "vectors"
                        : cf_job_embeds(job) ? "embedding"
                                             : "ratings";
    const char *side =
        job->o->side == CF_SIDE_ITEMS && !job->from_vectors ? "items" : "users";
    if (makes(job, 0))
        cf_layout_add_neighbors(w, "users", space, by, &job->user_neighbors);
    if (makes(job, 1))
        cf_layout_add_neighbors(w, "items", space, by, &job->item_neighbors);
    if (has_queries(job))
        cf_queries_add(&job->queries, w, space, side, by);
    for (int g = 0; g < LIST_GROUPS; g++) {
        if (!carries(job, g))
            continue;
        CF_TRY(cf_layout_read_similarity(&job->file, list_groups[g], &other));
        if (other != by && job->first == CF_STEP_NEIGHBORS)
            cf_writer_text(w, "/neighbors", "similarity", "mixed");
        if (cf_layout_on_ratings(&job->file, list_groups[g]) ==
                cf_job_embeds(job) &&
            job->first == CF_STEP_NEIGHBORS)
            cf_writer_text(w, "/neighbors", "space", "mixed");
    }
done:
    return status;
}

static int write_result(cf_job *job, cf_writer *w)
{
    int status = CF_OK;
    cf_report_begin(job->report, "write", "bytes");
    add_root(job, w);
    if (job->from_file)
        CF_TRY(add_carried(job, w));
    else if (job->from_vectors)
        cf_job_add_numbers(job, w);
    else
        cf_layout_add_ratings(w, &job->tables, &job->ratings);
    if (job->embedding.dim > 0)
        cf_layout_add_embedding(w, &job->embedding, &job->transform);
    CF_TRY(add_neighbors(job, w));
    cf_job_add_graphs(job, w);
    CF_TRY(cf_job_add_both(job, w));
    cf_job_add_measures(job, w);
    cf_job_add_oddities(job, w);
    if (job->last == CF_STEP_RECOMMEND)
        cf_top_add(job, w);
    CF_TRY(cf_writer_commit(w));
done:
    cf_report_end(job->report);
    return status;
}

/* ---- the pipeline ---- */

static int run_steps(cf_job *job)
{
    int status = CF_OK;
    if (job->from_vectors) {
        CF_TRY(cf_job_read_vectors(job));
        CF_TRY(read_queries(job));
        CF_TRY(neighbors(job));
        goto done;
    }
    CF_TRY(job->from_file ? load_ratings(job) : cf_job_ingest(job));
    job->report->input.users = job->ratings.rows;
    job->report->input.items = job->ratings.cols;
    job->report->input.ratings = job->ratings.nnz;
    CF_TRY(read_queries(job));
    CF_TRY(cf_top_read(job));
    if (job->first <= CF_STEP_SVD && job->last >= CF_STEP_SVD &&
        cf_job_embeds(job))
        CF_TRY(cf_job_embed(job));
    if (job->first <= CF_STEP_NEIGHBORS && job->last >= CF_STEP_NEIGHBORS)
        CF_TRY(neighbors(job));
    if (job->last >= CF_STEP_RECOMMEND)
        CF_TRY(cf_top_recommend(job));
done:
    return status;
}

int cf_cmd_run(const cf_par *par, const cf_options *o, cf_report *report)
{
    int status = CF_OK;
    cf_job job = {.par = par, .o = o, .report = report};
    cf_writer writer = {0};
    CF_TRY(cf_writer_begin(&writer, par, o->output, o->force));
    CF_TRY(open_input(&job));
    CF_TRY(run_steps(&job));
    CF_TRY(write_result(&job, &writer));
    cf_job_print_overlap(&job);
    if (job.short_of_tol)
        status = cf_fail(CF_TOLERANCE,
                         "%s is written, but its largest residual is %.2e, "
                         "above --tol %.2e; raise --max-passes or --tol (small "
                         "singular values beside large ones leave more than "
                         "that in float32 vectors)",
                         o->output, job.embedding.max_residual, o->tol);
done:
    cf_writer_free(&writer);
    cf_job_free(&job);
    return status;
}
