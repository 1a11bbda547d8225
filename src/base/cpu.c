#include "cfmpi/cpu.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"portable", "avx2", "avx512", "avx512vnni"};

const char *cf_cpu_isa_name(enum cf_isa isa)
{
    return names[isa];
}

static enum cf_isa best(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl"))
        return __builtin_cpu_supports("avx512vnni") ? CF_ISA_VNNI
                                                    : CF_ISA_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2"))
        return CF_ISA_AVX2;
#endif
    return CF_ISA_PORTABLE;
}

enum cf_isa cf_cpu_isa(void)
{
    enum cf_isa isa = best();
    const char *wanted = getenv("CFMPI_ISA");
    for (int i = 0; wanted != NULL && i < (int)isa; i++)
        if (strcmp(wanted, names[i]) == 0)
            return (enum cf_isa)i;
    return isa;
}
