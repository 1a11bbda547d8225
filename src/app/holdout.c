#include "holdout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/log.h"
#include "cfmpi/memory.h"
#include "cfmpi/splits.h"
#include "commands.h"
#include "option_table.h"

/* ---- one input ---- */

/* Options that say how to read text, where there is none to read. Test ratings
 * may be text beside an input that is none, but users and items are left out of
 * the input alone. Rank 0. */
static int check_unused(const cf_options *o)
{
    bool text = o->test[0] != '\0' && !cf_h5_is_result(o->test);
    if (strcmp(o->input, o->test) == 0)
        return CF_OK; /* these were looked at with the input */
    for (int i = 0; i < cf_option_count; i++) {
        const cf_option *row = &cf_option_table[i];
        bool reads = row->commands >> CF_CMD_INGEST & 1,
             everywhere = row->commands >> CF_CMD_EXPORT & 1;
        bool of_input = row->offset == offsetof(cf_options, min_user_ratings) ||
                        row->offset == offsetof(cf_options, min_item_ratings);
        if (reads && !everywhere && o->given[i] && (of_input || !text))
            return cf_fail(CF_USAGE,
                           "%s: holds ratings already, so --%s has nothing to "
                           "set; leave it out",
                           o->input, row->name);
    }
    return CF_OK;
}

static int load_file(cf_job *job, bool timed)
{
    int status = CF_OK;
    cf_csr *a = &job->ratings;
    const char *path = job->o->input;
    if (strchr(job->o->inputs, '\n') != NULL)
        CF_TRY(cf_fail(CF_USAGE,
                       "%s: is a result file, which is read alone; give it no "
                       "other inputs beside it",
                       path));
    CF_TRY(
        cf_agree(job->par, job->par->rank == 0 ? check_unused(job->o) : CF_OK));
    CF_TRY(cf_h5_open(&job->file, job->par, path));
    if (!cf_h5_has(&job->file, "/ratings/indptr"))
        CF_TRY(cf_fail(CF_BAD_DATA, "%s: has no /ratings", path));
    if (timed && !cf_h5_has(&job->file, "/ratings/time"))
        CF_TRY(cf_fail(CF_BAD_DATA,
                       "%s: has no times, which --split=%s goes by; make it "
                       "with `cfmpi ingest --keep-time`",
                       path, cf_split_names[job->o->split]));
    CF_TRY(cf_layout_read_ratings(&job->file, job->par, a));
    CF_TRY(
        cf_layout_read_ids(&job->file, job->par, "users", &job->tables.users));
    CF_TRY(
        cf_layout_read_ids(&job->file, job->par, "items", &job->tables.items));
    if (timed) {
        int64_t n = a->indptr[a->n_loc];
        a->time = cf_alloc(n, sizeof *a->time, "times");
        CF_TRY(cf_h5_read_slab(&job->file, job->par, "/ratings/time", CF_I64, 1,
                               a->nnz_begin, n, a->time));
    }
done:
    return status;
}

int cf_holdout_load(cf_job *job, bool timed)
{
    int status = CF_OK;
    job->from_file = cf_max_i64(job->par, job->par->rank == 0 &&
                                              cf_h5_is_result(job->o->input));
    if (!job->from_file)
        return cf_job_ingest(job);
    cf_report_begin(job->report, "ingest", "bytes");
    status = load_file(job, timed);
    cf_report_end(job->report);
    return status;
}

/* ---- the numbers of the test file's users and items ---- */

/* Rows that the input's map has for ids of another; what it lacks gets numbers
 * from `rows` on, in ascending order of the ids; `added` of them. */
static cf_gidx *number_ids(const cf_par *par, const cf_idmap *map, cf_gidx rows,
                           const cf_idmap *other, cf_gidx *added)
{
    int64_t n = other->ids.count, strange = 0;
    cf_gidx *number = cf_alloc(n, sizeof *number, "numbers of ids");
    cf_idmap_find(map, par, &other->ids, number);
    for (int64_t i = 0; i < n; i++)
        strange += number[i] < 0;
    cf_gidx next = rows + cf_exscan_i64(par, strange);
    for (int64_t i = 0; i < n; i++)
        if (number[i] < 0)
            number[i] = next++;
    *added = cf_sum_i64(par, strange);
    return number;
}

