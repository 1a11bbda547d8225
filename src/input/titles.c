/* Method  The separator is the one under which the first record is a header
 *         that names an id and a title, else the first one that stands in the
 *         first line. Rank 0 reads the file and sends it round; each rank
 *         looks up every id among its own items.
 *
 *         Fields are quoted as in RFC 4180 between , or ; and there a quote
 *         that does not close is an error. Files of the tab and | kind are
 *         written with and without quoting: a quote that begins a field is
 *         one only when it closes at the end of the field, and not where the
 *         field would then hold both lines and separators. Between :: quotes
 *         are letters. Where \" stands inside text, as databases write it,
 *         a backslash hides the quote or backslash behind it.
 * Cost    O(t log m) a rank for t titles and m items of its own. */
#include "cfmpi/titles.h"

#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/inflate.h"
#include "cfmpi/memory.h"
#include "cfmpi/scan.h"
#include "cfmpi/text.h"
#include "dialect.h"

/* A longer one is several lines that a stray quote has joined; and every item
 * gets the room of the longest. */
#define TITLE_MAX 4096

/* In the order of trial; ':' stands for "::". */
static const char separators[] = "\t:|;,";

/* A place in the text; records may run over several lines. */
typedef struct cursor {
    const char *at, *end;
    int64_t line;
    char separator;
    bool escapes; /* a backslash hides quotes */
    int64_t open; /* line of a quote that never closed, 0 */
} cursor;

/* ---- fields ---- */

/* Bytes of the separator at s, 0 where there is none. */
static int separator_at(const cursor *c, const char *s)
{
    if (*s != c->separator)
        return 0;
    return c->separator != ':' ? 1 : s + 1 < c->end && s[1] == ':' ? 2 : 0;
}

static bool field_ends(const cursor *c, const char *s)
{
    return s == c->end || *s == '\n' || separator_at(c, s) > 0 ||
           (*s == '\r' && (s + 1 == c->end || s[1] == '\n'));
}

/* Whether the quote at s, which begins a field, ends with the field. */
static bool closes(const cursor *c, const char *s)
{
    bool lines = false, fields = false;
    for (s++; s < c->end && !(lines && fields); s++) {
        lines |= *s == '\n';
        fields |= separator_at(c, s) > 0;
        if (*s == '"' && (s + 1 == c->end || s[1] != '"'))
            return field_ends(c, s + 1);
        s += *s == '"';
    }
    return false;
}

static bool is_quoted(const cursor *c)
{
    if (c->at == c->end || *c->at != '"' || c->separator == ':')
        return false;
    return c->separator == ',' || c->separator == ';' || closes(c, c->at);
}

/* What stands between quotes; the cursor goes behind the closing one. */
static void read_quoted(cursor *c, cf_text *out)
{
    int64_t line = c->line;
    for (c->at++; c->at < c->end; c->at++) {
        bool more = c->at + 1 < c->end;
        bool hides = c->escapes && *c->at == '\\' && more &&
                     (c->at[1] == '"' || c->at[1] == '\\');
        if (*c->at == '"' && !(more && c->at[1] == '"')) {
            c->at++;
            return;
        }
        if (hides || *c->at == '"')
            c->at++;
        c->line += *c->at == '\n';
        cf_text_bytes(out, c->at, 1);
    }
    c->open = line;
}

/* Reads one field into `out`; true when another one follows in the record. */
static bool next_field(cursor *c, cf_text *out)
{
    cf_text_clear(out);
    if (is_quoted(c))
        read_quoted(c, out);
    const char *s = c->at;
    while (c->at < c->end && *c->at != '\n' && separator_at(c, c->at) == 0)
        c->at++;
    bool more = c->at < c->end && *c->at != '\n';
    bool cr = !more && c->at > s && c->at[-1] == '\r';
    cf_text_bytes(out, s, c->at - s - cr);
    if (more) {
        c->at += separator_at(c, c->at);
        return true;
    }
    c->at += c->at < c->end;
    c->line++;
    return false;
}

/* ---- the form of the file ---- */

/* Where id and title stand. */
typedef struct columns {
    int id, title; /* from 0; -1 when there is none */
} columns;

/* Of columns, beside the usual names of items. */
static const char *const id_names[] = {
    "id",   "sku",  "film", "track",  "song",    "artist", "anime",
    "game", "joke", "show", "showid", "article", "tconst", NULL};
