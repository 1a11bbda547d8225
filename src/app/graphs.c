/* What scores of neighbours must reach, and graphs: of their lists, or of all
 * pairs that reach it. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cfmpi/scan.h"
#include "commands.h"
#include "job.h"

/* A number as float32, which scores are compared with. Those beyond are
 * beyond all scores. */
static int read_bound(const char *option, const char *value, float *bound)
{
    double number;
    if (!cf_scan_double(value, value + strlen(value), &number))
        return cf_fail(CF_USAGE, "--%s: '%s' is not a number", option, value);
    if (fabs(number) > (double)FLT_MAX)
        *bound = number > 0 ? INFINITY : -INFINITY;
    else
        *bound = (float)number;
    return CF_OK;
}

int cf_job_find_bound(cf_job *job)
{
    const cf_options *o = job->o;
    bool distances = o->similarity == CF_EUCLIDEAN;
    const char *name = distances ? "max-distance" : "min-similarity";
    const char *value = distances ? o->max_distance : o->min_similarity;
    if (job->last < CF_STEP_NEIGHBORS || job->first > CF_STEP_NEIGHBORS)
        return CF_OK;
    if (!distances && o->max_distance[0] != '\0')
        return cf_fail(CF_USAGE,
                       "--max-distance: is for --similarity=euclidean; give "
                       "--min-similarity");
    if (distances && o->min_similarity[0] != '\0')
        return cf_fail(CF_USAGE, "--min-similarity: the scores of "
                                 "--similarity=euclidean are distances; give "
                                 "--max-distance");
    job->bounded = value[0] != '\0';
    job->join = job->bounded && !o->neighbors_given;
    bool asks = job->queries.others || job->queries.some;
    if (asks && o->graph != CF_GRAPH_DIRECTED)
        return cf_fail(CF_USAGE,
                       "--graph: is for the neighbours of all rows, not for "
                       "those of --%s",
                       job->queries.others ? "queries" : "only");
    if (job->join && o->command == CF_CMD_RUN)
        return cf_fail(CF_USAGE,
                       "--%s: without -k it makes no lists, which "
                       "recommendations are made from; give -k, or use "
                       "`cfmpi neighbors`",
                       name);
    if (job->join && o->graph != CF_GRAPH_DIRECTED)
        return cf_fail(CF_USAGE,
                       "--graph: is made of lists, and without -k there is "
                       "the graph of all pairs that reach --%s; give -k, or "
                       "leave it out",
                       name);
    int status = job->bounded ? read_bound(name, value, &job->bound) : CF_OK;
    job->queries.bounded = job->bounded;
    job->queries.bound = job->bound;
    job->queries.join = job->join;
    return status;
}

int cf_job_find_neighbors(const cf_job *job, const cf_part *part, float *rows,
                          int dim, const char *what, cf_neighbors *out,
                          cf_graph *graph)
{
    int status = CF_OK;
    const cf_options *o = job->o;
    enum cf_similarity by = (enum cf_similarity)o->similarity;
    enum cf_graph_form form = (enum cf_graph_form)o->graph;
    if (job->join)
        CF_TRY(cf_neighbors_join(out, graph, job->par, part, rows, dim, by,
                                 job->bound, what));
    else if (job->bounded)
        CF_TRY(cf_neighbors_within(out, job->par, part, rows, dim, o->neighbors,
                                   by, job->bound, what));
    else
        CF_TRY(cf_neighbors_find(out, job->par, part, rows, dim, o->neighbors,
                                 by, what));
    if (!job->join && form != CF_GRAPH_DIRECTED)
        cf_graph_of_lists(graph, job->par, part, &out->lists, form);
done:
    return status;
}

/* Whether this run has looked for neighbours on a side. */
static bool remade(const cf_job *job, const cf_neighbors *n)
{
    return job->first == CF_STEP_NEIGHBORS && n->part.begin != NULL;
}

/* A graph goes with the lists it was made of: anew or carried. */
int cf_job_carry_graphs(const cf_job *job, cf_writer *w)
{
    int status = CF_OK;
    if (job->first < CF_STEP_NEIGHBORS)
        goto done;
    if (!remade(job, &job->user_neighbors))
        CF_TRY(cf_writer_carry(w, &job->file, "/graph/users"));
    if (!remade(job, &job->item_neighbors))
        CF_TRY(cf_writer_carry(w, &job->file, "/graph/items"));
    if (!job->queries.others && !job->queries.some)
        CF_TRY(cf_writer_carry(w, &job->file, "/graph/queries"));
done:
    return status;
}

/* What the graphs of this run are on. */
static const char *space_of(const cf_job *job)
{
    return job->from_vectors    ? "vectors"
           : cf_job_embeds(job) ? "embedding"
                                : "ratings";
}

static void add_graph(const cf_job *job, cf_writer *w, const char *side,
                      const cf_graph *g)
{
    enum cf_similarity by = (enum cf_similarity)job->o->similarity;
    enum cf_graph_form form = (enum cf_graph_form)job->o->graph;
    char group[CF_NAME_MAX];
    if (g->indptr == NULL)
        return;
    cf_layout_add_graph(w, side, by, job->join ? CF_GRAPH_THRESHOLD : form, g);
    snprintf(group, sizeof group, "/graph/%s", side);
    cf_writer_text(w, group, "space", space_of(job));
    if (job->join)
        cf_layout_add_bound(w, group, by, job->bound);
}

/* That of those who ask. */
static void add_query_graph(const cf_job *job, cf_writer *w)
{
    enum cf_similarity by = (enum cf_similarity)job->o->similarity;
    const cf_queries *q = &job->queries;
    if (q->graph.indptr == NULL)
        return;
    cf_layout_add_query_graph(w,
                              job->o->side == CF_SIDE_ITEMS ? "items" : "users",
                              by, &q->graph, q->base);
    cf_writer_text(w, "/graph/queries", "space", space_of(job));
    cf_layout_add_bound(w, "/graph/queries", by, job->bound);
}

void cf_job_add_graphs(const cf_job *job, cf_writer *w)
{
    enum cf_similarity by = (enum cf_similarity)job->o->similarity;
    add_query_graph(job, w);
    add_graph(job, w, "users", &job->user_graph);
    add_graph(job, w, "items", &job->item_graph);
    if (job->bounded && job->user_neighbors.lists.gap != NULL)
        cf_layout_add_bound(w, "/neighbors/users", by, job->bound);
    if (job->bounded && job->item_neighbors.lists.gap != NULL)
        cf_layout_add_bound(w, "/neighbors/items", by, job->bound);
    if (job->bounded && job->queries.found.lists.gap != NULL)
        cf_layout_add_bound(w, "/neighbors/queries", by, job->bound);
}
