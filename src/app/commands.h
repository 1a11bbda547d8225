/* The commands: one row and one function each. */
#ifndef CFMPI_COMMANDS_H
#define CFMPI_COMMANDS_H

#include "cfmpi/options.h"
#include "report.h"

/* Those of the main job come first. */
enum cf_command {
    CF_CMD_RUN,
    CF_CMD_INGEST,
    CF_CMD_SVD,
    CF_CMD_NEIGHBORS,
    CF_CMD_RECOMMEND,
    CF_CMD_PREDICT,
    CF_CMD_QUERY,
    CF_CMD_EXPLAIN,
    CF_CMD_EVALUATE,
    CF_CMD_SYNTH,
    CF_CMD_INFO,
    CF_CMD_VERIFY,
    CF_CMD_EXPORT,
    CF_CMD_COUNT
};

/* Runs a command on all ranks; the status is agreed and the message kept.
 * Stages go into the report. Collective. */
typedef int cf_command_fn(const cf_par *par, const cf_options *o,
                          cf_report *report);

typedef struct cf_command_row {
    const char *name;
    const char *arguments; /* after the name, in the usage line */
    const char *help;
    bool needs_input, many_inputs, needs_output;
    cf_command_fn *run;
} cf_command_row;

extern const cf_command_row cf_commands[CF_CMD_COUNT];

cf_command_fn cf_cmd_run, cf_cmd_predict, cf_cmd_query, cf_cmd_explain,
    cf_cmd_evaluate, cf_cmd_synth, cf_cmd_info, cf_cmd_verify, cf_cmd_export;

#endif
