#include "test.h"

static void test_all_well(void)
{
    cf_error_clear();
    CHECK(cf_agree(&world, CF_OK) == CF_OK);
    CHECK(strcmp(cf_error_message(), "") == 0);
}

/* The ranks whose bit is set fail, each in its own way. */
static void check_failures(unsigned mask)
{
    char text[64], expected[64];
    int first = 0, status = CF_OK;
    while (!(mask & (1u << first)))
        first++;
    if (mask & (1u << world.rank))
        status = cf_fail(CF_USAGE + world.rank, "rank %d fails", world.rank);
    status = cf_agree(&world, status);
    snprintf(expected, sizeof expected, "rank %d fails", first);
    snprintf(text, sizeof text, "%s", cf_error_message());
    CHECK(status == CF_USAGE + first);
    CHECK(strcmp(text, expected) == 0);
    CHECK(same_on_all(text, (int64_t)strlen(expected)));
    CHECK(cf_agree(&world, status) == status); /* agreed again */
    CHECK(strcmp(cf_error_message(), expected) == 0);
    cf_error_clear();
}

static void test_failures(void)
{
    for (unsigned mask = 1; mask < 1u << world.size; mask++)
        check_failures(mask);
}

static void test_messages(void)
{
    char big[2 * CF_ERROR_MAX];
    memset(big, 'm', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    CHECK(cf_fail(CF_IO, "the first") == CF_IO);
    CHECK(cf_fail(CF_USAGE, "the second") == CF_USAGE);
    CHECK(strcmp(cf_error_message(), "the first") == 0);
    cf_error_set("another rank's");
    CHECK(strcmp(cf_error_message(), "another rank's") == 0);
    cf_error_clear();
    CHECK(strcmp(cf_error_message(), "") == 0);
    int status = cf_fail(CF_BAD_DATA, "%s", big);
    CHECK(cf_agree(&world, status) == CF_BAD_DATA);
    CHECK(strlen(cf_error_message()) == CF_ERROR_MAX - 1);
    cf_error_clear();
}

static void test_nodes(void)
{
    int nodes = 0, node_rank = -1;
    cf_par_nodes(&world, &nodes, &node_rank);
    CHECK(nodes >= 1 && nodes <= world.size);
    CHECK(node_rank >= 0 && node_rank <= world.rank);
    CHECK(cf_sum_i64(&world, node_rank == 0) == nodes);
    cf_par self = one_rank();
    CHECK(self.size == 1 && self.rank == 0);
    cf_par_nodes(&self, &nodes, &node_rank);
    CHECK(nodes == 1 && node_rank == 0);
    CHECK(cf_agree(&self, CF_OK) == CF_OK);
    CHECK(cf_error_rank == world.rank);
}

static void run_tests(void)
{
    test_all_well();
    test_failures();
    test_messages();
    test_nodes();
}
