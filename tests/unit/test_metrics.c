#include "test.h"

#include "cfmpi/metrics.h"

static bool near(double x, double y)
{
    return fabs(x - y) <= 1e-13 * fmax(fabs(y), 1);
}

/* Two-sided 95 % points; SciPy's stats.t.ppf(0.975, n). */
static void test_student_t(void)
{
    static const struct {
        int64_t freedom;
        double t;
    } known[] = {{1, 12.706204736432095},  {2, 4.302652729911275},
                 {3, 3.182446305284263},   {4, 2.7764451051977987},
                 {9, 2.2621571627409915},  {30, 2.0422724563012373},
                 {999, 1.9623414611334487}};
    double half, mean, x[] = {1, 2, 4};
    for (int i = 0; i < COUNT(known); i++)
        CHECK(fabs(cf_student_t(known[i].freedom, 0.95) / known[i].t - 1) <
              1e-9);
    cf_metrics_interval(x, 3, &mean, &half);
    CHECK(near(mean, 7.0 / 3));
    CHECK(fabs(half / (4.302652729911275 * sqrt(7.0 / 9)) - 1) < 1e-9);
    cf_metrics_interval(x, 1, &mean, &half);
    CHECK(near(mean, 1) && isnan(half));
}

/* Users 0 to 3 as in RecTools' examples of MAP and NDCG, of whom 1 has no full
 * list; user 4 has no relevant rating, user 5 no test rating at all. */
static const int reco[6][4] = {{7, 8, -1, -1}, {1, 2, -1, -1}, {1, 2, 3, 4},
                               {1, 2, 3, -1},  {1, 0, -1, -1}, {2, 0, -1, -1}};

static float test_cell(cf_gidx row, cf_gidx col)
{
    static const int relevant[4][3] = {
        {1, 2, -1}, {1, -1, -1}, {1, 3, 4}, {1, 2, 3}};
    for (int i = 0; i < 3 && row < 4; i++)
        if (relevant[row][i] == col)
            return 4;
    return (row == 4 && col == 1) || (row == 0 && col == 7) ? 3.5f : NAN;
}

static void make_lists(cf_topk *t, const cf_csr *test)
{
    cf_gidx begin = test->part.begin[world.rank];
    cf_topk_init(t, test->n_loc, 4);
    for (int64_t u = 0; u < test->n_loc; u++)
        for (int p = 0; p < 4; p++)
            if (reco[begin + u][p] >= 0)
                cf_topk_push(t, u, (float)(9 - p), reco[begin + u][p]);
    cf_topk_finish(t);
}

static void test_ranking(void)
{
    double m[CF_RANK_METRICS];
    int64_t users[2], raters[9] = {4, 4, 2, 1, 1, 1, 1, 1, 8};
    double two = 1 + 1 / log2(3), three = two + 0.5;
    cf_csr test = {0};
    cf_topk lists = {0};
    make_csr(&test, &world, 6, 9, test_cell);
    make_lists(&lists, &test);
    cf_ranked r = {&test, &lists, raters, 8, 4};
    cf_metrics_ranking(m, users, &world, &r, 3);
    CHECK(users[0] == 4 && users[1] == 1);
    CHECK(near(m[CF_PRECISION], (0 + 1 + 2 + 3) / 3.0 / 4));
    CHECK(near(m[CF_RECALL], (0 + 1 + 2 / 3.0 + 1) / 4));
    CHECK(near(m[CF_HIT_RATE], 0.75) && near(m[CF_MRR], 0.75));
    CHECK(near(m[CF_MAP], (0 + 1 + 5 / 9.0 + 1) / 4));
    CHECK(near(m[CF_MAP_RECTOOLS], (0 + 1 + 5 / 9.0 + 1) / 4));
    CHECK(near(m[CF_NDCG], (0 + 1 + 1.5 / three + 1) / 4));
    CHECK(near(m[CF_NDCG_RECTOOLS], (0 + 1 / three + 1.5 / three + 1) / 4));
    CHECK(near(m[CF_PRECISION_LENSKIT], (0 + 0.5 + 2 / 3.0 + 1) / 4));
    CHECK(near(m[CF_COVERAGE], 6 / 9.0));
    /* Lists of items, ascending: 0 0 0 1 1 2 2 4 4. */
    CHECK(near(m[CF_GINI],
               (2 * 0 - 2 + 2 * 2 + 4 * 2 + 6 * 4 + 8 * 4) / 9.0 / 14));
    CHECK(near(m[CF_NOVELTY], (1.5 + 1.5 + 2 + 2 + 1 + 1.5) / 6));
    cf_metrics_ranking(m, users, &world, &r, 1);
    CHECK(near(m[CF_RECALL_LENSKIT], 0.75) && near(m[CF_RECALL], 5 / 3.0 / 4));
    CHECK(near(m[CF_MAP], 0.75) && near(m[CF_MAP_RECTOOLS], 5 / 3.0 / 4));
    cf_csr_free(&test);
    cf_topk_free(&lists);
}

static void test_errors(void)
{
    double m[CF_ERROR_METRICS], off[] = {0.5, -1, 2};
    cf_csr test = {0};
    make_csr(&test, &world, 6, 9, test_cell);
    int64_t n = test.indptr[test.n_loc];
    float *guess = cf_alloc(n, sizeof *guess, "predictions");
    double *fallback = cf_alloc(n, sizeof *fallback, "fallbacks");
    /* Ratings of the matrix, in order: errors of the first three of them,
     * and 3 where there is no prediction. */
    for (int64_t e = 0; e < n; e++) {
        int64_t place = test.nnz_begin + e;
        guess[e] = place < 3 ? test.values[e] + (float)off[place] : NAN;
        fallback[e] = (double)test.values[e] + 3;
    }
    cf_metrics_errors(m, &world, &test, guess, fallback);
    CHECK(test.nnz == 11 && near(m[CF_COVERED], 3 / 11.0));
    CHECK(near(m[CF_RMSE], sqrt(5.25 / 3)) && near(m[CF_MAE], 3.5 / 3));
    CHECK(near(m[CF_RMSE_FALLBACK], sqrt((5.25 + 8 * 9) / 11)));
    CHECK(near(m[CF_MAE_FALLBACK], (3.5 + 8 * 3) / 11));
    for (int64_t e = 0; e < n; e++)
        guess[e] = NAN;
    cf_metrics_errors(m, &world, &test, guess, fallback);
    CHECK(isnan(m[CF_RMSE]) && m[CF_COVERED] <= 0);
    CHECK(near(m[CF_MAE_FALLBACK], 3));
    cf_free(guess);
    cf_free(fallback);
    cf_csr_free(&test);
}

static void run_tests(void)
{
    test_student_t();
    test_ranking();
    test_errors();
}
