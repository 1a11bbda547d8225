#include <string.h>

#include "cfmpi/cpu.h"
#include "screen.h"

/* Sixteen columns with one row. */
static void sixteen(const cf_tile_pair *p, int row, int column, int32_t *sum)
{
    const int stride = p->quads * CF_QUAD;
    const int8_t *q = p->row_codes + row * stride;
    const uint8_t *c = p->col_codes + column * stride;
    for (int l = 0; l < CF_GROUP; l++)
        sum[l] = p->row_start[row] + p->col_start[column + l];
    for (int k = 0; k < stride; k += CF_QUAD, c += CF_GROUP * CF_QUAD)
        for (int l = 0; l < CF_GROUP; l++) {
            int32_t four = 0;
            for (int t = 0; t < CF_QUAD; t++)
                four += q[k + t] * c[l * CF_QUAD + t];
            sum[l] += four;
        }
}

static int screen(const cf_tile_pair *p, cf_hit *hits)
{
    int count = 0;
    for (int row = 0; row < p->rows; row++)
        for (int column = 0; column < p->columns; column += CF_GROUP) {
            int32_t sum[CF_GROUP], least = p->row_least[row];
            uint32_t passed = 0;
            sixteen(p, row, column, sum);
            for (int l = 0; l < CF_GROUP; l++) {
                int32_t other = p->col_least[column + l];
                int32_t smaller = other < least ? other : least;
                passed |= (uint32_t)(sum[l] >= smaller) << l;
            }
            hits[count] = (cf_hit){(int16_t)row, (int16_t)column, passed};
            count += passed != 0;
        }
    return count;
}

static void products(const cf_tile_pair *p, int32_t *out)
{
    for (int row = 0; row < p->rows; row++)
        for (int column = 0; column < p->columns; column += CF_GROUP)
            sixteen(p, row, column, out + row * CF_SIDE + column);
}

const cf_screen_kernel cf_screen_portable = {"portable", CF_OFFSET, screen,
                                             products};

const cf_screen_kernel *cf_screen_kernel_of_cpu(void)
{
#if defined(__x86_64__)
    switch (cf_cpu_isa()) {
    case CF_ISA_VNNI: return &cf_screen_vnni;
    case CF_ISA_AVX512: return &cf_screen_avx512;
    case CF_ISA_AVX2: return &cf_screen_avx2;
    case CF_ISA_PORTABLE: break;
    }
#endif
    return &cf_screen_portable;
}
