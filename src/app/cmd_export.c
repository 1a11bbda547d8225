/* cfmpi export: any part of a file as CSV or TSV.
 *
 * Ranks take blocks of rows in turn, so memory stays at a block a rank and
 * the ids of the sides that are named. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/layout.h"
#include "cfmpi/memory.h"
#include "cfmpi/text_file.h"
#include "commands.h"

#define BLOCK_ROWS 8192
#define MAX_COLUMNS 4

/* How a part is laid out as text. */
enum shape {
    COLUMNS, /* vectors side by side */
    MATRIX,  /* id of the row, then its values */
    LISTS,   /* id of the row, place, id of the entry, score, title */
    ENTRIES  /* of a sparse matrix: row, column, value */
};

typedef struct part {
    enum shape shape;
    const char *header;
    const char *side;  /* whose rows: "users" or "items" */
    const char *other; /* whose entries, for lists */
    const char *sets[MAX_COLUMNS];
} part;

static const part parts[] = {
    [CF_PART_RECOMMENDATIONS] = {LISTS,
                                 "user,rank,item,score",
                                 "users",
                                 "items",
                                 {"/recommendations/index",
                                  "/recommendations/score",
                                  "/recommendations/count"}},
    [CF_PART_NEIGHBORS] = {LISTS,
                           "user,rank,neighbor,score",
                           "users",
                           "users",
                           {"/neighbors/users/index", "/neighbors/users/score",
                            "/neighbors/users/count"}},
    [CF_PART_NEIGHBORS_ITEMS] = {LISTS,
                                 "item,rank,neighbor,score",
                                 "items",
                                 "items",
                                 {"/neighbors/items/index",
                                  "/neighbors/items/score",
                                  "/neighbors/items/count"}},
    [CF_PART_NEIGHBORS_QUERIES] = {LISTS,
                                   "query,rank,neighbor,score",
                                   "queries",
                                   "users", /* or what the file says */
                                   {"/neighbors/queries/index",
                                    "/neighbors/queries/score",
                                    "/neighbors/queries/count"}},
    [CF_PART_USERS] = {COLUMNS,
                       "user,count,mean",
                       NULL,
                       NULL,
                       {"/users/id", "/users/count", "/users/mean"}},
    [CF_PART_ITEMS] = {COLUMNS,
                       "item,count,mean",
                       NULL,
                       NULL,
                       {"/items/id", "/items/count", "/items/mean",
                        "/items/title"}},
    [CF_PART_RATINGS] = {ENTRIES,
                         "user,item,rating",
                         "users",
                         "items",
                         {"/ratings/indptr", "/ratings/indices",
                          "/ratings/values"}},
    [CF_PART_EMBEDDING] = {MATRIX, "user", "users", NULL, {"/embedding/users"}},
    [CF_PART_EMBEDDING_ITEMS] =
        {MATRIX, "item", "items", NULL, {"/embedding/items"}},
    [CF_PART_SINGULAR_VALUES] = {COLUMNS,
                                 "sigma,residual",
                                 NULL,
                                 NULL,
                                 {"/embedding/singular_values",
                                  "/embedding/residuals"}},
    [CF_PART_GRAPH] = {ENTRIES,
                       "user,neighbor,weight",
                       "users",
                       "users",
                       {"/graph/users/indptr", "/graph/users/indices",
                        "/graph/users/weight"}},
    [CF_PART_GRAPH_ITEMS] = {ENTRIES,
                             "item,neighbor,weight",
                             "items",
                             "items",
                             {"/graph/items/indptr", "/graph/items/indices",
                              "/graph/items/weight"}},
    [CF_PART_NEIGHBORS_RATINGS] = {LISTS,
                                   "user,rank,neighbor,score",
                                   "users",
                                   "users",
                                   {"/neighbors_ratings/users/index",
                                    "/neighbors_ratings/users/score",
                                    "/neighbors_ratings/users/count"}},
    [CF_PART_NEIGHBORS_RATINGS_ITEMS] = {LISTS,
                                         "item,rank,neighbor,score",
                                         "items",
                                         "items",
                                         {"/neighbors_ratings/items/index",
                                          "/neighbors_ratings/items/score",
                                          "/neighbors_ratings/items/count"}},
    [CF_PART_GRAPH_QUERIES] = {ENTRIES,
                               "query,neighbor,weight",
                               "queries",
                               "users", /* or what the file says */
                               {"/graph/queries/indptr",
                                "/graph/queries/indices",
                                "/graph/queries/weight"}},
    [CF_PART_RECOMMENDATIONS_QUERIES] = {LISTS,
                                         "query,rank,item,score",
                                         "queries",
                                         "items",
                                         {"/recommendations/queries/index",
                                          "/recommendations/queries/score",
                                          "/recommendations/queries/count"}},
    [CF_PART_OVERLAP] =
        {MATRIX, "user", "users", NULL, {"/overlap/users/overlap"}},
    [CF_PART_OVERLAP_ITEMS] =
        {MATRIX, "item", "items", NULL, {"/overlap/items/overlap"}},
};

