#include "test.h"

#include "cfmpi/recommend.h"

/* ---- users, their ratings and their lists ---- */

enum { USERS = 60, ITEMS = 25, NEIGHBORS = 12 };

/* User 4 has seen everything, user 5 nothing, item 9 nobody. */
static float rating(cf_gidx user, cf_gidx item)
{
    int64_t at = user * 1000 + item;
    if (user == 5 || item == 9)
        return NAN;
    if (user != 4 && pick(1, at, 3) != 0)
        return NAN;
    return (float)pick(2, at, 11) / 2; /* 0 is a rating */
}

/* Same everywhere: equal scores, hence ties. */
static float fives(cf_gidx user, cf_gidx item)
{
    return isnan(rating(user, item)) ? NAN : 5;
}

/* More values than are numbered, some below 0. */
static float quarters(cf_gidx user, cf_gidx item)
{
    float r = rating(user, item);
    return isnan(r) ? r : (float)(pick(3, user * 1000 + item, 90) - 30) / 4;
}

/* Few values with each rank of several, many with all. */
static float levels(cf_gidx user, cf_gidx item)
{
    float r = rating(user, item);
    return isnan(r) ? r : (float)(user / 12 * 4 + pick(4, item, 4));
}

static bool rated(cf_gidx user, cf_gidx item)
{
    return !isnan(rating(user, item));
}

/* How many neighbours a user has; user 7 has none. */
static int64_t list_length(cf_gidx user)
{
    return user == 7 ? 0 : user % 5 == 0 ? 3 : NEIGHBORS;
}

/* Neighbour p of a user: some alike, some not at all, some opposite; user 8
 * has only the latter. */
static float similarity(cf_gidx user, int64_t p)
{
    static const float scores[NEIGHBORS] = {
        1, 0.97f, 0.9f, 0.61f, 0.3f, 0.1f, 1e-20f, 1e-45f, 0, -0.0f, -0.2f, -1};
    return user == 8 ? -scores[p] : scores[p];
}

static cf_gidx neighbor(cf_gidx user, int64_t p)
{
    return (user + 1 + 7 * p) % USERS;
}

static void make_lists(cf_topk *t, const cf_part *part)
{
    cf_topk_init(t, cf_part_count(part, world.rank), NEIGHBORS);
    for (int64_t i = 0; i < t->rows; i++) {
        cf_gidx user = part->begin[world.rank] + i;
        for (int64_t p = 0; p < list_length(user); p++)
            cf_topk_push(t, i, similarity(user, p), neighbor(user, p));
    }
    cf_topk_finish(t);
}

/* The formula, in the order of the list; NaN when nobody counts. */
static float plain_mean(const cf_topk *t, int64_t i, cf_gidx item,
                        cell_fn *cell, bool *known)
{
    double sum = 0, weight = 0;
    for (int64_t p = 0; p < t->count[i]; p++) {
        double s = (double)t->score[i * t->k + p];
        float r = cell(t->index[i * t->k + p], item);
        if (s > 0 && !isnan(r)) {
            sum += s * (double)r;
            weight += s;
        }
    }
    *known = weight > 0;
    return weight > 0 ? (float)(sum / weight) : NAN;
}

/* ---- top-N lists ---- */

/* Takes the best item that is left, by score and then by row. */
static cf_gidx next_best(const float *score, char *left)
{
    cf_gidx best = -1;
    for (cf_gidx j = 0; j < ITEMS; j++)
        if (left[j] && (best < 0 || score[j] > score[best]))
            best = j;
    if (best >= 0)
        left[best] = 0;
    return best;
}

static void check_user(const cf_topk *got, const cf_topk *lists, int64_t i,
                       cf_gidx user, cell_fn *cell)
{
    float score[ITEMS];
    char left[ITEMS];
    int64_t candidates = 0;
    for (cf_gidx j = 0; j < ITEMS; j++) {
        bool known;
        score[j] = plain_mean(lists, i, j, cell, &known);
        left[j] = known && isnan(cell(user, j));
        candidates += left[j];
    }
    CHECK(got->count[i] == CF_MIN(candidates, got->k));
    for (int64_t p = 0; p < got->k; p++) {
        cf_gidx best = next_best(score, left);
        CHECK(got->index[i * got->k + p] == best);
        CHECK(same_number(got->score[i * got->k + p],
                          best >= 0 ? score[best] : NAN));
    }
}

