/* How near two rows are: the one list of similarities, of embeddings, vectors
 * and ratings. */
#ifndef CFMPI_SIMILARITY_H
#define CFMPI_SIMILARITY_H

#include <stdbool.h>
#include <stdint.h>

enum cf_similarity {
    CF_COSINE,
    CF_DOT, /* product */
    CF_EUCLIDEAN /* distance: the smaller the better */,
    /* Of ratings only. */
    CF_CENTERED_COSINE,
    CF_ADJUSTED_COSINE,
    CF_ASYMMETRIC_COSINE,
    CF_PEARSON,
    CF_PEARSON_BASELINE,
    CF_MSD,
    CF_JACCARD,
    CF_DICE,
    CF_TVERSKY,
    CF_P3ALPHA,
    CF_RP3BETA,
    CF_SIMILARITIES /* how many there are */
};

/* What can be set for it. */
enum cf_similarity_takes {
    CF_TAKES_SHRINKAGE = 1,
    CF_TAKES_ALPHA = 2,
    CF_TAKES_BETA = 4,
    CF_TAKES_SIGNIFICANCE = 8
};

/* What is told about one. */
typedef struct cf_similarity_text {
    const char *name;    /* as options and files have it */
    const char *score;   /* what a stored score is */
    const char *units;   /* NULL for none */
    const char *heading; /* of a list on the terminal */
    int takes;           /* of ratings: some of enum cf_similarity_takes */
} cf_similarity_text;

/* Local. */
const cf_similarity_text *cf_similarity_about(enum cf_similarity by);

/* The similarity of that name, -1 where there is none. Local. */
int cf_similarity_find(const char *name);

/* Whether rows other than those of ratings can be compared by it. Local. */
bool cf_similarity_of_vectors(enum cf_similarity by);

/* Whether what one row is to another may not be what that is to it. Local. */
bool cf_similarity_directed(enum cf_similarity by);

#endif
