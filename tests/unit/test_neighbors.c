#include "test.h"

#include "cfmpi/neighbors.h"
#include "lists_check.h"

/* ---- the score itself ---- */

/* The order of cf_dot, written once more in the plainest way. */
static double plain_dot(const float *x, const float *y, int dim)
{
    double lane[16] = {0};
    for (int i = 0; i < dim; i++)
        lane[i % 16] += (double)x[i] * (double)y[i];
    for (int half = 8; half > 0; half /= 2)
        for (int l = 0; l < half; l++)
            lane[l] = lane[l] + lane[l + half];
    return lane[0];
}

static void test_dot(void)
{
    float x[100], y[100];
    for (int dim = 0; dim <= 100; dim++)
        for (int kind = 0; kind < 3; kind++) {
            for (int i = 0; i < dim; i++) {
                x[i] = (float)(noise(1, dim * 100 + i) * (kind == 1   ? 1e38
                                                          : kind == 2 ? 1e-44
                                                                      : 1));
                y[i] =
                    (float)(noise(2, dim * 100 + i) * (kind == 2 ? 1e30 : 1));
            }
            CHECK(same_number(cf_dot(x, y, dim), plain_dot(x, y, dim)));
            double nx = cf_dot(x, x, dim), ny = cf_dot(y, y, dim);
            float cosine = (float)(plain_dot(x, y, dim) / sqrt(nx * ny));
            CHECK(same_number(cf_cosine(x, nx, y, ny, dim),
                              dim > 0 ? cosine : NAN));
        }
    float zero[3] = {0, -0.0f, 0}, one[3] = {1, 2, 3};
    CHECK(isnan(cf_cosine(zero, 0, one, 14, 3)) &&
          isnan(cf_cosine(one, 14, zero, 0, 3)));
    CHECK(same_number(cf_cosine(one, 14, one, 14, 3), 1));
}

/* ---- lists against brute force ---- */

static void check_brute_force(const cf_neighbors *got, enum kind kind,
                              cf_gidx n, int dim)
{
    float *rows = make_rows(kind, 0, n, dim);
    double *squared = cf_alloc(n, sizeof *squared, "test");
    candidate *c = cf_alloc(n, sizeof *c, "test");
    cf_gidx begin = got->part.begin[world.rank];
    int64_t tied = 0;
    for (cf_gidx i = 0; i < n; i++)
        squared[i] = cf_dot(rows + i * dim, rows + i * dim, dim);
    for (int64_t i = 0; i < got->lists.rows; i++)
        tied += check_list(&got->lists, i, rows + (begin + i) * dim, rows,
                           squared, n, begin + i, dim, c);
    CHECK(got->rows_tied == cf_sum_i64(&world, tied));
    CHECK(got->pairs == n * (n - 1));
    CHECK(got->skipped >= 0 && got->skipped <= got->pairs);
    cf_free(rows);
    cf_free(squared);
    cf_free(c);
}

/* The bytes that one rank alone finds. */
static void check_alone(const cf_neighbors *got, enum kind kind, cf_gidx n,
                        int dim)
{
    cf_neighbors alone = {0};
    cf_par self = one_rank();
    cf_part whole = {0};
    float *rows = make_rows(kind, 0, n, dim);
    int64_t k = got->lists.k, begin = got->part.begin[world.rank];
    size_t lists = (size_t)(got->lists.rows * k), own = (size_t)got->lists.rows;
    cf_part_even(&whole, n, 1);
    CHECK(cf_neighbors_find(&alone, &self, &whole, rows, dim, k, similarity,
                            "test") == CF_OK);
    CHECK(own == 0 || (memcmp(got->lists.score, alone.lists.score + begin * k,
                              lists * sizeof(float)) == 0 &&
                       memcmp(got->lists.index, alone.lists.index + begin * k,
                              lists * sizeof(cf_gidx)) == 0 &&
                       memcmp(got->lists.count, alone.lists.count + begin,
                              own * sizeof(int32_t)) == 0 &&
                       memcmp(got->lists.ties, alone.lists.ties + begin,
                              own * sizeof(int32_t)) == 0 &&
                       memcmp(got->lists.gap, alone.lists.gap + begin,
                              own * sizeof(float)) == 0));
    CHECK(got->rows_tied == alone.rows_tied);
    cf_neighbors_free(&alone);
    cf_part_free(&whole);
    cf_free(rows);
}

static void check_rows(enum kind kind, cf_gidx n, int dim, int64_t k, bool even)
{
    cf_neighbors got = {0};
    cf_part part = {0};
    cf_par par = world;
    par.threads = 1 + (int)(n + dim) % 4;
    if (even)
        cf_part_even(&part, n, world.size);
    else
        uneven_part(&part, n, world.size);
    float *rows = make_rows(kind, part.begin[world.rank],
                            part.begin[world.rank + 1], dim);
    CHECK(cf_neighbors_find(&got, &par, &part, rows, dim, k, similarity,
                            "test") == CF_OK);
    CHECK(got.lists.rows == cf_part_count(&part, world.rank));
    CHECK(got.lists.k == k && got.lists.stride == k);
    /* What is right on one rank, and on three in small pieces, is what others
     * must find. */
    if (world.size == 1 || world.size == 3)
        check_brute_force(&got, kind, n, dim);
    if (world.size > 1)
        check_alone(&got, kind, n, dim);
    cf_neighbors_free(&got);
    cf_neighbors_free(&got);
    cf_part_free(&part);
    cf_free(rows);
}

