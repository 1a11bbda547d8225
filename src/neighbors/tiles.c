/* Method  Residuals from the mean of the tile are rotated, so that the first
 *         dimensions hold most, then spread over stretches of dimensions by
 *         random signs and a Hadamard transform (in pieces of powers of two),
 *         so that one step a tile serves all of them, and rounded.
 * References  Ailon, Chazelle: The fast Johnson-Lindenstrauss transform.
 *             SIAM J. Comput. 39 (2009). */
#include "tiles.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

#include "cfmpi/cpu.h"
#include "cfmpi/memory.h"
#include "cfmpi/neighbors.h"

#define UNIT 0x1p-24f /* rounding of a float32 */
#define TINY 1e-35f   /* and of those too small for full precision */
/* A step is no smaller than this share of the largest one could ask for. */
#define STEP_LEAST 0x1p-12f
/* A row's code and a column's code are so long that the product of lengths is
 * this squared, that of rows, with a bit more in a code, twice as long. */
#define HALF_LENGTH 178.0f
#define SQRT2 1.4142f
#define WIDER_MOST 1.6f /* a step costs more in what then passes the screen */
/* Dimensions that are mixed where a rotation has put them in order. */
#define PIECE 32

/* Of an arena, which has nothing else, or of their own. */
static void *zeroes(cf_arena *arena, int64_t count, size_t size,
                    const char *what)
{
    return arena != NULL ? cf_arena_take(arena, count, size, what)
                         : cf_calloc(count, size, what);
}

void cf_tiles_begin(cf_tiles *t, int64_t capacity, int dim,
                    enum cf_similarity similarity, const float *rotation,
                    cf_arena *arena)
{
    int64_t tiles = (capacity + CF_SIDE - 1) / CF_SIDE, rows = tiles * CF_SIDE;
    cf_arena *in = arena;
    *t = (cf_tiles){.dim = dim,
                    .quads = (dim + CF_QUAD - 1) / CF_QUAD,
                    .stride = (dim + CF_ALIGN - 1) / CF_ALIGN * CF_ALIGN,
                    .rotation = rotation,
                    .similarity = similarity,
                    .placed = in != NULL};
    t->squared = cf_arena_take(in, rows, sizeof *t->squared, "row lengths");
    t->inverse = cf_arena_take(in, rows, sizeof *t->inverse, "row lengths");
    t->centre = cf_arena_take(in, tiles * dim, sizeof *t->centre, "centres");
    t->row_codes = zeroes(in, rows * t->stride, 1, "codes of rows");
    t->col_codes =
        cf_arena_take(in, rows * t->quads * CF_QUAD, 1, "codes of columns");
    t->code_sum = cf_arena_take(in, rows, sizeof *t->code_sum, "code sums");
    t->head_sum = cf_arena_take(in, rows, sizeof *t->head_sum, "code sums");
    t->half_sum = cf_arena_take(in, rows, sizeof *t->half_sum, "code sums");
    t->base = zeroes(in, rows, sizeof *t->base, "row lengths");
    if (similarity == CF_EUCLIDEAN)
        t->residuals =
            cf_arena_take(in, rows * dim, sizeof *t->residuals, "residuals");
    t->residual = cf_arena_take(in, rows, sizeof *t->residual, "row lengths");
    t->coded = cf_arena_take(in, rows, sizeof *t->coded, "row lengths");
    t->tail = cf_arena_take(in, rows, sizeof *t->tail, "row lengths");
    float **of_tiles[] = {&t->row_step,  &t->col_step,   &t->row_error,
                          &t->col_error, &t->reach,      &t->length,
                          &t->typical,   &t->first_most, &t->last_most};
    for (int k = 0; k < 9; k++)
        *of_tiles[k] = cf_arena_take(in, tiles, sizeof(float), "tile steps");
}

void cf_tiles_end(cf_tiles *t)
{
    void *const all[] = {
        t->squared,   t->inverse,  t->centre,    t->row_codes, t->col_codes,
        t->code_sum,  t->head_sum, t->half_sum,  t->residual,  t->first_most,
        t->last_most, t->coded,    t->tail,      t->residuals, t->base,
        t->row_step,  t->col_step, t->row_error, t->col_error, t->reach,
        t->length,    t->typical};
    for (size_t k = 0; k < sizeof all / sizeof *all && !t->placed; k++)
        cf_free(all[k]);
    *t = (cf_tiles){0};
}

int cf_tile_rows(const cf_tiles *t, int64_t tile)
{
    return (int)CF_MIN(CF_SIDE, t->count - tile * CF_SIDE);
}

/* ---- residuals, [dim][CF_SIDE] ---- */

