/* What a run cost: the closing table and the JSON report. */
#ifndef CFMPI_REPORT_H
#define CFMPI_REPORT_H

#include "cfmpi/digest.h"
#include "cfmpi/neighbors.h"
#include "cfmpi/options.h"
#include "cfmpi/svd.h"
#include "cfmpi/text_file.h"

#define CF_STAGE_MAX 8

/* One stage on this rank, all its turns together. */
typedef struct cf_stage {
    const char *name;
    double seconds;
    int64_t bytes_sent, bytes_read, bytes_written;
} cf_stage;

/* Filled while the command runs. */
typedef struct cf_report {
    double begun;
    cf_text_file file; /* the JSON file in the making */
    cf_stage stage[CF_STAGE_MAX];
    int stages;
    cf_stage *now; /* the stage that is under way */
    double stage_begun;
    int64_t sent_before, read_before, written_before;
    struct {
        int64_t bytes, users, items, ratings, rows_skipped, duplicates_merged;
        char digest[CF_DIGEST_HEX];
    } input;
    struct {
        int64_t dim, passes;
        double max_residual;
        cf_svd_times seconds;
    } svd;
    struct {
        int64_t pairs, skipped, rows_tied, travelled;
        const char *similarity, *kernel; /* NULL where none were searched */
        int64_t expected;                /* most bytes of this rank, or 0 */
        cf_text overlap; /* JSON: how far two spaces agree; or empty */
    } neighbors;
    struct {
        const char *rule; /* NULL where none were made */
        int64_t pairs, unknown, by_rule, by_fallback;
    } predictions;
} cf_report;

/* Bracket a stage; `unit` is what its progress counts. Local. */
void cf_report_begin(cf_report *r, const char *stage, const char *unit);
void cf_report_end(cf_report *r);

/* Bytes read outside the HDF5 module. Local. */
void cf_report_read(int64_t bytes);

/* Finds out before the work whether the JSON file that was asked for can be
 * made. CF_CANT_CREATE, agreed. Collective. */
int cf_report_open(cf_report *r, const cf_par *par, const cf_options *o);

/* Prints the table to stderr and writes the JSON file when one is asked for.
 * CF_IO, agreed. Collective. */
int cf_report_finish(cf_report *r, const cf_par *par, const cf_options *o);

/* Removes a JSON file that was begun and not finished. Local. */
void cf_report_close(cf_report *r, const cf_par *par);

#endif
