/* Method  Marks tell where fields end. A row of the usual kind is taken in one
 *         straight line: an id that equals the one before is known already,
 *         ratings such as 4 or 3.5 come from a table. Every other row, also
 *         every bad one, goes through the general code, which says what is
 *         wrong; both give the same for a row that both can take.
 * Cost    Some 10 ns a row of the usual kind. */
#include "rows.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cfmpi/memory.h"
#include "cfmpi/scan.h"
#include "plain_rows.h"

/* Ids of so many bytes are short enough when they are Latin-1, too. */
#define ALWAYS_SHORT (CF_ID_MAX / 2)

typedef cf_field field;

/* ---- the usual rows ---- */

/* Field c of a row that begins at `begin`. */
static inline field field_at(const cf_dialect *d, const char *text,
                             int64_t begin, const uint32_t *m, int c)
{
    int64_t from = c == 0 ? begin : (int64_t)m[c - 1] + 1 + d->cut.twice;
    field f = {text + from, text + m[c]};
    if (c == d->columns - 1 && f.e > f.s && f.e[-1] == '\r')
        f.e--;
    return f;
}

/* Takes off the quotes of a field that has none inside. */
static inline bool bare(const cf_dialect *d, field *f)
{
    if (f->e <= f->s)
        return false;
    if (*f->s != '"' || !d->cut.quotes)
        return true;
    int64_t inner = f->e - f->s - 2;
    if (inner < 1 || f->e[-1] != '"' ||
        memchr(f->s + 1, '"', (size_t)inner) != NULL)
        return false;
    f->s++;
    f->e--;
    return true;
}

/* The id's number, or -1 where the general code must look at it. */
static inline int32_t id_number(cf_dictionary *d, cf_recent *recent, field f)
{
    int64_t id, length = f.e - f.s;
    int32_t number = -1;
    if (length > 16)
        return cf_dictionary_add(d, f.s, f.e);
    cf_key k = cf_key_of_short(f.s, f.e);
    if (k.tail == recent->key.tail && k.head == recent->key.head &&
        k.length == recent->key.length)
        return recent->number;
    if (length <= 8 && cf_scan_digits(f.s, f.e, &id))
        number = cf_dictionary_known(d, id);
    if (number < 0)
        number = cf_dictionary_add(d, f.s, f.e);
    if (number >= 0)
        *recent = (cf_recent){k, number};
    return number;
}

static bool number_of(field f, float *value)
{
    double x;
    unsigned whole, tenth;
    if (cf_short_rating(f, &whole, &tenth)) {
        *value = cf_short_ratings[whole][tenth];
        return true;
    }
    while (f.s < f.e && (*f.s == ' ' || *f.s == '\t'))
        f.s++;
    while (f.s < f.e && (f.e[-1] == ' ' || f.e[-1] == '\t'))
        f.e--;
    if (!cf_scan_double(f.s, f.e, &x))
        return false;
    *value = (float)x;
    return *value - *value == 0;
}

static bool within(field f, int64_t most)
{
    int64_t id;
    return cf_scan_int64(f.s, f.e, &id) && id >= 1 && id <= most;
}

/* The other half of a symmetric matrix. */
static void add_mirrored(cf_rows *r, int32_t user, int32_t item, float value,
                         int64_t time)
{
    cf_entries *e = &r->in->entries;
    int64_t from = e->users.ids.number[user], to = e->items.ids.number[item];
    if (from == to)
        return;
    int32_t row = cf_dictionary_add_number(&e->users, to);
    int32_t col = cf_dictionary_add_number(&e->items, from);
    cf_entries_add(e, row, col, (float)r->d->mirror * value, time);
}

static inline void add(cf_rows *r, int32_t user, int32_t item, float value,
                       int64_t time)
{
    cf_entries_add(&r->in->entries, user, item, value, time);
    if (r->d->mirror != 0)
        add_mirrored(r, user, item, value, time);
}

static inline bool is_row(const cf_dialect *d, const char *text,
                          const uint32_t *m)
{
    int last = d->columns - 1;
    if (text[m[last]] != '\n')
        return false;
    for (int c = 0; c < last; c++)
        if (text[m[c]] == '\n')
            return false;
    return true;
}

