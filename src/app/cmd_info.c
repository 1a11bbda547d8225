/* cfmpi info: what is in a file, in short; with --user, a few users' lists.
 * Rank 0 reads and prints. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cfmpi/layout.h"
#include "cfmpi/memory.h"
#include "cfmpi/text_file.h"
#include "column.h"
#include "commands.h"
#include "info_users.h"

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static int print_counts(cf_text *out, const cf_h5 *f, const char *side)
{
    int status = CF_OK;
    char name[CF_NAME_MAX];
    cf_column c = {0};
    snprintf(name, sizeof name, "/%s/count", side);
    CF_TRY(cf_column_read(f, name, 0, -1, false, &c));
    if (c.count == 0)
        goto done;
    qsort(c.real, (size_t)c.count, sizeof *c.real, by_value);
    cf_text_add(out,
                "%-16s %" PRId64 ", ratings each: median %.0f, most %.0f\n",
                side, c.count, c.real[c.count / 2], c.real[c.count - 1]);
done:
    cf_column_free(&c);
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
    double worst = 0, orthogonality = NAN;
    double share = 0;
    cf_column sigma = {0}, residual = {0}, explained = {0};
    CF_TRY(
        cf_column_read(f, "/embedding/singular_values", 0, -1, false, &sigma));
    CF_TRY(cf_column_read(f, "/embedding/residuals", 0, -1, false, &residual));
    if (sigma.count == 0 || residual.real == NULL)
        goto done;
    for (int64_t i = 0; i < residual.count; i++)
        worst = residual.real[i] <= worst ? worst : residual.real[i];
    cf_h5_number(f, "/embedding", "orthogonality", &orthogonality);
    if (cf_h5_has(f, "/embedding/explained_variance"))
        CF_TRY(cf_column_read(f, "/embedding/explained_variance", 0, -1, false,
                              &explained));
    for (int64_t i = 0; i < explained.count && explained.real != NULL; i++)
        share += explained.real[i];
    cf_text_add(out,
                "%-16s %" PRId64 " dimensions, sigma %.5g to %.5g, %.1f %% of "
                "the variance, largest residual %.1e, max|U'U-I| %.1e\n",
                "embedding", sigma.count, sigma.real[0],
                sigma.real[sigma.count - 1], 100 * share, worst, orthogonality);
done:
    cf_column_free(&sigma);
    cf_column_free(&residual);
    cf_column_free(&explained);
    return status;
}

/* By what scores are, and the bound that they reach. */
static void print_similarity(cf_text *out, const cf_h5 *f, const char *group)
{
    cf_text by = {0};
    double bound;
    if (cf_h5_text(f, group, "similarity", &by))
        cf_text_add(out, ", by %s", by.data);
    if (cf_h5_number(f, group, "min_similarity", &bound))
        cf_text_add(out, " of at least %.7g", bound);
    if (cf_h5_number(f, group, "max_distance", &bound))
        cf_text_add(out, " of at most %.7g", bound);
    cf_text_add(out, "\n");
    cf_text_free(&by);
}

/* How many lists are full, and rows with a tie at their end. */
static int print_lists(cf_text *out, const cf_h5 *f, const char *label,
                       const char *group)
{
    int status = CF_OK;
    char name[CF_NAME_MAX];
    cf_dataset d;
    int64_t tied = 0, full = 0;
    cf_column count = {0}, ties = {0};
    snprintf(name, sizeof name, "%s/index", group);
    if (!cf_h5_has(f, name))
        return CF_OK;
    CF_TRY(cf_h5_dataset(f, name, &d));
    snprintf(name, sizeof name, "%s/count", group);
    CF_TRY(cf_column_read(f, name, 0, -1, true, &count));
    snprintf(name, sizeof name, "%s/ties", group);
    CF_TRY(cf_column_read(f, name, 0, -1, true, &ties));
    for (int64_t i = 0; i < count.count; i++)
        full += count.whole[i] >= d.cols;
    for (int64_t i = 0; i < ties.count; i++)
        tied += ties.whole[i] > 0;
    cf_text_add(out,
                "%-16s %" CF_PRIgidx " for each of %" CF_PRIgidx ", %" PRId64
                " lists full",
                label, d.cols, d.rows, full);
    if (ties.whole != NULL)
        cf_text_add(out, ", %" PRId64 " with a tie at the end", tied);
    print_similarity(out, f, group);
done:
    cf_column_free(&count);
    cf_column_free(&ties);
    return status;
}

