/* Method  The separator is the one that cuts the first lines into equally many
 *         fields. A header is told by its column names, or by a rating that
 *         is no number above one that is. */
#define _POSIX_C_SOURCE 200809L
#include "dialect.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cfmpi/memory.h"
#include "cfmpi/scan.h"

const char *const cf_role_name[CF_ROLES] = {"user id", "item id", "rating",
                                            "time"};

static const char *const role_key[CF_ROLES] = {"user", "item", "rating",
                                               "time"};

/* Column names of each role, the likeliest first; compared without case,
 * blanks, '_' and '-'. */
static const char *const aliases[CF_ROLES][24] = {
    {"userid", "user", "uid", "username", "customerid", "customer",
     "reviewerid", "reviewer", "accountid", "account", "visitorid", "memberid",
     "member", "profileid", "personid", "readerid", "listenerid"},
    {"itemid",     "item",     "movieid",   "movie",      "isbn",     "iid",
     "productid",  "product",  "asin",      "parentasin", "bookid",   "book",
     "trackid",    "songid",   "artistid",  "animeid",    "gameid",   "jokeid",
     "businessid", "recipeid", "articleid", "filmid",     "contentid"},
    {"rating", "ratings", "score", "stars", "bookrating", "overall", "rate",
     "star", "playcount", "plays", "count", "weight", "preference", "value"},
    {"timestamp", "time", "date", "datetime", "unixreviewtime", "unixtime",
     "ts", "ratedat", "createdat", "reviewtime"},
};

typedef struct field {
    const char *s, *e;
} field;

/* The first records of a file. */
typedef struct sample {
    const char *text;
    int64_t n;
    bool all;
    uint32_t *marks; /* [n + 64] */
    int64_t count;
} sample;

/* ---- fields ---- */

void cf_unquote(const char *s, const char *e, cf_text *out)
{
    if (s == e || *s != '"') {
        cf_text_bytes(out, s, e - s);
        return;
    }
    for (s++; s < e; s++) {
        if (*s == '"' && (s + 1 == e || s[1] != '"'))
            break;
        s += *s == '"';
        cf_text_bytes(out, s, 1);
    }
    if (s < e)
        cf_text_bytes(out, s + 1, e - s - 1);
}

static void cut_sample(sample *s, const cf_cut *cut)
{
    s->count = cf_marks_portable(s->text, s->n, cut, s->marks).marks;
}

/* Marks of the record that begins with mark k, its newline included; 0 where
 * no whole record follows. */
static int64_t record_marks(const sample *s, int64_t k)
{
    for (int64_t i = k; i < s->count; i++)
        if (s->text[s->marks[i]] == '\n')
            return i - k + 1;
    return 0;
}

static int64_t record_begin(const sample *s, int64_t k)
{
    return k == 0 ? 0 : (int64_t)s->marks[k - 1] + 1;
}

static bool is_blank(const sample *s, int64_t k)
{
    const char *p = s->text + record_begin(s, k);
    return *p == '\n' || (*p == '\r' && p[1] == '\n');
}

/* Field c of the record at mark k, without quotes. */
static field field_at(const sample *s, const cf_cut *cut, int64_t k, int64_t c)
{
    field f = {s->text + (c == 0
                              ? record_begin(s, k)
                              : (int64_t)s->marks[k + c - 1] + 1 + cut->twice),
               s->text + s->marks[k + c]};
    if (*f.e == '\n' && f.e > f.s && f.e[-1] == '\r')
        f.e--;
    if (cut->quotes && f.e - f.s >= 2 && *f.s == '"' && f.e[-1] == '"') {
        f.s++;
        f.e--;
    }
    return f;
}

static bool is_integer(field f)
{
    int64_t id;
    return cf_scan_int64(f.s, f.e, &id);
}

static bool number_of(field f, double *x)
{
    while (f.s < f.e && (*f.s == ' ' || *f.s == '\t'))
        f.s++;
    while (f.s < f.e && (f.e[-1] == ' ' || f.e[-1] == '\t'))
        f.e--;
    return cf_scan_double(f.s, f.e, x);
}

static bool is_number(field f)
{
    double x;
    return number_of(f, &x);
}

/* ---- separator ---- */

