/* Everything a user can set. One table (src/app/option_table.c) drives the
 * command line, the configuration file, --help, --print-config and the echo in
 * the output file. */
#ifndef CFMPI_OPTIONS_H
#define CFMPI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "cfmpi/context.h"
#include "cfmpi/text.h"

enum cf_side { CF_SIDE_USERS = 1, CF_SIDE_ITEMS = 2, CF_SIDE_BOTH = 3 };

/* What neighbours are near in. */
enum cf_space { CF_SPACE_EMBEDDING, CF_SPACE_RATINGS, CF_SPACE_BOTH };

/* What evaluate measures: predictions, top-N lists. */
enum cf_measure { CF_MEASURE_BOTH, CF_MEASURE_ERRORS, CF_MEASURE_LISTS };

/* What export writes. */
enum cf_part_name {
    CF_PART_RECOMMENDATIONS,
    CF_PART_NEIGHBORS,
    CF_PART_NEIGHBORS_ITEMS,
    CF_PART_NEIGHBORS_QUERIES,
    CF_PART_USERS,
    CF_PART_ITEMS,
    CF_PART_RATINGS,
    CF_PART_EMBEDDING,
    CF_PART_EMBEDDING_ITEMS,
    CF_PART_SINGULAR_VALUES,
    CF_PART_GRAPH,
    CF_PART_GRAPH_ITEMS,
    CF_PART_NEIGHBORS_RATINGS,
    CF_PART_NEIGHBORS_RATINGS_ITEMS,
    CF_PART_OVERLAP,
    CF_PART_OVERLAP_ITEMS,
    CF_PART_GRAPH_QUERIES,
    CF_PART_RECOMMENDATIONS_QUERIES
};

#define CF_INPUTS_MAX 65536
#define CF_OPTIONS_MAX 128 /* rows of the option table at most */

/* Plain data, so that rank 0 can broadcast it as it is. A string that was
 * not given is empty. */
typedef struct cf_options {
    int command;                /* a row of the command table */
    bool given[CF_OPTIONS_MAX]; /* by row of the option table: it stood on the
                                   command line */
    char input[CF_PATH_MAX];    /* the first one */
    char inputs[CF_INPUTS_MAX]; /* all of them, one a line */

    char output[CF_PATH_MAX];
    char report[CF_PATH_MAX];
    bool force;
    int64_t progress; /* enum cf_progress_mode */
    int64_t threads;
    int64_t seed;
    int64_t memory_limit; /* bytes a rank, 0 none */
    bool quiet, verbose;

    int64_t format; /* enum cf_ratings_format */
    char titles[CF_PATH_MAX];
    int64_t duplicates; /* enum cf_duplicates */
    int64_t on_bad_row; /* enum cf_bad_row */
    char columns[CF_PATH_MAX];
    char missing[CF_PATH_MAX];
    char scale[CF_PATH_MAX];        /* "LO:HI" */
    char rating_range[CF_PATH_MAX]; /* "LO:HI" */
    char time_range[CF_PATH_MAX];   /* "FROM:TO" */
    char binarize[CF_PATH_MAX];
    bool keep_time;
    int64_t min_user_ratings, min_item_ratings;

    int64_t dim;
    bool dim_given; /* too large is then an error, not a note */
    double tol;
    int64_t max_passes;
    int64_t svd;                 /* enum cf_svd_method */
    int64_t weighting, centring; /* enum cf_weighting, cf_centring */
    int64_t embedding;           /* enum cf_embedding_scale */
    double variance;             /* share to explain, 0 where dim decides */
    char start[CF_PATH_MAX];

    int64_t neighbors;
    bool neighbors_given; /* else a bound may take its place */
    char min_similarity[CF_PATH_MAX];
    char max_distance[CF_PATH_MAX];
    int64_t side;          /* enum cf_side */
    int64_t similarity;    /* enum cf_similarity */
    bool similarity_given; /* else a benchmark's vectors may decide */
    char queries[CF_PATH_MAX], only[CF_PATH_MAX];
    int64_t graph;                     /* enum cf_graph_form */
    int64_t space;                     /* enum cf_space */
    bool space_given;                  /* else rules go by the ratings */
    int64_t min_overlap, significance; /* of ratings: cf_ratings_measure */
    double shrinkage, alpha, beta;
    bool shrinkage_given; /* else the similarity's own */
    int64_t top;
    int64_t score; /* enum cf_score */
    double baseline_weight;
    int64_t min_popularity;
    char allow[CF_PATH_MAX], exclude[CF_PATH_MAX];
    bool fill;

    int64_t rule;     /* enum cf_rule */
    int64_t fallback; /* enum cf_fallback */
    int64_t min_neighbors;
    char clip[CF_PATH_MAX]; /* "none", "ratings", "LO:HI" */
    int64_t sweeps;         /* of a baseline: cf_baseline_options */
    double lambda_users, lambda_items;

    char pairs[CF_PATH_MAX];
    char new_ratings[CF_PATH_MAX];
    char exclude_user[CF_PATH_MAX];         /* an id */
    int64_t users, items, ratings, vectors; /* sizes for synth */
    char holdout[CF_PATH_MAX];
    double holdout_share;
    char user[CF_PATH_MAX]; /* ids, comma-separated, for info; one to explain */
    char item[CF_PATH_MAX];
    int64_t sample; /* rows that verify recomputes */
    int64_t part;   /* enum cf_part_name */

    int64_t measure; /* enum cf_measure */
    int64_t split;   /* enum cf_split_rule */
    double test_share;
    int64_t folds, leave;
    char cut[CF_PATH_MAX]; /* a time */
    char test[CF_PATH_MAX];
    bool allow_leak;
    char at[CF_PATH_MAX]; /* sizes of lists, comma-separated */
    double relevant;
    char by[CF_PATH_MAX];   /* a metric */
    char grid[CF_PATH_MAX]; /* "name=value,value name=value,value" */
} cf_options;

/* What the caller should do after parsing. */
enum cf_parse_result { CF_PARSE_RUN, CF_PARSE_EXIT };

/* True when the arguments only ask for help or the version, which is then
 * printed; needs no MPI. Rank 0. */
bool cf_options_print_help(int argc, char **argv);

/* Reads configuration file and command line into `o`. CF_PARSE_EXIT in
 * `result` after --print-config. Errors: CF_USAGE, CF_NO_INPUT. Rank 0. */
int cf_options_parse(cf_options *o, int argc, char **argv, int *result);

/* Whether an option (its long name) stood on the command line. Local. */
bool cf_options_given(const cf_options *o, const char *name);

/* The first of some options that did, or NULL. Local. */
const char *cf_options_any(const cf_options *o, const char *const *names,
                           size_t count);

/* Every option of the command as one JSON object. Local. */
void cf_options_json(const cf_options *o, cf_text *out);

#endif
