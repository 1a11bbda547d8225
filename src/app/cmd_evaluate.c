/* cfmpi evaluate: how good settings are, by ratings that are kept out of what
 * is learned from. For each test set and each combination of options: a model
 * of the others, its errors on the set's pairs, and what its lists hold of the
 * set. Trials that agree in the options of a step share what it has made. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cfmpi/baseline.h"
#include "cfmpi/exchange.h"
#include "cfmpi/log.h"
#include "cfmpi/memory.h"
#include "cfmpi/scan.h"
#include "cfmpi/text_file.h"
#include "commands.h"
#include "evaluation.h"
#include "holdout.h"
#include "scoring.h"

/* A trial's place in the order of work: trials that share stand together. */
typedef struct turn {
    int64_t trial, group;
    int64_t most; /* neighbours of any trial of the group */
} turn;

/* One test set and what is known before any model. */
typedef struct set {
    cf_csr learn, test;
    cf_csr columns;       /* transpose of `learn` */
    cf_gidx *user, *item; /* of the own test ratings, -1 where not learned */
    double *fallback;     /* baselines of these */
    int64_t *raters;      /* [items] users in `learn` */
} set;

/* ---- options ---- */

static int read_split(cf_split *s, const cf_options *o)
{
    *s = (cf_split){.rule = (enum cf_split_rule)o->split,
                    .seed = (uint64_t)o->seed,
                    .share = o->test_share,
                    .folds = o->folds,
                    .leave = o->leave};
    if (s->rule == CF_SPLIT_LAST && s->leave == 0)
        s->leave = 1;
    s->has_cut = o->cut[0] != '\0';
    if (s->has_cut && !cf_scan_time(o->cut, o->cut + strlen(o->cut), &s->cut))
        return cf_fail(CF_USAGE,
                       "--cut: '%s' is no time such as 978300000 or 2015-03-31",
                       o->cut);
    return CF_OK;
}

/* Options that say nothing about the split that is asked for. */
static int check_split(const cf_options *o)
{
    static const struct {
        const char *name;
        unsigned rules;
    } of[] = {{"test-share", 1u << CF_SPLIT_RANDOM | 1u << CF_SPLIT_PER_USER |
                                 1u << CF_SPLIT_TEMPORAL},
              {"folds", 1u << CF_SPLIT_KFOLD},
              {"leave", 1u << CF_SPLIT_PER_USER | 1u << CF_SPLIT_LAST},
              {"cut", 1u << CF_SPLIT_TEMPORAL},
              {"split", ~0u}};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        if (!cf_options_given(o, of[i].name))
            continue;
        else if (o->test[0] != '\0')
            return cf_fail(CF_USAGE,
                           "--%s: --test says what to test by; leave one of "
                           "them out",
                           of[i].name);
        else if (!(of[i].rules >> o->split & 1))
            return cf_fail(CF_USAGE, "--%s: --split=%s has none; leave it out",
                           of[i].name, cf_split_names[o->split]);
    bool share = cf_options_given(o, "test-share");
    if (share && (cf_options_given(o, "cut") || cf_options_given(o, "leave")))
        return cf_fail(CF_USAGE,
                       "--%s: stands in place of --test-share; leave one of "
                       "them out",
                       cf_options_given(o, "cut") ? "cut" : "leave");
    if (cf_options_given(o, "leave") && o->leave == 0)
        return cf_fail(CF_USAGE, "--leave: 0 ratings of a user test nothing; "
                                 "leave it out, or say 1 or more");
    if (o->allow_leak && o->test[0] == '\0')
        return cf_fail(CF_USAGE, "--allow-leak: is for --test; a split has no "
                                 "leaks");
    return CF_OK;
}

/* Options of what is not measured. */
static int check_measure(const cf_options *o)
{
    static const char *const of_lists[] = {"at", "relevant"};
    const char *given =
        cf_options_any(o, of_lists, sizeof of_lists / sizeof *of_lists);
    if (given != NULL && o->measure == CF_MEASURE_ERRORS)
        return cf_fail(CF_USAGE,
                       "--%s: --measure=errors makes no lists; leave one of "
                       "them out",
                       given);
    return CF_OK;
}

/* ---- the order of work ---- */

static int by_group(const void *a, const void *b)
{
    const turn *x = a, *y = b;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    return (x->trial > y->trial) - (x->trial < y->trial);
}

