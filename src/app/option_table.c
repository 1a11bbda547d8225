#include "option_table.h"

#include <stdio.h>
#include <string.h>

#include "cfmpi/scan.h"
#include "commands.h"

#define AT(field) offsetof(cf_options, field)
#define BIT(command) (1u << CF_CMD_##command)

enum {
    ALL = (1u << CF_CMD_COUNT) - 1,
    HAS_SVD = BIT(RUN) | BIT(SVD) | BIT(NEIGHBORS) | BIT(EVALUATE),
    MAKES_RESULT = BIT(RUN) | BIT(INGEST) | BIT(SVD) | BIT(NEIGHBORS),
    TEXT_INPUT = MAKES_RESULT | BIT(PREDICT) | BIT(EVALUATE),
    READS_TEXT = TEXT_INPUT | BIT(QUERY),
    HAS_NEIGHBORS = BIT(RUN) | BIT(NEIGHBORS),
    HAS_RULE = BIT(PREDICT) | BIT(EXPLAIN) | BIT(EVALUATE),
    COMPARES = HAS_NEIGHBORS | HAS_RULE,
    HAS_TOP = BIT(RUN) | BIT(RECOMMEND) | BIT(QUERY),
    SCORES = HAS_TOP | BIT(EVALUATE),
    HAS_SCORE = SCORES | BIT(EXPLAIN)
};