static const char *const title_names[] = {
    "title",      "name",      "movietitle",   "moviename",    "filmtitle",
    "booktitle",  "itemtitle", "itemname",     "producttitle", "productname",
    "tracktitle", "trackname", "songtitle",    "songname",     "artistname",
    "gametitle",  "gamename",  "articletitle", "primarytitle", NULL};

static bool one_of(const char *const *names, const cf_text *field)
{
    const char *s = field->data, *e = s + field->length;
    for (; *names != NULL; names++)
        if (cf_same_name(*names, s, e))
            return true;
    return false;
}

static bool names_id(const cf_text *field)
{
    const char *s = field->data, *e = s + field->length;
    return cf_role_alias(CF_ITEM, s, e) >= 0 || one_of(id_names, field);
}

/* What the first record is, were it a header. */
static columns read_names(cursor c, cf_text *field)
{
    columns found = {-1, -1};
    int column = 0;
    for (bool more = true; more; column++) {
        more = next_field(&c, field);
        if (found.id < 0 && names_id(field))
            found.id = column;
        else if (found.title < 0 && one_of(title_names, field))
            found.title = column;
    }
    return found;
}

/* The first separator in the first line; a tab, which titles do not hold,
 * wherever it stands. */
static char find_separator(const cursor *c)
{
    char first = '\0';
    bool quoted = false;
    for (const char *s = c->at; s < c->end && *s != '\n'; s++) {
        quoted ^= *s == '"';
        if (quoted || strchr(separators, *s) == NULL || *s == '\0' ||
            (*s == ':' && (s + 1 == c->end || s[1] != ':')))
            continue;
        if (*s == '\t')
            return '\t';
        first = first == '\0' ? *s : first;
    }
    return first == '\0' ? ',' : first;
}

/* A hidden quote in front of more text can be nothing else. */
static bool find_escapes(const cursor *c)
{
    if (c->separator != ',' && c->separator != ';')
        return false;
    for (const char *s = c->at; s < c->end; s++) {
        s = memchr(s, '\\', (size_t)(c->end - s));
        if (s == NULL)
            return false;
        if (c->end - s > 2 && s[1] == '"' && s[2] != '"' &&
            !field_ends(c, s + 2))
            return true;
    }
    return false;
}

/* Sets the cursor up behind a header, if there is one. */
static int find_form(cursor *c, const char *path, columns *where)
{
    cf_text field = {0};
    if (c->end - c->at >= 3 && memcmp(c->at, "\xef\xbb\xbf", 3) == 0)
        c->at += 3; /* byte order mark */
    *where = (columns){-1, -1};
    for (const char *s = separators; *s != '\0'; s++) {
        c->separator = *s;
        *where = read_names(*c, &field);
        if (where->id >= 0 && where->title >= 0)
            break;
    }
    bool header = where->id >= 0 && where->title >= 0;
    if (!header) {
        c->separator = find_separator(c);
        *where = read_names(*c, &field);
    }
    c->escapes = find_escapes(c);
    int64_t line = c->line;
    for (bool more = header; more;)
        more = next_field(c, &field);
    cf_text_free(&field);
    if (!header && where->id == 0)
        return cf_fail(CF_BAD_DATA,
                       "%s:%" PRId64 ": the header names no column of titles; "
                       "expected one such as movieId,title",
                       path, line);
    if (!header)
        *where = (columns){0, 1};
    return CF_OK;
}

/* ---- records ---- */

/* The fields of a record that count, in UTF-8; {0} is empty. */
typedef struct record {
    int64_t line;
    cf_text id, title, field;
} record;

static void record_free(record *r)
{
    cf_text_free(&r->id);
    cf_text_free(&r->title);
    cf_text_free(&r->field);
}

static void read_record(cursor *c, columns where, record *r)
{
    bool more = true;
    r->line = c->line;
    cf_text_clear(&r->id);
    cf_text_clear(&r->title);
    for (int column = 0; more; column++) {
        more = next_field(c, &r->field);
        if (column == where.id)
            cf_text_utf8(r->field.data, r->field.length, &r->id);
        if (column == where.title)
            cf_text_utf8(r->field.data, r->field.length, &r->title);
    }
}

static int check_record(const cursor *c, const char *path, const cf_ids *ids,
                        const record *r)
{
    int64_t number;
    const char *s = r->id.data, *what = NULL;
    if (c->open > 0)
        return cf_fail(CF_BAD_DATA, "%s:%" PRId64 ": a quote is not closed",
                       path, c->open);
    if (r->title.length > TITLE_MAX)
        return cf_fail(CF_BAD_DATA,
                       "%s:%" PRId64 ": a title of %" PRId64 " bytes, over the "
                       "%d that are taken; is there a stray quote?",
                       path, r->line, r->title.length, TITLE_MAX);
    if (r->id.length == 0)
        what = "missing";
    else if (!ids->text && !cf_scan_int64(s, s + r->id.length, &number))
        what = "not an integer, as those of the items are";
    if (what != NULL)
        return cf_fail(CF_BAD_DATA,
                       "%s:%" PRId64 ": the id is %s; expected rows like "
                       "1,Toy Story (1995)",
                       path, r->line, what);
    return CF_OK;
}

