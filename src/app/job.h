/* What the main job holds between its steps. */
#ifndef CFMPI_JOB_H
#define CFMPI_JOB_H

#include "cfmpi/layout.h"
#include "cfmpi/options.h"
#include "cfmpi/ratings_neighbors.h"
#include "cfmpi/recommend.h"
#include "cfmpi/transform.h"
#include "cfmpi/vectors.h"
#include "queries.h"
#include "report.h"

enum cf_step {
    CF_STEP_INGEST,
    CF_STEP_SVD,
    CF_STEP_NEIGHBORS,
    CF_STEP_RECOMMEND
};

/* How many rows a similarity can say little of. */
typedef struct cf_oddities {
    int64_t zeros;    /* vectors of zeros, by cosine */
    int64_t empty;    /* rows without ratings */
    int64_t constant; /* rows of equal ratings, where only differences count */
} cf_oddities;
/* Own rows of an even split that a file names, ascending; row is NULL where
 * there is none. */
typedef struct cf_rows_named {
    cf_gidx *row;
    int64_t count;
} cf_rows_named;

typedef struct cf_job {
    const cf_par *par;
    const cf_options *o;
    cf_options *bent; /* what `o` is then: options that the input has set */
    cf_report *report;
    bool from_file; /* the input is one of our files */
    cf_h5 file;
    bool from_vectors; /* the input is dense vectors: no ratings at all */
    cf_vectors_source source;
    cf_vectors vectors;       /* until the neighbours take them */
    enum cf_step first, last; /* steps to do */
    bool bounded;             /* neighbours must reach ... */
    float bound;
    bool join;     /* all pairs that do, no lists */
    cf_text input; /* JSON: what was read, once it was */
    cf_tables tables;
    cf_csr ratings;
    cf_gidx learners; /* users with ratings, where only these count; or 0 */
    cf_transform transform; /* of the ratings before the embedding */
    cf_embedding embedding;
    cf_neighbors user_neighbors, item_neighbors;
    cf_neighbors user_rated, item_rated; /* on the ratings, beside these */
    cf_overlap user_overlap, item_overlap;
    cf_oddities user_oddities, item_oddities, query_oddities;
    cf_queries queries;              /* lists in place of these */
    cf_graph user_graph, item_graph; /* where they are asked for */
    cf_rows_named only;              /* users to recommend for */
    cf_rows_named allow, exclude;    /* items that may be, may not be */
    cf_recommendations recommendations;
    bool short_of_tol;
} cf_job;

/* Reads the ratings of all inputs into job->tables and job->ratings: files,
 * rules for single ratings, duplicates, rules for users and items, titles.
 * Errors, agreed. Collective. */
int cf_job_ingest(cf_job *job);

/* Reads the ratings and ids of a result file, which is open. Errors, agreed.
 * Collective. */
int cf_job_load(cf_job *job);

/* Reads its embedding, and how the ratings were weighted for it, into
 * job->embedding and job->transform. Errors, agreed. Collective. */
int cf_job_load_embedding(cf_job *job);

/* The ratings as they are decomposed or compared, by job->transform; what is
 * not shared with job->ratings is `own`, to be freed, or NULL. Errors, agreed.
 * Collective. */
int cf_job_transform(cf_job *job, cf_csr *matrix, float **own);

/* values [own entries of a] = its ratings weighted and centred by `t`; `what`
 * has them. CF_BAD_DATA, agreed, where the weighting is not defined or they are
 * beyond float32. Collective. */
int cf_job_weigh(const cf_par *par, const cf_transform *t, const cf_csr *a,
                 float *values, const char *what);

/* Makes job->embedding from job->ratings, and its certificate: weights and
 * means, the number of dimensions, an earlier result to start from. Errors,
 * agreed. Collective. */
int cf_job_embed(cf_job *job);

/* Own rows of one side for the ring, evenly split, of job->embedding or of the
 * input file; the caller frees part and rows. Errors, agreed. Collective. */
int cf_job_embedding_rows(cf_job *job, const char *side, bool items,
                          cf_part *part, float **rows, int *dim);

/* Whether the neighbours that are asked for can be: CF_USAGE. Local. */
int cf_job_check_similarity(const cf_job *job);

/* Whether what is asked for is made from the embedding, and from the ratings
 * themselves. Local. */
bool cf_job_embeds(const cf_job *job);
bool cf_job_compares_ratings(const cf_job *job);