/* clang-format off */
const cf_option cf_option_table[] = {
    {"output", 'o', CF_OPT_PATH, AT(output), ALL, NULL, 0, 0, {0}, "FILE",
     "where the result goes"},
    {"force", 0, CF_OPT_FLAG, AT(force), ALL, NULL, 0, 0, {0}, NULL,
     "replace an existing output"},
    {"format", 0, CF_OPT_CHOICE, AT(format), READS_TEXT, "auto", 0, 0,
     {"auto", "csv", "tsv", "dat", "mtx", "dense", "npz", "h5ad"}, "FORMAT",
     "what the ratings are: text between commas, semicolons or bars, tabs, "
     "`::`; Matrix Market; a row a user and a column an item; SciPy; AnnData"},
    {"columns", 0, CF_OPT_PATH, AT(columns), READS_TEXT, NULL, 0, 0, {0},
     "LIST", "where ratings stand: user=2,item=1,rating=3,time=4, by place or "
     "by name in the header; rating=none for events without ratings"},
    {"missing", 0, CF_OPT_PATH, AT(missing), READS_TEXT, NULL, 0, 0, {0}, "X",
     "value that stands for no rating in a dense block (99 in Jester's)"},
    {"titles", 0, CF_OPT_PATH, AT(titles), MAKES_RESULT | BIT(SYNTH), NULL, 0,
     0, {0}, "FILE", "titles of the items (movies.csv, movies.dat)"},
    {"duplicates", 0, CF_OPT_CHOICE, AT(duplicates), READS_TEXT, "error", 0,
     0, {"error", "last", "first", "mean", "sum"}, "RULE",
     "what to do when a user rated an item twice"},
    {"on-bad-row", 0, CF_OPT_CHOICE, AT(on_bad_row), READS_TEXT, "stop", 0, 0,
     {"stop", "skip"}, "RULE", "stop at a bad row, or skip and count it"},
    {"scale", 0, CF_OPT_PATH, AT(scale), READS_TEXT, NULL, 0, 0, {0}, "LO:HI",
     "a rating outside is a bad row"},
    {"rating-range", 0, CF_OPT_PATH, AT(rating_range), READS_TEXT, NULL, 0, 0,
     {0}, "LO:HI", "leave ratings outside out"},
    {"time-range", 0, CF_OPT_PATH, AT(time_range), READS_TEXT, NULL, 0, 0, {0},
     "FROM:TO", "leave ratings of other times out; seconds since 1970 or dates "
     "such as 2015-03-31"},
    {"binarize", 0, CF_OPT_PATH, AT(binarize), READS_TEXT, NULL, 0, 0, {0},
     "X", "ratings of X and above become 1, those below are left out"},
    {"min-user-ratings", 0, CF_OPT_INTEGER, AT(min_user_ratings), TEXT_INPUT,
     "0", 0, 1e12, {0}, "N", "leave users with fewer ratings out"},
    {"min-item-ratings", 0, CF_OPT_INTEGER, AT(min_item_ratings), TEXT_INPUT,
     "0", 0, 1e12, {0}, "N", "leave items with fewer ratings out; with users, "
     "until neither changes"},
    {"keep-time", 0, CF_OPT_FLAG, AT(keep_time), MAKES_RESULT, NULL, 0, 0, {0},
     NULL, "keep the times of the ratings in the result"},
    {"dim", 0, CF_OPT_INTEGER, AT(dim), HAS_SVD | BIT(SYNTH), "128", 1, 1e6,
     {0}, "R", "dimensions of the embedding or the vectors"},
    {"tol", 0, CF_OPT_REAL, AT(tol), HAS_SVD, "1e-3", 1e-15, 1, {0}, "X",
     "largest relative residual of a singular triplet"},
    {"max-passes", 0, CF_OPT_INTEGER, AT(max_passes), HAS_SVD, "500", 1, 1e9,
     {0}, "N", "most passes over the ratings"},
    {"svd", 0, CF_OPT_CHOICE, AT(svd), HAS_SVD, "auto", 0, 0,
     {"auto", "krylov", "gram"}, "METHOD",
     "iterate, or take all eigenvalues of "
     "the Gram matrix, which suits few items or users"},
    {"variance", 0, CF_OPT_REAL, AT(variance), HAS_SVD, "0", 0, 1, {0}, "X",
     "as many dimensions as explain this share of the ratings' squares (0: as "
     "--dim says; else --dim is the most)"},
    {"weighting", 0, CF_OPT_CHOICE, AT(weighting), HAS_SVD, "none", 0, 0,
     {"none", "log", "binary", "tfidf", "bm25"}, "NAME",
     "weights of the ratings that are embedded or compared"},
    {"center", 0, CF_OPT_CHOICE, AT(centring), HAS_SVD, "none", 0, 0,
     {"none", "user", "item", "both"}, "SIDE",
     "subtract the mean ratings of users or items before that"},
    {"embedding", 0, CF_OPT_CHOICE, AT(embedding), HAS_SVD, "us", 0, 0,
     {"us", "u", "us-half"}, "ROWS", "what user rows are: U·Σ, U or U·√Σ"},
    {"start", 0, CF_OPT_PATH, AT(start), HAS_SVD & ~BIT(EVALUATE), NULL, 0, 0,
     {0}, "FILE", "an earlier result to start the embedding from, after new "
     "ratings came"},
    {"neighbors", 'k', CF_OPT_INTEGER, AT(neighbors), COMPARES | BIT(QUERY),
     "50", 1, 1e6, {0}, "K", "neighbours of each row"},
    {"side", 0, CF_OPT_CHOICE, AT(side), HAS_NEIGHBORS, "users", 0, 0,
     {"", "users", "items", "both"}, "SIDE", "whose neighbours"},
    {"similarity", 0, CF_OPT_CHOICE, AT(similarity), COMPARES, "cosine",
     0, 0, {"cosine", "dot", "euclidean", "centered-cosine",
      "adjusted-cosine", "asymmetric-cosine", "pearson", "pearson-baseline",
      "msd", "jaccard", "dice", "tversky", "p3alpha", "rp3beta"}, "NAME",
     "how near two rows are; the first three are for all rows, and a "
     "benchmark's vectors may say it themselves; the others are for ratings, "
     "and mean --space=ratings; rules over the nearest who rated take "
     "centered-cosine unless given"},
    {"queries", 0, CF_OPT_PATH, AT(queries), BIT(NEIGHBORS), NULL, 0, 0, {0},
     "FILE", "neighbours of the rows of FILE among those of the input: vectors "
     "(of a benchmark's HDF5 file its /test) or a result with an embedding"},
    {"only", 0, CF_OPT_PATH, AT(only), BIT(NEIGHBORS) | BIT(RECOMMEND), NULL, 0,
     0, {0}, "FILE",
     "lists of some rows only: FILE has their ids, one a line"},
    {"min-similarity", 0, CF_OPT_PATH, AT(min_similarity), COMPARES, NULL,
     0, 0, {0}, "S", "only neighbours with a score of at least S, by cosine or "
     "dot; without -k all such pairs, as a symmetric sparse matrix"},
    {"max-distance", 0, CF_OPT_PATH, AT(max_distance), BIT(NEIGHBORS), NULL, 0,
     0, {0}, "D", "the same by euclidean distance: those no further than D"},
    {"graph", 0, CF_OPT_CHOICE, AT(graph), HAS_NEIGHBORS, "directed", 0, 0,
     {"directed", "mutual", "union"}, "FORM",
     "beside the lists, store the pairs of which each is in the other's list, "
     "or either is, as a symmetric sparse matrix"},
    {"space", 0, CF_OPT_CHOICE, AT(space), COMPARES, "embedding", 0, 0,
     {"embedding", "ratings", "both"}, "NAME",
     "what is compared: rows of the embedding, or the ratings themselves (by "
     "rules other than mean these, unless given); both says how far the two "
     "agree: overlap@k is the share of a row's k neighbours by ratings that "
     "are among its k by the embedding"},
    {"min-overlap", 0, CF_OPT_INTEGER, AT(min_overlap), COMPARES, "1", 1,
     1e9, {0}, "N", "fewest common ratings of neighbours by ratings"},
    {"significance", 0, CF_OPT_INTEGER, AT(significance), COMPARES, "0",
     0, 1e9, {0}, "N", "weigh the similarity of ratings less where fewer than "
     "N are common"},
    {"shrinkage", 0, CF_OPT_REAL, AT(shrinkage), COMPARES, "0", 0, 1e15,
     {0}, "X", "draw cosines and correlations of few ratings towards 0 "
     "(pearson-baseline: 100 unless given)"},
    {"alpha", 0, CF_OPT_REAL, AT(alpha), COMPARES, "0.5", 0, 10, {0}, "X",
     "of asymmetric-cosine, tversky, p3alpha and rp3beta"},
    {"beta", 0, CF_OPT_REAL, AT(beta), COMPARES, "0.5", 0, 10, {0}, "X",
     "of tversky and rp3beta"},
    {"top", 'n', CF_OPT_INTEGER, AT(top), HAS_TOP, "10", 1, 1e6, {0}, "N",
     "recommended items of each user"},
    {"score", 0, CF_OPT_CHOICE, AT(score), HAS_SCORE, "sum", 0,
     0, {"mean", "sum", "item-sum", "puresvd", "popularity"}, "NAME",
     "how items are scored: mean or sum of the neighbours' ratings, weighted "
     "by similarity; sum over similar items that the user has rated (RP3β "
     "with neighbours by rp3beta); product of the embedding's rows; number of "
     "ratings"},
    {"baseline-weight", 0, CF_OPT_REAL, AT(baseline_weight), HAS_SCORE, "0", 0,
     1e15, {0}, "X", "of --score=mean: count what is usual for user and item "
     "as the rating of one more neighbour, of similarity X"},
    {"min-popularity", 0, CF_OPT_INTEGER, AT(min_popularity), SCORES, "0", 0,
     1e12, {0}, "N", "recommend no item with fewer ratings"},
    {"allow", 0, CF_OPT_PATH, AT(allow), HAS_TOP, NULL, 0, 0, {0}, "FILE",
     "recommend only items of FILE, which has their ids, one a line"},
    {"exclude", 0, CF_OPT_PATH, AT(exclude), HAS_TOP, NULL, 0, 0, {0}, "FILE",
     "recommend none of the items of FILE"},
    {"fill", 0, CF_OPT_FLAG, AT(fill), SCORES, NULL, 0, 0, {0}, NULL,
     "fill up short lists with the most rated items, without a score"},
    {"rule", 0, CF_OPT_CHOICE, AT(rule), HAS_RULE, "item-baseline", 0, 0,
     {"mean", "user-basic", "user-centered", "user-baseline", "user-zscore",
      "item-basic", "item-centered", "item-baseline", "item-zscore",
      "global-mean", "user-mean", "item-mean", "baseline", "svd"}, "NAME",
     "what predicts: the ratings by those in the user's list of neighbours; "
     "over the k nearest users who rated the item, or items that the user "
     "rated, their ratings, or what these are above means or baselines; means "
     "and baselines alone; the embedding"},
    {"min-neighbors", 0, CF_OPT_INTEGER, AT(min_neighbors), HAS_RULE, "1", 1,
     1e6, {0}, "N", "with fewer neighbours who rated the fallback takes over"},
    {"fallback", 0, CF_OPT_CHOICE, AT(fallback), HAS_RULE, "own", 0, 0,
     {"own", "none", "global-mean", "user-mean", "item-mean", "baseline"},
     "NAME", "what stands for a prediction that a rule cannot make; own is the "
     "mean or baseline that the rule starts from"},
    {"clip", 0, CF_OPT_PATH, AT(clip), HAS_RULE, "none", 0, 0, {0}, "LO:HI",
     "bring predictions into this range; `ratings` for that of the ratings"},
    {"sweeps", 0, CF_OPT_INTEGER, AT(sweeps), HAS_RULE, "10", 0, 1e6, {0},
     "N", "over items and users to find a baseline"},
    {"lambda-users", 0, CF_OPT_REAL, AT(lambda_users), HAS_RULE, "15", 0, 1e12,
     {0}, "X", "ratings that draw the baseline of a user to the mean"},
    {"lambda-items", 0, CF_OPT_REAL, AT(lambda_items), HAS_RULE, "10", 0, 1e12,
     {0}, "X", "the same of an item"},
    {"pairs", 0, CF_OPT_PATH, AT(pairs), BIT(PREDICT), NULL, 0, 0, {0},
     "FILE", "CSV of user,item to predict"},
    {"new", 0, CF_OPT_PATH, AT(new_ratings), BIT(QUERY), NULL, 0, 0, {0},
     "FILE", "ratings of the new users, of items that the result knows"},
    {"exclude-user", 0, CF_OPT_PATH, AT(exclude_user), BIT(QUERY), NULL, 0, 0,
     {0}, "ID", "a user of the result who is nobody's neighbour: one who is "
     "given again as new"},
    {"users", 0, CF_OPT_INTEGER, AT(users), BIT(SYNTH), "0", 0, 1e12, {0},
     "N", "users to make"},
    {"items", 0, CF_OPT_INTEGER, AT(items), BIT(SYNTH), "0", 0, 2e9, {0}, "M",
     "items to make"},
    {"ratings", 0, CF_OPT_INTEGER, AT(ratings), BIT(SYNTH), "0", 0, 1e15, {0},
     "Z", "ratings to make, in all"},
    {"vectors", 0, CF_OPT_INTEGER, AT(vectors), BIT(SYNTH), "0", 0, 1e12, {0},
     "N", "vectors to make, in place of ratings, as .npy or .fvecs"},
    {"holdout", 0, CF_OPT_PATH, AT(holdout), BIT(SYNTH), NULL, 0, 0, {0},
     "FILE", "keep some ratings out and write them here"},
    {"holdout-share", 0, CF_OPT_REAL, AT(holdout_share), BIT(SYNTH), "0.1", 0,
     1, {0}, "X", "share of the ratings kept out"},
    {"user", 0, CF_OPT_PATH, AT(user), BIT(INFO) | BIT(EXPLAIN), NULL, 0, 0,
     {0}, "ID[,ID]",
     "show favourites, neighbours and recommendations of these users, an id "
     "with a comma between double quotes; or explain what one is given"},
    {"item", 0, CF_OPT_PATH, AT(item), BIT(EXPLAIN), NULL, 0, 0, {0}, "ID",
     "the item that is explained"},
    {"sample", 0, CF_OPT_INTEGER, AT(sample), BIT(VERIFY), "20", 0, 1e9, {0},
     "N", "users to recompute by brute force"},
    {"part", 0, CF_OPT_CHOICE, AT(part), BIT(EXPORT), "recommendations", 0, 0,
     {"recommendations", "neighbors", "neighbors-items", "neighbors-queries",
      "users", "items", "ratings", "embedding", "embedding-items",
      "singular-values", "graph", "graph-items", "neighbors-ratings",
      "neighbors-ratings-items", "overlap", "overlap-items", "graph-queries",
      "recommendations-queries"},
     "NAME", "what to write; of a graph each pair once"},
    {"split", 0, CF_OPT_CHOICE, AT(split), BIT(EVALUATE), "random", 0, 0,
     {"random", "kfold", "per-user", "leave-last-out", "temporal"}, "RULE",
     "which ratings to test by: a share of all, each in one of several folds, "
     "a share or number of each user's, the last of each user, or those from a "
     "time on"},
    {"test-share", 0, CF_OPT_REAL, AT(test_share), BIT(EVALUATE), "0.2", 1e-9,
     0.999999999, {0}, "X", "share of the ratings to test by"},
    {"folds", 0, CF_OPT_INTEGER, AT(folds), BIT(EVALUATE), "5", 2, 1000, {0},
     "N", "test sets of kfold"},
    {"leave", 0, CF_OPT_INTEGER, AT(leave), BIT(EVALUATE), "0", 0, 1e9, {0},
     "N", "ratings of each user to test by: with leave-last-out 1 unless "
     "given, with per-user in place of the share"},
    {"cut", 0, CF_OPT_PATH, AT(cut), BIT(EVALUATE), NULL, 0, 0, {0}, "TIME",
     "temporal: test by the ratings from this time on, seconds since 1970 or a "
     "date, in place of the share"},
    {"test", 0, CF_OPT_PATH, AT(test), BIT(EVALUATE), NULL, 0, 0, {0}, "FILE",
     "ratings to test by, in place of a split of the input"},
    {"allow-leak", 0, CF_OPT_FLAG, AT(allow_leak), BIT(EVALUATE), NULL, 0, 0,
     {0}, NULL, "go on where --test has ratings that the input has too"},
    {"measure", 0, CF_OPT_CHOICE, AT(measure), BIT(EVALUATE), "both", 0, 0,
     {"both", "errors", "lists"}, "WHAT",
     "the errors of predictions (--rule), the top-N lists (--score), or both"},
    {"at", 0, CF_OPT_PATH, AT(at), BIT(EVALUATE), "5,10,20", 0, 0, {0},
     "N[,N]", "lengths of the top-N lists"},
    {"relevant", 0, CF_OPT_REAL, AT(relevant), BIT(EVALUATE), "4", -1e30, 1e30,
     {0}, "X", "test ratings of X and above are what lists should hold"},
    {"by", 0, CF_OPT_PATH, AT(by), BIT(EVALUATE), NULL, 0, 0, {0}, "METRIC",
     "what the best settings are best by: ndcg@10, rmse, recall@20 … "
     "[ndcg@10, or at the first N; rmse with --measure=errors]"},
    {"grid", 0, CF_OPT_PATH, AT(grid), BIT(EVALUATE), NULL, 0, 0, {0},
     "LIST", "options and their values, of which all combinations are tried: "
     "'neighbors=20,50 dim=32,64'"},
    {"seed", 0, CF_OPT_INTEGER, AT(seed), ALL, "1", 0, 1e19, {0}, "N",
     "of all random numbers"},
    {"threads", 0, CF_OPT_INTEGER, AT(threads), ALL, "1", 1, 1024, {0}, "N",
     "threads a rank for dense products and neighbours"},
    {"memory-limit", 0, CF_OPT_SIZE, AT(memory_limit), ALL, "0", 0, 0, {0},
     "SIZE", "end with exit code 71 rather than use more memory a rank"},
    {"report", 0, CF_OPT_PATH, AT(report), ALL, NULL, 0, 0, {0}, "FILE",
     "write times, traffic and memory as JSON"},
    {"progress", 0, CF_OPT_CHOICE, AT(progress), ALL, "auto", 0, 0,
     {"auto", "always", "never"}, "WHEN", "show how far a stage is"},
    {"quiet", 'q', CF_OPT_FLAG, AT(quiet), ALL, NULL, 0, 0, {0}, NULL,
     "errors only"},
    {"verbose", 'v', CF_OPT_FLAG, AT(verbose), ALL, NULL, 0, 0, {0}, NULL,
     "say more"},
};
/* clang-format on */

