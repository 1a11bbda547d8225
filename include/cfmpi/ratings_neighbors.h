/* Exact nearest neighbours by the ratings themselves.
 *
 * Of two rows x and y, users or items, with ratings x_c and y_c in their
 * columns; I are the columns that both rated, n = |I|, sums over I are taken in
 * float64 in ascending order of the columns; |x| is the length over all own
 * ratings, N(x) their count. A stored zero is a rating.
 *
 *   cosine             Σxy / (|x||y| + h)
 *   dot                Σxy
 *   euclidean          the distance √(|x|² + |y|² − 2Σxy), not rated being 0
 *   centered-cosine    cosine of what is left less the row's own mean
 *   adjusted-cosine    cosine of what is left less the user's mean
 *   asymmetric-cosine  Σxy / ((|x|²)^α (|y|²)^(1−α) + h)
 *   pearson            Pearson's correlation over I, times (n−1)/(n−1+h); 0 for
 *                      n < 2. What varies over I by less than 2^-40 of its
 *                      squares is constant.
 *   pearson-baseline   cosine over I of what is left less the baseline (model:
 *                      baseline), times (n−1)/(n−1+h)
 *   msd                1 / (1 + Σ(x−y)²/n)
 *   jaccard            n / (N(x) + N(y) − n)
 *   dice               2n / (N(x) + N(y))
 *   tversky            n / (n + α (N(x)−n) + β (N(y)−n))
 *   p3alpha            N(x)^−α Σ (y_c / sum of column c)^α
 *   rp3beta            the same times N(y)^−β
 *
 * with h the shrinkage. A quotient whose divisor is 0 is 0. All but distances
 * are multiplied by min(n, s)/s with a significance of s > 0. What is stored
 * and ranked is the float32 rounding.
 *
 * Who is a neighbour: rows that share at least one column, or `min_overlap`,
 * whatever their score is; for distances with a min_overlap of 1 all others.
 * So a list may be shorter than k, and its count says so.
 *
 * References: Herlocker, Konstan, Riedl: An empirical analysis of design
 * choices in neighborhood-based collaborative filtering. Inf. Retr. 5, 2002
 * (pearson, significance). Sarwar et al.: Item-based collaborative filtering.
 * WWW 2001 (adjusted cosine). Koren: Factor in the neighbors. TKDD 4, 2010
 * (baseline). Aiolli: Efficient top-N recommendation for very large scale
 * binary rated datasets. RecSys 2013 (asymmetric). Tversky: Features of
 * similarity. Psychol. Rev. 84, 1977. Cooper et al.: Random walks in
 * recommender systems. WWW 2014 (p3alpha). Paudel et al.: Updatable, accurate,
 * diverse, and scalable recommendations. TiiS 7, 2017 (rp3beta). */
#ifndef CFMPI_RATINGS_NEIGHBORS_H
#define CFMPI_RATINGS_NEIGHBORS_H

#include "cfmpi/csr.h"
#include "cfmpi/neighbors.h"
#include "cfmpi/similarity.h"

typedef struct cf_ratings_measure {
    enum cf_similarity similarity;
    int64_t min_overlap;  /* fewest columns in common, at least 1 */
    int64_t significance; /* s, 0 for none */
    double shrinkage;     /* h */
    double alpha, beta;   /* from 0 on; those of asymmetric-cosine up to 1 */
    bool bounded;         /* scores must reach ... */
    float bound;          /* this: be no smaller, distances no larger */
} cf_ratings_measure;

/* Ratings to be compared, by users unless `of_items`. `columns` is the
 * transpose of `rows`; NULL will do where cf_ratings_needs_columns() is
 * false. */
typedef struct cf_compared {
    const cf_csr *rows, *columns;
    bool of_items;
    const char *what; /* where they are from, in messages */
    cf_csr *spent;    /* one of the two, which is freed when it has been read;
                         or NULL */
} cf_compared;

