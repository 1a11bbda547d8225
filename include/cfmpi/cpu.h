/* Which instruction set the program's own kernels use, and loops compiled for
 * several of them. */
#ifndef CFMPI_CPU_H
#define CFMPI_CPU_H

/* Sets for which kernels are written, each with all of the one before. */
enum cf_isa { CF_ISA_PORTABLE, CF_ISA_AVX2, CF_ISA_AVX512, CF_ISA_VNNI };

/* The best that this processor has, or the one that the environment variable
 * CFMPI_ISA names (portable, avx2, avx512, avx512vnni) where the processor has
 * it. Local. */
enum cf_isa cf_cpu_isa(void);

/* Its name. Local. */
const char *cf_cpu_isa_name(enum cf_isa isa);

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CF_SANITIZED
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define CF_SANITIZED
#endif

/* In front of a static function without side conditions on its results: all
 * versions do the same float64 operations in the same order. Sanitizers run
 * before the choice can be made, so they get one version. */
#if defined(__x86_64__) && !defined(CF_SANITIZED)
#define CF_VECTORISED                                                          \
    __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define CF_VECTORISED
#endif

#endif
