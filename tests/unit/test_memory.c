#include "test.h"

#include "cfmpi/cpu.h"

static void test_accounting(void)
{
    int64_t before = cf_memory_now();
    double *x = cf_alloc(1000, sizeof *x, "test");
    CHECK(cf_memory_now() == before + 8000);
    CHECK(cf_memory_peak() >= before + 8000);
    char *y = cf_calloc(12345, 1, "test");
    CHECK(cf_memory_now() == before + 8000 + 12345);
    int64_t peak = cf_memory_peak();
    CHECK(peak >= before + 8000 + 12345);
    for (int i = 0; i < 12345; i++)
        CHECK(y[i] == 0);
    cf_free(x);
    CHECK(cf_memory_now() == before + 12345);
    cf_free(y);
    cf_free(NULL);
    CHECK(cf_memory_now() == before);
    CHECK(cf_memory_peak() == peak);
    x = cf_alloc(peak, 2, "test"); /* surely more than ever before */
    CHECK(cf_memory_peak() == before + 2 * peak);
    cf_free(x);
}

static void test_realloc(void)
{
    int64_t before = cf_memory_now();
    int64_t *x = cf_realloc(NULL, 10, sizeof *x, "test");
    for (int i = 0; i < 10; i++)
        x[i] = i;
    x = cf_realloc(x, 100000, sizeof *x, "test");
    for (int i = 0; i < 10; i++)
        CHECK(x[i] == i);
    CHECK(cf_memory_now() == before + 800000);
    x = cf_realloc(x, 5, sizeof *x, "test");
    for (int i = 0; i < 5; i++)
        CHECK(x[i] == i);
    CHECK(cf_memory_now() == before + 40);
    x = cf_realloc(x, 0, sizeof *x, "test");
    CHECK(x != NULL && cf_memory_now() == before);
    cf_free(x);
}

static void test_shapes(void)
{
    static const int64_t counts[] = {0, 1, 7, 63, 64, 65, 1000, 4095};
    for (int i = 0; i < COUNT(counts); i++)
        for (size_t size = 1; size <= 48; size += 47) {
            char *p = cf_alloc(counts[i], size, "test");
            CHECK(p != NULL && (uintptr_t)p % 64 == 0);
            memset(p, 1, (size_t)counts[i] * size);
            cf_free(p);
        }
}

/* Arrays about the size of a large page, and over several of them. */
static void test_large(void)
{
    const int64_t page = (int64_t)2 << 20;
    const int64_t sizes[] = {page - 1,     page,         page + 1,
                             2 * page - 1, 2 * page + 1, 9 * page + 12345};
    int64_t before = cf_memory_now();
    for (int i = 0; i < COUNT(sizes); i++) {
        char *p = cf_calloc(sizes[i], 1, "test");
        CHECK((uintptr_t)p % (sizes[i] < page ? 64 : (uintptr_t)page) == 0);
        CHECK(cf_memory_now() == before + sizes[i]);
        CHECK(p[0] == 0 && p[sizes[i] - 1] == 0);
        memset(p, 1, (size_t)sizes[i]);
        p = cf_realloc(p, sizes[i] + page, 1, "test");
        CHECK(p[0] == 1 && p[sizes[i] - 1] == 1);
        CHECK(cf_memory_now() == before + sizes[i] + page);
        p = cf_realloc(p, 100, 1, "test");
        CHECK((uintptr_t)p % 64 == 0 && p[0] == 1 && p[99] == 1);
        CHECK(cf_memory_now() == before + 100);
        cf_free(p);
        CHECK(cf_memory_now() == before);
    }
}

/* Arrays on small pages serve only others such; any freed array serves
 * them. */
static void test_streamed(void)
{
    const int64_t bytes = (int64_t)16 << 20;
    int64_t before = cf_memory_now();
    /* More than ever before, so that nothing is kept. */
    char *all = cf_alloc(cf_memory_peak() - before + bytes, 1, "test");
    char *random = cf_alloc(bytes, 1, "test");
    char *streamed = cf_alloc_streamed(bytes, 1, "test");
    memset(random, 1, (size_t)bytes);
    memset(streamed, 2, (size_t)bytes);
    cf_free(streamed);
    char *other = cf_alloc(bytes, 1, "test");
#ifndef CF_SANITIZED /* nothing is kept there */
    CHECK(other != streamed);
#endif
    char *again = cf_alloc_streamed(bytes, 1, "test");
    cf_free(random);
    random = cf_alloc_streamed(bytes, 1, "test");
    memset(random, 3, (size_t)bytes);
    memset(again, 4, (size_t)bytes);
    CHECK(random[0] == 3 && random[bytes - 1] == 3);
    cf_free(again);
    cf_free(other);
    cf_free(random);
    cf_free(all);
    CHECK(cf_memory_now() == before);
}

/* What is freed goes back, whatever its size: a leak of the large ones would
 * be 2 GiB. */
static void test_freed(void)
{
    int64_t before = cf_memory_process_peak();
    for (int i = 0; i < 512; i++)
        cf_free(cf_calloc((int64_t)4 << 20, 1, "test"));
#ifdef CF_SANITIZED /* keeps what is freed for a while */
    CHECK(cf_memory_process_peak() >= before);
#else
    CHECK(cf_memory_process_peak() < before + ((int64_t)64 << 20));
#endif
}

/* What is freed serves the next arrays, whole or in parts, beside arrays that
 * stay; zeros are zeros again, and the process never holds more than the peak
 * of its arrays. */
static void test_reuse(void)
{
    const int64_t page = (int64_t)2 << 20;
    char *kept[16], *other[16];
    int64_t room = cf_memory_peak() - cf_memory_now() + 64 * page;
    char *all = cf_alloc(room, 1, "test");
    memset(all, 1, (size_t)room);
    cf_free(all);
    int64_t most = cf_memory_process_peak();
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 16; i++) {
            int64_t bytes = (1 + (i * 7 + round) % 3) * page + 1000 * i;
            kept[i] = cf_calloc(bytes, 1, "test");
            for (int64_t at = 0; at < bytes; at += 512)
                CHECK(kept[i][at] == 0);
            memset(kept[i], i + 1, (size_t)bytes);
        }
        for (int i = round % 2; i < 16; i += 2)
            cf_free(kept[i]);
        for (int i = round % 2; i < 16; i += 2) {
            other[i] = cf_alloc(page + 4096 * i, 1, "test");
            memset(other[i], 100, (size_t)(page + 4096 * i));
        }
        for (int i = 1 - round % 2; i < 16; i += 2) {
            CHECK(kept[i][0] == i + 1 && kept[i][page - 1] == i + 1);
            cf_free(kept[i]);
        }
        for (int i = round % 2; i < 16; i += 2)
            cf_free(other[i]);
    }
#ifndef CF_SANITIZED
    CHECK(cf_memory_process_peak() < most + 8 * page);
#else
    (void)most;
#endif
}

/* Up to the limit, and over it once it is lifted. */
static void test_limit(void)
{
    cf_memory_limit(cf_memory_now() + 1000);
    char *p = cf_alloc(1000, 1, "test");
    cf_free(p);
    p = cf_alloc(600, 1, "test");
    cf_memory_limit(0);
    char *q = cf_alloc(5000, 1, "test");
    cf_free(q);
    cf_free(p);
}

static void run_tests(void)
{
    test_accounting();
    test_realloc();
    test_shapes();
    test_large();
    test_streamed();
    test_freed();
    test_reuse();
    test_limit();
    CHECK(cf_memory_process_peak() > (int64_t)1 << 20);
}