static void check_recommend(const cf_part *part, cell_fn *cell, int64_t top)
{
    cf_csr a = {0};
    cf_topk lists = {0};
    cf_recommendations got = {0};
    make_csr(&a, &world, USERS, ITEMS, cell);
    make_lists(&lists, part);
    cf_user_lists users = {part, &lists};
    cf_recommend_from from = {.ratings = &a, .users = &users};
    cf_recommend_how how = {.score = CF_SCORE_MEAN, .top = top, .threads = 2};
    cf_recommend(&got, &world, &from, &how);
    const cf_topk *t = &got.lists;
    CHECK(t->rows == lists.rows && t->k == top && t->stride == top);
    for (int64_t i = 0; i < t->rows; i++)
        check_user(t, &lists, i, part->begin[world.rank] + i, cell);
    cf_recommendations_free(&got);
    cf_topk_free(&lists);
    cf_csr_free(&a);
}

/* ---- sums over items, ratings below 0 among them ---- */

static cf_gidx item_neighbor(cf_gidx item, int64_t p)
{
    return (item + 1 + 2 * p) % ITEMS;
}

static void make_item_lists(cf_topk *t, const cf_part *part)
{
    cf_topk_init(t, cf_part_count(part, world.rank), NEIGHBORS);
    for (int64_t i = 0; i < t->rows; i++) {
        cf_gidx item = part->begin[world.rank] + i;
        for (int64_t p = 0; p < item % (NEIGHBORS + 1); p++)
            cf_topk_push(t, i, similarity(item, p), item_neighbor(item, p));
    }
    cf_topk_finish(t);
}

/* Σ r·s by item, NaN where nothing contributes. */
static void plain_item_sums(cf_gidx user, float *score)
{
    double sum[ITEMS] = {0};
    for (cf_gidx j = 0; j < ITEMS; j++)
        score[j] = NAN;
    for (cf_gidx i = 0; i < ITEMS; i++)
        for (int64_t p = 0; p < i % (NEIGHBORS + 1) && rated(user, i); p++) {
            cf_gidx j = item_neighbor(i, p);
            if (!(similarity(i, p) > 0))
                continue;
            sum[j] += (double)quarters(user, i) * (double)similarity(i, p);
            score[j] = 0;
        }
    for (cf_gidx j = 0; j < ITEMS; j++)
        score[j] = isnan(score[j]) ? NAN : (float)sum[j];
}

static void check_item_sum(int64_t top)
{
    cf_csr a = {0};
    cf_topk lists = {0};
    cf_part part = {0};
    cf_recommendations got = {0};
    make_csr(&a, &world, USERS, ITEMS, quarters);
    uneven_part(&part, ITEMS, world.size);
    make_item_lists(&lists, &part);
    cf_user_lists items = {&part, &lists};
    cf_recommend_from from = {.ratings = &a, .items = &items};
    cf_recommend_how how = {.score = CF_SCORE_ITEM_SUM, .top = top};
    cf_recommend(&got, &world, &from, &how);
    CHECK(got.lists.rows == a.n_loc && got.filled == NULL);
    for (int64_t i = 0; i < a.n_loc; i++) {
        cf_gidx user = a.part.begin[world.rank] + i;
        float score[ITEMS];
        char left[ITEMS];
        plain_item_sums(user, score);
        for (cf_gidx j = 0; j < ITEMS; j++)
            left[j] = !isnan(score[j]) && !rated(user, j) && j != 9;
        for (int64_t p = 0; p < top; p++) {
            cf_gidx best = next_best(score, left);
            CHECK(got.lists.index[i * top + p] == best);
            CHECK(same_number(got.lists.score[i * top + p],
                              best >= 0 ? score[best] : NAN));
        }
    }
    cf_recommendations_free(&got);
    cf_topk_free(&lists);
    cf_part_free(&part);
    cf_csr_free(&a);
}

/* ---- given pairs ---- */

