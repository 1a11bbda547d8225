/* Method  The row's values are spread over all columns; every other row walks
 *         its own entries in ascending order of the columns and adds up what
 *         both have. No screens, no blocks, no lists.
 * Cost    nnz/P additions a rank and row, all columns once; 8 bytes an entry,
 *         16 a row and 9 a column of memory. */
#include <math.h>
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "definition.h"
#include "stand_in.h"

int cf_ratings_plain_begin(cf_ratings_plain *r, const cf_par *par,
                           const cf_csr *rows, const cf_csr *columns,
                           bool of_items, const cf_ratings_measure *measure,
                           const char *what)
{
    int status = CF_OK;
    const cf_compared compared = {rows, columns, of_items, what, NULL};
    const cf_definition *is = cf_definition_of(measure->similarity);
    cf_learned learned = {0};
    *r = (cf_ratings_plain){.rows = rows, .measure = *measure};
    r->value = cf_alloc(rows->indptr[rows->n_loc], sizeof *r->value,
                        "ratings to compare");
    r->p = cf_alloc(2 * rows->n_loc, sizeof *r->p, "rows");
    r->q = r->p + rows->n_loc;
    CF_TRY(cf_stand_in(r->value, &learned, par, &compared, measure));
    for (int64_t i = 0; i < rows->n_loc; i++) {
        double squares = 0;
        int64_t first = rows->indptr[i], last = rows->indptr[i + 1];
        for (int64_t e = first; e < last; e++)
            squares += r->value[e] * r->value[e];
        is->row(measure, squares, (double)(last - first), &r->p[i], &r->q[i]);
    }
done:
    cf_learned_free(&learned);
    return status;
}

/* One row on all ranks: a value for each column that it has. */
typedef struct spread {
    double p, q;
    double *value; /* [columns] */
    char *rated;   /* [columns] */
} spread;

static void spread_row(const cf_ratings_plain *r, const cf_par *par,
                       cf_gidx row, spread *s)
{
    const cf_csr *a = r->rows;
    int owner = cf_part_owner(&a->part, row);
    double pq[2] = {0, 0};
    s->value = cf_calloc(a->cols, sizeof *s->value, "a row of ratings");
    s->rated = cf_calloc(a->cols, sizeof *s->rated, "a row of ratings");
    if (owner == par->rank) {
        int64_t i = row - a->part.begin[owner];
        for (int64_t e = a->indptr[i]; e < a->indptr[i + 1]; e++) {
            s->value[a->indices[e]] = r->value[e];
            s->rated[a->indices[e]] = 1;
        }
        pq[0] = r->p[i];
        pq[1] = r->q[i];
    }
    cf_bcast(par, s->value, a->cols * (int64_t)sizeof *s->value, owner);
    cf_bcast(par, s->rated, a->cols, owner);
    cf_bcast(par, pq, sizeof pq, owner);
    s->p = pq[0];
    s->q = pq[1];
}

static float score_with(const cf_ratings_plain *r, const spread *s, int64_t i)
{
    const cf_csr *a = r->rows;
    const cf_definition *is = cf_definition_of(r->measure.similarity);
    int32_t n = 0;
    double xy = 0, x = 0, y = 0, xx = 0, yy = 0;
    float there, back;
    for (int64_t e = a->indptr[i]; e < a->indptr[i + 1]; e++) {
        double v = s->value[a->indices[e]], w = r->value[e];
        if (s->rated[a->indices[e]] == 0)
            continue;
        n++;
        xy += v * w;
        x += v;
        y += w;
        xx += v * v;
        yy += w * w;
    }
    const cf_strip strip = {1,    &n,   &xy,      &x,       &y,     &xx,  &yy,
                            s->p, s->q, &r->p[i], &r->q[i], &there, &back};
    is->scores(&r->measure, &strip);
    return is->distance ? -there : there;
}

void cf_ratings_plain_scores(const cf_ratings_plain *r, const cf_par *par,
                             cf_gidx row, float *score)
{
    spread s;
    cf_gidx begin = r->rows->part.begin[par->rank];
    spread_row(r, par, row, &s);
    for (int64_t i = 0; i < r->rows->n_loc; i++)
        score[i] = begin + i == row ? NAN : score_with(r, &s, i);
    cf_free(s.value);
    cf_free(s.rated);
}

void cf_ratings_plain_free(cf_ratings_plain *r)
{
    cf_free(r->value);
    cf_free(r->p);
    *r = (cf_ratings_plain){0};
}
