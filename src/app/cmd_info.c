/* cfmpi info: what is in a file, in short; with --user, a few users' lists.
 * Rank 0 reads and prints. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cfmpi/layout.h"
#include "cfmpi/memory.h"
#include "cfmpi/scan.h"
#include "cfmpi/text_file.h"
#include "commands.h"

#define SHOWN 5 /* favourites and neighbours of a user */

/* Rows [begin, begin + count) of a dataset, all when count < 0, as they are
 * stored; *raw is NULL when there is no such dataset. */
static int read_raw(const cf_h5 *f, const char *name, cf_gidx begin,
                    cf_gidx count, cf_dataset *d, void **raw)
{
    int status = CF_OK;
    *raw = NULL;
    if (!cf_h5_has(f, name))
        return CF_OK;
    CF_TRY(cf_h5_dataset(f, name, d));
    count = count < 0 ? d->rows : count;
    if (begin < 0 || count > d->rows - begin || d->type == CF_STRING)
        return cf_fail(CF_BAD_DATA, "%s: %s has the wrong type or shape",
                       f->path, name);
    *raw = cf_alloc(count * d->cols, d->width, "values");
    CF_TRY(cf_h5_read(f, d, begin, count, *raw));
    d->rows = count;
done:
    return status;
}

/* Numbers as float64; NULL when there is no such dataset. */
static int read_reals(const cf_h5 *f, const char *name, cf_gidx begin,
                      cf_gidx count, double **out, int64_t *values)
{
    int status = CF_OK;
    cf_dataset d = {0};
    void *raw;
    *out = NULL;
    *values = 0;
    CF_TRY(read_raw(f, name, begin, count, &d, &raw));
    if (raw == NULL)
        goto done;
    const void *p = raw;
    *values = d.rows * d.cols;
    double *x = *out = cf_alloc(*values, sizeof *x, "values");
    for (int64_t i = 0; i < *values; i++)
        x[i] = d.type == CF_I32   ? (double)((const int32_t *)p)[i]
               : d.type == CF_I64 ? (double)((const int64_t *)p)[i]
               : d.type == CF_F32 ? (double)((const float *)p)[i]
                                  : ((const double *)p)[i];
done:
    cf_free(raw);
    return status;
}

