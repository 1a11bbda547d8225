/* cfmpi query: neighbours and best items of users who are not in a result
 * file, from their ratings alone. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "cfmpi/text_file.h"
#include "cfmpi/vectors.h"
#include "commands.h"
#include "names.h"
#include "newcomers.h"

#define USERS 10     /* on the terminal */
#define NEIGHBOURS 5 /* of each */

/* ---- input ---- */

/* Rank 0. */
static int check_files(const cf_options *o)
{
    cf_vectors_source s = {.found = false};
    if (o->new_ratings[0] == '\0')
        return cf_fail(CF_USAGE, "query needs the ratings of new users: --new "
                                 "FILE");
    if (access(o->input, F_OK) == 0 && !cf_h5_is_result(o->input))
        return cf_fail(CF_USAGE,
                       "%s: query needs a result file; make one with `cfmpi "
                       "run`",
                       o->input);
    if (cf_vectors_find(&s, o->new_ratings) && !cf_h5_is_hdf5(s.file))
        return cf_fail(CF_USAGE,
                       "--new: %s holds vectors, not ratings; neighbours of "
                       "vectors are found with `cfmpi neighbors --queries`",
                       o->new_ratings);
    return CF_OK;
}

static int check_few(const cf_newcomers *n, const cf_options *o)
{
    if (o->output[0] != '\0' || n->ratings.rows <= USERS)
        return CF_OK;
    return cf_fail(CF_USAGE,
                   "--output: %s has %" CF_PRIgidx
                   " users, too many to show; give -o FILE.h5",
                   o->new_ratings, n->ratings.rows);
}

/* ---- text ---- */

/* All lists, on every rank. */
static cf_topk gather(const cf_par *par, const cf_part *part, const cf_topk *t)
{
    cf_topk all = {.rows = cf_part_rows(part), .k = t->k, .stride = t->k};
    size_t width = (size_t)t->k;
    all.score = cf_alloc(all.rows * t->k, sizeof *all.score, "lists");
    all.index = cf_alloc(all.rows * t->k, sizeof *all.index, "lists");
    all.count = cf_alloc(all.rows, sizeof *all.count, "lists");
    cf_allgather_rows(par, part, t->score, all.score,
                      width * sizeof *all.score);
    cf_allgather_rows(par, part, t->index, all.index,
                      width * sizeof *all.index);
    cf_allgather_rows(par, part, t->count, all.count, sizeof *all.count);
    return all;
}

static int print_neighbours(cf_text *out, const cf_job *job, const cf_topk *t,
                            cf_gidx u)
{
    int status = CF_OK;
    enum cf_similarity by = (enum cf_similarity)job->o->similarity;
    cf_text_add(out, "  nearest users%s\n   ",
                cf_similarity_about(by)->heading);
    for (int64_t i = 0; i < CF_MIN(NEIGHBOURS, t->count[u]); i++) {
        cf_text_add(out, " ");
        CF_TRY(cf_name_id(&job->file, "users", t->index[u * t->k + i], out,
                          false));
        cf_text_add(out, " (%.6g)", (double)t->score[u * t->k + i]);
    }
    cf_text_add(out, "%s\n", t->count[u] == 0 ? " none" : "");
done:
    return status;
}

static int print_items(cf_text *out, const cf_job *job, const cf_topk *t,
                       cf_gidx u)
{
    int status = CF_OK;
    char *title = NULL;
    cf_text_add(out, "  recommended%s\n", t->count[u] == 0 ? ": nothing" : "");
    for (int64_t i = u * t->k; i < u * t->k + t->count[u]; i++) {
        cf_text_add(out, "    %-8.6g  ", (double)t->score[i]);
        CF_TRY(cf_name_id(&job->file, "items", t->index[i], out, false));
        CF_TRY(cf_name_title(&job->file, t->index[i], &title));
        cf_text_add(out, "%s%s\n", title[0] != '\0' ? "  " : "", title);
        cf_free(title);
        title = NULL;
    }
done:
    cf_free(title);
    return status;
}

