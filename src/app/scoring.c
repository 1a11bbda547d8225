#include "scoring.h"

#include <math.h>
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "cfmpi/recommend.h"
#include "commands.h"
#include "option_table.h"
#include "rule.h"
#include "top.h"
#include "trials.h"

/* ---- which trials share what ---- */

static bool has(const cf_option *row, enum cf_command command)
{
    return row->commands >> command & 1;
}

/* The values of the model's options that a command has, but for some; the seed,
 * which the embedding begins from, is the same for all. */
static void add_values(const cf_options *o, enum cf_command command,
                       const char *const *but, cf_text *out)
{
    for (int i = 0; i < cf_option_count; i++) {
        const cf_option *row = &cf_option_table[i];
        bool left_out = !cf_trials_of_model(row) || !has(row, command);
        for (const char *const *name = but; *name != NULL; name++)
            left_out = left_out || strcmp(row->name, *name) == 0;
        if (left_out)
            continue;
        cf_text_add(out, "%s=", row->name);
        cf_option_text(o, row, out);
        cf_text_add(out, " ");
    }
}

static const char *const nothing[] = {NULL};

void cf_scoring_key(const cf_options *o, cf_text *out)
{
    static const char *const but[] = {"neighbors", "min-similarity", NULL};
    add_values(o, CF_CMD_SVD, nothing, out);
    add_values(o, CF_CMD_NEIGHBORS, but, out);
}

void cf_scoring_prediction_key(const cf_options *o, cf_text *out)
{
    add_values(o, CF_CMD_SVD, nothing, out);
    add_values(o, CF_CMD_NEIGHBORS, nothing, out);
    add_values(o, CF_CMD_PREDICT, nothing, out);
}

void cf_scoring_list_key(const cf_options *o, cf_text *out)
{
    cf_scoring_key(o, out);
    add_values(o, CF_CMD_RECOMMEND, nothing, out);
    cf_text_add(out, "neighbors=%" PRId64, o->neighbors);
}

static bool same(const cf_text *a, const cf_text *b)
{
    return a->length == b->length &&
           memcmp(a->data, b->data, (size_t)a->length) == 0;
}

bool cf_scoring_together(const cf_options *a, const cf_options *b)
{
    static const char *const but[] = {
        "rule", "neighbors", "min-neighbors", "fallback", "min-similarity",
        "clip", NULL};
    const cf_rule_text *x = cf_rule_about((enum cf_rule)a->rule);
    const cf_rule_text *y = cf_rule_about((enum cf_rule)b->rule);
    cf_text key[2] = {{0}, {0}};
    if (!(x->needs & y->needs & CF_NEEDS_SIMILARITY) ||
        x->of_items != y->of_items)
        return false;
    cf_scoring_key(a, &key[0]);
    cf_scoring_key(b, &key[1]);
    add_values(a, CF_CMD_PREDICT, but, &key[0]);
    add_values(b, CF_CMD_PREDICT, but, &key[1]);
    bool is = same(&key[0], &key[1]);
    cf_text_free(&key[0]);
    cf_text_free(&key[1]);
    return is;
}

/* ---- what can be asked for ---- */

/* What is measured. */
static bool predicts(const cf_options *o)
{
    return o->measure != CF_MEASURE_LISTS;
}

static bool recommends(const cf_options *o)
{
    return o->measure != CF_MEASURE_ERRORS;
}

/* What a trial predicts by. */
typedef struct way {
    cf_options *o;
    cf_rule_options rule;
    cf_predict_from from;
    cf_ratings_measure by;
} way;

/* Unless `marked`, options are taken as if none had been given: neighbours are
 * for lists too, whatever the rule. */
static int find_way(way *w, const cf_options *o, bool marked)
{
    cf_job job = {.o = w->o};
    *w->o = *o;
    if (!marked)
        memset(w->o->given, 0, sizeof w->o->given);
    cf_options_settle_rule(w->o);
    return cf_rule_of_options(&job, &w->rule, &w->from, &w->by);
}