/* Rows of one dataset in memory. */
typedef struct window {
    cf_dataset d;
    char *data;
    int64_t capacity;
} window;

typedef struct exporter {
    const cf_par *par;
    cf_h5 file;
    const part *part;
    const char *other; /* whose entries lists have */
    window set[MAX_COLUMNS];
    int sets;
    unsigned absent; /* bit i: column i of the part is not in the file */
    enum cf_similarity by;
    cf_ids ids, other_ids; /* [rows], [others] of the sides */
    cf_gidx rows, others;
    window titles; /* of all items; lists only */
    window depths; /* what the columns of an overlap are of */
    char separator;
    cf_text text;
} exporter;

static int read_window(const cf_h5 *file, window *w, cf_gidx begin,
                       cf_gidx count)
{
    int64_t bytes = count * w->d.cols * (int64_t)w->d.width;
    if (bytes > w->capacity) {
        cf_free(w->data);
        w->data = cf_alloc(bytes, 1, "rows to export");
        w->capacity = bytes;
    }
    return cf_h5_read(file, &w->d, begin, count, w->data);
}

/* The file says what no cfmpi has written. */
static int damaged(const exporter *x, const window *w, cf_gidx row,
                   const char *what)
{
    return cf_fail(CF_BAD_DATA,
                   "%s: %s, row %" CF_PRIgidx ": %s; `cfmpi verify` shows all",
                   x->file.path, w->d.name, row, what);
}

static int check_shape(const exporter *x, const cf_dataset *d, cf_gidx rows,
                       cf_gidx cols, bool integers)
{
    if (d->rows == rows && d->cols == cols &&
        (!integers || d->type == CF_I32 || d->type == CF_I64))
        return CF_OK;
    return cf_fail(CF_BAD_DATA,
                   "%s: %s has a type or shape that does not fit "
                   "the other datasets",
                   x->file.path, d->name);
}

static int read_titles(exporter *x)
{
    int status = CF_OK;
    cf_dataset *d = &x->titles.d;
    CF_TRY(cf_h5_dataset(&x->file, "/items/title", d));
    CF_TRY(check_shape(x, d, x->others, 1, false));
    if (d->type != CF_STRING)
        CF_TRY(cf_fail(CF_BAD_DATA, "%s: %s holds no text", x->file.path,
                       d->name));
    CF_TRY(read_window(&x->file, &x->titles, 0, d->rows));
done:
    return status;
}

/* The names of the columns of an overlap. */
static int read_depths(exporter *x)
{
    int status = CF_OK;
    char name[CF_NAME_MAX];
    const char *set = x->part->sets[0];
    cf_dataset *d = &x->depths.d;
    snprintf(name, sizeof name, "%.*s/depth", (int)(strrchr(set, '/') - set),
             set);
    CF_TRY(cf_h5_dataset(&x->file, name, d));
    CF_TRY(check_shape(x, d, x->set[0].d.cols, 1, true));
    CF_TRY(read_window(&x->file, &x->depths, 0, d->rows));
done:
    return status;
}

/* The datasets of the part fit each other, so that no row of one is looked
 * for in vain in another. */
