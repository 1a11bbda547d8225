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

/* Makes job->recommendations. Errors, agreed. Collective. */
int cf_top_recommend(cf_job *job);

/* Adds /recommendations. Collective. */
void cf_top_add(const cf_job *job, cf_writer *w);

#endif
