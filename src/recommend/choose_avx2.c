#include "choose.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("avx2")))
#define LANES 4
#define vec __m256d
#define SET(x) _mm256_set1_pd(x)
#define LOAD(p) _mm256_loadu_pd(p)
#define MUL(a, b) _mm256_mul_pd(a, b)
#define ADD(a, b) _mm256_add_pd(a, b)
#define COLUMNS(p)                                                             \
    _mm256_cvtepi32_pd(_mm_loadu_si128((const __m128i *)(const void *)(p)))
#define IN_ORDER(a) _mm256_permute4x64_pd(a, 0xd8)
#define VALUES(a, b) IN_ORDER(_mm256_unpacklo_pd(a, b))
#define WEIGHTS(a, b) IN_ORDER(_mm256_unpackhi_pd(a, b))
#define GREATER(a, b)                                                          \
    (uint32_t) _mm256_movemask_pd(_mm256_cmp_pd(a, b, _CMP_GT_OQ))

#include "choose_body.h"

const cf_choose_kernel cf_choose_avx2 = {next};
#endif
