/* The one body of the versions with vectors. Before it is included:
 *   TARGET            the functions' target attribute
 *   LANES             doubles of a vector, of type vec
 *   SET(x) LOAD(p) MUL(a, b) ADD(a, b)
 *   COLUMNS(p)        LANES numbers of 32 bits
 *   VALUES(a, b) WEIGHTS(a, b)   every other one of both, from the first or the
 *                     second on
 *   GREATER(a, b)     bits of the lanes where a > b */

static inline TARGET uint32_t passing(const cf_choice *c, int64_t at,
                                      const vec bar[5])
{
    const double *s = c->sums + 2 * at;
    vec a = LOAD(s), b = LOAD(s + LANES);
    vec value = VALUES(a, b), weight = WEIGHTS(a, b);
    if (c->item_sum != NULL)
        value = ADD(value, LOAD(c->item_sum + at));
    uint32_t low = GREATER(value, ADD(MUL(bar[0], weight), bar[1]));
    uint32_t high = GREATER(value, ADD(MUL(bar[2], weight), bar[3]));
    uint32_t before = GREATER(bar[4], COLUMNS(c->column + at));
    return GREATER(weight, SET(0)) & (high | (low & before));
}

static TARGET int64_t next(const cf_choice *c, int64_t at, int64_t end,
                           const cf_bar *b, uint32_t *bits)
{
    const vec bar[5] = {SET(b->low), SET(b->low_bound), SET(b->high),
                        SET(b->high_bound), SET(b->last)};
    *bits = 0;
    for (; at < end; at += CF_CHOICE) {
        for (int k = 0; k < CF_CHOICE; k += LANES)
            *bits |= passing(c, at + k, bar) << k;
        if (*bits != 0)
            return at;
    }
    return end;
}
