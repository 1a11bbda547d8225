#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "cfmpi/memory.h"
#include "cfmpi/random.h"
#include "cfmpi/synth.h"

/* What a data set adds up to; sums, so that ranks may share the blocks. */
typedef struct totals {
    int64_t users, ratings, half_stars, out_of_order, out_of_range;
    int64_t fewest, most; /* ratings of a user */
    uint64_t digest;
} totals;

static void add_user(totals *t, const cf_synth *s, const cf_synth_block *b,
                     int64_t u, int64_t *item_counts)
{
    int64_t begin = b->begin[u], end = b->begin[u + 1];
    t->users++;
    t->ratings += end - begin;
    t->fewest = CF_MIN(t->fewest, end - begin);
    t->most = CF_MAX(t->most, end - begin);
    for (int64_t i = begin; i < end; i++) {
        int64_t item = b->item[i];
        int stars = b->half_stars[i];
        t->out_of_order += i > begin && b->item[i - 1] >= item;
        bool known = item >= 1 && item <= s->shape.items;
        t->out_of_range += !known || stars < 1 || stars > 10 || b->time[i] < 0;
        t->half_stars += stars;
        t->digest += cf_random_bits((uint64_t)(b->first + u),
                                    (uint64_t)item << 8 | (uint64_t)stars,
                                    (uint64_t)b->time[i]);
        if (known)
            item_counts[item - 1]++;
    }
}

/* Blocks first, first + step, ... of the data set. */
static totals add_blocks(const cf_synth *s, int64_t first, int64_t step,
                         int64_t *item_counts)
{
    totals t = {.fewest = INT64_MAX};
    cf_synth_block b = {0};
    for (int64_t i = first; i < s->blocks; i += step) {
        cf_synth_fill(s, i, &b);
        t.out_of_order += b.first != i * s->block_users + 1;
        for (int64_t u = 0; u < b.users; u++)
            add_user(&t, s, &b, u, item_counts);
    }
    cf_synth_block_free(&b);
    return t;
}

/* Makes the data set with all ranks, each its share of the blocks. */
static totals make(cf_synth_shape shape, int64_t *item_counts)
{
    cf_synth s = {0};
    CHECK(cf_synth_open(&s, &world, shape) == CF_OK);
    totals t = add_blocks(&s, world.rank, world.size, item_counts);
    cf_synth_free(&s);
    cf_allreduce(&world, item_counts, shape.items, MPI_INT64_T, MPI_SUM);
    t.users = cf_sum_i64(&world, t.users);
    t.ratings = cf_sum_i64(&world, t.ratings);
    t.half_stars = cf_sum_i64(&world, t.half_stars);
    t.out_of_order = cf_sum_i64(&world, t.out_of_order);
    t.out_of_range = cf_sum_i64(&world, t.out_of_range);
    t.fewest = cf_min_i64(&world, t.fewest);
    t.most = cf_max_i64(&world, t.most);
    t.digest = (uint64_t)cf_sum_i64(&world, (int64_t)t.digest);
    return t;
}

static void test_exact(cf_synth_shape shape)
{
    int64_t *counts = cf_calloc(shape.items, sizeof *counts, "counts");
    totals t = make(shape, counts);
    CHECK(t.users == shape.users);
    CHECK(t.ratings == shape.ratings);
    CHECK(t.out_of_order == 0); /* ascending, hence distinct */
    CHECK(t.out_of_range == 0);
    CHECK(t.fewest >= 1);
    CHECK(t.most <= shape.items);
    cf_free(counts);
}

static void test_shapes(void)
{
    const cf_synth_shape shapes[] = {
        {1, 1, 1, 1},          {2, 1, 500, 500},
        {3, 1, 500, 1},        {4, 500, 1, 500},
        {5, 3, 7, 21},         {6, 3, 7, 20},
        {7, 40, 30, 1200},     {8, 40, 30, 1199},
        {9, 1000, 5000, 1000}, {10, 65, 3, 66},
        {11, 200, 90, 9000},   {12, 2, 20000, 30000},
        {0, 129, 1000, 64500}, {UINT64_MAX, 300, 64, 4000},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        test_exact(shapes[i]);
}

static void test_impossible(void)
{
    const cf_synth_shape shapes[] = {
        {1, 10, 10, 9},          {1, 10, 10, 101},
        {1, 0, 10, 10},          {1, 10, 0, 10},
        {1, 10, 10, -1},         {1, (int64_t)1 << 40, 1, (int64_t)1 << 40},
        {1, 10, INT64_MAX, 100},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        cf_synth s = {0};
        CHECK(cf_synth_open(&s, &world, shapes[i]) == CF_USAGE);
        CHECK(strlen(cf_error_message()) > 0);
        cf_error_clear();
        cf_synth_free(&s);
    }
}

/* The data of one rank alone, of all ranks, and of the machine on which this
 * was written. */
static void test_same_everywhere(void)
{
    cf_synth_shape shape = {20, 1500, 800, 90000};
    int64_t *counts = cf_calloc(800, sizeof *counts, "counts");
    int64_t *alone_counts = cf_calloc(800, sizeof *counts, "counts");
    cf_par self;
    cf_synth s = {0};
    totals together = make(shape, counts);
    cf_par_init(&self, MPI_COMM_SELF);
    CHECK(cf_synth_open(&s, &self, shape) == CF_OK);
    totals alone = add_blocks(&s, 0, 1, alone_counts);
    CHECK(together.digest == alone.digest);
    CHECK(together.digest == UINT64_C(0x5e0f799e982d2ff9));
    CHECK(memcmp(counts, alone_counts, 800 * sizeof *counts) == 0);
    cf_synth_free(&s);
    cf_free(alone_counts);
    shape.seed++;
    CHECK(make(shape, counts).digest != alone.digest);
    cf_free(counts);
}

static int descending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x < y) - (x > y);
}

