/* The first step of the main job: from what the user has to the matrix. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cfmpi/csr_filter.h"
#include "cfmpi/exchange.h"
#include "cfmpi/file.h"
#include "cfmpi/h5ad.h"
#include "cfmpi/log.h"
#include "cfmpi/npz.h"
#include "cfmpi/ratings_text.h"
#include "cfmpi/scan.h"
#include "cfmpi/titles.h"
#include "job.h"

/* ---- rules ---- */

static bool scan_number(const char *s, const char *e, double *value)
{
    return cf_scan_double(s, e, value);
}

int cf_job_read_range(const char *option, const char *value, double range[2],
                      bool *given)
{
    const char *colon = strchr(value, ':'), *end = value + strlen(value);
    *given = value[0] != '\0';
    if (!*given)
        return CF_OK;
    range[0] = -(double)INFINITY;
    range[1] = (double)INFINITY;
    if (colon == NULL || end == value + 1 ||
        (colon > value && !scan_number(value, colon, &range[0])) ||
        (colon + 1 < end && !scan_number(colon + 1, end, &range[1])) ||
        range[0] > range[1])
        return cf_fail(CF_USAGE, "--%s: '%s' is no range such as 1:5, 3: or :4",
                       option, value);
    return CF_OK;
}

/* A date alone means the whole day. */
static bool read_time(const char *s, const char *e, bool last, int64_t *time)
{
    if (s == e) {
        *time = last ? INT64_MAX : INT64_MIN;
        return true;
    }
    if (!cf_scan_time(s, e, time))
        return false;
    if (last && e - s == 10 && s[4] == '-')
        *time += 86399;
    return true;
}

static int read_times(cf_keep *keep, const char *value)
{
    const char *end = value + strlen(value);
    keep->has_times = value[0] != '\0';
    if (!keep->has_times)
        return CF_OK;
    /* Times of day have colons too: the one that leaves a time on either
     * side. */
    for (const char *c = strchr(value, ':'); c != NULL; c = strchr(c + 1, ':'))
        if (end > value + 1 && read_time(value, c, false, &keep->times[0]) &&
            read_time(c + 1, end, true, &keep->times[1]) &&
            keep->times[0] <= keep->times[1])
            return CF_OK;
    return cf_fail(CF_USAGE,
                   "--time-range: '%s' is no range such as "
                   "2015-01-01:2015-12-31, 978300000: or :2016-06-30 12:00:00",
                   value);
}

static int read_value(const char *option, const char *value, double *number,
                      bool *given)
{
    *given = value[0] != '\0';
    if (*given && !scan_number(value, value + strlen(value), number))
        return cf_fail(CF_USAGE, "--%s: '%s' is not a number", option, value);
    return CF_OK;
}

static int read_rules(const cf_options *o, cf_keep *keep, cf_text_options *text)
{
    int status = CF_OK;
    bool given;
    *text = (cf_text_options){.format = (enum cf_ratings_format)o->format,
                              .columns = o->columns,
                              .missing = (double)NAN};
    CF_TRY(read_value("missing", o->missing, &text->missing, &given));
    if (given && o->format != CF_FORMAT_DENSE)
        CF_TRY(cf_fail(CF_USAGE, "--missing: is for --format=dense only"));
    CF_TRY(cf_job_read_range("scale", o->scale, keep->scale, &keep->has_scale));
    CF_TRY(cf_job_read_range("rating-range", o->rating_range, keep->ratings,
                             &keep->has_ratings));
    CF_TRY(read_times(keep, o->time_range));
    CF_TRY(read_value("binarize", o->binarize, &keep->threshold,
                      &keep->has_threshold));
    keep->keep_time = o->keep_time;
    text->times = keep->keep_time || keep->has_times;
done:
    return status;
}

/* ---- reading ---- */

