/* Neighbours by the ratings: the lists of a sample of rows made anew by plain
 * sums in float64. */
#include <stdio.h>
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/layout.h"
#include "cfmpi/memory.h"
#include "cfmpi/transform.h"
#include "verify.h"

/* What lists were made from. */
typedef struct source {
    cf_csr matrix, columns;
    float *values; /* of the matrix, where they are not the ratings */
    cf_ratings_measure by;
    cf_ratings_plain plain;
} source;

static void source_free(source *s)
{
    cf_ratings_plain_free(&s->plain);
    cf_csr_free(&s->columns);
    cf_free(s->values);
}

static int open_source(cf_check *c, const char *group, bool items, source *s)
{
    int status = CF_OK;
    cf_transform stored, t = {0};
    s->matrix = c->ratings;
    CF_TRY(cf_agree(c->par,
                    cf_layout_read_measure(&c->file, group, &s->by, &stored)));
    CF_TRY(cf_transform_learn(&t, &c->ratings, c->par, c->ratings.rows,
                              stored.weighting, stored.centring));
    if (!cf_transform_is_none(&t)) {
        s->values = cf_alloc(s->matrix.indptr[s->matrix.n_loc],
                             sizeof *s->values, "weighted ratings");
        cf_transform_apply(&t, &c->ratings, s->values);
        s->matrix.values = s->values;
    }
    if (items || cf_ratings_needs_columns(s->by.similarity, items))
        cf_csr_transpose(&s->columns, &s->matrix, c->par);
    CF_TRY(cf_ratings_plain_begin(
        &s->plain, c->par, items ? &s->columns : &s->matrix,
        items ? &s->matrix : &s->columns, items, &s->by, c->file.path));
done:
    cf_transform_free(&t);
    return status;
}

/* The row that list i is of. */
static int find_row(cf_check *c, const source *s, bool queries, cf_gidx i,
                    cf_gidx *row)
{
    int status = CF_OK;
    *row = i;
    if (queries)
        CF_TRY(cf_check_row(c, "/queries", "row", CF_I64, 1, i, row));
    if (*row < 0 || *row >= s->plain.rows->rows)
        CF_TRY(cf_fail(CF_BAD_DATA,
                       "%s: a list is of a row that does not "
                       "exist",
                       c->file.path));
done:
    return status;
}

static int check_sample(cf_check *c, const source *s, const char *group,
                        const char *which, const cf_dataset *d)
{
    int status = CF_OK;
    char line[128];
    bool same = true;
    cf_topk right = {0};
    int64_t samples, differ = 0;
    const cf_csr *rows = s->plain.rows;
    cf_gidx *sample = cf_check_sample(c, d->rows, &samples), row;
    float bound = cf_layout_read_bound(&c->file, group, s->by.similarity);
    float *score = cf_alloc(rows->n_loc, sizeof *score, "scores of a row");
    for (int64_t i = 0; i < samples; i++) {
        CF_TRY(find_row(c, s, strcmp(which, "queries") == 0, sample[i], &row));
        cf_ratings_plain_scores(&s->plain, c->par, row, score);
        cf_topk_init(&right, 1, d->cols);
        cf_check_best(c->par, score, &rows->part, s->by.similarity, bound,
                      &right);
        CF_TRY(cf_check_list(c, group, sample[i], &right, true, &same));
        cf_topk_free(&right);
        differ += !same;
    }
    snprintf(line, sizeof line,
             " of %" PRId64 " %s by brute force on the ratings, %" PRId64
             " differ",
             samples, which, differ);
    cf_check_tell(c, differ == 0, "neighbours", line);
done:
    cf_topk_free(&right);
    cf_free(score);
    cf_free(sample);
    return status;
}

int cf_check_rated(cf_check *c, const char *group, const char *which)
{
    int status = CF_OK;
    bool queries = strcmp(which, "queries") == 0;
    const char *side = queries ? cf_layout_queries_among(&c->file) : which;
    char name[CF_NAME_MAX];
    source s = {.values = NULL};
    cf_dataset d;
    snprintf(name, sizeof name, "%.100s/index", group);
    CF_TRY(cf_agree(c->par, cf_h5_dataset(&c->file, name, &d)));
    CF_TRY(open_source(c, group, strcmp(side, "items") == 0, &s));
    CF_TRY(check_sample(c, &s, group, which, &d));
done:
    source_free(&s);
    return status;
}