/* The `k` rows most similar to each row. Where a score must reach a bound,
 * lists end there, and gap and ties are about these rows only. The lists are
 * evenly split, and the same for any number of ranks. out->skipped are pairs
 * whose score was not computed. CF_BAD_DATA, agreed, when ratings are not
 * finite, beyond float32 or below 0 where that has no meaning; compared->what
 * names them. Collective. Cost, traffic and memory: src/neighbors/ratings.c. */
int cf_ratings_neighbors(cf_neighbors *out, const cf_par *par,
                         const cf_compared *compared, int64_t k,
                         const cf_ratings_measure *measure);

/* Bytes that cf_ratings_neighbors will allocate on a rank beyond those that are
 * there, in the mean over ranks; as in the header of src/neighbors/ratings.c.
 * Collective; reads the ratings, and is 8 bytes a column and 1 a rating while
 * it does. */
int64_t cf_ratings_needs(const cf_par *par, const cf_compared *compared,
                         int64_t k, const cf_ratings_measure *measure);

/* All pairs of rows whose score reaches measure->bound, as a graph; `out` gets
 * no lists. What is not the same either way, cf_similarity_directed(), stands
 * in the row that it would be in the list of: such a graph is not symmetric.
 * Cost and memory as above, and where it was found 20 bytes a pair, or 40 of
 * one that is not the same either way; ends the job when that is more than
 * there is. */
int cf_ratings_join(cf_neighbors *out, cf_graph *graph, const cf_par *par,
                    const cf_compared *compared,
                    const cf_ratings_measure *measure);

/* As cf_ratings_neighbors, but only the lists of some rows: `chosen` are
 * `count` rows, in ascending order over the ranks without repeats, of those
 * that an even split gives this rank. List i is that of row chosen[i];
 * out->part counts lists. With `graph` there are no lists, but all that reach
 * measure->bound: row i of the graph is what list i would be, without an end.
 * Collective. Cost, traffic and memory: src/neighbors/ratings_query.c. */
int cf_ratings_some(cf_neighbors *out, cf_graph *graph, const cf_par *par,
                    const cf_compared *base, const cf_gidx *chosen,
                    int64_t count, int64_t k,
                    const cf_ratings_measure *measure);

/* The `k` rows of `base` most similar to each row of `queries`, which are other
 * rows: lists, or rows of the graph, are those of an even split of the queries
 * and name base rows. The columns of the base are the first of those of the
 * queries. Ratings in other columns count in a row's own length, mean and
 * number of ratings, and are shared with nobody. What is known of columns,
 * their sums, means and biases, is known from the base (cf_stand_in_others). */
int cf_ratings_query(cf_neighbors *out, cf_graph *graph, const cf_par *par,
                     const cf_compared *base, const cf_compared *queries,
                     int64_t k, const cf_ratings_measure *measure);

/* Scores by plain sums, to check lists with. */
typedef struct cf_ratings_plain {
    const cf_csr *rows;
    cf_ratings_measure measure;
    double *value; /* [own entries] what stands for the ratings */
    double *p, *q; /* [own rows] what is known of them */
} cf_ratings_plain;

/* Arguments and errors as cf_ratings_neighbors; the matrices stay in use.
 * Collective. */
int cf_ratings_plain_begin(cf_ratings_plain *r, const cf_par *par,
                           const cf_csr *rows, const cf_csr *columns,
                           bool of_items, const cf_ratings_measure *measure,
                           const char *what);

/* score [own rows] = what these are to `row`, in its list; NaN where they are
 * no neighbours, and itself. Collective. Cost: src/neighbors/plain.c. */
void cf_ratings_plain_scores(const cf_ratings_plain *r, const cf_par *par,
                             cf_gidx row, float *score);

/* Safe on {0} and twice. Local. */
void cf_ratings_plain_free(cf_ratings_plain *r);

/* Local. */
bool cf_ratings_needs_columns(enum cf_similarity similarity, bool of_items);

#endif
