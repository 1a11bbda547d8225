#include "test.h"

/* Sizes from nothing to a few pieces of the build with tiny messages. */
static const int64_t sizes[] = {0, 1, 2, 13, 999, 1000, 1001, 3456};

static void test_scalars(void)
{
    int64_t big = (int64_t)1 << 40, below = 0, sum = 0;
    int64_t mine = big + world.rank * world.rank;
    for (int r = 0; r < world.size; r++) {
        below += r < world.rank ? big + r * r : 0;
        sum += big + r * r;
    }
    CHECK(cf_sum_i64(&world, mine) == sum);
    CHECK(cf_exscan_i64(&world, mine) == below);
    CHECK(cf_max_i64(&world, -mine) == -big);
    CHECK(cf_min_i64(&world, -mine) ==
          -big - (world.size - 1) * (world.size - 1));
}

static void test_allreduce(void)
{
    for (int s = 0; s < COUNT(sizes); s++) {
        int64_t n = sizes[s];
        int64_t *sum = cf_alloc(n, sizeof *sum, "test");
        float *most = cf_alloc(n, sizeof *most, "test");
        for (int64_t i = 0; i < n; i++) {
            sum[i] = pick(1, i * world.size + world.rank, 1000);
            most[i] = (float)sum[i];
        }
        cf_allreduce(&world, sum, n, MPI_INT64_T, MPI_SUM);
        cf_allreduce(&world, most, n, MPI_FLOAT, MPI_MAX);
        for (int64_t i = 0; i < n; i++) {
            int64_t expected = 0, largest = 0;
            for (int r = 0; r < world.size; r++) {
                int64_t x = pick(1, i * world.size + r, 1000);
                expected += x;
                largest = CF_MAX(largest, x);
            }
            CHECK(sum[i] == expected && same_number(most[i], (float)largest));
        }
        cf_free(sum);
        cf_free(most);
    }
}

/* Small and large sums go different ways. */
static void test_allreduce_traffic(void)
{
    static const int64_t counts[] = {1, 4096, 5003};
    for (int s = 0; s < COUNT(counts); s++) {
        int64_t n = counts[s], bytes = n * (int64_t)sizeof(double);
        double *x = cf_alloc(n, sizeof *x, "test");
        for (int64_t i = 0; i < n; i++)
            x[i] = (double)pick(7, i * world.size + world.rank, 1000);
        int64_t sent = cf_traffic_sent();
        cf_allreduce(&world, x, n, MPI_DOUBLE, MPI_SUM);
        sent = cf_traffic_sent() - sent;
        for (int64_t i = 0; i < n; i++) {
            int64_t sum = 0;
            for (int r = 0; r < world.size; r++)
                sum += pick(7, i * world.size + r, 1000);
            CHECK(same_number(x[i], (double)sum));
        }
        bool large = CF_COUNT_MAX > 5003 && world.size > 2 && n > 1;
        if (large) /* but for uneven parts */
            CHECK(imaxabs(sent - 2 * bytes * (world.size - 1) / world.size) <=
                  (int64_t)sizeof *x * world.size);
        else
            CHECK(sent >= (world.size > 1) * bytes);
        cf_free(x);
    }
}

static void test_bcast(void)
{
    for (int s = 0; s < COUNT(sizes); s++)
        for (int root = 0; root < world.size; root++) {
            int64_t n = sizes[s];
            char *data = cf_alloc(n + 1, 1, "test");
            for (int64_t i = 0; i <= n; i++)
                data[i] =
                    world.rank == root ? (char)pick(2, i + root, 100) : 'x';
            data[n] = 'e'; /* not to be touched */
            cf_bcast(&world, data, n, root);
            for (int64_t i = 0; i < n; i++)
                CHECK(data[i] == (char)pick(2, i + root, 100));
            CHECK(data[n] == 'e');
            cf_free(data);
        }
}

/* Elements that rank `from` sends to rank `to`. */
static int64_t sent(int from, int to, int round)
{
    return sizes[pick(3, (from * 100 + to) * 10 + round, COUNT(sizes))];
}

/* Byte b of element i that rank `from` sends to rank `to`. */
static char cell(int from, int to, int64_t i, int64_t b)
{
    return (char)pick(4, (from * 31 + to) * 100000 + i * 24 + b, 128);
}

static void check_alltoallv(int round, int64_t width)
{
    int64_t *to = cf_alloc(2 * (int64_t)world.size, sizeof *to, "test");
    int64_t *from = to + world.size, out = 0, in = 0, at = 0;
    for (int r = 0; r < world.size; r++)
        out += to[r] = sent(world.rank, r, round);
    cf_alltoall_counts(&world, to, from);
    for (int r = 0; r < world.size; r++) {
        CHECK(from[r] == sent(r, world.rank, round));
        in += from[r];
    }
    char *send = cf_alloc(out * width, 1, "test");
    char *recv = cf_alloc(in * width, 1, "test");
    for (int r = 0; r < world.size; r++)
        for (int64_t i = 0; i < to[r]; i++)
            for (int64_t b = 0; b < width; b++)
                send[at++] = cell(world.rank, r, i, b);
    int64_t traffic = cf_traffic_sent();
    cf_alltoallv(&world, send, to, recv, from, (size_t)width);
    CHECK(cf_traffic_sent() - traffic == (out - to[world.rank]) * width);
    int64_t wrong = 0;
    at = 0;
    for (int r = 0; r < world.size; r++)
        for (int64_t i = 0; i < from[r]; i++)
            for (int64_t b = 0; b < width; b++)
                wrong += recv[at++] != cell(r, world.rank, i, b);
    CHECK(wrong == 0);
    cf_free(send);
    cf_free(recv);
    cf_free(to);
}