/* Groups are numbered by the first trial in them. */
static turn *make_turns(const cf_evaluation *e)
{
    int64_t n = e->trials.count;
    turn *turns = cf_calloc(n, sizeof *turns, "trials");
    cf_text *key = cf_calloc(n, sizeof *key, "options of trials");
    cf_options *o = cf_alloc(1, sizeof *o, "options");
    for (int64_t t = 0; t < n; t++) {
        int64_t g = 0;
        cf_trials_options(&e->trials, e->o, t, o);
        cf_scoring_key(o, &key[t]);
        while (strcmp(key[g].data, key[t].data) != 0)
            g++;
        turns[g].most = CF_MAX(turns[g].most, o->neighbors);
        turns[t].trial = t;
        turns[t].group = g;
    }
    for (int64_t t = 0; t < n; t++) {
        turns[t].most = turns[turns[t].group].most;
        cf_text_free(&key[t]);
    }
    qsort(turns, (size_t)n, sizeof *turns, by_group);
    cf_free(key);
    cf_free(o);
    return turns;
}

/* ---- a test set ---- */

static void set_free(set *s)
{
    cf_csr_free(&s->learn);
    cf_csr_free(&s->test);
    cf_csr_free(&s->columns);
    cf_free(s->user);
    cf_free(s->item);
    cf_free(s->fallback);
    cf_free(s->raters);
    *s = (set){0};
}

/* Fills what follows from both matrices, and what is told about them. */
static void set_up(set *s, const cf_par *par, cf_fold *fold)
{
    cf_baseline b = {0};
    const cf_csr *t = &s->test, *a = &s->learn;
    int64_t n = t->indptr[t->n_loc], learners = 0, strange = 0;
    s->user = cf_alloc(n, sizeof *s->user, "test pairs");
    s->item = cf_alloc(n, sizeof *s->item, "test pairs");
    s->fallback = cf_alloc(n, sizeof *s->fallback, "test pairs");
    s->raters = cf_alloc(a->cols, sizeof *s->raters, "raters of items");
    cf_csr_col_counts(a, par, s->raters);
    cf_csr_transpose(&s->columns, a, par);
    cf_baseline_fit(&b, par, a, &s->columns, NULL);
    for (int64_t i = 0; i < t->n_loc; i++) {
        bool learned = a->indptr[i] < a->indptr[i + 1];
        learners += learned;
        for (int64_t e = t->indptr[i]; e < t->indptr[i + 1]; e++) {
            cf_gidx user = t->part.begin[par->rank] + i;
            cf_gidx item = t->indices[e];
            s->fallback[e] = b.mean + b.user[user] + b.item[item];
            s->user[e] = learned ? user : -1;
            s->item[e] = s->raters[item] > 0 ? item : -1;
            strange += s->user[e] < 0 || s->item[e] < 0;
        }
    }
    fold->learned = a->nnz;
    fold->tested = t->nnz;
    fold->learners = cf_sum_i64(par, learners);
    fold->strange = cf_sum_i64(par, strange);
    cf_baseline_free(&b);
}

/* ---- the trials of a test set ---- */

/* What goes on with one test set. */
typedef struct work {
    cf_evaluation *e;
    const cf_par *par;
    const set *s;
    const turn *turns;
    cf_fold *fold;
    int64_t number; /* of the test set */
    cf_scoring model;
    cf_options *o;            /* [TOGETHER] of trials */
    bool *predicted, *listed; /* [trials] in the order of turns */
} work;

#define TOGETHER 8 /* trials whose predictions are made at once, at most */

static double *values_of(const work *w, int64_t at)
{
    return cf_evaluation_of(w->e, w->turns[at].trial, w->number);
}

/* Those of a turn to all later ones that have the same by `key`. */
static void copy_values(work *w, int64_t at, bool *done, int first, int count,
                        void (*key)(const cf_options *, cf_text *))
{
    cf_options *o = cf_alloc(1, sizeof *o, "options");
    cf_text wanted = {0}, own = {0};
    cf_trials_options(&w->e->trials, w->e->o, w->turns[at].trial, o);
    key(o, &wanted);
    done[at] = true;
    for (int64_t t = at + 1; t < w->e->trials.count; t++) {
        if (done[t])
            continue;
        cf_trials_options(&w->e->trials, w->e->o, w->turns[t].trial, o);
        cf_text_clear(&own);
        key(o, &own);
        done[t] = strcmp(wanted.data, own.data) == 0;
        if (done[t])
            memcpy(values_of(w, t) + first, values_of(w, at) + first,
                   (size_t)count * sizeof(double));
    }
    cf_text_free(&wanted);
    cf_text_free(&own);
    cf_free(o);
}

/* The trial in turn, and later ones whose predictions are made with it. */
static int gather(work *w, int64_t at, int64_t taken[TOGETHER])
{
    int n = 0;
    for (int64_t t = at; t < w->e->trials.count && n < TOGETHER; t++) {
        if (w->predicted[t])
            continue;
        cf_trials_options(&w->e->trials, w->e->o, w->turns[t].trial, &w->o[n]);
        if (t == at || cf_scoring_together(&w->o[0], &w->o[n]))
            taken[n++] = t;
    }
    return n;
}

