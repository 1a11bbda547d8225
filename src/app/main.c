/* cfmpi: exact nearest neighbours and recommendations from rating data. */
#define _POSIX_C_SOURCE 200809L
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cfmpi/context.h"
#include "cfmpi/exchange.h"
#include "cfmpi/log.h"
#include "cfmpi/memory.h"
#include "cfmpi/options.h"
#include "cfmpi/progress.h"
#include "commands.h"
#include "environment.h"

static int read_options(cf_options *o, const cf_par *par, int argc, char **argv,
                        int *result)
{
    int status =
        par->rank == 0 ? cf_options_parse(o, argc, argv, result) : CF_OK;
    status = cf_agree(par, status);
    cf_bcast(par, o, sizeof *o, 0);
    cf_bcast(par, result, sizeof *result, 0);
    return status;
}

static int run_command(const cf_par *par, const cf_options *o)
{
    int status;
    bool first = par->rank == 0;
    cf_report report = {0};
    cf_log_setup(first, o->quiet     ? CF_LOG_QUIET
                        : o->verbose ? CF_LOG_VERBOSE
                                     : CF_LOG_NORMAL);
    cf_progress_setup(first && !o->quiet, (enum cf_progress_mode)o->progress);
    cf_memory_limit(o->memory_limit);
    cf_environment_threads(par, (int)o->threads);
    status = cf_report_open(&report, par, o);
    if (status == CF_OK)
        status = cf_commands[o->command].run(par, o, &report);
    /* A result that fell short of something is a result. */
    if (status == CF_OK || status == CF_TOLERANCE || status == CF_DIFFERENT) {
        int reported = cf_report_finish(&report, par, o);
        status = status != CF_OK ? status : reported;
    }
    cf_report_close(&report, par);
    cf_log_detail("arrays of rank 0: %.1f MiB at most, %" PRId64
                  " bytes not freed",
                  (double)cf_memory_peak() / 0x1p20, cf_memory_now());
    return status;
}

int main(int argc, char **argv)
{
    static cf_options options;
    int result = CF_PARSE_RUN, provided;
    cf_par par;
    if (cf_options_print_help(argc, argv))
        return CF_OK;
    cf_environment_prepare(argv);
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
    cf_par_init(&par, MPI_COMM_WORLD);
    cf_environment_note_base();
    cf_log_setup(par.rank == 0, CF_LOG_NORMAL);

    int status = read_options(&options, &par, argc, argv, &result);
    if (provided >= MPI_THREAD_FUNNELED)
        par.threads = (int)CF_MAX(options.threads, 1);
    if (status == CF_OK && result == CF_PARSE_RUN)
        status = run_command(&par, &options);
    if (status != CF_OK && cf_error_message()[0] != '\0')
        cf_log_error(cf_error_message());
    MPI_Barrier(par.comm);
    MPI_Finalize();
    return status;
}
