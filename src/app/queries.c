#define _POSIX_C_SOURCE 200809L
#include "queries.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cfmpi/exchange.h"
#include "cfmpi/file.h"
#include "cfmpi/memory.h"
#include "only.h"

int cf_queries_begin(cf_queries *q, const cf_options *o)
{
    q->others = o->queries[0] != '\0';
    q->some = o->only[0] != '\0';
    if (q->others && q->some)
        return cf_fail(CF_USAGE,
                       "--only: chooses rows of the input, --queries has rows "
                       "of its own; give one of them");
    if ((q->others || q->some) && o->side == CF_SIDE_BOTH)
        return cf_fail(CF_USAGE,
                       "--side: with --%s it is either users or items",
                       q->some ? "only" : "queries");
    return CF_OK;
}

/* ---- reading ---- */

/* Where vectors stand. A benchmark's file has its queries in /test. Rank 0. */
static int find_vectors(cf_vectors_source *s, const char *path)
{
    bool found = cf_vectors_find(s, path);
    if (access(s->file, F_OK) != 0)
        return cf_fail(CF_NO_INPUT, "%s: %s", s->file, strerror(errno));
    if (s->found && cf_h5_is_hdf5(s->file)) {
        snprintf(s->set, sizeof s->set, "/test");
        return CF_OK; /* reading says whether it is there */
    }
    if (found || (s->set[0] != '\0' && cf_h5_is_hdf5(s->file)))
        return CF_OK;
    return cf_fail(CF_BAD_DATA,
                   "%s: holds no vectors; --queries takes .npy, .fvecs, "
                   ".bvecs, .ivecs, FILE.h5:/DATASET or a result with an "
                   "embedding",
                   path);
}

static int read_vectors(cf_queries *q, const cf_par *par, const cf_options *o)
{
    int status = CF_OK;
    cf_vectors_source s;
    cf_vectors *v = &q->vectors;
    memset(&s, 0, sizeof s);
    CF_TRY(
        cf_agree(par, par->rank == 0 ? find_vectors(&s, o->queries) : CF_OK));
    cf_bcast(par, &s, sizeof s, 0);
    if (strcmp(s.file, o->output) == 0)
        CF_TRY(cf_fail(CF_USAGE, "%s: holds the queries and is the output",
                       o->output));
    CF_TRY(cf_vectors_read(v, par, &s, o->side == CF_SIDE_ITEMS));
    cf_text_add(&q->source, "{\"name\": ");
    cf_text_json(&q->source, cf_base_name(s.file));
    if (s.set[0] != '\0') {
        cf_text_add(&q->source, ", \"dataset\": ");
        cf_text_json(&q->source, s.set);
    }
    cf_text_add(&q->source, ", \"bytes\": %" PRId64 ", \"digest\": \"%s\"}",
                v->bytes, v->digest);
    int64_t n = cf_part_count(&v->part, par->rank);
    cf_ids_make(&q->ids, false, n, 0);
    for (int64_t i = 0; i < n; i++)
        q->ids.number[i] = v->part.begin[par->rank] + i;
done:
    return status;
}

static int read_result(cf_queries *q, const cf_par *par, const cf_options *o,
                       bool items)
{
    int status = CF_OK;
    const char *side = items ? "items" : "users";
    cf_h5 file = {0};
    cf_idmap map = {0};
    cf_vectors *v = &q->vectors;
    CF_TRY(cf_h5_open(&file, par, o->queries));
    if (!cf_h5_has(&file, "/embedding/users"))
        CF_TRY(cf_fail(CF_BAD_DATA,
                       "%s: has no /embedding; make one with `cfmpi svd`",
                       o->queries));
    CF_TRY(cf_layout_read_embedding(&file, par, side, items, &v->part, &v->rows,
                                    &v->dim));
    snprintf(v->name, sizeof v->name, "/embedding/%s of %s", side, o->queries);
    CF_TRY(cf_layout_read_ids(&file, par, side, &map));
    if (cf_part_rows(&map.part) != cf_part_rows(&v->part))
        CF_TRY(cf_fail(CF_BAD_DATA, "%s: /%s and /embedding/%s do not fit",
                       o->queries, side, side));
    q->ids = map.ids;
    map.ids = (cf_ids){0};
    cf_text_add(&q->source, "{\"name\": ");
    cf_text_json(&q->source, cf_base_name(o->queries));
    cf_text_add(&q->source, ", \"dataset\": \"/embedding/%s\"}", side);
done:
    cf_idmap_free(&map);
    cf_h5_close(&file);
    return status;
}