/* r = the rows of a tile as compared; lengths of what was given go to t. */
static void fill(const cf_tiles *t, int64_t tile, float scale, float *r)
{
    int rows = cf_tile_rows(t, tile);
    memset(r, 0, (size_t)t->dim * CF_SIDE * sizeof *r);
    for (int i = 0; i < CF_SIDE; i++) {
        int64_t at = tile * CF_SIDE + i;
        const float *x = t->slab->rows + at * t->dim;
        double squared = i < rows ? cf_dot(x, x, t->dim) : 0;
        float factor = scale;
        if (t->similarity == CF_COSINE)
            factor = squared > 0 ? (float)(1 / sqrt(squared)) : 0;
        for (int c = 0; c < t->dim && i < rows; c++)
            r[c * CF_SIDE + i] = x[c] * factor;
        t->squared[at] = squared;
        /* Residuals are scaled already. */
        t->inverse[at] = t->similarity == CF_EUCLIDEAN ? 1 : factor;
    }
}

CF_VECTORISED static void subtract_mean(float *r, int rows, float *mean)
{
    float sum = 0;
    for (int i = 0; i < rows; i++)
        sum += r[i];
    *mean = sum / (float)rows;
    for (int i = 0; i < rows; i++)
        r[i] -= *mean;
}

/* Residuals r of rows x = c + r, and -|r|²/2 - r·c. */
static void keep_residuals(cf_tiles *t, int64_t tile, const float *r)
{
    const float *centre = t->centre + tile * t->dim;
    for (int i = 0; i < cf_tile_rows(t, tile); i++) {
        int64_t at = tile * CF_SIDE + i;
        float *out = t->residuals + at * t->dim;
        for (int c = 0; c < t->dim; c++)
            out[c] = r[c * CF_SIDE + i];
        t->base[at] = (float)(-0.5 * cf_dot(out, out, t->dim) -
                              cf_dot(out, centre, t->dim));
    }
}

CF_VECTORISED static void add_squares(const float *r, float *sum)
{
    for (int i = 0; i < CF_SIDE; i++)
        sum[i] += r[i] * r[i];
}

CF_VECTORISED static void butterfly(float *a, float *b)
{
    for (int i = 0; i < CF_SIDE; i++) {
        float p = a[i] + b[i], q = a[i] - b[i];
        a[i] = p;
        b[i] = q;
    }
}

CF_VECTORISED static void multiply(float *r, float f)
{
    for (int i = 0; i < CF_SIDE; i++)
        r[i] *= f;
}

/* One sign for each dimension, the same everywhere. */
static float sign_of(int c)
{
    uint32_t bits = (uint32_t)(c + 1) * 2654435761u;
    return (bits ^ bits >> 15) & 64 ? -1 : 1;
}

/* An orthogonal transform of all columns, in pieces of at most `most`. */
static void mix(float *r, int dim, int most)
{
    for (int first = 0; first < dim;) {
        int length = 1;
        while (2 * length <= CF_MIN(dim - first, most))
            length *= 2;
        float scale = 1 / sqrtf((float)length);
        for (int c = first; c < first + length; c++)
            multiply(r + c * CF_SIDE, scale * sign_of(c));
        for (int half = 1; half < length; half *= 2)
            for (int c = first; c < first + length; c += 2 * half)
                for (int d = c; d < c + half; d++)
                    butterfly(r + d * CF_SIDE, r + (d + half) * CF_SIDE);
        first += length;
    }
}

/* ---- codes ---- */

CF_VECTORISED static float largest(const float *r, int count)
{
    float most = 0;
    for (int i = 0; i < count; i++)
        most = fabsf(r[i]) > most ? fabsf(r[i]) : most;
    return most;
}

/* Codes of a dimension, with the squares of the codes and of what they leave
 * added up for each row. */
CF_VECTORISED static void encode(const float *r, float inverse, float step,
                                 float most, int8_t *codes, float *left,
                                 float *squares)
{
    for (int i = 0; i < CF_SIDE; i++) {
        float q = rintf(r[i] * inverse);
        q = q > most ? most : q < -most ? -most : q;
        float e = r[i] - step * q;
        left[i] += e * e;
        squares[i] += q * q;
        codes[i] = (int8_t)q;
    }
}

/* Bounds must hold for sums of squares in float32. */
static float root(float squared, int dim)
{
    return sqrtf(squared) * (1 + (float)(dim + 8) * UNIT);
}

/* Of a rotated residual against its length, and of products of two that were
 * rotated by what is orthonormal to rounding only: |fl(Qr) - Qr| <= g(d) ||Q||F
 * |r|. */
static float rotation_error(const cf_tiles *t)
{
    float d = (float)t->dim;
    return t->rotation == NULL ? 0 : 2 * UNIT * (d + 4) * sqrtf(d);
}