/* False when the row is none of the usual. */
static inline bool take_usual(cf_rows *r, const char *text, int64_t begin,
                              const uint32_t *m)
{
    const cf_dialect *d = r->d;
    cf_intake *in = r->in;
    float value = 1;
    int64_t time = 0;
    if (!is_row(d, text, m))
        return false;
    field user = field_at(d, text, begin, m, d->column[CF_USER]);
    field item = field_at(d, text, begin, m, d->column[CF_ITEM]);
    if (!bare(d, &user) || !bare(d, &item) || r->zeros ||
        user.e - user.s > ALWAYS_SHORT || item.e - item.s > ALWAYS_SHORT)
        return false; /* ids of a bad row must not be met */
    if (d->column[CF_RATING] >= 0) {
        field f = field_at(d, text, begin, m, d->column[CF_RATING]);
        if (!bare(d, &f) || !number_of(f, &value))
            return false;
    }
    if (d->column[CF_TIME] >= 0) {
        field f = field_at(d, text, begin, m, d->column[CF_TIME]);
        if (!bare(d, &f) || !cf_scan_time(f.s, f.e, &time))
            return false;
    }
    if (d->blanks && (!within(user, d->rows) || !within(item, d->cols)))
        return false;
    if (r->judging) {
        enum cf_verdict verdict = cf_intake_judge(in, &value, time);
        if (verdict != CF_KEPT)
            return verdict != CF_OFF_SCALE;
    }
    int32_t u = id_number(&in->entries.users, &r->recent[0], user);
    if (u < 0)
        return false;
    int32_t i = id_number(&in->entries.items, &r->recent[1], item);
    if (i < 0)
        return false;
    add(r, u, i, value, time);
    return true;
}

/* ---- complaints ---- */

/* At most 40 bytes of a field as UTF-8; bytes that would break a message's
 * line are shown as '?'. */
static void put_plain(char *out, size_t size, const char *s, const char *e)
{
    cf_text utf8 = {0};
    size_t n = 0;
    if (e - s > 40)
        for (e = s + 40; e > s && (*e & 0xc0) == 0x80; e--)
            continue; /* not within a character */
    cf_text_utf8(s, e - s, &utf8);
    for (int64_t i = 0; i < utf8.length && n + 1 < size; i++) {
        char c = utf8.data[i];
        out[n++] = (unsigned char)c < ' ' || c == 127 ? '?' : c;
    }
    out[n] = '\0';
    cf_text_free(&utf8);
}

/* `what` has one %s for the name and one for the field. */
static int complain(cf_rows *r, const char *text, const char *at,
                    const char *what, const char *name, field f)
{
    const char *line = at;
    int64_t newlines = 0;
    char shown[96];
    while (line > text && line[-1] != '\n')
        line--;
    for (const char *s = text; s < line; s++)
        newlines += *s == '\n';
    if (r->bad < CF_BAD_ROWS_SHOWN) {
        cf_complaint *c = &r->first[r->bad];
        c->file = r->file;
        c->line = r->line + newlines;
        c->column = (int)(at - line) + 1;
        put_plain(shown, sizeof shown, f.s, f.e);
        snprintf(c->text, sizeof c->text, what, name, shown);
    }
    r->bad++;
    return r->in->bad_row == CF_BAD_ROW_STOP ? CF_BAD_DATA : CF_OK;
}

static int wrong_columns(cf_rows *r, const char *text, const char *end,
                         int64_t columns)
{
    char what[160];
    snprintf(what, sizeof what,
             "%%s%" PRId64 " column%s in '%%s'; expected %d as in the first "
             "row",
             columns, columns == 1 ? "" : "s", r->d->columns);
    return complain(r, text, text, what, "", (field){text, end});
}

/* ---- all other rows ---- */

/* The wanted fields of a record, as they stand in the text. */
typedef struct record {
    field f[CF_ROLES];
    int64_t columns;
} record;

static void split_blanks(const cf_dialect *d, const char *s, const char *e,
                         record *rec)
{
    rec->columns = 0;
    while (s < e) {
        while (s < e && (*s == ' ' || *s == '\t' || *s == '\r'))
            s++;
        const char *from = s;
        while (s < e && *s != ' ' && *s != '\t' && *s != '\r')
            s++;
        if (s == from)
            break;
        for (int role = 0; role < CF_ROLES; role++)
            if (d->column[role] == rec->columns)
                rec->f[role] = (field){from, s};
        rec->columns++;
    }
}

static void split_marks(const cf_dialect *d, const char *text,
                        const uint32_t *m, int64_t marks, record *rec)
{
    rec->columns = marks;
    for (int role = 0; role < CF_ROLES; role++)
        if (d->column[role] >= 0 && d->column[role] < marks) {
            int c = d->column[role];
            rec->f[role] = field_at(d, text, 0, m, c);
            if (c == marks - 1 && rec->f[role].e > rec->f[role].s &&
                rec->f[role].e[-1] == '\r' && c != d->columns - 1)
                rec->f[role].e--;
        }
}

