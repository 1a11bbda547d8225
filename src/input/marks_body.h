/* The one body of all versions of cf_marks_fn. Before it is included:
 *   NAME        the function's name
 *   TARGET      its target attribute
 *   equal       (const char *p, char c): bit i is set where p[i] == c, 64 bits
 *   put_marks   (uint32_t *out, uint32_t base, uint64_t mask): writes base + i
 *               for each set bit i, may write up to 64 words; their number */

/* Bytes from a quote that opens a field to the one that closes it. `quotes`
 * are those of the 64 bytes from text[base] on; `open` and `skip` (the second
 * of a doubled quote is the first byte of the next word) are carried. */
static TARGET uint64_t within_quotes(const char *text, int64_t base, int64_t n,
                                     const cf_cut *cut, uint64_t quotes,
                                     bool *open, bool *skip)
{
    uint64_t inside = 0;
    int begin = 0; /* of the quoted part in hand */
    if (*skip)
        quotes &= ~(uint64_t)1;
    *skip = false;
    while (quotes != 0) {
        int bit = __builtin_ctzll(quotes);
        int64_t at = base + bit;
        quotes &= quotes - 1;
        if (!*open) {
            char before = at > 0 ? text[at - 1] : '\n';
            *open = before == '\n' || before == cut->separator;
            begin = bit;
        } else if (at + 1 < n && text[at + 1] == '"') {
            *skip = bit == 63;
            quotes &= quotes - 1 + (uint64_t)*skip;
        } else {
            *open = false;
            inside |= ~(uint64_t)0 << begin & ~(uint64_t)0 >> (63 - bit);
        }
    }
    return *open ? inside | ~(uint64_t)0 << begin : inside;
}

/* First bytes of "::": the leftmost ones where colons come in longer runs. */
static TARGET uint64_t pairs_of(uint64_t colons, bool next_too, bool *taken)
{
    uint64_t first = colons & (colons >> 1 | (uint64_t)next_too << 63);
    if (*taken)
        first &= ~(uint64_t)1;
    for (uint64_t rest = first & first << 1; rest != 0;) {
        uint64_t second = rest & -rest;
        first &= ~second;
        rest = first & first << 1;
    }
    *taken = first >> 63;
    return first;
}

TARGET cf_found NAME(const char *text, int64_t n, const cf_cut *cut,
                     uint32_t *marks)
{
    int64_t count = 0, lines = 0;
    bool open = false, skip = false, taken = false;
    uint64_t any_quote = 0;
    for (int64_t base = 0; base < n; base += 64) {
        const char *p = text + base;
        uint64_t valid =
            n - base < 64 ? ~(~(uint64_t)0 << (n - base)) : ~(uint64_t)0;
        uint64_t separators = equal(p, cut->separator);
        uint64_t newlines = equal(p, '\n') & valid;
        if (cut->twice)
            separators =
                pairs_of(separators & valid,
                         base + 64 < n && p[64] == cut->separator, &taken);
        uint64_t quotes = cut->quotes ? equal(p, '"') & valid : 0;
        any_quote |= quotes;
        if (quotes != 0 || open) {
            uint64_t inside =
                within_quotes(text, base, n, cut, quotes, &open, &skip);
            separators &= ~inside;
            newlines &= ~inside;
        }
        lines += __builtin_popcountll(newlines);
        count += put_marks(marks + count, (uint32_t)base,
                           newlines | (separators & valid));
    }
    return (cf_found){count, lines, any_quote != 0};
}
