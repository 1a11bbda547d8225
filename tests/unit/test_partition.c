#include "test.h"

#include "cfmpi/partition.h"

static void check_part(const cf_part *p, cf_gidx rows, int size)
{
    cf_gidx largest = 0, sum = 0;
    CHECK(p->size == size && p->begin[0] == 0 && p->begin[size] == rows);
    CHECK(cf_part_rows(p) == rows);
    for (int r = 0; r < size; r++) {
        CHECK(p->begin[r] <= p->begin[r + 1]);
        CHECK(cf_part_count(p, r) == p->begin[r + 1] - p->begin[r]);
        largest = CF_MAX(largest, cf_part_count(p, r));
        sum += cf_part_count(p, r);
    }
    CHECK(cf_part_largest(p) == largest && sum == rows);
    for (cf_gidx i = 0; i < CF_MIN(rows, 500); i++) {
        int owner = cf_part_owner(p, i);
        CHECK(p->begin[owner] <= i && i < p->begin[owner + 1]);
    }
}

static void test_even(void)
{
    cf_part p = {0};
    for (int size = 1; size <= 9; size++)
        for (cf_gidx rows = 0; rows <= 30; rows++) {
            cf_part_even(&p, rows, size);
            check_part(&p, rows, size);
            for (int r = 0; r < size; r++)
                CHECK(cf_part_count(&p, r) == rows / size ||
                      cf_part_count(&p, r) == rows / size + 1);
        }
    cf_part_even(&p, INT64_MAX, 7);
    CHECK(p.begin[7] == INT64_MAX);
    CHECK(cf_part_owner(&p, INT64_MAX - 1) == 6);
    CHECK(cf_part_owner(&p, p.begin[3]) == 3 &&
          cf_part_owner(&p, p.begin[3] - 1) == 2);
    cf_part_free(&p);
    cf_part_free(&p);
    CHECK(p.begin == NULL);
}

static void test_empty_ranks(void)
{
    static const cf_gidx ends[][5] = {
        {0, 0, 0, 0, 9}, {9, 9, 9, 9, 9}, {0, 4, 4, 4, 9},
        {3, 3, 5, 5, 9}, {0, 0, 0, 0, 0},
    };
    for (int i = 0; i < COUNT(ends); i++) {
        cf_part p = {0}, q = {0};
        cf_part_even(&p, ends[i][4], 5);
        for (int r = 0; r < 5; r++)
            p.begin[r + 1] = ends[i][r];
        check_part(&p, ends[i][4], 5);
        cf_part_even(&q, 3, 2); /* a copy replaces what was there */
        cf_part_copy(&q, &p);
        CHECK(q.begin != p.begin);
        check_part(&q, ends[i][4], 5);
        CHECK(memcmp(q.begin, p.begin, 6 * sizeof *p.begin) == 0);
        cf_part_free(&p);
        cf_part_free(&q);
    }
}

static void run_tests(void)
{
    test_even();
    test_empty_ranks();
}
