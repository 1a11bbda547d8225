/* Method  The first line tells separator, header and columns. Each rank then
 *         parses the lines that begin in its byte range; ids get provisional
 *         numbers from a hash table, so a row takes 12 bytes. Line numbers
 *         for messages come from counting lines over the ranks before.
 * Cost    One pass for the rows and one for the digest of the file. */
#include "cfmpi/ratings_text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "cfmpi/scan.h"
#include "lines.h"

#define MAX_COLUMN 32

enum { USER, ITEM, RATING, WANTED };

static const char *const field_name[WANTED] = {"user id", "item id", "rating"};

/* Header names of each wanted column, in lower case. */
static const char *const aliases[WANTED][8] = {
    {"userid", "user_id", "user", "uid"},
    {"movieid", "movie_id", "itemid", "item_id", "item", "movie", "iid"},
    {"rating", "score", "stars"},
};

/* How rows look. */
typedef struct dialect {
    char separator[3];
    int width; /* bytes of the separator */
    bool header;
    int column[WANTED]; /* where each wanted field stands */
    int wanted;         /* 3, or 2 for pairs */
} dialect;

typedef struct field {
    const char *s, *e;
} field;

static const char *next_separator(const dialect *d, const char *s,
                                  const char *e)
{
    for (; (s = memchr(s, d->separator[0], (size_t)(e - s))) != NULL; s++)
        if (d->width == 1 || (s + 1 < e && s[1] == d->separator[1]))
            return s;
    return e;
}

/* Splits into at most MAX_COLUMN fields; their number. */
static int split(const dialect *d, const char *s, const char *e, field *f)
{
    int n = 0;
    while (n < MAX_COLUMN) {
        const char *stop = next_separator(d, s, e);
        f[n++] = (field){s, stop};
        if (stop == e)
            break;
        s = stop + d->width;
    }
    return n;
}

static void set_separator(dialect *d, const char *line,
                          enum cf_ratings_format format)
{
    const char *separator = ",";
    if (format == CF_FORMAT_TSV)
        separator = "\t";
    else if (format == CF_FORMAT_DAT)
        separator = "::";
    else if (format == CF_FORMAT_AUTO && strchr(line, '\t') != NULL)
        separator = "\t";
    else if (format == CF_FORMAT_AUTO && strstr(line, "::") != NULL)
        separator = "::";
    snprintf(d->separator, sizeof d->separator, "%s", separator);
    d->width = (int)strlen(separator);
}

static bool is_alias(int wanted, field f)
{
    for (int a = 0; a < 8 && aliases[wanted][a] != NULL; a++)
        if (strlen(aliases[wanted][a]) == (size_t)(f.e - f.s) &&
            strncasecmp(aliases[wanted][a], f.s, (size_t)(f.e - f.s)) == 0)
            return true;
    return false;
}

/* Finds the columns of a header; positions 1, 2, 3 where there is none. */
static int read_header(dialect *d, const char *path, const char *line)
{
    field f[MAX_COLUMN];
    int64_t id;
    if (strncmp(line, "\xef\xbb\xbf", 3) == 0)
        line += 3; /* byte order mark */
    int n = split(d, line, line + strlen(line), f);
    d->header = !cf_scan_int64(f[0].s, f[0].e, &id);
    for (int w = 0; w < d->wanted; w++) {
        d->column[w] = d->header ? -1 : w;
        for (int c = 0; c < n && d->header; c++)
            if (d->column[w] < 0 && is_alias(w, f[c]))
                d->column[w] = c;
        if (d->column[w] < 0)
            return cf_fail(CF_BAD_DATA,
                           "%s:1:1: the header '%.80s' names no "
                           "%s column; expected a header such as "
                           "userId,movieId,rating or rows of numbers",
                           path, line, field_name[w]);
    }
    return CF_OK;
}

static int find_dialect(dialect *d, const cf_par *par, const char *path,
                        enum cf_ratings_format format, int wanted)
{
    char line[4096];
    int status = CF_OK;
    *d = (dialect){.wanted = wanted};
    CF_TRY(cf_lines_first(par, path, line, sizeof line));
    set_separator(d, line, format);
    CF_TRY(read_header(d, path, line));
done:
    return status;
}

/* What is wrong with a row. */
typedef struct complaint {
    int64_t line; /* of this rank, from 0 */
    int column;   /* in bytes, from 1 */
    char text[256];
} complaint;

typedef struct row {
    int64_t id[2];
    float value;
} row;

static bool complain(complaint *c, int64_t line, const char *start,
                     const char *at, const char *format, const char *what,
                     field f)
{
    c->line = line;
    c->column = (int)(at - start) + 1;
    snprintf(c->text, sizeof c->text, format, what, (int)CF_MIN(f.e - f.s, 40),
             f.s);
    return false;
}