static const struct {
    cf_cut cut;
    unsigned formats;
} known_cuts[] = {
    {{'\t', false, true}, 1 << CF_FORMAT_AUTO | 1 << CF_FORMAT_TSV},
    {{':', true, false}, 1 << CF_FORMAT_AUTO | 1 << CF_FORMAT_DAT},
    {{';', false, true}, 1 << CF_FORMAT_AUTO | 1 << CF_FORMAT_CSV},
    {{',', false, true}, 1 << CF_FORMAT_AUTO | 1 << CF_FORMAT_CSV},
    {{'|', false, true}, 1 << CF_FORMAT_AUTO | 1 << CF_FORMAT_CSV},
    {{' ', false, true}, 1 << CF_FORMAT_AUTO},
};

enum { CUTS = sizeof known_cuts / sizeof *known_cuts, LINES_TRIED = 50 };

/* A quote inside a field that does not begin with one: another separator
 * stands before the quoted field. */
static bool has_stray_quote(const sample *s, int64_t k, int64_t fields)
{
    const char *begin = s->text + record_begin(s, k);
    for (int64_t c = 0; c < fields; c++) {
        const char *end = s->text + s->marks[k + c];
        if (begin < end && *begin != '"' &&
            memchr(begin, '"', (size_t)(end - begin)) != NULL)
            return true;
        begin = end + 1;
    }
    return false;
}

/* Fields of the first record, and whether the next ones have as many and no
 * quotes but around fields. */
static int64_t try_cut(sample *s, const cf_cut *cut, bool *even)
{
    int64_t fields = 0, tried = 0;
    cut_sample(s, cut);
    *even = true;
    for (int64_t k = 0, m; tried < LINES_TRIED; k += m) {
        m = record_marks(s, k);
        if (m == 0)
            break;
        if (is_blank(s, k))
            continue;
        if (tried++ == 0)
            fields = m;
        *even &= m == fields && !(cut->quotes && has_stray_quote(s, k, m));
    }
    return fields;
}

/* One that cuts evenly goes before one that does not, then one that cuts into
 * more fields, then the order of the list. */
static void find_cut(cf_dialect *d, sample *s, enum cf_ratings_format format)
{
    int best = -1;
    int64_t most = 0;
    bool even, best_even = false;
    if (format == CF_FORMAT_DENSE)
        format = CF_FORMAT_AUTO;
    for (int i = 0; i < CUTS; i++) {
        if (!(known_cuts[i].formats >> format & 1))
            continue;
        int64_t fields = try_cut(s, &known_cuts[i].cut, &even);
        bool better = fields > 1 && (even > best_even ||
                                     (even == best_even && fields > most));
        if (best < 0 || better) {
            best = i;
            most = fields;
            best_even = even && fields > 1;
        }
    }
    d->cut = known_cuts[best].cut;
    if (most <= 1 && format == CF_FORMAT_AUTO)
        d->cut = (cf_cut){',', false, true};
    cut_sample(s, &d->cut);
}

/* ---- columns ---- */

bool cf_same_name(const char *name, const char *s, const char *e)
{
    for (; s < e; s++) {
        if (*s == '_' || *s == '-' || *s == ' ')
            continue;
        if (tolower((unsigned char)*s) != *name || *name == '\0')
            return false;
        name++;
    }
    return *name == '\0';
}

int cf_role_alias(int role, const char *s, const char *e)
{
    for (int a = 0; a < 24 && aliases[role][a] != NULL; a++)
        if (cf_same_name(aliases[role][a], s, e))
            return a;
    return -1;
}

static int alias_of(int role, field f)
{
    return cf_role_alias(role, f.s, f.e);
}

/* A column's name as csv reads it, into `out`. */
static field name_at(const sample *s, const cf_cut *cut, int64_t k, int64_t c,
                     cf_text *out)
{
    cf_cut plain = {cut->separator, cut->twice, false};
    field f = field_at(s, &plain, k, c);
    cf_text_clear(out);
    if (cut->quotes)
        cf_unquote(f.s, f.e, out);
    else
        cf_text_bytes(out, f.s, f.e - f.s);
    return (field){out->data, out->data + out->length};
}

