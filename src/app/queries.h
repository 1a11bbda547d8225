/* Rows whose neighbours are wanted, in place of those of all rows: those of a
 * file (--queries), or some of the rows themselves (--only). */
#ifndef CFMPI_QUERIES_H
#define CFMPI_QUERIES_H

#include "cfmpi/idmap.h"
#include "cfmpi/layout.h"
#include "cfmpi/neighbors.h"
#include "cfmpi/options.h"
#include "cfmpi/vectors.h"

/* Ratings that ask. */
typedef struct cf_asked {
    cf_csr ratings;         /* users x items of their file */
    cf_gidx *users, *items; /* where these stand in the base; those that it has
                               not come behind. users: only for --side=items */
} cf_asked;

typedef struct cf_queries {
    bool others, some; /* --queries, --only; neither: {0} */
    cf_ids ids;        /* of own ones, over the ranks in ascending order */
    cf_text source;    /* JSON: what they were read from */

    cf_vectors vectors; /* others: until their neighbours are found */
    float *kept;        /* the same as they were read, for the result */

    cf_asked asked; /* others, by their ratings: the same */

    cf_gidx *chosen; /* some: [count] own rows of an even split */
    int64_t count;

    bool bounded; /* their neighbours must reach ... */
    float bound;
    bool join; /* all that do, no lists */

    cf_gidx base;       /* rows that neighbours are looked for among */
    cf_neighbors found; /* own lists */
    cf_graph graph;     /* or rows: base rows that reach a bound */
} cf_queries;

/* Which of the two the options ask for. CF_USAGE. Local. */
int cf_queries_begin(cf_queries *q, const cf_options *o);

/* Reads the rows of --queries: vectors, or the embedding of a result file,
 * items where `items`. Errors, agreed, CF_USAGE where the file is the output.
 * Collective. */
int cf_queries_read(cf_queries *q, const cf_par *par, const cf_options *o,
                    bool items);

/* Finds the rows of --only among `rows` with these ids, or without ids where
 * `map` is NULL; `whose` calls them in messages. Errors, agreed. Collective. */
int cf_queries_choose(cf_queries *q, const cf_par *par, const cf_options *o,
                      const cf_idmap *map, cf_gidx rows, const char *whose);

/* Their neighbours among the rows of `base`, into q->found. With `keep` the
 * vectors stay for the result. CF_BAD_DATA, agreed. Collective. */
int cf_queries_find(cf_queries *q, const cf_par *par, const cf_options *o,
                    const cf_points *base, int dim, bool keep);

/* Adds /queries and, where there are lists, /neighbors/queries; `space` says
 * what the lists are on, `side` whose rows they name. Collective. */
void cf_queries_add(const cf_queries *q, cf_writer *w, const char *space,
                    const char *side, enum cf_similarity by);

/* Safe on {0} and twice. Local. */
void cf_queries_free(cf_queries *q);

#endif
