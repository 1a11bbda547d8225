/* What searches by the ratings have in common: rows made fit to be compared,
 * and the ways in which blocks of them meet. */
#ifndef CFMPI_WAYS_H
#define CFMPI_WAYS_H

#include "coded.h"
#include "delivery.h"
#include "moments.h"
#include "stand_in.h"
#include "sweep.h"

enum cf_way_kind { CF_WAY_SWEEP, CF_WAY_SCREEN, CF_WAY_MOMENTS };

/* One of the ways to meet. */
typedef struct cf_way {
    cf_pairing pairing;
    enum cf_way_kind kind;
    const char *kernel; /* its name, NULL for float64 */
    cf_sweep sweep;
    cf_coded coded;
    cf_moments moments;
} cf_way;

/* The way for ratings with codes, or without. Local. */
enum cf_way_kind cf_way_for(const cf_ratings_measure *by, bool coded);

/* By codes where there are some, which say what they are; else in float64.
 * Blocks have about the rows and entries of `like`, and `columns` columns.
 * Local; costs as of the three. */
void cf_way_begin(cf_way *w, const cf_ratings_measure *by, cf_gidx columns,
                  const cf_codes *codes, const cf_rated *like);

/* As cf_sweep_pairs. */
void cf_way_meet(cf_way *w, cf_raters *heavy, cf_raters *light, bool strict);

/* Safe on {0} and twice. Local. */
void cf_way_end(cf_way *w);

/* Sets p and q of own rows, whose values are codes times `step` where there
 * are codes. Local. */
void cf_rated_describe(cf_rated *r, const cf_ratings_measure *by, double step);

/* New numbers of the columns of `a` and of those from there to `columns`, the
 * most rated first; freed by the caller. Collective. */
cf_lidx *cf_most_rated_first(const cf_par *par, const cf_csr *a,
                             cf_gidx columns);

/* What scores must reach, [rows], as lists have them; freed by the caller.
 * Local. */
float *cf_list_bounds(int64_t rows, const cf_ratings_measure *by);

/* Sends the lists that a block of visitors has filled at a step home to own
 * rows; nothing where there is a join. Collective. */
void cf_raters_send_home(const cf_par *par, int step, const cf_raters *away,
                         cf_raters *own);

/* Finishes the lists of own rows, which are freed, and whose numbers in the
 * input are `first` less than those of their heads, and delivers them as
 * cf_deliver_lists. */
void cf_raters_deliver(cf_neighbors *out, const cf_par *par,
                       const cf_origin *origin, cf_raters *own, cf_gidx first,
                       enum cf_similarity similarity);

#endif