/* Empty rows and columns at the end. */
static void extend(cf_csr *a, const cf_par *par, cf_gidx rows, cf_gidx cols)
{
    bool last = par->rank == par->size - 1;
    int64_t n = a->n_loc + (last ? rows : 0);
    a->indptr = cf_realloc(a->indptr, n + 1, sizeof *a->indptr, "row pointers");
    for (int64_t i = a->n_loc; i < n; i++)
        a->indptr[i + 1] = a->indptr[i];
    a->n_loc = n;
    a->part.begin[par->size] += rows;
    a->rows += rows;
    a->cols += cols;
}

/* ---- the test ratings ---- */

typedef struct rating {
    cf_gidx row;
    cf_lidx col;
    float value;
} rating;

static int in_order(const void *a, const void *b)
{
    const rating *x = a, *y = b;
    if (x->row != y->row)
        return x->row < y->row ? -1 : 1;
    return (x->col > y->col) - (x->col < y->col);
}

/* Ratings of other rows and columns, to the ranks that `part` gives the rows
 * of now. */
static rating *send_ratings(const cf_par *par, const cf_csr *a,
                            const cf_gidx *row, const cf_gidx *col,
                            const cf_part *part, int64_t *arrived)
{
    int64_t *to = cf_calloc(3 * (int64_t)par->size, sizeof *to, "counts");
    int64_t *from = to + par->size, *at = from + par->size;
    int64_t n = a->indptr[a->n_loc];
    rating *out = cf_alloc(n, sizeof *out, "test ratings");
    for (int64_t i = 0; i < a->n_loc; i++)
        to[cf_part_owner(part, row[i])] += a->indptr[i + 1] - a->indptr[i];
    for (int r = 1; r < par->size; r++)
        at[r] = at[r - 1] + to[r - 1];
    for (int64_t i = 0; i < a->n_loc; i++)
        for (int64_t e = a->indptr[i]; e < a->indptr[i + 1]; e++)
            out[at[cf_part_owner(part, row[i])]++] =
                (rating){row[i], (cf_lidx)col[a->indices[e]], a->values[e]};
    cf_alltoall_counts(par, to, from);
    *arrived = 0;
    for (int r = 0; r < par->size; r++)
        *arrived += from[r];
    rating *in = cf_alloc(*arrived, sizeof *in, "test ratings");
    cf_alltoallv(par, out, to, in, from, sizeof *in);
    cf_free(out);
    cf_free(to);
    return in;
}

/* The matrix of the ratings, in rows as `like` has them. */
static void build(cf_csr *out, const cf_par *par, const cf_csr *like, rating *r,
                  int64_t n)
{
    cf_gidx begin = like->part.begin[par->rank];
    *out =
        (cf_csr){.rows = like->rows, .cols = like->cols, .n_loc = like->n_loc};
    cf_part_copy(&out->part, &like->part);
    out->indptr =
        cf_calloc(out->n_loc + 1, sizeof *out->indptr, "row pointers");
    out->indices = cf_alloc(n, sizeof *out->indices, "column numbers");
    out->values = cf_alloc(n, sizeof *out->values, "ratings");
    qsort(r, (size_t)n, sizeof *r, in_order);
    for (int64_t e = 0; e < n; e++) {
        out->indptr[r[e].row - begin + 1]++;
        out->indices[e] = r[e].col;
        out->values[e] = r[e].value;
    }
    for (int64_t i = 0; i < out->n_loc; i++)
        out->indptr[i + 1] += out->indptr[i];
    cf_csr_seal(out, par);
}

/* ---- leaks ---- */

