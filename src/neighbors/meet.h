/* Two tiles of rows meet: all their pairs are screened, and those that can
 * matter are scored exactly and offered to the lists of both rows. */
#ifndef CFMPI_MEET_H
#define CFMPI_MEET_H

#include "party.h"

/* Two tiles with the products of the rows of each (as `linear` has them) and
 * the centre of the other. */
typedef struct cf_meeting {
    cf_party *a, *b;
    int64_t i, j;                 /* tiles of a and of b */
    const float *with_b, *with_a; /* [CF_SIDE] rows of a, of b */
    float constant; /* of all products: what the centres alone add */
} cf_meeting;

/* Room for meetings, and what they have cost. */
typedef struct cf_meetings {
    cf_measure measure;
    int64_t exact;         /* scores computed */
    cf_pairs_chunk *found; /* where the next pair goes, or NULL */
    cf_pair *pairs;        /* that passed the screen */
    int32_t *sums;         /* [CF_SIDE x CF_SIDE] */
} cf_meetings;

/* Local; 400 KiB. */
void cf_meetings_begin(cf_meetings *s, const cf_measure *measure);
void cf_meetings_end(cf_meetings *s);

/* Each pair once where both tiles are the same; both have the same head.
 * Local. */
void cf_meet(cf_meetings *s, const cf_meeting *m);

/* Whether no pair of the two tiles can matter to anyone; needs no products of
 * rows. Local. */
bool cf_nothing_there(const cf_measure *u, const cf_meeting *m);

/* Lower bounds of the products of all pairs of tiles that are head altogether,
 * -inf where there is no pair: bounds [rows of tile i][stride], CF_SIDE of each
 * row. Local. */
void cf_meeting_bounds(cf_meetings *s, const cf_meeting *m, float *bounds,
                       int stride);

/* Upper bounds of the product of rows i and j of two parties as the screen has
 * it, for every head: bounds[quads], [1, all quads]. Local; dim flops. */
void cf_head_bounds(const cf_measure *u, const cf_party *a, int64_t i,
                    const cf_party *b, int64_t j, float *bounds);

#endif