static void put_codes(cf_tiles *t, int64_t tile, int c, const int8_t *codes,
                      bool columns, int offset)
{
    int stride = t->quads * CF_QUAD;
    int64_t base = tile * CF_SIDE * stride;
    for (int i = 0; i < CF_SIDE && !columns; i++)
        t->row_codes[(tile * CF_SIDE + i) * t->stride + c] = codes[i];
    for (int i = 0; i < CF_SIDE && columns; i++)
        t->col_codes[base + i / CF_GROUP * CF_GROUP * stride +
                     c / CF_QUAD * CF_GROUP * CF_QUAD + i % CF_GROUP * CF_QUAD +
                     c % CF_QUAD] = (uint8_t)(codes[i] + offset);
}

/* One of the two sets of codes of a tile; lengths in codes go to `coded`. */
static void encode_tile(cf_tiles *t, int64_t tile, const float *r, float step,
                        bool columns, int offset, float *coded)
{
    float left[CF_SIDE] = {0}, squares[CF_SIDE] = {0};
    int8_t codes[CF_SIDE];
    float code_most = (float)(columns ? offset - 1 : CF_CODE);
    for (int c = 0; c < t->quads * CF_QUAD; c++) {
        memset(codes, 0, sizeof codes);
        if (c < t->dim)
            encode(r + c * CF_SIDE, 1 / step, step, code_most, codes, left,
                   squares);
        put_codes(t, tile, c, codes, columns, offset);
    }
    /* With what normalising, centring and rotating have rounded. */
    float error = root(largest(left, CF_SIDE), t->dim) +
                  40 * UNIT * (t->length[tile] + t->reach[tile]) +
                  rotation_error(t) * t->reach[tile] + TINY;
    for (int i = 0; i < CF_SIDE; i++)
        coded[i] = step * root(squares[i], t->dim);
    (columns ? t->col_step : t->row_step)[tile] = step;
    (columns ? t->col_error : t->row_error)[tile] = error;
}

/* Where it stands, or in `room`. */
static float *rotate(const cf_tiles *t, float *r, float *room)
{
    if (t->rotation == NULL) {
        mix(r, t->dim, t->dim);
        return r;
    }
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, t->dim, CF_SIDE,
                t->dim, 1, t->rotation, t->dim, r, CF_SIDE, 0, room, CF_SIDE);
    mix(room, t->dim, PIECE);
    return room;
}

/* A larger step where, a little larger, it lets sums of half the products fit
 * 16 bits: with lengths of up to `most` in codes, of which rounding adds some.
 */
static float widened(const cf_tiles *t, float step, float half, float most)
{
    float factor = half / (step * (most - 0.35f * sqrtf((float)t->dim)));
    return factor > 1 && factor < WIDER_MOST ? factor * step : step;
}

/* The longest of either half of the quads of rotated residuals. */
static float longest_half(const cf_tiles *t, const float *r)
{
    float first[CF_SIDE] = {0}, last[CF_SIDE] = {0};
    for (int c = 0; c < t->dim; c++)
        add_squares(r + c * CF_SIDE, (c & 2) == 0 ? first : last);
    return sqrtf(fmaxf(largest(first, CF_SIDE), largest(last, CF_SIDE)));
}

/* Both r and room are [dim][CF_SIDE]. */
static void set_tile(cf_tiles *t, int64_t tile, float scale,
                     const cf_screen_kernel *kernel, float *r, float *room)
{
    int offset = kernel->offset;
    int rows = cf_tile_rows(t, tile);
    float squares[CF_SIDE] = {0}, coded[CF_SIDE], most = 0;
    fill(t, tile, scale, r);
    for (int c = 0; c < t->dim; c++)
        add_squares(r + c * CF_SIDE, squares);
    t->length[tile] = root(largest(squares, rows), t->dim);
    memset(squares, 0, sizeof squares);
    for (int c = 0; c < t->dim; c++) {
        subtract_mean(r + c * CF_SIDE, rows, t->centre + tile * t->dim + c);
        add_squares(r + c * CF_SIDE, squares);
    }
    for (int i = 0; i < CF_SIDE; i++)
        t->residual[tile * CF_SIDE + i] =
            root(squares[i], t->dim) + 8 * UNIT * t->length[tile];
    t->reach[tile] = largest(t->residual + tile * CF_SIDE, rows);
    if (t->residuals != NULL)
        keep_residuals(t, tile, r);
    r = rotate(t, r, room);
    for (int c = 0; c < t->dim; c++)
        most = fmaxf(most, largest(r + c * CF_SIDE, rows));
    most = fmaxf(fmaxf(most, STEP_LEAST * t->length[tile]), 1e-30f);
    float row_step = most / CF_CODE, col_step = most / (float)(offset - 1);
    if (kernel->halves) {
        float half = longest_half(t, r);
        row_step = widened(t, row_step, half, HALF_LENGTH * SQRT2);
        col_step = widened(t, col_step, half, HALF_LENGTH / SQRT2);
    }
    encode_tile(t, tile, r, row_step, false, offset, t->coded + tile * CF_SIDE);
    encode_tile(t, tile, r, col_step, true, offset, coded);
}