/* The field without its quotes. The 8 bytes in front of an id can be read. */
static field plain(const cf_dialect *d, field f, cf_text *buffer)
{
    if (!d->cut.quotes || f.s == f.e || *f.s != '"')
        return f;
    cf_text_clear(buffer);
    cf_text_add(buffer, "        ");
    cf_unquote(f.s, f.e, buffer);
    return (field){buffer->data + 8, buffer->data + buffer->length};
}

static int take_number(cf_rows *r, const char *text, const record *rec,
                       float *value)
{
    cf_text buffer = {0};
    field f = rec->f[CF_RATING], p = plain(r->d, f, &buffer);
    const char *wrong = NULL;
    int status = CF_OK;
    double x;
    if (!number_of(p, value))
        wrong = cf_scan_double(p.s, p.e, &x) ? "%s '%s' is out of range"
                                             : "%s '%s' is not a number";
    if (wrong != NULL)
        status = complain(r, text, f.s, wrong, cf_role_name[CF_RATING], p);
    cf_text_free(&buffer);
    return wrong == NULL ? CF_OK : status != CF_OK ? status : CF_DIFFERENT;
}

static int take_time(cf_rows *r, const char *text, const record *rec,
                     int64_t *time)
{
    cf_text buffer = {0};
    field f = rec->f[CF_TIME], p = plain(r->d, f, &buffer);
    int status = CF_OK;
    if (!cf_scan_time(p.s, p.e, time)) {
        status = complain(r, text, f.s,
                          "%s '%s' is neither whole seconds since 1970 nor a "
                          "date like 2015-03-31 23:59:59",
                          cf_role_name[CF_TIME], p);
        status = status != CF_OK ? status : CF_DIFFERENT;
    }
    cf_text_free(&buffer);
    return status;
}

static bool is_long_in_utf8(field f)
{
    cf_text utf8 = {0};
    bool is_long = false;
    if (f.e - f.s > ALWAYS_SHORT) {
        cf_text_utf8(f.s, f.e - f.s, &utf8);
        is_long = utf8.length > CF_ID_MAX;
    }
    cf_text_free(&utf8);
    return is_long;
}

/* What is wrong with an id, NULL when nothing is. */
static const char *id_fault(const cf_dialect *d, int role, field f)
{
    int64_t most = role == CF_USER ? d->rows : d->cols;
    if (f.s == f.e)
        return "the %s is empty%s; expected an integer or a text";
    if (f.e - f.s > CF_ID_MAX)
        return "the %s '%s…' is longer than 255 bytes";
    if (memchr(f.s, '\0', (size_t)(f.e - f.s)) != NULL)
        return "the %s '%s' has a zero byte; expected text";
    if (is_long_in_utf8(f))
        return "the %s '%s…' is longer than 255 bytes in UTF-8";
    if (d->blanks && !within(f, most))
        return role == CF_USER
                   ? "the %s '%s' is no row of the matrix, as its size line "
                     "says"
                   : "the %s '%s' is no column of the matrix, as its size line "
                     "says";
    return NULL;
}

/* CF_DIFFERENT: the row is bad or left out, and reading goes on. */
static int check_row(cf_rows *r, const char *text, const record *rec,
                     const field id[2], float *value, int64_t *time)
{
    int status = CF_OK;
    for (int role = CF_USER; role <= CF_ITEM; role++) {
        const char *fault = id_fault(r->d, role, id[role]);
        if (fault == NULL)
            continue;
        status = complain(r, text, rec->f[role].s, fault, cf_role_name[role],
                          id[role]);
        return status != CF_OK ? status : CF_DIFFERENT;
    }
    if (r->d->column[CF_RATING] >= 0)
        CF_TRY(take_number(r, text, rec, value));
    if (r->d->column[CF_TIME] >= 0)
        CF_TRY(take_time(r, text, rec, time));
    enum cf_verdict verdict = cf_intake_judge(r->in, value, *time);
    if (verdict == CF_OFF_SCALE) {
        char what[128];
        const field f = rec->f[CF_RATING];
        snprintf(what, sizeof what,
                 "%%s '%%s' is outside the scale %.9g to %.9g",
                 r->in->keep.scale[0], r->in->keep.scale[1]);
        status = complain(r, text, f.s != NULL ? f.s : text, what,
                          cf_role_name[CF_RATING], f);
    }
    if (status == CF_OK && verdict != CF_KEPT)
        status = CF_DIFFERENT;
done:
    return status;
}

static bool is_wanted(const cf_rows *r, int role, field f)
{
    cf_text utf8 = {0};
    cf_text_utf8(f.s, f.e - f.s, &utf8);
    bool same =
        utf8.length == r->wanted[role]->length &&
        memcmp(utf8.data, r->wanted[role]->data, (size_t)utf8.length) == 0;
    cf_text_free(&utf8);
    return same;
}