/* Reads the ratings of --queries into job->queries, and finds out where their
 * items, and with `items` their users, stand in the base. CF_BAD_DATA where it
 * knows none of the columns; errors, agreed. Collective; 8 bytes for each of
 * these on each rank. */
int cf_job_read_asked(cf_job *job, bool items);

/* Takes them as rows to compare: weighted as those of the base, which has been
 * done before, in columns that begin with those of the base. CF_BAD_DATA,
 * agreed. Collective. */
int cf_job_asked_rows(cf_job *job, cf_csr *rows, bool items);

/* Whether the options that say something of ratings only are left out; whether
 * those that are given say something about this similarity of ratings:
 * CF_USAGE. Local. */
int cf_job_check_dense(const cf_job *job);
int cf_job_check_measure(const cf_options *o);

/* How ratings are compared. Local. */
cf_ratings_measure cf_job_measure(const cf_job *job);

/* "LO:HI", of which either may be missing; not `given` where empty. CF_USAGE.
 * Local. */
int cf_job_read_range(const char *option, const char *value, double range[2],
                      bool *given);

/* Neighbours by the ratings in job->ratings, weighted as the options say, or
 * as those were that the embedding of the input file was made of; and the
 * graph of their lists where one is asked for, if `graph` is not NULL.
 * Errors, agreed. Collective. */
int cf_job_compare_ratings(cf_job *job, bool items, cf_neighbors *out,
                           cf_graph *graph);

/* Adds what lists on the ratings are by, as attributes. Local, all ranks alike.
 */
void cf_job_add_measures(const cf_job *job, cf_writer *w);

/* Count rows of zeros, and rows of ratings (users, or items) without or of
 * equal ones, and say so. Collective. */
void cf_job_count_zeros(cf_job *job, const cf_points *points, int dim,
                        cf_oddities *of);
void cf_job_count_flat(cf_job *job, const cf_csr *rows, bool items);

/* Adds what they have found, as attributes. Local, all ranks alike. */
void cf_job_add_oddities(const cf_job *job, cf_writer *w);

/* Compares the lists of a side on the embedding with those on the ratings,
 * which have been made. Collective. */
void cf_job_find_overlap(cf_job *job, bool items);

/* Adds the lists on the ratings that stand beside those on the embedding, and
 * how far they agree; and what the input file has of both and still holds:
 * CF_BAD_DATA. Local, all ranks alike. */
int cf_job_add_both(const cf_job *job, cf_writer *w);
int cf_job_carry_both(const cf_job *job, cf_writer *w);

/* Prints how far they agree. Local. */
void cf_job_print_overlap(const cf_job *job);

/* Recommendations weigh ratings by the scores of `group`, lists in the input
 * file: CF_USAGE when these are distances, CF_BAD_DATA. Local. */
int cf_job_check_weights(const cf_job *job, const char *group);

/* Finds out whether the input is dense vectors, whether they can be used in
 * this way, and whether they say by what similarity. CF_USAGE, agreed.
 * Collective. */
int cf_job_find_vectors(cf_job *job);

/* Reads them into job->vectors, and what is told about the input into
 * job->input. Errors, agreed. Collective. */
int cf_job_read_vectors(cf_job *job);

/* Adds /users/id, the numbers of the vectors. Local, all ranks alike. */
void cf_job_add_numbers(const cf_job *job, cf_writer *w);

/* Sets what scores must reach, once the similarity is known. CF_USAGE. Local.
 */
int cf_job_find_bound(cf_job *job);

/* Finds neighbours as the options say, and makes the graph that they ask for,
 * if they do; `rows` and `what` as for cf_neighbors_find. Errors, agreed.
 * Collective. */
int cf_job_find_neighbors(const cf_job *job, const cf_part *part, float *rows,
                          int dim, const char *what, cf_neighbors *out,
                          cf_graph *graph);

/* Adds the graphs, and those of the input file that still fit its lists:
 * CF_BAD_DATA. Local, all ranks alike. */
void cf_job_add_graphs(const cf_job *job, cf_writer *w);
int cf_job_carry_graphs(const cf_job *job, cf_writer *w);

/* Attributes that every output file has on "/". Local. */
void cf_job_add_root(cf_writer *w, const cf_options *o, const char *command);

/* Safe on {0} and twice. Local. */
void cf_job_free(cf_job *job);

#endif
