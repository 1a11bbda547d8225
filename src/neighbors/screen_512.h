/* What screens with registers of 512 bits have in common, for screen_body.h. */
#define LANES 16
#define ROWS 8
#define VECTORS 2
#define vec __m512i
#define SET(x) _mm512_set1_epi32(x)
#define LOAD(p) _mm512_loadu_si512(p)
#define STORE(p, v) _mm512_storeu_si512(p, v)
#define ADD(a, b) _mm512_add_epi32(a, b)
#define SUB(a, b) _mm512_sub_epi32(a, b)
#define AND(a, b) _mm512_and_si512(a, b)
#define MIN(a, b) _mm512_min_epi32(a, b)
#define REACHED(a)                                                             \
    ((uint32_t)_mm512_cmpge_epi32_mask(a, _mm512_setzero_si512()))

/* Conversions to 16 bits keep the order of lanes. */
static inline TARGET cf_pair *keep(cf_pair *end, uint32_t bits, int row,
                                   int column)
{
    const vec lanes =
        _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    vec pair = _mm512_slli_epi32(ADD(lanes, SET(column)), CF_PLACE_BITS);
    pair = _mm512_or_si512(pair, SET(row));
    pair = _mm512_maskz_compress_epi32((__mmask16)bits, pair);
#if CF_PLACE_BITS == 8
    _mm256_storeu_si256((__m256i *)(void *)end, _mm512_cvtepi32_epi16(pair));
#else
    STORE(end, pair);
#endif
    return end + __builtin_popcount(bits);
}
