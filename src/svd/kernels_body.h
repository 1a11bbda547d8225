/* One set of kernels. The including file defines REAL, vec (a vector of
 * REALs), SET1, LOAD, STORE, FMA, TARGET, NAME and TABLE (the coded values as
 * REALs). Included once a type. */
#define NV ((int)(CF_BLOCK * sizeof(REAL) / sizeof(vec)))
#define AHEAD (256 / (int)sizeof(REAL)) /* entries to prefetch ahead */
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

INLINE void NAME(fetch)(const REAL *row)
{
    for (int at = 0; at < CF_BLOCK; at += 64 / (int)sizeof(REAL))
        __builtin_prefetch(row + at);
}

/* sum = Σ value · x[row] over entries [from, to). */
INLINE void NAME(gather_row)(const void *words, int64_t from, int64_t to,
                             const REAL *table, const REAL *x, vec *sum,
                             bool coded)
{
    vec other[NV];
    for (int h = 0; h < NV; h++)
        sum[h] = other[h] = SET1(0);
    int64_t e = from;
    for (; e + 2 <= to; e += 2) {
        const REAL *p = x + NAME(row_of)(words, e, coded);
        const REAL *q = x + NAME(row_of)(words, e + 1, coded);
        NAME(fetch)(x + NAME(row_of)(words, e + AHEAD, coded));
        NAME(fetch)(x + NAME(row_of)(words, e + AHEAD + 1, coded));
        vec a = NAME(value_of)(words, e, table, coded);
        vec b = NAME(value_of)(words, e + 1, table, coded);
        for (int h = 0; h < NV; h++) {
            sum[h] = FMA(a, LOAD(p, h), sum[h]);
            other[h] = FMA(b, LOAD(q, h), other[h]);
        }
    }
    if (e < to) {
        const REAL *p = x + NAME(row_of)(words, e, coded);
        vec a = NAME(value_of)(words, e, table, coded);
        for (int h = 0; h < NV; h++)
            sum[h] = FMA(a, LOAD(p, h), sum[h]);
    }
    for (int h = 0; h < NV; h++)
        sum[h] += other[h];
}

INLINE void NAME(gather_tile)(const cf_packed *a, int64_t tile, const REAL *x,
                              REAL *y, bool coded)
{
    int64_t begin = tile * CF_TILE, end = CF_MIN(begin + CF_TILE, a->rows);
    for (int64_t i = begin; i < end; i++) {
        vec sum[NV];
        NAME(gather_row)
        (a->words, a->indptr[i], a->indptr[i + 1], TABLE(a), x, sum, coded);
        for (int h = 0; h < NV; h++)
            STORE(y + (i - begin) * CF_BLOCK, h, sum[h]);
    }
}

static TARGET void NAME(gather)(const cf_packed *a, int64_t tile, const void *x,
                                void *y)
{
    if (a->coded)
        NAME(gather_tile)(a, tile, x, y, true);
    else
        NAME(gather_tile)(a, tile, x, y, false);
}

/* Entries of unpopular items, one after the other. */
INLINE void NAME(scatter_rest)(const cf_packed *a, int64_t tile, const REAL *y,
                               REAL *w, bool coded)
{
    int64_t begin = tile * CF_TILE, end = CF_MIN(begin + CF_TILE, a->rows);
    for (int64_t i = begin; i < end; i++) {
        vec row[NV];
        for (int h = 0; h < NV; h++)
            row[h] = LOAD(y + (i - begin) * CF_BLOCK, h);
        for (int64_t e = a->rest_begin[i]; e < a->rest_begin[i + 1]; e++) {
            REAL *p = w + NAME(row_of)(a->rest, e, coded);
            NAME(fetch)(w + NAME(row_of)(a->rest, e + AHEAD / 2, coded));
            vec v = NAME(value_of)(a->rest, e, TABLE(a), coded);
            for (int h = 0; h < NV; h++)
                STORE(p, h, FMA(v, row[h], LOAD(p, h)));
        }
    }
}

/* Entries of popular items, item by item: sums stay in registers. */
INLINE void NAME(scatter_groups)(const cf_packed *a, int64_t tile,
                                 const REAL *y, REAL *w, bool coded)
{
    const uint16_t *runs = a->runs + tile * a->grouped;
    int64_t e = a->group_begin[tile];
    for (int64_t j = 0; j < a->grouped; j++) {
        int64_t end = e + runs[j];
        vec sum[NV], other[NV];
        for (int h = 0; h < NV; h++) {
            sum[h] = LOAD(w + j * CF_BLOCK, h);
            other[h] = SET1(0);
        }
        for (; e < end; e++) {
            const REAL *p;
            vec v;
            if (coded) {
                uint32_t word = ((const uint16_t *)a->groups)[e];
                p = y + (word & ~15u);
                v = SET1(TABLE(a)[word & 15]);
            } else {
                p = y + NAME(row_of)(a->groups, e, false);
                v = NAME(value_of)(a->groups, e, TABLE(a), false);
            }
            for (int h = 0; h < NV; h++) {
                vec t = FMA(v, LOAD(p, h), sum[h]);
                sum[h] = other[h];
                other[h] = t;
            }
        }
        for (int h = 0; h < NV; h++)
            STORE(w + j * CF_BLOCK, h, sum[h] + other[h]);
    }
}

static TARGET void NAME(scatter)(const cf_packed *a, int64_t tile,
                                 const void *y, void *w)
{
    if (a->coded) {
        NAME(scatter_rest)(a, tile, y, w, true);
        NAME(scatter_groups)(a, tile, y, w, true);
    } else {
        NAME(scatter_rest)(a, tile, y, w, false);
        NAME(scatter_groups)(a, tile, y, w, false);
    }
}

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
            REAL out[CF_BLOCK] __attribute__((aligned(64)));
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
#undef AHEAD
#undef INLINE
#undef COLUMNS
#undef ROWS
