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