/* MovieLens-1M's shape: its best-known film has 3,428 ratings, its median one
 * 123; the median user has 96, the busiest one 2,314. */
static void test_marginals(void)
{
    cf_synth_shape shape = {21, 6040, 3706, 1000209};
    int64_t *counts = cf_calloc(3706, sizeof *counts, "counts");
    totals t = make(shape, counts);
    int64_t first_half = 0;
    for (int i = 0; i < 1853; i++)
        first_half += counts[i];
    CHECK(first_half > 400000 && first_half < 600000); /* not by id */
    qsort(counts, 3706, sizeof *counts, descending);
    CHECK(counts[0] > 2000 && counts[0] < 4500);
    CHECK(counts[1853] > 10 && counts[1853] < 200);
    CHECK(t.fewest >= 20);
    CHECK(t.most > 1000 && t.most <= 2314);
    double mean = (double)t.half_stars / 2.0 / (double)t.ratings;
    CHECK(mean > 3.2 && mean < 3.8);
    cf_free(counts);
}

/* Users rate items of their taste more often and higher. */
static void test_taste(void)
{
    cf_synth s = {0};
    cf_synth_block b = {0};
    int64_t count[2] = {0}, stars[2] = {0};
    const char *taste[2];
    CHECK(cf_synth_open(&s, &world, (cf_synth_shape){22, 400, 2000, 20000}) ==
          CF_OK);
    for (int64_t i = 0; i < s.blocks; i++) {
        cf_synth_fill(&s, i, &b);
        for (int64_t u = 0; u < b.users; u++) {
            cf_synth_taste(&s, b.first + u, taste);
            CHECK(strcmp(taste[0], taste[1]) != 0);
            for (int64_t j = b.begin[u]; j < b.begin[u + 1]; j++) {
                const char *genre = cf_synth_genre(&s, b.item[j]);
                int own = strcmp(genre, taste[0]) == 0;
                count[own]++;
                stars[own] += b.half_stars[j];
            }
        }
    }
    CHECK(count[1] > count[0] * 2 / 3); /* by chance: a seventh */
    CHECK((double)stars[1] / (double)count[1] >
          (double)stars[0] / (double)count[0] + 1.0);
    cf_synth_block_free(&b);
    cf_synth_free(&s);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* More items than there are pairs and triples of words. */
static void test_titles(void)
{
    const int64_t items = 60000;
    cf_synth s = {0};
    cf_text text = {0};
    char **titles = cf_alloc(items, sizeof *titles, "titles");
    int64_t commas = 0, same = 0, unnamed = 0;
    CHECK(cf_synth_open(&s, &world, (cf_synth_shape){23, 10, items, 100}) ==
          CF_OK);
    for (int64_t i = 0; i < items; i++) {
        cf_text_clear(&text);
        cf_synth_title(&s, i + 1, &text);
        titles[i] = cf_alloc(text.length + 1, 1, "title");
        memcpy(titles[i], text.data, (size_t)text.length + 1);
        char *year = strrchr(titles[i], '(');
        CHECK(year != NULL && atoi(year + 1) > 1930 && atoi(year + 1) < 2020);
        *year = '\0'; /* titles differ without the year */
        commas += strchr(titles[i], ',') != NULL;
        unnamed += strstr(titles[i], "null") != NULL;
    }
    qsort(titles, (size_t)items, sizeof *titles, by_text);
    for (int64_t i = 0; i + 1 < items; i++)
        same += strcmp(titles[i], titles[i + 1]) == 0;
    CHECK(same == 0);
    CHECK(unnamed == 0);
    CHECK(commas > items / 100 && commas < items / 10);
    for (int64_t i = 0; i < items; i++)
        cf_free(titles[i]);
    cf_free(titles);
    cf_text_free(&text);
    cf_synth_free(&s);
}

static void test_split(void)
{
    cf_synth s = {0};
    int64_t out = 0, none = 0;
    CHECK(cf_synth_open(&s, &world, (cf_synth_shape){24, 100, 100, 100}) ==
          CF_OK);
    for (int64_t u = 1; u <= 100; u++)
        for (int64_t i = 1; i <= 100; i++) {
            out += cf_synth_held_out(&s, u, i, 0.1);
            none += cf_synth_held_out(&s, u, i, 0.0);
        }
    CHECK(none == 0);
    CHECK(out > 850 && out < 1150);
    cf_synth_free(&s);
}

static void run_tests(void)
{
    int64_t before = cf_memory_now();
    test_shapes();
    test_impossible();
    test_same_everywhere();
    test_marginals();
    test_taste();
    test_titles();
    test_split();
    CHECK(cf_memory_now() == before);
}
