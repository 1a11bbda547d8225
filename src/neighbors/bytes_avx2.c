#include <string.h>

#include "bytes.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("avx2")))
#define WIDTH 32
#define vec __m256i
#define LOAD(p) _mm256_loadu_si256((const vec *)(const void *)(p))
#define STORE(p, v) _mm256_storeu_si256((vec *)(void *)(p), v)
#define SET16(x) _mm256_set1_epi16((short)(x))
#define SET32(x) _mm256_set1_epi32(x)
#define ADD8(a, b) _mm256_add_epi8(a, b)
#define ADD16(a, b) _mm256_add_epi16(a, b)
#define MIN8(a, b) _mm256_min_epu8(a, b)
#define LOOKUP(t, b) _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(t), b)
#define ZERO _mm256_setzero_si256()
#define LOW(a, b) _mm256_unpacklo_epi8(a, b)
#define HIGH(a, b) _mm256_unpackhi_epi8(a, b)
#define PAIRS(a, w) _mm256_maddubs_epi16(a, w)
#define HIGH16(a, b) _mm256_mulhi_epu16(a, b)
#define MIN16(a, b) _mm256_min_epu16(a, b)
#define MAX16(a, b) _mm256_max_epu16(a, b)

static inline TARGET uint64_t reached(vec sum, vec least)
{
    vec enough = _mm256_cmpeq_epi16(_mm256_subs_epu16(least, sum),
                                    _mm256_setzero_si256());
    __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(enough),
                                    _mm256_extracti128_si256(enough, 1));
    return (uint32_t)_mm_movemask_epi8(bytes);
}

#include "bytes_body.h"

const cf_byte_kernel cf_bytes_avx2 = {"avx2", WIDTH, add, screen, MOMENTS};
#endif
