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

/* Sum of each row of `a`, or its mean, on all ranks; 0 for an empty one. */
static double *of_all_rows(const cf_csr *a, const cf_par *par, bool mean)
{
    double *own = cf_alloc(a->n_loc, sizeof *own, "sums of rows");
    double *all = cf_alloc(a->rows, sizeof *all, "sums of rows");
    for (int64_t i = 0; i < a->n_loc; i++) {
        own[i] = 0;
        for (int64_t e = a->indptr[i]; e < a->indptr[i + 1]; e++)
            own[i] += (double)a->values[e];
        if (mean && a->indptr[i + 1] > a->indptr[i])
            own[i] /= (double)(a->indptr[i + 1] - a->indptr[i]);
    }
    cf_allgather_rows(par, &a->part, own, all, sizeof *all);
    cf_free(own);
    return all;
}

/* values = (rating - mean) - row[] - column[]; NULL is nothing. */
static void subtract(double *values, const cf_csr *a, const cf_par *par,
                     double mean, const double *row, const double *column)
{
    cf_gidx begin = a->part.begin[par->rank];
    for (int64_t i = 0; i < a->n_loc; i++)
        for (int64_t e = a->indptr[i]; e < a->indptr[i + 1]; e++) {
            double v = (double)a->values[e] - mean;
            v -= row != NULL ? row[begin + i] : 0;
            v -= column != NULL ? column[a->indices[e]] : 0;
            values[e] = v;
        }
}

static void take_shares(double *values, const cf_csr *a, const double *sum,
                        double alpha)
{
    for (int64_t e = 0; e < a->indptr[a->n_loc]; e++) {
        double of = sum[a->indices[e]];
        values[e] = of > 0 ? pow((double)a->values[e] / of, alpha) : 0;
    }
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
                    c->of_items ? c->rows : c->columns);
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
    case CF_FROM_OWN: l->row = of_all_rows(c->rows, par, true); break;
    case CF_FROM_USER:
        if (c->of_items)
            l->column = of_all_rows(c->columns, par, true);
        else
            l->row = of_all_rows(c->rows, par, true);
        break;
    case CF_SHARE: l->column = of_all_rows(c->columns, par, false); break;
    case CF_RESIDUAL: learn_baseline(l, par, c);
    }
}

static void apply(double *values, const cf_learned *l, const cf_par *par,
                  const cf_csr *a, const cf_ratings_measure *by)
{
    if (cf_definition_of(by->similarity)->values == CF_SHARE)
        take_shares(values, a, l->column, by->alpha);
    else
        subtract(values, a, par, l->mean, l->row, l->column);
}

int cf_stand_in(double *values, cf_learned *learned, const cf_par *par,
                const cf_compared *c, const cf_ratings_measure *by)
{
    int status = CF_OK;
    *learned = (cf_learned){0};
    CF_TRY(check(par, c, by->similarity));
    learn(learned, par, c, cf_definition_of(by->similarity)->values);
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
                      ? of_all_rows(others->columns, par, true)
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
        l.row = of_all_rows(a, par, true);
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
