#define _POSIX_C_SOURCE 200809L
#include "only.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "cfmpi/scan.h"

/* A line of the file. */
typedef struct line {
    const char *begin, *end;
    int64_t number; /* from 1 */
} line;

/* All of the file, as UTF-8. Rank 0. */
static int load(const char *path, cf_text *out)
{
    static const char mark[] = "\xef\xbb\xbf";
    int status = CF_OK;
    char piece[4096];
    size_t n;
    cf_text raw = {0};
    FILE *f = fopen(path, "r");
    if (f == NULL)
        return cf_fail(CF_NO_INPUT, "%s: %s", path, strerror(errno));
    while ((n = fread(piece, 1, sizeof piece, f)) > 0)
        cf_text_bytes(&raw, piece, (int64_t)n);
    if (ferror(f))
        status = cf_fail(CF_NO_INPUT, "%s: %s", path, strerror(errno));
    fclose(f);
    if (raw.length > 0) {
        int64_t skip = strncmp(raw.data, mark, 3) == 0 ? 3 : 0;
        cf_text_utf8(raw.data + skip, raw.length - skip, out);
    }
    cf_text_free(&raw);
    return status;
}

static int load_everywhere(const cf_par *par, const char *path, cf_text *out)
{
    int status = CF_OK;
    CF_TRY(cf_agree(par, par->rank == 0 ? load(path, out) : CF_OK));
    int64_t length = cf_max_i64(par, out->length);
    if (par->rank != 0) {
        out->data = cf_calloc(length + 1, 1, "ids");
        out->length = length;
    }
    if (length > 0)
        cf_bcast(par, out->data, length, 0);
done:
    return status;
}

/* The lines that are not blank. */
static line *split(const cf_text *text, int64_t *count)
{
    int64_t most = 1, number = 0;
    const char *end = text->data + text->length;
    for (int64_t i = 0; i < text->length; i++)
        most += text->data[i] == '\n';
    line *lines = cf_alloc(most, sizeof *lines, "ids");
    *count = 0;
    for (const char *s = text->data; text->length > 0 && s < end;) {
        const char *e = memchr(s, '\n', (size_t)(end - s));
        const char *next = e == NULL ? end : e + 1;
        e = e == NULL ? end : e;
        number++;
        if (e > s && e[-1] == '\r')
            e--;
        if (e > s)
            lines[(*count)++] = (line){s, e, number};
        s = next;
    }
    return lines;
}

/* Every size-th line, from that of this rank on. */
static cf_ids own_ids(const cf_par *par, const line *lines, int64_t count)
{
    cf_ids ids = {0};
    int64_t bytes = 0, n = 0;
    for (int64_t i = par->rank; i < count; i += par->size, n++)
        bytes += lines[i].end - lines[i].begin;
    cf_ids_make(&ids, true, n, bytes);
    n = 0;
    for (int64_t i = par->rank; i < count; i += par->size, n++) {
        int64_t length = lines[i].end - lines[i].begin;
        memcpy(ids.bytes + ids.begin[n], lines[i].begin, (size_t)length);
        ids.begin[n + 1] = ids.begin[n] + length;
    }
    return ids;
}

/* Rows of own ids, -1 where there is none. */
static cf_gidx *look_up(const cf_par *par, const cf_ids *ids,
                        const cf_idmap *map, cf_gidx rows)
{
    cf_gidx *row = cf_alloc(ids->count, sizeof *row, "rows of ids");
    if (map != NULL) {
        cf_idmap_find(map, par, ids, row);
        return row;
    }
    for (int64_t i = 0; i < ids->count; i++)
        if (!cf_scan_int64(ids->bytes + ids->begin[i],
                           ids->bytes + ids->begin[i + 1], &row[i]) ||
            row[i] < 0 || row[i] >= rows)
            row[i] = -1;
    return row;
}

