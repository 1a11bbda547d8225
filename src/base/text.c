#include "cfmpi/text.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cfmpi/error.h"
#include "cfmpi/memory.h"
#include "cfmpi/types.h"

static void reserve(cf_text *t, int64_t extra)
{
    int64_t need = t->length + extra + 1;
    if (need <= t->capacity)
        return;
    t->capacity = CF_MAX(need, 2 * t->capacity);
    t->data = cf_realloc(t->data, t->capacity, 1, "text");
    t->data[t->length] = '\0';
}

void cf_text_add(cf_text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    reserve(t, 64);
    size_t room = (size_t)(t->capacity - t->length);
    int n = vsnprintf(t->data + t->length, room, format, args);
    va_end(args);
    CF_ASSERT(n >= 0);
    if ((size_t)n >= room) {
        reserve(t, n);
        va_start(args, format);
        vsnprintf(t->data + t->length, (size_t)n + 1, format, args);
        va_end(args);
    }
    t->length += n;
}

void cf_text_bytes(cf_text *t, const char *bytes, int64_t length)
{
    reserve(t, length);
    memcpy(t->data + t->length, bytes, (size_t)length);
    t->length += length;
    t->data[t->length] = '\0';
}

void cf_text_json(cf_text *t, const char *s)
{
    cf_text_bytes(t, "\"", 1);
    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            cf_text_add(t, "\\%c", c);
        else if (c < 0x20)
            cf_text_add(t, "\\u%04x", c);
        else
            cf_text_bytes(t, s, 1);
    }
    cf_text_bytes(t, "\"", 1);
}

void cf_text_csv(cf_text *t, const char *s, int64_t length, char separator)
{
    const char *end = s + length;
    bool plain = true;
    for (const char *c = s; c < end; c++)
        plain &= *c != separator && *c != '"' && *c != '\n' && *c != '\r';
    if (plain) {
        cf_text_bytes(t, s, length);
        return;
    }
    cf_text_bytes(t, "\"", 1);
    for (; s < end; s++) {
        if (*s == '"')
            cf_text_bytes(t, "\"", 1);
        cf_text_bytes(t, s, 1);
    }
    cf_text_bytes(t, "\"", 1);
}

void cf_text_defuse(char *s)
{
    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s, next = (unsigned char)s[1];
        if (c == '\t')
            *s = ' ';
        else if (c < 0x20 || c == 0x7f)
            *s = '?';
        else if (c == 0xc2 && next >= 0x80 && next < 0xa0) /* U+0080-U+009F */
            s[0] = s[1] = '?';
    }
}

void cf_text_clear(cf_text *t)
{
    t->length = 0;
    if (t->data != NULL)
        t->data[0] = '\0';
}

void cf_text_free(cf_text *t)
{
    cf_free(t->data);
    *t = (cf_text){0};
}

/* Length of the UTF-8 sequence at s, 0 when it is none (overlong forms and
 * surrogates included; RFC 3629). */
static int sequence(const unsigned char *s, int64_t left)
{
    int n = s[0] < 0x80                   ? 1
            : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
            : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
            : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
                                          : 0;
    if (n == 0 || n > left)
        return 0;
    for (int i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return n;
}

int cf_text_utf8(const char *bytes, int64_t length, cf_text *out)
{
    const unsigned char *s = (const unsigned char *)bytes;
    int64_t at = 0;
    while (at < length) {
        int n = sequence(s + at, length - at);
        if (n == 0)
            break;
        at += n;
    }
    if (at == length) {
        cf_text_bytes(out, bytes, length);
        return 0;
    }
    for (int64_t i = 0; i < length; i++) {
        char two[2] = {(char)(0xc0 | (s[i] >> 6)),
                       (char)(0x80 | (s[i] & 0x3f))};
        if (s[i] < 0x80)
            cf_text_bytes(out, bytes + i, 1);
        else
            cf_text_bytes(out, two, 2);
    }
    return 1;
}
