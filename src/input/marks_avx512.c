#include "marks.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define NAME cf_marks_avx512
#define TARGET __attribute__((target("avx512f,avx512bw,bmi,bmi2,popcnt")))

static inline TARGET uint64_t equal(const char *p, char c)
{
    return _mm512_cmpeq_epi8_mask(_mm512_loadu_si512(p), _mm512_set1_epi8(c));
}

/* Sixteen bits at a time; whole registers are stored, and what stands past the
 * last set bit is overwritten by the next. */
static inline TARGET int64_t put_marks(uint32_t *out, uint32_t base,
                                       uint64_t mask)
{
    const __m512i step = _mm512_set1_epi32(16);
    __m512i places = _mm512_add_epi32(
        _mm512_set1_epi32((int)base),
        _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
    int64_t count = 0;
    for (int i = 0; i < 4; i++) {
        __mmask16 part = (__mmask16)(mask >> (16 * i));
        _mm512_storeu_si512(out + count,
                            _mm512_maskz_compress_epi32(part, places));
        count += __builtin_popcount(part);
        places = _mm512_add_epi32(places, step);
    }
    return count;
}

#include "marks_body.h"
#endif
