#include <string.h>

#include "screen.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET                                                                 \
    __attribute__((target("avx512f,avx512bw,avx512vl,popcnt,avx512vnni")))
#include "screen_512.h"

/* By hand: compilers copy the sums about when the intrinsic is used. */
#define DOT(sum, columns, row) dot(sum, columns, row)

static inline TARGET vec dot(vec sum, vec columns, vec row)
{
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(columns), "v"(row));
    return sum;
}

/* In four lanes. */
static inline TARGET __m128i product(const int8_t *a, const int8_t *b, int n)
{
    __m512i sum = _mm512_setzero_si512();
    for (int i = 0; i < n; i += 64) {
        __mmask64 left = n - i < 64 ? ((__mmask64)1 << (n - i)) - 1 : ~0ull;
        __m512i x = _mm512_maskz_loadu_epi8(left, a + i);
        x = _mm512_xor_si512(x, _mm512_set1_epi8((char)CF_OFFSET));
        sum = dot(sum, x, _mm512_maskz_loadu_epi8(left, b + i));
    }
    __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(sum),
                                    _mm512_extracti64x4_epi64(sum, 1));
    return _mm_add_epi32(_mm256_castsi256_si128(half),
                         _mm256_extracti128_si256(half, 1));
}

#include "screen_body.h"

const cf_screen_kernel cf_screen_vnni = {"avx512vnni", CF_OFFSET, HALVES, 280,
                                         screen,       products,  confirm};
#endif
