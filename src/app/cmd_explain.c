/* cfmpi explain: the neighbours behind one predicted rating, or behind one
 * recommended item's score, and what each of them adds to it. */
#include <math.h>
#include <stdio.h>

#include "cfmpi/exchange.h"
#include "cfmpi/explain.h"
#include "cfmpi/memory.h"
#include "cfmpi/predict.h"
#include "cfmpi/text_file.h"
#include "commands.h"
#include "explained.h"
#include "find_id.h"
#include "rule.h"
#include "top.h"

/* ---- what is asked ---- */

/* The first given option that says how ratings are predicted; or NULL. */
static const char *of_rules(const cf_options *o)
{
    static const char *const names[] = {
        "neighbors",  "min-neighbors", "min-similarity", "space",
        "similarity", "min-overlap",   "significance",   "shrinkage",
        "alpha",      "beta",          "fallback",       "clip",
        "sweeps",     "lambda-users",  "lambda-items",   "rule"};
    return cf_options_any(o, names, sizeof names / sizeof *names);
}

static int check_question(const cf_options *o)
{
    const char *given = of_rules(o);
    if (o->user[0] == '\0' || o->item[0] == '\0')
        return cf_fail(CF_USAGE,
                       "explain needs a user and an item: --user U --item I");
    if (given != NULL && cf_options_given(o, "score"))
        return cf_fail(CF_USAGE,
                       "--%s: says how ratings are predicted, and --score how "
                       "items are recommended; leave one of them out",
                       given);
    if (given != NULL && cf_options_given(o, "baseline-weight"))
        return cf_fail(CF_USAGE,
                       "--baseline-weight: is for --score=mean, not for "
                       "--%s; leave one of them out",
                       given);
    return CF_OK;
}

/* What the file recommends by, where nothing else is asked for; else the rule.
 * `o` bends to that. */
static int choose(cf_options *o, const cf_job *job, cf_explained *x)
{
    cf_text name = {0};
    x->by_score =
        cf_options_given(o, "score") || cf_options_given(o, "baseline-weight");
    if (x->by_score || of_rules(o) != NULL ||
        !cf_h5_text(&job->file, "/recommendations", "score", &name))
        return CF_OK;
    int score = cf_score_find(name.data);
    cf_text_free(&name);
    if (score < 0)
        return cf_fail(CF_BAD_DATA,
                       "%s: /recommendations are by a score that is not known; "
                       "give a --score or a --rule",
                       o->input);
    x->by_score = true;
    o->score = score;
    cf_h5_number(&job->file, "/recommendations", "baseline_weight",
                 &o->baseline_weight);
    return CF_OK;
}

static int find_pair(const cf_job *job, cf_explained *x)
{
    int status = CF_OK;
    cf_csr_copy row = {0};
    CF_TRY(cf_find_id(job, &job->tables.users, "user", "user", job->o->user,
                      &x->user));
    CF_TRY(cf_find_id(job, &job->tables.items, "item", "item", job->o->item,
                      &x->item));
    cf_csr_fetch(&row, &job->ratings, job->par, &x->user, 1);
    x->rated = NAN;
    for (int64_t e = 0; e < row.indptr[1]; e++)
        if (row.indices[e] == x->item)
            x->rated = row.values[e];
done:
    cf_csr_copy_free(&row);
    return status;
}

/* ---- a prediction ---- */

static void explain_list(cf_job *job, cf_explained *x)
{
    cf_user_lists lists = {&job->user_neighbors.part,
                           &job->user_neighbors.lists};
    cf_recommend_from from = {.ratings = &job->ratings, .users = &lists};
    cf_recommend_how how = {.score = CF_SCORE_MEAN};
    cf_explain_score(&x->why, job->par, &from, &how, x->user, x->item);
}

