/* The screen of one instruction set. The including file defines vec, a vector
 * of LANES 32-bit sums; ROWS and VECTORS, the block of rows and of vectors of
 * columns whose sums stay in registers; SET(x), LOAD(p), STORE(p, v), ADD(a,
 * b), SUB(a, b), AND(a, b), MIN(a, b); DOT(sum, columns, row), which adds four
 * products to every sum; where that takes more than one instruction perhaps
 * DOT_HALVES(sums, columns, row), which adds two to each of twice as many sums
 * of 16 bits, and JOIN(sums), their sums in pairs; REACHED(a), a bit for each
 * lane that is not negative; and the functions keep(pairs, bits, row, column),
 * which appends the pairs of a row and the columns from `column` on whose bits
 * are set, with room for LANES, and product(a, b, n), the sum of (a +
 * CF_OFFSET) b of n codes, a multiple of CF_ALIGN, in four lanes to be added.
 */
#define INLINE static inline TARGET __attribute__((always_inline))
#define WIDTH (VECTORS * LANES) /* columns of a block */

#ifdef DOT_HALVES
#define HALVES true
#else
#define HALVES false
#define DOT_HALVES DOT
#define JOIN(sums) sums
#endif

/* Adds the products of the block that begins at `row` and `column`. */
INLINE void add_block(const cf_tile_pair *p, int row, int column,
                      vec sum[ROWS][VECTORS], bool halves)
{
    const int8_t *rows[ROWS];
    const uint8_t *columns = p->col_codes + column * p->quads * CF_QUAD;
    /* Of groups that lie one behind the other, or of one. */
    int64_t apart = LANES < CF_GROUP ? LANES : (int64_t)LANES * p->quads;
    for (int r = 0; r < ROWS; r++)
        rows[r] = p->row_codes + (row + r) * p->stride;
    for (int64_t k = 0; k < p->head * CF_QUAD; k += CF_QUAD) {
        vec c[VECTORS];
        for (int v = 0; v < VECTORS; v++)
            c[v] = LOAD(columns + v * apart * CF_QUAD);
        columns += CF_GROUP * CF_QUAD;
        for (int r = 0; r < ROWS; r++) {
            int32_t quad;
            memcpy(&quad, rows[r] + k, sizeof quad);
            vec q = SET(quad);
            for (int v = 0; v < VECTORS; v++)
                sum[r][v] = halves ? DOT_HALVES(sum[r][v], c[v], q)
                                   : DOT(sum[r][v], c[v], q);
        }
    }
}

/* What sums begin with, less what is enough where that is asked. */
INLINE void begin(const cf_tile_pair *p, int row, int column,
                  vec sum[ROWS][VECTORS], bool less)
{
    for (int v = 0; v < VECTORS; v++) {
        vec start = LOAD(p->col_start + column + v * LANES);
        vec least = LOAD(p->col_least + column + v * LANES);
        for (int r = 0; r < ROWS; r++) {
            vec enough = MIN(least, SET(p->row_least[row + r]));
            sum[r][v] = ADD(start, SET(p->row_start[row + r]));
            sum[r][v] = less ? SUB(sum[r][v], enough) : sum[r][v];
        }
    }
}

INLINE void sums(const cf_tile_pair *p, int row, int column,
                 vec sum[ROWS][VECTORS], bool less, bool halves)
{
    vec half[ROWS][VECTORS];
    if (!halves) {
        begin(p, row, column, sum, less);
        add_block(p, row, column, sum, false);
        return;
    }
    for (int r = 0; r < ROWS; r++)
        for (int v = 0; v < VECTORS; v++)
            half[r][v] = SET(p->row_halves[row + r]);
    add_block(p, row, column, half, true);
    begin(p, row, column, sum, less);
    for (int r = 0; r < ROWS; r++)
        for (int v = 0; v < VECTORS; v++)
            sum[r][v] = ADD(sum[r][v], JOIN(half[r][v]));
}