/* Columns by their names in the record at mark k. */
static void name_columns(const sample *s, const cf_cut *cut, int64_t k,
                         int64_t fields, int column[CF_ROLES])
{
    int best[CF_ROLES] = {24, 24, 24, 24};
    cf_text name = {0};
    for (int role = 0; role < CF_ROLES; role++)
        column[role] = -1;
    for (int64_t c = 0; c < fields; c++) {
        field f = name_at(s, cut, k, c, &name);
        for (int role = 0; role < CF_ROLES; role++) {
            int a = alias_of(role, f);
            if (a >= 0 && a < best[role]) {
                best[role] = a;
                column[role] = (int)c;
            }
        }
    }
    cf_text_free(&name);
}

/* What --columns says of a role. */
typedef struct choice {
    bool given, none;
    int place;      /* from 0, or -1 for a name */
    char name[256]; /* of the column */
} choice;

static int read_choice(choice c[CF_ROLES], const char *s, size_t n)
{
    const char *equals = memchr(s, '=', n);
    for (int role = 0; equals != NULL && role < CF_ROLES; role++) {
        if (strlen(role_key[role]) != (size_t)(equals - s) ||
            strncmp(role_key[role], s, (size_t)(equals - s)) != 0)
            continue;
        int64_t place;
        choice *x = &c[role];
        const char *value = equals + 1, *end = s + n;
        if (value == end || end - value >= (long)sizeof x->name || x->given)
            break;
        x->given = true;
        x->none = end - value == 4 && strncmp(value, "none", 4) == 0;
        x->place = -1;
        if (cf_scan_int64(value, end, &place)) {
            if (place < 1 || place > 100000)
                break;
            x->place = (int)place - 1;
        }
        snprintf(x->name, sizeof x->name, "%.*s", (int)(end - value), value);
        return CF_OK;
    }
    return cf_fail(CF_USAGE,
                   "--columns: '%.*s' is not one of user=, item=, rating= or "
                   "time= with a place from 1 on or a name in the header",
                   (int)n, s);
}

static int read_choices(choice c[CF_ROLES], const char *columns)
{
    memset(c, 0, CF_ROLES * sizeof *c);
    for (const char *s = columns; *s != '\0';) {
        size_t n = strcspn(s, ",");
        int status = read_choice(c, s, n);
        if (status != CF_OK)
            return status;
        s += n + (s[n] == ',');
    }
    return CF_OK;
}

static bool any_name(const choice c[CF_ROLES])
{
    for (int role = 0; role < CF_ROLES; role++)
        if (c[role].given && !c[role].none && c[role].place < 0)
            return true;
    return false;
}

/* Where a role stands in rows without a header. */
static int place_of(const choice *c, int role, int64_t fields)
{
    if (c[role].given)
        return c[role].none ? -1 : c[role].place;
    return role < fields ? role : -1;
}

/* The record at mark k is a header when its names say so, or when it has no
 * number where the next record has one. */
static bool is_header(const sample *s, const cf_cut *cut, int64_t k,
                      int64_t fields, const choice *c, bool pairs)
{
    int named[CF_ROLES];
    int64_t next = k + fields;
    name_columns(s, cut, k, fields, named);
    if (any_name(c) || (named[CF_USER] >= 0 && named[CF_ITEM] >= 0))
        return true;
    int rating = pairs ? -1 : place_of(c, CF_RATING, fields);
    if (rating >= fields)
        return false;
    bool more = record_marks(s, next) == fields;
    if (rating >= 0 && is_number(field_at(s, cut, k, rating)))
        return false;
    if (rating >= 0)
        return !more || is_number(field_at(s, cut, next, rating));
    for (int role = CF_USER; role <= CF_ITEM && more; role++) {
        int p = place_of(c, role, fields);
        if (p < 0 || p >= fields || is_integer(field_at(s, cut, k, p)) ||
            !is_integer(field_at(s, cut, next, p)))
            return false;
    }
    return more;
}

static int no_column(const char *path, const sample *s, int64_t k, int role)
{
    const char *line = s->text + record_begin(s, k);
    return cf_fail(CF_BAD_DATA,
                   "%s:1:1: the header '%.*s' names no %s column; expected a "
                   "header such as userId,movieId,rating or rows of numbers, "
                   "or --columns=%s=NAME",
                   path, (int)CF_MIN(strcspn(line, "\r\n"), 80), line,
                   cf_role_name[role], role_key[role]);
}

