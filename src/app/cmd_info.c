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

/* All rows of a vector as float64; NULL when it is missing. */
static double *read_numbers(const cf_h5 *f, const char *name, cf_gidx begin,
                            cf_gidx count, int64_t *values)
{
    cf_dataset d;
    if (!cf_h5_has(f, name) || cf_h5_dataset(f, name, &d) != CF_OK)
        return NULL;
    count = count < 0 ? d.rows : count;
    *values = count * d.cols;
    char *raw = cf_alloc(*values, d.width, "values");
    double *x = cf_alloc(*values, sizeof *x, "values");
    if (d.type == CF_STRING || cf_h5_read(f, &d, begin, count, raw) != CF_OK) {
        cf_free(raw);
        cf_free(x);
        return NULL;
    }
    const void *p = raw;
    for (int64_t i = 0; i < *values; i++)
        x[i] = d.type == CF_I32   ? (double)((const int32_t *)p)[i]
               : d.type == CF_I64 ? (double)((const int64_t *)p)[i]
               : d.type == CF_F32 ? (double)((const float *)p)[i]
                                  : ((const double *)p)[i];
    cf_free(raw);
    return x;
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void print_counts(cf_text *out, const cf_h5 *f, const char *side)
{
    char name[CF_NAME_MAX];
    int64_t n = 0;
    snprintf(name, sizeof name, "/%s/count", side);
    double *count = read_numbers(f, name, 0, -1, &n);
    if (count != NULL && n > 0) {
        qsort(count, (size_t)n, sizeof *count, by_value);
        cf_text_add(out,
                    "%-16s %" PRId64 ", ratings each: median %.0f, most %.0f\n",
                    side, n, count[n / 2], count[n - 1]);
    }
    cf_free(count);
}

static void print_ratings(cf_text *out, const cf_h5 *f)
{
    cf_dataset values, users, items;
    if (!cf_h5_has(f, "/ratings/values") ||
        cf_h5_dataset(f, "/ratings/values", &values) != CF_OK ||
        cf_h5_dataset(f, "/users/id", &users) != CF_OK ||
        cf_h5_dataset(f, "/items/id", &items) != CF_OK)
        return;
    cf_text_add(out, "%-16s %" PRId64 ", %.3g %% of all pairs\n", "ratings",
                values.rows,
                100 * (double)values.rows / (double)users.rows /
                    (double)items.rows);
}

static void print_embedding(cf_text *out, const cf_h5 *f)
{
    int64_t n = 0, m = 0;
    double worst = 0, orthogonality = 0;
    double *sigma = read_numbers(f, "/embedding/singular_values", 0, -1, &n);
    double *residual = read_numbers(f, "/embedding/residuals", 0, -1, &m);
    if (sigma != NULL && residual != NULL && n > 0) {
        for (int64_t i = 0; i < m; i++)
            worst = fmax(worst, residual[i]);
        cf_h5_number(f, "/embedding", "orthogonality", &orthogonality);
        cf_text_add(out,
                    "%-16s %" PRId64 " dimensions, sigma %.5g to %.5g, largest "
                    "residual %.1e, max|U'U-I| %.1e\n",
                    "embedding", n, sigma[0], sigma[n - 1], worst,
                    orthogonality);
    }
    cf_free(sigma);
    cf_free(residual);
}

/* Median of the last score of the full lists, and rows with a tie there. */
static void print_lists(cf_text *out, const cf_h5 *f, const char *label,
                        const char *group)
{
    char name[CF_NAME_MAX];
    cf_dataset d;
    int64_t n = 0, tied = 0, rows = 0, total = 0;
    snprintf(name, sizeof name, "%s/index", group);
    if (!cf_h5_has(f, name) || cf_h5_dataset(f, name, &d) != CF_OK)
        return;
    snprintf(name, sizeof name, "%s/count", group);
    double *count = read_numbers(f, name, 0, -1, &n);
    snprintf(name, sizeof name, "%s/ties", group);
    double *ties = read_numbers(f, name, 0, -1, &rows);
    for (int64_t i = 0; count != NULL && i < n; i++)
        total += count[i] >= (double)d.cols;
    for (int64_t i = 0; ties != NULL && i < rows; i++)
        tied += ties[i] > 0;
    cf_text_add(out,
                "%-16s %" CF_PRIgidx " for each of %" CF_PRIgidx ", %" PRId64
                " lists full",
                label, d.cols, d.rows, total);
    if (ties != NULL)
        cf_text_add(out, ", %" PRId64 " with a tie at the end", tied);
    cf_text_add(out, "\n");
    cf_free(count);
    cf_free(ties);
}

static void print_attribute(cf_text *out, const cf_h5 *f, const char *name)
{
    cf_text value = {0};
    if (cf_h5_text(f, "/", name, &value))
        cf_text_add(out, "%-16s %s\n", name, value.data);
    cf_text_free(&value);
}

static int print_datasets(cf_text *out, const cf_h5 *f)
{
    static const char *const types[] = {"int32", "int64", "float32", "float64",
                                        "string"};
    cf_dataset *list = NULL;
    int count = 0, status = CF_OK;
    CF_TRY(cf_h5_list(f, &list, &count));
    cf_text_add(out, "\n%-28s %-8s %s\n", "dataset", "type", "shape");
    for (int i = 0; i < count; i++) {
        cf_text_add(out, "%-28s %-8s %" CF_PRIgidx, list[i].name,
                    types[list[i].type], list[i].rows);
        if (list[i].dims == 2)
            cf_text_add(out, " x %" CF_PRIgidx, list[i].cols);
        cf_text_add(out, "\n");
    }
done:
    cf_free(list);
    return status;
}

static int print_summary(cf_text *out, const cf_h5 *f)
{
    print_attribute(out, f, "program");
    print_attribute(out, f, "input");
    print_attribute(out, f, "command");
    print_ratings(out, f);
    print_counts(out, f, "users");
    print_counts(out, f, "items");
    print_embedding(out, f);
    print_lists(out, f, "neighbours", "/neighbors/users");
    print_lists(out, f, "item neighbours", "/neighbors/items");
    print_lists(out, f, "recommendations", "/recommendations");
    return print_datasets(out, f);
}

/* ---- a few users ---- */

/* What is needed to name rows. */
typedef struct names {
    const cf_h5 *file;
    double *users, *items;
    int64_t user_count, item_count;
    cf_dataset title;
    bool titled;
} names;

static void print_item(cf_text *out, const names *n, int64_t item,
                       double figure)
{
    int64_t width = n->titled ? (int64_t)n->title.width : 0;
    char *title = cf_calloc(width + 1, 1, "title");
    if (n->titled && cf_h5_read(n->file, &n->title, item, 1, title) != CF_OK)
        title[0] = '\0';
    cf_text_add(out, "    %4.2f  ", figure);
    if (title[0] != '\0')
        cf_text_add(out, "%s\n", title);
    else
        cf_text_add(out, "item %.0f\n", n->items[item]);
    cf_free(title);
}

/* The user's highest ratings, in item order where they are equal. */
static void print_favourites(cf_text *out, const names *n, int64_t row)
{
    int64_t two = 0, count = 0;
    double *p = read_numbers(n->file, "/ratings/indptr", row, 2, &two);
    if (p == NULL)
        return;
    cf_gidx begin = (cf_gidx)p[0], length = (cf_gidx)(p[1] - p[0]);
    double *item =
        read_numbers(n->file, "/ratings/indices", begin, length, &count);
    double *value =
        read_numbers(n->file, "/ratings/values", begin, length, &count);
    cf_text_add(out, "  favourites of %" PRId64 " rated\n", (int64_t)length);
    for (int s = 0; s < SHOWN && s < count; s++) {
        int64_t best = -1;
        for (int64_t i = 0; i < count; i++)
            if (!isnan(value[i]) && (best < 0 || value[i] > value[best]))
                best = i;
        print_item(out, n, (int64_t)item[best], value[best]);
        value[best] = NAN;
    }
    cf_free(p);
    cf_free(item);
    cf_free(value);
}

static void print_neighbours(cf_text *out, const names *n, int64_t row)
{
    int64_t k = 0;
    double *index = read_numbers(n->file, "/neighbors/users/index", row, 1, &k);
    double *score = read_numbers(n->file, "/neighbors/users/score", row, 1, &k);
    if (index != NULL && score != NULL) {
        cf_text_add(out, "  nearest users\n   ");
        for (int64_t i = 0; i < CF_MIN(SHOWN, k) && index[i] >= 0; i++)
            cf_text_add(out, " %.0f (%.2f)", n->users[(int64_t)index[i]],
                        score[i]);
        cf_text_add(out, "\n");
    }
    cf_free(index);
    cf_free(score);
}

static void print_recommended(cf_text *out, const names *n, int64_t row)
{
    int64_t k = 0;
    double *index = read_numbers(n->file, "/recommendations/index", row, 1, &k);
    double *score = read_numbers(n->file, "/recommendations/score", row, 1, &k);
    if (index != NULL && score != NULL) {
        cf_text_add(out, "  recommended\n");
        for (int64_t i = 0; i < k && index[i] >= 0; i++)
            print_item(out, n, (int64_t)index[i], score[i]);
    }
    cf_free(index);
    cf_free(score);
}

static int print_user(cf_text *out, const names *n, const char *id,
                      size_t length)
{
    int64_t wanted, row = 0;
    if (!cf_scan_int64(id, id + length, &wanted))
        return cf_fail(CF_USAGE, "--user: '%.*s' is not an integer",
                       (int)CF_MIN(length, 40), id);
    while (row < n->user_count && n->users[row] < (double)wanted)
        row++;
    if (row == n->user_count || n->users[row] > (double)wanted)
        return cf_fail(CF_USAGE, "--user: there is no user %" PRId64 " in %s",
                       wanted, n->file->path);
    cf_text_add(out, "user %" PRId64 "\n", wanted);
    print_favourites(out, n, row);
    print_neighbours(out, n, row);
    print_recommended(out, n, row);
    return CF_OK;
}

static int print_users(cf_text *out, const cf_h5 *f, const char *list)
{
    int status = CF_OK;
    names n = {.file = f};
    n.users = read_numbers(f, "/users/id", 0, -1, &n.user_count);
    n.items = read_numbers(f, "/items/id", 0, -1, &n.item_count);
    if (n.users == NULL || n.items == NULL)
        CF_TRY(cf_fail(CF_BAD_DATA, "%s: has no /users or no /items", f->path));
    n.titled = cf_h5_has(f, "/items/title") &&
               cf_h5_dataset(f, "/items/title", &n.title) == CF_OK;
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
