/* How far lists on the embedding and on the ratings agree: /overlap/users and
 * /overlap/items. */
#include <stdio.h>

#include "cfmpi/layout.h"

typedef struct group {
    cf_writer *w;
    const char *name; /* "/overlap/users" */
} group;

/* Own rows of all, one value a depth. */
static void add_rows(const group *g, const char *set, const cf_overlap *o,
                     const float *data, const char *description)
{
    char name[CF_NAME_MAX];
    int rank = g->w->par->rank;
    snprintf(name, sizeof name, "%.100s/%.20s", g->name, set);
    cf_writer_add(g->w, name, CF_F32, cf_part_rows(&o->part), o->depths, 2,
                  o->part.begin[rank], cf_part_count(&o->part, rank), data,
                  description, NULL, 0);
}

/* What every rank has, a vector where `cols` is 0; rank 0 writes it. */
static void add_common(const group *g, const char *set, enum cf_type type,
                       int64_t rows, int64_t cols, const void *data,
                       const char *description, const char *units)
{
    char name[CF_NAME_MAX];
    bool writes = g->w->par->rank == 0;
    snprintf(name, sizeof name, "%.100s/%.20s", g->name, set);
    cf_writer_add(g->w, name, type, rows, CF_MAX(cols, 1), cols > 0 ? 2 : 1,
                  writes ? 0 : rows, writes ? rows : 0, data, description,
                  units, 0);
}

void cf_layout_add_overlap(cf_writer *w, const char *side,
                           enum cf_similarity by, const cf_overlap *o)
{
    char name[CF_NAME_MAX];
    group g = {w, name};
    snprintf(name, sizeof name, "/overlap/%.20s", side);
    add_common(&g, "depth", CF_I64, o->depths, 0, o->depth,
               "d: lists are cut to their first d entries", NULL);
    add_rows(&g, "overlap", o, o->overlap,
             "share of the first d neighbours by ratings that are among the "
             "first d by the embedding; NaN where there are none by ratings");
    add_rows(&g, "recall", o, o->recall,
             "share of the first d neighbours by ratings that are in the list "
             "by the embedding, NaN where there are none by ratings");
    add_common(&g, "mean_overlap", CF_F64, o->depths, 0, o->mean_overlap,
               "mean of overlap over the rows that have one", NULL);
    add_common(&g, "mean_recall", CF_F64, o->depths, 0, o->mean_recall,
               "mean of recall over the rows that have one", NULL);
    add_common(&g, "bin_from", CF_I64, o->bins, 0, o->from,
               "fewest ratings of the rows of each bin", "ratings");
    add_common(&g, "bin_to", CF_I64, o->bins, 0, o->to,
               "most ratings of the rows of each bin", "ratings");
    add_common(&g, "bin_rows", CF_I64, o->bins, 0, o->bin_rows,
               "rows of each bin that have neighbours by ratings", "rows");
    add_common(&g, "bin_overlap", CF_F64, o->bins, o->depths, o->bin_overlap,
               "mean of overlap in each bin", NULL);
    add_common(&g, "bin_recall", CF_F64, o->bins, o->depths, o->bin_recall,
               "mean of recall in each bin", NULL);
    cf_writer_text(w, name, "similarity", cf_similarity_about(by)->name);
    cf_writer_integer(w, name, "rows", o->rows);
    cf_writer_integer(w, name, "left_out", o->left_out);
}
