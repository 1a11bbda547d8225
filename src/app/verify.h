/* What the parts of `cfmpi verify` share. */
#ifndef CFMPI_VERIFY_H
#define CFMPI_VERIFY_H

#include "cfmpi/csr.h"
#include "cfmpi/h5.h"
#include "cfmpi/neighbors.h"
#include "cfmpi/options.h"

/* A file that is looked through. */
typedef struct cf_check {
    const cf_par *par;
    const cf_options *o;
    cf_h5 file;
    cf_csr ratings;
    int64_t wrong; /* parts that are not what they should be */
    cf_text out;
} cf_check;

/* One line of the verdict, and the count of what is wrong. Local. */
void cf_check_tell(cf_check *c, bool good, const char *what,
                   const char *detail);

/* The same `n` rows on every rank, chosen by the seed; the caller frees them.
 * Local. */
cf_gidx *cf_check_sample(const cf_check *c, cf_gidx rows, int64_t *n);

/* A row of a dataset of `cols` columns, on every rank. CF_BAD_DATA, CF_IO,
 * agreed. Collective. */
int cf_check_row(cf_check *c, const char *group, const char *name,
                 enum cf_type type, cf_gidx cols, cf_gidx row, void *out);

/* Whether the list of a row is the one that was made here; gap and ties as well
 * where `full`. CF_BAD_DATA, CF_IO, agreed. Collective. */
int cf_check_list(cf_check *c, const char *group, cf_gidx row,
                  const cf_topk *right, bool full, bool *same);

/* What the scores are; a file that says another order than theirs is wrong.
 * CF_BAD_DATA, agreed. Collective. */
int cf_check_similarity(cf_check *c, const char *group, enum cf_similarity *by);

/* All ranks' candidates of one row that reach a bound, in one list of an empty
 * `out`, on every rank; NaN is none. Collective. */
void cf_check_best(const cf_par *par, const float *score, const cf_part *part,
                   enum cf_similarity by, float bound, cf_topk *out);

/* Parts of their own: the recommendations; the lists of a group
 * ("/neighbors/users") on the ratings, `which` being "users", "items" or
 * "queries"; how far the lists of a side on the embedding and on the ratings
 * agree. CF_BAD_DATA, CF_IO, agreed. Collective. */
int cf_check_recommendations(cf_check *c);
int cf_check_rated(cf_check *c, const char *group, const char *which);
int cf_check_overlap(cf_check *c, const char *side);

#endif
