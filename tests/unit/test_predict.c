#include "test.h"

#include "cfmpi/predict.h"

/* ---- ratings ---- */

enum { USERS = 70, ITEMS = 45, MOST = 70, DIM = 6, PAIRS = 400 };

/* User 4 has rated everything, user 5 nothing, user 6 always the same; nobody
 * has rated item 9. */
static float rating(cf_gidx user, cf_gidx item)
{
    int64_t at = user * 1000 + item;
    if (user == 5 || item == 9 || (user != 4 && pick(1, at, 3) != 0))
        return NAN;
    return user == 6 ? 3 : (float)(1 + pick(2, at, 10)) / 2;
}

static float same_rating(cf_gidx user, cf_gidx item)
{
    return isnan(rating(user, item)) ? NAN : 4;
}

/* Rows of an embedding, some of them zero and some of them alike. */
static float component(bool of_item, int64_t row, int c)
{
    int64_t like = row % 8 == 3 ? 3 : row;
    if (row % 13 == 7)
        return 0;
    return (float)noise(of_item ? 12 : 11, like * DIM + c) + 0.3f;
}

/* ---- what this rank alone finds ---- */

/* All ratings and similarities, in plain tables. */
typedef struct plain {
    cell_fn *cell;
    const cf_rule_options *rule;
    bool of_items;
    int64_t rows;            /* of the side that is compared */
    float score[MOST][MOST]; /* NaN for who is none */
    double mean, low, high, spread;
    double user_mean[USERS], item_mean[ITEMS];
    double row_spread[MOST];
    cf_baseline baseline;
} plain;

static float cell_of(const plain *p, cf_gidx row, cf_gidx column)
{
    return p->of_items ? p->cell(column, row) : p->cell(row, column);
}

static void plain_means(plain *p, const cf_csr *users, const cf_csr *items,
                        const cf_baseline_options *o, const cf_par *self)
{
    double squares = 0;
    p->low = INFINITY;
    p->high = -INFINITY;
    cf_baseline_fit(&p->baseline, self, users, items, o);
    p->mean = p->baseline.mean;
    for (cf_gidx side = 0; side < 2; side++) {
        const cf_csr *a = side == 0 ? users : items;
        double *means = side == 0 ? p->user_mean : p->item_mean;
        for (cf_gidx i = 0; i < a->rows; i++) {
            double sum = 0;
            int64_t from = a->indptr[i], to = a->indptr[i + 1];
            for (int64_t e = from; e < to; e++) {
                sum += (double)a->values[e];
                p->low = fmin(p->low, (double)a->values[e]);
                p->high = fmax(p->high, (double)a->values[e]);
            }
            means[i] = to > from ? sum / (double)(to - from) : p->mean;
        }
    }
    for (cf_gidx i = 0; i < USERS; i++) {
        double sum = 0;
        for (int64_t e = users->indptr[i]; e < users->indptr[i + 1]; e++)
            sum += ((double)users->values[e] - p->mean) *
                   ((double)users->values[e] - p->mean);
        squares += sum;
    }
    p->spread = squares > 0 ? sqrt(squares / (double)users->nnz) : 1;
}

static void plain_spreads(plain *p)
{
    cf_gidx columns = p->of_items ? USERS : ITEMS;
    for (cf_gidx i = 0; i < p->rows; i++) {
        double sum = 0, mean = p->of_items ? p->item_mean[i] : p->user_mean[i];
        int64_t count = 0;
        for (cf_gidx c = 0; c < columns; c++)
            if (!isnan(cell_of(p, i, c))) {
                double d = (double)cell_of(p, i, c) - mean;
                sum += d * d;
                count++;
            }
        p->row_spread[i] = sum > 0 ? sqrt(sum / (double)count) : p->spread;
    }
}