/* Which reader. Rank 0 decides. */
static int find_format(const cf_job *job, int *format)
{
    const cf_options *o = job->o;
    char file[CF_PATH_MAX];
    bool many = strchr(o->inputs, '\n') != NULL;
    *format = (int)o->format;
    cf_h5ad_file(o->input, file);
    if (*format == CF_FORMAT_AUTO && cf_npz_is(o->input))
        *format = CF_FORMAT_NPZ;
    if (*format == CF_FORMAT_AUTO && cf_h5_is_hdf5(file))
        *format = CF_FORMAT_H5AD;
    if (many && (*format == CF_FORMAT_NPZ || *format == CF_FORMAT_H5AD))
        return cf_fail(CF_USAGE,
                       "%s: is a matrix, which is read alone; give it no "
                       "other inputs beside it",
                       o->input);
    return CF_OK;
}

/* `is_text` tells whether rows have lines. */
static int read_input(const cf_job *job, cf_intake *in,
                      const cf_text_options *text, bool *is_text)
{
    int status = CF_OK, format = CF_FORMAT_AUTO;
    const cf_options *o = job->o;
    CF_TRY(cf_agree(job->par,
                    job->par->rank == 0 ? find_format(job, &format) : CF_OK));
    cf_bcast(job->par, &format, sizeof format, 0);
    *is_text = format != CF_FORMAT_NPZ && format != CF_FORMAT_H5AD;
    if (!*is_text && o->columns[0] != '\0')
        CF_TRY(cf_fail(CF_USAGE,
                       "%s: a matrix has users and items in set places; leave "
                       "out --columns",
                       o->input));
    if (format == CF_FORMAT_NPZ)
        CF_TRY(cf_npz_read(in, job->par, o->input));
    else if (format == CF_FORMAT_H5AD)
        CF_TRY(cf_h5ad_read(in, job->par, o->input));
    else
        CF_TRY(cf_ratings_read(in, job->par, o->inputs, text));
done:
    return status;
}

/* The line of a duplicate, as a message; `text` is NULL when there are no
 * lines. */
static int duplicate_error(cf_job *job, const cf_keep *keep,
                           const cf_text_options *text, const cf_gidx place[2])
{
    static const char how[] = "pass --duplicates=last, first, mean or sum to "
                              "go on";
    cf_text user = {0}, item = {0};
    cf_finding found[2] = {{.line = 0}};
    int status = CF_OK;
    cf_idmap_print(&job->tables.users, job->par, place[0], &user);
    cf_idmap_print(&job->tables.items, job->par, place[1], &item);
    if (text != NULL)
        CF_TRY(cf_ratings_find(job->par, job->o->inputs, text, keep, &user,
                               &item, found));
    if (found[1].line == 0)
        CF_TRY(cf_fail(CF_BAD_DATA,
                       "%s: user %s rated item %s more than once; %s",
                       job->o->input, user.data, item.data, how));
    bool same = strcmp(found[0].path, found[1].path) == 0;
    status = cf_fail(CF_BAD_DATA,
                     "%s:%" PRId64 ":1: user %s rated item %s before, in line "
                     "%" PRId64 "%s%s; %s",
                     found[1].path, found[1].line, user.data, item.data,
                     found[0].line, same ? "" : " of ",
                     same ? "" : found[0].path, how);
done:
    cf_text_free(&user);
    cf_text_free(&item);
    return status;
}

static int build_matrix(cf_job *job, cf_intake *in, const cf_text_options *text)
{
    int status = CF_OK;
    cf_gidx place[2];
    cf_tables *t = &job->tables;
    cf_placement user_at = {0}, item_at = {0};
    cf_idmap_build(&t->users, job->par, &in->entries.users, &user_at);
    cf_idmap_build(&t->items, job->par, &in->entries.items, &item_at);
    cf_gidx items = cf_part_rows(&t->items.part);
    if (items > INT32_MAX)
        CF_TRY(cf_fail(CF_BAD_DATA,
                       "%s: %" CF_PRIgidx " items are more than 2^31-1",
                       job->o->input, items));
    cf_numbering numbering = {&t->users, &user_at, &item_at, items};
    status = cf_csr_build(&job->ratings, job->par, &in->entries, &numbering,
                          (enum cf_duplicates)job->o->duplicates,
                          &job->report->input.duplicates_merged, place);
    if (status != CF_OK)
        status = duplicate_error(job, &in->keep, text, place);
done:
    cf_placement_free(&user_at);
    cf_placement_free(&item_at);
    return status;
}