static int explain_rule(cf_job *job, cf_explained *x)
{
    int status = CF_OK;
    const cf_par *par = job->par;
    cf_ratings_measure by;
    cf_predict_from from = {.users = &job->ratings, .why = &x->why};
    cf_user_lists lists = {&job->user_neighbors.part,
                           &job->user_neighbors.lists};
    cf_pairs_asked pair = {par->rank == 0, &x->user, &x->item};
    cf_predicted out = {&x->rating, &x->from};
    cf_embedding *e = &job->embedding;
    CF_TRY(cf_agree(par, cf_rule_of_options(job, &x->rule, &from, &by)));
    CF_TRY(cf_agree(par, cf_rule_check(job, &x->rule, &from)));
    CF_TRY(cf_rule_load(job, &x->rule, &from));
    from.lists = &lists;
    from.embedding = e;
    from.transform = &job->transform;
    from.what = job->o->input;
    CF_TRY(cf_predict(par, &x->rule, 1, &from, &pair, &out));
    cf_bcast(par, &x->rating, sizeof x->rating, 0);
    cf_bcast(par, &x->from, sizeof x->from, 0);
    cf_explanation_share(&x->why, par);
    if (x->rule.rule == CF_RULE_MEAN && x->from == CF_BY_RULE)
        explain_list(job, x);
    if (x->rule.rule == CF_RULE_SVD)
        cf_explain_product(&x->why, par, &job->ratings, &job->transform,
                           e->items, &e->item_part, e->dim, e->sigma, x->user,
                           x->item);
done:
    return status;
}

/* ---- a score ---- */

static int explain_vectors(cf_job *job, cf_explained *x,
                           const cf_recommend_from *from)
{
    int status = CF_OK;
    cf_dataset d;
    double *sigma = cf_alloc(from->dim, sizeof *sigma, "singular values");
    CF_TRY(cf_layout_read_transform(&job->file, job->par, &job->transform));
    status = cf_h5_dataset(&job->file, "/embedding/singular_values", &d);
    if (status == CF_OK)
        status = cf_h5_read(&job->file, &d, 0, from->dim, sigma);
    CF_TRY(cf_agree(job->par, status));
    cf_explain_product(&x->why, job->par, &job->ratings, &job->transform,
                       from->item_rows, from->item_part, from->dim, sigma,
                       x->user, x->item);
done:
    cf_free(sigma);
    return status;
}

/* Whether the lists of the file are by the score that is explained. */
static bool is_listed_by(const cf_job *job, const cf_explained *x)
{
    static const char group[] = "/recommendations";
    cf_text name = {0};
    double weight = 0;
    if (!cf_h5_text(&job->file, group, "score", &name))
        return false;
    int score = cf_score_find(name.data);
    cf_text_free(&name);
    cf_h5_number(&job->file, group, "baseline_weight", &weight);
    return score == (int)x->score && !(weight < job->o->baseline_weight) &&
           !(weight > job->o->baseline_weight);
}

/* Where the item stands in the user's list in the file, from 1; 0 where it is
 * not there, or the list is by another score. */
static int find_place(cf_job *job, cf_explained *x)
{
    int status = CF_OK;
    cf_part part = {0};
    cf_topk lists = {0};
    int64_t place = 0;
    if (!cf_h5_has(&job->file, "/recommendations/index") ||
        !is_listed_by(job, x))
        return CF_OK;
    CF_TRY(cf_layout_read_lists(&job->file, job->par, "/recommendations",
                                job->ratings.rows, job->ratings.cols, &part,
                                &lists));
    int64_t at = x->user - part.begin[job->par->rank];
    for (int64_t i = 0; at >= 0 && at < lists.rows && i < lists.count[at]; i++)
        if (lists.index[at * lists.stride + i] == x->item)
            place = i + 1;
    x->place = cf_max_i64(job->par, place);
    x->places = lists.k;
done:
    cf_part_free(&part);
    cf_topk_free(&lists);
    return status;
}

