/* The cutting of text into fields: every instruction set against the
 * definition, written out byte by byte. The first byte of an input chooses how
 * the rest is cut. */
#include "fuzz.h"

#include "../../src/input/marks.h"
#include "cfmpi/cpu.h"

static void prepare(void)
{
}

/* Quotes open at the begin of a field only. */
static cf_found define(const char *text, int64_t n, const cf_cut *cut,
                       uint32_t *marks)
{
    cf_found found = {0};
    bool open = false, fresh = true; /* fresh: a field begins here */
    for (int64_t i = 0; i < n; i++) {
        char c = text[i];
        bool quote = cut->quotes && c == '"';
        bool begins = fresh;
        fresh = false;
        found.quotes |= quote;
        if (open) {
            if (quote && i + 1 < n && text[i + 1] == '"')
                i++; /* a doubled one */
            else
                open = !quote;
        } else if (quote) {
            open = begins;
        } else if (c == '\n') {
            marks[found.marks++] = (uint32_t)i;
            found.newlines++;
            fresh = true;
        } else if (c == cut->separator &&
                   (!cut->twice || (i + 1 < n && text[i + 1] == c))) {
            marks[found.marks++] = (uint32_t)i;
            i += cut->twice;
            fresh = true;
        }
    }
    return found;
}

static void check(cf_marks_fn *marks_of, const char *text, int64_t n,
                  const cf_cut *cut)
{
    size_t room = (size_t)n + 64;
    uint32_t *expected = malloc(room * sizeof *expected);
    uint32_t *marks = malloc(room * sizeof *marks);
    cf_found right = define(text, n, cut, expected);
    cf_found found = marks_of(text, n, cut, marks);
    HOLDS(found.marks == right.marks && found.newlines == right.newlines);
    HOLDS(found.quotes == right.quotes);
    HOLDS(same_bytes(marks, expected, (size_t)found.marks * sizeof *marks));
    free(expected);
    free(marks);
}

static void attempt(const uint8_t *data, size_t size)
{
    static const cf_cut cuts[] = {{',', false, true},  {'\t', false, true},
                                  {';', false, true},  {':', true, false},
                                  {'|', false, false}, {',', false, false}};
    if (size == 0)
        return;
    const cf_cut *cut = &cuts[data[0] % 6];
    int64_t n = (int64_t)size - 1;
    char *text = malloc((size_t)n + CF_MARKS_PAD);
    memcpy(text, data + 1, (size_t)n);
    memset(text + n, '"', CF_MARKS_PAD); /* may be read, must not count */
    check(cf_marks_portable, text, n, cut);
#if defined(__x86_64__)
    if (cf_cpu_isa() >= CF_ISA_AVX2)
        check(cf_marks_avx2, text, n, cut);
    if (cf_cpu_isa() >= CF_ISA_AVX512)
        check(cf_marks_avx512, text, n, cut);
#endif
    free(text);
}
