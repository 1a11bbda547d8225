/* Users who are not in a result file, and what it has for them: an embedding
 * of their ratings, neighbours, a list of items. */
#ifndef CFMPI_NEWCOMERS_H
#define CFMPI_NEWCOMERS_H

#include "job.h"

/* Their rows are evenly split over the ranks. {0} is empty. */
typedef struct cf_newcomers {
    cf_csr as_read;     /* their ratings, in columns of their own */
    cf_csr ratings;     /* of the items of the file, in its columns */
    float *rows;        /* [own x dim] as the embedding's user rows, or NULL */
    cf_gidx excluded;   /* a user of the file, or -1 */
    cf_neighbors found; /* among the users of the file */
    bool recommended;   /* there are lists of items */
    cf_recommendations top;     /* these */
    int64_t *known, *strangers; /* [all] ratings of known items; [own] 1 where
                                   there are none */
} cf_newcomers;

/* Bends job->bent to what the open file is made by, where the options do not
 * say otherwise: its lists, and what it recommends by. CF_BAD_DATA, CF_USAGE.
 * Local. */
int cf_newcomers_settle(cf_job *job);

/* Reads their ratings, and of the file what is needed for them. Says which of
 * them have rated nothing that is known. Errors, agreed. Collective. */
int cf_newcomers_read(cf_newcomers *n, cf_job *job);

/* Finds their neighbours, and then what to recommend. Users without known
 * items have neither. Errors, agreed. Collective. */
int cf_newcomers_find(cf_newcomers *n, cf_job *job);
int cf_newcomers_recommend(cf_newcomers *n, cf_job *job);

/* Adds them and what was found to an output. Collective. */
void cf_newcomers_add(const cf_newcomers *n, const cf_job *job, cf_writer *w);

/* Safe on {0} and twice. Local. */
void cf_newcomers_free(cf_newcomers *n);

#endif
