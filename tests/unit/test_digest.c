#include "test.h"

#include <xxhash.h>

#include "cfmpi/digest.h"

#define PIECE ((int64_t)1 << 20)
#define MOST (5 * PIECE)

static char *whole; /* [MOST], the same on all ranks */

/* The definition, over the whole at once. */
static void expected_digest(int64_t bytes, char hex[CF_DIGEST_HEX])
{
    int64_t n = (bytes + PIECE - 1) / PIECE;
    XXH64_canonical_t *pieces = cf_alloc(n, sizeof *pieces, "test");
    for (int64_t i = 0; i < n; i++)
        XXH64_canonicalFromHash(
            &pieces[i], XXH3_64bits(whole + i * PIECE,
                                    (size_t)CF_MIN(PIECE, bytes - i * PIECE)));
    XXH128_canonical_t sum;
    XXH128_canonicalFromHash(&sum,
                             XXH3_128bits(pieces, (size_t)n * sizeof *pieces));
    for (int i = 0; i < 16; i++)
        snprintf(hex + 2 * i, 3, "%02x", sum.digest[i]);
    cf_free(pieces);
}

/* Digest of the first bytes of the whole, cut in slabs by `part` and fed in
 * steps of at most `step` bytes, with the slabs' sizes said before or not. */
static void check_slabs(const cf_part *part, int64_t step)
{
    char hex[CF_DIGEST_HEX], expected[CF_DIGEST_HEX];
    int64_t begin = part->begin[world.rank], end = part->begin[world.rank + 1];
    expected_digest(cf_part_rows(part), expected);
    for (int said = 0; said < 2; said++) {
        cf_digest d;
        cf_digest_begin(&d, begin, said ? end - begin : -1);
        for (int64_t at = begin; at < end; at += step)
            cf_digest_update(&d, whole + at, CF_MIN(step, end - at));
        cf_digest_end(&d, &world, hex);
        CHECK(strcmp(hex, expected) == 0);
        CHECK(strlen(hex) == CF_DIGEST_HEX - 1);
    }
}

static void test_sizes(void)
{
    static const int64_t sizes[] = {
        0,        1,         2,     3,         6,         1000,
        4097,     PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 3 * PIECE + 5,
        MOST - 3, MOST};
    for (int s = 0; s < COUNT(sizes); s++) {
        cf_part p = {0};
        cf_part_even(&p, sizes[s], world.size);
        check_slabs(&p, sizes[s] < 5000 ? 1 : 100003);
        check_slabs(&p, MOST);
        uneven_part(&p, sizes[s], world.size);
        check_slabs(&p, MOST);
        for (int r = 1; r < world.size; r++) /* all on the last rank */
            p.begin[r] = 0;
        check_slabs(&p, PIECE);
        for (int r = 1; r < world.size; r++) /* all on the first */
            p.begin[r] = sizes[s];
        check_slabs(&p, PIECE + 1);
        cf_part_free(&p);
    }
}

/* Slabs that end near the borders of pieces, many of them in one piece. */
static void test_borders(void)
{
    for (int round = 0; round < 30; round++) {
        cf_part p = {0};
        cf_part_even(&p, MOST - 7, world.size);
        for (int r = 1; r < world.size; r++) {
            int64_t border = pick(1, round * 64 + r, 4) * PIECE +
                             pick(2, round * 64 + r, 5) - 2;
            p.begin[r] = CF_MIN(CF_MAX(border, p.begin[r - 1]), MOST - 7);
        }
        check_slabs(&p, 300000);
        cf_part_free(&p);
    }
}

/* As other programs compute it. */
static void test_known(void)
{
    char hex[CF_DIGEST_HEX];
    cf_digest d;
    cf_digest_begin(&d, world.rank == 0 ? 0 : 3, world.rank == 0 ? 3 : 0);
    if (world.rank == 0)
        cf_digest_update(&d, "abc", 3);
    cf_digest_end(&d, &world, hex);
    CHECK(strcmp(hex, "307d187919bf76f5b3d7afa783e004f7") == 0);
    cf_digest_begin(&d, 0, 0);
    cf_digest_end(&d, &world, hex);
    CHECK(strcmp(hex, "99aa06d3014798d86001c324468d497f") == 0);
}

/* More data than room is made for when nothing is known of their size. */
static void test_long(void)
{
    char hex[2][CF_DIGEST_HEX];
    for (int said = 0; said < 2; said++) {
        int64_t bytes = world.rank == 0 ? 14 * MOST : 0;
        int64_t offset = world.rank == 0 ? 0 : 14 * MOST;
        cf_digest d;
        cf_digest_begin(&d, offset, said ? bytes : -1);
        for (int64_t at = 0; at < bytes; at += MOST)
            cf_digest_update(&d, whole, MOST);
        cf_digest_end(&d, &world, hex[said]);
    }
    CHECK(strcmp(hex[0], hex[1]) == 0);
}

static void run_tests(void)
{
    whole = cf_alloc(MOST, 1, "test");
    for (int64_t i = 0; i < MOST; i++)
        whole[i] = (char)((i * 2654435761) >> 13);
    test_sizes();
    test_borders();
    test_known();
    test_long();
    cf_free(whole);
}
