/* cfmpi verify: whether a file is whole and right.
 *
 * Every digest is recomputed; then residuals, and the lists of a sample of
 * users by brute force: other code than that which made them. Of lists made
 * from vectors, which the file does not hold, what can be seen of them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/layout.h"
#include "cfmpi/memory.h"
#include "cfmpi/random.h"
#include "cfmpi/text_file.h"
#include "commands.h"
#include "verify.h"
#include "verify_graph.h"
#include "verify_lists.h"

static void put_line(cf_check *c, const char *verdict, const char *what,
                     const char *detail)
{
    if (c->par->rank == 0)
        cf_text_add(&c->out, "%-9s  %s%s\n", verdict, what, detail);
}

/* One line of the verdict, and the count of what is wrong. */
void cf_check_tell(cf_check *c, bool good, const char *what, const char *detail)
{
    c->wrong += !good;
    put_line(c, good ? "ok" : "DIFFERENT", what, detail);
}

static int check_digest(cf_check *c, const cf_dataset *d)
{
    char hex[CF_DIGEST_HEX], line[CF_NAME_MAX + 128];
    if (!d->known) {
        cf_check_tell(c, false, d->name,
                      ": a type or shape that cfmpi does not know");
        return CF_OK;
    }
    int status = cf_h5_digest(&c->file, c->par, d, hex);
    if (status != CF_OK || strcmp(hex, d->digest) == 0)
        return status;
    snprintf(line, sizeof line, ": digest %s, stored %s", hex,
             d->digest[0] != '\0' ? d->digest : "none");
    cf_check_tell(c, false, d->name, line);
    return CF_OK;
}

static int check_digests(cf_check *c)
{
    int status = CF_OK, count = 0, own = 0;
    cf_dataset *list = NULL;
    char line[128];
    int64_t bytes = 0;
    CF_TRY(cf_agree(c->par, cf_h5_list(&c->file, &list, &count)));
    for (int i = 0; i < count; i++) {
        if (list[i].foreign) {
            put_line(c, "skipped", list[i].name, ": not one of cfmpi's");
            continue;
        }
        CF_TRY(check_digest(c, &list[i]));
        bytes += list[i].rows * list[i].cols * (int64_t)list[i].width;
        own++;
    }
    snprintf(line, sizeof line, "digests of %d datasets, %.1f MiB", own,
             (double)bytes / 0x1p20);
    if (c->wrong == 0)
        cf_check_tell(c, true, line, "");
done:
    cf_free(list);
    return status;
}

/* ---- residuals ---- */

static int read_vector(cf_check *c, const char *name, int64_t n, double *out)
{
    cf_dataset d;
    int status = cf_h5_dataset(&c->file, name, &d);
    if (status == CF_OK && (d.rows != n || d.cols != 1 || d.type != CF_F64))
        status = cf_fail(CF_BAD_DATA, "%s: %s has the wrong shape",
                         c->file.path, name);
    if (status == CF_OK)
        status = cf_h5_read(&c->file, &d, 0, n, out);
    return cf_agree(c->par, status);
}

static int read_embedding(cf_check *c, cf_embedding *e)
{
    int status = CF_OK;
    cf_dataset d;
    int rank = c->par->rank;
    CF_TRY(cf_agree(c->par, cf_h5_dataset(&c->file, "/embedding/users", &d)));
    e->dim = (int)d.cols;
    e->scale = cf_layout_embedding_scale(&c->file);
    cf_part_copy(&e->user_part, &c->ratings.part);
    cf_part_even(&e->item_part, c->ratings.cols, c->par->size);
    int64_t n = c->ratings.n_loc, m = cf_part_count(&e->item_part, rank);
    e->users = cf_alloc(n * e->dim, sizeof *e->users, "user embedding");
    e->items = cf_alloc(m * e->dim, sizeof *e->items, "item embedding");
    e->sigma = cf_calloc(4 * (int64_t)e->dim, sizeof *e->sigma, "triplets");
    e->residual = e->sigma + e->dim;
    e->left = e->residual + e->dim;
    e->right = e->left + e->dim;
    CF_TRY(cf_h5_read_slab(&c->file, c->par, "/embedding/users", CF_F32, e->dim,
                           e->user_part.begin[rank], n, e->users));
    CF_TRY(cf_h5_read_slab(&c->file, c->par, "/embedding/items", CF_F32, e->dim,
                           e->item_part.begin[rank], m, e->items));
    CF_TRY(read_vector(c, "/embedding/singular_values", e->dim, e->sigma));
done:
    return status;
}

