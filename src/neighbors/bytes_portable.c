#include <string.h>

#include "bytes.h"
#include "cfmpi/cpu.h"
#include "cfmpi/types.h"

static void add(uint16_t *sum, const uint8_t *codes, const cf_code_quad *quads,
                int64_t count)
{
    for (const cf_code_quad *q = quads; q < quads + count; q++) {
        const uint8_t *a = codes + q->column[0] * CF_BLOCK;
        const uint8_t *b = codes + q->column[1] * CF_BLOCK;
        const uint8_t *c = codes + q->column[2] * CF_BLOCK;
        const uint8_t *d = codes + q->column[3] * CF_BLOCK;
        for (int r = 0; r < CF_BLOCK; r++)
            sum[r] = (uint16_t)(sum[r] + (a[r] + b[r]) * q->weight[0] +
                                (c[r] + d[r]) * q->weight[1]);
    }
}

static bool screen(const uint16_t *sum, const uint8_t *codes,
                   const cf_code_quad *quads, int64_t count,
                   const cf_sum_test *test, uint16_t *out, uint64_t hits[2])
{
    uint64_t bits[2] = {0, 0};
    memcpy(out, sum, CF_BLOCK * sizeof *out);
    add(out, codes, quads, count);
    for (int r = 0; r < CF_BLOCK; r++) {
        uint32_t mine = (uint32_t)test->own_least * test->right[r] >> 16;
        uint32_t theirs = (uint32_t)test->own_right * test->least[r] >> 16;
        uint32_t least = CF_MAX(CF_MIN(mine, theirs), 1);
        bits[r / 64] |= (uint64_t)(out[r] >= least) << (r % 64);
    }
    hits[0] = bits[0];
    hits[1] = bits[1];
    return (bits[0] | bits[1]) != 0;
}

static inline __attribute__((always_inline)) void
add_runs(uint16_t *sum, const uint8_t *codes, const cf_code_run *runs,
         int64_t count, const uint16_t *column, enum cf_moment_set set)
{
    static const uint8_t v[16] = {0, 10, 6, 3, 1, 0, 0, 1, 3, 6, 10};
    for (const cf_code_run *run = runs; run < runs + count; run++)
        for (int e = 0; e < run->count; e++) {
            const uint8_t *y = codes + *column++ * CF_BLOCK;
            for (int r = 0; r < CF_BLOCK; r++) {
                uint16_t *to = sum + r, n = y[r] > 0;
                to[CF_MOMENT_N * CF_BLOCK] += n;
                if (set >= CF_PRODUCTS) {
                    to[CF_MOMENT_XY * CF_BLOCK] += (uint16_t)(y[r] * run->code);
                    to[CF_MOMENT_Y * CF_BLOCK] += y[r];
                }
                if (set >= CF_SQUARES) {
                    to[CF_MOMENT_X * CF_BLOCK] += (uint16_t)(n * run->code);
                    to[CF_MOMENT_VX * CF_BLOCK] += (uint16_t)(n * v[run->code]);
                    to[CF_MOMENT_VY * CF_BLOCK] += v[y[r]];
                }
            }
        }
}

#define MOMENTS_OF(name, set)                                                  \
    static void name(uint16_t *sum, const uint8_t *codes,                      \
                     const cf_code_run *runs, int64_t count,                   \
                     const uint16_t *column)                                   \
    {                                                                          \
        add_runs(sum, codes, runs, count, column, set);                        \
    }

MOMENTS_OF(counts, CF_COUNTS)
MOMENTS_OF(products, CF_PRODUCTS)
MOMENTS_OF(squares, CF_SQUARES)

const cf_byte_kernel cf_bytes_portable = {
    "portable", 1, add, screen, {counts, products, squares}};

const cf_byte_kernel *cf_byte_kernel_of_cpu(void)
{
    switch (cf_cpu_isa()) {
#if defined(__x86_64__)
    case CF_ISA_VNNI:
    case CF_ISA_AVX512: return &cf_bytes_avx512;
    case CF_ISA_AVX2: return &cf_bytes_avx2;
#endif
    default: return &cf_bytes_portable;
    }
}
