#include "test.h"

#include "cfmpi/topk.h"

/* What a full sort says of one row. */
static void check_row(const cf_topk *t, int64_t row, candidate *c, int64_t n)
{
    int64_t k = t->k, have = CF_MIN(n, k), ties = 0;
    qsort(c, (size_t)n, sizeof *c, best_first);
    CHECK(t->count[row] == have);
    for (int64_t i = 0; i < k; i++) {
        float score = t->score[row * k + i];
        CHECK(same_number(score, i < have ? c[i].score : NAN));
        CHECK(t->index[row * k + i] == (i < have ? c[i].index : -1));
    }
    for (int64_t i = k; i < n; i++)
        ties += same_number(c[i].score, c[k - 1].score);
    CHECK(t->ties[row] == ties);
    CHECK(same_number(t->gap[row], n > k ? c[k - 1].score - c[k].score : NAN));
}

/* Offers row r its candidates in the given order: 0 best first, 1 worst
 * first, others mixed. */
static void offer(cf_topk *t, int64_t row, candidate *c, int64_t n, int order)
{
    qsort(c, (size_t)n, sizeof *c, best_first);
    for (int64_t i = 0; i < n; i++) {
        int64_t j = order == 0 ? i : order == 1 ? n - 1 - i : i;
        if (order > 1) {
            j = i + pick((uint64_t)order, i, n - i);
            candidate swap = c[i];
            c[i] = c[j];
            c[j] = swap;
            j = i;
        }
        float floor = cf_topk_floor(t, row);
        /* What is below the floor may be left out. */
        if (c[j].score >= floor || order % 2 == 0)
            cf_topk_push(t, row, c[j].score, c[j].index);
        if (t->count[row] == t->stride)
            CHECK(cf_topk_floor(t, row) >= floor);
    }
}

/* Scores from `kinds` values, so that few kinds mean many ties. */
static void check_lists(int64_t rows, int64_t n, int64_t k, int64_t kinds,
                        int order)
{
    cf_topk t = {0};
    candidate *c = cf_alloc(n, sizeof *c, "test");
    cf_topk_init(&t, rows, k);
    for (int pass = 0; pass < 2; pass++) {
        for (int64_t row = 0; row < rows; row++) {
            int64_t here = n - row % 3 * (n / 3); /* some rows are short */
            for (int64_t i = 0; i < here; i++)
                c[i] = (candidate){
                    (float)pick(20 + (uint64_t)row, i, kinds) / 8 - 2,
                    7 * i + row};
            if (pass == 0)
                offer(&t, row, c, here, order);
            else
                check_row(&t, row, c, here);
        }
        if (pass == 0)
            cf_topk_finish(&t);
    }
    CHECK(t.stride == k && t.rows == rows);
    cf_topk_free(&t);
    cf_free(c);
}

static void test_lists(void)
{
    static const int64_t ks[] = {1, 2, 3, 10, 99, 100, 101, 500};
    static const int64_t kinds[] = {1, 2, 17, 1000000};
    for (int k = 0; k < COUNT(ks); k++)
        for (int s = 0; s < COUNT(kinds); s++)
            for (int order = 0; order < 5; order++)
                check_lists(5, 100, ks[k], kinds[s], order);
    check_lists(3, 0, 4, 1, 0);
    check_lists(0, 0, 4, 1, 0);
    check_lists(2, 1, 1, 1, 0);
}

static void test_by_hand(void)
{
    cf_topk t = {0};
    cf_topk_init(&t, 1, 2);
    CHECK(same_number(cf_topk_floor(&t, 0), -INFINITY));
    cf_topk_push(&t, 0, 0.5f, 9);
    cf_topk_push(&t, 0, 0.5f, 4);
    CHECK(same_number(cf_topk_floor(&t, 0), -INFINITY));
    cf_topk_push(&t, 0, 0.5f, 6);
    CHECK(same_number(cf_topk_floor(&t, 0), 0.5));
    cf_topk_push(&t, 0, 0.75f, 12);
    cf_topk_push(&t, 0, 0.25f, 1);
    cf_topk_push(&t, 0, 0.5f, 5);
    cf_topk_finish(&t);
    CHECK(t.index[0] == 12 && t.index[1] == 4);
    CHECK(same_number(t.score[0], 0.75) && same_number(t.score[1], 0.5));
    CHECK(t.count[0] == 2 && t.ties[0] == 3 && same_number(t.gap[0], 0));
    cf_topk_free(&t);
    cf_topk_free(&t);
}

/* Infinite and denormal scores, and both zeros, which are equal. */
static void test_extremes(void)
{
    static const float scores[] = {-0.0f, INFINITY,  1e-45f,
                                   0.0f,  -INFINITY, -1e-45f};
    static const cf_gidx expected[] = {1, 2, 0, 3, 5};
    cf_topk t = {0};
    cf_topk_init(&t, 1, 5);
    for (int i = 0; i < COUNT(scores); i++)
        cf_topk_push(&t, 0, scores[i], i);
    cf_topk_finish(&t);
    CHECK(memcmp(t.index, expected, sizeof expected) == 0);
    CHECK(t.ties[0] == 0 && same_number(t.gap[0], INFINITY));
    cf_topk_free(&t);
}

static void run_tests(void)
{
    test_lists();
    test_by_hand();
    test_extremes();
}