static int measure_errors(work *w, int64_t at, cf_report *report)
{
    int status = CF_OK, n;
    int64_t taken[TOGETHER], pairs = w->s->test.indptr[w->s->test.n_loc];
    const cf_pairs_asked asked = {pairs, w->s->user, w->s->item};
    float *guess[TOGETHER];
    double *fallback[TOGETHER];
    n = gather(w, at, taken);
    for (int i = 0; i < n; i++) {
        guess[i] = cf_alloc(pairs, sizeof *guess[i], "predictions");
        fallback[i] = cf_alloc(pairs, sizeof *fallback[i], "predictions");
        if (pairs > 0)
            memcpy(fallback[i], w->s->fallback,
                   (size_t)pairs * sizeof *fallback[i]);
    }
    cf_report_begin(report, "recommend", "pairs");
    status = cf_scoring_predict(&w->model, w->o, n, &asked, guess, fallback);
    cf_report_end(report);
    CF_TRY(status);
    cf_report_begin(report, "evaluate", "users");
    for (int i = 0; i < n; i++) {
        cf_metrics_errors(values_of(w, taken[i]), w->par, &w->s->test, guess[i],
                          fallback[i]);
        copy_values(w, taken[i], w->predicted, 0, CF_ERROR_METRICS,
                    cf_scoring_prediction_key);
    }
    cf_report_end(report);
done:
    for (int i = 0; i < n; i++) {
        cf_free(guess[i]);
        cf_free(fallback[i]);
    }
    return status;
}

static int measure_lists(work *w, int64_t at, cf_report *report)
{
    int status = CF_OK;
    const cf_evaluation *e = w->e;
    int64_t most = 0;
    cf_topk lists = {0};
    for (int i = 0; i < e->sizes; i++)
        most = CF_MAX(most, e->size[i]);
    cf_trials_options(&e->trials, e->o, w->turns[at].trial, w->o);
    CF_TRY(cf_scoring_recommend(&w->model, w->o, CF_MIN(most, w->s->test.cols),
                                &lists));
    cf_report_begin(report, "evaluate", "users");
    cf_ranked ranked = {&w->s->test, &lists, w->s->raters, w->fold->learners,
                        e->o->relevant};
    for (int i = 0; i < e->sizes; i++)
        cf_metrics_ranking(values_of(w, at) + CF_ERROR_METRICS +
                               i * CF_RANK_METRICS,
                           w->fold->users, w->par, &ranked, e->size[i]);
    copy_values(w, at, w->listed, CF_ERROR_METRICS, e->sizes * CF_RANK_METRICS,
                cf_scoring_list_key);
done:
    cf_topk_free(&lists);
    return status;
}

static int run_trials(work *w, cf_report *report)
{
    int status = CF_OK;
    for (int64_t t = 0; t < w->e->trials.count; t++) {
        w->predicted[t] |= !cf_evaluation_predicts(w->e);
        w->listed[t] |= !cf_evaluation_recommends(w->e);
        if (w->predicted[t] && w->listed[t])
            continue;
        cf_trials_options(&w->e->trials, w->e->o, w->turns[t].trial, w->o);
        CF_TRY(cf_scoring_prepare(&w->model, w->o, w->turns[t].most));
        if (!w->predicted[t])
            CF_TRY(measure_errors(w, t, report));
        if (!w->listed[t])
            CF_TRY(measure_lists(w, t, report));
    }
done:
    return status;
}

static int run_fold(cf_evaluation *e, const cf_job *job, const set *s,
                    const turn *turns, int64_t fold)
{
    int64_t n = e->trials.count;
    work w = {.e = e,
              .par = job->par,
              .s = s,
              .turns = turns,
              .fold = &e->fold[fold],
              .number = fold};
    w.o = cf_alloc(TOGETHER, sizeof *w.o, "options");
    w.predicted = cf_calloc(2 * n, sizeof *w.predicted, "trials");
    w.listed = w.predicted + n;
    cf_scoring_begin(&w.model, job->par, job->report, &s->learn, &s->columns);
    int status = run_trials(&w, job->report);
    cf_scoring_end(&w.model);
    cf_free(w.o);
    cf_free(w.predicted);
    return status;
}

/* ---- all test sets ---- */

static int run_split(cf_evaluation *e, cf_job *job, const turn *turns)
{
    int status = CF_OK;
    set s = {0};
    const cf_csr *a = &job->ratings;
    int32_t *number =
        cf_alloc(a->indptr[a->n_loc], sizeof *number, "test sets of ratings");
    CF_TRY(cf_split_mark(number, job->par, a, &job->tables.users,
                         &job->tables.items, &e->split));
    for (int64_t f = 0; f < e->folds; f++) {
        cf_split_take(&s.learn, job->par, a, number, (int32_t)f, true);
        cf_split_take(&s.test, job->par, a, number, (int32_t)f, false);
        set_up(&s, job->par, &e->fold[f]);
        CF_TRY(run_fold(e, job, &s, turns, f));
        set_free(&s);
    }
done:
    set_free(&s);
    cf_free(number);
    return status;
}

