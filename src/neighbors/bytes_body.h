/* The byte kernel of one instruction set. The including file defines vec, a
 * register of WIDTH bytes; LOAD(p), STORE(p, v), SET16(x), SET32(x); ADD8(a, b)
 * and ADD16(a, b), sums of bytes and 16 bits; LOW(a, b) and HIGH(a, b), which
 * interleave the lower or upper bytes of each 16; PAIRS(a, w), sums of two
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
