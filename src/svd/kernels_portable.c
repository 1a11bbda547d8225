#include "kernels.h"

#include "cfmpi/cpu.h"

#define TARGET
#define ACCUMULATORS 8
#define LOAD(p, h) (((const vec *)(const void *)(p))[h])
#define STORE(p, h, v) (((vec *)(void *)(p))[h] = (v))

/* Vectors of 16 bytes, which every processor of interest has. */
typedef float floats __attribute__((vector_size(16), may_alias));
typedef double doubles __attribute__((vector_size(16), may_alias));

#define REAL float
#define vec floats
#define SET1(x) ((floats){(x), (x), (x), (x)})
#define FMA(a, b, c) ((a) * (b) + (c))
#define TABLE(a) ((a)->table_single)
#define NAME(x) x##_single
#include "kernels_body.h"

#define REAL double
#define vec doubles
#define SET1(x) ((doubles){(x), (x)})
#define FMA(a, b, c) ((a) * (b) + (c))
#define LOAD_FLOATS(p, h)                                                      \
    ((doubles){(double)(p)[2 * (h)], (double)(p)[2 * (h) + 1]})
#define TABLE(a) ((a)->table_double)
#define NAME(x) x##_double
#include "kernels_body.h"

const cf_kernels cf_kernels_portable[2] = {
    {sizeof(float), gather_single, scatter_single, inner_single,
     add_product_single, NULL, NULL},
    {sizeof(double), gather_double, scatter_double, inner_double,
     add_product_double, gather_floats_double, scatter_floats_double}};

const cf_kernels *cf_kernels_of(enum cf_precision precision)
{
#if defined(__x86_64__)
    if (cf_cpu_isa() >= CF_ISA_AVX512)
        return &cf_kernels_avx512[precision];
    if (cf_cpu_isa() >= CF_ISA_AVX2)
        return &cf_kernels_avx2[precision];
#endif
    return &cf_kernels_portable[precision];
}
