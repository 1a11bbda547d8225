#include "info_users.h"

#include <math.h>
#include <string.h>

#include "cfmpi/layout.h"
#include "cfmpi/memory.h"
#include "cfmpi/scan.h"
#include "column.h"

#define SHOWN 5 /* favourites and neighbours of a user */

/* What is needed to name rows. */
typedef struct names {
    const cf_h5 *file;
    cf_gidx users, items;
    cf_dataset title;
    bool titled;
} names;

/* The file says what no cfmpi has written. */
static int damaged(const names *n, const char *set, int64_t row,
                   const char *what)
{
    return cf_fail(CF_BAD_DATA,
                   "%s: %s, row %" PRId64 ": %s; `cfmpi verify` shows all",
                   n->file->path, set, row, what);
}

static int print_id(cf_text *out, const names *n, const char *side, cf_gidx row)
{
    cf_ids id = {0};
    int status = cf_layout_load_ids(n->file, side, row, 1, &id);
    if (status == CF_OK)
        cf_ids_print(&id, 0, out);
    cf_ids_free(&id);
    return status;
}

static int print_item(cf_text *out, const names *n, int64_t item, double figure)
{
    int status = CF_OK;
    int64_t width = n->titled ? (int64_t)n->title.width : 0;
    char *title = cf_calloc(width + 1, 1, "title");
    if (n->titled)
        CF_TRY(cf_h5_read(n->file, &n->title, item, 1, title));
    cf_text_add(out, "    %4.2f  %s", figure,
                title[0] != '\0' ? title : "item ");
    if (title[0] == '\0')
        CF_TRY(print_id(out, n, "items", item));
    cf_text_add(out, "\n");
done:
    cf_free(title);
    return status;
}

/* A row's entries in the datasets `indices` and `values`; index.whole is NULL
 * when the file has no such part. */
typedef struct entries {
    cf_column index, value;
    int64_t count;
} entries;

static void entries_free(entries *e)
{
    cf_column_free(&e->index);
    cf_column_free(&e->value);
}

/* Rows [begin, begin + count) of both sets, for `row` of the users. */
static int read_entries(const names *n, const char *const set[2], cf_gidx begin,
                        cf_gidx count, int64_t row, entries *e)
{
    int status = CF_OK;
    CF_TRY(cf_column_read(n->file, set[0], begin, count, true, &e->index));
    CF_TRY(cf_column_read(n->file, set[1], begin, count, false, &e->value));
    e->count = e->index.count;
    if (e->value.count != e->count)
        CF_TRY(damaged(n, set[1], row, "does not fit the other datasets"));
done:
    return status;
}

static int check_entries(const names *n, const char *set, int64_t row,
                         int64_t limit, const entries *e)
{
    for (int64_t i = 0; i < e->count; i++)
        if (e->index.whole[i] < 0 || e->index.whole[i] >= limit)
            return damaged(n, set, row, "names a row that does not exist");
    return CF_OK;
}

/* A user's list, which -1 fills up where it is short. */
static int read_list(const names *n, const char *const set[2], int64_t row,
                     int64_t limit, entries *e)
{
    int status = CF_OK;
    CF_TRY(read_entries(n, set, row, 1, row, e));
    while (e->count > 0 && e->index.whole[e->count - 1] == -1)
        e->count--;
    CF_TRY(check_entries(n, set[0], row, limit, e));
done:
    return status;
}

/* Entries of a user's row of the ratings. */
static int read_rated(const names *n, int64_t row, entries *e)
{
    static const char *const sets[] = {"/ratings/indices", "/ratings/values"};
    static const char pointers[] = "/ratings/indptr";
    int status = CF_OK;
    cf_column p = {0};
    cf_dataset d;
    CF_TRY(cf_column_read(n->file, pointers, row, 2, true, &p));
    if (p.whole == NULL)
        goto done;
    CF_TRY(cf_h5_dataset(n->file, sets[0], &d));
    int64_t begin = p.count == 2 ? p.whole[0] : -1;
    int64_t end = p.count == 2 ? p.whole[1] : -1;
    if (d.cols != 1 || begin < 0 || end < begin || end > d.rows)
        CF_TRY(damaged(n, pointers, row, "does not ascend within the entries"));
    CF_TRY(read_entries(n, sets, begin, end - begin, row, e));
    CF_TRY(check_entries(n, sets[0], row, n->items, e));
done:
    cf_column_free(&p);
    return status;
}

/* The user's highest ratings, in item order where they are equal. */
static int print_favourites(cf_text *out, const names *n, int64_t row)
{
    int status = CF_OK;
    entries e = {0};
    CF_TRY(read_rated(n, row, &e));
    if (e.index.whole == NULL)
        goto done;
    double *value = e.value.real;
    cf_text_add(out, "  favourites of %" PRId64 " rated\n", e.count);
    for (int s = 0; s < SHOWN; s++) {
        int64_t best = -1;
        for (int64_t i = 0; i < e.count; i++)
            if (!isnan(value[i]) && (best < 0 || value[i] > value[best]))
                best = i;
        if (best < 0)
            break;
        CF_TRY(print_item(out, n, e.index.whole[best], value[best]));
        value[best] = NAN;
    }
done:
    entries_free(&e);
    return status;
}

