/* What screens with registers of 512 bits have in common, for screen_body.h. */
#define LANES 16
#define ROWS 8
#define VECTORS 2
#define vec __m512i
#define SET(x) _mm512_set1_epi32(x)
#define LOAD(p) _mm512_loadu_si512(p)
#define STORE(p, v) _mm512_storeu_si512(p, v)
#define ADD(a, b) _mm512_add_epi32(a, b)
#define MIN(a, b) _mm512_min_epi32(a, b)
#define REACHES(a, b) ((uint32_t)_mm512_cmpge_epi32_mask(a, b))
