/* The reader of ratings in text on one rank, against a plain parser that goes
 * byte by byte. How the text is cut, and which columns count, is taken from
 * the reader; the target ratings looks after the matrix and several ranks. The
 * first two bytes of an input choose options. */
#include "reading.h"

#include <math.h>

#include "../../src/input/dialect.h"
#include "cfmpi/ratings_text.h"
#include "cfmpi/scan.h"

#define MOST_COLUMNS 64

static fuzz_file file;

static void prepare(void)
{
    make_file(&file);
}

/* ---- the plain parser ---- */

typedef struct parser {
    const cf_dialect *d;
    const char *at, *end;
    bool good;
    cf_text field[MOST_COLUMNS];
    cf_text rows; /* as put_entries writes them */
} parser;

/* Takes a field without its quotes, and what ends it: a separator, '\n', or 0
 * where a quote is not closed. */
static char take_field(parser *p, cf_text *out)
{
    const cf_cut *cut = &p->d->cut;
    bool open = cut->quotes && *p->at == '"';
    cf_text_clear(out);
    cf_text_add(out, "        "); /* ids want 8 bytes in front */
    for (p->at += open; p->at < p->end; p->at++) {
        char c = *p->at, next = p->at + 1 < p->end ? p->at[1] : '\0';
        if (open && c == '"' && next != '"') {
            open = false;
            continue;
        }
        if (!open && (c == '\n' ||
                      (c == cut->separator && (!cut->twice || next == c)))) {
            p->at += 1 + (c != '\n' && cut->twice);
            return c;
        }
        p->at += open && c == '"';
        cf_text_bytes(out, &c, 1);
    }
    return '\0';
}

/* Number of fields; 0 where a quote is not closed. */
static int take_record(parser *p)
{
    int n = 0;
    for (char end = ' '; end != '\n'; n++) {
        cf_text *f = &p->field[CF_MIN(n, MOST_COLUMNS - 1)];
        end = take_field(p, f);
        if (end == '\0')
            return 0;
        if (end == '\n' && f->data[f->length - 1] == '\r')
            f->data[--f->length] = '\0';
    }
    return n;
}

static cf_text text_of(parser *p, int role)
{
    const cf_text *f = &p->field[p->d->column[role]];
    return (cf_text){f->data + 8, f->length - 8, 0};
}

static bool put_id(parser *p, int role)
{
    cf_text id = text_of(p, role), utf8 = {0};
    cf_text_utf8(id.data, id.length, &utf8);
    bool good = id.length > 0 && utf8.length <= CF_ID_MAX &&
                memchr(id.data, 0, (size_t)id.length) == NULL;
    if (good)
        cf_text_bytes(&p->rows, utf8.data, utf8.length);
    cf_text_free(&utf8);
    return good;
}

static bool rating_of(parser *p, float *value)
{
    double x = 1;
    if (p->d->column[CF_RATING] >= 0) {
        cf_text t = text_of(p, CF_RATING);
        const char *s = t.data, *e = t.data + t.length;
        while (s < e && (*s == ' ' || *s == '\t'))
            s++;
        while (s < e && (e[-1] == ' ' || e[-1] == '\t'))
            e--;
        if (!cf_scan_double(s, e, &x))
            return false;
    }
    *value = (float)x;
    return isfinite(*value);
}

/* Adds a row to `rows`; false when it is bad. */
static bool put_row(parser *p, bool times)
{
    int64_t time = 0;
    float value = 1;
    bool good = put_id(p, CF_USER);
    cf_text_add(&p->rows, " ");
    good = good && put_id(p, CF_ITEM) && rating_of(p, &value);
    if (good && p->d->column[CF_TIME] >= 0) {
        cf_text t = text_of(p, CF_TIME);
        good = cf_scan_time(t.data, t.data + t.length, &time);
    }
    put_value(&p->rows, value, times ? &time : NULL);
    cf_text_add(&p->rows, "\n");
    return good;
}

static bool is_blank(const parser *p)
{
    return *p->at == '\n' ||
           (*p->at == '\r' && p->at + 1 < p->end && p->at[1] == '\n');
}

/* Reads all rows, until a bad one. */
static void parse(parser *p, bool times)
{
    p->good = true;
    while (p->at < p->end && p->good) {
        if (is_blank(p)) {
            p->at += 1 + (*p->at == '\r');
            continue;
        }
        p->good = take_record(p) == p->d->columns && put_row(p, times);
    }
}

/* ---- the comparison ---- */

static void choose(cf_text_options *o, const uint8_t *byte)
{
    static const char *const columns[] = {"", "user=2,item=1,rating=none",
                                          "user=1,item=3,rating=2,time=4"};
    static const enum cf_ratings_format formats[] = {
        CF_FORMAT_AUTO, CF_FORMAT_CSV, CF_FORMAT_TSV, CF_FORMAT_DAT};
    *o = (cf_text_options){.format = formats[byte[0] % 4],
                           .columns = columns[byte[1] % 3],
                           .missing = (double)NAN,
                           .times = byte[1] & 64};
}

static void compare_rows(const cf_dialect *d, const cf_text *text,
                         const cf_text_options *o)
{
    parser p = {.d = d, .end = text->data + text->length};
    cf_text rows = {0};
    cf_intake in = {.keep.keep_time = o->times};
    p.at = text->data + d->body;
    parse(&p, o->times);
    p.good = p.good && p.rows.length > 0;
    int status = cf_ratings_read(&in, &self, file.path, o);
    HOLDS(succeeded(status) == p.good);
    if (p.good) {
        put_entries(&rows, &in.entries);
        HOLDS(rows.length == p.rows.length &&
              same_bytes(rows.data, p.rows.data, (size_t)rows.length));
    }
    cf_intake_free(&in);
    cf_text_free(&rows);
    cf_text_free(&p.rows);
    for (int i = 0; i < MOST_COLUMNS; i++)
        cf_text_free(&p.field[i]);
}

static void attempt(const uint8_t *data, size_t size)
{
    cf_text_options o;
    cf_dialect d;
    cf_text text = {0};
    if (size < 3 || !is_plain(data + 2, size - 2))
        return;
    choose(&o, data);
    fill_file(&file, data + 2, size - 2);
    cf_text_bytes(&text, (const char *)data + 2, (int64_t)size - 2);
    int status =
        cf_dialect_find(&d, file.path, text.data, text.length, true, &o);
    if (text.data[text.length - 1] != '\n')
        cf_text_bytes(&text, "\n", 1);
    if (succeeded(status) && !d.blanks && !d.dense && d.columns < MOST_COLUMNS)
        compare_rows(&d, &text, &o);
    cf_text_free(&text);
}