static int print_neighbours(cf_text *out, const names *n, int64_t row)
{
    static const char *const sets[] = {"/neighbors/users/index",
                                       "/neighbors/users/score"};
    int status = CF_OK;
    enum cf_similarity by = CF_COSINE;
    entries e = {0};
    CF_TRY(read_list(n, sets, row, n->users, &e));
    if (e.index.whole == NULL)
        goto done;
    CF_TRY(cf_layout_read_similarity(n->file, "/neighbors/users", &by));
    cf_text_add(out, "  nearest users%s\n   ",
                cf_similarity_about(by)->heading);
    for (int64_t i = 0; i < CF_MIN(SHOWN, e.count); i++) {
        cf_text_add(out, " ");
        CF_TRY(print_id(out, n, "users", e.index.whole[i]));
        cf_text_add(out, by == CF_COSINE ? " (%.2f)" : " (%.6g)",
                    e.value.real[i]);
    }
    cf_text_add(out, "\n");
done:
    entries_free(&e);
    return status;
}

static int print_recommended(cf_text *out, const names *n, int64_t row)
{
    static const char *const sets[] = {"/recommendations/index",
                                       "/recommendations/score"};
    int status = CF_OK;
    entries e = {0};
    CF_TRY(read_list(n, sets, row, n->items, &e));
    if (e.index.whole == NULL)
        goto done;
    cf_text_add(out, "  recommended\n");
    for (int64_t i = 0; i < e.count; i++)
        CF_TRY(print_item(out, n, e.index.whole[i], e.value.real[i]));
done:
    entries_free(&e);
    return status;
}

/* The row of a user, by bisection in the file; -1 when there is none. */
static int find_user(const names *n, const cf_ids *wanted, cf_gidx *row)
{
    int status = CF_OK;
    cf_ids id = {0};
    cf_gidx lo = 0, hi = n->users;
    *row = -1;
    while (lo < hi && *row < 0) {
        cf_gidx mid = lo + (hi - lo) / 2;
        CF_TRY(cf_layout_load_ids(n->file, "users", mid, 1, &id));
        int order = cf_ids_compare(&id, 0, wanted, 0);
        if (order == 0)
            *row = mid;
        else if (order < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
done:
    cf_ids_free(&id);
    return status;
}

/* One id of the kind that the users have. */
static int make_id(const names *n, const cf_text *from, cf_ids *id)
{
    int status = CF_OK;
    int64_t number;
    cf_text utf8 = {0};
    const char *s = from->data, *e = s + from->length;
    CF_TRY(cf_layout_load_ids(n->file, "users", 0, 0, id));
    if (!id->text && !cf_scan_int64(s, e, &number))
        CF_TRY(cf_fail(CF_USAGE,
                       "--user: '%.40s' is not an integer, as "
                       "the users of %s are",
                       s, n->file->path));
    bool text = id->text;
    cf_text_utf8(s, e - s, &utf8);
    cf_ids_make(id, text, 1, utf8.length);
    if (!text) {
        id->number[0] = number;
        goto done;
    }
    memcpy(id->bytes, utf8.data, (size_t)utf8.length);
    id->begin[1] = utf8.length;
done:
    cf_text_free(&utf8);
    return status;
}

static int print_user(cf_text *out, const names *n, const cf_text *wanted)
{
    int status = CF_OK;
    cf_ids id = {0};
    cf_gidx row;
    CF_TRY(make_id(n, wanted, &id));
    CF_TRY(find_user(n, &id, &row));
    if (row < 0)
        CF_TRY(cf_fail(CF_USAGE, "--user: there is no user '%.100s' in %s%s",
                       wanted->data, n->file->path,
                       id.text ? "; an id with a comma in it is written "
                                 "between double quotes"
                               : ""));
    cf_text_add(out, "user ");
    cf_ids_print(&id, 0, out);
    cf_text_add(out, "\n");
    CF_TRY(print_favourites(out, n, row));
    CF_TRY(print_neighbours(out, n, row));
    CF_TRY(print_recommended(out, n, row));
done:
    cf_ids_free(&id);
    return status;
}

static int read_names(names *n)
{
    int status = CF_OK;
    const cf_h5 *f = n->file;
    cf_dataset users, items;
    CF_TRY(cf_h5_dataset(f, "/users/id", &users));
    n->users = users.rows;
    /* A file made of vectors has no items. */
    if (!cf_h5_has(f, "/items") && !cf_h5_has(f, "/ratings"))
        goto done;
    CF_TRY(cf_h5_dataset(f, "/items/id", &items));
    n->items = items.rows;
    n->titled = cf_h5_has(f, "/items/title");
    if (!n->titled)
        goto done;
    CF_TRY(cf_h5_dataset(f, "/items/title", &n->title));
    if (n->title.type != CF_STRING || n->title.cols != 1)
        CF_TRY(cf_fail(CF_BAD_DATA, "%s: /items/title holds no text", f->path));
done:
    return status;
}

/* Takes the first id off the list: what stands before the next comma, or
 * between quotes, where a doubled one is a quote. */
static int next_id(const char **list, cf_text *id)
{
    const char *s = *list;
    bool quoted = *s == '"';
    cf_text_clear(id);
    for (s += quoted; *s != '\0' && (quoted || *s != ','); s++) {
        if (quoted && *s == '"' && *++s != '"') {
            quoted = false;
            break;
        }
        cf_text_bytes(id, s, 1);
    }
    if (quoted || (*s != ',' && *s != '\0'))
        return cf_fail(CF_USAGE,
                       "--user: '%.40s' has a quote that does not close "
                       "before a comma or the end",
                       *list);
    *list = s + (*s == ',');
    return id->length > 0 ? CF_OK : cf_fail(CF_USAGE, "--user: an empty id");
}

int cf_info_users(cf_text *out, const cf_h5 *f, const char *list)
{
    int status = CF_OK;
    names n = {.file = f};
    cf_text id = {0};
    CF_TRY(read_names(&n));
    while (*list != '\0') {
        CF_TRY(next_id(&list, &id));
        CF_TRY(print_user(out, &n, &id));
        if (*list != '\0')
            cf_text_add(out, "\n");
    }
done:
    cf_text_free(&id);
    return status;
}
