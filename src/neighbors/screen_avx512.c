#include <string.h>

#include "screen.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl")))
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
#define DOT(sum, columns, row)                                                 \
    _mm512_add_epi32(sum,                                                      \
                     _mm512_madd_epi16(_mm512_maddubs_epi16(columns, row),     \
                                       _mm512_set1_epi16(1)))
#include "screen_body.h"

const cf_screen_kernel cf_screen_avx512 = {"avx512", CF_OFFSET / 2, screen,
                                           products};
#endif