INLINE int screen_by(const cf_tile_pair *p, cf_pair *pairs, bool halves)
{
    cf_pair *end = pairs;
    for (int column = 0; column < p->columns; column += WIDTH)
        for (int row = 0; row < p->rows; row += ROWS) {
            vec sum[ROWS][VECTORS], all = SET(-1);
            sums(p, row, column, sum, true, halves);
            for (int r = 0; r < ROWS; r++)
                for (int v = 0; v < VECTORS; v++)
                    all = AND(all, sum[r][v]);
            if (REACHED(all) == 0)
                continue;
            for (int r = 0; r < ROWS; r++)
                for (int v = 0; v < VECTORS; v++)
                    end = keep(end, REACHED(sum[r][v]), row + r,
                               column + v * LANES);
        }
    return (int)(end - pairs);
}

static TARGET int screen(const cf_tile_pair *p, cf_pair *pairs)
{
    return HALVES && p->row_halves != NULL ? screen_by(p, pairs, HALVES)
                                           : screen_by(p, pairs, false);
}

INLINE void products_by(const cf_tile_pair *p, int32_t *out, bool halves)
{
    for (int column = 0; column < p->columns; column += WIDTH)
        for (int row = 0; row < p->rows; row += ROWS) {
            vec sum[ROWS][VECTORS];
            sums(p, row, column, sum, false, halves);
            for (int r = 0; r < ROWS; r++)
                for (int v = 0; v < VECTORS; v++)
                    STORE(out + (row + r) * CF_SIDE + column + v * LANES,
                          sum[r][v]);
        }
}

static TARGET void products(const cf_tile_pair *p, int32_t *out)
{
    if (HALVES && p->row_halves != NULL)
        products_by(p, out, HALVES);
    else
        products_by(p, out, false);
}

INLINE __m128i sum_of(const cf_tile_pair *p, cf_pair at)
{
    return product(p->row_codes + at.row * p->stride,
                   p->col_as_rows + at.column * p->stride, p->stride);
}

INLINE int32_t start_of(const cf_tile_pair *p, cf_pair at)
{
    return p->row_start[at.row] + p->col_start[at.column];
}

INLINE int32_t least_of(const cf_tile_pair *p, cf_pair at)
{
    int32_t row = p->row_least[at.row], column = p->col_least[at.column];
    return row < column ? row : column;
}

/* Which of four pairs are not confirmed. */
INLINE int below(const cf_tile_pair *p, const cf_pair at[4])
{
    __m128i sums =
        _mm_hadd_epi32(_mm_hadd_epi32(sum_of(p, at[0]), sum_of(p, at[1])),
                       _mm_hadd_epi32(sum_of(p, at[2]), sum_of(p, at[3])));
    __m128i start = _mm_set_epi32(start_of(p, at[3]), start_of(p, at[2]),
                                  start_of(p, at[1]), start_of(p, at[0]));
    __m128i least = _mm_set_epi32(least_of(p, at[3]), least_of(p, at[2]),
                                  least_of(p, at[1]), least_of(p, at[0]));
    sums = _mm_add_epi32(sums, start);
    return _mm_movemask_ps(_mm_castsi128_ps(_mm_cmplt_epi32(sums, least)));
}

static TARGET int confirm(const cf_tile_pair *p, cf_pair *pairs, int count)
{
    int kept = 0, whole = count - count % 4;
    for (int t = 0; t < whole; t += 4) {
        const cf_pair at[4] = {pairs[t], pairs[t + 1], pairs[t + 2],
                               pairs[t + 3]};
        int out = below(p, at);
        pairs[kept] = at[0];
        kept += ~out & 1;
        pairs[kept] = at[1];
        kept += ~out >> 1 & 1;
        pairs[kept] = at[2];
        kept += ~out >> 2 & 1;
        pairs[kept] = at[3];
        kept += ~out >> 3 & 1;
    }
    for (int t = whole; t < count; t++) {
        const cf_pair at[4] = {pairs[t], pairs[t], pairs[t], pairs[t]};
        pairs[kept] = at[0];
        kept += ~below(p, at) & 1;
    }
    return kept;
}
