/* Where things stand in a result file: the one place that knows the names. */
#ifndef CFMPI_LAYOUT_H
#define CFMPI_LAYOUT_H

#include "cfmpi/csr.h"
#include "cfmpi/graph.h"
#include "cfmpi/h5.h"
#include "cfmpi/idmap.h"
#include "cfmpi/neighbors.h"
#include "cfmpi/overlap.h"
#include "cfmpi/ratings_neighbors.h"
#include "cfmpi/recommend.h"
#include "cfmpi/svd.h"
#include "cfmpi/transform.h"

/* Titles of this rank's items: UTF-8, null-padded to one width. */
typedef struct cf_titles {
    size_t width; /* bytes of one, the same on all ranks, at least 1 */
    int64_t count;
    char *data;    /* [count x width] */
    int64_t found; /* how many of all ranks' items have a title */
} cf_titles;

/* Safe on {0} and twice. Local. */
void cf_titles_free(cf_titles *t);

/* Who the rows and columns of the ratings are. */
typedef struct cf_tables {
    cf_idmap users, items;
    cf_titles titles;    /* of own items; data is NULL when there are none */
    int64_t *user_count; /* of own rows of the matrix */
    double *user_mean;
    int64_t *item_count; /* of own items of the id map */
    double *item_mean;
} cf_tables;

/* Counts and means from the matrix. Collective. */
void cf_tables_fill(cf_tables *t, const cf_csr *a, const cf_par *par);
void cf_tables_free(cf_tables *t);

/* Names of the forms of graphs in the order of their enum, then NULL. */
extern const char *const cf_graph_names[];

/* Add a part to an output; `space` says what lists are on, `by` what their
 * scores are; all data is borrowed until the commit. Collective where there are
 * ids, else local, all ranks alike. */
void cf_layout_add_ratings(cf_writer *w, const cf_tables *t, const cf_csr *a);
void cf_layout_add_embedding(cf_writer *w, const cf_embedding *e,
                             const cf_transform *t);
void cf_layout_add_neighbors(cf_writer *w, const char *side, const char *space,
                             enum cf_similarity by, const cf_neighbors *n);
/* Lists on the ratings beside those on the embedding: /neighbors_ratings. */
void cf_layout_add_rating_neighbors(cf_writer *w, const char *side,
                                    enum cf_similarity by,
                                    const cf_neighbors *n);
/* How far the two agree: /overlap. */
void cf_layout_add_overlap(cf_writer *w, const char *side,
                           enum cf_similarity by, const cf_overlap *o);
/* Lists of queries: they name rows of `side`, which has `rows`. */
void cf_layout_add_queries(cf_writer *w, const char *side, const char *space,
                           enum cf_similarity by, const cf_neighbors *n,
                           cf_gidx rows);
void cf_layout_add_graph(cf_writer *w, const char *side, enum cf_similarity by,
                         enum cf_graph_form form, const cf_graph *g);

/* The same of queries: rows of the graph name rows of `side`, which has
 * `rows`. */
void cf_layout_add_query_graph(cf_writer *w, const char *side,
                               enum cf_similarity by, const cf_graph *g,
                               cf_gidx rows);

/* What lists of `group` on the ratings are by: parameters of the similarity,
 * and how the ratings were weighted and centred (names of `t`). Local. */
void cf_layout_add_measure(cf_writer *w, const char *group,
                           const cf_ratings_measure *by, const cf_transform *t);

/* Says that the scores of `group` ("/neighbors/users", "/graph/users") reach a
 * bound. Local. */
void cf_layout_add_bound(cf_writer *w, const char *group, enum cf_similarity by,
                         float bound);
void cf_layout_add_recommendations(cf_writer *w, const cf_recommendations *r,
                                   enum cf_score score, cf_gidx items);
/* The same of queries: /recommendations/queries. */
void cf_layout_add_query_recommendations(cf_writer *w,
                                         const cf_recommendations *r,
                                         enum cf_score score, cf_gidx items);

