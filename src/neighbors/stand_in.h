/* What stands for the ratings in the sums of a similarity. */
#ifndef CFMPI_STAND_IN_H
#define CFMPI_STAND_IN_H

#include "definition.h"

/* What is learned from all ratings: a rating's value is less these, or its
 * share of its column's. NULL where there are none. */
typedef struct cf_learned {
    double mean;
    double *row;    /* [rows] */
    double *column; /* [columns] */
} cf_learned;

/* Learns from all ratings; `learned` is freed by the caller. CF_BAD_DATA,
 * agreed, when some ratings cannot be compared in this way. Collective; 8 bytes
 * a row or a column on each rank. */
int cf_stand_in_learn(cf_learned *learned, const cf_par *par,
                      const cf_compared *c, const cf_ratings_measure *by);

/* values [count] for the ratings of a row. Local. */
void cf_stand_in_row(double *values, const cf_learned *l,
                     const cf_ratings_measure *by, cf_gidx row, int64_t count,
                     const cf_lidx *columns, const float *ratings);

/* values [own entries of rows] for all ratings; `learned` is freed by the
 * caller. CF_BAD_DATA, agreed. Collective; 8 bytes a row or a column on each
 * rank. */
int cf_stand_in(double *values, cf_learned *learned, const cf_par *par,
                const cf_compared *c, const cf_ratings_measure *by);

/* The same for ratings of other rows in these columns and perhaps more, by what
 * was learned from the base. What has to be known of a row is found from its
 * own ratings: its mean, or its bias, which is what half a sweep more of the
 * baseline would make of it. Of columns that the base has not: a user's mean is
 * that of these ratings, there is no bias, and shares are 0. */
int cf_stand_in_others(double *values, const cf_par *par,
                       const cf_learned *learned, const cf_compared *others,
                       cf_gidx columns, const cf_ratings_measure *by);

/* Safe on {0} and twice. Local. */
void cf_learned_free(cf_learned *l);

#endif
