/* The state of a solver, and its parts. */
#ifndef CFMPI_SOLVER_H
#define CFMPI_SOLVER_H

#include <float.h>
#include <math.h>

#include "basis.h"
#include "cfmpi/svd.h"
#include "product.h"

struct cf_svd {
    cf_svd_options options;
    bool by_gram; /* all at once, s holds the eigenvectors of C */
    enum cf_precision precision;
    cf_operator op;
    cf_basis basis;
    int width;     /* columns of a block */
    int capacity;  /* columns of the basis before a restart */
    double *t;     /* [capacity x capacity] QᵀCQ, symmetric */
    double *theta; /* [capacity] eigenvalues of T, descending */
    double *s;     /* [count x wanted] leading eigenvectors of T */
    int wanted;    /* columns of s */
    void *w;       /* [width columns] C Q_last less the basis */
    int last;      /* columns of the newest block */
    double *gram;  /* [width x width] wᵀw */
    double worst;  /* estimated residual at the last look */
    int steps, next_look, looked;
    bool exhausted; /* nothing more can be gained */
    bool careful;   /* full orthogonalisation in every step */
    double lost;    /* when it was last full: how much longer what a column
                       lost was than what it kept */
    int partly;     /* steps to come that orthogonalise in part */
    int in_part;    /* such steps in a row */
    bool restored;  /* the last full step was the first of two */
};

/* Whether the squared singular value k is only rounding: below that of the
 * largest in float64. Local. */
static inline bool cf_svd_is_zero(const cf_svd *s, int k)
{
    double places = s->by_gram ? fmax(100, (double)s->op.order) : 100;
    return s->theta[k] <= places * DBL_EPSILON * s->theta[0];
}

/* Block Krylov iteration: prepares it, iterates until the estimated residuals
 * are below `target` or passes or space are used up (theta and s are then
 * filled), frees. Errors: CF_BAD_DATA, CF_INTERNAL. Collective. */
void cf_krylov_begin(cf_svd *s);
int cf_krylov_solve(cf_svd *s, double target);
void cf_krylov_end(cf_svd *s);

/* Whether passes are left for a smaller target, after float32 those to come as
 * far again. Local. */
bool cf_krylov_may_go_on(const cf_svd *s);

/* Fills the starting block s->w with the right vectors that the caller has,
 * or with A times them where C is that of the users. Collective. */
void cf_svd_start_columns(cf_svd *s);

/* Makes V and σ from the basis and the eigenvectors of the last look, and room
 * for the rest of the embedding. Collective. */
void cf_svd_publish(cf_svd *s, cf_embedding *e);

#endif