const int cf_option_count =
    (int)(sizeof cf_option_table / sizeof *cf_option_table);

_Static_assert(sizeof cf_option_table / sizeof *cf_option_table <=
                   CF_OPTIONS_MAX,
               "cf_options has no place for what was given");

const cf_option *cf_option_find(const char *name)
{
    for (int i = 0; i < cf_option_count; i++)
        if (strcmp(cf_option_table[i].name, name) == 0)
            return &cf_option_table[i];
    return NULL;
}

static int set_text(char *field, size_t size, const char *where,
                    const char *value)
{
    if (strlen(value) >= size)
        return cf_fail(CF_USAGE, "%s: longer than %zu bytes", where, size - 1);
    memset(field, 0, size);
    memcpy(field, value, strlen(value));
    return CF_OK;
}

static int set_flag(bool *field, const char *where, const char *value)
{
    *field = strcmp(value, "true") == 0 || strcmp(value, "yes") == 0;
    if (*field || strcmp(value, "false") == 0 || strcmp(value, "no") == 0)
        return CF_OK;
    return cf_fail(CF_USAGE, "%s: '%s' is neither true nor false", where,
                   value);
}

static int set_choice(int64_t *field, const cf_option *row, const char *where,
                      const char *value)
{
    cf_text known = {0};
    for (int i = 0; i < CF_CHOICES && row->values[i] != NULL; i++) {
        if (row->values[i][0] == '\0')
            continue;
        if (strcmp(row->values[i], value) == 0) {
            *field = i;
            cf_text_free(&known);
            return CF_OK;
        }
        cf_text_add(&known, "%s%s", known.length > 0 ? ", " : "",
                    row->values[i]);
    }
    int status = cf_fail(CF_USAGE, "%s: '%s' is not one of %s", where, value,
                         known.data);
    cf_text_free(&known);
    return status;
}