static int check_shapes(const exporter *x)
{
    int status = CF_OK;
    const cf_dataset *first = &x->set[0].d, *second = &x->set[1].d;
    switch (x->part->shape) {
    case COLUMNS:
        for (int i = 0; i < x->sets; i++)
            CF_TRY(check_shape(x, &x->set[i].d, first->rows, 1, false));
        break;
    case MATRIX:
        CF_TRY(check_shape(x, first, x->rows, first->cols, false));
        break;
    case LISTS:
        CF_TRY(check_shape(x, first, x->rows, first->cols, true));
        CF_TRY(check_shape(x, second, x->rows, first->cols, false));
        CF_TRY(check_shape(x, &x->set[2].d, x->rows, 1, true));
        break;
    case ENTRIES:
        CF_TRY(check_shape(x, first, x->rows + 1, 1, true));
        CF_TRY(check_shape(x, second, second->rows, 1, true));
        CF_TRY(check_shape(x, &x->set[2].d, second->rows, 1, false));
        break;
    }
done:
    return status;
}

static bool is_of_queries(const exporter *x)
{
    return x->part->side != NULL && strcmp(x->part->side, "queries") == 0;
}

/* Titles may lack, and users of vectors have no ratings to count. */
static bool is_optional(const exporter *x, int column)
{
    return strcmp(x->part->sets[column], "/items/title") == 0 ||
           (x->part->shape == COLUMNS && column > 0 &&
            !cf_h5_has(&x->file, "/ratings") &&
            strncmp(x->part->sets[column], "/users/", 7) == 0);
}

static bool is_graph(const exporter *x)
{
    return strncmp(x->part->sets[0], "/graph/", 7) == 0;
}

/* Of neighbours. */
static int read_similarity(exporter *x)
{
    char group[CF_NAME_MAX];
    const char *index = x->part->sets[0];
    if (strncmp(index, "/neighbors", 10) != 0 && !is_graph(x))
        return CF_OK;
    snprintf(group, sizeof group, "%.*s", (int)(strrchr(index, '/') - index),
             index);
    return cf_layout_read_similarity(&x->file, group, &x->by);
}

static int prepare(exporter *x)
{
    int status = CF_OK;
    const part *p = x->part;
    for (int i = 0; i < MAX_COLUMNS && p->sets[i] != NULL; i++) {
        if (is_optional(x, i) && !cf_h5_has(&x->file, p->sets[i])) {
            x->absent |= 1u << i;
            continue;
        }
        CF_TRY(cf_h5_dataset(&x->file, p->sets[i], &x->set[x->sets++].d));
    }
    if (p->side != NULL)
        CF_TRY(cf_layout_load_ids(&x->file, p->side, 0, -1, &x->ids));
    x->other = p->other;
    if (is_of_queries(x) && strcmp(p->other, "items") != 0)
        x->other = cf_layout_queries_among(&x->file);
    if (x->other != NULL)
        CF_TRY(cf_layout_load_ids(&x->file, x->other, 0, -1, &x->other_ids));
    x->rows = x->ids.count;
    x->others = x->other_ids.count;
    CF_TRY(check_shapes(x));
    CF_TRY(read_similarity(x));
    if (p->shape == LISTS && strcmp(x->other, "items") == 0 &&
        cf_h5_has(&x->file, "/items/title"))
        CF_TRY(read_titles(x));
    if (strncmp(p->sets[0], "/overlap/", 9) == 0)
        CF_TRY(read_depths(x));
done:
    return status;
}

static void separate(exporter *x)
{
    cf_text_bytes(&x->text, &x->separator, 1);
}

static void put_string(exporter *x, const window *w, int64_t row)
{
    const char *field = w->data + row * (int64_t)w->d.width;
    cf_text_csv(&x->text, field, (int64_t)strnlen(field, w->d.width),
                x->separator);
}

/* An id and the separator behind it. */
static void put_id(exporter *x, const cf_ids *ids, int64_t row)
{
    cf_ids_print_csv(ids, row, x->separator, &x->text);
    separate(x);
}

