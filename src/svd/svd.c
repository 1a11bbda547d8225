/* The solver as its users see it: one of two methods, then the vectors. */
#include "cfmpi/clock.h"
#include "cfmpi/memory.h"
#include "gram.h"
#include "solver.h"

#define SMALL_ORDER 256 /* float64 from the beginning */

/* Whether a basis that finds the triplets would span much of the space. */
static bool suits_gram(cf_gidx order, int dim)
{
    return order <= CF_MAX(SMALL_ORDER, 4 * (cf_gidx)dim);
}

cf_svd *cf_svd_begin(cf_csr *a, const cf_par *par,
                     const cf_svd_options *options)
{
    cf_svd *s = cf_calloc(1, sizeof *s, "SVD");
    s->options = *options;
    cf_gidx order = CF_MIN(a->rows, a->cols);
    s->by_gram =
        options->method == CF_SVD_GRAM ||
        (options->method == CF_SVD_AUTO && suits_gram(order, options->dim));
    s->precision = order > SMALL_ORDER && !s->by_gram ? CF_SINGLE : CF_DOUBLE;
    /* The Gram matrix is summed from the ratings as they are. */
    cf_operator_begin(&s->op, a, par, s->precision, !s->by_gram);
    if (s->by_gram)
        return s;
    cf_krylov_begin(s);
    return s;
}

void cf_svd_end(cf_svd *s)
{
    if (s == NULL)
        return;
    cf_operator_end(&s->op);
    cf_krylov_end(s);
    cf_free(s);
}

cf_svd_times cf_svd_seconds(const cf_svd *s)
{
    return s->op.times;
}

static int solve_gram(cf_svd *s)
{
    cf_free(s->s);
    cf_free(s->theta);
    s->theta = cf_alloc(s->op.order, sizeof *s->theta, "eigenvalues");
    s->s = cf_alloc(s->op.order * s->options.dim, sizeof *s->s, "eigenvectors");
    s->op.passes++;
    double begin = cf_clock();
    int status = cf_gram_eigen(s->op.a, s->op.par, s->op.packed.exponent,
                               s->options.dim, s->theta, s->s);
    s->op.times.eigen += cf_clock() - begin;
    return status;
}

int cf_svd_solve(cf_svd *s, double target, cf_embedding *e, bool *more)
{
    int status = CF_OK;
    CF_TRY(s->by_gram ? solve_gram(s) : cf_krylov_solve(s, target));
    double begin = cf_clock();
    cf_svd_publish(s, e);
    s->op.times.vectors += cf_clock() - begin;
    *more = !s->by_gram && cf_krylov_may_go_on(s);
done:
    return status;
}