static int check_known(const cf_par *par, const char *path, const line *lines,
                       int64_t count, const cf_gidx *row, const char *whose)
{
    int64_t first = count, n = 0;
    for (int64_t i = par->rank; i < count; i += par->size, n++)
        if (row[n] < 0)
            first = CF_MIN(first, i);
    first = cf_min_i64(par, first);
    if (first == count)
        return CF_OK;
    const line *l = &lines[first];
    char shown[64];
    snprintf(shown, sizeof shown, "%.*s", (int)CF_MIN(l->end - l->begin, 60),
             l->begin);
    cf_text_defuse(shown);
    return cf_fail(CF_BAD_DATA, "%s:%" PRId64 ": there is no '%s' among %s",
                   path, l->number, shown, whose);
}

static int ascending(const void *a, const void *b)
{
    const cf_gidx *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* The rows of all ranks that `part` gives this one, in order, each once. */
static cf_gidx *bring(const cf_par *par, const cf_part *part,
                      const cf_gidx *row, int64_t count, int64_t *own)
{
    int64_t *to = cf_calloc(2 * (int64_t)par->size, sizeof *to, "row counts");
    int64_t *from = to + par->size, arriving = 0;
    cf_gidx *sorted = cf_alloc(count, sizeof *sorted, "rows of ids");
    if (count > 0)
        memcpy(sorted, row, (size_t)count * sizeof *row);
    qsort(sorted, (size_t)count, sizeof *sorted, ascending);
    for (int64_t i = 0; i < count; i++)
        to[cf_part_owner(part, sorted[i])]++;
    cf_alltoall_counts(par, to, from);
    for (int r = 0; r < par->size; r++)
        arriving += from[r];
    cf_gidx *got = cf_alloc(arriving, sizeof *got, "rows of ids");
    cf_alltoallv(par, sorted, to, got, from, sizeof *got);
    qsort(got, (size_t)arriving, sizeof *got, ascending);
    *own = 0;
    for (int64_t i = 0; i < arriving; i++)
        if (i == 0 || got[i] != got[i - 1])
            got[(*own)++] = got[i];
    cf_free(sorted);
    cf_free(to);
    return got;
}

/* The ids of the rows that the map has here. */
static void pick_ids(cf_ids *out, const cf_par *par, const cf_idmap *map,
                     const cf_gidx *row, int64_t count)
{
    int64_t own;
    cf_gidx *here = bring(par, &map->part, row, count, &own);
    for (int64_t i = 0; i < own; i++)
        here[i] -= map->part.begin[par->rank];
    cf_ids_pick(out, &map->ids, here, own);
    cf_free(here);
}

int cf_only_read(const cf_par *par, const char *path, const cf_idmap *map,
                 cf_gidx rows, const char *whose, cf_gidx **chosen,
                 int64_t *count, cf_ids *ids)
{
    int status = CF_OK;
    int64_t lines = 0;
    line *all = NULL;
    cf_text text = {0};
    cf_ids own = {0};
    cf_gidx *row = NULL;
    cf_part even = {0};
    CF_TRY(load_everywhere(par, path, &text));
    all = split(&text, &lines);
    if (lines == 0)
        CF_TRY(cf_fail(CF_BAD_DATA,
                       "%s: there are no ids in it; expected one a line",
                       path));
    own = own_ids(par, all, lines);
    row = look_up(par, &own, map, rows);
    CF_TRY(check_known(par, path, all, lines, row, whose));
    cf_part_even(&even, rows, par->size);
    *chosen = bring(par, &even, row, own.count, count);
    if (map != NULL) {
        pick_ids(ids, par, map, row, own.count);
    } else {
        cf_ids_make(ids, false, *count, 0);
        for (int64_t i = 0; i < *count; i++)
            ids->number[i] = (*chosen)[i];
    }
done:
    cf_part_free(&even);
    cf_ids_free(&own);
    cf_free(row);
    cf_free(all);
    cf_text_free(&text);
    return status;
}