/* Residuals move in their last places with the rank count, so a small part
 * of their size is allowed. */
static bool close_residual(double stored, double right)
{
    return isfinite(stored) && isfinite(right) &&
           fabs(stored - right) <= 1e-3 * right + 1e-9;
}

/* Against σ², which are those of the file, as shares of `squares`. */
static int check_shares(cf_check *c, const cf_embedding *e, double squares)
{
    int status = CF_OK;
    bool same = true;
    double all = 0;
    double *stored = cf_alloc(e->dim, sizeof *stored, "shares");
    CF_TRY(read_vector(c, "/embedding/explained_variance", e->dim, stored));
    for (int k = 0; k < e->dim; k++) {
        double share = squares > 0 ? e->sigma[k] * e->sigma[k] / squares : 0;
        same = same && fabs(stored[k] - share) <= 1e-9;
        all += share;
    }
    char line[64];
    snprintf(line, sizeof line, ", %.1f %% in all", 100 * all);
    cf_check_tell(c, same, "explained variance", line);
done:
    cf_free(stored);
    return status;
}

static int check_residuals(cf_check *c)
{
    int status = CF_OK;
    cf_embedding e = {0};
    char line[128];
    double *stored = NULL;
    bool same = true;
    double orthogonality = NAN;
    cf_transform t = {0};
    cf_csr matrix = c->ratings;
    CF_TRY(read_embedding(c, &e));
    CF_TRY(cf_layout_read_transform(&c->file, c->par, &t));
    if (t.items != matrix.cols)
        CF_TRY(cf_fail(CF_BAD_DATA,
                       "%s: /embedding and /ratings do not fit each other",
                       c->file.path));
    matrix.values = cf_alloc(matrix.indptr[matrix.n_loc], sizeof *matrix.values,
                             "weighted ratings");
    cf_transform_apply(&t, &c->ratings, matrix.values);
    stored = cf_alloc(e.dim, sizeof *stored, "residuals");
    CF_TRY(read_vector(c, "/embedding/residuals", e.dim, stored));
    CF_TRY(check_shares(c, &e, cf_csr_squares(&matrix, c->par)));
    cf_svd_certify(&e, &matrix, c->par);
    for (int k = 0; k < e.dim; k++)
        same = same && close_residual(stored[k], e.residual[k]);
    snprintf(line, sizeof line, " of %d triplets, largest %.1e", e.dim,
             e.max_residual);
    cf_check_tell(c, same, "residuals", line);
    cf_h5_number(&c->file, "/embedding", "orthogonality", &orthogonality);
    snprintf(line, sizeof line, ", max|U'U-I| %.1e", e.orthogonality);
    cf_check_tell(c, close_residual(orthogonality, e.orthogonality),
                  "orthogonality", line);
    snprintf(line, sizeof line,
             " of %" CF_PRIgidx " users as their ratings "
             "give them",
             matrix.rows);
    cf_check_tell(c, e.rows_off == 0, "embedding rows", line);
done:
    if (matrix.values != c->ratings.values)
        cf_free(matrix.values);
    cf_transform_free(&t);
    cf_free(stored);
    cf_embedding_free(&e);
    return status;
}

/* ---- lists ---- */

/* The same `n` rows on every rank, chosen by the seed. */
cf_gidx *cf_check_sample(const cf_check *c, cf_gidx rows, int64_t *n)
{
    *n = CF_MIN(c->o->sample, rows);
    cf_gidx *row = cf_alloc(*n, sizeof *row, "sample");
    for (int64_t i = 0; i < *n; i++)
        row[i] = *n == rows ? i
                            : (cf_gidx)(cf_random_uniform((uint64_t)c->o->seed,
                                                          77, (uint64_t)i) *
                                        (double)rows);
    return row;
}