static void test_alltoallv(void)
{
    for (int round = 0; round < 4; round++) {
        check_alltoallv(round, 1);
        check_alltoallv(round, 8);
        check_alltoallv(round, 24);
    }
}

/* Row `row` of a matrix that all ranks can compute. */
static void fill_row(char *out, cf_gidx row, int64_t bytes)
{
    for (int64_t b = 0; b < bytes; b++)
        out[b] = (char)pick(5, row * 64 + b, 128);
}

static char *rows_of(cf_gidx begin, cf_gidx end, int64_t bytes)
{
    char *rows = cf_alloc((end - begin) * bytes, 1, "test");
    for (cf_gidx i = begin; i < end; i++)
        fill_row(rows + (i - begin) * bytes, i, bytes);
    return rows;
}

static void check_rows(const char *got, cf_gidx begin, cf_gidx end,
                       int64_t bytes)
{
    char *expected = rows_of(begin, end, bytes);
    CHECK(begin == end ||
          memcmp(got, expected, (size_t)((end - begin) * bytes)) == 0);
    cf_free(expected);
}

static void test_allgather(const cf_part *part, int64_t bytes)
{
    cf_gidx begin = part->begin[world.rank], end = part->begin[world.rank + 1];
    char *mine = rows_of(begin, end, bytes);
    char *all = cf_alloc(cf_part_rows(part) * bytes, 1, "test");
    cf_allgather_rows(&world, part, mine, all, (size_t)bytes);
    check_rows(all, 0, cf_part_rows(part), bytes);
    cf_free(mine);
    cf_free(all);
}

static void test_repartition(const cf_part *from, const cf_part *to,
                             int64_t bytes)
{
    char *mine =
        rows_of(from->begin[world.rank], from->begin[world.rank + 1], bytes);
    char *out = cf_alloc(cf_part_count(to, world.rank) * bytes, 1, "test");
    cf_repartition_rows(&world, from, mine, to, out, (size_t)bytes);
    check_rows(out, to->begin[world.rank], to->begin[world.rank + 1], bytes);
    cf_free(mine);
    cf_free(out);
}

/* Whole numbers, so that the order of the sum does not matter. */
static void test_reduce_scatter(const cf_part *part, int width)
{
    int64_t n = cf_part_rows(part) * width,
            count = cf_part_count(part, world.rank) * width;
    int64_t first = part->begin[world.rank] * width;
    double *all = cf_alloc(n, sizeof *all, "test");
    double *mine = cf_alloc(count, sizeof *mine, "test");
    for (int64_t i = 0; i < n; i++)
        all[i] = (double)pick(6, i * world.size + world.rank, 1000);
    cf_reduce_scatter_rows(&world, part, all, mine, width, MPI_DOUBLE);
    for (int64_t i = 0; i < count; i++) {
        int64_t sum = 0;
        for (int r = 0; r < world.size; r++)
            sum += pick(6, (first + i) * world.size + r, 1000);
        CHECK(same_number(mine[i], (double)sum));
    }
    cf_free(all);
    cf_free(mine);
}

static void test_rows(void)
{
    static const cf_gidx rows[] = {0, 1, 5, 1000, 2345};
    for (int i = 0; i < COUNT(rows); i++) {
        cf_part even = {0}, odd = {0}, last = {0};
        cf_part_even(&even, rows[i], world.size);
        uneven_part(&odd, rows[i], world.size);
        cf_part_copy(&last, &even); /* the last rank has all */
        for (int r = 1; r < world.size; r++)
            last.begin[r] = 0;
        const cf_part *parts[] = {&even, &odd, &last};
        for (int a = 0; a < 3; a++) {
            test_allgather(parts[a], 1);
            test_allgather(parts[a], 12);
            test_reduce_scatter(parts[a], 1);
            test_reduce_scatter(parts[a], 16);
            for (int b = 0; b < 3; b++)
                test_repartition(parts[a], parts[b], 12);
        }
        cf_part_free(&even);
        cf_part_free(&odd);
        cf_part_free(&last);
    }
    cf_part wide = {0}; /* one row alone is more than a tiny message */
    cf_part_even(&wide, 3, world.size);
    test_reduce_scatter(&wide, 1200);
    test_allgather(&wide, 1200);
    cf_part_free(&wide);
}

static void run_tests(void)
{
    test_scalars();
    test_allreduce();
    test_allreduce_traffic();
    test_bcast();
    test_alltoallv();
    test_rows();
}
