/* The settings that one evaluation compares: all combinations of the values in
 * --grid, or the options as they are. */
#ifndef CFMPI_TRIALS_H
#define CFMPI_TRIALS_H

#include "option_table.h"

#define CF_TRIAL_KEYS 16
#define CF_TRIALS_MAX 10000

/* An option and its values. */
typedef struct cf_trial_key {
    const cf_option *row;
    const char **value; /* [count], of `values` */
    int count;
} cf_trial_key;

/* Trials are numbered with the last option going round first. */
typedef struct cf_trials {
    cf_trial_key key[CF_TRIAL_KEYS];
    int keys;
    int64_t count; /* at least 1 */
    char text[CF_PATH_MAX];
    const char *values[CF_PATH_MAX / 2]; /* of all keys, into `text` */
} cf_trials;

/* Says whether a trial can be evaluated: CF_USAGE. Local. */
typedef int cf_trial_check(const cf_options *o);

/* Whether an option is one of the model that is evaluated: other steps have it,
 * but no reader of ratings. Local. */
bool cf_trials_of_model(const cf_option *row);

/* Reads o->grid. CF_USAGE for what is no such option of evaluate, or a value
 * that it does not take. `t` must stay where it is. Local. */
int cf_trials_parse(cf_trials *t, const cf_options *o);

/* The options of a trial; `out` is the caller's. Local. */
void cf_trials_options(const cf_trials *t, const cf_options *o, int64_t trial,
                       cf_options *out);

/* Whether every trial passes a check, and every option that was given, or is
 * in the grid, is of use to one of them: CF_USAGE. Local. */
int cf_trials_check(const cf_trials *t, const cf_options *o,
                    cf_trial_check *check);

/* The value that a trial has for a key. Local. */
const char *cf_trials_value(const cf_trials *t, int key, int64_t trial);

/* Appends " --name=value" for each option of the model that is not as it is
 * by default, was given or is in the grid, unless the trial has no use for it.
 * Local. */
void cf_trials_print(const cf_trials *t, const cf_options *o, int64_t trial,
                     cf_trial_check *check, cf_text *out);

#endif