/* A row of a dataset of `cols` columns, on every rank; agreed. */
int cf_check_row(cf_check *c, const char *group, const char *name,
                 enum cf_type type, cf_gidx cols, cf_gidx row, void *out)
{
    char path[CF_NAME_MAX];
    cf_dataset d;
    int status = CF_OK;
    int32_t *narrow = NULL;
    snprintf(path, sizeof path, "%.100s/%.20s", group, name);
    CF_TRY(cf_h5_dataset(&c->file, path, &d));
    bool wide = type == CF_I64 && d.type == CF_I32;
    if ((d.type != type && !wide) || d.cols != cols)
        CF_TRY(cf_fail(CF_BAD_DATA, "%s: %s has the wrong type or shape",
                       c->file.path, path));
    narrow = cf_alloc(wide ? cols : 0, sizeof *narrow, "list");
    CF_TRY(cf_h5_read(&c->file, &d, row, 1, wide ? narrow : out));
    for (int64_t i = 0; wide && i < cols; i++)
        ((int64_t *)out)[i] = narrow[i];
done:
    cf_free(narrow);
    return cf_agree(c->par, status);
}

/* Compares a stored list with one made here; gap and ties where `full`. */
int cf_check_list(cf_check *c, const char *group, cf_gidx row,
                  const cf_topk *right, bool full, bool *same)
{
    int status = CF_OK;
    int64_t k = right->k;
    cf_gidx *index = cf_alloc(k, sizeof *index, "list");
    float *score = cf_alloc(k, sizeof *score, "list"), gap = 0;
    int32_t count = 0, ties = 0;
    CF_TRY(cf_check_row(c, group, "index", CF_I64, k, row, index));
    CF_TRY(cf_check_row(c, group, "score", CF_F32, k, row, score));
    CF_TRY(cf_check_row(c, group, "count", CF_I32, 1, row, &count));
    *same = count == right->count[0];
    for (int64_t i = 0; i < k && *same; i++)
        *same = index[i] == right->index[i] &&
                (i >= count ||
                 !(score[i] < right->score[i] || score[i] > right->score[i]));
    if (full) {
        CF_TRY(cf_check_row(c, group, "gap", CF_F32, 1, row, &gap));
        CF_TRY(cf_check_row(c, group, "ties", CF_I32, 1, row, &ties));
        *same = *same && ties == right->ties[0] &&
                !(gap < right->gap[0] || gap > right->gap[0]) &&
                isnan(gap) == isnan(right->gap[0]);
    }
done:
    cf_free(index);
    cf_free(score);
    return status;
}

/* What the scores are; a file that says another order than theirs is wrong. */
int cf_check_similarity(cf_check *c, const char *group, enum cf_similarity *by)
{
    int status =
        cf_agree(c->par, cf_layout_read_similarity(&c->file, group, by));
    if (status == CF_OK && !cf_layout_order_fits(&c->file, group, *by))
        cf_check_tell(c, false, group,
                      ": says another order than its similarity has");
    return status;
}

/* All ranks' candidates of one row that reach a bound in one list, on every
 * rank. The nearest has the least distance, but the highest score of any other
 * kind. */
void cf_check_best(const cf_par *par, const float *score, const cf_part *part,
                   enum cf_similarity by, float bound, cf_topk *out)
{
    float *all = cf_alloc(cf_part_rows(part), sizeof *all, "scores of a row");
    float sign = by == CF_EUCLIDEAN ? -1 : 1;
    cf_allgather_rows(par, part, score, all, sizeof *all);
    for (cf_gidx i = 0; i < cf_part_rows(part); i++)
        if (!isnan(all[i]) && cf_layout_reaches(all[i], by, bound))
            cf_topk_push(out, 0, sign * all[i], i);
    cf_topk_finish(out);
    for (int64_t i = 0; i < out->k; i++)
        out->score[i] *= sign;
    cf_free(all);
}

/* Scores of a row that every rank has in `x` with the own rows; NaN with
 * itself. */
static void score_row(const cf_check *c, enum cf_similarity by, cf_gidx row,
                      const float *x, const cf_part *part, const float *rows,
                      int dim, float *score)
{
    cf_gidx begin = part->begin[c->par->rank];
    double nx = cf_dot(x, x, dim);
    for (int64_t i = 0; i < cf_part_count(part, c->par->rank); i++) {
        const float *y = rows + i * dim;
        score[i] = begin + i == row
                       ? NAN
                       : cf_score(by, x, nx, y, cf_dot(y, y, dim), dim);
    }
}