static int print_users(cf_text *out, const cf_newcomers *n, const cf_job *job)
{
    int status = CF_OK;
    const cf_par *par = job->par;
    cf_idmap users = {.ids = job->queries.ids};
    cf_topk near = gather(par, &n->found.part, &n->found.lists), top = {0};
    cf_part_gather(&users.part, par, users.ids.count);
    if (n->recommended)
        top = gather(par, &n->top.part, &n->top.lists);
    for (cf_gidx u = 0; u < n->ratings.rows; u++) {
        cf_text_add(out, "%suser ", u > 0 ? "\n" : "");
        cf_idmap_print(&users, par, u, out);
        cf_text_add(out, ", %" PRId64 " known items rated\n", n->known[u]);
        if (par->rank == 0)
            status = print_neighbours(out, job, &near, u);
        if (par->rank == 0 && status == CF_OK && n->recommended)
            status = print_items(out, job, &top, u);
        CF_TRY(cf_agree(par, status));
    }
    if (par->rank != 0)
        cf_text_clear(out);
done:
    cf_part_free(&users.part);
    cf_topk_free(&near);
    cf_topk_free(&top);
    return status;
}

static int show(const cf_newcomers *n, const cf_job *job)
{
    int status = CF_OK;
    cf_text_file f = {0};
    cf_text text = {0};
    if (n->ratings.rows > USERS)
        return CF_OK;
    CF_TRY(print_users(&text, n, job));
    CF_TRY(cf_text_file_begin(&f, job->par, "", false));
    CF_TRY(cf_text_file_write(&f, job->par, &text));
    CF_TRY(cf_text_file_commit(&f, job->par));
done:
    cf_text_free(&text);
    cf_text_file_free(&f, job->par);
    return status;
}

/* ---- the file ---- */

static int write_file(const cf_newcomers *n, const cf_job *job, cf_writer *w)
{
    static const char *const groups[] = {"/users", "/items"};
    int status = CF_OK;
    cf_text command = {0}, input = {0};
    cf_report_begin(job->report, "write", "bytes");
    cf_options_json(job->o, &command);
    cf_job_add_root(w, job->o, command.data);
    if (cf_h5_text(&job->file, "/", "input", &input))
        cf_writer_text(w, "/", "input", input.data);
    for (int i = 0; i < 2; i++)
        CF_TRY(cf_writer_carry(w, &job->file, groups[i]));
    cf_newcomers_add(n, job, w);
    CF_TRY(cf_writer_commit(w));
done:
    cf_text_free(&command);
    cf_text_free(&input);
    cf_report_end(job->report);
    return status;
}

int cf_cmd_query(const cf_par *par, const cf_options *o, cf_report *report)
{
    int status = CF_OK;
    cf_options *bent = cf_alloc(1, sizeof *bent, "options");
    cf_job job = {.par = par,
                  .o = bent,
                  .bent = bent,
                  .report = report,
                  .from_file = true};
    cf_newcomers n = {0};
    cf_writer w = {0};
    *bent = *o;
    memcpy(bent->queries, o->new_ratings, sizeof bent->queries);
    CF_TRY(cf_agree(par, par->rank == 0 ? check_files(o) : CF_OK));
    if (o->output[0] != '\0')
        CF_TRY(cf_writer_begin(&w, par, o->output, o->force));
    CF_TRY(cf_h5_open(&job.file, par, o->input));
    CF_TRY(cf_agree(par, cf_newcomers_settle(&job)));
    CF_TRY(cf_newcomers_read(&n, &job));
    CF_TRY(cf_agree(par, check_few(&n, o)));
    CF_TRY(cf_newcomers_find(&n, &job));
    CF_TRY(cf_newcomers_recommend(&n, &job));
    if (o->output[0] != '\0')
        CF_TRY(write_file(&n, &job, &w));
    CF_TRY(show(&n, &job));
done:
    cf_writer_free(&w);
    cf_newcomers_free(&n);
    cf_job_free(&job);
    return status;
}
