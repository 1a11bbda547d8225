#include "test.h"

#include "cfmpi/crew.h"

#define PARTS 16

/* What the ranks of this machine share. */
typedef struct common {
    int32_t met[PARTS][PARTS], done[64];
    uint8_t held[2][PARTS];
    int32_t wrong;
} common;

typedef struct job {
    cf_crew *crew;
    common *all;
    bool same, slow;
} job;

static void hold(job *j, int side, int part, int by)
{
    uint8_t *held = &j->all->held[j->same ? 0 : side][part];
    if (__atomic_add_fetch(held, (uint8_t)by, __ATOMIC_SEQ_CST) != (by == 1))
        __atomic_add_fetch(&j->all->wrong, 1, __ATOMIC_SEQ_CST);
}

static void meet(int thread, int x, int y, void *data)
{
    job *j = data;
    (void)thread;
    hold(j, 0, x, 1);
    if (!j->same || x != y)
        hold(j, 1, y, 1);
    usleep(j->slow ? 5000 : 100);
    __atomic_add_fetch(&j->all->met[x][y], 1, __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&j->all->done[j->crew->here.rank], 1, __ATOMIC_SEQ_CST);
    hold(j, 0, x, -1);
    if (!j->same || x != y)
        hold(j, 1, y, -1);
}

static void count(int thread, void *data)
{
    job *j = data;
    (void)thread;
    for (int64_t at; (at = cf_crew_next(j->crew)) < PARTS;)
        __atomic_add_fetch(&j->all->met[at][0], 1, __ATOMIC_SEQ_CST);
}

static int met_wrongly(const common *all, int others, bool same)
{
    int wrong = all->wrong;
    for (int x = 0; x < PARTS; x++)
        for (int y = 0; y < PARTS; y++)
            wrong += all->met[x][y] != (y < others && (!same || x <= y));
    return wrong;
}

static void check(cf_crew *crew, common *all, int others, bool same, bool slow)
{
    const cf_par *here = &crew->here;
    job j = {crew, all, same, slow && here->rank == 0};
    cf_crew_pairs(crew, PARTS, others, same, meet, &j);
    CHECK(met_wrongly(all, others, same) == 0);
    /* The slow do less. */
    if (slow && here->size > 1)
        CHECK(all->done[0] < PARTS * others / here->size);
    cf_crew_meet(crew);
    if (here->rank == 0)
        *all = (common){.wrong = 0};
    cf_crew_meet(crew);
    cf_crew_run(crew, count, &j);
    int wrong = 0;
    for (int x = 0; x < PARTS; x++)
        wrong += all->met[x][0] != 1;
    CHECK(wrong == 0);
    cf_crew_meet(crew);
    if (here->rank == 0)
        *all = (common){.wrong = 0};
    cf_crew_meet(crew);
}

static void test_nodes(void)
{
    cf_nodes n;
    setenv("CFMPI_NODES", "aba", 1);
    cf_nodes_begin(&n, &world, false);
    CHECK(n.count == CF_MIN(world.size, 2));
    CHECK(n.own == (world.rank % 3 == 1));
    CHECK(cf_nodes_size(&n, n.own) == n.here.size);
    CHECK(n.ranks[n.begin[n.own] + n.here.rank] == world.rank);
    cf_nodes_end(&n);
    cf_nodes_end(&n);
    cf_nodes_begin(&n, &world, world.rank == 0);
    CHECK(n.own == (world.rank == 0 ? 0 : world.rank % 3 == 1 ? 1 : 2));
    CHECK(n.here.size == 1 || world.rank > 0);
    cf_nodes_end(&n);
    unsetenv("CFMPI_NODES");
}

static void run_tests(void)
{
    cf_nodes n;
    cf_shared memory;
    cf_crew crew;
    test_nodes();
    CHECK(!cf_shared_fits(&world, (int64_t)1 << 60 >> 7));
    cf_nodes_begin(&n, &world, false);
    n.here.threads = 2;
    int64_t board = (cf_crew_bytes(2 * n.here.size) + 63) / 64 * 64;
    int64_t before = cf_memory_now();
    cf_shared_begin(&memory, &n.here, board + (int64_t)sizeof(common), "test");
    CHECK(cf_memory_now() > before);
    cf_crew_begin(&crew, &n.here, memory.at, &memory, 1);
    common *all = (common *)(void *)(memory.at + board);
    check(&crew, all, PARTS, true, false);
    check(&crew, all, PARTS, false, false);
    check(&crew, all, 3, false, false);
    check(&crew, all, PARTS, false, true);
    cf_crew_end(&crew);
    cf_shared_end(&memory);
    CHECK(cf_memory_now() == before);
    cf_nodes_end(&n);
}