/* Integers as they are: ids do not fit a float64. */
static int read_integers(const cf_h5 *f, const char *name, cf_gidx begin,
                         cf_gidx count, int64_t **out, int64_t *values)
{
    int status = CF_OK;
    cf_dataset d = {0};
    void *raw;
    *out = NULL;
    *values = 0;
    CF_TRY(read_raw(f, name, begin, count, &d, &raw));
    if (raw == NULL)
        goto done;
    if (d.type != CF_I32 && d.type != CF_I64)
        CF_TRY(cf_fail(CF_BAD_DATA, "%s: %s does not hold integers", f->path,
                       name));
    const void *p = raw;
    *values = d.rows * d.cols;
    int64_t *x = *out = cf_alloc(*values, sizeof *x, "values");
    for (int64_t i = 0; i < *values; i++)
        x[i] = d.type == CF_I32 ? ((const int32_t *)p)[i]
                                : ((const int64_t *)p)[i];
done:
    cf_free(raw);
    return status;
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static int print_counts(cf_text *out, const cf_h5 *f, const char *side)
{
    int status = CF_OK;
    char name[CF_NAME_MAX];
    int64_t n = 0;
    double *count = NULL;
    snprintf(name, sizeof name, "/%s/count", side);
    CF_TRY(read_reals(f, name, 0, -1, &count, &n));
    if (n == 0)
        goto done;
    qsort(count, (size_t)n, sizeof *count, by_value);
    cf_text_add(out,
                "%-16s %" PRId64 ", ratings each: median %.0f, most %.0f\n",
                side, n, count[n / 2], count[n - 1]);
done:
    cf_free(count);
    return status;
}

static int print_ratings(cf_text *out, const cf_h5 *f)
{
    int status = CF_OK;
    cf_dataset values, users, items;
    if (!cf_h5_has(f, "/ratings/values"))
        return CF_OK;
    CF_TRY(cf_h5_dataset(f, "/ratings/values", &values));
    CF_TRY(cf_h5_dataset(f, "/users/id", &users));
    CF_TRY(cf_h5_dataset(f, "/items/id", &items));
    cf_text_add(out, "%-16s %" PRId64 ", %.3g %% of all pairs\n", "ratings",
                values.rows,
                100 * (double)values.rows / (double)users.rows /
                    (double)items.rows);
done:
    return status;
}

static int print_embedding(cf_text *out, const cf_h5 *f)
{
    int status = CF_OK;
    int64_t n = 0, m = 0;
    double worst = 0, orthogonality = NAN, *sigma = NULL, *residual = NULL;
    CF_TRY(read_reals(f, "/embedding/singular_values", 0, -1, &sigma, &n));
    CF_TRY(read_reals(f, "/embedding/residuals", 0, -1, &residual, &m));
    if (n == 0 || residual == NULL)
        goto done;
    for (int64_t i = 0; i < m; i++)
        worst = residual[i] <= worst ? worst : residual[i];
    cf_h5_number(f, "/embedding", "orthogonality", &orthogonality);
    cf_text_add(out,
                "%-16s %" PRId64 " dimensions, sigma %.5g to %.5g, largest "
                "residual %.1e, max|U'U-I| %.1e\n",
                "embedding", n, sigma[0], sigma[n - 1], worst, orthogonality);
done:
    cf_free(sigma);
    cf_free(residual);
    return status;
}

/* How many lists are full, and rows with a tie at their end. */
static int print_lists(cf_text *out, const cf_h5 *f, const char *label,
                       const char *group)
{
    int status = CF_OK;
    char name[CF_NAME_MAX];
    cf_dataset d;
    int64_t n = 0, tied = 0, rows = 0, full = 0;
    int64_t *count = NULL, *ties = NULL;
    snprintf(name, sizeof name, "%s/index", group);
    if (!cf_h5_has(f, name))
        return CF_OK;
    CF_TRY(cf_h5_dataset(f, name, &d));
    snprintf(name, sizeof name, "%s/count", group);
    CF_TRY(read_integers(f, name, 0, -1, &count, &n));
    snprintf(name, sizeof name, "%s/ties", group);
    CF_TRY(read_integers(f, name, 0, -1, &ties, &rows));
    for (int64_t i = 0; i < n; i++)
        full += count[i] >= d.cols;
    for (int64_t i = 0; i < rows; i++)
        tied += ties[i] > 0;
    cf_text_add(out,
                "%-16s %" CF_PRIgidx " for each of %" CF_PRIgidx ", %" PRId64
                " lists full",
                label, d.cols, d.rows, full);
    if (ties != NULL)
        cf_text_add(out, ", %" PRId64 " with a tie at the end", tied);
    cf_text_add(out, "\n");
done:
    cf_free(count);
    cf_free(ties);
    return status;
}

static void print_attribute(cf_text *out, const cf_h5 *f, const char *name)
{
    cf_text value = {0};
    if (cf_h5_text(f, "/", name, &value))
        cf_text_add(out, "%-16s %s\n", name, value.data);
    cf_text_free(&value);
}

static void print_dataset(cf_text *out, const cf_dataset *d)
{
    static const char *const types[] = {"int32", "int64", "float32", "float64",
                                        "string"};
    if (!d->known) {
        cf_text_add(out, "%-28s %-8s", d->name, "other");
    } else {
        cf_text_add(out, "%-28s %-8s %" CF_PRIgidx, d->name, types[d->type],
                    d->rows);
        if (d->dims == 2)
            cf_text_add(out, " x %" CF_PRIgidx, d->cols);
    }
    cf_text_add(out, "%s\n", d->foreign ? "  (not one of cfmpi's)" : "");
}

static int print_datasets(cf_text *out, const cf_h5 *f)
{
    cf_dataset *list = NULL;
    int count = 0, status = CF_OK;
    CF_TRY(cf_h5_list(f, &list, &count));
    cf_text_add(out, "\n%-28s %-8s %s\n", "dataset", "type", "shape");
    for (int i = 0; i < count; i++)
        print_dataset(out, &list[i]);
done:
    cf_free(list);
    return status;
}

static int print_summary(cf_text *out, const cf_h5 *f)
{
    int status = CF_OK;
    print_attribute(out, f, "program");
    print_attribute(out, f, "input");
    print_attribute(out, f, "command");
    CF_TRY(print_ratings(out, f));
    CF_TRY(print_counts(out, f, "users"));
    CF_TRY(print_counts(out, f, "items"));
    CF_TRY(print_embedding(out, f));
    CF_TRY(print_lists(out, f, "neighbours", "/neighbors/users"));
    CF_TRY(print_lists(out, f, "item neighbours", "/neighbors/items"));
    CF_TRY(print_lists(out, f, "recommendations", "/recommendations"));
    CF_TRY(print_datasets(out, f));
done:
    return status;
}

/* ---- a few users ---- */

/* What is needed to name rows. */
typedef struct names {
    const cf_h5 *file;
    int64_t *users, *items;
    int64_t user_count, item_count;
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

static int print_item(cf_text *out, const names *n, int64_t item, double figure)
{
    int status = CF_OK;
    int64_t width = n->titled ? (int64_t)n->title.width : 0;
    char *title = cf_calloc(width + 1, 1, "title");
    if (n->titled)
        CF_TRY(cf_h5_read(n->file, &n->title, item, 1, title));
    cf_text_add(out, "    %4.2f  ", figure);
    if (title[0] != '\0')
        cf_text_add(out, "%s\n", title);
    else
        cf_text_add(out, "item %" PRId64 "\n", n->items[item]);
done:
    cf_free(title);
    return status;
}

/* A row's entries in the datasets `indices` and `values`, both to the caller;
 * NULL when the file has no such part. */
typedef struct entries {
    int64_t *index;
    double *value;
    int64_t count;
} entries;

static void entries_free(entries *e)
{
    cf_free(e->index);
    cf_free(e->value);
    *e = (entries){0};
}

/* Rows [begin, begin + count) of both sets, for `row` of the users. */
static int read_entries(const names *n, const char *const set[2], cf_gidx begin,
                        cf_gidx count, int64_t row, entries *e)
{
    int status = CF_OK;
    int64_t values;
    CF_TRY(read_integers(n->file, set[0], begin, count, &e->index, &e->count));
    CF_TRY(read_reals(n->file, set[1], begin, count, &e->value, &values));
    if (values != e->count)
        CF_TRY(damaged(n, set[1], row, "does not fit the other datasets"));
done:
    return status;
}

static int check_entries(const names *n, const char *set, int64_t row,
                         int64_t limit, const entries *e)
{
    for (int64_t i = 0; i < e->count; i++)
        if (e->index[i] < 0 || e->index[i] >= limit)
            return damaged(n, set, row, "names a row that does not exist");
    return CF_OK;
}

/* A user's list, which -1 fills up where it is short. */
static int read_list(const names *n, const char *const set[2], int64_t row,
                     int64_t limit, entries *e)
{
    int status = CF_OK;
    CF_TRY(read_entries(n, set, row, 1, row, e));
    while (e->count > 0 && e->index[e->count - 1] == -1)
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
    int64_t *p = NULL, two;
    cf_dataset d;
    CF_TRY(read_integers(n->file, pointers, row, 2, &p, &two));
    if (p == NULL)
        goto done;
    CF_TRY(cf_h5_dataset(n->file, sets[0], &d));
    if (two != 2 || d.cols != 1 || p[0] < 0 || p[1] < p[0] || p[1] > d.rows)
        CF_TRY(damaged(n, pointers, row, "does not ascend within the entries"));
    CF_TRY(read_entries(n, sets, p[0], p[1] - p[0], row, e));
    CF_TRY(check_entries(n, sets[0], row, n->item_count, e));
done:
    cf_free(p);
    return status;
}

/* The user's highest ratings, in item order where they are equal. */
static int print_favourites(cf_text *out, const names *n, int64_t row)
{
    int status = CF_OK;
    entries e = {0};
    CF_TRY(read_rated(n, row, &e));
    if (e.index == NULL)
        goto done;
    cf_text_add(out, "  favourites of %" PRId64 " rated\n", e.count);
    for (int s = 0; s < SHOWN; s++) {
        int64_t best = -1;
        for (int64_t i = 0; i < e.count; i++)
            if (!isnan(e.value[i]) && (best < 0 || e.value[i] > e.value[best]))
                best = i;
        if (best < 0)
            break;
        CF_TRY(print_item(out, n, e.index[best], e.value[best]));
        e.value[best] = NAN;
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
    entries e = {0};
    CF_TRY(read_list(n, sets, row, n->user_count, &e));
    if (e.index == NULL)
        goto done;
    cf_text_add(out, "  nearest users\n   ");
    for (int64_t i = 0; i < CF_MIN(SHOWN, e.count); i++)
        cf_text_add(out, " %" PRId64 " (%.2f)", n->users[e.index[i]],
                    e.value[i]);
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
    CF_TRY(read_list(n, sets, row, n->item_count, &e));
    if (e.index == NULL)
        goto done;
    cf_text_add(out, "  recommended\n");
    for (int64_t i = 0; i < e.count; i++)
        CF_TRY(print_item(out, n, e.index[i], e.value[i]));
done:
    entries_free(&e);
    return status;
}

static int print_user(cf_text *out, const names *n, const char *id,
                      size_t length)
{
    int status = CF_OK;
    int64_t wanted, row = 0;
    if (!cf_scan_int64(id, id + length, &wanted))
        return cf_fail(CF_USAGE, "--user: '%.*s' is not an integer",
                       (int)CF_MIN(length, 40), id);
    while (row < n->user_count && n->users[row] < wanted)
        row++;
    if (row == n->user_count || n->users[row] != wanted)
        return cf_fail(CF_USAGE, "--user: there is no user %" PRId64 " in %s",
                       wanted, n->file->path);
    cf_text_add(out, "user %" PRId64 "\n", wanted);
    CF_TRY(print_favourites(out, n, row));
    CF_TRY(print_neighbours(out, n, row));
    CF_TRY(print_recommended(out, n, row));
done:
    return status;
}

static int read_names(names *n)
{
    int status = CF_OK;
    const cf_h5 *f = n->file;
    CF_TRY(read_integers(f, "/users/id", 0, -1, &n->users, &n->user_count));
    CF_TRY(read_integers(f, "/items/id", 0, -1, &n->items, &n->item_count));
    if (n->users == NULL || n->items == NULL)
        CF_TRY(cf_fail(CF_BAD_DATA, "%s: has no /users or no /items", f->path));
    n->titled = cf_h5_has(f, "/items/title");
    if (!n->titled)
        goto done;
    CF_TRY(cf_h5_dataset(f, "/items/title", &n->title));
    if (n->title.type != CF_STRING || n->title.cols != 1)
        CF_TRY(cf_fail(CF_BAD_DATA, "%s: /items/title holds no text", f->path));
done:
    return status;
}

static int print_users(cf_text *out, const cf_h5 *f, const char *list)
{
    int status = CF_OK;
    names n = {.file = f};
    CF_TRY(read_names(&n));
    for (const char *s = list; *s != '\0';) {
        size_t length = strcspn(s, ",");
        CF_TRY(print_user(out, &n, s, length));
        s += length + (s[length] == ',');
        if (*s != '\0')
            cf_text_add(out, "\n");
    }
done:
    cf_free(n.users);
    cf_free(n.items);
    return status;
}

int cf_cmd_info(const cf_par *par, const cf_options *o, cf_report *report)
{
    int status = CF_OK;
    cf_h5 file = {0};
    cf_text out = {0};
    cf_text_file to = {0};
    (void)report; /* too short for stages */
    CF_TRY(cf_h5_open(&file, par, o->input));
    CF_TRY(cf_text_file_begin(&to, par, o->output, o->force));
    if (par->rank == 0)
        status = o->user[0] != '\0' ? print_users(&out, &file, o->user)
                                    : print_summary(&out, &file);
    CF_TRY(cf_agree(par, status));
    CF_TRY(cf_text_file_write(&to, par, &out));
    CF_TRY(cf_text_file_commit(&to, par));
done:
    cf_text_free(&out);
    cf_text_file_free(&to, par);
    cf_h5_close(&file);
    return status;
}
