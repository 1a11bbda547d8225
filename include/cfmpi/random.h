/* Counter-based random numbers: a value depends on (seed, stream, index)
 * alone, so any rank can make any of them and the rank count never matters. */
#ifndef CFMPI_RANDOM_H
#define CFMPI_RANDOM_H

#include <stdint.h>

/* 64 random bits for (seed, stream, index). Local; three multiply-mix rounds
 * of SplitMix64 (Steele, Lea, Flood 2014). */
uint64_t cf_random_bits(uint64_t seed, uint64_t stream, uint64_t index);

/* Uniform in (0, 1), 53 bits. Local. */
double cf_random_uniform(uint64_t seed, uint64_t stream, uint64_t index);

/* Standard normal by the Box-Muller transform. Local. */
double cf_random_normal(uint64_t seed, uint64_t stream, uint64_t index);

#endif