/* The wanted fields of a line; false with a complaint. */
static bool parse(const dialect *d, const char *s, const char *e, int64_t line,
                  row *r, complaint *c)
{
    field f[MAX_COLUMN];
    double value = 0;
    int n = split(d, s, e, f);
    for (int w = 0; w < d->wanted; w++)
        if (d->column[w] >= n)
            return complain(c, line, s, e,
                            "there is no %s: too few columns "
                            "in '%.*s'",
                            field_name[w], (field){s, e});
    for (int w = USER; w <= ITEM; w++) {
        field x = f[d->column[w]];
        if (!cf_scan_int64(x.s, x.e, &r->id[w]))
            return complain(c, line, s, x.s, "%s '%.*s' is not an integer",
                            field_name[w], x);
    }
    if (d->wanted <= RATING)
        return true;
    field x = f[d->column[RATING]];
    if (!cf_scan_double(x.s, x.e, &value))
        return complain(c, line, s, x.s, "%s '%.*s' is not a number",
                        field_name[RATING], x);
    r->value = (float)value;
    if (r->value - r->value != 0)
        return complain(c, line, s, x.s, "%s '%.*s' is out of range",
                        field_name[RATING], x);
    return true;
}

/* ---- reading ratings ---- */

typedef struct reading {
    const cf_par *par;
    dialect d;
    enum cf_bad_row bad_row;
    cf_ratings_text *out;
    int64_t bad; /* bad rows of this rank */
    complaint first[CF_BAD_ROWS_SHOWN];
} reading;

static bool is_header(const reading *r, int64_t line)
{
    return r->d.header && r->par->rank == 0 && line == 0;
}

static const char *skip_mark(const reading *r, const char *s, const char *e,
                             int64_t line)
{
    bool marked = r->par->rank == 0 && line == 0 && e - s >= 3 &&
                  memcmp(s, "\xef\xbb\xbf", 3) == 0;
    return marked ? s + 3 : s;
}

static void append(cf_ratings_text *t, const row *r)
{
    if (t->count == t->capacity) {
        t->capacity = CF_MAX(t->capacity * 3 / 2, 4096);
        t->user = cf_realloc(t->user, t->capacity, sizeof *t->user, "rows");
        t->item = cf_realloc(t->item, t->capacity, sizeof *t->item, "rows");
        t->value = cf_realloc(t->value, t->capacity, sizeof *t->value, "rows");
    }
    t->user[t->count] = cf_idtable_add(&t->users, r->id[USER]);
    t->item[t->count] = cf_idtable_add(&t->items, r->id[ITEM]);
    t->value[t->count++] = r->value;
}

static int take_rating(const char *s, const char *e, int64_t line, void *arg)
{
    reading *r = arg;
    complaint c;
    row parsed;
    s = skip_mark(r, s, e, line);
    if (s == e || is_header(r, line))
        return CF_OK;
    if (parse(&r->d, s, e, line, &parsed, &c)) {
        append(r->out, &parsed);
        return CF_OK;
    }
    if (r->bad < CF_BAD_ROWS_SHOWN)
        r->first[r->bad] = c;
    r->bad++;
    return r->bad_row == CF_BAD_ROW_STOP ? CF_BAD_DATA : CF_OK;
}

/* Messages of the first bad rows in the file, on every rank. */
static void show_bad_rows(reading *r, const char *path, int64_t lines_before)
{
    cf_ratings_text *t = r->out;
    int64_t before = cf_exscan_i64(r->par, r->bad);
    memset(t->shown, 0, sizeof t->shown);
    for (int64_t i = 0; i < CF_MIN(r->bad, CF_BAD_ROWS_SHOWN - before); i++)
        snprintf(t->shown[before + i], sizeof t->shown[0],
                 "%.100s:%" PRId64 ":%d: %.120s", path,
                 lines_before + r->first[i].line + 1, r->first[i].column,
                 r->first[i].text);
    cf_allreduce(r->par, t->shown, sizeof t->shown, MPI_BYTE, MPI_BOR);
    t->skipped = cf_sum_i64(r->par, r->bad);
    t->shown_count = (int)CF_MIN(t->skipped, CF_BAD_ROWS_SHOWN);
}

