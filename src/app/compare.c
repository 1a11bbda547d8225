/* Neighbours by the ratings themselves: `--space ratings`. */
#include "cfmpi/exchange.h"
#include "cfmpi/log.h"
#include "cfmpi/memory.h"
#include "cfmpi/ratings_neighbors.h"
#include "commands.h"
#include "environment.h"
#include "job.h"

/* ---- what can be asked for ---- */

/* Options that say something of ratings only. */
int cf_job_check_dense(const cf_job *job)
{
    static const char *const names[] = {"min-overlap", "significance",
                                        "shrinkage", "alpha", "beta"};
    const cf_options *o = job->o;
    enum cf_similarity by = (enum cf_similarity)o->similarity;
    if (!cf_similarity_of_vectors(by))
        return cf_fail(CF_USAGE, "--similarity: %s compares ratings; %s",
                       cf_similarity_about(by)->name,
                       job->from_vectors ? "vectors have cosine, dot and "
                                           "euclidean"
                                         : "add --space=ratings");
    const char *given = cf_options_any(o, names, sizeof names / sizeof *names);
    if (given != NULL)
        return cf_fail(CF_USAGE,
                       "--%s: is for ratings; add --space=ratings or "
                       "leave it out",
                       given);
    return CF_OK;
}

int cf_job_check_measure(const cf_options *o)
{
    static const struct {
        const char *name;
        int takes;
    } of[] = {{"shrinkage", CF_TAKES_SHRINKAGE},
              {"alpha", CF_TAKES_ALPHA},
              {"beta", CF_TAKES_BETA},
              {"significance", CF_TAKES_SIGNIFICANCE}};
    enum cf_similarity by = (enum cf_similarity)o->similarity;
    const cf_similarity_text *about = cf_similarity_about(by);
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        if (cf_options_given(o, of[i].name) && !(about->takes & of[i].takes))
            return cf_fail(CF_USAGE, "--%s: %s has none; leave it out",
                           of[i].name, about->name);
    if (by == CF_ASYMMETRIC_COSINE && o->alpha > 1)
        return cf_fail(CF_USAGE,
                       "--alpha: %.15g is over 1, the most that %s "
                       "takes",
                       o->alpha, about->name);
    return CF_OK;
}

/* Options of the embedding and of what ratings have not. */
static int check_ratings(const cf_job *job)
{
    static const char *const svd[] = {"dim",       "tol",   "max-passes", "svd",
                                      "embedding", "start", "variance"};
    const cf_options *o = job->o;
    const char *only = o->queries[0] != '\0'           ? "queries"
                       : o->only[0] != '\0'            ? "only"
                       : !job->bounded                 ? NULL
                       : o->similarity == CF_EUCLIDEAN ? "max-distance"
                                                       : "min-similarity";
    enum cf_similarity by = (enum cf_similarity)o->similarity;
    const char *given = cf_options_any(o, svd, sizeof svd / sizeof *svd);
    if (given != NULL && !cf_job_embeds(job))
        return cf_fail(CF_USAGE,
                       "--%s: --space=ratings makes no embedding; leave "
                       "one of them out",
                       given);
    if (only != NULL && cf_job_embeds(job))
        return cf_fail(CF_USAGE,
                       "--%s: is for one space, not for --space=both; leave "
                       "one of them out",
                       only);
    if (o->graph != CF_GRAPH_DIRECTED && cf_similarity_directed(by))
        return cf_fail(CF_USAGE,
                       "--graph: by %s two rows are not the same to each "
                       "other, and the graph has one weight for both; leave "
                       "it out, or take another similarity",
                       cf_similarity_about(by)->name);
    return cf_job_check_measure(o);
}

int cf_job_check_similarity(const cf_job *job)
{
    if (job->last < CF_STEP_NEIGHBORS || job->first > CF_STEP_NEIGHBORS)
        return CF_OK;
    if (job->o->space == CF_SPACE_EMBEDDING ||
        (job->from_vectors && !job->o->space_given))
        return cf_job_check_dense(job);
    if (job->from_vectors)
        return cf_fail(CF_USAGE,
                       "--space: %s holds vectors, not ratings; leave it out",
                       job->o->input);
    if (cf_job_embeds(job) &&
        !cf_similarity_of_vectors((enum cf_similarity)job->o->similarity))
        return cf_fail(
            CF_USAGE,
            "--similarity: %s compares ratings, and --space=both "
            "needs one that the embedding has too: cosine, dot or "
            "euclidean",
            cf_similarity_about((enum cf_similarity)job->o->similarity)->name);
    return check_ratings(job);
}

/* ---- the neighbours ---- */

#define BASELINE_SHRINKAGE 100 /* Koren's, and Surprise's */