/* Lists of neighbours, and the rows that they are made from. */
typedef struct made_from {
    const char *name;     /* /neighbors/NAME */
    bool items;           /* whose rows lists name */
    bool queries, others; /* lists of /queries; these are not among the rows */
    cf_part part;
    float *rows;
    int dim;
} made_from;

/* The row that list i is of, and its number among those that it is compared
 * with, -1 where it is none of them. */
static int take_row(cf_check *c, const made_from *m, cf_gidx i, float *x,
                    cf_gidx *self)
{
    int status = CF_OK;
    cf_gidx begin = m->part.begin[c->par->rank];
    *self = m->others ? -1 : i;
    if (m->others)
        return cf_check_row(c, "/queries", "vectors", CF_F32, m->dim, i, x);
    if (m->queries)
        CF_TRY(cf_check_row(c, "/queries", "row", CF_I64, 1, i, self));
    if (*self < 0 || *self >= cf_part_rows(&m->part))
        CF_TRY(cf_fail(CF_BAD_DATA,
                       "%s: /queries/row names a row that does not exist",
                       c->file.path));
    int owner = cf_part_owner(&m->part, *self);
    if (owner == c->par->rank)
        memcpy(x, m->rows + (*self - begin) * m->dim,
               (size_t)m->dim * sizeof *x);
    cf_bcast(c->par, x, m->dim * (int64_t)sizeof *x, owner);
done:
    return status;
}

/* Compares the lists of a sample of rows with those made here. */
static int check_sample(cf_check *c, const made_from *m, const char *group,
                        enum cf_similarity by, const cf_dataset *d)
{
    int status = CF_OK;
    char line[128];
    bool same = true;
    cf_topk right = {0};
    int64_t samples, differ = 0;
    cf_gidx *sample = cf_check_sample(c, d->rows, &samples), self;
    int64_t n = cf_part_count(&m->part, c->par->rank);
    float bound = cf_layout_read_bound(&c->file, group, by);
    float *x = cf_alloc(m->dim, sizeof *x, "row");
    float *score = cf_alloc(n, sizeof *score, "scores of a row");
    for (int64_t s = 0; s < samples; s++) {
        CF_TRY(take_row(c, m, sample[s], x, &self));
        score_row(c, by, self, x, &m->part, m->rows, m->dim, score);
        cf_topk_init(&right, 1, d->cols);
        cf_check_best(c->par, score, &m->part, by, bound, &right);
        CF_TRY(cf_check_list(c, group, sample[s], &right, true, &same));
        differ += !same;
    }
    snprintf(line, sizeof line,
             " of %" PRId64 " %s by brute force, %" PRId64 " differ", samples,
             m->name, differ);
    cf_check_tell(c, differ == 0, "neighbours", line);
done:
    cf_topk_free(&right);
    cf_free(x);
    cf_free(score);
    cf_free(sample);
    return status;
}

/* Where the lists of queries stand among the rows of the file. */
static void find_queries(const cf_check *c, made_from *m)
{
    m->queries = strcmp(m->name, "queries") == 0;
    m->others = m->queries && !cf_h5_has(&c->file, "/queries/row");
    m->items = m->queries
                   ? strcmp(cf_layout_queries_among(&c->file), "items") == 0
                   : strcmp(m->name, "items") == 0;
}

static int check_neighbours(cf_check *c, const char *which)
{
    int status = CF_OK;
    enum cf_similarity by = CF_COSINE;
    char group[CF_NAME_MAX], name[CF_NAME_MAX];
    made_from m = {.name = which};
    cf_dataset d, ids;
    snprintf(group, sizeof group, "/neighbors/%s", which);
    snprintf(name, sizeof name, "/neighbors/%s/index", which);
    find_queries(c, &m);
    CF_TRY(cf_agree(c->par, cf_h5_dataset(&c->file, name, &d)));
    CF_TRY(cf_check_similarity(c, group, &by));
    CF_TRY(cf_layout_read_embedding(&c->file, c->par,
                                    m.items ? "items" : "users", m.items,
                                    &m.part, &m.rows, &m.dim));
    cf_gidx rows = cf_part_rows(&m.part);
    if (m.queries) {
        CF_TRY(cf_agree(c->par, cf_h5_dataset(&c->file, "/queries/id", &ids)));
        rows = ids.rows;
    }
    if (d.rows != rows)
        CF_TRY(cf_fail(CF_BAD_DATA,
                       "%s: %s has %" CF_PRIgidx " rows for %" CF_PRIgidx " %s",
                       c->file.path, name, d.rows, rows, which));
    CF_TRY(check_sample(c, &m, group, by, &d));
done:
    cf_part_free(&m.part);
    cf_free(m.rows);
    return status;
}

