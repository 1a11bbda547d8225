/* What a run cost: the closing table and the JSON report. */
#ifndef CFMPI_REPORT_H
#define CFMPI_REPORT_H

#include "cfmpi/digest.h"
#include "cfmpi/neighbors.h"
#include "cfmpi/options.h"
#include "cfmpi/svd.h"

#define CF_STAGE_MAX 8

/* One stage on this rank. */
typedef struct cf_stage {
    const char *name;
    double seconds;
    int64_t bytes_sent, bytes_read, bytes_written;
} cf_stage;

/* Filled while the command runs; {.begun = cf_clock()} starts one. */
typedef struct cf_report {
    double begun;
    cf_stage stage[CF_STAGE_MAX];
    int stages;
    double stage_begun;
    int64_t sent_before, read_before, written_before;
    struct {
        int64_t bytes, users, items, ratings, rows_skipped, duplicates_merged;
        char digest[CF_DIGEST_HEX];
    } input;
    struct {
        int64_t dim, passes;
        double max_residual;
    } svd;
    struct {
        int64_t pairs, skipped, rows_tied;
    } neighbors;
} cf_report;

/* Bracket a stage; `unit` is what its progress counts. Local. */
void cf_report_begin(cf_report *r, const char *stage, const char *unit);
void cf_report_end(cf_report *r);

/* Bytes read outside the HDF5 module. Local. */
void cf_report_read(int64_t bytes);

/* Prints the table to stderr and writes the JSON file when one is asked for.
 * CF_IO, agreed. Collective. */
int cf_report_finish(const cf_report *r, const cf_par *par,
                     const cf_options *o);

#endif
