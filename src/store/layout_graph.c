/* Graphs in a result file: /graph/users and /graph/items. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/layout.h"
#include "cfmpi/memory.h"
#include "layout_internal.h"

const char *const cf_graph_names[] = {
    [CF_GRAPH_DIRECTED] = "directed", [CF_GRAPH_MUTUAL] = "mutual",
    [CF_GRAPH_UNION] = "union",       [CF_GRAPH_THRESHOLD] = "threshold",
    [CF_GRAPH_THRESHOLD + 1] = NULL,
};

/* Of the attribute that says what scores reach. */
static const char *bound_name(enum cf_similarity by)
{
    return by == CF_EUCLIDEAN ? "max_distance" : "min_similarity";
}

void cf_layout_add_bound(cf_writer *w, const char *group, enum cf_similarity by,
                         float bound)
{
    cf_writer_real(w, group, bound_name(by), (double)bound);
}

float cf_layout_read_bound(const cf_h5 *file, const char *group,
                           enum cf_similarity by)
{
    double bound = by == CF_EUCLIDEAN ? INFINITY : -INFINITY;
    cf_h5_number(file, group, bound_name(by), &bound);
    return (float)bound;
}

bool cf_layout_reaches(float score, enum cf_similarity by, float bound)
{
    return by == CF_EUCLIDEAN ? score <= bound : score >= bound;
}

/* Names of a side's datasets. */
typedef struct names {
    char group[CF_NAME_MAX], indptr[CF_NAME_MAX], indices[CF_NAME_MAX],
        weight[CF_NAME_MAX];
} names;

/* Rows of queries name rows of a side. */
static bool is_of_queries(const char *side)
{
    return strcmp(side, "queries") == 0;
}

static void set_names(names *n, const char *side)
{
    snprintf(n->group, CF_NAME_MAX, "/graph/%.20s", side);
    snprintf(n->indptr, CF_NAME_MAX, "/graph/%.20s/indptr", side);
    snprintf(n->indices, CF_NAME_MAX, "/graph/%.20s/indices", side);
    snprintf(n->weight, CF_NAME_MAX, "/graph/%.20s/weight", side);
}

/* Its columns are numbers below `below`. */
static void add_graph(cf_writer *w, const char *side, enum cf_similarity by,
                      enum cf_graph_form form, const cf_graph *g, cf_gidx below)
{
    static const char *const weights[] = {
        "cosine of the angle between the two rows",
        "inner product of the two rows", "distance of the two rows"};
    names n;
    int64_t own = g->indptr[cf_part_count(&g->part, w->par->rank)];
    set_names(&n, side);
    cf_layout_add_pointers(w, n.indptr, &g->part, g->indptr, g->before);
    cf_writer_add(
        w, n.indices, CF_I64, g->entries, 1, 1, g->before, own, g->indices,
        "CSR column numbers: rows joined to each row, ascending", NULL, below);
    cf_writer_add(w, n.weight, CF_F32, g->entries, 1, 1, g->before, own,
                  g->weight,
                  cf_similarity_of_vectors(by) ? weights[by]
                  : cf_similarity_directed(by)
                      ? "what the other row is to the row, which may not be "
                        "what this is to that"
                      : "similarity of the two rows",
                  cf_similarity_about(by)->units, 0);
    cf_writer_text(w, n.group, "form", cf_graph_names[form]);
    if (is_of_queries(side) || cf_similarity_directed(by))
        cf_writer_integer(w, n.group, "symmetric", 0);
    cf_writer_text(w, n.group, "similarity", cf_similarity_about(by)->name);
}

void cf_layout_add_graph(cf_writer *w, const char *side, enum cf_similarity by,
                         enum cf_graph_form form, const cf_graph *g)
{
    add_graph(w, side, by, form, g, cf_part_rows(&g->part));
}

