/* References  NumPy Enhancement Proposal 1: a simple file format for NumPy
 *             arrays, with versions 2.0 and 3.0 as numpy.lib.format has them.
 */
#include "npy.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cfmpi/error.h"
#include "cfmpi/types.h"

static bool is_big_endian(void)
{
    const uint16_t one = 1;
    unsigned char first;
    memcpy(&first, &one, 1);
    return first == 0;
}

int cf_npy_start(const char *where, const unsigned char *start, int64_t *begin,
                 int64_t *length)
{
    if (memcmp(start, "\x93NUMPY", 6) != 0)
        return cf_fail(CF_BAD_DATA,
                       "%s is no NumPy array (it does not begin "
                       "with \\x93NUMPY)",
                       where);
    if (start[6] < 1 || start[6] > 3)
        return cf_fail(CF_BAD_DATA,
                       "%s has version %d.%d of NumPy's format; versions 1, 2 "
                       "and 3 can be read",
                       where, start[6], start[7]);
    *begin = start[6] == 1 ? 10 : 12;
    *length = start[8] | start[9] << 8;
    if (start[6] > 1)
        *length |= (int64_t)start[10] << 16 | (int64_t)start[11] << 24;
    if (*length < 2 || *length > CF_NPY_HEADER)
        return cf_fail(CF_BAD_DATA,
                       "%s has a header of %" PRId64 " bytes, which is damaged",
                       where, *length);
    return CF_OK;
}

/* ---- the header: a Python dictionary ---- */

typedef struct cursor {
    const char *at, *end;
} cursor;

static char peek(cursor *c)
{
    while (c->at < c->end && strchr(" \t\r\n", *c->at) != NULL && *c->at)
        c->at++;
    return c->at < c->end ? *c->at : '\0';
}

static bool take(cursor *c, char wanted)
{
    if (peek(c) != wanted)
        return false;
    c->at++;
    return true;
}

static bool take_word(cursor *c, const char *word)
{
    size_t length = strlen(word);
    (void)peek(c);
    if ((size_t)(c->end - c->at) < length || memcmp(c->at, word, length) != 0)
        return false;
    c->at += length;
    return true;
}

static bool take_string(cursor *c, char *out, int size)
{
    char quote = peek(c);
    int n = 0;
    if (quote != '\'' && quote != '"')
        return false;
    for (c->at++; c->at < c->end && *c->at != quote; c->at++)
        if (n < size - 1)
            out[n++] =
                (char)((unsigned char)(*c->at - 0x20) < 0x5f ? *c->at : '?');
    out[n] = '\0';
    return take(c, quote);
}

static bool take_number(cursor *c, int64_t *out)
{
    *out = 0;
    if (peek(c) < '0' || *c->at > '9')
        return false;
    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++) {
        if (*out > (INT64_MAX - 9) / 10)
            return false;
        *out = *out * 10 + (*c->at - '0');
    }
    if (c->at < c->end && *c->at == 'L') /* of Python 2 */
        c->at++;
    return true;
}

static bool take_shape(cursor *c, cf_npy *a)
{
    int64_t n;
    if (!take(c, '('))
        return false;
    a->count = 1;
    for (a->dims = 0; peek(c) != ')'; a->dims++) {
        if (!take_number(c, &n))
            return false;
        if (a->dims == 0)
            a->count = n;
        if (a->dims == 1)
            a->second = n;
        if (!take(c, ',') && peek(c) != ')')
            return false;
    }
    return take(c, ')');
}

/* What the dictionary says besides what fits a cf_npy. */
typedef struct header {
    bool dtype, order, shape; /* seen */
    bool structured;
} header;

static bool take_entry(cursor *c, cf_npy *a, header *h)
{
    char key[32];
    if (!take_string(c, key, sizeof key) || !take(c, ':'))
        return false;
    if (strcmp(key, "descr") == 0) {
        h->dtype = true;
        h->structured = peek(c) == '[';
        return h->structured || take_string(c, a->dtype, sizeof a->dtype);
    }
    if (strcmp(key, "fortran_order") == 0) {
        h->order = true;
        a->fortran = take_word(c, "True");
        return a->fortran || take_word(c, "False");
    }
    h->shape = true;
    return strcmp(key, "shape") == 0 && take_shape(c, a);
}

static bool take_header(cursor *c, cf_npy *a, header *h)
{
    if (!take(c, '{'))
        return false;
    while (peek(c) != '}') {
        if (!take_entry(c, a, h))
            return false;
        if (h->structured)
            return true;
        if (!take(c, ',') && peek(c) != '}')
            return false;
    }
    return h->dtype && h->order && h->shape;
}

/* ---- element types ---- */

