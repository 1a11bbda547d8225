#include <string.h>

#include "screen.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,popcnt")))
#include "screen_512.h"

#define JOIN(sums) _mm512_madd_epi16(sums, _mm512_set1_epi16(1))
#define DOT(sum, columns, row)                                                 \
    _mm512_add_epi32(sum, JOIN(_mm512_maddubs_epi16(columns, row)))
#define DOT_HALVES(sums, columns, row)                                         \
    _mm512_add_epi16(sums, _mm512_maddubs_epi16(columns, row))

#include "screen_256.h"
#include "screen_body.h"

const cf_screen_kernel cf_screen_avx512 = {"avx512", CF_OFFSET / 2, HALVES, 200,
                                           screen,   products,      confirm};
#endif
