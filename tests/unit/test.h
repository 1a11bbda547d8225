/* A unit test is a program run by any number of ranks; it counts what does
 * not hold, on all ranks together, and exits nonzero when anything did not. */
#ifndef CFMPI_TEST_H
#define CFMPI_TEST_H

#include <stdio.h>

#include "cfmpi/context.h"
#include "cfmpi/exchange.h"

static cf_par world;
static int64_t failures;

#define CHECK(condition)                                                   \
    do {                                                                   \
        if (!(condition)) {                                                \
            failures++;                                                    \
            fprintf(stderr, "rank %d of %d: %s:%d: %s\n", world.rank,      \
                    world.size, __FILE__, __LINE__, #condition);           \
        }                                                                  \
    } while (0)

static void run_tests(void);

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    cf_par_init(&world, MPI_COMM_WORLD);
    run_tests();
    int64_t all = cf_sum_i64(&world, failures);
    MPI_Finalize();
    return all > 0;
}

#endif