static void look_for(cf_rows *r, const field id[2])
{
    if (r->found_count < 2 && is_wanted(r, CF_USER, id[0]) &&
        is_wanted(r, CF_ITEM, id[1]))
        r->found[r->found_count++] = (cf_place){r->file, r->line};
}

/* A record [text, end) with `marks` marks, its newline included. */
static int take_row(cf_rows *r, const char *text, const char *end,
                    const uint32_t *m, int64_t marks)
{
    const cf_dialect *d = r->d;
    int status = CF_OK;
    record rec = {0};
    field id[2];
    float value = 1;
    int64_t time = 0;
    if (d->blanks)
        split_blanks(d, text, end, &rec);
    else
        split_marks(d, text, m, marks, &rec);
    if (rec.columns != d->columns)
        return wrong_columns(r, text, end, rec.columns);
    for (int role = CF_USER; role <= CF_ITEM; role++)
        id[role] = plain(d, rec.f[role], &r->field[role]);
    CF_TRY(check_row(r, text, &rec, id, &value, &time));
    if (r->wanted[0] != NULL) {
        look_for(r, id);
        goto done;
    }
    cf_entries *e = &r->in->entries;
    int32_t user = cf_dictionary_add(&e->users, id[0].s, id[0].e);
    int32_t item = cf_dictionary_add(&e->items, id[1].s, id[1].e);
    CF_ASSERT(user >= 0 && item >= 0);
    add(r, user, item, value, time);
done:
    return status == CF_DIFFERENT ? CF_OK : status;
}

/* ---- dense blocks ---- */

/* The ratings of a row that are kept, NaN for all other places; nothing is
 * added yet, as a bad one spoils the whole row. */
static int judge_dense(cf_rows *r, const char *text, const uint32_t *m)
{
    const cf_dialect *d = r->d;
    int64_t present = 0;
    float value, missing = (float)r->missing; /* rounded as ratings are */
    for (int c = d->counted; c < d->columns; c++) {
        field f = field_at(d, text, 0, m, c);
        bool none =
            f.s == f.e || (f.e - f.s == 3 && (*f.s | 32) == 'n' &&
                           (f.s[1] | 32) == 'a' && (f.s[2] | 32) == 'n');
        if (!none && !number_of(f, &value))
            return complain(r, text, f.s, "%s '%s' is not a number",
                            cf_role_name[CF_RATING], f);
        r->dense[c] = NAN;
        if (none || value == missing)
            continue;
        present++;
        enum cf_verdict verdict = cf_intake_judge(r->in, &value, 0);
        if (verdict == CF_OFF_SCALE)
            return complain(r, text, f.s, "%s '%s' is outside --scale",
                            cf_role_name[CF_RATING], f);
        if (verdict == CF_KEPT)
            r->dense[c] = value;
    }
    field first = field_at(d, text, 0, m, 0);
    if (d->counted &&
        (!number_of(first, &value) || (double)value != (double)present))
        return complain(r, text, text,
                        "%sthe first column says '%s' ratings, which is not "
                        "what the row holds",
                        "", first);
    return CF_OK;
}

static int take_dense(cf_rows *r, const char *text, const char *end,
                      const uint32_t *m, int64_t marks)
{
    const cf_dialect *d = r->d;
    cf_entries *e = &r->in->entries;
    int64_t left[CF_VERDICTS], bad = r->bad;
    if (marks != d->columns)
        return wrong_columns(r, text, end, marks);
    if (r->dense == NULL)
        r->dense = cf_alloc(d->columns, sizeof *r->dense, "row of a block");
    memcpy(left, r->in->left, sizeof left);
    int status = judge_dense(r, text, m);
    if (r->bad > bad) {
        memcpy(r->in->left, left, sizeof left);
        return status;
    }
    int32_t user = cf_dictionary_add_number(&e->users, r->rows - 1);
    for (int c = d->counted; c < d->columns; c++)
        if (!isnan(r->dense[c]))
            cf_entries_add(
                e, user,
                cf_dictionary_add_number(&e->items, c + 1 - d->counted),
                r->dense[c], 0);
    return CF_OK;
}

/* ---- the loop ---- */

static int64_t newlines_in(const char *s, int64_t n)
{
    int64_t lines = 0;
    for (int64_t i = 0; i < n; i++)
        lines += s[i] == '\n';
    return lines;
}

