#include <string.h>

#include "cfmpi/cpu.h"
#include "screen.h"

/* Sixteen columns with one row. */
static void sixteen(const cf_tile_pair *p, int row, int column, int32_t *sum)
{
    const int8_t *q = p->row_codes + row * p->stride;
    const uint8_t *c = p->col_codes + column * p->quads * CF_QUAD;
    for (int l = 0; l < CF_GROUP; l++)
        sum[l] = p->row_start[row] + p->col_start[column + l];
    for (int k = 0; k < p->head * CF_QUAD;
         k += CF_QUAD, c += CF_GROUP * CF_QUAD)
        for (int l = 0; l < CF_GROUP; l++) {
            int32_t four = 0;
            for (int t = 0; t < CF_QUAD; t++)
                four += q[k + t] * c[l * CF_QUAD + t];
            sum[l] += four;
        }
}

static int screen(const cf_tile_pair *p, cf_pair *pairs)
{
    int count = 0;
    for (int row = 0; row < p->rows; row++)
        for (int column = 0; column < p->columns; column += CF_GROUP) {
            int32_t sum[CF_GROUP], least = p->row_least[row];
            sixteen(p, row, column, sum);
            for (int l = 0; l < CF_GROUP; l++) {
                int32_t other = p->col_least[column + l];
                pairs[count] = (cf_pair){(cf_place)row, (cf_place)(column + l)};
                count += sum[l] >= (other < least ? other : least);
            }
        }
    return count;
}

static void products(const cf_tile_pair *p, int32_t *out)
{
    for (int row = 0; row < p->rows; row++)
        for (int column = 0; column < p->columns; column += CF_GROUP)
            sixteen(p, row, column, out + row * CF_SIDE + column);
}

static int confirm(const cf_tile_pair *p, cf_pair *pairs, int count)
{
    int kept = 0;
    for (int t = 0; t < count; t++) {
        cf_pair at = pairs[t];
        const int8_t *x = p->row_codes + at.row * p->stride;
        const int8_t *y = p->col_as_rows + at.column * p->stride;
        int32_t row = p->row_least[at.row], column = p->col_least[at.column];
        int32_t sum = p->row_start[at.row] + p->col_start[at.column];
        for (int k = 0; k < p->stride; k++)
            sum += (x[k] + CF_OFFSET) * y[k];
        pairs[kept] = at;
        kept += sum >= (row < column ? row : column);
    }
    return kept;
}

const cf_screen_kernel cf_screen_portable = {"portable", CF_OFFSET, false,  60,
                                             screen,     products,  confirm};

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