/* Whether lists can be made by the options. */
static int check_lists(const cf_options *o)
{
    cf_job job = {.o = o, .first = CF_STEP_INGEST, .last = CF_STEP_RECOMMEND};
    if (o->similarity == CF_EUCLIDEAN)
        return cf_fail(CF_USAGE, "--similarity: a distance is no weight for "
                                 "neighbours' ratings; take another");
    int status = cf_rule_check_space(o);
    return status != CF_OK ? status : cf_job_check_similarity(&job);
}

/* Some of enum cf_rule_needs. */
static int rule_needs(const cf_options *o)
{
    return predicts(o) ? cf_rule_about((enum cf_rule)o->rule)->needs : 0;
}

/* Whether the rule goes by the embedding, whatever the lists go by. */
static bool rule_embeds(const cf_options *o)
{
    return (rule_needs(o) & CF_NEEDS_EMBEDDING) ||
           ((rule_needs(o) & CF_NEEDS_SIMILARITY) && o->space_given &&
            o->space == CF_SPACE_EMBEDDING);
}

static enum cf_score_needs score_needs(const cf_options *o)
{
    return recommends(o) ? cf_score_about((enum cf_score)o->score)->needs
                         : CF_SCORE_NEEDS_NOTHING;
}

/* Whether lists of users, or items, are needed. */
static bool needs_lists(const cf_options *o, bool items)
{
    enum cf_score_needs wanted =
        items ? CF_SCORE_NEEDS_ITEM_LISTS : CF_SCORE_NEEDS_USER_LISTS;
    return score_needs(o) == wanted ||
           (!items && (rule_needs(o) & CF_NEEDS_LISTS));
}

static bool needs_any_lists(const cf_options *o)
{
    return needs_lists(o, false) || needs_lists(o, true);
}

/* Besides what lists are made from. */
static bool needs_embedding(const cf_options *o)
{
    return rule_embeds(o) || score_needs(o) == CF_SCORE_NEEDS_EMBEDDING;
}

/* Whether an option that was given is of use to a trial. */
static int check_use(const cf_options *o, const cf_option *row, way *w)
{
    int status = CF_USAGE;
    bool embeds = needs_embedding(o) ||
                  (needs_any_lists(o) && o->space == CF_SPACE_EMBEDDING);
    bool scores = has(row, CF_CMD_RECOMMEND) && recommends(o) &&
                  (strcmp(row->name, "baseline-weight") != 0 ||
                   o->score == CF_SCORE_MEAN);
    cf_error_clear();
    if (scores || (has(row, CF_CMD_SVD) && embeds))
        return CF_OK;
    if (has(row, CF_CMD_NEIGHBORS) && needs_any_lists(o) &&
        strcmp(row->name, "min-similarity") != 0)
        status = check_lists(o);
    if (status != CF_OK && has(row, CF_CMD_PREDICT) && predicts(o))
        status = find_way(w, o, true);
    if (status == CF_OK)
        cf_error_clear();
    else if (cf_error_message()[0] == '\0')
        cf_fail(status, "--%s: nothing here goes by it; leave it out",
                row->name);
    return status;
}

int cf_scoring_check(const cf_options *o)
{
    int status = CF_OK;
    way w = {.o = cf_alloc(1, sizeof *w.o, "options")};
    cf_options *plain = cf_alloc(1, sizeof *plain, "options");
    *plain = *o;
    memset(plain->given, 0, sizeof plain->given);
    if (needs_any_lists(plain))
        CF_TRY(check_lists(plain));
    if (predicts(plain))
        CF_TRY(find_way(&w, plain, true));
    for (int i = 0; i < cf_option_count; i++)
        if (o->given[i] && cf_trials_of_model(&cf_option_table[i])) {
            plain->given[i] = true;
            CF_TRY(check_use(plain, &cf_option_table[i], &w));
            plain->given[i] = false;
        }
done:
    cf_free(plain);
    cf_free(w.o);
    return status;
}

/* ---- what is made ---- */

void cf_scoring_begin(cf_scoring *s, const cf_par *par, cf_report *report,
                      const cf_csr *learn, const cf_csr *columns)
{
    int64_t learners = 0;
    for (int64_t i = 0; i < learn->n_loc; i++)
        learners += learn->indptr[i] < learn->indptr[i + 1];
    *s = (cf_scoring){.columns = columns};
    s->now = cf_calloc(1, sizeof *s->now, "options");
    s->job = (cf_job){.par = par,
                      .o = s->now,
                      .report = report,
                      .first = CF_STEP_INGEST,
                      .last = CF_STEP_RECOMMEND,
                      .ratings = *learn,
                      .learners = cf_sum_i64(par, learners)};
}

