#define _POSIX_C_SOURCE 200809L
#include "cfmpi/titles.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "cfmpi/scan.h"
#include "cfmpi/text.h"

/* A place in the text; records may run over several lines. */
typedef struct cursor {
    const char *at, *end;
    int64_t line;
    char separator; /* ':' stands for "::" */
    int64_t open;   /* line of a quote that never closed, 0 */
} cursor;

/* The separator is what follows the first word. */
static char find_separator(const char *s, const char *e)
{
    while (s < e && (isalnum((unsigned char)*s) || *s == '_' || *s == '"' ||
                     (unsigned char)*s >= 0x80))
        s++;
    return s < e && strchr(",;\t|:", *s) != NULL ? *s : ',';
}

static bool at_separator(const cursor *c)
{
    if (*c->at != c->separator)
        return false;
    return c->separator != ':' || (c->at + 1 < c->end && c->at[1] == ':');
}

/* Reads one field into `out`; true when another one follows in the record. */
static bool next_field(cursor *c, cf_text *out)
{
    cf_text_clear(out);
    bool quoted = c->at < c->end && *c->at == '"' && c->separator != ':' &&
                  c->separator != '|';
    int64_t quote_line = c->line;
    if (quoted)
        c->at++;
    while (c->at < c->end) {
        if (quoted && *c->at == '"') {
            quoted = c->at + 1 < c->end && c->at[1] == '"';
            c->at++;
            if (!quoted)
                continue;
        } else if (!quoted && (*c->at == '\n' || at_separator(c))) {
            break;
        }
        c->line += *c->at == '\n';
        cf_text_bytes(out, c->at++, 1);
    }
    if (quoted)
        c->open = quote_line;
    if (c->at < c->end && *c->at != '\n') {
        c->at += c->separator == ':' ? 2 : 1;
        return true;
    }
    if (out->length > 0 && out->data[out->length - 1] == '\r')
        out->data[--out->length] = '\0';
    c->at += c->at < c->end;
    c->line++;
    return false;
}

static bool one_of(const char *s, const char *const *names)
{
    for (; *names != NULL; names++)
        if (strcasecmp(s, *names) == 0)
            return true;
    return false;
}

static const char *const id_names[] = {
    "movieid", "movie_id", "itemid", "item_id", "item", "movie", "id", NULL};
static const char *const title_names[] = {"title", "name", NULL};

/* Where id and title stand. */
typedef struct columns {
    int id, title;
} columns;

/* Takes a first record that is a header; otherwise leaves the cursor. */
static columns read_header(cursor *c, cf_text *field)
{
    columns found = {-1, -1};
    cursor start = *c;
    int column = 0;
    for (bool more = true; more; column++) {
        more = next_field(c, field);
        const char *s = field->length > 0 ? field->data : "";
        if (found.id < 0 && one_of(s, id_names))
            found.id = column;
        else if (found.title < 0 && one_of(s, title_names))
            found.title = column;
    }
    if (found.id >= 0 && found.title >= 0)
        return found;
    *c = start;
    return (columns){0, 1};
}

static int64_t find(const int64_t *ids, int64_t count, int64_t id)
{
    int64_t lo = 0, hi = count;
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (ids[mid] < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < count && ids[lo] == id ? lo : -1;
}

/* One record; CF_BAD_DATA when its id is no integer. */
static int read_record(cursor *c, const char *path, columns where, int64_t *id,
                       cf_text *title, cf_text *field)
{
    int64_t line = c->line;
    bool have_id = false, more = true;
    cf_text_clear(title);
    for (int column = 0; more; column++) {
        more = next_field(c, field);
        if (column == where.id)
            have_id =
                cf_scan_int64(field->data, field->data + field->length, id);
        if (column == where.title && field->length > 0)
            cf_text_utf8(field->data, field->length, title);
    }
    if (c->open > 0)
        return cf_fail(CF_BAD_DATA, "%s:%" PRId64 ": a quote is not closed",
                       path, c->open);
    return have_id ? CF_OK
                   : cf_fail(CF_BAD_DATA,
                             "%s:%" PRId64 ": the id is not an "
                             "integer; expected rows like 1,Toy Story (1995)",
                             path, line);
}

/* Titles one after the other in `all`, place[i] that of item i. */
static int collect(const char *path, const cf_text *text, const int64_t *ids,
                   int64_t count, cf_text *all, int64_t *place, size_t *width)
{
    int status = CF_OK;
    cf_text title = {0}, field = {0};
    cursor c = {text->data, text->data + text->length, 1, ',', 0};
    if (text->length >= 3 && memcmp(c.at, "\xef\xbb\xbf", 3) == 0)
        c.at += 3;
    c.separator = find_separator(c.at, c.end);
    columns where = read_header(&c, &field);
    while (c.at < c.end) {
        int64_t id;
        if (*c.at == '\n' || *c.at == '\r') { /* an empty line */
            c.line += *c.at++ == '\n';
            continue;
        }
        CF_TRY(read_record(&c, path, where, &id, &title, &field));
        int64_t i = find(ids, count, id);
        if (i < 0 || place[i] >= 0 || title.length == 0)
            continue;
        place[i] = all->length;
        cf_text_bytes(all, title.data, title.length + 1);
        *width = CF_MAX(*width, (size_t)title.length);
    }
done:
    cf_text_free(&title);
    cf_text_free(&field);
    return status;
}

static int read_file(const char *path, cf_text *text)
{
    char block[1 << 16];
    size_t n;
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        return cf_fail(CF_NO_INPUT, "%s: %s", path, strerror(errno));
    errno = 0;
    while ((n = fread(block, 1, sizeof block, f)) > 0)
        cf_text_bytes(text, block, (int64_t)n);
    int failed = ferror(f);
    fclose(f);
    if (failed)
        return cf_fail(CF_NO_INPUT, "%s: %s", path, strerror(errno));
    return text->length > 0
               ? CF_OK
               : cf_fail(CF_BAD_DATA, "%s: the file is empty", path);
}

static void share(cf_text *text, const cf_par *par)
{
    int64_t length = cf_max_i64(par, text->length);
    if (par->rank != 0)
        text->data = cf_alloc(length + 1, 1, "titles file");
    text->length = length;
    cf_bcast(par, text->data, length + 1, 0);
}

int cf_titles_read(cf_titles *t, const cf_par *par, const char *path,
                   const int64_t *ids, int64_t count)
{
    int status = CF_OK;
    cf_text text = {0}, all = {0};
    size_t width = 1;
    int64_t *place = cf_alloc(count, sizeof *place, "title places");
    memset(place, 0xff, (size_t)count * sizeof *place);
    cf_titles_free(t);
    CF_TRY(cf_agree(par, par->rank == 0 ? read_file(path, &text) : CF_OK));
    share(&text, par);
    CF_TRY(
        cf_agree(par, collect(path, &text, ids, count, &all, place, &width)));
    t->count = count;
    t->width = (size_t)cf_max_i64(par, (int64_t)width);
    t->data = cf_calloc(count * (int64_t)t->width, 1, "titles");
    for (int64_t i = 0; i < count; i++) {
        const char *s = place[i] < 0 ? "" : all.data + place[i];
        memcpy(t->data + i * (int64_t)t->width, s, strlen(s));
        t->found += place[i] >= 0;
    }
    t->found = cf_sum_i64(par, t->found);
done:
    cf_free(place);
    cf_text_free(&text);
    cf_text_free(&all);
    return status;
}

void cf_titles_free(cf_titles *t)
{
    cf_free(t->data);
    *t = (cf_titles){0};
}