static void plain_scores(plain *p, const cf_csr *rows, const cf_csr *columns,
                         const cf_ratings_measure *by, bool embedded,
                         const cf_par *self)
{
    cf_neighbors n = {0};
    cf_part all = {0};
    float points[MOST * DIM];
    cf_part_even(&all, p->rows, 1);
    cf_compared compared = {rows, columns, p->of_items, "test", NULL};
    for (int64_t i = 0; i < p->rows * DIM; i++)
        points[i] = component(p->of_items, i / DIM, (int)(i % DIM));
    CHECK((embedded ? cf_neighbors_find(&n, self, &all, points, DIM, p->rows,
                                        by->similarity, "test")
                    : cf_ratings_neighbors(&n, self, &compared, p->rows, by)) ==
          CF_OK);
    for (int64_t i = 0; i < p->rows; i++) {
        for (int64_t j = 0; j < p->rows; j++)
            p->score[i][j] = NAN;
        for (int64_t e = 0; e < n.lists.count[i]; e++)
            p->score[i][n.lists.index[i * n.lists.k + e]] =
                n.lists.score[i * n.lists.k + e];
    }
    cf_neighbors_free(&n);
    cf_part_free(&all);
}

static double plain_baseline(const plain *p, cf_gidx user, cf_gidx item)
{
    return (p->mean + p->baseline.user[user]) + p->baseline.item[item];
}

static double plain_level(const plain *p, enum cf_rule rule, cf_gidx user,
                          cf_gidx item)
{
    switch (rule) {
    case CF_RULE_GLOBAL_MEAN: return p->mean;
    case CF_RULE_USER_MEAN: return p->user_mean[user];
    case CF_RULE_ITEM_MEAN: return p->item_mean[item];
    case CF_RULE_BASELINE: return plain_baseline(p, user, item);
    default: return (double)NAN;
    }
}

/* What of a rating of `row` the mean is taken of: rating = at + x times. */
static void expected(const plain *p, cf_gidx row, cf_gidx column, double *at,
                     double *times)
{
    *at = 0;
    *times = 1;
    switch (p->rule->rule) {
    case CF_RULE_USER_ZSCORE:
    case CF_RULE_ITEM_ZSCORE: *times = p->row_spread[row]; /* fall through */
    case CF_RULE_USER_CENTERED:
    case CF_RULE_ITEM_CENTERED:
        *at = p->of_items ? p->item_mean[row] : p->user_mean[row];
        break;
    case CF_RULE_USER_BASELINE: *at = plain_baseline(p, row, column); break;
    case CF_RULE_ITEM_BASELINE: *at = plain_baseline(p, column, row); break;
    default: break;
    }
}

static double plain_nearest(const plain *p, cf_gidx row, cf_gidx column)
{
    candidate near[MOST];
    int count = 0, used = 0;
    double sum = 0, weight = 0, at, times;
    for (cf_gidx j = 0; j < p->rows; j++)
        if (j != row && !isnan(cell_of(p, j, column)) && p->score[row][j] > 0 &&
            (double)p->score[row][j] >= p->rule->min_similarity)
            near[count++] = (candidate){p->score[row][j], j};
    qsort(near, (size_t)count, sizeof *near, best_first);
    for (; used < count && used < p->rule->k; used++) {
        double s = (double)near[used].score;
        expected(p, near[used].index, column, &at, &times);
        double x = (double)cell_of(p, near[used].index, column) - at;
        sum += s * (x / times);
        weight += s;
    }
    if (used < CF_MAX(p->rule->min_k, 1))
        return (double)NAN;
    expected(p, row, column, &at, &times);
    return at + times * (sum / weight);
}

/* The rules that take over, in the order of enum cf_fallback from the third
 * on. */
static const enum cf_rule others[] = {CF_RULE_GLOBAL_MEAN, CF_RULE_USER_MEAN,
                                      CF_RULE_ITEM_MEAN, CF_RULE_BASELINE};

static enum cf_rule own_fallback(enum cf_rule rule)
{
    switch (rule) {
    case CF_RULE_USER_BASIC:
    case CF_RULE_ITEM_BASIC: return CF_RULE_GLOBAL_MEAN;
    case CF_RULE_USER_CENTERED:
    case CF_RULE_USER_ZSCORE: return CF_RULE_USER_MEAN;
    case CF_RULE_ITEM_CENTERED:
    case CF_RULE_ITEM_ZSCORE: return CF_RULE_ITEM_MEAN;
    default: return CF_RULE_BASELINE;
    }
}

