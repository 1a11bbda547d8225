/* An explanation as text and as JSON. */
#ifndef CFMPI_EXPLAINED_H
#define CFMPI_EXPLAINED_H

#include "cfmpi/explain.h"
#include "cfmpi/predict.h"
#include "job.h"

typedef struct cf_explained {
    bool by_score;        /* else by a rule */
    cf_rule_options rule; /* that one */
    enum cf_score score;  /* or this one */
    cf_gidx user, item;
    float rating;          /* what is explained, NaN where there is none */
    int32_t from;          /* enum cf_predicted_by */
    float rated;           /* the user's own rating of the item, or NaN */
    int64_t place, places; /* in the list of the file; 0 for none */
    cf_explanation why;
} cf_explained;

/* Appends both. CF_BAD_DATA, CF_IO from the file, which names the rows. Local,
 * rank 0. */
int cf_explained_print(const cf_explained *x, const cf_job *job, cf_text *out,
                       cf_text *json);

#endif
