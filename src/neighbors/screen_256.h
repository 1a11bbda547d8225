/* The product of two rows of codes with registers of 256 bits, for
 * screen_body.h. */
static inline TARGET __m128i product(const int8_t *a, const int8_t *b, int n)
{
    __m256i sum = _mm256_setzero_si256();
    const __m128i offset = _mm_set1_epi8((char)CF_OFFSET);
    for (int i = 0; i < n; i += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(a + i));
        __m128i y = _mm_loadu_si128((const __m128i *)(const void *)(b + i));
        x = _mm_xor_si128(x, offset);
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_cvtepu8_epi16(x),
                                                      _mm256_cvtepi8_epi16(y)));
    }
    return _mm_add_epi32(_mm256_castsi256_si128(sum),
                         _mm256_extracti128_si256(sum, 1));
}
