/* The byte kernel of one instruction set. The including file defines vec, a
 * register of WIDTH bytes; LOAD(p), STORE(p, v), SET16(x), SET32(x); ADD8(a, b)
 * and ADD16(a, b), sums of bytes and 16 bits; LOW(a, b) and HIGH(a, b), which
 * interleave the lower or upper bytes of each 16; ZERO; MIN8(a, b); LOOKUP(t,
 * b), the bytes of a table of 16 that b names; PAIRS(a, w), sums of two
 * unsigned bytes times two bytes each; HIGH16(a, b), the upper half of products
 * of 16 bits; MIN16(a, b) and MAX16(a, b); and the function reached(sum,
 * least), a bit for each sum that is not below, both unsigned. */
#define INLINE static inline TARGET __attribute__((always_inline))
#define COLUMNS (CF_BLOCK / WIDTH)    /* registers of codes of a column */
#define SUMS (CF_BLOCK / (WIDTH / 2)) /* registers of sums */
#define LANES (WIDTH / 2)

INLINE void load(vec sum[SUMS], const uint16_t *from)
{
    for (int c = 0; c < SUMS; c++)
        sum[c] = LOAD(from + c * LANES);
}

INLINE void store(const vec sum[SUMS], uint16_t *to)
{
    for (int c = 0; c < SUMS; c++)
        STORE(to + c * LANES, sum[c]);
}

INLINE void add_quads(vec sum[SUMS], const uint8_t *codes,
                      const cf_code_quad *quads, int64_t count)
{
    for (const cf_code_quad *q = quads; q < quads + count; q++) {
        int32_t weight;
        memcpy(&weight, q->weight, sizeof weight);
        vec w = SET32(weight);
        const uint8_t *a = codes + q->column[0] * CF_BLOCK;
        const uint8_t *b = codes + q->column[1] * CF_BLOCK;
        const uint8_t *c = codes + q->column[2] * CF_BLOCK;
        const uint8_t *d = codes + q->column[3] * CF_BLOCK;
        for (int v = 0; v < COLUMNS; v++) {
            vec x = ADD8(LOAD(a + v * WIDTH), LOAD(b + v * WIDTH));
            vec y = ADD8(LOAD(c + v * WIDTH), LOAD(d + v * WIDTH));
            sum[2 * v] = ADD16(sum[2 * v], PAIRS(LOW(x, y), w));
            sum[2 * v + 1] = ADD16(sum[2 * v + 1], PAIRS(HIGH(x, y), w));
        }
    }
}

static TARGET void add(uint16_t *sum, const uint8_t *codes,
                       const cf_code_quad *quads, int64_t count)
{
    vec s[SUMS];
    load(s, sum);
    add_quads(s, codes, quads, count);
    store(s, sum);
}

static TARGET bool screen(const uint16_t *sum, const uint8_t *codes,
                          const cf_code_quad *quads, int64_t count,
                          const cf_sum_test *test, uint16_t *out,
                          uint64_t hits[2])
{
    vec s[SUMS], own_least = SET16(test->own_least),
                 own_right = SET16(test->own_right), one = SET16(1);
    uint64_t bits[2] = {0, 0};
    load(s, sum);
    add_quads(s, codes, quads, count);
    for (int c = 0; c < SUMS; c++) {
        vec mine = HIGH16(own_least, LOAD(test->right + c * LANES));
        vec theirs = HIGH16(own_right, LOAD(test->least + c * LANES));
        bits[c * LANES / 64] |= reached(s[c], MAX16(MIN16(mine, theirs), one))
                                << (c * LANES % 64);
    }
    if (__builtin_expect((bits[0] | bits[1]) == 0, 1))
        return false;
    store(s, out);
    hits[0] = bits[0];
    hits[1] = bits[1];
    return true;
}

/* The sums of registers a of codes, `v`-th of a column, of all runs. */
INLINE void add_runs(uint16_t *to, const uint8_t *codes,
                     const cf_code_run *runs, int64_t count,
                     const uint16_t *column, int v, enum cf_moment_set set)
{
    const __m128i table =
        _mm_setr_epi8(0, 10, 6, 3, 1, 0, 0, 1, 3, 6, 10, 0, 0, 0, 0, 0);
    vec sum[CF_MOMENTS][2], one = SET32(0x01010101);
    for (int m = 0; m < CF_MOMENTS; m++)
        for (int h = 0; h < 2; h++)
            sum[m][h] = LOAD(to + m * CF_BLOCK + (2 * v + h) * LANES);
    codes += v * WIDTH;
    for (const cf_code_run *run = runs; run < runs + count; run++) {
        vec n = ZERO, y = ZERO, vy = ZERO;
        for (const uint16_t *end = column + run->count; column < end;
             column++) {
            vec code = LOAD(codes + *column * CF_BLOCK);
            n = ADD8(n, MIN8(code, one));
            if (set >= CF_PRODUCTS)
                y = ADD8(y, code);
            if (set >= CF_SQUARES)
                vy = ADD8(vy, LOOKUP(table, code));
        }
        for (int h = 0; h < 2; h++) {
            vec both = h == 0 ? LOW(y, n) : HIGH(y, n);
            int x = run->code, vx = (x - 5) * (x - 6) / 2;
#define ADD_TO(m, a) sum[m][h] = ADD16(sum[m][h], a)
            ADD_TO(CF_MOMENT_N, PAIRS(both, SET16(0x100)));
            if (set >= CF_PRODUCTS) {
                ADD_TO(CF_MOMENT_XY, PAIRS(both, SET16(x)));
                ADD_TO(CF_MOMENT_Y, PAIRS(both, SET16(1)));
            }
            if (set >= CF_SQUARES) {
                ADD_TO(CF_MOMENT_X, PAIRS(both, SET16(x << 8)));
                ADD_TO(CF_MOMENT_VX, PAIRS(both, SET16(vx << 8)));
                ADD_TO(CF_MOMENT_VY, h == 0 ? LOW(vy, ZERO) : HIGH(vy, ZERO));
            }
#undef ADD_TO
        }
    }
    for (int m = 0; m < CF_MOMENTS; m++)
        for (int h = 0; h < 2; h++)
            STORE(to + m * CF_BLOCK + (2 * v + h) * LANES, sum[m][h]);
}

#define MOMENTS_OF(name, set)                                                  \
    static TARGET void name(uint16_t *sum, const uint8_t *codes,               \
                            const cf_code_run *runs, int64_t count,            \
                            const uint16_t *column)                            \
    {                                                                          \
        for (int v = 0; v < COLUMNS; v++)                                      \
            add_runs(sum, codes, runs, count, column, v, set);                 \
    }

MOMENTS_OF(counts, CF_COUNTS)
MOMENTS_OF(products, CF_PRODUCTS)
MOMENTS_OF(squares, CF_SQUARES)

#define MOMENTS                                                                \
    {                                                                          \
        counts, products, squares                                              \
    }
