/* cfmpi predict: the predicted rating of each pair in a CSV file. */
#include <math.h>
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/file.h"
#include "cfmpi/log.h"
#include "cfmpi/memory.h"
#include "cfmpi/ratings_text.h"
#include "cfmpi/recommend.h"
#include "cfmpi/text_file.h"
#include "commands.h"
#include "job.h"

/* The pairs of this rank, in file order over the ranks. */
typedef struct pairs {
    cf_ids user, item;
    cf_gidx *user_row, *item_row;
    float *rating;
    int64_t count;
} pairs;

static int load(cf_job *job)
{
    int status = CF_OK;
    CF_TRY(cf_h5_open(&job->file, job->par, job->o->input));
    if (!cf_h5_has(&job->file, "/neighbors/users/index"))
        CF_TRY(cf_fail(CF_BAD_DATA,
                       "%s: has no /neighbors/users; make them "
                       "with `cfmpi neighbors`",
                       job->o->input));
    CF_TRY(cf_agree(job->par, cf_job_check_weights(job)));
    CF_TRY(cf_layout_read_ratings(&job->file, job->par, &job->ratings));
    CF_TRY(
        cf_layout_read_ids(&job->file, job->par, "users", &job->tables.users));
    CF_TRY(
        cf_layout_read_ids(&job->file, job->par, "items", &job->tables.items));
    CF_TRY(cf_layout_read_lists(&job->file, job->par, "/neighbors/users",
                                job->ratings.rows, job->ratings.rows,
                                &job->user_neighbors.part,
                                &job->user_neighbors.lists));
done:
    return status;
}

static void predict(const cf_job *job, pairs *p)
{
    cf_user_lists lists = {&job->user_neighbors.part,
                           &job->user_neighbors.lists};
    int64_t unknown = 0;
    p->user_row = cf_alloc(p->count, sizeof *p->user_row, "pairs");
    p->item_row = cf_alloc(p->count, sizeof *p->item_row, "pairs");
    p->rating = cf_alloc(p->count, sizeof *p->rating, "predictions");
    cf_idmap_find(&job->tables.users, job->par, &p->user, p->user_row);
    cf_idmap_find(&job->tables.items, job->par, &p->item, p->item_row);
    cf_predict_mean(job->par, &lists, &job->ratings, p->user_row, p->item_row,
                    p->count, p->rating);
    for (int64_t i = 0; i < p->count; i++)
        unknown += p->user_row[i] < 0 || p->item_row[i] < 0;
    unknown = cf_sum_i64(job->par, unknown);
    if (unknown > 0)
        cf_log_note("%" PRId64 " of %" PRId64 " pairs have a user or item "
                    "that is not in %s",
                    unknown, cf_sum_i64(job->par, p->count), job->o->input);
}

static int write_csv(const cf_job *job, const pairs *p)
{
    int status = CF_OK;
    cf_text_file f = {0};
    cf_text text = {0};
    CF_TRY(cf_text_file_begin(&f, job->par, job->o->output, job->o->force));
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
    CF_TRY(cf_text_file_write(&f, job->par, &text));
    CF_TRY(cf_text_file_commit(&f, job->par));
done:
    cf_text_free(&text);
    cf_text_file_free(&f, job->par);
    return status;
}

static int write_h5(const cf_job *job, const pairs *p)
{
    int status = CF_OK;
    cf_writer w = {0};
    cf_text command = {0};
    int64_t begin = cf_exscan_i64(job->par, p->count);
    int64_t rows = cf_sum_i64(job->par, p->count);
    CF_TRY(cf_writer_begin(&w, job->par, job->o->output, job->o->force));
    cf_options_json(job->o, &command);
    cf_job_add_root(&w, job->o, command.data);
    cf_layout_add_ids(&w, "/predictions/user", rows, begin, &p->user,
                      "user ids as given");
    cf_layout_add_ids(&w, "/predictions/item", rows, begin, &p->item,
                      "item ids as given");
    cf_writer_add(&w, "/predictions/rating", CF_F32, rows, 1, 1, begin,
                  p->count, p->rating,
                  "predicted rating; NaN where user or "
                  "item is unknown, 0 where no neighbour rated the item",
                  "rating", 0);
    CF_TRY(cf_writer_commit(&w));
done:
    cf_text_free(&command);
    cf_writer_free(&w);
    return status;
}

int cf_cmd_predict(const cf_par *par, const cf_options *o, cf_report *report)
{
    int status = CF_OK;
    cf_job job = {.par = par, .o = o, .report = report};
    pairs p = {0};
    bool h5 =
        cf_name_ends(o->output, ".h5") || cf_name_ends(o->output, ".hdf5");
    cf_report_begin(report, "ingest", "bytes");
    CF_TRY(load(&job));
    CF_TRY(cf_pairs_read(par, o->pairs, &p.user, &p.item));
    p.count = p.user.count;
    cf_report_end(report);
    cf_report_begin(report, "recommend", "pairs");
    predict(&job, &p);
    cf_report_end(report);
    cf_report_begin(report, "write", "pairs");
    CF_TRY(h5 ? write_h5(&job, &p) : write_csv(&job, &p));
    cf_report_end(report);
done:
    cf_ids_free(&p.user);
    cf_ids_free(&p.item);
    cf_free(p.user_row);
    cf_free(p.item_row);
    cf_free(p.rating);
    cf_job_free(&job);
    return status;
}