/* The embedding, unless the one that is there is what is asked for. */
static int embed(cf_scoring *s)
{
    int status = CF_OK;
    cf_text key = {0};
    add_values(s->now, CF_CMD_SVD, nothing, &key);
    if (s->embedded.length == 0 || !same(&key, &s->embedded)) {
        cf_embedding_free(&s->job.embedding);
        cf_text_clear(&s->embedded);
        CF_TRY(cf_job_embed(&s->job));
        cf_text_bytes(&s->embedded, key.data, key.length);
    }
done:
    cf_text_free(&key);
    return status;
}

/* Lists of neighbours of users or items. */
static int compare(cf_scoring *s, bool items)
{
    int status = CF_OK, dim;
    cf_part part = {0};
    float *rows = NULL;
    cf_graph none = {0};
    cf_job *job = &s->job;
    cf_neighbors *n = items ? &job->item_neighbors : &job->user_neighbors;
    bool dense = s->now->space == CF_SPACE_EMBEDDING;
    if (dense)
        CF_TRY(embed(s));
    cf_neighbors_free(n);
    cf_report_begin(job->report, "neighbors", "pairs");
    if (dense)
        status = cf_job_embedding_rows(job, items ? "items" : "users", items,
                                       &part, &rows, &dim);
    if (dense && status == CF_OK)
        status = cf_job_find_neighbors(job, &part, rows, dim, "the embedding",
                                       n, &none);
    if (!dense) {
        status = cf_job_compare_ratings(job, items, n, &none);
        cf_text_clear(&s->embedded); /* its weights of ratings are gone */
    }
    cf_report_end(job->report);
    CF_TRY(status);
    job->report->neighbors.pairs += n->pairs;
    job->report->neighbors.skipped += n->skipped;
    job->report->neighbors.rows_tied += n->rows_tied;
    job->report->neighbors.travelled += n->travelled;
    job->report->neighbors.kernel = n->kernel;
    job->report->neighbors.similarity =
        cf_similarity_about((enum cf_similarity)s->now->similarity)->name;
done:
    cf_part_free(&part);
    cf_free(rows);
    return status;
}

/* Lists, unless those that are there are what is asked for. */
static int prepare_lists(cf_scoring *s, const cf_options *o, bool items)
{
    int status = CF_OK;
    cf_text key = {0}, *made = &s->compared[items];
    const cf_neighbors *n =
        items ? &s->job.item_neighbors : &s->job.user_neighbors;
    cf_scoring_key(o, &key);
    if (made->length == 0 || !same(&key, made) || n->lists.k < o->neighbors) {
        cf_text_clear(made);
        CF_TRY(compare(s, items));
        cf_text_bytes(made, key.data, key.length);
    }
done:
    cf_text_free(&key);
    return status;
}

int cf_scoring_prepare(cf_scoring *s, const cf_options *o, int64_t most)
{
    int status = CF_OK;
    *s->now = *o;
    s->now->neighbors = CF_MAX(most, o->neighbors);
    for (int items = 0; items < 2; items++)
        if (needs_lists(o, items))
            CF_TRY(prepare_lists(s, o, items));
    if (needs_embedding(o))
        CF_TRY(embed(s));
done:
    return status;
}

void cf_scoring_end(cf_scoring *s)
{
    s->job.ratings = (cf_csr){0}; /* lent */
    cf_job_free(&s->job);
    cf_free(s->now);
    cf_text_free(&s->embedded);
    cf_text_free(&s->compared[0]);
    cf_text_free(&s->compared[1]);
    *s = (cf_scoring){0};
}

/* ---- what is asked for ---- */

/* The first k of every list: the order of lists is total, so these are the
 * lists of k. The caller frees `count`. */
static cf_topk head_of_lists(const cf_topk *lists, int64_t k)
{
    cf_topk head = *lists;
    head.k = CF_MIN(k, lists->k);
    head.count = NULL;
    if (lists->rows == 0 || lists->count == NULL)
        return head;
    head.count = cf_alloc(head.rows, sizeof *head.count, "lengths of lists");
    for (int64_t i = 0; i < head.rows; i++)
        head.count[i] = (int32_t)CF_MIN(lists->count[i], head.k);
    return head;
}

