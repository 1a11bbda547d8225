/* Ratings in an intake against a small table: for tests of matrix readers. */
#ifndef CFMPI_MATRIX_CHECK_H
#define CFMPI_MATRIX_CHECK_H

#include "test.h"

#include "cfmpi/intake.h"

/* The number that an id stands for: itself, or what follows its first
 * letter. */
static inline int64_t id_number(const cf_ids *ids, int64_t i)
{
    cf_text t = {0};
    cf_ids_print(ids, i, &t);
    int64_t n = atoll(t.data + (t.data[0] > '9'));
    cf_text_free(&t);
    return n;
}

/* Every number in [0, count) is an id on some rank. Collective. */
static inline bool all_ids(const cf_dictionary *d, int64_t count)
{
    int32_t *seen = cf_calloc(count, sizeof *seen, "test");
    bool good = true;
    for (int64_t i = 0; i < d->ids.count; i++) {
        int64_t n = id_number(&d->ids, i);
        good = good && n >= 0 && n < count;
        if (n >= 0 && n < count)
            seen[n] = 1;
    }
    cf_allreduce(&world, seen, count, MPI_INT32_T, MPI_MAX);
    for (int64_t n = 0; n < count; n++)
        good = good && seen[n] == 1;
    cf_free(seen);
    return good;
}

/* The ratings of all ranks are the cells of table[rows x cols] that are not
 * NaN, each once, and every row and column has its id. Collective. */
static inline bool holds_table(const cf_intake *in, const float *table,
                               int64_t rows, int64_t cols)
{
    const cf_entries *e = &in->entries;
    float *sum = cf_calloc(rows * cols, sizeof *sum, "test");
    float *times = cf_calloc(rows * cols, sizeof *times, "test");
    for (int64_t i = 0; i < e->count; i++) {
        cf_entry x = cf_entries_at(e, i);
        int64_t at = id_number(&e->users.ids, x.user) * cols +
                     id_number(&e->items.ids, x.item);
        sum[at] += x.value;
        times[at] += 1;
    }
    cf_allreduce(&world, sum, rows * cols, MPI_FLOAT, MPI_SUM);
    cf_allreduce(&world, times, rows * cols, MPI_FLOAT, MPI_SUM);
    bool good = true;
    for (int64_t i = 0; i < rows * cols; i++)
        good = good && (isnan(table[i]) ? times[i] < 1
                                        : same_number(times[i], 1) &&
                                              same_number(sum[i], table[i]));
    cf_free(sum);
    cf_free(times);
    return good && all_ids(&e->users, rows) && all_ids(&e->items, cols);
}

#endif