int cf_queries_read(cf_queries *q, const cf_par *par, const cf_options *o,
                    bool items)
{
    bool result =
        cf_max_i64(par, par->rank == 0 && cf_h5_is_result(o->queries)) > 0;
    return result ? read_result(q, par, o, items) : read_vectors(q, par, o);
}

int cf_queries_choose(cf_queries *q, const cf_par *par, const cf_options *o,
                      const cf_idmap *map, cf_gidx rows, const char *whose)
{
    cf_text_add(&q->source, "{\"name\": ");
    cf_text_json(&q->source, cf_base_name(o->only));
    cf_text_add(&q->source, "}");
    return cf_only_read(par, o->only, map, rows, whose, &q->chosen, &q->count,
                        &q->ids);
}

/* ---- searching ---- */

static int find_others(cf_queries *q, const cf_par *par, const cf_options *o,
                       const cf_points *base, int dim, bool keep)
{
    int status = CF_OK;
    cf_vectors *v = &q->vectors;
    cf_points asked = {&v->part, v->rows, v->name};
    int64_t values = cf_part_count(&v->part, par->rank) * v->dim;
    if (v->dim != dim)
        CF_TRY(cf_fail(CF_BAD_DATA,
                       "%s has rows of %d values and %s of %d; only those of "
                       "one length can be compared",
                       base->what, dim, v->name, v->dim));
    if (keep) {
        q->kept = cf_alloc(values, sizeof *q->kept, "queries");
        if (values > 0)
            memcpy(q->kept, v->rows, (size_t)values * sizeof *q->kept);
    }
    enum cf_similarity by = (enum cf_similarity)o->similarity;
    if (q->join)
        CF_TRY(cf_neighbors_query_join(&q->found, &q->graph, par, base, &asked,
                                       dim, by, q->bound));
    else if (q->bounded)
        CF_TRY(cf_neighbors_query_within(&q->found, par, base, &asked, dim,
                                         o->neighbors, by, q->bound));
    else
        CF_TRY(cf_neighbors_query(&q->found, par, base, &asked, dim,
                                  o->neighbors, by));
done:
    return status;
}

int cf_queries_find(cf_queries *q, const cf_par *par, const cf_options *o,
                    const cf_points *base, int dim, bool keep)
{
    q->base = cf_part_rows(base->part);
    if (q->others)
        return find_others(q, par, o, base, dim, keep);
    enum cf_similarity by = (enum cf_similarity)o->similarity;
    if (q->join)
        return cf_neighbors_some_join(&q->found, &q->graph, par, base,
                                      q->chosen, q->count, dim, by, q->bound);
    if (q->bounded)
        return cf_neighbors_some_within(&q->found, par, base, q->chosen,
                                        q->count, dim, o->neighbors, by,
                                        q->bound);
    return cf_neighbors_some(&q->found, par, base, q->chosen, q->count, dim,
                             o->neighbors, by);
}

/* ---- writing ---- */

void cf_queries_add(const cf_queries *q, cf_writer *w, const char *space,
                    const char *side, enum cf_similarity by)
{
    const cf_part *part = &q->found.part;
    cf_gidx rows = cf_part_rows(part), begin = part->begin[w->par->rank];
    int64_t own = cf_part_count(part, w->par->rank);
    bool items = strcmp(side, "items") == 0;
    cf_layout_add_ids(w, "/queries/id", rows,
                      cf_exscan_i64(w->par, q->ids.count), &q->ids,
                      q->some ? "ids of the rows that were asked for"
                              : "ids of the queries, numbers from 0 where they "
                                "have none");
    if (q->some)
        cf_writer_add(
            w, "/queries/row", CF_I64, rows, 1, 1, begin, own, q->chosen,
            items ? "their rows of /items" : "their rows of /users", NULL, 0);
    if (q->kept != NULL)
        cf_writer_add(w, "/queries/vectors", CF_F32, rows, q->vectors.dim, 2,
                      begin, own, q->kept,
                      items ? "the queries, as item rows of the embedding"
                            : "the queries, as user rows of the embedding",
                      NULL, 0);
    cf_writer_text(w, "/queries", "source", q->source.data);
    if (q->found.lists.gap != NULL)
        cf_layout_add_queries(w, side, space, by, &q->found, q->base);
}

void cf_queries_free(cf_queries *q)
{
    cf_ids_free(&q->ids);
    cf_text_free(&q->source);
    cf_vectors_free(&q->vectors);
    cf_free(q->kept);
    cf_csr_free(&q->asked.ratings);
    cf_free(q->asked.users);
    cf_free(q->asked.items);
    cf_free(q->chosen);
    cf_neighbors_free(&q->found);
    cf_graph_free(&q->graph);
    *q = (cf_queries){0};
}