static double plain_clip(const plain *p, double x)
{
    if (p->rule->clip == CF_CLIP_RATINGS)
        return fmax(fmin(x, p->high), p->low);
    return p->rule->clip == CF_CLIP_RANGE
               ? fmax(fmin(x, p->rule->high), p->rule->low)
               : x;
}

static float plain_prediction(const plain *p, cf_gidx user, cf_gidx item,
                              int32_t *by)
{
    double x;
    *by = CF_BY_NONE;
    if (user < 0 || item < 0)
        return NAN;
    *by = CF_BY_RULE;
    x = plain_level(p, p->rule->rule, user, item);
    if (isnan(x))
        x = plain_nearest(p, p->of_items ? item : user,
                          p->of_items ? user : item);
    if (!isnan(x))
        return (float)plain_clip(p, x);
    *by = CF_BY_NONE;
    if (p->rule->fallback == CF_FALLBACK_NONE)
        return NAN;
    *by = CF_BY_FALLBACK;
    enum cf_rule other = p->rule->fallback == CF_FALLBACK_OWN
                             ? own_fallback(p->rule->rule)
                             : others[p->rule->fallback - CF_FALLBACK_GLOBAL];
    return (float)plain_clip(p, plain_level(p, other, user, item));
}

/* ---- all ranks ---- */

/* Own pairs: some unknown, some more than once, some rated. One rank asks
 * nothing. */
static int64_t make_pairs(cf_gidx user[PAIRS], cf_gidx item[PAIRS])
{
    int64_t count = world.rank == 1 ? 0 : PAIRS / 2 + PAIRS / 2 % 7;
    for (int64_t i = 0; i < count; i++) {
        user[i] = pick(3, i * 100 + world.rank, USERS + 3);
        item[i] = pick(4, i * 100 + world.rank, ITEMS + 2);
        user[i] = user[i] >= USERS ? -1 : user[i];
        item[i] = item[i] >= ITEMS ? -1 : item[i];
    }
    return count;
}

static void make_embedding(cf_embedding *e)
{
    static const double sigma[DIM] = {9, 7, 5, 3, 2, 0.5};
    *e = (cf_embedding){.dim = DIM};
    uneven_part(&e->user_part, USERS, world.size);
    cf_part_even(&e->item_part, ITEMS, world.size);
    for (int side = 0; side < 2; side++) {
        const cf_part *part = side ? &e->item_part : &e->user_part;
        int64_t n = cf_part_count(part, world.rank) * DIM;
        float *rows = cf_alloc(n, sizeof *rows, "test");
        for (int64_t i = 0; i < n; i++)
            rows[i] = component(side == 1, part->begin[world.rank] + i / DIM,
                                (int)(i % DIM));
        *(side ? &e->items : &e->users) = rows;
    }
    e->scale = CF_EMBEDDING_U; /* item rows are then as they stand */
    e->sigma = cf_alloc(DIM, sizeof *e->sigma, "test");
    memcpy(e->sigma, sigma, sizeof sigma);
}

enum { RULES = 9 };

/* Rules of one side, with all there is to set. */
static void make_rules(cf_rule_options o[RULES], bool of_items)
{
    enum cf_rule basic = of_items ? CF_RULE_ITEM_BASIC : CF_RULE_USER_BASIC;
    for (int r = 0; r < RULES; r++)
        o[r] = (cf_rule_options){.rule = (enum cf_rule)((int)basic + r % 4),
                                 .k = r < 4 ? 40 : 3,
                                 .min_k = r == 5 || r == 2 ? 3 : 1,
                                 .min_similarity = r == 3 || r == 6 ? 0.6 : 0,
                                 .fallback = (enum cf_fallback)(r % 6),
                                 .clip = (enum cf_clip)(r % 3),
                                 .low = 2,
                                 .high = 3.25};
    o[8].rule = CF_RULE_BASELINE;
    o[8].clip = CF_CLIP_NONE;
}

