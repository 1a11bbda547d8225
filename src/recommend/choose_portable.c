#include "choose.h"

#include <stddef.h>

#include "cfmpi/cpu.h"

static int64_t next(const cf_choice *c, int64_t at, int64_t end,
                    const cf_bar *bar, uint32_t *bits)
{
    *bits = 0;
    for (; at < end; at += CF_CHOICE) {
        for (int k = 0; k < CF_CHOICE; k++) {
            const double *s = c->sums + 2 * (at + k);
            double value = s[0];
            if (c->item_sum != NULL)
                value += c->item_sum[at + k];
            if (cf_passes(value, s[1], c->column[at + k], bar))
                *bits |= (uint32_t)1 << k;
        }
        if (*bits != 0)
            return at;
    }
    return end;
}

const cf_choose_kernel cf_choose_portable = {next};

const cf_choose_kernel *cf_choose_kernel_of_cpu(void)
{
#if defined(__x86_64__)
    enum cf_isa isa = cf_cpu_isa();
    if (isa >= CF_ISA_AVX512)
        return &cf_choose_avx512;
    if (isa >= CF_ISA_AVX2)
        return &cf_choose_avx2;
#endif
    return &cf_choose_portable;
}
