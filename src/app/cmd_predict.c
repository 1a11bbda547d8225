/* cfmpi predict: the predicted rating of each pair in a CSV file. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/file.h"
#include "cfmpi/log.h"
#include "cfmpi/memory.h"
#include "cfmpi/predict.h"
#include "cfmpi/ratings_text.h"
#include "cfmpi/text_file.h"
#include "commands.h"
#include "job.h"
#include "rule.h"

/* The pairs of this rank, in file order over the ranks. */
typedef struct pairs {
    cf_ids user, item;
    cf_gidx *user_row, *item_row;
    float *rating;
    int32_t *by; /* enum cf_predicted_by */
    int64_t count;
} pairs;

/* How they are predicted. */
typedef struct way {
    cf_rule_options rule;
    cf_predict_from from;
    cf_ratings_measure by;
} way;

/* ---- input ---- */

/* How ratings are read says nothing of a result file. */
static int check_reading(const cf_options *o)
{
    static const char *const names[] = {
        "format",          "columns",    "missing",   "titles",
        "duplicates",      "on-bad-row", "scale",     "binarize",
        "rating-range",    "time-range", "keep-time", "min-user-ratings",
        "min-item-ratings"};
    const char *given = cf_options_any(o, names, sizeof names / sizeof *names);
    if (given != NULL)
        return cf_fail(CF_USAGE,
                       "%s: holds ratings already, so --%s has nothing to set; "
                       "leave it out",
                       o->input, given);
    if (strchr(o->inputs, '\n') != NULL)
        return cf_fail(CF_USAGE,
                       "%s: is a result file, which is read alone; give it no "
                       "other inputs beside it",
                       o->input);
    return CF_OK;
}

static int load(cf_job *job, way *w)
{
    int status = CF_OK;
    const cf_par *par = job->par;
    CF_TRY(cf_agree(par, cf_rule_of_options(job, &w->rule, &w->from, &w->by)));
    job->from_file =
        cf_max_i64(par, par->rank == 0 && cf_h5_is_result(job->o->input));
    if (job->from_file) {
        CF_TRY(cf_h5_open(&job->file, par, job->o->input));
        CF_TRY(cf_agree(par, check_reading(job->o)));
    }
    CF_TRY(cf_agree(par, cf_rule_check(job, &w->rule, &w->from)));
    CF_TRY(job->from_file ? cf_job_load(job) : cf_job_ingest(job));
    job->report->input.users = job->ratings.rows;
    job->report->input.items = job->ratings.cols;
    job->report->input.ratings = job->ratings.nnz;
    CF_TRY(cf_rule_load(job, &w->rule, &w->from));
done:
    return status;
}

/* ---- predictions ---- */

static void tell(const cf_job *job, const way *w, const pairs *p)
{
    int64_t unknown = 0, of[3] = {0};
    const cf_rule_text *rule = cf_rule_about(w->rule.rule);
    for (int64_t i = 0; i < p->count; i++) {
        bool known = p->user_row[i] >= 0 && p->item_row[i] >= 0;
        unknown += !known;
        of[p->by[i]] += known;
    }
    int64_t all = cf_sum_i64(job->par, p->count);
    unknown = cf_sum_i64(job->par, unknown);
    cf_allreduce(job->par, of, 3, MPI_INT64_T, MPI_SUM);
    job->report->predictions.rule = rule->name;
    job->report->predictions.pairs = all;
    job->report->predictions.unknown = unknown;
    job->report->predictions.by_rule = of[CF_BY_RULE];
    job->report->predictions.by_fallback = of[CF_BY_FALLBACK];
    if (unknown > 0)
        cf_log_note("%" PRId64 " of %" PRId64 " pairs have a user or item "
                    "that is not in %s",
                    unknown, all, job->o->input);
    if (of[CF_BY_FALLBACK] + of[CF_BY_NONE] > 0)
        cf_log_note("%" PRId64 " of %" PRId64
                    " pairs could not be told by %s: %s",
                    of[CF_BY_FALLBACK] + of[CF_BY_NONE], all, rule->name,
                    of[CF_BY_NONE] > 0 ? "they have no prediction"
                                       : "they have that of the fallback");
}

