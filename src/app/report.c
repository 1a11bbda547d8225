#define _POSIX_C_SOURCE 200809L
#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cfmpi/clock.h"
#include "cfmpi/cpu.h"
#include "cfmpi/exchange.h"
#include "cfmpi/file.h"
#include "cfmpi/h5.h"
#include "cfmpi/log.h"
#include "cfmpi/memory.h"
#include "cfmpi/progress.h"
#include "commands.h"
#include "environment.h"
#include "version.h"

static int64_t text_bytes_read;

void cf_report_read(int64_t bytes)
{
    text_bytes_read += bytes;
}

void cf_report_begin(cf_report *r, const char *stage, const char *unit)
{
    r->now = NULL;
    for (int i = 0; i < r->stages; i++)
        if (strcmp(r->stage[i].name, stage) == 0)
            r->now = &r->stage[i];
    if (r->now == NULL) {
        CF_ASSERT(r->stages < CF_STAGE_MAX);
        r->now = &r->stage[r->stages++];
        r->now->name = stage;
    }
    r->stage_begun = cf_clock();
    r->sent_before = cf_traffic_sent();
    r->read_before = cf_h5_bytes_read() + text_bytes_read;
    r->written_before = cf_h5_bytes_written();
    cf_progress_begin(stage, unit);
}

void cf_report_end(cf_report *r)
{
    cf_stage *s = r->now;
    s->seconds += cf_clock() - r->stage_begun;
    s->bytes_sent += cf_traffic_sent() - r->sent_before;
    s->bytes_read += cf_h5_bytes_read() + text_bytes_read - r->read_before;
    s->bytes_written += cf_h5_bytes_written() - r->written_before;
    cf_progress_end();
}

/* Minimum, median, maximum and sum over the ranks; right on rank 0. */
typedef struct spread {
    double min, median, max, sum;
} spread;

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static spread over_ranks(const cf_par *par, double mine)
{
    spread s = {0};
    double *all = cf_alloc(par->size, sizeof *all, "figures of all ranks");
    MPI_Gather(&mine, 1, MPI_DOUBLE, all, 1, MPI_DOUBLE, 0, par->comm);
    if (par->rank == 0) {
        qsort(all, (size_t)par->size, sizeof *all, by_value);
        s.min = all[0];
        s.max = all[par->size - 1];
        s.median = 0.5 * (all[(par->size - 1) / 2] + all[par->size / 2]);
        for (int i = 0; i < par->size; i++)
            s.sum += all[i];
    }
    cf_free(all);
    return s;
}

static void add_spread(cf_text *t, const char *name, spread s, bool sum)
{
    cf_text_add(t,
                "\"%s\": {\"min\": %.15g, \"median\": %.15g, "
                "\"max\": %.15g",
                name, s.min, s.median, s.max);
    if (sum)
        cf_text_add(t, ", \"sum\": %.15g", s.sum);
    cf_text_add(t, "}");
}

static void add_stage(cf_text *t, const cf_par *par, const cf_stage *s)
{
    spread seconds = over_ranks(par, s->seconds);
    cf_text_add(t, "{\"name\": \"%s\", \"seconds\": %.6f, ", s->name,
                seconds.max);
    add_spread(t, "seconds_rank", seconds, false);
    cf_text_add(t, ", ");
    add_spread(t, "bytes_sent_rank", over_ranks(par, (double)s->bytes_sent),
               true);
    cf_text_add(t, ", \"bytes_read\": %.0f, \"bytes_written\": %.0f}",
                over_ranks(par, (double)s->bytes_read).sum,
                over_ranks(par, (double)s->bytes_written).sum);
}

static void add_svd(cf_text *t, const cf_par *par, const cf_report *r)
{
    const cf_svd_times *s = &r->svd.seconds;
    const struct {
        const char *name;
        double seconds;
    } part[] = {{"packing", s->pack},      {"products", s->products},
                {"exchange", s->exchange}, {"basis", s->basis},
                {"eigenvalues", s->eigen}, {"vectors", s->vectors}};
    cf_text_add(t,
                ", \"svd\": {\"dim\": %" PRId64 ", \"passes\": %" PRId64
                ", \"max_residual\": %.6e, \"seconds\": {",
                r->svd.dim, r->svd.passes, r->svd.max_residual);
    for (size_t i = 0; i < sizeof part / sizeof *part; i++)
        cf_text_add(t, "%s\"%s\": %.9f", i > 0 ? ", " : "", part[i].name,
                    over_ranks(par, part[i].seconds).max);
    cf_text_add(t, "}}");
}

/* A name in quotes, or null. */
static void add_name(cf_text *t, const char *name)
{
    if (name == NULL)
        cf_text_add(t, "null");
    else
        cf_text_json(t, name);
}

static void add_neighbors(cf_text *t, const cf_par *par, const cf_report *r)
{
    double expected = (double)r->neighbors.expected;
    cf_text_add(t,
                ", \"neighbors\": {\"pairs\": %" PRId64
                ", \"pairs_skipped\": %" PRId64 ", \"ties_at_k\": %" PRId64
                ", \"candidates_travelled\": %" PRId64,
                r->neighbors.pairs, r->neighbors.skipped,
                r->neighbors.rows_tied, r->neighbors.travelled);
    cf_text_add(t, ", \"similarity\": ");
    add_name(t, r->neighbors.similarity);
    cf_text_add(t, ", \"kernel\": ");
    add_name(t, r->neighbors.kernel);
    if (r->neighbors.expected > 0) {
        cf_text_add(t, ", ");
        add_spread(t, "expected_bytes_rank", over_ranks(par, expected), true);
    }
    if (r->neighbors.overlap.length > 0)
        cf_text_add(t, ", \"overlap\": {%s}", r->neighbors.overlap.data);
    cf_text_add(t, "}");
}