static int take_other(cf_rows *r, const char *text, int64_t begin,
                      const uint32_t *m, int64_t marks)
{
    const char *s = text + begin, *e = text + m[marks - 1];
    uint32_t moved[64], *places = moved;
    int status;
    if (s == e || (s + 1 == e && *s == '\r'))
        return CF_OK;
    r->rows++;
    if (marks > 64)
        places = cf_alloc(marks, sizeof *places, "a long row");
    for (int64_t i = 0; i < marks; i++)
        places[i] = m[i] - (uint32_t)begin;
    status = r->d->dense ? take_dense(r, s, e, places, marks)
                         : take_row(r, s, e, places, marks);
    if (marks > 64)
        cf_free(places);
    return status;
}

static void prepare(cf_rows *r, int64_t n)
{
    const cf_keep *keep = &r->in->keep;
    if (r->marks_of == NULL) {
        r->marks_of = cf_marks_best();
        r->judging = keep->has_scale || keep->has_ratings || keep->has_times ||
                     keep->has_threshold;
        r->usual = !r->d->dense && r->wanted[0] == NULL;
        r->plain = r->usual && !r->judging && !r->d->blanks &&
                   r->d->column[CF_TIME] < 0;
    }
    if (r->marks_room < n + 65) {
        cf_free(r->marks);
        r->marks_room = n + 65;
        r->marks = cf_alloc(r->marks_room, sizeof *r->marks, "text marks");
        r->marks[0] = UINT32_MAX; /* as if a newline stood before the text */
    }
}

/* Rows at the begin of which cf_rows_take_plain may be used: all that begin
 * before `limit`, when every row has its columns. */
static int64_t plain_rows(const cf_rows *r, const char *text,
                          const cf_found *found, int64_t limit)
{
    const uint32_t *m = r->marks + 1;
    const int columns = r->d->columns;
    int64_t rows = found->newlines;
    if (!r->plain || found->quotes || rows * columns > found->marks)
        return 0;
    for (int64_t i = 1; i <= rows; i++)
        if (text[m[i * columns - 1]] != '\n')
            return 0;
    while (rows > 0 &&
           (int64_t)(uint32_t)(m[(rows - 1) * columns - 1] + 1) >= limit)
        rows--;
    return rows;
}

/* The row at mark k, whatever it is; its number of marks, 0 when it is not
 * whole. */
static int64_t take_any(cf_rows *r, const char *text, int64_t begin, int64_t k,
                        int64_t count, int *status)
{
    const uint32_t *m = r->marks + 1 + k;
    int64_t marks = r->d->columns;
    if (r->usual && k + marks <= count && take_usual(r, text, begin, m)) {
        r->rows++;
        return marks;
    }
    for (marks = 0; k + marks < count;)
        if (text[m[marks++]] == '\n')
            break;
    if (marks == 0 || text[m[marks - 1]] != '\n')
        return 0;
    *status = take_other(r, text, begin, m, marks);
    return marks;
}

int cf_rows_take(cf_rows *r, const char *text, int64_t n, int64_t limit,
                 int64_t *used)
{
    int status = CF_OK;
    prepare(r, n);
    cf_found found = r->marks_of(text, n, &r->d->cut, r->marks + 1);
    const uint32_t *m = r->marks + 1;
    int64_t begin = 0, k = 0, plain = plain_rows(r, text, &found, limit);
    r->quoted |= found.quotes;
    r->zeros = memchr(text, '\0', (size_t)n) != NULL;
    while (begin < limit && status == CF_OK) {
        if (plain > 0) {
            int64_t taken = cf_rows_take_plain(r, text, m + k, plain);
            plain -= taken + 1; /* the next one is for the general code */
            k += taken * r->d->columns;
            r->rows += taken;
            r->line += taken;
            begin = (int64_t)(uint32_t)(m[k - 1] + 1);
            if (plain < 0)
                break;
        }
        int64_t marks = take_any(r, text, begin, k, found.marks, &status);
        if (marks == 0)
            break;
        k += marks;
        int64_t next = (int64_t)m[k - 1] + 1;
        r->line += found.quotes ? newlines_in(text + begin, next - begin) : 1;
        begin = next;
    }
    *used = begin;
    return status;
}

int cf_rows_open_end(cf_rows *r, const char *text, int64_t n)
{
    r->rows++;
    return complain(r, text, text,
                    "%sthe row '%s' has no end: a quote is opened and not "
                    "closed",
                    "", (field){text, text + n});
}

void cf_rows_free(cf_rows *r)
{
    cf_text_free(&r->field[0]);
    cf_text_free(&r->field[1]);
    cf_free(r->marks);
    r->marks = NULL;
    cf_free(r->dense);
    r->dense = NULL;
}