static int set_number(void *field, const cf_option *row, const char *where,
                      const char *value)
{
    const char *end = value + strlen(value);
    int64_t whole = 0;
    double number = 0;
    bool integer = row->kind == CF_OPT_INTEGER, good;
    if (integer) {
        good = cf_scan_int64(value, end, &whole);
        number = (double)whole;
    } else {
        good = cf_scan_double(value, end, &number);
    }
    if (!good || number < row->min || number > row->max)
        return cf_fail(CF_USAGE, "%s: '%s' is not %s from %.15g to %.15g",
                       where, value, integer ? "an integer" : "a number",
                       row->min, row->max);
    if (integer)
        *(int64_t *)field = whole;
    else
        *(double *)field = number;
    return CF_OK;
}

int cf_option_set(cf_options *o, const cf_option *row, const char *where,
                  const char *value)
{
    void *field = (char *)o + row->offset;
    switch (row->kind) {
    case CF_OPT_PATH: return set_text(field, CF_PATH_MAX, where, value);
    case CF_OPT_FLAG: return set_flag(field, where, value);
    case CF_OPT_CHOICE: return set_choice(field, row, where, value);
    case CF_OPT_INTEGER:
    case CF_OPT_REAL: return set_number(field, row, where, value);
    case CF_OPT_SIZE: break;
    }
    return cf_scan_size(value, field)
               ? CF_OK
               : cf_fail(CF_USAGE,
                         "%s: '%s' is not a size such as 512M or "
                         "2G",
                         where, value);
}

void cf_option_text(const cf_options *o, const cf_option *row, cf_text *out)
{
    const void *field = (const char *)o + row->offset;
    switch (row->kind) {
    case CF_OPT_PATH: cf_text_add(out, "%s", (const char *)field); break;
    case CF_OPT_FLAG:
        cf_text_add(out, "%s", *(const bool *)field ? "true" : "false");
        break;
    case CF_OPT_CHOICE:
        cf_text_add(out, "%s", row->values[*(const int64_t *)field]);
        break;
    case CF_OPT_REAL: cf_text_add(out, "%.15g", *(const double *)field); break;
    case CF_OPT_INTEGER:
    case CF_OPT_SIZE:
        cf_text_add(out, "%" PRId64, *(const int64_t *)field);
        break;
    }
}
