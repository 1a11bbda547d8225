/* What this machine multiplies and adds at most, by instruction set.
 *
 *     multiply THREADS
 *
 * One JSON line of multiply-adds a second, of all threads together:
 * {"avx2": {"integer": 1e11, "float": 5e10}, "avx512": …, "avx512vnni": …};
 * {} on other machines than x86-64.
 *
 * integer: of 8-bit integers; vpdpbusd where there is VNNI, and elsewhere
 * vpmaddubsw with vpaddw, whose 16-bit sums kernels must also widen now and
 * then: they stay below it. float: fused, of float32. All operands are in
 * registers. */
#include <omp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>

#define SECONDS 0.3 /* of each measurement, and a third of it before */
#define SUMS 12     /* independent sums: what two units of latency 5 need */
#define TURNS 20000 /* between two looks at the clock */

/* A function that adds SUMS products TURNS times. The empty assembly makes the
 * operand look new to the compiler, which would else multiply once; the last
 * one makes it believe that the sums are used. */
#define KERNEL(name, isa, type, step)                                          \
    __attribute__((target(isa))) static void name(void)                        \
    {                                                                          \
        type a, b, sum[SUMS] = {{0}};                                          \
        memset(&a, 0x3c, sizeof a);                                            \
        memset(&b, 0x3c, sizeof b);                                            \
        __asm__ volatile("" : "+v"(b));                                        \
        for (int turn = 0; turn < TURNS; turn++)                               \
            _Pragma("GCC unroll 12") for (int s = 0; s < SUMS; s++)            \
            {                                                                  \
                __asm__ volatile("" : "+v"(a));                                \
                sum[s] = step(sum[s], a, b);                                   \
            }                                                                  \
        _Pragma("GCC unroll 12") for (int s = 0; s < SUMS;                     \
                                      s++) __asm__ volatile("" : :             \
                                                            "v"(sum[s]));      \
    }

#define BYTES_256(sum, a, b) _mm256_add_epi16(sum, _mm256_maddubs_epi16(a, b))
#define BYTES_512(sum, a, b) _mm512_add_epi16(sum, _mm512_maddubs_epi16(a, b))
#define FLOATS_256(sum, a, b) _mm256_fmadd_ps(a, b, sum)
#define FLOATS_512(sum, a, b) _mm512_fmadd_ps(a, b, sum)

KERNEL(bytes_avx2, "avx2", __m256i, BYTES_256)
KERNEL(floats_avx2, "avx2,fma", __m256, FLOATS_256)
KERNEL(bytes_avx512, "avx512bw", __m512i, BYTES_512)
KERNEL(floats_avx512, "avx512f", __m512, FLOATS_512)
KERNEL(bytes_vnni, "avx512vnni", __m512i, _mm512_dpbusd_epi32)

/* Calls a second, for about so many seconds. */
static double rate(void (*kernel)(void), double seconds)
{
    double begin = omp_get_wtime(), now = begin;
    int64_t calls = 0;
    for (; now < begin + seconds; now = omp_get_wtime(), calls++)
        kernel();
    return (double)calls / (now - begin);
}

/* Multiply-adds a second of all threads, which have so many lanes. */
static double measure(void (*kernel)(void), int lanes, int threads)
{
    double calls = 0;
#pragma omp parallel num_threads(threads) reduction(+ : calls)
    {
        rate(kernel, SECONDS / 3);
#pragma omp barrier
        calls = rate(kernel, SECONDS);
    }
    return calls * TURNS * SUMS * lanes;
}

static void show(const char *isa, void (*bytes)(void), void (*floats)(void),
                 int width, int threads)
{
    static const char *before = "";
    printf("%s\"%s\": {\"integer\": %.4e, \"float\": %.4e}", before, isa,
           measure(bytes, width, threads), measure(floats, width / 4, threads));
    before = ", ";
}

static void show_all(int threads)
{
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        show("avx2", bytes_avx2, floats_avx2, 32, threads);
    if (__builtin_cpu_supports("avx512bw"))
        show("avx512", bytes_avx512, floats_avx512, 64, threads);
    if (__builtin_cpu_supports("avx512vnni"))
        show("avx512vnni", bytes_vnni, floats_avx512, 64, threads);
}
#else
static void show_all(int threads)
{
    (void)threads;
}
#endif

int main(int argc, char **argv)
{
    int threads = argc == 2 ? atoi(argv[1]) : 0;
    if (threads < 1) {
        fprintf(stderr, "usage: multiply THREADS\n");
        return 64;
    }
    printf("{");
    show_all(threads);
    printf("}\n");
    return 0;
}
