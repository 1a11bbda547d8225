/* Loops compiled for several instruction sets, the best one chosen at run
 * time. */
#ifndef CFMPI_CPU_H
#define CFMPI_CPU_H

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
