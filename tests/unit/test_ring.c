#include "test.h"

#include "cfmpi/ring.h"

static char cell(int owner, int64_t i)
{
    return (char)pick(1, owner * 100000 + i, 128);
}

static int64_t wrong_bytes(const char *block, int owner, int64_t bytes)
{
    int64_t wrong = 0;
    for (int64_t i = 0; i < bytes; i++)
        wrong += block[i] != cell(owner, i);
    return wrong;
}

/* Sends every rank's block once round, two buffers taking turns. */
static void check_round(const int64_t *bytes)
{
    int64_t most = 0, sent = 0;
    cf_ring ring = {0};
    for (int r = 0; r < world.size; r++)
        most = CF_MAX(most, bytes[r]);
    char *buffer[2];
    for (int b = 0; b < 2; b++)
        buffer[b] = cf_calloc(most, 1, "block");
    for (int64_t i = 0; i < bytes[world.rank]; i++)
        buffer[0][i] = cell(world.rank, i);
    int64_t traffic = cf_traffic_sent();
    for (int step = 0; step < world.size; step++) {
        int owner = (world.rank + step) % world.size;
        int next = (owner + 1) % world.size;
        char *now = buffer[step % 2];
        cf_ring_begin(&ring, &world, now, bytes[owner], buffer[(step + 1) % 2],
                      bytes[next]);
        CHECK(wrong_bytes(now, owner, bytes[owner]) == 0);
        for (int i = 0; i < 3; i++)
            cf_ring_progress(&ring);
        cf_ring_end(&ring);
        CHECK(ring.requests == NULL && ring.count == 0);
        sent += bytes[owner];
    }
    /* Once round, a rank has its own block back. */
    CHECK(wrong_bytes(buffer[world.size % 2], world.rank, bytes[world.rank]) ==
          0);
    CHECK(cf_traffic_sent() - traffic == sent);
    cf_free(buffer[0]);
    cf_free(buffer[1]);
}

static void test_uneven(void)
{
    static const int64_t sizes[] = {0, 1, 7, 1000, 1001, 12345};
    int64_t bytes[64] = {0};
    for (int round = 0; round < 12; round++) {
        for (int r = 0; r < world.size; r++)
            bytes[r] = sizes[pick(2, round * 64 + r, COUNT(sizes))];
        check_round(bytes);
    }
}

static void test_even(void)
{
    static const int64_t sizes[] = {0, 1, 999, 1000, 4000, 100000};
    int64_t bytes[64];
    for (int s = 0; s < COUNT(sizes); s++) {
        for (int r = 0; r < world.size; r++)
            bytes[r] = sizes[s];
        check_round(bytes);
    }
}

/* {0} is a ring with nothing in flight. */
static void test_idle(void)
{
    cf_ring ring = {0};
    cf_ring_progress(&ring);
    cf_ring_end(&ring);
}

static void run_tests(void)
{
    CHECK(world.size <= 64);
    test_uneven();
    test_even();
    test_idle();
}
