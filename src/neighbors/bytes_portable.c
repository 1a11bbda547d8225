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

const cf_byte_kernel cf_bytes_portable = {"portable", 1, add, screen};

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
