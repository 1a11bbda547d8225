/* Products with the matrix. The including file defines IN, the type of the
 * block that is read, LOAD_IN, and PRODUCT, which names the functions. */
#define AHEAD (256 / (int)sizeof(IN)) /* entries to prefetch ahead */

INLINE void PRODUCT(fetch)(const IN *row)
{
    for (int at = 0; at < CF_BLOCK; at += 64 / (int)sizeof(IN))
        __builtin_prefetch(row + at);
}

/* sum = Σ value · x[row] over entries [from, to). */
INLINE void PRODUCT(gather_row)(const void *words, int64_t from, int64_t to,
                                const REAL *table, const IN *x, vec *sum,
                                bool coded)
{
    vec other[NV];
    for (int h = 0; h < NV; h++)
        sum[h] = other[h] = SET1(0);
    int64_t e = from;
    for (; e + 2 <= to; e += 2) {
        const IN *p = x + NAME(row_of)(words, e, coded);
        const IN *q = x + NAME(row_of)(words, e + 1, coded);
        PRODUCT(fetch)(x + NAME(row_of)(words, e + AHEAD, coded));
        PRODUCT(fetch)(x + NAME(row_of)(words, e + AHEAD + 1, coded));
        vec a = NAME(value_of)(words, e, table, coded);
        vec b = NAME(value_of)(words, e + 1, table, coded);
        for (int h = 0; h < NV; h++) {
            sum[h] = FMA(a, LOAD_IN(p, h), sum[h]);
            other[h] = FMA(b, LOAD_IN(q, h), other[h]);
        }
    }
    if (e < to) {
        const IN *p = x + NAME(row_of)(words, e, coded);
        vec a = NAME(value_of)(words, e, table, coded);
        for (int h = 0; h < NV; h++)
            sum[h] = FMA(a, LOAD_IN(p, h), sum[h]);
    }
    for (int h = 0; h < NV; h++)
        sum[h] += other[h];
}

INLINE void PRODUCT(gather_tile)(const cf_packed *a, int64_t tile, const IN *x,
                                 REAL *y, bool coded)
{
    int64_t begin = tile * CF_TILE, end = CF_MIN(begin + CF_TILE, a->rows);
    for (int64_t i = begin; i < end; i++) {
        vec sum[NV];
        PRODUCT(gather_row)
        (a->words, a->indptr[i], a->indptr[i + 1], TABLE(a), x, sum, coded);
        for (int h = 0; h < NV; h++)
            STORE(y + (i - begin) * CF_BLOCK, h, sum[h]);
    }
}

static TARGET void PRODUCT(gather)(const cf_packed *a, int64_t tile,
                                   const void *x, void *y)
{
    if (a->coded)
        PRODUCT(gather_tile)(a, tile, x, y, true);
    else
        PRODUCT(gather_tile)(a, tile, x, y, false);
}

/* Entries of unpopular items, one after the other. */
INLINE void PRODUCT(scatter_rest)(const cf_packed *a, int64_t tile, const IN *y,
                                  REAL *w, bool coded)
{
    int64_t begin = tile * CF_TILE, end = CF_MIN(begin + CF_TILE, a->rows);
    for (int64_t i = begin; i < end; i++) {
        vec row[NV];
        for (int h = 0; h < NV; h++)
            row[h] = LOAD_IN(y + (i - begin) * CF_BLOCK, h);
        for (int64_t e = a->rest_begin[i]; e < a->rest_begin[i + 1]; e++) {
            REAL *to = w + NAME(row_of)(a->rest, e, coded);
            const REAL *next = w + NAME(row_of)(a->rest, e + AHEAD / 2, coded);
            for (int at = 0; at < CF_BLOCK; at += 64 / (int)sizeof(REAL))
                __builtin_prefetch(next + at);
            vec v = NAME(value_of)(a->rest, e, TABLE(a), coded);
            for (int h = 0; h < NV; h++)
                STORE(to, h, FMA(v, row[h], LOAD(to, h)));
        }
    }
}

/* Entries of popular items, item by item: sums stay in registers. */
INLINE void PRODUCT(scatter_groups)(const cf_packed *a, int64_t tile,
                                    const IN *y, REAL *w, bool coded)
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
            const IN *p;
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
                vec t = FMA(v, LOAD_IN(p, h), sum[h]);
                sum[h] = other[h];
                other[h] = t;
            }
        }
        for (int h = 0; h < NV; h++)
            STORE(w + j * CF_BLOCK, h, sum[h] + other[h]);
    }
}

static TARGET void PRODUCT(scatter)(const cf_packed *a, int64_t tile,
                                    const void *y, void *w)
{
    if (a->coded) {
        PRODUCT(scatter_rest)(a, tile, y, w, true);
        PRODUCT(scatter_groups)(a, tile, y, w, true);
    } else {
        PRODUCT(scatter_rest)(a, tile, y, w, false);
        PRODUCT(scatter_groups)(a, tile, y, w, false);
    }
}

#undef AHEAD
#undef IN
#undef LOAD_IN
#undef PRODUCT