static int64_t integer(const window *w, int64_t i)
{
    return w->d.type == CF_I32 ? ((const int32_t *)(const void *)w->data)[i]
                               : ((const int64_t *)(const void *)w->data)[i];
}

static void put(exporter *x, const window *w, int64_t i)
{
    const void *data = w->data;
    switch (w->d.type) {
    case CF_I32:
    case CF_I64: cf_text_add(&x->text, "%" PRId64, integer(w, i)); break;
    case CF_F32:
        cf_text_add(&x->text, "%.9g", (double)((const float *)data)[i]);
        break;
    case CF_F64:
        cf_text_add(&x->text, "%.15g", ((const double *)data)[i]);
        break;
    case CF_STRING: put_string(x, w, i); break;
    }
}

static void put_header(exporter *x)
{
    const part *p = x->part;
    const char *s = p->header;
    for (int i = 0; *s != '\0'; i++) {
        size_t n = strcspn(s, ",");
        bool score = strncmp(s, "score", n) == 0 || strcmp(s, "weight") == 0;
        const char *name = score && x->by == CF_EUCLIDEAN ? "distance" : s;
        if (i > 0 && !(x->absent >> i & 1))
            separate(x);
        if (!(x->absent >> i & 1))
            cf_text_bytes(&x->text, name, (int64_t)strcspn(name, ","));
        s += n + (s[n] == ',');
    }
    for (int k = 0; p->shape == MATRIX && k < x->set[0].d.cols; k++)
        if (x->depths.data != NULL)
            cf_text_add(&x->text, "%coverlap@%" PRId64, x->separator,
                        integer(&x->depths, k));
        else
            cf_text_add(&x->text, "%cx%d", x->separator, k + 1);
    if (x->titles.data != NULL || x->sets == 4)
        cf_text_add(&x->text, "%ctitle", x->separator);
    cf_text_add(&x->text, "\n");
}

static void put_columns(exporter *x, int64_t row)
{
    for (int i = 0; i < x->sets; i++) {
        if (i > 0)
            separate(x);
        put(x, &x->set[i], row);
    }
    cf_text_add(&x->text, "\n");
}

static void put_matrix_row(exporter *x, int64_t row, cf_gidx global)
{
    int64_t cols = x->set[0].d.cols;
    cf_ids_print_csv(&x->ids, global, x->separator, &x->text);
    for (int64_t k = 0; k < cols; k++) {
        separate(x);
        put(x, &x->set[0], row * cols + k);
    }
    cf_text_add(&x->text, "\n");
}

static int put_list(exporter *x, int64_t row, cf_gidx global)
{
    int64_t k = x->set[0].d.cols, count = integer(&x->set[2], row);
    if (count < 0 || count > k)
        return damaged(x, &x->set[2], global,
                       "the count is beyond the length of the list");
    for (int64_t i = 0; i < count; i++) {
        int64_t entry = integer(&x->set[0], row * k + i);
        if (entry < 0 || entry >= x->others)
            return damaged(x, &x->set[0], global,
                           "the list names a row that does not exist");
        put_id(x, &x->ids, global);
        cf_text_add(&x->text, "%" PRId64 "%c", i + 1, x->separator);
        put_id(x, &x->other_ids, entry);
        put(x, &x->set[1], row * k + i);
        if (x->titles.data != NULL) {
            separate(x);
            put_string(x, &x->titles, entry);
        }
        cf_text_add(&x->text, "\n");
    }
    return CF_OK;
}

/* The row pointers of `count` rows ascend within the entries. */
static int check_pointers(const exporter *x, cf_gidx begin, cf_gidx count)
{
    int64_t last = 0;
    for (cf_gidx i = 0; i <= count; i++) {
        int64_t p = integer(&x->set[0], i);
        if (p < last || p > x->set[1].d.rows)
            return damaged(x, &x->set[0], begin + i,
                           "does not ascend within the entries");
        last = p;
    }
    return CF_OK;
}

/* Row `row` of those in memory, its entries from `first` on; each edge of a
 * graph in the row that comes first, where it is the same either way. */
