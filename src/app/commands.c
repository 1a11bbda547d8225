#include "commands.h"

/* The five commands of the main job are one pipeline that ends earlier or
 * later, so they share a function. */
const cf_command_row cf_commands[CF_CMD_COUNT] = {
    [CF_CMD_RUN] = {"run", "RATINGS… -o OUT.h5",
                    "the main job: embedding, neighbours, recommendations",
                    true, true, true, cf_cmd_run},
    [CF_CMD_INGEST] =
        {"ingest", "RATINGS… -o OUT.h5",
         "ratings of any kind to a matrix file that every command accepts",
         true, true, true, cf_cmd_run},
    [CF_CMD_SVD] = {"svd", "RATINGS… -o OUT.h5",
                    "the embedding by a truncated SVD", true, true, true,
                    cf_cmd_run},
    [CF_CMD_NEIGHBORS] = {"neighbors", "RATINGS…|RESULT.h5|VECTORS -o OUT.h5",
                          "the nearest neighbours of every row", true, true,
                          true, cf_cmd_run},
    [CF_CMD_RECOMMEND] = {"recommend", "RESULT.h5 -o OUT.h5",
                          "the best unseen items of every user", true, false,
                          true, cf_cmd_run},
    [CF_CMD_PREDICT] = {"predict", "RESULT.h5|RATINGS… --pairs PAIRS.csv",
                        "the predicted rating of each user,item pair", true,
                        true, false, cf_cmd_predict},
    [CF_CMD_SYNTH] = {"synth",
                      "--users N --items M --ratings Z|--vectors N -o OUT",
                      "ratings or vectors of a known structure", false, false,
                      true, cf_cmd_synth},
    [CF_CMD_INFO] = {"info", "RESULT.h5", "what is in a file, in short", true,
                     false, false, cf_cmd_info},
    [CF_CMD_VERIFY] = {"verify", "RESULT.h5",
                       "whether a file is whole and right", true, false, false,
                       cf_cmd_verify},
    [CF_CMD_EXPORT] = {"export", "RESULT.h5 --part NAME",
                       "CSV or TSV of a part of a file", true, false, false,
                       cf_cmd_export},
};