/* A header without a rating: each row counts 1, but not where a column that
 * nobody has named might be it. */
static int check_implicit(const cf_dialect *d, const char *path,
                          const sample *s, int64_t k)
{
    int64_t fields = d->columns, next = k + fields;
    if (record_marks(s, next) != fields)
        return CF_OK;
    for (int c = 0; c < fields; c++)
        if (c != d->column[CF_USER] && c != d->column[CF_ITEM] &&
            c != d->column[CF_TIME] &&
            alias_of(CF_TIME, field_at(s, &d->cut, k, c)) < 0 &&
            alias_of(CF_USER, field_at(s, &d->cut, k, c)) < 0 &&
            alias_of(CF_ITEM, field_at(s, &d->cut, k, c)) < 0 &&
            is_number(field_at(s, &d->cut, next, c)))
            return no_column(path, s, k, CF_RATING);
    return CF_OK;
}

static int header_columns(cf_dialect *d, const char *path, const sample *s,
                          int64_t k, const choice *c, bool pairs)
{
    int status = CF_OK;
    cf_text name = {0};
    name_columns(s, &d->cut, k, d->columns, d->column);
    for (int role = 0; role < CF_ROLES; role++) {
        if (!c[role].given)
            continue;
        d->column[role] = c[role].none ? -1 : c[role].place;
        for (int i = 0; i < d->columns && c[role].place < 0 && !c[role].none;
             i++) {
            field f = name_at(s, &d->cut, k, i, &name);
            if (strlen(c[role].name) == (size_t)(f.e - f.s) &&
                strncasecmp(c[role].name, f.s, (size_t)(f.e - f.s)) == 0)
                d->column[role] = i;
        }
        if (d->column[role] < 0 && !c[role].none)
            CF_TRY(cf_fail(CF_BAD_DATA,
                           "%s:1:1: the header names no column '%s'; expected "
                           "--columns=%s= one of its names",
                           path, c[role].name, role_key[role]));
    }
    for (int role = CF_USER; role <= CF_ITEM; role++)
        if (d->column[role] < 0)
            CF_TRY(no_column(path, s, k, role));
    if (!pairs && d->column[CF_RATING] < 0 && !c[CF_RATING].none)
        status = check_implicit(d, path, s, k);
done:
    cf_text_free(&name);
    return status;
}

static int plain_columns(cf_dialect *d, const char *path, const choice *c)
{
    for (int role = 0; role < CF_ROLES; role++)
        d->column[role] = place_of(c, role, d->columns);
    for (int role = CF_USER; role <= CF_ITEM; role++)
        if (d->column[role] < 0)
            return cf_fail(CF_BAD_DATA,
                           "%s:1:1: there is no %s: one column only; expected "
                           "rows like 1,17,3.5",
                           path, cf_role_name[role]);
    return CF_OK;
}

/* A column is no time, however usual that would be, when --columns makes it
 * something else. */
static void yield_time(cf_dialect *d, const choice *c)
{
    for (int role = 0; role < CF_TIME && !c[CF_TIME].given; role++)
        if (c[role].given && d->column[role] == d->column[CF_TIME])
            d->column[CF_TIME] = -1;
}

static int check_columns(const cf_dialect *d, const char *path)
{
    for (int role = 0; role < CF_ROLES; role++) {
        if (d->column[role] >= d->columns)
            return cf_fail(CF_BAD_DATA,
                           "%s:1:1: there is no column %d for the %s; expected "
                           "a place from 1 to %d",
                           path, d->column[role] + 1, cf_role_name[role],
                           d->columns);
        for (int other = 0; other < role; other++)
            if (d->column[role] >= 0 && d->column[role] == d->column[other])
                return cf_fail(CF_USAGE,
                               "--columns: column %d cannot be both %s and %s",
                               d->column[role] + 1, cf_role_name[other],
                               cf_role_name[role]);
    }
    return CF_OK;
}