cf_ratings_measure cf_job_measure(const cf_job *job)
{
    const cf_options *o = job->o;
    bool own = o->similarity == CF_PEARSON_BASELINE && !o->shrinkage_given;
    return (cf_ratings_measure){.similarity = (enum cf_similarity)o->similarity,
                                .min_overlap = o->min_overlap,
                                .significance = o->significance,
                                .shrinkage =
                                    own ? BASELINE_SHRINKAGE : o->shrinkage,
                                .alpha = o->alpha,
                                .beta = o->beta,
                                .bounded = job->bounded,
                                .bound = job->bound};
}

/* The lists of those who ask. */
static int find_queries(cf_job *job, const cf_compared *base,
                        const cf_ratings_measure *by)
{
    int status = CF_OK;
    const cf_par *par = job->par;
    cf_queries *q = &job->queries;
    cf_csr rows = {0}, columns = {0};
    cf_compared queries = {&rows, NULL, base->of_items, job->o->queries, NULL};
    cf_graph *graph = job->join ? &q->graph : NULL;
    q->base = base->rows->rows;
    if (q->some)
        return cf_ratings_some(&q->found, graph, par, base, q->chosen, q->count,
                               job->o->neighbors, by);
    CF_TRY(cf_job_asked_rows(job, &rows, base->of_items));
    if (cf_ratings_needs_columns(by->similarity, base->of_items)) {
        cf_csr_transpose(&columns, &rows, par);
        queries.columns = &columns;
    }
    CF_TRY(cf_ratings_query(&q->found, graph, par, base, &queries,
                            job->o->neighbors, by));
done:
    cf_csr_free(&rows);
    cf_csr_free(&columns);
    return status;
}

/* What libraries take while ranks talk, and for each rank of a node; large
 * arrays end in pages of which some is not used. */
#define LIBRARIES ((int64_t)5500 << 10)
#define PEER ((int64_t)150 << 10)

/* Says how much memory the process will have had at most. */
static void expect(const cf_job *job, const cf_compared *c,
                   const cf_ratings_measure *by)
{
    int nodes, node_rank;
    const cf_par *par = job->par;
    int64_t *expected = &job->report->neighbors.expected;
    cf_par_nodes(par, &nodes, &node_rank);
    int64_t bytes = cf_environment_base_bytes() + LIBRARIES +
                    PEER * (par->size / nodes) + cf_memory_now() +
                    cf_ratings_needs(par, c, job->o->neighbors, by);
    *expected = CF_MAX(*expected, CF_MAX(bytes, cf_memory_process_peak()));
    cf_log_note("neighbours of %s: %" PRId64 " MiB a rank expected",
                c->of_items ? "items" : "users",
                cf_max_i64(par, *expected) >> 20);
}

static int find_all(const cf_job *job, const cf_compared *c,
                    const cf_ratings_measure *by, cf_neighbors *out,
                    cf_graph *graph)
{
    int status = CF_OK;
    if (!job->join && job->o->command <= CF_CMD_RECOMMEND)
        expect(job, c, by);
    if (job->join)
        CF_TRY(cf_ratings_join(out, graph, job->par, c, by));
    else
        CF_TRY(cf_ratings_neighbors(out, job->par, c, job->o->neighbors, by));
    if (graph != NULL && job->o->graph != CF_GRAPH_DIRECTED)
        cf_graph_of_lists(graph, job->par, &out->part, &out->lists,
                          (enum cf_graph_form)job->o->graph);
done:
    return status;
}

int cf_job_compare_ratings(cf_job *job, bool items, cf_neighbors *out,
                           cf_graph *graph)
{
    int status = CF_OK;
    cf_csr matrix, columns = {0};
    float *values = NULL;
    cf_ratings_measure by = cf_job_measure(job);
    CF_TRY(cf_job_transform(job, &matrix, &values));
    if (items || cf_ratings_needs_columns(by.similarity, items))
        cf_csr_transpose(&columns, &matrix, job->par);
    cf_compared c = {items ? &columns : &matrix, items ? &matrix : &columns,
                     items, job->o->input, &columns};
    cf_job_count_flat(job, c.rows, items);
    if (job->queries.others || job->queries.some)
        CF_TRY(find_queries(job, &c, &by));
    else
        CF_TRY(find_all(job, &c, &by, out, graph));
done:
    cf_csr_free(&columns);
    cf_free(values);
    return status;
}

/* Says what lists of a group on the ratings are by. */
static void add_measure(const cf_job *job, cf_writer *w, const char *group,
                        const cf_neighbors *made)
{
    cf_ratings_measure by = cf_job_measure(job);
    if (made->lists.gap != NULL)
        cf_layout_add_measure(w, group, &by, &job->transform);
}

void cf_job_add_measures(const cf_job *job, cf_writer *w)
{
    if (!cf_job_compares_ratings(job))
        return;
    add_measure(job, w, "/neighbors_ratings/users", &job->user_rated);
    add_measure(job, w, "/neighbors_ratings/items", &job->item_rated);
    if (cf_job_embeds(job))
        return;
    add_measure(job, w, "/neighbors/users", &job->user_neighbors);
    add_measure(job, w, "/neighbors/items", &job->item_neighbors);
    add_measure(job, w, "/neighbors/queries", &job->queries.found);
}