/* What threads need to set tiles. */
typedef struct setting {
    cf_tiles *tiles;
    cf_crew *crew;
    float scale;
    const cf_screen_kernel *kernel;
    float *room; /* of each thread 2 [dim][CF_SIDE] */
} setting;

static void set_some(int thread, void *data)
{
    const setting *s = data;
    cf_tiles *t = s->tiles;
    int64_t size = (int64_t)t->dim * CF_SIDE;
    float *r = s->room + 2 * thread * size;
    for (int64_t tile; (tile = cf_crew_next(s->crew)) < t->tiles;)
        set_tile(t, tile, s->scale, s->kernel, r, r + size);
}

void cf_tiles_set(cf_tiles *t, const cf_slab *slab, float scale,
                  const cf_screen_kernel *kernel, cf_crew *crew)
{
    setting s = {t, crew, scale, kernel, NULL};
    s.room = cf_alloc((int64_t)2 * crew->threads * t->dim * CF_SIDE,
                      sizeof *s.room, "tiles of rows");
    t->slab = slab;
    t->linear = t->residuals != NULL ? t->residuals : slab->rows;
    t->count = slab->count;
    t->tiles = (slab->count + CF_SIDE - 1) / CF_SIDE;
    cf_crew_run(crew, set_some, &s);
    cf_free(s.room);
    t->head = 0; /* none is known of these codes */
    cf_tiles_set_head(t, t->quads, crew);
}

CF_VECTORISED static int32_t sum_of_squares(const int8_t *codes, int n)
{
    int32_t sum = 0;
    for (int i = 0; i < n; i++)
        sum += (int32_t)codes[i] * codes[i];
    return sum;
}

CF_VECTORISED static int32_t sum_of(const int8_t *codes, int n)
{
    int32_t sum = 0;
    for (int i = 0; i < n; i++)
        sum += codes[i];
    return sum;
}

/* The same of the first two of each quad. */
CF_VECTORISED static int32_t half_sum_of_squares(const int8_t *codes, int n)
{
    int32_t sum = 0;
    for (int i = 0; i < n; i++)
        sum += (i & 2) == 0 ? (int32_t)codes[i] * codes[i] : 0;
    return sum;
}

CF_VECTORISED static int32_t half_sum_of(const int8_t *codes, int n)
{
    int32_t sum = 0;
    for (int i = 0; i < n; i++)
        sum += (i & 2) == 0 ? codes[i] : 0;
    return sum;
}

/* Lengths and sums that a tile's head decides. */
static void set_head(cf_tiles *t, int64_t tile)
{
    int head = CF_MIN(t->head * CF_QUAD, t->dim), rest = t->dim - head;
    int rows = cf_tile_rows(t, tile);
    float total = 0;
    int32_t first = 0, last = 0;
    for (int64_t i = tile * CF_SIDE; i < tile * CF_SIDE + rows; i++) {
        const int8_t *codes = t->row_codes + i * t->stride;
        float squares = (float)sum_of_squares(codes + head, rest);
        t->head_sum[i] = sum_of(codes, head);
        t->half_sum[i] = half_sum_of(codes, head);
        int32_t half = half_sum_of_squares(codes, head);
        first = CF_MAX(first, half);
        last = CF_MAX(last, sum_of_squares(codes, head) - half);
        t->code_sum[i] = t->head_sum[i] + sum_of(codes + head, rest);
        t->tail[i] = rest == 0
                         ? 0
                         : t->row_step[tile] * sqrtf(squares) * (1 + 8 * UNIT) +
                               t->row_error[tile];
        total += t->tail[i];
    }
    t->typical[tile] = total / (float)rows;
    t->first_most[tile] = t->row_step[tile] * root((float)first, t->dim);
    t->last_most[tile] = t->row_step[tile] * root((float)last, t->dim);
}

static void set_some_heads(int thread, void *data)
{
    const setting *s = data;
    (void)thread;
    for (int64_t tile; (tile = cf_crew_next(s->crew)) < s->tiles->tiles;)
        set_head(s->tiles, tile);
}

void cf_tiles_set_head(cf_tiles *t, int quads, cf_crew *crew)
{
    setting s = {.tiles = t, .crew = crew};
    if (t->head == quads)
        return;
    t->head = quads;
    cf_crew_run(crew, set_some_heads, &s);
}
