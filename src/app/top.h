/* Recommended items: the last step of the main job. */
#ifndef CFMPI_TOP_H
#define CFMPI_TOP_H

#include "job.h"

/* Whether the options of this step fit each other and the steps before, once
 * job->first and job->last are known. CF_USAGE. Local. */
int cf_top_check(const cf_job *job);

/* What the file lacks of what the score is made from, in the words of a
 * message; NULL for nothing. Local. */
const char *cf_top_missing(const cf_job *job);

/* Reads --only, --exclude and --allow, once there are ids. Errors, agreed.
 * Collective. */
int cf_top_read(cf_job *job);

/* Rows of the file, [own rows x dim]. */
typedef struct cf_factors {
    cf_part item_part;
    float *users, *items;
    int dim;
} cf_factors;

/* What scores are made from, and how. {0} is empty. */
typedef struct cf_top_from {
    cf_recommend_from from;
    cf_recommend_how how;
    cf_user_lists lists; /* those of the job */
    cf_factors factors;
    cf_baseline baseline;
    uint8_t *candidate;
} cf_top_from;

/* Finds what the score that the options ask for is made from, in the job or in
 * its file, which has it; top->from names parts of *top and *job. Errors,
 * agreed. Collective. */
int cf_top_find(cf_job *job, cf_top_from *top);

/* Safe on {0} and twice. Local. */
void cf_top_free(cf_top_from *top);

/* Makes job->recommendations. Errors, agreed. Collective. */
int cf_top_recommend(cf_job *job);

/* Adds /recommendations. Collective. */
void cf_top_add(const cf_job *job, cf_writer *w);

#endif