static int predict(cf_job *job, way *w, pairs *p)
{
    int status = CF_OK;
    cf_user_lists lists = {&job->user_neighbors.part,
                           &job->user_neighbors.lists};
    p->user_row = cf_alloc(p->count, sizeof *p->user_row, "pairs");
    p->item_row = cf_alloc(p->count, sizeof *p->item_row, "pairs");
    p->rating = cf_alloc(p->count, sizeof *p->rating, "predictions");
    p->by = cf_alloc(p->count, sizeof *p->by, "predictions");
    cf_idmap_find(&job->tables.users, job->par, &p->user, p->user_row);
    cf_idmap_find(&job->tables.items, job->par, &p->item, p->item_row);
    const cf_pairs_asked asked = {p->count, p->user_row, p->item_row};
    cf_predicted out = {p->rating, p->by};
    w->from.users = &job->ratings;
    w->from.lists = &lists;
    w->from.embedding = &job->embedding;
    w->from.transform = &job->transform;
    w->from.what = job->o->input;
    CF_TRY(cf_predict(job->par, &w->rule, 1, &w->from, &asked, &out));
    tell(job, w, p);
done:
    return status;
}

/* ---- output ---- */

/* One of both. */
typedef struct output {
    bool h5;
    cf_text_file csv;
    cf_writer file;
} output;

/* Before anything is computed that might then have no place. */
static int output_begin(output *out, const cf_par *par, const cf_options *o)
{
    out->h5 =
        cf_name_ends(o->output, ".h5") || cf_name_ends(o->output, ".hdf5");
    return out->h5 ? cf_writer_begin(&out->file, par, o->output, o->force)
                   : cf_text_file_begin(&out->csv, par, o->output, o->force);
}

static int write_csv(const cf_job *job, const pairs *p, cf_text_file *f)
{
    int status = CF_OK;
    cf_text text = {0};
    if (job->par->rank == 0)
        cf_text_add(&text, "user,item,prediction\n");
    for (int64_t i = 0; i < p->count; i++) {
        cf_ids_print_csv(&p->user, i, ',', &text);
        cf_text_bytes(&text, ",", 1);
        cf_ids_print_csv(&p->item, i, ',', &text);
        cf_text_bytes(&text, ",", 1);
        if (!isnan(p->rating[i]))
            cf_text_add(&text, "%.9g", (double)p->rating[i]);
        cf_text_add(&text, "\n");
    }
    CF_TRY(cf_text_file_write(f, job->par, &text));
    CF_TRY(cf_text_file_commit(f, job->par));
done:
    cf_text_free(&text);
    return status;
}

static int write_h5(const cf_job *job, const way *by, const pairs *p,
                    cf_writer *w)
{
    int status = CF_OK;
    const cf_rule_text *rule = cf_rule_about(by->rule.rule);
    char about[256];
    cf_text command = {0};
    int64_t begin = cf_exscan_i64(job->par, p->count);
    int64_t rows = cf_sum_i64(job->par, p->count);
    cf_options_json(job->o, &command);
    cf_job_add_root(w, job->o, command.data);
    cf_layout_add_ids(w, "/predictions/user", rows, begin, &p->user,
                      "user ids as given");
    cf_layout_add_ids(w, "/predictions/item", rows, begin, &p->item,
                      "item ids as given");
    snprintf(about, sizeof about,
             "predicted rating by %s: %s; NaN where user or item is unknown, "
             "or there is none",
             rule->name, rule->formula);
    cf_writer_add(w, "/predictions/rating", CF_F32, rows, 1, 1, begin, p->count,
                  p->rating, about, "rating", 0);
    cf_writer_add(w, "/predictions/by", CF_I32, rows, 1, 1, begin, p->count,
                  p->by,
                  "what the prediction is from: 1 the rule, 2 its fallback, "
                  "0 there is none",
                  "", 0);
    CF_TRY(cf_writer_commit(w));
done:
    cf_text_free(&command);
    return status;
}

int cf_cmd_predict(const cf_par *par, const cf_options *o, cf_report *report)
{
    int status = CF_OK;
    cf_job job = {.par = par, .o = o, .report = report};
    pairs p = {0};
    way w = {0};
    output out = {0};
    CF_TRY(output_begin(&out, par, o));
    CF_TRY(load(&job, &w));
    cf_report_begin(report, "ingest", "bytes");
    CF_TRY(cf_pairs_read(par, o->pairs, &p.user, &p.item));
    p.count = p.user.count;
    cf_report_end(report);
    cf_report_begin(report, "recommend", "pairs");
    CF_TRY(predict(&job, &w, &p));
    cf_report_end(report);
    cf_report_begin(report, "write", "pairs");
    CF_TRY(out.h5 ? write_h5(&job, &w, &p, &out.file)
                  : write_csv(&job, &p, &out.csv));
    cf_report_end(report);
done:
    cf_writer_free(&out.file);
    cf_text_file_free(&out.csv, par);
    cf_ids_free(&p.user);
    cf_ids_free(&p.item);
    cf_free(p.user_row);
    cf_free(p.item_row);
    cf_free(p.rating);
    cf_free(p.by);
    cf_job_free(&job);
    return status;
}