static void add_predictions(cf_text *t, const cf_report *r)
{
    if (r->predictions.rule == NULL)
        return;
    cf_text_add(t,
                ", \"predictions\": {\"rule\": \"%s\", \"pairs\": %" PRId64
                ", \"unknown\": %" PRId64 ", \"by_rule\": %" PRId64
                ", \"by_fallback\": %" PRId64 "}",
                r->predictions.rule, r->predictions.pairs,
                r->predictions.unknown, r->predictions.by_rule,
                r->predictions.by_fallback);
}

static void add_parts(cf_text *t, const cf_par *par, const cf_report *r,
                      const cf_options *o)
{
    struct stat info;
    cf_text_add(t, ", \"input\": {\"name\": ");
    cf_text_json(t, cf_base_name(o->input));
    cf_text_add(
        t,
        ", \"bytes\": %" PRId64 ", \"users\": %" PRId64 ", \"items\": %" PRId64
        ", \"ratings\": %" PRId64 ", \"rows_skipped\": %" PRId64
        ", \"duplicates_merged\": %" PRId64 "}",
        r->input.bytes, r->input.users, r->input.items, r->input.ratings,
        r->input.rows_skipped, r->input.duplicates_merged);
    add_svd(t, par, r);
    add_neighbors(t, par, r);
    add_predictions(t, r);
    cf_text_add(t, ", \"output\": {\"name\": ");
    cf_text_json(t, o->output);
    cf_text_add(t, ", \"bytes\": %lld}",
                o->output[0] != '\0' && stat(o->output, &info) == 0
                    ? (long long)info.st_size
                    : 0LL);
}

/* Collective, as the figures come from all ranks. */
static void write_json(cf_text *t, const cf_report *r, const cf_par *par,
                       const cf_options *o, double seconds)
{
    int nodes, node_rank;
    cf_par_nodes(par, &nodes, &node_rank);
    cf_text_add(t, "{\"program\": \"cfmpi " CF_VERSION "\", \"command\": ");
    cf_options_json(o, t);
    cf_text_add(t,
                ", \"ranks\": %d, \"threads\": %" PRId64
                ", \"hosts\": %d, \"kernel\": \"%s\", \"isa\": \"%s\"",
                par->size, o->threads, nodes, cf_environment_kernel(),
                cf_cpu_isa_name(cf_cpu_isa()));
    add_parts(t, par, r, o);
    cf_text_add(t, ", \"stages\": [");
    for (int i = 0; i < r->stages; i++) {
        cf_text_add(t, i > 0 ? ", " : "");
        add_stage(t, par, &r->stage[i]);
    }
    cf_text_add(t, "], \"total_seconds\": %.6f, ", seconds);
    add_spread(t, "peak_bytes_rank",
               over_ranks(par, (double)cf_memory_process_peak()), true);
    cf_text_add(t, ", ");
    add_spread(t, "allocated_bytes_rank",
               over_ranks(par, (double)cf_memory_peak()), true);
    cf_text_add(t, ", \"base_bytes_rank\": %.0f}\n",
                over_ranks(par, (double)cf_environment_base_bytes()).median);
}

static void print_table(const cf_report *r, const cf_par *par,
                        const cf_options *o, double seconds)
{
    if (r->stages == 0)
        return;
    cf_log_plain("  %-10s %9s %7s\n", "stage", "seconds", "share");
    for (int i = 0; i < r->stages; i++) {
        double s = over_ranks(par, r->stage[i].seconds).max;
        cf_log_plain("  %-10s %9.2f %5.0f %%\n", r->stage[i].name, s,
                     100 * s / seconds);
    }
    double peak = over_ranks(par, (double)cf_memory_process_peak()).max;
    cf_log_plain("  %-10s %9.2f         peak %.0f MiB a rank, %d ranks\n",
                 "total", seconds, peak / 0x1p20, par->size);
    if (o->command <= CF_CMD_RECOMMEND)
        cf_log_plain("next: cfmpi info %s\n", o->output);
}

int cf_report_open(cf_report *r, const cf_par *par, const cf_options *o)
{
    r->begun = cf_clock();
    return o->report[0] == '\0'
               ? CF_OK
               : cf_text_file_begin(&r->file, par, o->report, true);
}

int cf_report_finish(cf_report *r, const cf_par *par, const cf_options *o)
{
    double seconds = cf_clock() - r->begun;
    cf_text t = {0};
    int status = CF_OK;
    write_json(&t, r, par, o, seconds);
    if (par->rank != 0)
        cf_text_clear(&t);
    if (o->report[0] != '\0') {
        CF_TRY(cf_text_file_write(&r->file, par, &t));
        CF_TRY(cf_text_file_commit(&r->file, par));
    }
    print_table(r, par, o, seconds);
done:
    cf_text_free(&t);
    return status;
}

void cf_report_close(cf_report *r, const cf_par *par)
{
    cf_text_file_free(&r->file, par);
    cf_text_free(&r->neighbors.overlap);
}
