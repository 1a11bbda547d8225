#include "test.h"

/* From another program of the same definition. */
static const struct {
    uint64_t seed, stream, index, bits;
    double uniform, normal;
} known[] = {
    {0, 0, 0, 0x238275bc38fcbe91, 0.13870941014555432, 1.3638622003620633},
    {1, 0, 0, 0xb18a02f46d8d86c3, 0.6935121390102292, 0.6410129603573417},
    {0, 1, 0, 0x44e5b98100c67fb0, 0.26913031959045414, 0.6837555629633487},
    {0, 0, 1, 0x2f32a78496c67c60, 0.18436667429957682, 1.093035049325481},
    {20, 3, 1000000007, 0x62681e423fec5aee, 0.3844012176268036,
     -1.1056310339699489},
    {UINT64_MAX, UINT64_MAX, UINT64_MAX, 0x595b17f487c0e71b,
     0.34904622764566146, -0.5319905602530118},
};

static void test_known(void)
{
    for (int i = 0; i < COUNT(known); i++) {
        uint64_t s = known[i].seed, t = known[i].stream, n = known[i].index;
        CHECK(cf_random_bits(s, t, n) == known[i].bits);
        CHECK(fabs(cf_random_uniform(s, t, n) - known[i].uniform) < 1e-15);
        CHECK(fabs(cf_random_normal(s, t, n) - known[i].normal) < 1e-13);
    }
}

/* The indices at which all bits of (0, 0, index) are ones, or zeros. */
static void test_ends(void)
{
    const uint64_t ones = UINT64_C(0x966457d936384fc4),
                   zeros = UINT64_C(0xc6ce5b69cdacfd84);
    CHECK(cf_random_bits(0, 0, ones) == UINT64_MAX);
    CHECK(cf_random_bits(0, 0, zeros) == 0);
    CHECK(cf_random_uniform(0, 0, ones) < 1);
    CHECK(cf_random_uniform(0, 0, zeros) > 0);
    CHECK(isfinite(cf_random_normal(0, 0, ones)));
    CHECK(isfinite(cf_random_normal(0, 0, zeros)));
}

static void test_distribution(void)
{
    const int64_t n = 100000;
    double mean = 0, square = 0, sum = 0, square_sum = 0, fourth = 0;
    int64_t bins[10] = {0};
    for (int64_t i = 0; i < n; i++) {
        double u = cf_random_uniform(3, 5, (uint64_t)i);
        double x = cf_random_normal(3, 6, (uint64_t)i);
        CHECK(u > 0 && u < 1);
        bins[(int)(u * 10)]++;
        mean += u / (double)n;
        square += u * u / (double)n;
        sum += x / (double)n;
        square_sum += x * x / (double)n;
        fourth += x * x * x * x / (double)n;
    }
    CHECK(fabs(mean - 1 / 2.0) < 0.005);
    CHECK(fabs(square - 1 / 3.0) < 0.005);
    CHECK(fabs(sum) < 0.015);
    CHECK(fabs(square_sum - 1) < 0.025);
    CHECK(fabs(fourth - 3) < 0.2);
    for (int b = 0; b < 10; b++)
        CHECK(llabs(bins[b] - n / 10) < 500);
}

/* Seeds, streams and indices are different things, and no rank matters. */
static void test_keys(void)
{
    const int64_t n = 4096;
    uint64_t *all = cf_alloc(n, sizeof *all, "bits");
    int64_t same = 0;
    for (int64_t i = 0; i < n; i++)
        all[i] = cf_random_bits((uint64_t)(i % 16), (uint64_t)(i / 16 % 16),
                                (uint64_t)(i / 256));
    CHECK(same_on_all(all, n * (int64_t)sizeof *all));
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < i; j++)
            same += all[i] == all[j];
    CHECK(same == 0);
    cf_free(all);
}

static void run_tests(void)
{
    test_known();
    test_ends();
    test_distribution();
    test_keys();
}
