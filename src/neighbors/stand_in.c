#include "stand_in.h"

#include <float.h>
#include <math.h>

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

static void leave_residuals(double *values, const cf_par *par,
                            const cf_compared *c)
{
    cf_baseline b = {0};
    if (c->of_items) {
        cf_baseline_fit(&b, par, c->columns, c->rows);
        subtract(values, c->rows, par, b.mean, b.item, b.user);
    } else {
        cf_baseline_fit(&b, par, c->rows, c->columns);
        subtract(values, c->rows, par, b.mean, b.user, b.item);
    }
    cf_baseline_free(&b);
}

bool cf_ratings_needs_columns(enum cf_similarity similarity, bool of_items)
{
    enum cf_stand_in values = cf_definition_of(similarity)->values;
    return values == CF_RESIDUAL || values == CF_SHARE ||
           (values == CF_FROM_USER && of_items);
}

int cf_stand_in(double *values, const cf_par *par, const cf_compared *c,
                const cf_ratings_measure *by)
{
    int status = CF_OK;
    enum cf_stand_in kind = cf_definition_of(by->similarity)->values;
    double *row = NULL, *column = NULL, mean = 0;
    CF_TRY(check(par, c, by->similarity));
    if (kind == CF_FROM_MIDDLE)
        mean = middle_of(c->rows, par);
    if (kind == CF_FROM_OWN || (kind == CF_FROM_USER && !c->of_items))
        row = of_all_rows(c->rows, par, true);
    else if (kind == CF_FROM_USER || kind == CF_SHARE)
        column = of_all_rows(c->columns, par, kind == CF_FROM_USER);
    if (kind == CF_SHARE)
        take_shares(values, c->rows, column, by->alpha);
    else if (kind == CF_RESIDUAL)
        leave_residuals(values, par, c);
    else
        subtract(values, c->rows, par, mean, row, column);
done:
    cf_free(row);
    cf_free(column);
    return status;
}