/* ---- graphs ---- */

/* All pairs that reach a bound, of a sample of rows, from the embedding. */
static int check_pairs(cf_check *c, const char *side, const cf_graph *graph)
{
    int status = CF_OK;
    enum cf_similarity by = CF_COSINE;
    char group[CF_NAME_MAX], line[128];
    made_from m = {.name = side, .items = strcmp(side, "items") == 0};
    float *x = NULL, *score = NULL;
    int64_t samples = 0, differ = 0;
    cf_gidx *sample = NULL, self;
    snprintf(group, sizeof group, "/graph/%.20s", side);
    CF_TRY(cf_agree(c->par, cf_layout_read_similarity(&c->file, group, &by)));
    float bound = cf_layout_read_bound(&c->file, group, by);
    CF_TRY(cf_layout_read_embedding(&c->file, c->par, side, m.items, &m.part,
                                    &m.rows, &m.dim));
    if (cf_part_rows(&graph->part) != cf_part_rows(&m.part))
        CF_TRY(cf_fail(CF_BAD_DATA, "%s: %s has not one row for each of the %s",
                       c->file.path, group, side));
    sample = cf_check_sample(c, cf_part_rows(&m.part), &samples);
    x = cf_alloc(m.dim, sizeof *x, "row");
    score = cf_alloc(cf_part_count(&m.part, c->par->rank), sizeof *score,
                     "scores of a row");
    for (int64_t s = 0; s < samples; s++) {
        CF_TRY(take_row(c, &m, sample[s], x, &self));
        score_row(c, by, self, x, &m.part, m.rows, m.dim, score);
        differ += cf_max_i64(c->par, cf_verify_column(graph, c->par, sample[s],
                                                      score, by, bound)) > 0;
    }
    snprintf(line, sizeof line,
             " of %" PRId64 " %s by brute force, %" PRId64 " differ", samples,
             side, differ);
    cf_check_tell(c, differ == 0, "pairs", line);
done:
    cf_part_free(&m.part);
    cf_free(m.rows);
    cf_free(x);
    cf_free(score);
    cf_free(sample);
    return status;
}

/* The graph of queries: a sample of its rows from the embedding. */
static int check_query_pairs(cf_check *c, const cf_graph *graph,
                             enum cf_similarity by)
{
    int status = CF_OK;
    char line[128];
    made_from m = {.name = "queries"};
    float *x = NULL, *score = NULL, *all = NULL;
    int64_t samples = 0, differ = 0;
    cf_gidx *sample = NULL, self;
    float bound = cf_layout_read_bound(&c->file, "/graph/queries", by);
    find_queries(c, &m);
    CF_TRY(cf_layout_read_embedding(&c->file, c->par,
                                    m.items ? "items" : "users", m.items,
                                    &m.part, &m.rows, &m.dim));
    sample = cf_check_sample(c, cf_part_rows(&graph->part), &samples);
    x = cf_alloc(m.dim, sizeof *x, "row");
    score = cf_alloc(cf_part_count(&m.part, c->par->rank), sizeof *score,
                     "scores of a row");
    all = cf_alloc(cf_part_rows(&m.part), sizeof *all, "scores of a row");
    for (int64_t s = 0; s < samples; s++) {
        CF_TRY(take_row(c, &m, sample[s], x, &self));
        score_row(c, by, self, x, &m.part, m.rows, m.dim, score);
        cf_allgather_rows(c->par, &m.part, score, all, sizeof *all);
        int64_t wrong = cf_verify_row(graph, c->par, sample[s], all,
                                      cf_part_rows(&m.part), by, bound);
        differ += cf_max_i64(c->par, wrong) > 0;
    }
    snprintf(line, sizeof line,
             " of %" PRId64 " queries by brute force, %" PRId64 " differ",
             samples, differ);
    cf_check_tell(c, differ == 0, "pairs", line);
done:
    cf_part_free(&m.part);
    cf_free(m.rows);
    cf_free(x);
    cf_free(score);
    cf_free(all);
    cf_free(sample);
    return status;
}

