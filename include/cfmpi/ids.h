/* Lists of ids as users write them: either all integers or all strings. */
#ifndef CFMPI_IDS_H
#define CFMPI_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cfmpi/text.h"

#define CF_ID_MAX 255 /* bytes of a string id */

/* {0} is an empty list of integers. */
typedef struct cf_ids {
    bool text;
    int64_t count;
    int64_t *number; /* [count], unless text */
    int64_t *begin;  /* [count + 1], text: where each id begins in bytes */
    char *bytes;     /* UTF-8, no terminators */
} cf_ids;

/* Room for `count` ids: integers, or strings of `bytes` bytes in all with
 * begin[0] set. What the list held is freed first. Local. */
void cf_ids_make(cf_ids *ids, bool text, int64_t count, int64_t bytes);

/* ids[order[0]], ids[order[1]], …: `count` of them. Local. */
void cf_ids_pick(cf_ids *out, const cf_ids *ids, const int64_t *order,
                 int64_t count);

/* Less than, equal to or greater than 0 as id i of `a` stands before, at or
 * after id j of `b`: integers by value, strings by bytes. Both lists are of
 * one kind. Local. */
int cf_ids_compare(const cf_ids *a, int64_t i, const cf_ids *b, int64_t j);

/* Where the id written as [s, e) stands in an ascending list, -1 where it does
 * not. Local, O(log count). */
int64_t cf_ids_search(const cf_ids *ids, const char *s, const char *e);

/* Appends id i as it is written. Local. */
void cf_ids_print(const cf_ids *ids, int64_t i, cf_text *out);

/* The same as one CSV field, quoted where it has to be. Local. */
void cf_ids_print_csv(const cf_ids *ids, int64_t i, char separator,
                      cf_text *out);

/* Turns integers into the strings that write them. Local. */
void cf_ids_to_text(cf_ids *ids);

/* Bytes of the longest string, at least 1. Local. */
size_t cf_ids_width(const cf_ids *ids);

/* Strings from and to null-padded fields of `width` bytes; `fields`
 * [count x width] is the caller's. Local. */
void cf_ids_from_fields(cf_ids *ids, const char *fields, int64_t count,
                        size_t width);
void cf_ids_to_fields(const cf_ids *ids, char *fields, size_t width);

/* Safe on {0} and twice. Local. */
void cf_ids_free(cf_ids *ids);

#endif
