#include <string.h>

#include "screen.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))
#define LANES 16
#define ROWS 8
#define VECTORS 2
#define vec __m512i
#define SET(x) _mm512_set1_epi32(x)
#define LOAD(p) _mm512_loadu_si512(p)
#define STORE(p, v) _mm512_storeu_si512(p, v)
#define ADD(a, b) _mm512_add_epi32(a, b)
#define MIN(a, b) _mm512_min_epi32(a, b)
#define REACHES(a, b) ((uint32_t)_mm512_cmpge_epi32_mask(a, b))
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