static int check_graph(cf_check *c, const char *side)
{
    int status = CF_OK;
    char name[CF_NAME_MAX], line[128];
    int64_t wrong = 0;
    enum cf_graph_form form = CF_GRAPH_DIRECTED;
    enum cf_similarity by = CF_COSINE;
    cf_graph graph = {0};
    cf_dataset ids;
    snprintf(name, sizeof name, "/graph/%.20s", side);
    if (!cf_h5_has(&c->file, name))
        return CF_OK;
    CF_TRY(cf_verify_graph(c->par, &c->file, side, &graph, &wrong));
    snprintf(name, sizeof name, "/%.20s/id", side);
    CF_TRY(cf_agree(c->par, cf_h5_dataset(&c->file, name, &ids)));
    if (cf_part_rows(&graph.part) != ids.rows)
        CF_TRY(cf_fail(CF_BAD_DATA,
                       "%s: /graph/%s has %" CF_PRIgidx " rows for "
                       "%" CF_PRIgidx " %s",
                       c->file.path, side, cf_part_rows(&graph.part), ids.rows,
                       side));
    snprintf(name, sizeof name, "/graph/%.20s", side);
    CF_TRY(cf_agree(c->par, cf_layout_read_similarity(&c->file, name, &by)));
    bool directed = strcmp(side, "queries") == 0 || cf_similarity_directed(by);
    snprintf(line, sizeof line,
             " of %" CF_PRIgidx " %s, %" PRId64 " %s, %" PRId64 " differ",
             cf_part_rows(&graph.part), side,
             directed ? graph.entries : graph.entries / 2,
             directed ? "entries by their range" : "edges from both ends",
             wrong);
    cf_check_tell(c, wrong == 0, "graph", line);
    CF_TRY(cf_agree(c->par, cf_layout_read_graph_form(&c->file, side, &form)));
    if (form == CF_GRAPH_THRESHOLD && !cf_layout_on_ratings(&c->file, name) &&
        cf_h5_has(&c->file, "/embedding/users"))
        CF_TRY(strcmp(side, "queries") == 0 ? check_query_pairs(c, &graph, by)
                                            : check_pairs(c, side, &graph));
done:
    cf_graph_free(&graph);
    return status;
}

static int check_graphs(cf_check *c)
{
    int status = CF_OK;
    CF_TRY(check_graph(c, "users"));
    CF_TRY(check_graph(c, "items"));
    CF_TRY(check_graph(c, "queries"));
done:
    return status;
}

/* That they can be read says that they ascend without repeats. */
static int check_ids(cf_check *c)
{
    int status = CF_OK;
    cf_idmap map = {0};
    CF_TRY(cf_layout_read_ids(&c->file, c->par, "users", &map));
    CF_TRY(cf_layout_read_ids(&c->file, c->par, "items", &map));
done:
    cf_idmap_free(&map);
    return status;
}

/* All lists of a group by themselves. */
static int check_lists_alone(cf_check *c, const char *group, const char *which,
                             const char *why)
{
    int status = CF_OK;
    char line[160];
    bool queries = strcmp(which, "queries") == 0;
    int64_t wrong = 0;
    cf_idmap map = {0};
    cf_list_group g = {.name = group};
    CF_TRY(cf_layout_read_ids(
        &c->file, c->par, strcmp(which, "items") == 0 ? which : "users", &map));
    g.rows = g.among = cf_part_rows(&map.part);
    if (queries) {
        CF_TRY(cf_layout_read_ids(&c->file, c->par, "queries", &map));
        g.rows = cf_part_rows(&map.part);
        g.own = cf_h5_has(&c->file, "/queries/row") ? "/queries/row" : NULL;
        g.others = g.own == NULL;
    }
    CF_TRY(cf_check_similarity(c, group, &g.by));
    CF_TRY(cf_verify_lists(c->par, &c->file, &g, &wrong));
    snprintf(line, sizeof line,
             " of %" CF_PRIgidx " %s by order and range, %" PRId64
             " differ; %s",
             g.rows, which, wrong, why);
    cf_check_tell(c, wrong == 0, "neighbours", line);
done:
    cf_idmap_free(&map);
    return status;
}

