#include "test.h"

#include "../../src/matrix/id_lists.h"

/* ---- lists of either kind, from numbers ---- */

/* Strings of different lengths; some are the beginning of others. */
static void make_ids(cf_ids *ids, bool text, const int64_t *number, int64_t n)
{
    cf_ids_make(ids, text, n, text ? 24 * n : 0);
    for (int64_t i = 0; i < n; i++) {
        if (!text) {
            ids->number[i] = number[i];
            continue;
        }
        char s[24];
        int length = snprintf(s, sizeof s, "%.*s%" PRId64, (int)(number[i] & 3),
                              "aab", number[i]);
        memcpy(ids->bytes + ids->begin[i], s, (size_t)length);
        ids->begin[i + 1] = ids->begin[i] + length;
    }
}

static bool same_id(const cf_ids *a, int64_t i, const cf_ids *b, int64_t j)
{
    return a->text == b->text && cf_ids_compare(a, i, b, j) == 0;
}

/* ---- sorting ---- */

enum order { UP, DOWN, EQUAL, RUNS, SAW, RANDOM, FEW, ORDERS };

static int64_t nth_number(enum order order, int64_t i, int64_t n)
{
    switch (order) {
    case UP: return i - n / 2;
    case DOWN: return n - i;
    case EQUAL: return 7;
    case RUNS: return i % 97 * 1000 + i / 97;
    case SAW: return i % 2 ? i : -i;
    case RANDOM: return (int64_t)cf_random_bits(7, 1, (uint64_t)i);
    case FEW: return pick(2, i, 5);
    case ORDERS: break;
    }
    return 0;
}

static void check_sort(enum order order, bool text, int64_t n)
{
    cf_ids ids = {0};
    int64_t *number = cf_alloc(n, sizeof *number, "test");
    int64_t *place = cf_alloc(n, sizeof *place, "test");
    bool *seen = cf_calloc(n, sizeof *seen, "test");
    for (int64_t i = 0; i < n; i++)
        number[i] = nth_number(order, i, n);
    make_ids(&ids, text, number, n);
    cf_ids_sort(&ids, place);
    for (int64_t i = 0; i < n; i++) {
        CHECK(place[i] >= 0 && place[i] < n && !seen[place[i]]);
        seen[place[i]] = true;
        if (i == 0)
            continue;
        int less = cf_ids_compare(&ids, place[i - 1], &ids, place[i]);
        CHECK(less < 0 || (less == 0 && place[i - 1] < place[i]));
    }
    cf_ids_free(&ids);
    cf_free(number);
    cf_free(place);
    cf_free(seen);
}

static void test_sort(void)
{
    static const int64_t sizes[] = {0, 1, 2, 3, 5, 64, 1000, 4097};
    for (int order = 0; order < ORDERS; order++)
        for (int i = 0; i < COUNT(sizes); i++) {
            check_sort((enum order)order, false, sizes[i]);
            check_sort((enum order)order, true, sizes[i]);
        }
}

/* ---- all to all ---- */

/* What `from` sends to `to`; nothing in many cases, much in some. */
static int64_t count_of(int from, int to, int round)
{
    int64_t kind = pick(3, (round * 64 + from) * 64 + to, 4);
    return kind < 2 ? 0 : kind == 2 ? 3 : 700;
}

static int64_t number_of(int from, int to, int64_t i)
{
    return pick(4, (from * 64 + to) * 1000 + i, 1 << 30);
}

static void check_alltoall(bool text, int round)
{
    int64_t to[64], from[64], n = 0, at = 0;
    cf_ids send = {0}, got = {0}, one = {0};
    int64_t *number =
        cf_alloc(700 * (int64_t)world.size, sizeof *number, "test");
    for (int r = 0; r < world.size; r++) {
        to[r] = count_of(world.rank, r, round);
        from[r] = count_of(r, world.rank, round);
        for (int64_t i = 0; i < to[r]; i++)
            number[n++] = number_of(world.rank, r, i);
    }
    make_ids(&send, text, number, n);
    cf_ids_make(&got, !text, 3, 5); /* freed by what comes */
    cf_ids_alltoall(&got, &world, &send, to, from);
    for (int r = 0; r < world.size; r++)
        for (int64_t i = 0; i < from[r]; i++) {
            int64_t expected = number_of(r, world.rank, i);
            make_ids(&one, text, &expected, 1);
            CHECK(at < got.count && same_id(&got, at++, &one, 0));
        }
    CHECK(got.count == at && got.text == text);
    cf_ids_free(&send);
    cf_ids_free(&got);
    cf_ids_free(&one);
    cf_free(number);
}

static void test_alltoall(void)
{
    for (int round = 0; round < 8; round++) {
        check_alltoall(false, round);
        check_alltoall(true, round);
    }
}

static void run_tests(void)
{
    test_sort();
    test_alltoall();
}