/* Adds a column of ids: int64, or strings as wide as the longest of all ranks.
 * This rank has the rows from `begin` on; lists that are not empty are of one
 * kind on all ranks. Collective. */
void cf_layout_add_ids(cf_writer *w, const char *name, cf_gidx rows,
                       cf_gidx begin, const cf_ids *ids,
                       const char *description);

/* Read a part; every digest is compared on the way. Errors, agreed:
 * CF_BAD_DATA, CF_IO. Collective. Rows are split as each says. */

/* The matrix, rows split by entries; checked to be a matrix. */
int cf_layout_read_ratings(const cf_h5 *file, const cf_par *par, cf_csr *a);

/* Ids of "users" or "items", evenly split; they ascend without repeats. */
int cf_layout_read_ids(const cf_h5 *file, const cf_par *par, const char *side,
                       cf_idmap *map);

/* The ids of rows [begin, begin + count), all when count < 0, which ascend
 * without repeats. No digest is compared. CF_BAD_DATA, CF_IO. Local. */
int cf_layout_load_ids(const cf_h5 *file, const char *side, cf_gidx begin,
                       cf_gidx count, cf_ids *ids);

/* How the ratings became the matrix of the embedding. */
int cf_layout_read_transform(const cf_h5 *file, const cf_par *par,
                             cf_transform *t);

/* What user rows of the embedding are. Local. */
int64_t cf_layout_embedding_scale(const cf_h5 *file);

/* `side` rows of the embedding, evenly split into *part; rows (cf_free) is
 * [own rows x dim]. For items the rows are as the user rows, V·Σ or whatever
 * the file says, when `scaled`, else V. */
int cf_layout_read_embedding(const cf_h5 *file, const cf_par *par,
                             const char *side, bool scaled, cf_part *part,
                             float **rows, int *dim);

/* What the scores of `group` ("/neighbors/users") are. CF_BAD_DATA when the
 * file names none that is known. Local. */
int cf_layout_read_similarity(const cf_h5 *file, const char *group,
                              enum cf_similarity *by);

/* What lists on the ratings are by; only weighting and centring of `t` are set.
 * CF_BAD_DATA for what is not known. Local. */
int cf_layout_read_measure(const cf_h5 *file, const char *group,
                           cf_ratings_measure *by, cf_transform *t);

/* The side whose rows the lists or the graph of queries name, "users" or
 * "items". Local. */
const char *cf_layout_queries_among(const cf_h5 *file);

/* Whether the lists of `group` are on the ratings themselves. Local. */
bool cf_layout_on_ratings(const cf_h5 *file, const char *group);

/* Whether the file says the order of `group` as its similarity has it. Local.
 */
bool cf_layout_order_fits(const cf_h5 *file, const char *group,
                          enum cf_similarity by);

/* Finished lists of `group` ("/neighbors/users"), evenly split into *part;
 * there must be `rows` of them, and they must name rows below `limit`. gap
 * and ties are not read. */
int cf_layout_read_lists(const cf_h5 *file, const cf_par *par,
                         const char *group, cf_gidx rows, cf_gidx limit,
                         cf_part *part, cf_topk *lists);

/* The graph of "users" or "items", rows evenly split; checked to have columns
 * that ascend within the other rows; or that of "queries", within the rows of
 * the side that they are among. */
int cf_layout_read_graph(const cf_h5 *file, const cf_par *par, const char *side,
                         cf_graph *g);

/* The bound of a group; one that all scores reach where it has none. Local. */
float cf_layout_read_bound(const cf_h5 *file, const char *group,
                           enum cf_similarity by);

/* Whether a score reaches a bound. Local. */
bool cf_layout_reaches(float score, enum cf_similarity by, float bound);

/* What form it says it has. CF_BAD_DATA for one that is not known. Local. */
int cf_layout_read_graph_form(const cf_h5 *file, const char *side,
                              enum cf_graph_form *form);

#endif
