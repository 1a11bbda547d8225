#define _POSIX_C_SOURCE 200809L
#include "cfmpi/ids.h"

#include <string.h>

#include "cfmpi/memory.h"
#include "cfmpi/scan.h"
#include "cfmpi/types.h"

void cf_ids_make(cf_ids *ids, bool text, int64_t count, int64_t bytes)
{
    cf_ids_free(ids);
    ids->text = text;
    ids->count = count;
    if (!text) {
        ids->number = cf_alloc(count, sizeof *ids->number, "ids");
        return;
    }
    ids->begin = cf_alloc(count + 1, sizeof *ids->begin, "ids");
    ids->bytes = cf_alloc(bytes, 1, "ids");
    ids->begin[0] = 0;
}

void cf_ids_pick(cf_ids *out, const cf_ids *ids, const int64_t *order,
                 int64_t count)
{
    int64_t bytes = 0;
    for (int64_t i = 0; ids->text && i < count; i++)
        bytes += ids->begin[order[i] + 1] - ids->begin[order[i]];
    cf_ids_make(out, ids->text, count, bytes);
    for (int64_t i = 0; i < count; i++) {
        if (!ids->text) {
            out->number[i] = ids->number[order[i]];
            continue;
        }
        int64_t at = ids->begin[order[i]];
        int64_t length = ids->begin[order[i] + 1] - at;
        memcpy(out->bytes + out->begin[i], ids->bytes + at, (size_t)length);
        out->begin[i + 1] = out->begin[i] + length;
    }
}

static int64_t length_of(const cf_ids *ids, int64_t i)
{
    return ids->begin[i + 1] - ids->begin[i];
}

static int compare_text(const char *a, int64_t length_a, const char *b,
                        int64_t length_b)
{
    int order = memcmp(a, b, (size_t)CF_MIN(length_a, length_b));
    return order != 0 ? order : (length_a > length_b) - (length_a < length_b);
}

int cf_ids_compare(const cf_ids *a, int64_t i, const cf_ids *b, int64_t j)
{
    if (!a->text)
        return (a->number[i] > b->number[j]) - (a->number[i] < b->number[j]);
    return compare_text(a->bytes + a->begin[i], length_of(a, i),
                        b->bytes + b->begin[j], length_of(b, j));
}

int64_t cf_ids_search(const cf_ids *ids, const char *s, const char *e)
{
    int64_t number = 0, lo = 0, hi = ids->count;
    if (!ids->text && !cf_scan_int64(s, e, &number))
        return -1;
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        int order = ids->text ? compare_text(ids->bytes + ids->begin[mid],
                                             length_of(ids, mid), s, e - s)
                              : (ids->number[mid] > number) -
                                    (ids->number[mid] < number);
        if (order == 0)
            return mid;
        if (order < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return -1;
}

void cf_ids_print(const cf_ids *ids, int64_t i, cf_text *out)
{
    if (ids->text)
        cf_text_bytes(out, ids->bytes + ids->begin[i], length_of(ids, i));
    else
        cf_text_add(out, "%" PRId64, ids->number[i]);
}

void cf_ids_print_csv(const cf_ids *ids, int64_t i, char separator,
                      cf_text *out)
{
    if (ids->text)
        cf_text_csv(out, ids->bytes + ids->begin[i], length_of(ids, i),
                    separator);
    else
        cf_ids_print(ids, i, out);
}

void cf_ids_to_text(cf_ids *ids)
{
    if (ids->text)
        return;
    cf_text all = {0};
    int64_t *begin = cf_alloc(ids->count + 1, sizeof *begin, "ids");
    begin[0] = 0;
    for (int64_t i = 0; i < ids->count; i++) {
        cf_ids_print(ids, i, &all);
        begin[i + 1] = all.length;
    }
    cf_free(ids->number);
    *ids = (cf_ids){
        .text = true, .count = ids->count, .begin = begin, .bytes = all.data};
}

size_t cf_ids_width(const cf_ids *ids)
{
    int64_t width = 1;
    for (int64_t i = 0; ids->text && i < ids->count; i++)
        width = CF_MAX(width, length_of(ids, i));
    return (size_t)width;
}

void cf_ids_from_fields(cf_ids *ids, const char *fields, int64_t count,
                        size_t width)
{
    int64_t bytes = 0;
    for (int64_t i = 0; i < count; i++)
        bytes += (int64_t)strnlen(fields + i * (int64_t)width, width);
    cf_ids_make(ids, true, count, bytes);
    for (int64_t i = 0; i < count; i++) {
        const char *field = fields + i * (int64_t)width;
        size_t length = strnlen(field, width);
        memcpy(ids->bytes + ids->begin[i], field, length);
        ids->begin[i + 1] = ids->begin[i] + (int64_t)length;
    }
}

void cf_ids_to_fields(const cf_ids *ids, char *fields, size_t width)
{
    memset(fields, 0, (size_t)ids->count * width);
    for (int64_t i = 0; i < ids->count; i++)
        memcpy(fields + i * (int64_t)width, ids->bytes + ids->begin[i],
               (size_t)length_of(ids, i));
}

void cf_ids_free(cf_ids *ids)
{
    cf_free(ids->number);
    cf_free(ids->begin);
    cf_free(ids->bytes);
    *ids = (cf_ids){0};
}