/* Titles one after the other in `all`, place[i] that of item i. */
static int collect(const char *path, const cf_text *text, const cf_ids *ids,
                   cf_text *all, int64_t *place, size_t *width)
{
    int status = CF_OK;
    record r = {0};
    columns where;
    cursor c = {.at = text->data, .end = text->data + text->length, .line = 1};
    CF_TRY(find_form(&c, path, &where));
    while (c.at < c.end) {
        if (*c.at == '\n' || *c.at == '\r') { /* an empty line */
            c.line += *c.at++ == '\n';
            continue;
        }
        read_record(&c, where, &r);
        CF_TRY(check_record(&c, path, ids, &r));
        int64_t i = cf_ids_search(ids, r.id.data, r.id.data + r.id.length);
        if (i < 0 || place[i] >= 0 || r.title.length == 0 ||
            r.title.data[0] == '\0')
            continue;
        place[i] = all->length;
        cf_text_bytes(all, r.title.data, r.title.length + 1);
        *width = CF_MAX(*width, (size_t)r.title.length);
    }
done:
    record_free(&r);
    return status;
}

/* ---- the file ---- */

static int check_text(const char *path, const cf_text *text)
{
    const char *s = text->data;
    if (text->length == 0)
        return cf_fail(CF_BAD_DATA, "%s: the file is empty", path);
    if (text->length > 1 &&
        (memcmp(s, "\xff\xfe", 2) == 0 || memcmp(s, "\xfe\xff", 2) == 0))
        return cf_fail(CF_BAD_DATA,
                       "%s: text in UTF-16; convert it to UTF-8 with `iconv "
                       "-f UTF-16 -t UTF-8`",
                       path);
    return CF_OK;
}

static int read_file(const char *path, cf_text *text)
{
    enum { BLOCK = 1 << 16 };
    int status = CF_OK;
    char *block = cf_alloc(BLOCK, 1, "titles file");
    cf_inflate f = {0};
    int64_t got = BLOCK;
    CF_TRY(cf_inflate_open(&f, path, NULL));
    while (got == BLOCK) {
        CF_TRY(cf_inflate_read(&f, block, BLOCK, &got));
        cf_text_bytes(text, block, got);
    }
    CF_TRY(check_text(path, text));
done:
    cf_inflate_close(&f);
    cf_free(block);
    return status;
}

static void share(cf_text *text, const cf_par *par)
{
    int64_t length = cf_max_i64(par, text->length);
    if (par->rank != 0)
        text->data = cf_alloc(length + 1, 1, "titles file");
    text->length = length;
    cf_bcast(par, text->data, length + 1, 0);
}

/* Fields of the same width on all ranks. */
static void fill(cf_titles *t, const cf_par *par, const cf_text *all,
                 const int64_t *place, size_t width)
{
    t->width = (size_t)cf_max_i64(par, (int64_t)width);
    t->data = cf_calloc(t->count * (int64_t)t->width, 1, "titles");
    for (int64_t i = 0; i < t->count; i++) {
        const char *s = place[i] < 0 ? "" : all->data + place[i];
        memcpy(t->data + i * (int64_t)t->width, s, strlen(s));
        t->found += place[i] >= 0;
    }
    t->found = cf_sum_i64(par, t->found);
}

int cf_titles_read(cf_titles *t, const cf_par *par, const char *path,
                   const cf_ids *ids)
{
    int status = CF_OK;
    cf_text text = {0}, all = {0};
    size_t width = 1;
    int64_t *place = cf_alloc(ids->count, sizeof *place, "title places");
    memset(place, 0xff, (size_t)ids->count * sizeof *place);
    cf_titles_free(t);
    CF_TRY(cf_agree(par, par->rank == 0 ? read_file(path, &text) : CF_OK));
    share(&text, par);
    CF_TRY(cf_agree(par, collect(path, &text, ids, &all, place, &width)));
    t->count = ids->count;
    fill(t, par, &all, place, width);
done:
    cf_free(place);
    cf_text_free(&text);
    cf_text_free(&all);
    return status;
}
