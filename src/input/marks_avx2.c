#include "marks.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define NAME cf_marks_avx2
#define TARGET __attribute__((target("avx2,bmi,bmi2,popcnt")))

static inline TARGET uint64_t equal(const char *p, char c)
{
    __m256i wanted = _mm256_set1_epi8(c);
    __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)p);
    __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(p + 32));
    uint32_t low = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(a, wanted));
    uint32_t high =
        (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(b, wanted));
    return (uint64_t)high << 32 | low;
}

/* Twelve at once, as more are rare; those past the last set bit are junk that
 * the next call overwrites. */
static inline TARGET int64_t put_marks(uint32_t *out, uint32_t base,
                                       uint64_t mask)
{
    int64_t count = __builtin_popcountll(mask);
    for (int64_t i = 0; i < count; i += 12)
        for (int j = 0; j < 12; j++) {
            out[i + j] = base + (uint32_t)_tzcnt_u64(mask);
            mask = _blsr_u64(mask);
        }
    return count;
}

#include "marks_body.h"
#endif