/* Places of two matrices that both have; `place` gets the first own one. */
static int64_t count_common(const cf_csr *a, const cf_csr *b, cf_gidx begin,
                            cf_gidx place[2])
{
    int64_t common = 0;
    for (int64_t i = 0; i < a->n_loc; i++)
        for (int64_t e = a->indptr[i], f = b->indptr[i];
             e < a->indptr[i + 1] && f < b->indptr[i + 1];) {
            cf_lidx x = a->indices[e], y = b->indices[f];
            if (x == y && common++ == 0) {
                place[0] = begin + i;
                place[1] = x;
            }
            e += x <= y;
            f += y <= x;
        }
    return common;
}

static int check_leak(const cf_job *job, const cf_csr *test)
{
    int status = CF_OK;
    const cf_par *par = job->par;
    cf_gidx place[2] = {-1, -1};
    int64_t own =
        count_common(&job->ratings, test, test->part.begin[par->rank], place);
    int64_t common = cf_sum_i64(par, own);
    cf_text user = {0}, item = {0};
    if (common == 0)
        return CF_OK;
    int first = (int)cf_min_i64(par, own > 0 ? par->rank : par->size);
    cf_bcast(par, place, sizeof place, first);
    cf_idmap_print(&job->tables.users, par, place[0], &user);
    cf_idmap_print(&job->tables.items, par, place[1], &item);
    if (job->o->allow_leak)
        cf_log_note("%" PRId64 " ratings of %s are learned from too: as seen "
                    "items they are in no list",
                    common, job->o->test);
    else
        status =
            cf_fail(CF_BAD_DATA,
                    "%s: user %s's rating of item %s is in %s too, as are "
                    "%" PRId64 " in all; pass --allow-leak to go on",
                    job->o->test, user.data, item.data, job->o->input, common);
    cf_text_free(&user);
    cf_text_free(&item);
    return status;
}

/* ---- all together ---- */

/* Makes job->ratings as large as both, and the test matrix from the other
 * job's. */
static void join(cf_job *job, const cf_job *other, cf_csr *test)
{
    const cf_par *par = job->par;
    const cf_csr *b = &other->ratings;
    cf_csr *a = &job->ratings;
    cf_gidx rows, cols;
    int64_t count;
    cf_gidx *user = number_ids(par, &job->tables.users, a->rows,
                               &other->tables.users, &rows);
    cf_gidx *item = number_ids(par, &job->tables.items, a->cols,
                               &other->tables.items, &cols);
    cf_gidx *row = cf_alloc(b->n_loc, sizeof *row, "numbers of users");
    cf_gidx *col = cf_alloc(b->cols, sizeof *col, "numbers of items");
    cf_repartition_rows(par, &other->tables.users.part, user, &b->part, row,
                        sizeof *row);
    cf_allgather_rows(par, &other->tables.items.part, item, col, sizeof *col);
    extend(a, par, rows, cols);
    rating *r = send_ratings(par, b, row, col, &a->part, &count);
    build(test, par, a, r, count);
    if (rows > 0 || cols > 0)
        cf_log_note("%" CF_PRIgidx " users and %" CF_PRIgidx
                    " items of %s are not in %s",
                    rows, cols, job->o->test, job->o->input);
    cf_free(r);
    cf_free(row);
    cf_free(col);
    cf_free(user);
    cf_free(item);
}

int cf_holdout_read_test(cf_job *job, cf_csr *test)
{
    int status = CF_OK;
    cf_report *report = job->report;
    cf_options *o = cf_alloc(1, sizeof *o, "options");
    *o = *job->o;
    snprintf(o->input, sizeof o->input, "%s", o->test);
    snprintf(o->inputs, sizeof o->inputs, "%s", o->test);
    o->min_user_ratings = o->min_item_ratings = 0;
    cf_job other = {.par = job->par, .o = o, .report = report};
    cf_report of_input = *report; /* of which the report tells */
    CF_TRY(cf_holdout_load(&other, false));
    report->input = of_input.input;
    join(job, &other, test);
    CF_TRY(check_leak(job, test));
done:
    cf_job_free(&other);
    cf_free(o);
    return status;
}
