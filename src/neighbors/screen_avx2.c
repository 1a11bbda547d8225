#include <string.h>

#include "screen.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("avx2,popcnt")))
#define LANES 8
#define ROWS 4
#define VECTORS 2
#define vec __m256i
#define SET(x) _mm256_set1_epi32(x)
#define LOAD(p) _mm256_loadu_si256((const vec *)(const void *)(p))
#define STORE(p, v) _mm256_storeu_si256((vec *)(void *)(p), v)
#define ADD(a, b) _mm256_add_epi32(a, b)
#define SUB(a, b) _mm256_sub_epi32(a, b)
#define AND(a, b) _mm256_and_si256(a, b)
#define MIN(a, b) _mm256_min_epi32(a, b)
#define REACHED(a) ((uint32_t)~_mm256_movemask_ps(_mm256_castsi256_ps(a)) & 255)
#define JOIN(sums) _mm256_madd_epi16(sums, _mm256_set1_epi16(1))
#define DOT(sum, columns, row)                                                 \
    _mm256_add_epi32(sum, JOIN(_mm256_maddubs_epi16(columns, row)))
#define DOT_HALVES(sums, columns, row)                                         \
    _mm256_add_epi16(sums, _mm256_maddubs_epi16(columns, row))

/* The numbers of the set bits of a byte, in 4 bits each. */
static uint32_t set_bits[256];

static void __attribute__((constructor)) list_set_bits(void)
{
    for (uint32_t byte = 0; byte < 256; byte++)
        for (uint32_t bit = 0, count = 0; bit < 8; bit++)
            if (byte >> bit & 1)
                set_bits[byte] |= bit << 4 * count++;
}

static inline TARGET cf_pair *keep(cf_pair *end, uint32_t bits, int row,
                                   int column)
{
    const vec shifts = _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28);
    vec pair = _mm256_srlv_epi32(SET((int)set_bits[bits]), shifts);
    pair = ADD(_mm256_and_si256(pair, SET(7)), SET(column));
    pair = _mm256_or_si256(_mm256_slli_epi32(pair, CF_PLACE_BITS), SET(row));
#if CF_PLACE_BITS == 8
    pair = _mm256_permute4x64_epi64(_mm256_packus_epi32(pair, pair), 0xd8);
    _mm_storeu_si128((__m128i *)(void *)end, _mm256_castsi256_si128(pair));
#else
    STORE(end, pair);
#endif
    return end + __builtin_popcount(bits);
}

#include "screen_256.h"
#include "screen_body.h"

const cf_screen_kernel cf_screen_avx2 = {"avx2", CF_OFFSET / 2, HALVES, 200,
                                         screen, products,      confirm};
#endif
