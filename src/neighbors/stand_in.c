#include "stand_in.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "cfmpi/baseline.h"
#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"

/* ---- what ratings may be ---- */

static int check_row(const cf_compared *c, int64_t i, cf_gidx row,
                     enum cf_similarity by)
{
    const cf_csr *a = c->rows;
    double squares = 0;
    bool below = false;
    for (int64_t e = a->indptr[i]; e < a->indptr[i + 1]; e++) {
        squares += (double)a->values[e] * (double)a->values[e];
        below = below || a->values[e] < 0;
    }
    if (!isfinite(squares))
        return cf_fail(CF_BAD_DATA,
                       "row %" CF_PRIgidx " of %s has a value that is not "
                       "finite",
                       row, c->what);
    if (below && cf_definition_of(by)->values == CF_SHARE)
        return cf_fail(CF_BAD_DATA,
                       "--similarity=%s: is not defined for ratings below 0, "
                       "which %s has; leave them out with --rating-range, or "
                       "take another similarity",
                       cf_similarity_about(by)->name, c->what);
    /* A squared distance is up to twice the sum of two of them. */
    if ((by == CF_DOT || by == CF_EUCLIDEAN) && squares > (double)FLT_MAX / 4)
        return cf_fail(CF_BAD_DATA,
                       "products of the ratings of %s are beyond float32; "
                       "scale them down",
                       c->what);
    return CF_OK;
}

static int check(const cf_par *par, const cf_compared *c, enum cf_similarity by)
{
    int status = CF_OK;
    cf_gidx begin = c->rows->part.begin[par->rank];
    for (int64_t i = 0; i < c->rows->n_loc && status == CF_OK; i++)
        status = check_row(c, i, begin + i, by);
    return cf_agree(par, status);
}

/* ---- what is known of rows and columns ---- */

/* Half way between the smallest and the largest rating: a multiple of half of
 * what they are multiples of. */
static double middle_of(const cf_csr *a, const cf_par *par)
{
    double most[2] = {-DBL_MAX, -DBL_MAX};
    for (int64_t e = 0; e < a->indptr[a->n_loc]; e++) {
        most[0] = fmax(most[0], (double)a->values[e]);
        most[1] = fmax(most[1], -(double)a->values[e]);
    }
    MPI_Allreduce(MPI_IN_PLACE, most, 2, MPI_DOUBLE, MPI_MAX, par->comm);
    return a->nnz > 0 ? (most[0] - most[1]) / 2 : 0;
}

bool cf_ratings_needs_columns(enum cf_similarity similarity, bool of_items)
{
    enum cf_stand_in values = cf_definition_of(similarity)->values;
    return values == CF_RESIDUAL || values == CF_SHARE ||
           (values == CF_FROM_USER && of_items);
}

static void learn_baseline(cf_learned *l, const cf_par *par,
                           const cf_compared *c)
{
    cf_baseline b = {0};
    cf_baseline_fit(&b, par, c->of_items ? c->columns : c->rows,
                    c->of_items ? c->rows : c->columns, NULL);
    *l = (cf_learned){b.mean, c->of_items ? b.item : b.user,
                      c->of_items ? b.user : b.item};
}

static void learn(cf_learned *l, const cf_par *par, const cf_compared *c,
                  enum cf_stand_in kind)
{
    *l = (cf_learned){0};
    switch (kind) {
    case CF_AS_RATED: break;
    case CF_FROM_MIDDLE: l->mean = middle_of(c->rows, par); break;
    case CF_FROM_OWN: l->row = cf_row_means(c->rows, par, 0); break;
    case CF_FROM_USER:
        if (c->of_items)
            l->column = cf_row_means(c->columns, par, 0);
        else
            l->row = cf_row_means(c->rows, par, 0);
        break;
    case CF_SHARE: l->column = cf_row_sums(c->columns, par); break;
    case CF_RESIDUAL: learn_baseline(l, par, c);
    }
}

static void take_shares(double *values, const double *sum, double alpha,
                        int64_t count, const cf_lidx *columns,
                        const float *ratings)
{
    for (int64_t e = 0; e < count; e++) {
        double of = sum[columns[e]];
        values[e] = of > 0 ? pow((double)ratings[e] / of, alpha) : 0;
    }
}

void cf_stand_in_row(double *values, const cf_learned *l,
                     const cf_ratings_measure *by, cf_gidx row, int64_t count,
                     const cf_lidx *columns, const float *ratings)
{
    double of_row = l->row != NULL ? l->row[row] : 0;
    if (cf_definition_of(by->similarity)->values == CF_SHARE) {
        take_shares(values, l->column, by->alpha, count, columns, ratings);
        return;
    }
    for (int64_t e = 0; e < count; e++) {
        double v = ((double)ratings[e] - l->mean) - of_row;
        values[e] = v - (l->column != NULL ? l->column[columns[e]] : 0);
    }
}

static void apply(double *values, const cf_learned *l, const cf_par *par,
                  const cf_csr *a, const cf_ratings_measure *by)
{
    for (int64_t i = 0; i < a->n_loc; i++) {
        int64_t e = a->indptr[i];
        cf_stand_in_row(values + e, l, by, a->part.begin[par->rank] + i,
                        a->indptr[i + 1] - e, a->indices + e, a->values + e);
    }
}

int cf_stand_in_learn(cf_learned *learned, const cf_par *par,
                      const cf_compared *c, const cf_ratings_measure *by)
{
    int status = CF_OK;
    *learned = (cf_learned){0};
    CF_TRY(check(par, c, by->similarity));
    learn(learned, par, c, cf_definition_of(by->similarity)->values);
done:
    return status;
}

int cf_stand_in(double *values, cf_learned *learned, const cf_par *par,
                const cf_compared *c, const cf_ratings_measure *by)
{
    int status = CF_OK;
    CF_TRY(cf_stand_in_learn(learned, par, c, by));
    apply(values, learned, par, c->rows, by);
done:
    return status;
}

/* ---- other rows ---- */

/* What is known of `columns` columns and of those behind them. */
static double *extend(const double *known, const cf_par *par,
                      const cf_compared *others, cf_gidx columns,
                      enum cf_stand_in kind)
{
    cf_gidx all = others->rows->cols;
    double *out = kind == CF_FROM_USER
                      ? cf_row_means(others->columns, par, 0)
                      : cf_calloc(all, sizeof *out, "sums of rows");
    memcpy(out, known, (size_t)columns * sizeof *out);
    return out;
}

int cf_stand_in_others(double *values, const cf_par *par,
                       const cf_learned *learned, const cf_compared *others,
                       cf_gidx columns, const cf_ratings_measure *by)
{
    int status = CF_OK;
    enum cf_stand_in kind = cf_definition_of(by->similarity)->values;
    const cf_csr *a = others->rows;
    cf_learned l = {.mean = learned->mean};
    CF_TRY(check(par, others, by->similarity));
    if (learned->column != NULL)
        l.column = extend(learned->column, par, others, columns, kind);
    if (kind == CF_RESIDUAL) {
        l.row = cf_alloc(a->rows, sizeof *l.row, "biases");
        cf_baseline_side(l.row, l.column, a, par, l.mean,
                         others->of_items ? CF_BASELINE_ITEM
                                          : CF_BASELINE_USER);
    } else if (learned->row != NULL) {
        l.row = cf_row_means(a, par, 0);
    }
    apply(values, &l, par, a, by);
done:
    cf_learned_free(&l);
    return status;
}

void cf_learned_free(cf_learned *l)
{
    cf_free(l->row);
    cf_free(l->column);
    *l = (cf_learned){0};
}