static void check_predict(const cf_part *part)
{
    const int64_t count = 300 + 100 * world.rank;
    cf_csr a = {0};
    cf_topk lists = {0}, all = {0};
    cf_part whole = {0};
    cf_gidx *user = cf_alloc(count, sizeof *user, "test");
    cf_gidx *item = cf_alloc(count, sizeof *item, "test");
    float *out = cf_alloc(count, sizeof *out, "test");
    make_csr(&a, &world, USERS, ITEMS, rating);
    make_lists(&lists, part);
    cf_part_even(&whole, USERS, 1);
    cf_topk_init(&all, USERS, NEIGHBORS); /* of all users, to compare with */
    for (cf_gidx u = 0; u < USERS; u++)
        for (int64_t p = 0; p < list_length(u); p++)
            cf_topk_push(&all, u, similarity(u, p), neighbor(u, p));
    cf_topk_finish(&all);
    for (int64_t i = 0; i < count; i++) {
        user[i] = pick(3, i * 100 + world.rank, USERS + 3);
        item[i] = pick(4, i * 100 + world.rank, ITEMS + 2);
        user[i] = user[i] >= USERS ? -1 : user[i];
        item[i] = item[i] >= ITEMS ? -1 : item[i];
    }
    cf_user_lists users = {part, &lists};
    int64_t asked = world.rank == 1 ? 0 : count; /* one rank asks nothing */
    cf_predict_mean(&world, &users, &a, user, item, asked, out);
    for (int64_t i = 0; i < asked; i++) {
        bool known;
        float expected =
            user[i] < 0 || item[i] < 0
                ? NAN
                : plain_mean(&all, user[i], item[i], rating, &known);
        CHECK(same_number(out[i], expected));
    }
    cf_topk_free(&all);
    cf_topk_free(&lists);
    cf_part_free(&whole);
    cf_csr_free(&a);
    cf_free(user);
    cf_free(item);
    cf_free(out);
}

static void test_users(void)
{
    static const int64_t tops[] = {1, 3, 10, ITEMS, 100};
    cf_part even = {0}, odd = {0};
    cf_part_even(&even, USERS, world.size);
    uneven_part(&odd, USERS, world.size);
    for (int t = 0; t < COUNT(tops); t++) {
        check_recommend(&even, rating, tops[t]);
        check_recommend(&odd, rating, tops[t]);
        check_recommend(&even, fives, tops[t]);
        check_recommend(&odd, quarters, tops[t]);
        check_recommend(&even, levels, tops[t]);
        check_item_sum(tops[t]);
    }
    check_predict(&even);
    check_predict(&odd);
    cf_part_free(&even);
    cf_part_free(&odd);
}

/* ---- rows that do not fit into one batch ---- */

static float long_row(cf_gidx user, cf_gidx item)
{
    return (float)((user * 31 + item * 17) % 11) / 2;
}

/* Full rows in an even split. */
static void make_long_rows(cf_csr *a, cf_gidx rows, cf_gidx cols)
{
    a->rows = rows;
    a->cols = cols;
    cf_part_even(&a->part, rows, world.size);
    int64_t n = cf_part_count(&a->part, world.rank);
    a->indptr = cf_alloc(n + 1, sizeof *a->indptr, "test");
    a->indices = cf_alloc(n * cols, sizeof *a->indices, "test");
    a->values = cf_alloc(n * cols, sizeof *a->values, "test");
    for (int64_t i = 0; i <= n; i++)
        a->indptr[i] = i * cols;
    for (int64_t i = 0; i < n; i++)
        for (cf_gidx j = 0; j < cols; j++) {
            a->indices[i * cols + j] = (cf_lidx)j;
            a->values[i * cols + j] =
                long_row(a->part.begin[world.rank] + i, j);
        }
    cf_csr_seal(a, &world);
}

static void test_batches(void)
{
    const cf_gidx rows = 60, cols = 100000, near = 4;
    cf_csr a = {0};
    cf_topk lists = {0};
    cf_gidx user[60], item[60];
    float out[60];
    make_long_rows(&a, rows, cols);
    cf_topk_init(&lists, a.n_loc, near);
    for (int64_t i = 0; i < a.n_loc; i++)
        for (int64_t p = 0; p < near; p++)
            cf_topk_push(&lists, i, 1 / (float)(p + 1),
                         (a.part.begin[world.rank] + i + 1 + 13 * p) % rows);
    cf_topk_finish(&lists);
    for (cf_gidx i = 0; i < rows; i++) {
        user[i] = rows - 1 - i;
        item[i] = pick(5, i, cols);
    }
    cf_user_lists users = {&a.part, &lists};
    cf_predict_mean(&world, &users, &a, user, item, rows, out);
    for (cf_gidx i = 0; i < rows; i++) {
        double sum = 0, weight = 0;
        for (int64_t p = 0; p < near; p++) {
            double s = (double)(1 / (float)(p + 1));
            sum += s * (double)long_row((user[i] + 1 + 13 * p) % rows, item[i]);
            weight += s;
        }
        CHECK(same_number(out[i], (float)(sum / weight)));
    }
    cf_topk_free(&lists);
    cf_csr_free(&a);
}

static void run_tests(void)
{
    test_users();
    test_batches();
}