static void keep_header(cf_dialect *d, const sample *s, int64_t k)
{
    const char *line = s->text + record_begin(s, k);
    size_t n = (size_t)(s->text + s->marks[k + d->columns - 1] - line);
    if (n > 0 && line[n - 1] == '\r')
        n--;
    n = CF_MIN(n, sizeof d->header - 1);
    memcpy(d->header, line, n);
    d->header[n] = '\0';
}

/* Not one whole record in what was looked at. */
static int no_record(const char *path, const sample *s)
{
    if (s->n > 0 && memchr(s->text, '"', (size_t)s->n) != NULL && s->all)
        return cf_fail(CF_BAD_DATA,
                       "%s:1:1: the first row has no end: a quote is opened "
                       "and not closed; close it",
                       path);
    return cf_fail(CF_BAD_DATA,
                   s->all ? "%s: there are no ratings in it; expected rows "
                            "such as 1,17,3.5"
                          : "%s:1:1: the first row has no end within what was "
                            "looked at; expected rows such as 1,17,3.5",
                   path);
}

static int find_columns(cf_dialect *d, const char *path, const sample *s,
                        const cf_text_options *o)
{
    choice c[CF_ROLES];
    int64_t k = 0;
    int status = CF_OK;
    CF_TRY(read_choices(c, o->columns));
    while (record_marks(s, k) == 1 && is_blank(s, k))
        k++;
    int64_t fields = record_marks(s, k);
    if (fields == 0)
        return no_record(path, s);
    d->columns = (int)fields;
    if (is_header(s, &d->cut, k, fields, c, o->pairs)) {
        CF_TRY(header_columns(d, path, s, k, c, o->pairs));
        keep_header(d, s, k);
        d->body += (int64_t)s->marks[k + fields - 1] + 1;
    } else {
        CF_TRY(plain_columns(d, path, c));
    }
    if (o->pairs)
        d->column[CF_RATING] = d->column[CF_TIME] = -1;
    yield_time(d, c);
    CF_TRY(check_columns(d, path));
    if (o->times && d->column[CF_TIME] < 0)
        CF_TRY(cf_fail(CF_BAD_DATA,
                       "%s:1:1: there is no column of times; name it with "
                       "--columns=time=…",
                       path));
    if (!o->times)
        d->column[CF_TIME] = -1;
done:
    return status;
}

/* ---- dense ---- */

/* Whether every first field counts the other fields that are not missing. */
static bool is_counted(const sample *s, const cf_cut *cut, double missing)
{
    int64_t tried = 0, m;
    for (int64_t k = 0; (m = record_marks(s, k)) > 0; k += m) {
        double x;
        int64_t present = 0;
        field f = field_at(s, cut, k, 0);
        if (is_blank(s, k))
            continue;
        if (!number_of(f, &x))
            return false;
        for (int64_t c = 1; c < m; c++) {
            double value;
            present +=
                number_of(field_at(s, cut, k, c), &value) && value != missing;
        }
        if ((double)present != x)
            return false;
        tried++;
    }
    return tried > 0;
}

static int find_dense(cf_dialect *d, const char *path, const sample *s,
                      const cf_text_options *o)
{
    int64_t k = 0;
    while (record_marks(s, k) == 1 && is_blank(s, k))
        k++;
    d->dense = true;
    d->columns = (int)record_marks(s, k);
    if (d->columns == 0)
        return cf_fail(CF_BAD_DATA,
                       s->all ? "%s: there are no ratings in it"
                              : "%s:1:1: the first row has no end within 1 "
                                "MiB; is this a block of ratings?",
                       path);
    d->counted = is_counted(s, &d->cut, o->missing);
    for (int role = 0; role < CF_ROLES; role++)
        d->column[role] = -1;
    return CF_OK;
}

/* ---- Matrix Market ---- */

static const char banner[] = "%%MatrixMarket";