static bool known_dtype(cf_npy *a)
{
    static const char *const widths[] = {"b1", "i1248", "u1248", "f248"};
    const char *s = a->dtype;
    int64_t width;
    cursor c = {s + 2, s + strlen(s)};
    if (strlen(s) < 3 || strchr("<>|=", s[0]) == NULL ||
        !take_number(&c, &width) || c.at != c.end || width > 1 << 20)
        return false;
    a->kind = s[1];
    a->width = (int)width * (a->kind == 'U' ? 4 : 1);
    a->swapped =
        (s[0] == '>' && !is_big_endian()) || (s[0] == '<' && is_big_endian());
    if (a->kind == 'S' || a->kind == 'U')
        return true;
    for (int i = 0; i < 4; i++)
        if (widths[i][0] == a->kind)
            return width < 10 && strchr(widths[i] + 1, '0' + (int)width);
    return false;
}

int cf_npy_parse(const char *where, const char *text, int64_t length, cf_npy *a)
{
    cursor c = {text, text + length};
    header h = {0};
    int64_t begin = a->begin;
    *a = (cf_npy){.begin = begin};
    if (!take_header(&c, a, &h))
        return cf_fail(CF_BAD_DATA, "%s has a damaged header of NumPy", where);
    if (!h.structured && strchr(a->dtype, 'O') != NULL)
        return cf_fail(CF_BAD_DATA,
                       "%s holds pickled Python objects, which are never "
                       "loaded; save plain numbers",
                       where);
    if (h.structured || !known_dtype(a))
        return cf_fail(CF_BAD_DATA,
                       "%s has dtype '%s'; bool, int8 to int64, uint8 to "
                       "uint64, float16, float32 and float64 can be read",
                       where, h.structured ? "structured" : a->dtype);
    return CF_OK;
}

/* ---- elements ---- */

static uint64_t load(const unsigned char *p, int width, bool swapped)
{
    uint16_t two;
    uint32_t four;
    uint64_t eight;
    switch (width) {
    case 1: return *p;
    case 2: memcpy(&two, p, 2); return swapped ? __builtin_bswap16(two) : two;
    case 4:
        memcpy(&four, p, 4);
        return swapped ? __builtin_bswap32(four) : four;
    default:
        memcpy(&eight, p, 8);
        return swapped ? __builtin_bswap64(eight) : eight;
    }
}

static int64_t to_signed(uint64_t bits, int width)
{
    switch (width) {
    case 1: return (int8_t)bits;
    case 2: return (int16_t)bits;
    case 4: return (int32_t)bits;
    default: return (int64_t)bits;
    }
}

static double from_half(uint64_t bits)
{
    int exponent = (int)(bits >> 10 & 0x1f);
    double part = (double)(bits & 0x3ff);
    double x = exponent == 31  ? (part > 0 ? (double)NAN : (double)INFINITY)
               : exponent == 0 ? ldexp(part, -24)
                               : ldexp(part + 1024, exponent - 25);
    return bits >> 15 ? -x : x;
}

static double from_float(uint64_t bits, int width)
{
    uint32_t half = (uint32_t)bits;
    float single;
    double twice;
    switch (width) {
    case 2: return from_half(bits);
    case 4: memcpy(&single, &half, sizeof single); return (double)single;
    default: memcpy(&twice, &bits, sizeof twice); return twice;
    }
}

void cf_npy_integers(const cf_npy *a, const void *raw, int64_t count,
                     int64_t *out)
{
    const unsigned char *p = raw;
    for (int64_t i = 0; i < count; i++, p += a->width) {
        uint64_t bits = load(p, a->width, a->swapped);
        out[i] = a->kind == 'i' ? to_signed(bits, a->width)
                                : (int64_t)CF_MIN(bits, (uint64_t)INT64_MAX);
    }
}

/* Integers go to float32 directly: by way of a double they would be rounded
 * twice. */
void cf_npy_values(const cf_npy *a, const void *raw, int64_t count, double *out)
{
    const unsigned char *p = raw;
    for (int64_t i = 0; i < count; i++, p += a->width) {
        uint64_t bits = load(p, a->width, a->swapped);
        if (a->kind == 'f')
            out[i] = from_float(bits, a->width);
        else if (a->kind == 'i')
            out[i] = (double)(float)to_signed(bits, a->width);
        else
            out[i] = (double)(float)(a->kind == 'b' ? bits != 0 : bits);
    }
}

void cf_npy_text(const cf_npy *a, const void *raw, char *out, int size)
{
    const unsigned char *p = raw;
    int unit = a->kind == 'U' ? 4 : 1, n = 0;
    for (int at = 0; at < a->width && n < size - 1; at += unit, n++) {
        uint64_t letter = load(p + at, unit, a->swapped);
        if (letter == 0)
            break;
        out[n] = letter >= 0x20 && letter < 0x7f ? (char)letter : '?';
    }
    out[n] = '\0';
}
