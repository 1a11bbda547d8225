/* A short row of small whole numbers times a block of long rows, for each
 * instruction set one small file around bytes_body.h. */
#ifndef CFMPI_BYTES_H
#define CFMPI_BYTES_H

#include <stdbool.h>
#include <stdint.h>

#define CF_BLOCK 128 /* long rows whose codes lie together */
#define CF_CODE_MOST                                                           \
    31 /* largest code: four products fit 16 bits, with sign                   \
        */
#define CF_SUM_MOST 65535 /* of 16 bits */

/* Four columns of a short row: the first two have one code, the others one. */
typedef struct cf_code_quad {
    uint16_t column[4];
    uint8_t weight[4]; /* first, second, first, second */
} cf_code_quad;

/* A run of columns of a short row that have one code, so few that sums of bytes
 * hold what they add up to. */
typedef struct cf_code_run {
    uint8_t code, count;
} cf_code_run;

/* Sums over what two rows have in common: their number, of products, and of the
 * codes x of the short row and y of the long one. Squares are 2 v + 11 c - 30
 * of a code c from 1 to 10, where v = (c - 5)(c - 6) / 2 is at most 10: so many
 * v fit a byte. */
enum cf_moment {
    CF_MOMENT_N,
    CF_MOMENT_XY,
    CF_MOMENT_X,
    CF_MOMENT_Y,
    CF_MOMENT_VX,
    CF_MOMENT_VY,
    CF_MOMENTS
};

#define CF_MOMENT_CODE 10 /* largest code of which there are moments */

/* Which of them are asked for. */
enum cf_moment_set {
    CF_COUNTS,   /* the number, of codes that are all 1 */
    CF_PRODUCTS, /* that, of products and of y */
    CF_SQUARES,  /* all */
    CF_MOMENT_SETS
};

/* sum[CF_MOMENTS][CF_BLOCK] += those of `count` runs, whose columns follow one
 * another; none may pass CF_SUM_MOST. Local. */
typedef void cf_add_moments(uint16_t *sum, const uint8_t *codes,
                            const cf_code_run *runs, int64_t count,
                            const uint16_t *column);

static inline int cf_moment_v(int code)
{
    return code == 0 ? 0 : (code - 5) * (code - 6) / 2;
}

/* What a sum must reach to matter to the short row or to a long one: the
 * smaller of own_least x right[] and own_right x least[], both / 65536, and at
 * least 1: 0 is of rows that have nothing in common. */
typedef struct cf_sum_test {
    uint16_t own_least, own_right;
    const uint16_t *right, *least; /* [CF_BLOCK] */
} cf_sum_test;

typedef struct cf_byte_kernel {
    const char *name;
    /* Codes of a column lie in groups of so many rows, in which those of row r
     * stand at cf_code_place(r, group). */
    int group;
    /* sum[CF_BLOCK] += codes[column][CF_BLOCK] x weights of `count` quads; sums
     * must not pass CF_SUM_MOST. Local. */
    void (*add)(uint16_t *sum, const uint8_t *codes, const cf_code_quad *quads,
                int64_t count);
    /* The same with sums put into `out`; whether one of them reaches its test,
     * which sets its bit in `hits`: else neither is set. Local. */
    bool (*screen)(const uint16_t *sum, const uint8_t *codes,
                   const cf_code_quad *quads, int64_t count,
                   const cf_sum_test *test, uint16_t *out, uint64_t hits[2]);
    cf_add_moments *moments[CF_MOMENT_SETS];
} cf_byte_kernel;

/* Instructions that interleave the bytes of two registers take eight of each
 * 16: rows are placed so that their sums come out in order. */
static inline int cf_code_place(int row, int group)
{
    int in = row % group, half = group / 2;
    return group < 16 ? row
                      : row - in + in % half / 8 * 16 + in / half * 8 + in % 8;
}

/* That of the instruction set that the program uses. Local. */
const cf_byte_kernel *cf_byte_kernel_of_cpu(void);

extern const cf_byte_kernel cf_bytes_portable;
extern const cf_byte_kernel cf_bytes_avx2;
extern const cf_byte_kernel cf_bytes_avx512;

#endif
