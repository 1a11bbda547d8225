/* Method  Every entry of a list goes to the rank of the row that it names;
 * there the rows that name a row, by number, are merged with those that it
 *         names.
 * Cost    O(k log k) a list, and as much for those who name a row. */
#include "cfmpi/graph.h"

#include <stdbool.h>
#include <string.h>

#include "cfmpi/memory.h"
#include "edges.h"

/* ---- entries of lists, turned round ---- */

typedef struct lists {
    const cf_topk *lists;
    cf_gidx first;        /* own row 0 */
    const int64_t *begin; /* [rows + 1] entries of the rows before */
} lists;

static void take_turned(const void *from, int64_t begin, int64_t n,
                        cf_edge *out)
{
    const lists *l = from;
    int64_t row = n > 0 ? cf_edges_place(l->begin, l->lists->rows, begin) : 0;
    for (int64_t e = begin; e < begin + n; e++) {
        while (e >= l->begin[row + 1])
            row++;
        int64_t at = row * l->lists->stride + e - l->begin[row];
        *out++ =
            (cf_edge){l->lists->index[at], l->first + row, l->lists->score[at]};
    }
}

/* Who names the own rows. */
static void turn_round(cf_graph *out, const cf_par *par, const cf_part *part,
                       const cf_topk *t)
{
    int64_t *begin = cf_alloc(t->rows + 1, sizeof *begin, "row pointers");
    begin[0] = 0;
    for (int64_t i = 0; i < t->rows; i++)
        begin[i + 1] = begin[i] + t->count[i];
    lists l = {t, part->begin[par->rank], begin};
    cf_edges_deliver(out, par, part, take_turned, &l, begin[t->rows]);
    cf_free(begin);
}

/* ---- merging ---- */

/* Entries of a row by column. */
typedef struct entries {
    cf_gidx *column;
    float *weight;
    int64_t count;
} entries;

/* A list by column, in the room of `out`. */
static void take_list(const cf_topk *t, int64_t row, entries *out)
{
    out->count = t->count[row];
    size_t n = (size_t)out->count;
    memcpy(out->column, t->index + row * t->stride, n * sizeof *out->column);
    memcpy(out->weight, t->score + row * t->stride, n * sizeof *out->weight);
    cf_edges_sort(out->column, out->weight, out->count);
}

static entries entries_of(const cf_graph *g, int64_t row)
{
    int64_t at = g->indptr[row];
    return (entries){g->indices + at, g->weight + at, g->indptr[row + 1] - at};
}

/* Columns that are in both, or in any, to `out`, where there is room;
 * returns how many. */
static int64_t merge(const entries *a, const entries *b, bool both,
                     const entries *out)
{
    int64_t count = 0, i = 0, j = 0;
    while (both ? i < a->count && j < b->count : i < a->count || j < b->count) {
        bool in_a =
            i < a->count && (j == b->count || a->column[i] <= b->column[j]);
        bool in_b =
            j < b->count && (i == a->count || b->column[j] <= a->column[i]);
        if (!both || (in_a && in_b)) {
            if (out != NULL) {
                out->column[count] = in_a ? a->column[i] : b->column[j];
                out->weight[count] = in_a ? a->weight[i] : b->weight[j];
            }
            count++;
        }
        i += in_a;
        j += in_b;
    }
    return count;
}

void cf_graph_of_lists(cf_graph *out, const cf_par *par, const cf_part *part,
                       const cf_topk *t, enum cf_graph_form form)
{
    bool both = form == CF_GRAPH_MUTUAL;
    cf_graph turned = {0};
    entries list = {cf_alloc(t->k, sizeof *list.column, "list"),
                    cf_alloc(t->k, sizeof *list.weight, "list"), 0};
    CF_ASSERT(form != CF_GRAPH_DIRECTED);
    turn_round(&turned, par, part, t);
    cf_graph_free(out);
    cf_part_copy(&out->part, part);
    out->indptr = cf_alloc(t->rows + 1, sizeof *out->indptr, "row pointers");
    out->indptr[0] = 0;
    for (int64_t i = 0; i < t->rows; i++) {
        entries others = entries_of(&turned, i);
        take_list(t, i, &list);
        out->indptr[i + 1] = out->indptr[i] + merge(&list, &others, both, NULL);
    }
    int64_t n = out->indptr[t->rows];
    out->indices = cf_alloc(n, sizeof *out->indices, "edges");
    out->weight = cf_alloc(n, sizeof *out->weight, "edges");
    for (int64_t i = 0; i < t->rows; i++) {
        entries others = entries_of(&turned, i), to = entries_of(out, i);
        take_list(t, i, &list);
        merge(&list, &others, both, &to);
    }
    cf_free(list.column);
    cf_free(list.weight);
    cf_graph_free(&turned);
    cf_graph_seal(out, par);
}

void cf_graph_free(cf_graph *g)
{
    cf_part_free(&g->part);
    cf_free(g->indptr);
    cf_free(g->indices);
    cf_free(g->weight);
    *g = (cf_graph){0};
}
