#include <string.h>

#include "screen.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("avx2")))
#define LANES 8
#define ROWS 4
#define VECTORS 2
#define vec __m256i
#define SET(x) _mm256_set1_epi32(x)
#define LOAD(p) _mm256_loadu_si256((const vec *)(const void *)(p))
#define STORE(p, v) _mm256_storeu_si256((vec *)(void *)(p), v)
#define ADD(a, b) _mm256_add_epi32(a, b)
#define MIN(a, b) _mm256_min_epi32(a, b)
#define REACHES(a, b)                                                          \
    ((uint32_t)~_mm256_movemask_ps(                                            \
         _mm256_castsi256_ps(_mm256_cmpgt_epi32(b, a))) &                      \
     255)
#define DOT(sum, columns, row)                                                 \
    _mm256_add_epi32(sum,                                                      \
                     _mm256_madd_epi16(_mm256_maddubs_epi16(columns, row),     \
                                       _mm256_set1_epi16(1)))
#include "screen_body.h"

const cf_screen_kernel cf_screen_avx2 = {"avx2", CF_OFFSET / 2, screen,
                                         products};
#endif