int cf_ratings_read(cf_ratings_text *t, const cf_par *par, const char *path,
                    enum cf_ratings_format format, enum cf_bad_row bad_row)
{
    int status = CF_OK;
    int64_t lines;
    reading r = {.par = par, .bad_row = bad_row, .out = t};
    CF_TRY(find_dialect(&r.d, par, path, format, WANTED));
    status =
        cf_lines_read(par, path, take_rating, &r, &lines, &t->bytes, t->digest);
    int64_t lines_before = cf_exscan_i64(par, lines);
    if (status == CF_BAD_DATA && r.bad > 0)
        cf_fail(status,
                "%s:%" PRId64 ":%d: %s; pass --on-bad-row=skip to go "
                "on without such rows",
                path, lines_before + r.first[0].line + 1, r.first[0].column,
                r.first[0].text);
    CF_TRY(cf_agree(par, status));
    show_bad_rows(&r, path, lines_before);
    if (cf_sum_i64(par, t->count) == 0)
        CF_TRY(cf_fail(CF_BAD_DATA, "%s: there are no ratings in it", path));
done:
    return status;
}

void cf_ratings_text_free(cf_ratings_text *t)
{
    cf_idtable_free(&t->users);
    cf_idtable_free(&t->items);
    cf_free(t->user);
    cf_free(t->item);
    cf_free(t->value);
    *t = (cf_ratings_text){0};
}

/* ---- finding one pair again ---- */

typedef struct search {
    reading r;
    int64_t id[2];
    int64_t line[2]; /* of this rank, -1 */
} search;

static int take_match(const char *s, const char *e, int64_t line, void *arg)
{
    search *f = arg;
    complaint c;
    row parsed;
    s = skip_mark(&f->r, s, e, line);
    if (s < e && !is_header(&f->r, line) &&
        parse(&f->r.d, s, e, line, &parsed, &c) && parsed.id[0] == f->id[0] &&
        parsed.id[1] == f->id[1] && f->line[1] < 0)
        f->line[f->line[0] < 0 ? 0 : 1] = line;
    return CF_OK;
}

int cf_ratings_find(const cf_par *par, const char *path,
                    enum cf_ratings_format format, int64_t user, int64_t item,
                    int64_t line[2])
{
    int status = CF_OK;
    int64_t lines, bytes;
    char digest[CF_DIGEST_HEX];
    search f = {.r = {.par = par}, .id = {user, item}, .line = {-1, -1}};
    CF_TRY(find_dialect(&f.r.d, par, path, format, WANTED));
    CF_TRY(cf_agree(
        par, cf_lines_read(par, path, take_match, &f, &lines, &bytes, digest)));
    int64_t before = cf_exscan_i64(par, lines);
    int64_t found = (f.line[0] >= 0) + (f.line[1] >= 0);
    int64_t place = cf_exscan_i64(par, found);
    line[0] = line[1] = 0;
    for (int64_t i = 0; i < found && place + i < 2; i++)
        line[place + i] = before + f.line[i] + 1;
    cf_allreduce(par, line, 2, MPI_INT64_T, MPI_MAX);
done:
    return status;
}

/* ---- pairs ---- */

typedef struct pairs {
    reading r;
    int64_t *id[2];
    int64_t count, capacity;
} pairs;

static int take_pair(const char *s, const char *e, int64_t line, void *arg)
{
    pairs *p = arg;
    row parsed;
    s = skip_mark(&p->r, s, e, line);
    if (s == e || is_header(&p->r, line))
        return CF_OK;
    if (!parse(&p->r.d, s, e, line, &parsed, &p->r.first[0])) {
        p->r.bad = 1;
        return CF_BAD_DATA;
    }
    if (p->count == p->capacity) {
        p->capacity = CF_MAX(2 * p->capacity, 4096);
        for (int w = 0; w < 2; w++)
            p->id[w] =
                cf_realloc(p->id[w], p->capacity, sizeof(int64_t), "pairs");
    }
    p->id[USER][p->count] = parsed.id[USER];
    p->id[ITEM][p->count++] = parsed.id[ITEM];
    return CF_OK;
}

int cf_pairs_read(const cf_par *par, const char *path, int64_t **user,
                  int64_t **item, int64_t *count)
{
    int status = CF_OK;
    int64_t lines, bytes;
    char digest[CF_DIGEST_HEX];
    pairs p = {.r = {.par = par}};
    CF_TRY(find_dialect(&p.r.d, par, path, CF_FORMAT_AUTO, RATING));
    status = cf_lines_read(par, path, take_pair, &p, &lines, &bytes, digest);
    int64_t before = cf_exscan_i64(par, lines);
    if (status == CF_BAD_DATA && p.r.bad > 0)
        cf_fail(status, "%s:%" PRId64 ":%d: %s", path,
                before + p.r.first[0].line + 1, p.r.first[0].column,
                p.r.first[0].text);
    CF_TRY(cf_agree(par, status));
done:
    *user = p.id[USER];
    *item = p.id[ITEM];
    *count = p.count;
    return status;
}