static void check_side(cell_fn *cell, bool of_items,
                       const cf_ratings_measure *by, bool embedded)
{
    cf_gidx user[PAIRS], item[PAIRS];
    float out[RULES][PAIRS];
    int32_t from[RULES][PAIRS];
    cf_rule_options rules[RULES];
    cf_predicted got[RULES];
    cf_par self = one_rank();
    cf_csr a = {0}, users = {0}, items = {0};
    cf_embedding e;
    plain *p = cf_calloc(1, sizeof *p, "test");
    make_csr(&a, &world, USERS, ITEMS, cell);
    make_csr(&users, &self, USERS, ITEMS, cell);
    cf_csr_transpose(&items, &users, &self);
    make_embedding(&e);
    make_rules(rules, of_items);
    cf_pairs_asked asked = {make_pairs(user, item), user, item};
    cf_predict_from data = {.users = &a,
                            .embedding = &e,
                            .by = by,
                            .embedded = embedded,
                            .baseline = {4, 5, 2},
                            .what = "test"};
    for (int r = 0; r < RULES; r++)
        got[r] = (cf_predicted){out[r], from[r]};
    CHECK(cf_predict(&world, rules, RULES, &data, &asked, got) == CF_OK);
    p->cell = cell;
    p->of_items = of_items;
    p->rows = of_items ? ITEMS : USERS;
    plain_means(p, &users, &items, &data.baseline, &self);
    plain_spreads(p);
    plain_scores(p, of_items ? &items : &users, of_items ? &users : &items, by,
                 embedded, &self);
    for (int r = 0; r < RULES; r++)
        for (int64_t i = 0; i < asked.count; i++) {
            int32_t way;
            p->rule = &rules[r];
            float right = plain_prediction(p, user[i], item[i], &way);
            CHECK(same_number(out[r][i], right));
            CHECK(from[r][i] == way);
        }
    cf_baseline_free(&p->baseline);
    cf_free(p);
    cf_embedding_free(&e);
    cf_csr_free(&a);
    cf_csr_free(&users);
    cf_csr_free(&items);
}

static void test_nearest(void)
{
    static const cf_ratings_measure by[] = {
        {.similarity = CF_MSD, .min_overlap = 1},
        {.similarity = CF_PEARSON, .min_overlap = 2, .shrinkage = 5},
        {.similarity = CF_PEARSON_BASELINE, .min_overlap = 1, .shrinkage = 10},
        {.similarity = CF_ASYMMETRIC_COSINE, .min_overlap = 1, .alpha = 0.3},
        {.similarity = CF_CENTERED_COSINE, .min_overlap = 1}};
    for (int m = 0; m < COUNT(by); m++) {
        check_side(rating, false, &by[m], false);
        check_side(rating, true, &by[m], false);
    }
    const cf_ratings_measure cosine = {.similarity = CF_COSINE,
                                       .min_overlap = 1};
    check_side(same_rating, false, &cosine, false); /* ties, no deviations */
    check_side(rating, false, &cosine, true);
    check_side(rating, true, &cosine, true);
}

/* ---- the embedding ---- */