static int run_test(cf_evaluation *e, cf_job *job, const turn *turns)
{
    int status = CF_OK;
    set s = {0};
    CF_TRY(cf_holdout_read_test(job, &s.test));
    s.learn = job->ratings;
    job->ratings = (cf_csr){0};
    set_up(&s, job->par, &e->fold[0]);
    CF_TRY(run_fold(e, job, &s, turns, 0));
done:
    set_free(&s);
    return status;
}

static int show(const cf_evaluation *e, const cf_par *par, cf_text_file *json)
{
    int status = CF_OK;
    cf_text_file out = {0};
    cf_text text = {0};
    if (par->rank == 0)
        cf_evaluation_table(e, &text);
    CF_TRY(cf_text_file_begin(&out, par, "", false));
    CF_TRY(cf_text_file_write(&out, par, &text));
    CF_TRY(cf_text_file_commit(&out, par));
    cf_text_clear(&text);
    if (e->o->output[0] == '\0')
        goto done;
    if (par->rank == 0)
        cf_evaluation_json(e, &text);
    CF_TRY(cf_text_file_write(json, par, &text));
    CF_TRY(cf_text_file_commit(json, par));
done:
    cf_text_free(&text);
    cf_text_file_free(&out, par);
    return status;
}

/* Where nothing is relevant, what counts hits is not defined, and neither is
 * its mean over the sets. */
static void note_irrelevant(const cf_evaluation *e)
{
    int64_t sets = 0;
    for (int64_t f = 0; f < e->folds; f++)
        sets += e->fold[f].users[0] == 0;
    if (sets == e->folds)
        cf_log_note("no test rating is %g or more: lists have nothing to hold; "
                    "lower --relevant",
                    e->o->relevant);
    else if (sets > 0)
        cf_log_note("%" PRId64 " of %" PRId64 " test sets have no rating of %g "
                    "or more, so that what counts hits has no mean; lower "
                    "--relevant, or take fewer --folds",
                    sets, e->folds, e->o->relevant);
}

static int evaluate(cf_evaluation *e, cf_job *job)
{
    int status = CF_OK;
    const cf_options *o = job->o;
    turn *turns = make_turns(e);
    CF_TRY(cf_holdout_load(job, o->keep_time));
    job->report->input.users = job->ratings.rows;
    job->report->input.items = job->ratings.cols;
    job->report->input.ratings = job->ratings.nnz;
    for (int i = 0; i < e->sizes && cf_evaluation_recommends(e); i++)
        if (e->size[i] >= job->ratings.cols)
            cf_log_note("--at: lists of %" PRId64
                        " hold all of the %" CF_PRIgidx
                        " items that a user has not seen",
                        e->size[i], job->ratings.cols);
    CF_TRY(o->test[0] != '\0' ? run_test(e, job, turns)
                              : run_split(e, job, turns));
    if (cf_evaluation_recommends(e))
        note_irrelevant(e);
    cf_evaluation_choose(e);
done:
    cf_free(turns);
    return status;
}

int cf_cmd_evaluate(const cf_par *par, const cf_options *o, cf_report *report)
{
    int status = CF_OK;
    cf_options *timed = cf_alloc(1, sizeof *timed, "options");
    cf_job job = {.par = par, .o = timed, .report = report};
    cf_evaluation *e = cf_calloc(1, sizeof *e, "evaluation");
    cf_text_file json = {0};
    *timed = *o;
    timed->keep_time =
        o->test[0] == '\0' && cf_split_needs_time((enum cf_split_rule)o->split);
    CF_TRY(cf_agree(par, check_split(o)));
    CF_TRY(cf_agree(par, check_measure(o)));
    CF_TRY(cf_agree(par, read_split(&e->split, o)));
    CF_TRY(cf_agree(
        par, cf_evaluation_begin(
                 e, o, o->test[0] != '\0' ? 1 : cf_split_sets(&e->split))));
    CF_TRY(cf_agree(par, cf_trials_check(&e->trials, o, cf_scoring_check)));
    if (o->output[0] != '\0')
        CF_TRY(cf_text_file_begin(&json, par, o->output, o->force));
    CF_TRY(evaluate(e, &job));
    CF_TRY(show(e, par, &json));
done:
    cf_text_file_free(&json, par);
    cf_evaluation_free(e);
    cf_free(e);
    cf_job_free(&job);
    cf_free(timed);
    return status;
}
