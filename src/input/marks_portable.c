#include <string.h>

#include "marks.h"

#define NAME cf_marks_portable
#define TARGET

/* Eight bytes at a time: a byte of x is zero where the two are equal, the top
 * bit of each byte then says so, and a product gathers the eight bits. */
static uint64_t equal(const char *p, char c)
{
    const uint64_t low = 0x7f7f7f7f7f7f7f7fu, ones = 0x0101010101010101u;
    uint64_t mask = 0;
    for (int i = 0; i < 8; i++) {
        uint64_t x;
        memcpy(&x, p + 8 * i, sizeof x);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        x = __builtin_bswap64(x);
#endif
        x ^= ones * (unsigned char)c;
        x = ~(((x & low) + low) | x | low) >> 7;
        mask |= (x * 0x0102040810204080u >> 56) << (8 * i);
    }
    return mask;
}

static int64_t put_marks(uint32_t *out, uint32_t base, uint64_t mask)
{
    int64_t count = 0;
    for (; mask != 0; mask &= mask - 1)
        out[count++] = base + (uint32_t)__builtin_ctzll(mask);
    return count;
}

#include "marks_body.h"
