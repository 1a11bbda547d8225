/* Options that say how ratings are predicted. */
#ifndef CFMPI_RULE_H
#define CFMPI_RULE_H

#include "cfmpi/predict.h"
#include "job.h"

/* The rule that the options ask for, and what it goes by: from->baseline and
 * `by`, to which from->by then points. CF_USAGE where a value is wrong, or an
 * option says nothing of this rule. Local. */
int cf_rule_of_options(const cf_job *job, cf_rule_options *rule,
                       cf_predict_from *from, cf_ratings_measure *by);

/* Whether neighbours are those of one space: CF_USAGE for both. Local. */
int cf_rule_check_space(const cf_options *o);

/* Whether the input has what the rule needs besides the ratings: CF_NO_INPUT,
 * CF_USAGE, CF_BAD_DATA. job->file is open where the input is a result. Local.
 */
int cf_rule_check(const cf_job *job, const cf_rule_options *rule,
                  const cf_predict_from *from);

/* Reads it, once the ratings are there, into job->user_neighbors, or
 * job->embedding and job->transform. Errors, agreed. Collective. */
int cf_rule_load(cf_job *job, const cf_rule_options *rule,
                 const cf_predict_from *from);

#endif