/* What stands for a prediction that is none: the trial's fallback, unless that
 * is the zero of the mean of lists. */
static void settle(const cf_options *o, const cf_predicted *p, int64_t count,
                   double *fallback)
{
    bool zero = o->rule == CF_RULE_MEAN && o->fallback == CF_FALLBACK_OWN;
    for (int64_t i = 0; i < count; i++) {
        if (p->by[i] == CF_BY_RULE)
            continue;
        if (p->by[i] == CF_BY_FALLBACK && !zero)
            fallback[i] = (double)p->rating[i];
        p->rating[i] = NAN;
    }
}

int cf_scoring_predict(cf_scoring *s, const cf_options *trials, int count,
                       const cf_pairs_asked *pairs, float **guess,
                       double **fallback)
{
    int status = CF_OK;
    cf_job *job = &s->job;
    cf_topk head =
        head_of_lists(&job->user_neighbors.lists, trials[0].neighbors);
    cf_user_lists lists = {&job->user_neighbors.part, &head};
    way w = {.o = cf_alloc(1, sizeof *w.o, "options")};
    cf_rule_options *rules = cf_alloc(count, sizeof *rules, "rules");
    cf_predicted *out = cf_calloc(count, sizeof *out, "predictions");
    for (int i = 0; i < count; i++) {
        CF_TRY(find_way(&w, &trials[i], false));
        rules[i] = w.rule;
        out[i].rating = guess[i];
        out[i].by = cf_alloc(pairs->count, sizeof *out[i].by, "predictions");
    }
    w.from.users = &job->ratings;
    w.from.items = s->columns;
    w.from.lists = &lists;
    w.from.embedding = &job->embedding;
    w.from.transform = &job->transform;
    w.from.what = "the ratings to learn from";
    CF_TRY(cf_predict(job->par, rules, count, &w.from, pairs, out));
    for (int i = 0; i < count; i++)
        settle(&trials[i], &out[i], pairs->count, fallback[i]);
done:
    for (int i = 0; i < count; i++)
        cf_free(out[i].by);
    cf_free(out);
    cf_free(rules);
    cf_free(w.o);
    cf_free(head.count);
    return status;
}

/* Lists from one partition of their rows to another. */
static void move_lists(const cf_par *par, const cf_part *from, cf_topk *lists,
                       const cf_part *to, cf_topk *out)
{
    int64_t k = lists->k;
    *out = (cf_topk){.rows = cf_part_count(to, par->rank), .k = k, .stride = k};
    out->index = cf_alloc(out->rows * k, sizeof *out->index, "lists");
    out->count = cf_alloc(out->rows, sizeof *out->count, "lists");
    cf_repartition_rows(par, from, lists->index, to, out->index,
                        (size_t)k * sizeof *out->index);
    cf_repartition_rows(par, from, lists->count, to, out->count,
                        sizeof *out->count);
}

int cf_scoring_recommend(cf_scoring *s, const cf_options *o, int64_t top,
                         cf_topk *out)
{
    int status = CF_OK;
    cf_job *job = &s->job;
    cf_recommendations *made = &job->recommendations;
    cf_topk users = job->user_neighbors.lists,
            items = job->item_neighbors.lists;
    job->user_neighbors.lists = head_of_lists(&users, o->neighbors);
    job->item_neighbors.lists = head_of_lists(&items, o->neighbors);
    *s->now = *o;
    s->now->top = top;
    CF_TRY(cf_top_recommend(job));
    move_lists(job->par, &made->part, &made->lists, &job->ratings.part, out);
    /* Nobody knows a user without ratings, whom popularity would serve. */
    for (int64_t i = 0; i < out->rows; i++)
        if (job->ratings.indptr[i] == job->ratings.indptr[i + 1])
            out->count[i] = 0;
done:
    cf_recommendations_free(made);
    cf_free(job->user_neighbors.lists.count);
    cf_free(job->item_neighbors.lists.count);
    job->user_neighbors.lists = users;
    job->item_neighbors.lists = items;
    return status;
}