/* ---- what was found, and what was left out ---- */

static const char *const rule_key[CF_VERDICTS] = {
    [CF_LEFT_RATING] = "rating_range",
    [CF_LEFT_TIME] = "time_range",
    [CF_LEFT_THRESHOLD] = "threshold"};

static const char *const rule_words[CF_VERDICTS] = {
    [CF_LEFT_RATING] = "outside --rating-range",
    [CF_LEFT_TIME] = "outside --time-range",
    [CF_LEFT_THRESHOLD] = "below --binarize"};

static void tell_input(const cf_job *job, const cf_intake *in)
{
    const cf_tables *t = &job->tables;
    const cf_options *o = job->o;
    int64_t latin1 = cf_sum_i64(job->par, in->entries.users.latin1 +
                                              in->entries.items.latin1);
    for (int i = 0; i < in->shown_count; i++)
        cf_log_note("skipped %s", in->shown[i]);
    if (in->skipped > 0)
        cf_log_note("%" PRId64 " bad rows skipped in %s%s", in->skipped,
                    o->input,
                    strchr(o->inputs, '\n') != NULL ? " and the others" : "");
    if (in->implicit)
        cf_log_note("there is no column of ratings: every row counts 1");
    if (t->users.ids.text)
        cf_log_note("user ids are not all integers: they are text, in the "
                    "order of their bytes");
    if (t->items.ids.text)
        cf_log_note("item ids are not all integers: they are text, in the "
                    "order of their bytes");
    if (latin1 > 0)
        cf_log_note("ids that are no UTF-8 are taken for Latin-1");
    for (int v = CF_LEFT_RATING; v < CF_VERDICTS; v++)
        if (in->left[v] > 0)
            cf_log_note("%" PRId64 " ratings left out, %s", in->left[v],
                        rule_words[v]);
}

static void tell_filter(const cf_filter *f)
{
    if (f->users_left > 0)
        cf_log_note("%" PRId64 " users with fewer than %" PRId64
                    " ratings left out, and their %" PRId64 " ratings",
                    f->users_left, f->min_user, f->user_ratings);
    if (f->items_left > 0)
        cf_log_note("%" PRId64 " items with fewer than %" PRId64
                    " ratings left out, and their %" PRId64 " ratings",
                    f->items_left, f->min_item, f->item_ratings);
}

/* What each rule has left out; the same keys in every file. */
static void describe_rules(cf_text *t, const cf_intake *in, const cf_filter *f)
{
    for (int v = CF_LEFT_RATING; v < CF_VERDICTS; v++)
        cf_text_add(t, "\"%s\": %" PRId64 ", ", rule_key[v], in->left[v]);
    cf_text_add(t,
                "\"min_user_ratings\": {\"users\": %" PRId64
                ", \"ratings\": %" PRId64
                "}, \"min_item_ratings\": {\"items\": %" PRId64
                ", \"ratings\": %" PRId64 "}",
                f->users_left, f->user_ratings, f->items_left, f->item_ratings);
}

