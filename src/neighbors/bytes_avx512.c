#include <string.h>

#include "bytes.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512bw")))
#define WIDTH 64
#define vec __m512i
#define LOAD(p) _mm512_loadu_si512(p)
#define STORE(p, v) _mm512_storeu_si512(p, v)
#define SET16(x) _mm512_set1_epi16((short)(x))
#define SET32(x) _mm512_set1_epi32(x)
#define ADD8(a, b) _mm512_add_epi8(a, b)
#define ADD16(a, b) _mm512_add_epi16(a, b)
#define MIN8(a, b) _mm512_min_epu8(a, b)
#define LOOKUP(t, b) _mm512_shuffle_epi8(_mm512_broadcast_i32x4(t), b)
#define ZERO _mm512_setzero_si512()
#define LOW(a, b) _mm512_unpacklo_epi8(a, b)
#define HIGH(a, b) _mm512_unpackhi_epi8(a, b)
#define PAIRS(a, w) _mm512_maddubs_epi16(a, w)
#define HIGH16(a, b) _mm512_mulhi_epu16(a, b)
#define MIN16(a, b) _mm512_min_epu16(a, b)
#define MAX16(a, b) _mm512_max_epu16(a, b)

static inline TARGET uint64_t reached(vec sum, vec least)
{
    return _mm512_cmpge_epu16_mask(sum, least);
}

#include "bytes_body.h"

const cf_byte_kernel cf_bytes_avx512 = {"avx512", WIDTH, add, screen, MOMENTS};
#endif
