/* A graph is looked at from both ends of every edge: where a list or a row of
 * the graph names another row, that row's rank looks whether it agrees. */
#include "verify_graph.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/layout.h"
#include "cfmpi/memory.h"

/* What a row says of another. */
typedef struct saying {
    cf_gidx row, other;
    float weight;
    bool listed; /* `row` has `other` in its list */
} saying;

/* Both, with the same rows on each rank. */
typedef struct pair {
    const cf_par *par;
    enum cf_graph_form form;
    bool queries;  /* whose rows are not those that its columns are */
    cf_topk lists; /* entries by row number; of a threshold there are none */
    const cf_graph *graph;
    cf_part part;
    enum cf_similarity by;
    float bound;
} pair;

typedef struct entry {
    cf_gidx column;
    float weight;
} entry;

static int by_column(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    return (x->column > y->column) - (x->column < y->column);
}

static void sort_lists(cf_topk *t)
{
    entry *row = cf_alloc(t->k, sizeof *row, "list");
    for (int64_t i = 0; i < t->rows; i++) {
        cf_gidx *index = t->index + i * t->k;
        float *score = t->score + i * t->k;
        for (int32_t c = 0; c < t->count[i]; c++)
            row[c] = (entry){index[c], score[c]};
        qsort(row, (size_t)t->count[i], sizeof *row, by_column);
        for (int32_t c = 0; c < t->count[i]; c++) {
            index[c] = row[c].column;
            score[c] = row[c].weight;
        }
    }
    cf_free(row);
}

/* The weight of `column` among `n` columns that ascend; NaN where it is not
 * there. */
static float weight_in(const cf_gidx *columns, const float *weights, int64_t n,
                       cf_gidx column)
{
    int64_t low = 0, high = n;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (columns[middle] < column)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && columns[low] == column ? weights[low] : NAN;
}

static float in_list(const pair *p, int64_t i, cf_gidx column)
{
    const cf_topk *t = &p->lists;
    return weight_in(t->index + i * t->k, t->score + i * t->k, t->count[i],
                     column);
}

static float in_graph(const cf_graph *g, int64_t i, cf_gidx column)
{
    int64_t at = g->indptr[i];
    return weight_in(g->indices + at, g->weight + at, g->indptr[i + 1] - at,
                     column);
}

static bool same(float x, float y)
{
    return x <= y && x >= y;
}

/* ---- what each row says ---- */

/* Entries of own row i that are to be looked at from the other end: mutual
 * edges are found in the lists, all others in the graph; the other end of a
 * directed one need know nothing of it. */
static int64_t row_length(const pair *p, int64_t i)
{
    if (p->queries || cf_similarity_directed(p->by))
        return 0;
    return p->form == CF_GRAPH_MUTUAL
               ? p->lists.count[i]
               : p->graph->indptr[i + 1] - p->graph->indptr[i];
}

static saying say(const pair *p, int64_t i, int64_t c)
{
    cf_gidx row = p->part.begin[p->par->rank] + i;
    if (p->form == CF_GRAPH_MUTUAL) {
        cf_gidx other = p->lists.index[i * p->lists.k + c];
        return (saying){row, other, in_graph(p->graph, i, other), true};
    }
    int64_t at = p->graph->indptr[i] + c;
    cf_gidx other = p->graph->indices[at];
    return (saying){row, other, p->graph->weight[at],
                    p->form == CF_GRAPH_UNION && !isnan(in_list(p, i, other))};
}

/* Whether own row i agrees. */
static bool agrees(const pair *p, const saying *s)
{
    int64_t i = s->other - p->part.begin[p->par->rank];
    bool listed =
        p->form != CF_GRAPH_THRESHOLD && !isnan(in_list(p, i, s->row));
    if (p->form == CF_GRAPH_MUTUAL)
        return listed == !isnan(s->weight);
    return (listed || s->listed || p->form == CF_GRAPH_THRESHOLD) &&
           same(in_graph(p->graph, i, s->row), s->weight);
}

/* What can be seen of row i here: entries of the graph reach the bound or are
 * listed; for a union those that are listed are in the graph. */
static bool good_row(const pair *p, int64_t i)
{
    const cf_topk *t = &p->lists;
    const cf_graph *g = p->graph;
    int64_t listed = p->form == CF_GRAPH_UNION ? t->count[i] : 0;
    for (int64_t at = g->indptr[i]; at < g->indptr[i + 1]; at++)
        if (!cf_layout_reaches(g->weight[at], p->by, p->bound) ||
            (p->form == CF_GRAPH_MUTUAL &&
             !same(in_list(p, i, g->indices[at]), g->weight[at])))
            return false;
    for (int64_t c = 0; c < listed; c++)
        if (!same(in_graph(g, i, t->index[i * t->k + c]),
                  t->score[i * t->k + c]))
            return false;
    return true;
}