/* Two further words of the banner that decide. */
static int read_banner(cf_dialect *d, const char *path, const char *line)
{
    char object[32] = "", form[32] = "", type[32] = "", symmetry[32] = "";
    sscanf(line, "%*s %31s %31s %31s %31s", object, form, type, symmetry);
    if (strcasecmp(object, "matrix") != 0 ||
        strcasecmp(form, "coordinate") != 0)
        return cf_fail(CF_BAD_DATA,
                       "%s:1:1: the banner says '%s %s'; expected matrix "
                       "coordinate",
                       path, object, form);
    bool pattern = strcasecmp(type, "pattern") == 0;
    if (!pattern && strcasecmp(type, "real") != 0 &&
        strcasecmp(type, "integer") != 0)
        return cf_fail(CF_BAD_DATA,
                       "%s:1:1: the banner says '%s'; expected real, integer "
                       "or pattern entries",
                       path, type);
    if (strcasecmp(symmetry, "general") != 0 &&
        strcasecmp(symmetry, "symmetric") != 0 &&
        strcasecmp(symmetry, "skew-symmetric") != 0)
        return cf_fail(CF_BAD_DATA,
                       "%s:1:1: the banner says '%s'; expected general, "
                       "symmetric or skew-symmetric",
                       path, symmetry);
    d->columns = pattern ? 2 : 3;
    d->column[CF_USER] = 0;
    d->column[CF_ITEM] = 1;
    d->column[CF_RATING] = pattern ? -1 : 2;
    d->column[CF_TIME] = -1;
    d->mirror = strcasecmp(symmetry, "symmetric") == 0        ? 1
                : strcasecmp(symmetry, "skew-symmetric") == 0 ? -1
                                                              : 0;
    return CF_OK;
}

/* Three numbers and nothing else in [s, e). */
static bool read_sizes(cf_dialect *d, const char *s, const char *e)
{
    int64_t *const size[] = {&d->rows, &d->cols, &d->entries};
    for (int i = 0; i < 3; i++) {
        while (s < e && strchr(" \t\r", *s) != NULL)
            s++;
        const char *from = s;
        while (s < e && strchr(" \t\r", *s) == NULL)
            s++;
        if (!cf_scan_int64(from, s, size[i]) || *size[i] < (i < 2))
            return false;
    }
    while (s < e && strchr(" \t\r", *s) != NULL)
        s++;
    return s == e;
}

static int find_mtx(cf_dialect *d, const char *path, const char *head,
                    int64_t n)
{
    const char *s = head, *end = head + n, *line = head;
    int status = CF_OK, lines = 0;
    CF_TRY(read_banner(d, path, head));
    for (;;) {
        line = memchr(s, '\n', (size_t)(end - s));
        if (line == NULL)
            return cf_fail(CF_BAD_DATA,
                           "%s: there is no line with the matrix's sizes; "
                           "expected rows, columns and entries",
                           path);
        lines++;
        if (*s != '%' && s + strspn(s, " \t\r") < line)
            break;
        s = line + 1;
    }
    if (!read_sizes(d, s, line))
        return cf_fail(CF_BAD_DATA,
                       "%s:%d:1: '%.*s' are no sizes; expected rows, columns "
                       "and entries",
                       path, lines, (int)CF_MIN(line - s, 60), s);
    if (d->mirror != 0 && d->rows != d->cols)
        return cf_fail(CF_BAD_DATA,
                       "%s:%d:1: the banner says symmetric, but %" PRId64
                       " rows and %" PRId64 " columns are no square",
                       path, lines, d->rows, d->cols);
    d->cut = (cf_cut){' ', false, false};
    d->blanks = true;
    d->body += line + 1 - head;
    d->body_lines = lines;
done:
    return status;
}

/* ---- all together ---- */

/* Matrices have no columns to choose from, and no times. */
static int check_matrix(const char *path, const cf_text_options *o)
{
    if (o->columns[0] != '\0')
        return cf_fail(CF_USAGE,
                       "%s: a matrix has users and items in set places; leave "
                       "out --columns",
                       path);
    if (o->times)
        return cf_fail(CF_USAGE,
                       "%s: a matrix holds no times; leave out --time-range "
                       "and --keep-time",
                       path);
    return CF_OK;
}

/* Zero bytes here and there are left to the rows that have them. */
static bool is_binary(const char *head, int64_t n)
{
    int64_t zeros = 0;
    for (int64_t i = 0; i < n; i++)
        zeros += head[i] == '\0';
    return zeros > n / 10 || memchr(head, '\0', (size_t)CF_MIN(n, 16)) != NULL;
}

