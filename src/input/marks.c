#include "marks.h"

#include "cfmpi/cpu.h"

cf_marks_fn *cf_marks_best(void)
{
#if defined(__x86_64__)
    switch (cf_cpu_isa()) {
    case CF_ISA_VNNI:
    case CF_ISA_AVX512: return cf_marks_avx512;
    case CF_ISA_AVX2: return cf_marks_avx2;
    case CF_ISA_PORTABLE: break;
    }
#endif
    return cf_marks_portable;
}