/* x·y with what user rows lack of Σ, and the means that were taken off. */
static void check_svd(int64_t scale, int64_t centring)
{
    static const int power[] = {0, 2, 1}; /* of √σ, that rows lack */
    cf_gidx user[PAIRS], item[PAIRS];
    float out[PAIRS];
    int32_t from[PAIRS];
    cf_csr a = {0}, users = {0};
    cf_par self = one_rank();
    cf_transform t, before;
    cf_embedding e;
    make_csr(&a, &world, USERS, ITEMS, rating);
    make_csr(&users, &self, USERS, ITEMS, rating);
    make_embedding(&e);
    e.scale = scale;
    CHECK(cf_transform_learn(&t, &a, &world, a.rows, CF_WEIGHT_NONE,
                             centring) == CF_OK);
    cf_pairs_asked asked = {make_pairs(user, item), user, item};
    cf_rule_options rule = {.rule = CF_RULE_SVD, .k = 1, .min_k = 1};
    cf_predict_from data = {
        .users = &a, .embedding = &e, .transform = &t, .what = "test"};
    cf_predicted got = {out, from};
    CHECK(cf_predict(&world, &rule, 1, &data, &asked, &got) == CF_OK);
    float *left = cf_alloc(users.nnz, sizeof *left, "test");
    before = t;
    cf_transform_apply(&before, &users, left);
    for (int64_t i = 0; i < asked.count; i++) {
        double sum = 0;
        if (user[i] < 0 || item[i] < 0) {
            CHECK(isnan(out[i]) && from[i] == CF_BY_NONE);
            continue;
        }
        for (int c = 0; c < DIM; c++)
            sum += (double)component(false, user[i], c) *
                   pow(e.sigma[c], power[scale] / 2.0) *
                   (double)component(true, item[i], c);
        /* What a rating of the user lost. */
        int64_t b = users.indptr[user[i]], end = users.indptr[user[i] + 1];
        if (centring == CF_CENTRE_ITEM || centring == CF_CENTRE_BOTH)
            sum += t.item_mean[item[i]];
        if (b < end && centring == CF_CENTRE_USER)
            sum += (double)users.values[b] - (double)left[b];
        if (b < end && centring == CF_CENTRE_BOTH)
            sum += (double)users.values[b] - (double)left[b] -
                   t.item_mean[users.indices[b]];
        CHECK(fabs((double)out[i] - sum) < 2e-5 && from[i] == CF_BY_RULE);
    }
    t.weighting = CF_WEIGHT_LOG;
    CHECK(failed_with(cf_predict(&world, &rule, 1, &data, &asked, &got),
                      CF_BAD_DATA, "--weighting=log"));
    cf_free(left);
    cf_transform_free(&t);
    cf_embedding_free(&e);
    cf_csr_free(&a);
    cf_csr_free(&users);
}

static void test_svd(void)
{
    for (int64_t scale = 0; scale < 3; scale++)
        check_svd(scale, CF_CENTRE_NONE);
    for (int64_t centring = 1; centring < 4; centring++)
        check_svd(CF_EMBEDDING_US, centring);
}

/* ---- lists ---- */

/* Nobody has neighbours: all is left to the fallback. */
static void test_lists(void)
{
    cf_gidx user[PAIRS], item[PAIRS];
    float out[3][PAIRS];
    int32_t from[3][PAIRS];
    cf_csr a = {0};
    cf_topk lists = {0};
    make_csr(&a, &world, USERS, ITEMS, rating);
    cf_topk_init(&lists, a.n_loc, 4);
    cf_topk_finish(&lists);
    cf_user_lists near = {&a.part, &lists};
    cf_pairs_asked asked = {make_pairs(user, item), user, item};
    cf_predict_from data = {.users = &a, .lists = &near, .what = "test"};
    const cf_rule_options rules[3] = {
        {.rule = CF_RULE_MEAN, .clip = CF_CLIP_RATINGS},
        {.rule = CF_RULE_MEAN, .fallback = CF_FALLBACK_NONE},
        {.rule = CF_RULE_MEAN, .fallback = CF_FALLBACK_GLOBAL}};
    cf_predicted got[3];
    for (int r = 0; r < 3; r++)
        got[r] = (cf_predicted){out[r], from[r]};
    CHECK(cf_predict(&world, rules, 3, &data, &asked, got) == CF_OK);
    double mean = cf_global_mean(&a, &world);
    for (int64_t i = 0; i < asked.count; i++) {
        bool known = user[i] >= 0 && item[i] >= 0;
        CHECK(same_number(out[0][i], known ? 0 : (double)NAN));
        CHECK(isnan(out[1][i]) && from[1][i] == CF_BY_NONE);
        CHECK(same_number(out[2][i], known ? (float)mean : NAN));
        CHECK(from[2][i] == (known ? CF_BY_FALLBACK : CF_BY_NONE));
    }
    cf_topk_free(&lists);
    cf_csr_free(&a);
}

static void run_tests(void)
{
    test_nearest();
    test_svd();
    test_lists();
}
