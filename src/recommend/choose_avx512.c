#include "choose.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("avx512f")))
#define LANES 8
#define vec __m512d
#define SET(x) _mm512_set1_pd(x)
#define LOAD(p) _mm512_loadu_pd(p)
#define MUL(a, b) _mm512_mul_pd(a, b)
#define ADD(a, b) _mm512_add_pd(a, b)
#define COLUMNS(p)                                                             \
    _mm512_cvtepi32_pd(_mm256_loadu_si256((const __m256i *)(const void *)(p)))
#define FROM(first)                                                            \
    _mm512_setr_epi64(first, first + 2, first + 4, first + 6, first + 8,       \
                      first + 10, first + 12, first + 14)
#define VALUES(a, b) _mm512_permutex2var_pd(a, FROM(0), b)
#define WEIGHTS(a, b) _mm512_permutex2var_pd(a, FROM(1), b)
#define GREATER(a, b) (uint32_t) _mm512_cmp_pd_mask(a, b, _CMP_GT_OQ)

#include "choose_body.h"

const cf_choose_kernel cf_choose_avx512 = {next};
#endif
