/* Which sums can enter a list, for each instruction set one small file around
 * choose_body.h. */
#ifndef CFMPI_CHOOSE_H
#define CFMPI_CHOOSE_H

#include <stdint.h>

#include "cfmpi/types.h"

#define CF_CHOICE 16 /* positions that are looked at together */

/* A sum with a weight passes when value + item_sum > high x weight +
 * high_bound, or > low x weight + low_bound with a column before `last`. */
typedef struct cf_bar {
    double low, low_bound, high, high_bound, last;
} cf_bar;

typedef struct cf_choice {
    const double *sums;     /* value and weight of each position */
    const double *item_sum; /* of each position; NULL: 0 */
    const cf_lidx *column;  /* of each position */
} cf_choice;

typedef struct cf_choose_kernel {
    /* The first CF_CHOICE positions from `at` on, below `end`, one of which
     * passes, and bits of those that do; `end` where none is left. Both are
     * multiples of CF_CHOICE. Local. */
    int64_t (*next)(const cf_choice *c, int64_t at, int64_t end,
                    const cf_bar *bar, uint32_t *bits);
} cf_choose_kernel;

/* Whether one passes. Local. */
static inline int cf_passes(double value, double weight, cf_lidx column,
                            const cf_bar *b)
{
    return (weight > 0) & ((value > b->high * weight + b->high_bound) |
                           ((value > b->low * weight + b->low_bound) &
                            ((double)column < b->last)));
}

/* That of the instruction set that the program uses. Local. */
const cf_choose_kernel *cf_choose_kernel_of_cpu(void);

extern const cf_choose_kernel cf_choose_portable;
extern const cf_choose_kernel cf_choose_avx2;
extern const cf_choose_kernel cf_choose_avx512;

#endif