static int put_entries_row(exporter *x, cf_gidx row, cf_gidx global,
                           int64_t first)
{
    int64_t end = integer(&x->set[0], row + 1) - first;
    bool halved =
        is_graph(x) && !is_of_queries(x) && !cf_similarity_directed(x->by);
    for (int64_t e = integer(&x->set[0], row) - first; e < end; e++) {
        int64_t column = integer(&x->set[1], e);
        if (column < 0 || column >= x->others)
            return damaged(x, &x->set[1], first + e,
                           "names a row that does not exist");
        if (halved && column < global)
            continue;
        put_id(x, &x->ids, global);
        put_id(x, &x->other_ids, column);
        put(x, &x->set[2], e);
        cf_text_add(&x->text, "\n");
    }
    return CF_OK;
}

/* Entries of rows [begin, begin + count): set[0] holds count + 1 pointers. */
static int put_entries(exporter *x, cf_gidx begin, cf_gidx count)
{
    int status = CF_OK;
    CF_TRY(check_pointers(x, begin, count));
    int64_t first = integer(&x->set[0], 0), last = integer(&x->set[0], count);
    CF_TRY(read_window(&x->file, &x->set[1], first, last - first));
    CF_TRY(read_window(&x->file, &x->set[2], first, last - first));
    for (cf_gidx i = 0; i < count; i++)
        CF_TRY(put_entries_row(x, i, begin + i, first));
done:
    return status;
}

static int put_block(exporter *x, cf_gidx begin, cf_gidx count)
{
    int status = CF_OK;
    if (x->part->shape == ENTRIES) {
        CF_TRY(read_window(&x->file, &x->set[0], begin, count + 1));
        return put_entries(x, begin, count);
    }
    for (int i = 0; i < x->sets; i++)
        CF_TRY(read_window(&x->file, &x->set[i], begin, count));
    for (cf_gidx i = 0; i < count; i++) {
        if (x->part->shape == COLUMNS)
            put_columns(x, i);
        else if (x->part->shape == MATRIX)
            put_matrix_row(x, i, begin + i);
        else
            CF_TRY(put_list(x, i, begin + i));
    }
done:
    return status;
}

static int export_rows(exporter *x, cf_text_file *out)
{
    int status = CF_OK;
    const cf_par *par = x->par;
    cf_gidx rows = x->set[0].d.rows - (x->part->shape == ENTRIES);
    if (par->rank == 0)
        put_header(x);
    for (cf_gidx at = 0; at < CF_MAX(rows, 1);
         at += (cf_gidx)BLOCK_ROWS * par->size) {
        cf_gidx begin = CF_MIN(at + (cf_gidx)BLOCK_ROWS * par->rank, rows);
        cf_gidx count = CF_MIN(BLOCK_ROWS, rows - begin);
        status = count > 0 ? put_block(x, begin, count) : CF_OK;
        CF_TRY(cf_agree(par, status));
        CF_TRY(cf_text_file_write(out, par, &x->text));
    }
done:
    return status;
}

static void exporter_free(exporter *x)
{
    cf_h5_close(&x->file);
    for (int i = 0; i < MAX_COLUMNS; i++)
        cf_free(x->set[i].data);
    cf_free(x->titles.data);
    cf_free(x->depths.data);
    cf_ids_free(&x->ids);
    cf_ids_free(&x->other_ids);
    cf_text_free(&x->text);
}

int cf_cmd_export(const cf_par *par, const cf_options *o, cf_report *report)
{
    int status = CF_OK;
    size_t n = strlen(o->output);
    bool tabs = n > 4 && strcmp(o->output + n - 4, ".tsv") == 0;
    cf_text_file out = {0};
    exporter x = {
        .par = par, .part = &parts[o->part], .separator = tabs ? '\t' : ','};
    CF_TRY(cf_h5_open(&x.file, par, o->input));
    CF_TRY(cf_agree(par, prepare(&x)));
    CF_TRY(cf_text_file_begin(&out, par, o->output, o->force));
    cf_report_begin(report, "export", "rows");
    CF_TRY(export_rows(&x, &out));
    CF_TRY(cf_text_file_commit(&out, par));
    cf_report_end(report);
done:
    cf_text_file_free(&out, par);
    exporter_free(&x);
    return status;
}
