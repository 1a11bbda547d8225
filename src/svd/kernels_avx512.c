#include "kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512vl,avx2,fma")))
#define ACCUMULATORS 16
#define LOAD(p, h) LOAD_AT((p) + (h) * (int)(64 / sizeof *(p)))
#define STORE(p, h, v) STORE_AT((p) + (h) * (int)(64 / sizeof *(p)), v)

#define REAL float
#define vec __m512
#define SET1(x) _mm512_set1_ps(x)
#define LOAD_AT(p) _mm512_load_ps(p)
#define STORE_AT(p, v) _mm512_store_ps(p, v)
#define FMA(a, b, c) _mm512_fmadd_ps(a, b, c)
#define TABLE(a) ((a)->table_single)
#define NAME(x) x##_single
#include "kernels_body.h"

#define REAL double
#define vec __m512d
#define SET1(x) _mm512_set1_pd(x)
#define LOAD_AT(p) _mm512_load_pd(p)
#define STORE_AT(p, v) _mm512_store_pd(p, v)
#define FMA(a, b, c) _mm512_fmadd_pd(a, b, c)
#define LOAD_FLOATS(p, h) _mm512_cvtps_pd(_mm256_load_ps((p) + 8 * (h)))
#define TABLE(a) ((a)->table_double)
#define NAME(x) x##_double
#include "kernels_body.h"

const cf_kernels cf_kernels_avx512[2] = {
    {sizeof(float), gather_single, scatter_single, inner_single,
     add_product_single, NULL, NULL},
    {sizeof(double), gather_double, scatter_double, inner_double,
     add_product_double, gather_floats_double, scatter_floats_double}};
#endif