/* Lists on the ratings: each by itself, and a sample made anew, if it is of
 * rows that are in the file. */
static int check_rated(cf_check *c, const char *group, const char *which)
{
    int status = CF_OK;
    bool others =
        strcmp(which, "queries") == 0 && !cf_h5_has(&c->file, "/queries/row");
    CF_TRY(check_lists_alone(c, group, which, "they are on the ratings"));
    if (!others)
        CF_TRY(cf_check_rated(c, group, which));
done:
    return status;
}

static int check_side(cf_check *c, const char *root, const char *which)
{
    char group[CF_NAME_MAX], index[CF_NAME_MAX];
    snprintf(group, sizeof group, "%.40s/%.20s", root, which);
    snprintf(index, sizeof index, "%.100s/index", group);
    if (!cf_h5_has(&c->file, index))
        return CF_OK;
    return cf_layout_on_ratings(&c->file, group) ? check_rated(c, group, which)
                                                 : check_neighbours(c, which);
}

/* Lists on the ratings beside those on the embedding. */
static int check_both(cf_check *c, const char *side)
{
    int status = CF_OK;
    char overlap[CF_NAME_MAX];
    snprintf(overlap, sizeof overlap, "/overlap/%.20s", side);
    CF_TRY(check_side(c, "/neighbors_ratings", side));
    if (cf_h5_has(&c->file, overlap))
        CF_TRY(cf_check_overlap(c, side));
done:
    return status;
}

static int check_contents(cf_check *c)
{
    int status = CF_OK;
    CF_TRY(check_ids(c));
    CF_TRY(cf_layout_read_ratings(&c->file, c->par, &c->ratings));
    if (cf_h5_has(&c->file, "/embedding/users"))
        CF_TRY(check_residuals(c));
    CF_TRY(check_side(c, "/neighbors", "users"));
    CF_TRY(check_side(c, "/neighbors", "items"));
    CF_TRY(check_side(c, "/neighbors", "queries"));
    CF_TRY(check_both(c, "users"));
    CF_TRY(check_both(c, "items"));
    if (cf_h5_has(&c->file, "/recommendations/index"))
        CF_TRY(cf_check_recommendations(c));
done:
    return status;
}

/* Lists of vectors. */
static int check_lists(cf_check *c)
{
    static const char vectors[] = "the vectors are not in the file";
    int status = CF_OK;
    if (cf_h5_has(&c->file, "/neighbors/users/index"))
        CF_TRY(check_lists_alone(c, "/neighbors/users", "users", vectors));
    if (cf_h5_has(&c->file, "/neighbors/queries/index"))
        CF_TRY(check_lists_alone(c, "/neighbors/queries", "queries", vectors));
done:
    return status;
}

int cf_cmd_verify(const cf_par *par, const cf_options *o, cf_report *report)
{
    int status = CF_OK;
    cf_check c = {.par = par, .o = o};
    cf_text_file to = {0};
    CF_TRY(cf_h5_open(&c.file, par, o->input));
    CF_TRY(cf_text_file_begin(&to, par, o->output, o->force));
    cf_report_begin(report, "verify", "parts");
    CF_TRY(check_digests(&c));
    /* Values whose digest is wrong are not worth a second look. */
    if (c.wrong == 0 && cf_h5_has(&c.file, "/ratings/indptr"))
        CF_TRY(check_contents(&c));
    else if (c.wrong == 0)
        CF_TRY(check_lists(&c));
    if (c.wrong == 0)
        CF_TRY(check_graphs(&c));
    cf_report_end(report);
    CF_TRY(cf_text_file_write(&to, par, &c.out));
    CF_TRY(cf_text_file_commit(&to, par));
    if (c.wrong > 0)
        status = cf_fail(CF_DIFFERENT,
                         "%s: %" PRId64 " parts are not what "
                         "they should be",
                         o->input, c.wrong);
done:
    cf_text_free(&c.out);
    cf_text_file_free(&to, par);
    cf_csr_free(&c.ratings);
    cf_h5_close(&c.file);
    return status;
}