void cf_layout_add_query_graph(cf_writer *w, const char *side,
                               enum cf_similarity by, const cf_graph *g,
                               cf_gidx rows)
{
    add_graph(w, "queries", by, CF_GRAPH_THRESHOLD, g, rows);
    cf_writer_text(w, "/graph/queries", "among", side);
}

static int wrong(const cf_h5 *file, const names *n, const char *what)
{
    return cf_fail(CF_BAD_DATA, "%s: %s %s", file->path, n->group, what);
}

/* Sizes, and own rows. */
static int read_pointers(const cf_h5 *file, const cf_par *par, const names *n,
                         cf_graph *g)
{
    int status = CF_OK;
    cf_dataset pointers, indices, weight;
    CF_TRY(cf_agree(par, cf_h5_dataset(file, n->indptr, &pointers)));
    CF_TRY(cf_agree(par, cf_h5_dataset(file, n->indices, &indices)));
    CF_TRY(cf_agree(par, cf_h5_dataset(file, n->weight, &weight)));
    if (pointers.rows < 1 || pointers.type != CF_I64 ||
        indices.rows != weight.rows)
        CF_TRY(wrong(file, n, "is no graph that cfmpi has written"));
    cf_part_even(&g->part, pointers.rows - 1, par->size);
    int64_t rows = cf_part_count(&g->part, par->rank);
    g->entries = indices.rows;
    g->indptr = cf_alloc(rows + 1, sizeof *g->indptr, "row pointers");
    g->indptr[0] = 0;
    CF_TRY(cf_layout_read_counts(file, par, n->indptr, &g->part, g->entries,
                                 g->indptr + 1));
    for (int64_t i = 0; i < rows; i++)
        g->indptr[i + 1] += g->indptr[i];
    g->before = cf_exscan_i64(par, g->indptr[rows]);
done:
    return status;
}

/* Columns are rows below `rows`, other ones where `others`. */
static int check_rows(const cf_h5 *file, const cf_par *par, const names *n,
                      const cf_graph *g, cf_gidx rows, bool others)
{
    cf_gidx begin = g->part.begin[par->rank];
    for (int64_t i = 0; i < cf_part_count(&g->part, par->rank); i++)
        for (int64_t e = g->indptr[i]; e < g->indptr[i + 1]; e++) {
            cf_gidx j = g->indices[e];
            if (j < 0 || j >= rows || (others && j == begin + i) ||
                (e > g->indptr[i] && j <= g->indices[e - 1]))
                return wrong(file, n,
                             "has a row that does not ascend within the other "
                             "rows");
            if (isnan(g->weight[e]))
                return wrong(file, n, "has a weight that is not a number");
        }
    return CF_OK;
}

int cf_layout_read_graph(const cf_h5 *file, const cf_par *par, const char *side,
                         cf_graph *g)
{
    int status = CF_OK;
    bool queries = is_of_queries(side);
    char name[CF_NAME_MAX];
    cf_dataset ids;
    names n;
    set_names(&n, side);
    cf_graph_free(g);
    CF_TRY(read_pointers(file, par, &n, g));
    cf_gidx rows = cf_part_rows(&g->part);
    if (queries) {
        snprintf(name, sizeof name, "/%s/id", cf_layout_queries_among(file));
        CF_TRY(cf_agree(par, cf_h5_dataset(file, name, &ids)));
        rows = ids.rows;
    }
    int64_t own = g->indptr[cf_part_count(&g->part, par->rank)];
    g->indices = cf_alloc(own, sizeof *g->indices, "edges");
    g->weight = cf_alloc(own, sizeof *g->weight, "edges");
    CF_TRY(cf_h5_read_slab(file, par, n.indices, CF_I64, 1, g->before, own,
                           g->indices));
    CF_TRY(cf_h5_read_slab(file, par, n.weight, CF_F32, 1, g->before, own,
                           g->weight));
    CF_TRY(cf_agree(par, check_rows(file, par, &n, g, rows, !queries)));
done:
    return status;
}