/* Own sayings by the rank of the other row; counts go to `to`. */
static saying *collect(const pair *p, int64_t *to)
{
    int64_t rows = cf_part_count(&p->part, p->par->rank), total = 0;
    int64_t *next = cf_calloc(p->part.size + 1, sizeof *next, "edge counts");
    for (int64_t i = 0; i < rows; i++)
        for (int64_t c = 0; c < row_length(p, i); c++)
            to[cf_part_owner(&p->part, say(p, i, c).other)]++;
    for (int r = 0; r < p->part.size; r++) {
        next[r + 1] = next[r] + to[r];
        total += to[r];
    }
    saying *out = cf_alloc(total, sizeof *out, "edges");
    for (int64_t i = 0; i < rows; i++)
        for (int64_t c = 0; c < row_length(p, i); c++) {
            saying s = say(p, i, c);
            out[next[cf_part_owner(&p->part, s.other)]++] = s;
        }
    cf_free(next);
    return out;
}

static int64_t count_wrong(const pair *p)
{
    const cf_par *par = p->par;
    int64_t *to = cf_calloc(2 * (int64_t)par->size, sizeof *to, "edge counts");
    int64_t *from = to + par->size, arriving = 0, wrong = 0;
    for (int64_t i = 0; i < cf_part_count(&p->part, par->rank); i++)
        wrong += !good_row(p, i);
    saying *out = collect(p, to);
    cf_alltoall_counts(par, to, from);
    for (int r = 0; r < par->size; r++)
        arriving += from[r];
    saying *in = cf_alloc(arriving, sizeof *in, "edges");
    cf_alltoallv(par, out, to, in, from, sizeof *in);
    for (int64_t e = 0; e < arriving; e++)
        wrong += !agrees(p, &in[e]);
    cf_free(in);
    cf_free(out);
    cf_free(to);
    return cf_sum_i64(par, wrong);
}

/* Rows of the side that ask name others. */
static int count_selves(const pair *p, const cf_h5 *file, int64_t *wrong)
{
    static const char name[] = "/queries/row";
    int status = CF_OK;
    const cf_graph *g = p->graph;
    int64_t rows = cf_part_count(&p->part, p->par->rank), bad = 0;
    cf_gidx *own = cf_alloc(rows, sizeof *own, "rows of queries");
    CF_TRY(cf_h5_read_slab(file, p->par, name, CF_I64, 1,
                           p->part.begin[p->par->rank], rows, own));
    for (int64_t i = 0; i < rows; i++)
        bad += !isnan(in_graph(g, i, own[i]));
    *wrong += cf_sum_i64(p->par, bad);
done:
    cf_free(own);
    return status;
}

int cf_verify_graph(const cf_par *par, const cf_h5 *file, const char *side,
                    cf_graph *graph, int64_t *wrong)
{
    int status = CF_OK;
    char group[CF_NAME_MAX];
    pair p = {
        .par = par, .graph = graph, .queries = strcmp(side, "queries") == 0};
    snprintf(group, sizeof group, "/graph/%.20s", side);
    CF_TRY(cf_agree(par, cf_layout_read_graph_form(file, side, &p.form)));
    CF_TRY(cf_agree(par, cf_layout_read_similarity(file, group, &p.by)));
    p.bound = cf_layout_read_bound(file, group, p.by);
    CF_TRY(cf_layout_read_graph(file, par, side, graph));
    cf_gidx rows = cf_part_rows(&graph->part);
    snprintf(group, sizeof group, "/neighbors/%.20s", side);
    if (p.form == CF_GRAPH_THRESHOLD)
        cf_part_copy(&p.part, &graph->part);
    else
        CF_TRY(cf_layout_read_lists(file, par, group, rows, rows, &p.part,
                                    &p.lists));
    sort_lists(&p.lists);
    *wrong = count_wrong(&p);
    if (p.queries && cf_h5_has(file, "/queries/row"))
        CF_TRY(count_selves(&p, file, wrong));
done:
    cf_part_free(&p.part);
    cf_topk_free(&p.lists);
    return status;
}

int64_t cf_verify_column(const cf_graph *graph, const cf_par *par, cf_gidx row,
                         const float *score, enum cf_similarity by, float bound)
{
    int64_t wrong = 0;
    for (int64_t i = 0; i < cf_part_count(&graph->part, par->rank); i++) {
        float weight = in_graph(graph, i, row);
        bool there = !isnan(score[i]) && cf_layout_reaches(score[i], by, bound);
        wrong += there ? !same(weight, score[i]) : !isnan(weight);
    }
    return wrong;
}

int64_t cf_verify_row(const cf_graph *graph, const cf_par *par, cf_gidx row,
                      const float *score, cf_gidx columns,
                      enum cf_similarity by, float bound)
{
    int64_t wrong = 0, i = row - graph->part.begin[par->rank];
    if (cf_part_owner(&graph->part, row) != par->rank)
        return 0;
    for (cf_gidx j = 0; j < columns; j++) {
        float weight = in_graph(graph, i, j);
        bool there = !isnan(score[j]) && cf_layout_reaches(score[j], by, bound);
        wrong += there ? !same(weight, score[j]) : !isnan(weight);
    }
    return wrong;
}