/* The attribute `input` of the result. */
static void describe(cf_job *job, const cf_intake *in, const cf_filter *f)
{
    cf_text *t = &job->input;
    cf_text_add(t, "{\"name\": ");
    cf_text_json(t, cf_base_name(job->o->input));
    cf_text_add(t, ", \"bytes\": %" PRId64 ", \"digest\": \"%s\"", in->bytes,
                in->digest);
    for (int64_t i = 0; in->file_count > 1 && i < in->file_count; i++) {
        cf_text_add(t, i == 0 ? ", \"files\": [{\"name\": " : ", {\"name\": ");
        cf_text_json(t, cf_base_name(in->files[i].path));
        cf_text_add(t, ", \"bytes\": %" PRId64 "}%s", in->files[i].bytes,
                    i + 1 == in->file_count ? "]" : "");
    }
    cf_text_add(t,
                ", \"rows_skipped\": %" PRId64
                ", \"duplicates_merged\": %" PRId64 ", \"left_out\": {",
                in->skipped, job->report->input.duplicates_merged);
    describe_rules(t, in, f);
    cf_text_add(t, "}}");
}

static int check_left(const cf_job *job, const char *why)
{
    if (job->ratings.nnz > 0)
        return CF_OK;
    return cf_fail(CF_BAD_DATA, "%s: %s", job->o->input, why);
}

static int filter(cf_job *job, cf_filter *f)
{
    int status = CF_OK;
    const cf_options *o = job->o;
    cf_tables *t = &job->tables;
    if (o->min_user_ratings == 0 && o->min_item_ratings == 0)
        return CF_OK;
    /* Who loses all ratings to the other side's rule goes too. */
    f->min_user = CF_MAX(o->min_user_ratings, 1);
    f->min_item = CF_MAX(o->min_item_ratings, 1);
    cf_csr_filter(&job->ratings, job->par, &t->users, &t->items, f);
    tell_filter(f);
    CF_TRY(check_left(job, "no ratings are left by --min-user-ratings and "
                           "--min-item-ratings; lower them"));
done:
    return status;
}

static int read_titles(cf_job *job)
{
    int status = CF_OK;
    cf_tables *t = &job->tables;
    if (job->o->titles[0] == '\0')
        return CF_OK;
    CF_TRY(cf_titles_read(&t->titles, job->par, job->o->titles, &t->items.ids));
    if (t->titles.found < cf_part_rows(&t->items.part))
        cf_log_note("%" PRId64 " of %" CF_PRIgidx " items have a title in %s",
                    t->titles.found, cf_part_rows(&t->items.part),
                    job->o->titles);
done:
    return status;
}

static void report_input(cf_job *job, cf_intake *in)
{
    for (int v = 0; v < CF_VERDICTS; v++)
        in->left[v] = cf_sum_i64(job->par, in->left[v]);
    cf_report_read(in->bytes / job->par->size);
    job->report->input.rows_skipped = in->skipped;
    job->report->input.bytes = in->bytes;
    snprintf(job->report->input.digest, CF_DIGEST_HEX, "%s", in->digest);
}

int cf_job_ingest(cf_job *job)
{
    int status = CF_OK;
    const cf_options *o = job->o;
    cf_intake in = {.bad_row = (enum cf_bad_row)o->on_bad_row};
    cf_text_options text;
    bool is_text;
    cf_filter removed = {0};
    cf_report_begin(job->report, "ingest", "bytes");
    CF_TRY(read_rules(o, &in.keep, &text));
    CF_TRY(read_input(job, &in, &text, &is_text));
    report_input(job, &in);
    CF_TRY(build_matrix(job, &in, is_text ? &text : NULL));
    tell_input(job, &in);
    CF_TRY(check_left(job, "no ratings are left; see what was left out, and "
                           "check the rules"));
    CF_TRY(filter(job, &removed));
    CF_TRY(read_titles(job));
    cf_tables_fill(&job->tables, &job->ratings, job->par);
    describe(job, &in, &removed);
    cf_log_detail("%" CF_PRIgidx " ratings of %" CF_PRIgidx
                  " users and %" CF_PRIgidx " items",
                  job->ratings.nnz, job->ratings.rows, job->ratings.cols);
done:
    cf_report_end(job->report);
    cf_intake_free(&in);
    return status;
}
