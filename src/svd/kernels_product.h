/* Products with the matrix. The including file defines IN, the type of the
 * block that is read, LOAD_IN, and PRODUCT, which names the functions. */
#define AHEAD (256 / (int)sizeof(IN)) /* entries to prefetch ahead */

INLINE void PRODUCT(fetch)(const IN *row)
{
    for (int at = 0; at < CF_BLOCK; at += 64 / (int)sizeof(IN))
        __builtin_prefetch(row + at);
}

/* Adds entries e and e + 1 to two sums. */
INLINE void PRODUCT(gather_two)(const void *words, int64_t e, const REAL *table,
                                const IN *x, vec *sum, vec *other, bool coded)
{
    const IN *p = x + NAME(row_of)(words, e, coded);
    const IN *q = x + NAME(row_of)(words, e + 1, coded);
    vec a = NAME(value_of)(words, e, table, coded);
    vec b = NAME(value_of)(words, e + 1, table, coded);
    for (int h = 0; h < NV; h++) {
        sum[h] = FMA(a, LOAD_IN(p, h), sum[h]);
        other[h] = FMA(b, LOAD_IN(q, h), other[h]);
    }
}

/* sum = Σ value · x[row] over entries [from, to) of `entries`. */
INLINE void PRODUCT(gather_row)(const void *words, int64_t from, int64_t to,
                                int64_t entries, const REAL *table, const IN *x,
                                vec *sum, bool coded)
{
    vec other[NV];
    for (int h = 0; h < NV; h++)
        sum[h] = other[h] = SET1(0);
    int64_t e = from, fetched = CF_MIN(to, entries - AHEAD);
    for (; e + 2 <= fetched; e += 2) {
        PRODUCT(fetch)(x + NAME(row_of)(words, e + AHEAD, coded));
        PRODUCT(fetch)(x + NAME(row_of)(words, e + AHEAD + 1, coded));
        PRODUCT(gather_two)(words, e, table, x, sum, other, coded);
    }
    for (; e + 2 <= to; e += 2)
        PRODUCT(gather_two)(words, e, table, x, sum, other, coded);
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
        (a->words, a->indptr[i], a->indptr[i + 1], a->indptr[a->rows], TABLE(a),
         x, sum, coded);
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

/* w[row of entry e] += its value · row. */
INLINE void PRODUCT(scatter_one)(const cf_packed *a, int64_t e, const vec *row,
                                 REAL *w, bool coded)
{
    REAL *to = w + NAME(row_of)(a->rest, e, coded);
    vec v = NAME(value_of)(a->rest, e, TABLE(a), coded);
    for (int h = 0; h < NV; h++)
        STORE(to, h, FMA(v, row[h], LOAD(to, h)));
}

/* Entries of unpopular items, one after the other. */
INLINE void PRODUCT(scatter_rest)(const cf_packed *a, int64_t tile, const IN *y,
                                  REAL *w, bool coded)
{
    int64_t begin = tile * CF_TILE, end = CF_MIN(begin + CF_TILE, a->rows);
    int64_t rest = a->rest_begin[a->rows];
    for (int64_t i = begin; i < end; i++) {
        int64_t e = a->rest_begin[i], to = a->rest_begin[i + 1];
        int64_t fetched = CF_MIN(to, rest - AHEAD / 2);
        vec row[NV];
        for (int h = 0; h < NV; h++)
            row[h] = LOAD_IN(y + (i - begin) * CF_BLOCK, h);
        for (; e < fetched; e++) {
            const REAL *next = w + NAME(row_of)(a->rest, e + AHEAD / 2, coded);
            for (int at = 0; at < CF_BLOCK; at += 64 / (int)sizeof(REAL))
                __builtin_prefetch(next + at);
            PRODUCT(scatter_one)(a, e, row, w, coded);
        }
        for (; e < to; e++)
            PRODUCT(scatter_one)(a, e, row, w, coded);
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