/* Edges of a graph, how many each row has, and rows that have none. */
static int print_graph(cf_text *out, const cf_h5 *f, const char *label,
                       const char *group)
{
    int status = CF_OK;
    char name[CF_NAME_MAX];
    int64_t alone = 0;
    double symmetric = 1;
    cf_column p = {0};
    cf_text form = {0};
    snprintf(name, sizeof name, "%s/indptr", group);
    CF_TRY(cf_column_read(f, name, 0, -1, true, &p));
    if (p.count < 1)
        goto done;
    int64_t rows = p.count - 1, entries = p.whole[rows];
    for (int64_t i = 0; i < rows; i++)
        alone += p.whole[i + 1] == p.whole[i];
    cf_h5_text(f, group, "form", &form);
    cf_h5_number(f, group, "symmetric", &symmetric);
    cf_text_add(out,
                "%-16s %" PRId64 " %s (%s), %.4g for each of %" PRId64
                " in the mean, %" PRId64 " rows have none",
                label, symmetric > 0 ? entries / 2 : entries,
                symmetric > 0 ? "edges" : "entries",
                form.length > 0 ? form.data : "unknown",
                rows > 0 ? (double)entries / (double)rows : 0.0, rows, alone);
    print_similarity(out, f, group);
done:
    cf_text_free(&form);
    cf_column_free(&p);
    return status;
}

/* How far lists on the embedding and on the ratings agree, in the mean. */
static int print_overlap(cf_text *out, const cf_h5 *f, const char *label,
                         const char *side)
{
    int status = CF_OK;
    char name[CF_NAME_MAX];
    cf_column depth = {0}, overlap = {0}, recall = {0};
    snprintf(name, sizeof name, "/overlap/%.20s/depth", side);
    CF_TRY(cf_column_read(f, name, 0, -1, true, &depth));
    snprintf(name, sizeof name, "/overlap/%.20s/mean_overlap", side);
    CF_TRY(cf_column_read(f, name, 0, -1, false, &overlap));
    snprintf(name, sizeof name, "/overlap/%.20s/mean_recall", side);
    CF_TRY(cf_column_read(f, name, 0, -1, false, &recall));
    int64_t n = CF_MIN(depth.count, CF_MIN(overlap.count, recall.count));
    if (n == 0)
        goto done;
    cf_text_add(out, "%-16s of neighbours by ratings the embedding finds",
                label);
    for (int64_t i = 0; i < n; i++)
        cf_text_add(out, "%s %.3g @%" PRId64, i > 0 ? "," : "", overlap.real[i],
                    depth.whole[i]);
    cf_text_add(out, "; in the whole list %.3g of the first %" PRId64 "\n",
                recall.real[0], depth.whole[0]);
done:
    cf_column_free(&depth);
    cf_column_free(&overlap);
    cf_column_free(&recall);
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
        cf_text_add(out, "%-30s %-8s", d->name, "other");
    } else {
        cf_text_add(out, "%-30s %-8s %" CF_PRIgidx, d->name, types[d->type],
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
    cf_text_add(out, "\n%-30s %-8s %s\n", "dataset", "type", "shape");
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
    CF_TRY(print_lists(out, f, "query neighbours", "/neighbors/queries"));
    CF_TRY(print_lists(out, f, "by ratings", "/neighbors_ratings/users"));
    CF_TRY(print_lists(out, f, "items by ratings", "/neighbors_ratings/items"));
    CF_TRY(print_overlap(out, f, "overlap", "users"));
    CF_TRY(print_overlap(out, f, "item overlap", "items"));
    CF_TRY(print_graph(out, f, "graph", "/graph/users"));
    CF_TRY(print_graph(out, f, "item graph", "/graph/items"));
    CF_TRY(print_graph(out, f, "query graph", "/graph/queries"));
    CF_TRY(print_lists(out, f, "recommendations", "/recommendations"));
    CF_TRY(print_lists(out, f, "for queries", "/recommendations/queries"));
    CF_TRY(print_datasets(out, f));
done:
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
        status = o->user[0] != '\0' ? cf_info_users(&out, &file, o->user)
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