static int explain_score(cf_job *job, cf_explained *x)
{
    int status = CF_OK;
    cf_top_from top = {0};
    const char *missing = cf_top_missing(job);
    x->score = (enum cf_score)job->o->score;
    job->first = job->last = CF_STEP_RECOMMEND;
    if (missing != NULL)
        CF_TRY(cf_agree(job->par, cf_fail(CF_BAD_DATA, "%s: has no %s",
                                          job->o->input, missing)));
    CF_TRY(cf_agree(job->par, cf_top_check(job)));
    CF_TRY(cf_top_find(job, &top));
    cf_explain_score(&x->why, job->par, &top.from, &top.how, x->user, x->item);
    if (x->score == CF_SCORE_PURESVD)
        CF_TRY(explain_vectors(job, x, &top.from));
    x->rating = (float)x->why.value;
    x->from = isnan(x->rating) ? CF_BY_NONE : CF_BY_RULE;
    CF_TRY(find_place(job, x));
done:
    cf_top_free(&top);
    return status;
}

/* ---- output ---- */

static int write_text(const cf_par *par, cf_text_file *f, cf_text *text)
{
    int status = CF_OK;
    CF_TRY(cf_text_file_write(f, par, text));
    CF_TRY(cf_text_file_commit(f, par));
done:
    return status;
}

static int show(const cf_job *job, const cf_explained *x, cf_text_file *json)
{
    int status = CF_OK;
    const cf_par *par = job->par;
    cf_text_file out = {0};
    cf_text text = {0}, data = {0};
    if (par->rank == 0)
        status = cf_explained_print(x, job, &text, &data);
    CF_TRY(cf_agree(par, status));
    CF_TRY(cf_text_file_begin(&out, par, "", false));
    CF_TRY(write_text(par, &out, &text));
    if (job->o->output[0] != '\0')
        CF_TRY(write_text(par, json, &data));
done:
    cf_text_free(&text);
    cf_text_free(&data);
    cf_text_file_free(&out, par);
    return status;
}

static int open_input(cf_job *job)
{
    int status = CF_OK;
    const cf_par *par = job->par;
    const char *path = job->o->input;
    FILE *f = par->rank == 0 ? fopen(path, "r") : NULL;
    bool there = cf_max_i64(par, f != NULL) > 0;
    if (f != NULL)
        fclose(f);
    job->from_file = cf_max_i64(par, par->rank == 0 && cf_h5_is_result(path));
    if (there && !job->from_file)
        CF_TRY(cf_fail(CF_USAGE,
                       "%s: explain needs a result file; make one with `cfmpi "
                       "run`, or with `cfmpi ingest` for rules that need "
                       "ratings alone",
                       path));
    CF_TRY(cf_h5_open(&job->file, par, path));
done:
    return status;
}

int cf_cmd_explain(const cf_par *par, const cf_options *o, cf_report *report)
{
    int status = CF_OK;
    cf_options *bent = cf_alloc(1, sizeof *bent, "options");
    cf_job job = {.par = par, .o = bent, .bent = bent, .report = report};
    cf_explained x = {.rating = NAN};
    cf_text_file json = {0};
    *bent = *o;
    CF_TRY(cf_agree(par, check_question(o)));
    if (o->output[0] != '\0')
        CF_TRY(cf_text_file_begin(&json, par, o->output, o->force));
    CF_TRY(open_input(&job));
    CF_TRY(cf_agree(par, choose(bent, &job, &x)));
    CF_TRY(cf_job_load(&job));
    CF_TRY(find_pair(&job, &x));
    cf_report_begin(report, "recommend", "pairs");
    CF_TRY(x.by_score ? explain_score(&job, &x) : explain_rule(&job, &x));
    cf_report_end(report);
    CF_TRY(show(&job, &x, &json));
done:
    cf_explanation_free(&x.why);
    cf_text_file_free(&json, par);
    cf_job_free(&job);
    return status;
}
