/* The screen of one instruction set. The including file defines vec, a vector
 * of LANES 32-bit sums; ROWS and VECTORS, the block of rows and of vectors of
 * columns whose sums stay in registers; SET(x), LOAD(p), STORE(p, v), ADD(a,
 * b), MIN(a, b); DOT(sum, columns, row), which adds four products to every sum;
 * and REACHES(a, b), a bit for each lane of a that is not below that of b. */
#define INLINE static inline TARGET __attribute__((always_inline))
#define WIDTH (VECTORS * LANES) /* columns of a block */

/* Sums of the block that begins at `row` and `column`. */
INLINE void block(const cf_tile_pair *p, int row, int column,
                  vec sum[ROWS][VECTORS])
{
    const int stride = p->quads * CF_QUAD;
    const int8_t *codes = p->row_codes + row * stride;
    const uint8_t *columns[VECTORS];
    for (int v = 0; v < VECTORS; v++) {
        int at = column + v * LANES;
        columns[v] = p->col_codes + at / CF_GROUP * CF_GROUP * stride +
                     at % CF_GROUP * CF_QUAD;
        vec start = LOAD(p->col_start + at);
        for (int r = 0; r < ROWS; r++)
            sum[r][v] = ADD(start, SET(p->row_start[row + r]));
    }
    for (int k = 0; k < p->quads; k++) {
        vec c[VECTORS];
        for (int v = 0; v < VECTORS; v++)
            c[v] = LOAD(columns[v] + k * CF_GROUP * CF_QUAD);
        for (int r = 0; r < ROWS; r++) {
            int32_t quad;
            memcpy(&quad, codes + r * stride + k * CF_QUAD, sizeof quad);
            vec q = SET(quad);
            for (int v = 0; v < VECTORS; v++)
                sum[r][v] = DOT(sum[r][v], c[v], q);
        }
    }
}

INLINE int keep_hits(uint32_t passed[ROWS][VECTORS], int row, int column,
                     cf_hit *hits)
{
    int count = 0;
    for (int r = 0; r < ROWS; r++)
        for (int g = 0; g < WIDTH; g += CF_GROUP) {
            uint32_t bits = 0;
            for (int v = 0; v < CF_GROUP / LANES; v++)
                bits |= passed[r][g / LANES + v] << v * LANES;
            hits[count] =
                (cf_hit){(int16_t)(row + r), (int16_t)(column + g), bits};
            count += bits != 0;
        }
    return count;
}

static TARGET int screen(const cf_tile_pair *p, cf_hit *hits)
{
    int count = 0;
    for (int column = 0; column < p->columns; column += WIDTH)
        for (int row = 0; row < p->rows; row += ROWS) {
            vec sum[ROWS][VECTORS];
            uint32_t passed[ROWS][VECTORS], any = 0;
            block(p, row, column, sum);
            for (int r = 0; r < ROWS; r++)
                for (int v = 0; v < VECTORS; v++) {
                    vec least = LOAD(p->col_least + column + v * LANES);
                    least = MIN(least, SET(p->row_least[row + r]));
                    passed[r][v] = REACHES(sum[r][v], least);
                    any |= passed[r][v];
                }
            if (__builtin_expect(any != 0, 0))
                count += keep_hits(passed, row, column, hits + count);
        }
    return count;
}

static TARGET void products(const cf_tile_pair *p, int32_t *out)
{
    for (int column = 0; column < p->columns; column += WIDTH)
        for (int row = 0; row < p->rows; row += ROWS) {
            vec sum[ROWS][VECTORS];
            block(p, row, column, sum);
            for (int r = 0; r < ROWS; r++)
                for (int v = 0; v < VECTORS; v++)
                    STORE(out + (row + r) * CF_SIDE + column + v * LANES,
                          sum[r][v]);
        }
}
