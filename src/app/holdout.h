/* The ratings of an evaluation: the input, and the user's own test ratings. */
#ifndef CFMPI_HOLDOUT_H
#define CFMPI_HOLDOUT_H

#include "job.h"

/* Reads the ratings of job->o, text or a matrix file, into job->ratings and
 * job->tables, with times when `timed`. Errors, agreed. Collective. */
int cf_holdout_load(cf_job *job, bool timed);

/* Reads the file of --test. Its users and items that the input lacks are added
 * to job->ratings as empty rows and columns behind the others, which have no
 * ids; `test` gets rows and columns of the same numbers. CF_BAD_DATA when it
 * has ratings of the input and --allow-leak is not given. Errors, agreed.
 * Collective; memory 16 bytes a test rating besides, 8 a test item. */
int cf_holdout_read_test(cf_job *job, cf_csr *test);

#endif
