/* One set of kernels. The including file defines REAL, vec (a vector of
 * REALs), SET1, LOAD, STORE, FMA, TARGET, NAME, TABLE (the coded values as
 * REALs); for float64 also LOAD_FLOATS, the h-th vector of REALs from floats.
 * Included once a type; it takes these definitions away again. */
#define NV ((int)(CF_BLOCK * sizeof(REAL) / sizeof(vec)))
#define INLINE static inline TARGET __attribute__((always_inline))

/* Where the entry's row of a block begins, in numbers. */
INLINE size_t NAME(row_of)(const void *words, int64_t e, bool coded)
{
    if (coded)
        return ((const uint32_t *)words)[e] & ~(uint32_t)15;
    return (size_t)((const cf_plain_word *)words)[e].at * CF_BLOCK;
}

INLINE vec NAME(value_of)(const void *words, int64_t e, const REAL *table,
                          bool coded)
{
    if (coded)
        return SET1(table[((const uint32_t *)words)[e] & 15]);
    return SET1((REAL)((const cf_plain_word *)words)[e].value);
}

#define IN REAL
#define LOAD_IN LOAD
#define PRODUCT(x) NAME(x)
#include "kernels_product.h"

#if defined(LOAD_FLOATS)
#define IN float
#define LOAD_IN LOAD_FLOATS
#define PRODUCT(x) NAME(x##_floats)
#include "kernels_product.h"
#endif

/* Columns of q whose sums stay in registers at a time. */
#define COLUMNS (16 / NV > ACCUMULATORS / NV ? ACCUMULATORS / NV : 16 / NV)

static TARGET void NAME(inner)(const void *q_reals, const void *w_reals,
                               int64_t rows, double *c)
{
    for (int k = 0; k < CF_BLOCK; k += COLUMNS) {
        const REAL *q = (const REAL *)q_reals + k, *w = w_reals;
        vec sum[COLUMNS][NV];
        for (int t = 0; t < COLUMNS; t++)
            for (int h = 0; h < NV; h++)
                sum[t][h] = SET1(0);
        for (int64_t i = 0; i < rows; i++, q += CF_BLOCK, w += CF_BLOCK)
            for (int t = 0; t < COLUMNS; t++) {
                vec f = SET1(q[t]);
                for (int h = 0; h < NV; h++)
                    sum[t][h] = FMA(f, LOAD(w, h), sum[t][h]);
            }
        for (int t = 0; t < COLUMNS; t++) {
            REAL out[CF_BLOCK] __attribute__((aligned(64))) = {0};
            for (int h = 0; h < NV; h++)
                STORE(out, h, sum[t][h]);
            for (int j = 0; j < CF_BLOCK; j++)
                c[(k + t) * CF_BLOCK + j] += (double)out[j];
        }
    }
}

/* Rows of w whose sums stay in registers at a time. */
#define ROWS (8 / NV)

INLINE void NAME(add_rows)(const REAL *q, const REAL *c, REAL *w, int rows)
{
    vec sum[ROWS][NV];
    for (int t = 0; t < rows; t++)
        for (int h = 0; h < NV; h++)
            sum[t][h] = LOAD(w + t * CF_BLOCK, h);
    for (int k = 0; k < CF_BLOCK; k++)
        for (int t = 0; t < rows; t++) {
            vec f = SET1(q[t * CF_BLOCK + k]);
            for (int h = 0; h < NV; h++)
                sum[t][h] = FMA(f, LOAD(c + k * CF_BLOCK, h), sum[t][h]);
        }
    for (int t = 0; t < rows; t++)
        for (int h = 0; h < NV; h++)
            STORE(w + t * CF_BLOCK, h, sum[t][h]);
}

static TARGET void NAME(add_product)(const void *q_reals, const void *c,
                                     int64_t rows, void *w_reals)
{
    const REAL *q = q_reals;
    REAL *w = w_reals;
    int64_t i = 0;
    for (; i + ROWS <= rows; i += ROWS)
        NAME(add_rows)(q + i * CF_BLOCK, c, w + i * CF_BLOCK, ROWS);
    for (; i < rows; i++)
        NAME(add_rows)(q + i * CF_BLOCK, c, w + i * CF_BLOCK, 1);
}

#undef NV
#undef INLINE
#undef COLUMNS
#undef ROWS
#undef REAL
#undef vec
#undef SET1
#undef LOAD_AT
#undef STORE_AT
#undef LOAD_FLOATS
#undef FMA
#undef TABLE
#undef NAME
