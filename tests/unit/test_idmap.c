#include "test.h"

#include "cfmpi/idmap.h"

/* Distinct ids that look like nothing in particular, extremes among them. */
static int64_t nth_id(int64_t i)
{
    static const int64_t special[] = {
        0, -1, 1, INT64_MIN, INT64_MAX, INT64_MIN + 1, 1 << 20};
    if (i < COUNT(special))
        return special[i];
    uint64_t bits = cf_random_bits(7, 1, (uint64_t)i);
    int shift = (int)(bits % 3) * 20; /* small, large and huge ones */
    return (int64_t)bits >> shift;
}

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Ids 0 .. n-1 of nth_id in ascending order, to compare with. */
static int64_t *all_sorted(int64_t n)
{
    int64_t *ids = cf_alloc(n, sizeof *ids, "test");
    for (int64_t i = 0; i < n; i++)
        ids[i] = nth_id(i);
    qsort(ids, (size_t)n, sizeof *ids, ascending);
    for (int64_t i = 1; i < n; i++)
        CHECK(ids[i] > ids[i - 1]);
    return ids;
}

static int64_t place_of(const int64_t *sorted, int64_t n, int64_t id)
{
    const int64_t *p =
        n > 0 ? bsearch(&id, sorted, (size_t)n, sizeof id, ascending) : NULL;
    return p != NULL ? p - sorted : -1;
}

/* How ids are dealt out. */
enum deal { ONE_EACH, SOME_TWICE, ALL_EVERYWHERE, ONE_RANK, DEALS };

static bool has(enum deal deal, int64_t i, int rank)
{
    switch (deal) {
    case ONE_EACH: return i % world.size == rank;
    case SOME_TWICE:
        return i % world.size == rank || pick(2, i * 64 + rank, 3) == 0;
    case ALL_EVERYWHERE: return true;
    case ONE_RANK: return rank == world.size / 2;
    case DEALS: break;
    }
    return false;
}

static void check_find(const cf_idmap *map, const int64_t *sorted, int64_t n)
{
    int64_t count = 0, *ask = cf_alloc(2 * n + 4, sizeof *ask, "test");
    cf_gidx *index = cf_alloc(2 * n + 4, sizeof *index, "test");
    int64_t *back = cf_alloc(2 * n + 4, sizeof *back, "test");
    for (int64_t i = n - 1; i >= 0; i -= world.rank + 1) {
        ask[count++] = nth_id(i);
        ask[count++] = nth_id(i) / 2 + 12345; /* most likely unknown */
    }
    ask[count++] = INT64_MAX;
    ask[count++] = INT64_MIN;
    ask[count++] = 3;
    ask[count++] = 3; /* twice */
    if (world.rank == world.size - 1 && world.size > 1)
        count = 0; /* asks nothing, and takes part */
    cf_idmap_find(map, &world, ask, count, index);
    for (int64_t i = 0; i < count; i++)
        CHECK(index[i] == place_of(sorted, n, ask[i]));
    cf_idmap_ids(map, &world, index, count, back);
    for (int64_t i = 0; i < count; i++)
        CHECK(back[i] == (index[i] < 0 ? 0 : ask[i]));
    cf_free(ask);
    cf_free(index);
    cf_free(back);
}

static void check_map(enum deal deal, int64_t n)
{
    cf_idmap map = {0};
    int64_t count = 0, *sorted = all_sorted(n);
    int64_t *ids = cf_alloc(n, sizeof *ids, "test");
    cf_gidx *index = cf_alloc(n, sizeof *index, "test");
    for (int64_t i = 0; i < n; i++)
        if (has(deal, i, world.rank))
            ids[count++] = nth_id(i);
    cf_idmap_build(&map, &world, ids, count, index);
    for (int64_t i = 0; i < count; i++)
        CHECK(index[i] == place_of(sorted, n, ids[i]));
    CHECK(cf_part_rows(&map.part) == n);
    cf_gidx begin = map.part.begin[world.rank];
    for (int64_t i = 0; i < cf_part_count(&map.part, world.rank); i++)
        CHECK(map.ids[i] == sorted[begin + i]);
    check_find(&map, sorted, n);
    cf_free(sorted);
    cf_free(ids);
    cf_free(index);
    cf_idmap_free(&map);
    cf_idmap_free(&map);
}

static void test_maps(void)
{
    static const int64_t sizes[] = {0, 1, 2, 3, 7, 100, 3000};
    for (int deal = 0; deal < DEALS; deal++)
        for (int s = 0; s < COUNT(sizes); s++)
            check_map((enum deal)deal, sizes[s]);
}

/* No rank gets much more than its share. */
static void test_balance(void)
{
    const int64_t n = 20000;
    cf_idmap map = {0};
    int64_t *ids = cf_alloc(n, sizeof *ids, "test");
    cf_gidx *index = cf_alloc(n, sizeof *index, "test");
    for (int64_t i = 0; i < n; i++)
        ids[i] = world.rank * n + i * i;
    cf_idmap_build(&map, &world, ids, n, index);
    cf_gidx rows = cf_part_rows(&map.part);
    CHECK(cf_part_largest(&map.part) <= 2 * rows / world.size);
    cf_free(ids);
    cf_free(index);
    cf_idmap_free(&map);
}

/* A map as it is read from a file: evenly split, with ranks that have none.
 */
static void test_even_split(void)
{
    static const int64_t sizes[] = {0, 1, 2, 5, 64};
    for (int s = 0; s < COUNT(sizes); s++) {
        cf_idmap map = {0};
        int64_t *sorted = all_sorted(sizes[s]);
        cf_part_even(&map.part, sizes[s], world.size);
        int64_t n = cf_part_count(&map.part, world.rank);
        map.ids = cf_alloc(n, sizeof *map.ids, "test");
        for (int64_t i = 0; i < n; i++)
            map.ids[i] = sorted[map.part.begin[world.rank] + i];
        check_find(&map, sorted, sizes[s]);
        cf_free(sorted);
        cf_idmap_free(&map);
    }
}

static void test_table(void)
{
    const int64_t n = 5000;
    cf_idtable t = {0};
    cf_idtable_free(&t);
    for (int64_t i = 0; i < n; i++)
        CHECK(cf_idtable_add(&t, nth_id(i)) == i);
    for (int64_t i = n - 1; i >= 0; i--)
        CHECK(cf_idtable_add(&t, nth_id(i)) == i);
    CHECK(t.count == n);
    for (int64_t i = 0; i < n; i++)
        CHECK(t.ids[i] == nth_id(i));
    cf_idtable_free(&t);
    cf_idtable_free(&t);
    for (int64_t i = 0; i < n; i++) /* multiples of a large power of two */
        CHECK(cf_idtable_add(&t, (i - n / 2) * ((int64_t)1 << 50)) == i);
    cf_idtable_free(&t);
}

static void run_tests(void)
{
    test_maps();
    test_balance();
    test_even_split();
    test_table();
}