static void test_kinds(void)
{
    for (int kind = 0; kind < KINDS; kind++) {
        if (similarity == CF_DOT && too_large((enum kind)kind))
            continue;
        check_rows((enum kind)kind, 150, 20, 7, true);
        check_rows((enum kind)kind, 90, 5, 3, false);
        check_rows((enum kind)kind, 40, 1, 4, true); /* cosine is 1 or -1 */
        check_rows((enum kind)kind, 40, 2, 1, true);
    }
}

static void test_shapes(void)
{
    static const cf_gidx sizes[] = {1, 2, 3, 6, 30};
    for (int s = 0; s < COUNT(sizes); s++)
        for (int64_t k = 1; k < 64; k = 2 * k + 1) {
            check_rows(PLAIN, sizes[s], 3, k, true); /* k up to and over n */
            check_rows(ZEROS, sizes[s], 3, k, false);
        }
    check_rows(PLAIN, 0, 3, 2, true);
    check_rows(PLAIN, 700, 24, 10, true); /* several tiles each way */
    check_rows(COPIES, 600, 16, 30, false);
    check_rows(NEARLY, 300, 100, 70, true);
    check_rows(CLUSTERS, 2100, 33, 12, false); /* near tiles and far ones */
    check_rows(CLUSTERS, 2100, 21, 12, true);  /* with a rotation */
    check_rows(OPPOSITE, 1800, 40, 330, true); /* lists go to the far side */
}

/* The list for k begins the list for k + 1. */
static void test_prefix(void)
{
    cf_part part = {0};
    cf_neighbors less = {0}, more = {0};
    cf_part_even(&part, 80, world.size);
    float *rows =
        make_rows(BITS, part.begin[world.rank], part.begin[world.rank + 1], 6);
    CHECK(cf_neighbors_find(&less, &world, &part, rows, 6, 9, CF_COSINE,
                            "test") == CF_OK);
    CHECK(cf_neighbors_find(&more, &world, &part, rows, 6, 10, CF_COSINE,
                            "test") == CF_OK);
    for (int64_t i = 0; i < less.lists.rows; i++)
        for (int64_t p = 0; p < 9; p++) {
            CHECK(less.lists.index[i * 9 + p] == more.lists.index[i * 10 + p]);
            CHECK(same_number(less.lists.score[i * 9 + p],
                              more.lists.score[i * 10 + p]));
        }
    cf_neighbors_free(&less);
    cf_neighbors_free(&more);
    cf_part_free(&part);
    cf_free(rows);
}

static void check_bad(cf_gidx bad, float value, const char *message)
{
    const int dim = 5;
    cf_part part = {0};
    cf_neighbors got = {0};
    cf_part_even(&part, 30, world.size);
    cf_gidx begin = part.begin[world.rank], end = part.begin[world.rank + 1];
    float *rows = make_rows(PLAIN, begin, end, dim);
    for (cf_gidx i = bad; i < 30; i += 9) /* more behind the first */
        if (i >= begin && i < end)
            rows[(i - begin) * dim + dim - 1] = value;
    CHECK(failed_with(cf_neighbors_find(&got, &world, &part, rows, dim, 3,
                                        CF_COSINE, "/the/rows"),
                      CF_BAD_DATA, message));
    cf_neighbors_free(&got);
    cf_part_free(&part);
    cf_free(rows);
}

/* Products that no float32 holds. */
static void test_beyond(void)
{
    cf_part part = {0};
    cf_neighbors got = {0};
    cf_part_even(&part, 30, world.size);
    float *rows = make_rows(LARGEST, part.begin[world.rank],
                            part.begin[world.rank + 1], 4);
    CHECK(failed_with(
        cf_neighbors_find(&got, &world, &part, rows, 4, 3, CF_DOT, "/the/rows"),
        CF_BAD_DATA, "products of the rows of /the/rows"));
    cf_neighbors_free(&got);
    cf_part_free(&part);
    cf_free(rows);
}

static void test_bad_rows(void)
{
    check_bad(0, NAN, "row 0 of /the/rows");
    check_bad(17, NAN, "row 17 of /the/rows");
    check_bad(29, INFINITY, "row 29 of /the/rows");
    check_bad(12, -INFINITY, "row 12 of /the/rows");
}

static void run_tests(void)
{
    static const enum cf_similarity all[] = {CF_COSINE, CF_DOT, CF_EUCLIDEAN};
    test_dot();
    for (int s = 0; s < COUNT(all); s++) {
        similarity = all[s];
        test_kinds();
        test_shapes();
    }
    test_prefix();
    test_bad_rows();
    test_beyond();
}
