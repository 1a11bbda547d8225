#include <string.h>

#include "screen.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include "screen_512.h"

#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))
/* By hand: compilers copy the sums about when the intrinsic is used. */
#define DOT(sum, columns, row) dot(sum, columns, row)

static inline TARGET vec dot(vec sum, vec columns, vec row)
{
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(columns), "v"(row));
    return sum;
}

#include "screen_body.h"

const cf_screen_kernel cf_screen_vnni = {"avx512vnni", CF_OFFSET, screen,
                                         products};
#endif