static int check_text(const char *path, const char *head, int64_t n)
{
    bool utf16 = n >= 2 && (memcmp(head, "\xff\xfe", 2) == 0 ||
                            memcmp(head, "\xfe\xff", 2) == 0);
    if (n == 0)
        return cf_fail(CF_BAD_DATA,
                       "%s: is empty; expected rows such as 1,17,3.5", path);
    if (utf16 || is_binary(head, n))
        return cf_fail(
            CF_BAD_DATA, "%s:1:1: %s; expected UTF-8 or Latin-1 text", path,
            utf16 ? "is UTF-16 text" : "has zero bytes, so it is no text");
    if (memchr(head, '\r', (size_t)n) != NULL &&
        memchr(head, '\n', (size_t)n) == NULL)
        return cf_fail(CF_BAD_DATA,
                       "%s:1:1: lines end in carriage returns alone; expected "
                       "newlines (convert with: tr '\\r' '\\n')",
                       path);
    return CF_OK;
}

static int64_t count_lines(const char *s, int64_t n)
{
    int64_t lines = 0;
    for (int64_t i = 0; i < n; i++)
        lines += s[i] == '\n';
    return lines;
}

int cf_dialect_find(cf_dialect *d, const char *path, const char *head,
                    int64_t n, bool all, const cf_text_options *o)
{
    int status = CF_OK;
    sample s = {.all = all};
    char *copy = NULL;
    *d = (cf_dialect){0};
    CF_TRY(check_text(path, head, n));
    if (n >= 3 && memcmp(head, "\xef\xbb\xbf", 3) == 0)
        d->body = 3; /* byte order mark */
    s.n = n - d->body;
    copy = cf_calloc(s.n + 1 + CF_MARKS_PAD, 1, "first rows");
    memcpy(copy, head + d->body, (size_t)s.n);
    if (all && s.n > 0 && copy[s.n - 1] != '\n')
        copy[s.n++] = '\n';
    s.text = copy;
    if (o->format == CF_FORMAT_MTX ||
        (o->format == CF_FORMAT_AUTO && !o->pairs &&
         strncasecmp(copy, banner, sizeof banner - 1) == 0)) {
        CF_TRY(check_matrix(path, o));
        CF_TRY(find_mtx(d, path, copy, s.n));
        goto done;
    }
    if (o->format == CF_FORMAT_DENSE)
        CF_TRY(check_matrix(path, o));
    s.marks = cf_alloc(s.n + 64, sizeof *s.marks, "first rows");
    find_cut(d, &s, o->format);
    CF_TRY(o->format == CF_FORMAT_DENSE ? find_dense(d, path, &s, o)
                                        : find_columns(d, path, &s, o));
    d->body_lines = count_lines(head, CF_MIN(d->body, n));
done:
    cf_free(s.marks);
    cf_free(copy);
    return status;
}

int cf_dialect_compare(const cf_dialect *first, const char *first_path,
                       const cf_dialect *d, const char *path)
{
    if (first->blanks || d->blanks)
        return cf_fail(CF_BAD_DATA,
                       "%s: matrices are read one file at a time, not after "
                       "%s",
                       path, first_path);
    if ((first->header[0] != '\0') != (d->header[0] != '\0'))
        return cf_fail(CF_BAD_DATA,
                       "%s:1:1: this file has %s header, but %s has %s; make "
                       "them alike",
                       path, d->header[0] != '\0' ? "a" : "no", first_path,
                       first->header[0] != '\0' ? "one" : "none");
    if (strcmp(first->header, d->header) != 0)
        return cf_fail(CF_BAD_DATA,
                       "%s:1:1: the header '%.80s' is not that of %s, '%.80s'",
                       path, d->header, first_path, first->header);
    if (first->columns != d->columns ||
        first->cut.separator != d->cut.separator)
        return cf_fail(CF_BAD_DATA,
                       "%s:1:1: rows of %d columns between '%c', but %s has "
                       "rows of %d between '%c'",
                       path, d->columns, d->cut.separator, first_path,
                       first->columns, first->cut.separator);
    if (first->counted != d->counted)
        return cf_fail(CF_BAD_DATA,
                       "%s:1:1: the first column %s the others' ratings, but "
                       "that of %s %s",
                       path, d->counted ? "counts" : "does not count",
                       first_path, first->counted ? "does" : "does not");
    return CF_OK;
}
