/* Growing text, and the few text formats the program writes. */
#ifndef CFMPI_TEXT_H
#define CFMPI_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* A growing, always terminated string; {0} is empty. */
typedef struct cf_text {
    char *data; /* NULL until something is added */
    int64_t length;
    int64_t capacity;
} cf_text;

/* Appends as printf does. Local. */
void cf_text_add(cf_text *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Appends `length` bytes as they are. Local. */
void cf_text_bytes(cf_text *t, const char *bytes, int64_t length);

/* Appends `s` as a JSON string with its quotes. Local. */
void cf_text_json(cf_text *t, const char *s);

/* Appends `length` bytes as one CSV field, quoted where it has to be. Local. */
void cf_text_csv(cf_text *t, const char *s, int64_t length, char separator);

/* Replaces, in place, what would act on a terminal rather than be shown:
 * tabs by blanks, other control characters by question marks. Local. */
void cf_text_defuse(char *s);

/* Empties without giving the memory back. Local. */
void cf_text_clear(cf_text *t);

/* Safe on {0} and twice. Local. */
void cf_text_free(cf_text *t);

/* Valid UTF-8 stays as it is; anything else is taken for Latin-1 and
 * converted. Returns true when it converted. Local. */
int cf_text_utf8(const char *bytes, int64_t length, cf_text *out);

#endif
