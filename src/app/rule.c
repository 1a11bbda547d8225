#define _POSIX_C_SOURCE 200809L
#include "rule.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cfmpi/memory.h"
#include "cfmpi/scan.h"

/* ---- options ---- */

/* Options that say something of some rules only. */
static int check_given(const cf_options *o, const cf_rule_text *rule)
{
    static const char *const of_nearest[] = {
        "neighbors",   "min-neighbors", "min-similarity", "space", "similarity",
        "min-overlap", "significance",  "shrinkage",      "alpha", "beta"};
    const char *given =
        cf_options_any(o, of_nearest, sizeof of_nearest / sizeof *of_nearest);
    if (given != NULL && !(rule->needs & CF_NEEDS_SIMILARITY))
        return cf_fail(CF_USAGE,
                       "--%s: --rule=%s does not look for neighbours; leave it "
                       "out, or take a rule such as user-centered",
                       given, rule->name);
    if (cf_options_given(o, "fallback") &&
        !(rule->needs & (CF_NEEDS_SIMILARITY | CF_NEEDS_LISTS)))
        return cf_fail(CF_USAGE,
                       "--fallback: --rule=%s has a prediction for every "
                       "pair; leave it out",
                       rule->name);
    return CF_OK;
}

static int check_baseline(const cf_options *o, const cf_rule_options *rule)
{
    static const char *const of_baseline[] = {"sweeps", "lambda-users",
                                              "lambda-items"};
    const char *given = cf_options_any(
        o, of_baseline, sizeof of_baseline / sizeof *of_baseline);
    bool has = rule->rule == CF_RULE_BASELINE ||
               rule->rule == CF_RULE_USER_BASELINE ||
               rule->rule == CF_RULE_ITEM_BASELINE ||
               rule->fallback == CF_FALLBACK_BASELINE;
    if (given != NULL && !has)
        return cf_fail(CF_USAGE,
                       "--%s: --rule=%s has no baseline; leave it out", given,
                       cf_rule_about(rule->rule)->name);
    return CF_OK;
}

static int read_clip(const char *value, cf_rule_options *rule)
{
    bool given;
    double range[2];
    int status = CF_OK;
    if (strcmp(value, "none") == 0)
        return CF_OK;
    rule->clip = CF_CLIP_RATINGS;
    if (strcmp(value, "ratings") == 0)
        return CF_OK;
    CF_TRY(cf_job_read_range("clip", value, range, &given));
    rule->clip = given ? CF_CLIP_RANGE : CF_CLIP_NONE;
    rule->low = range[0];
    rule->high = range[1];
done:
    return status;
}

static int read_least(const char *value, cf_rule_options *rule)
{
    if (value[0] == '\0')
        return CF_OK;
    if (!cf_scan_double(value, value + strlen(value), &rule->min_similarity))
        return cf_fail(CF_USAGE, "--min-similarity: '%s' is not a number",
                       value);
    if (!(rule->min_similarity >= 0))
        return cf_fail(CF_USAGE,
                       "--min-similarity: neighbours' ratings are weighted by "
                       "similarities above 0; '%s' is below",
                       value);
    return CF_OK;
}

int cf_rule_check_space(const cf_options *o)
{
    if (o->space != CF_SPACE_BOTH)
        return CF_OK;
    return cf_fail(CF_USAGE, "--space: ratings are predicted and recommended "
                             "by one of both; say embedding or ratings");
}

static int check_measure(const cf_job *job, bool embedded)
{
    int status = cf_rule_check_space(job->o);
    if (status != CF_OK)
        return status;
    if (job->o->similarity == CF_EUCLIDEAN)
        return cf_fail(CF_USAGE,
                       "--similarity: a distance is no weight for neighbours' "
                       "ratings; take another similarity");
    return embedded ? cf_job_check_dense(job) : cf_job_check_measure(job->o);
}

int cf_rule_of_options(const cf_job *job, cf_rule_options *rule,
                       cf_predict_from *from, cf_ratings_measure *by)
{
    int status = CF_OK;
    const cf_options *o = job->o;
    const cf_rule_text *text = cf_rule_about((enum cf_rule)o->rule);
    *rule = (cf_rule_options){.rule = (enum cf_rule)o->rule,
                              .k = o->neighbors,
                              .min_k = o->min_neighbors,
                              .fallback = (enum cf_fallback)o->fallback};
    CF_TRY(check_given(o, text));
    CF_TRY(check_baseline(o, rule));
    CF_TRY(read_clip(o->clip, rule));
    CF_TRY(read_least(o->min_similarity, rule));
    from->baseline =
        (cf_baseline_options){o->sweeps, o->lambda_users, o->lambda_items};
    if (text->needs & CF_NEEDS_SIMILARITY) {
        *by = cf_job_measure(job);
        from->by = by;
        from->embedded = o->space_given && o->space == CF_SPACE_EMBEDDING;
        CF_TRY(check_measure(job, from->embedded));
    }
done:
    return status;
}

/* ---- what a rule needs ---- */

static int lacks(const cf_job *job, const char *rule, const char *part,
                 const char *command)
{
    const char *path = job->o->input;
    if (!job->from_file && access(path, F_OK) != 0)
        return cf_fail(CF_NO_INPUT, "%s: %s", path, strerror(errno));
    return cf_fail(job->from_file ? CF_BAD_DATA : CF_USAGE,
                   "%s: has no %s, which --rule=%s predicts from; make a file "
                   "that has with `cfmpi %s`, or take another rule",
                   path, part, rule, command);
}

static bool wants_embedding(const cf_rule_options *rule,
                            const cf_predict_from *from)
{
    return (cf_rule_about(rule->rule)->needs & CF_NEEDS_EMBEDDING) ||
           from->embedded;
}

int cf_rule_check(const cf_job *job, const cf_rule_options *rule,
                  const cf_predict_from *from)
{
    const cf_rule_text *text = cf_rule_about(rule->rule);
    if ((text->needs & CF_NEEDS_LISTS) &&
        (!job->from_file || !cf_h5_has(&job->file, "/neighbors/users/index")))
        return lacks(job, text->name, "/neighbors/users", "neighbors");
    if (wants_embedding(rule, from) &&
        (!job->from_file || !cf_h5_has(&job->file, "/embedding/users")))
        return lacks(job, text->name, "/embedding", "svd");
    return text->needs & CF_NEEDS_LISTS
               ? cf_job_check_weights(job, "/neighbors/users")
               : CF_OK;
}

int cf_rule_load(cf_job *job, const cf_rule_options *rule,
                 const cf_predict_from *from)
{
    int status = CF_OK;
    if (cf_rule_about(rule->rule)->needs & CF_NEEDS_LISTS)
        CF_TRY(cf_layout_read_lists(&job->file, job->par, "/neighbors/users",
                                    job->ratings.rows, job->ratings.rows,
                                    &job->user_neighbors.part,
                                    &job->user_neighbors.lists));
    if (wants_embedding(rule, from))
        CF_TRY(cf_job_load_embedding(job));
done:
    return status;
}
