/* Neighbours in both spaces, `--space both`: the lists on the ratings stand
 * beside those on the embedding, with how far the two agree. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "job.h"

/* ---- comparing ---- */

/* Ratings of the own rows of a side, which are evenly split. */
static int64_t *count_ratings(const cf_job *job, const cf_part *part,
                              bool items)
{
    const cf_csr *a = &job->ratings;
    const cf_par *par = job->par;
    int64_t own = cf_part_count(part, par->rank);
    int64_t *out = cf_alloc(own, sizeof *out, "counts of ratings");
    int64_t *count =
        cf_alloc(items ? a->cols : a->n_loc, sizeof *count, "counts");
    if (items) {
        cf_csr_col_counts(a, par, count);
        for (int64_t i = 0; i < own; i++)
            out[i] = count[part->begin[par->rank] + i];
    } else {
        for (int64_t i = 0; i < a->n_loc; i++)
            count[i] = a->indptr[i + 1] - a->indptr[i];
        cf_repartition_rows(par, &a->part, count, part, out, sizeof *out);
    }
    cf_free(count);
    return out;
}

/* Numbers of JSON, which has no NaN. */
static void add_numbers(cf_text *t, const char *name, const double *x, int n)
{
    cf_text_add(t, ", \"%s\": [", name);
    for (int i = 0; i < n; i++)
        if (isnan(x[i]))
            cf_text_add(t, "%snull", i > 0 ? ", " : "");
        else
            cf_text_add(t, "%s%.15g", i > 0 ? ", " : "", x[i]);
    cf_text_add(t, "]");
}

static void report(cf_text *t, const char *side, const cf_overlap *o)
{
    cf_text_add(t, "%s\"%s\": {\"rows\": %" PRId64 ", \"left_out\": %" PRId64,
                t->length > 0 ? ", " : "", side, o->rows, o->left_out);
    cf_text_add(t, ", \"depth\": [");
    for (int d = 0; d < o->depths; d++)
        cf_text_add(t, "%s%" CF_PRIgidx, d > 0 ? ", " : "", o->depth[d]);
    cf_text_add(t, "]");
    add_numbers(t, "overlap", o->mean_overlap, o->depths);
    add_numbers(t, "recall", o->mean_recall, o->depths);
    cf_text_add(t, "}");
}

void cf_job_find_overlap(cf_job *job, bool items)
{
    cf_overlap *o = items ? &job->item_overlap : &job->user_overlap;
    const cf_neighbors *a = items ? &job->item_neighbors : &job->user_neighbors;
    const cf_neighbors *b = items ? &job->item_rated : &job->user_rated;
    int64_t *ratings = count_ratings(job, &b->part, items);
    cf_overlap_find(o, job->par, &b->part, &a->lists, &b->lists, ratings);
    report(&job->report->neighbors.overlap, items ? "items" : "users", o);
    cf_free(ratings);
}

/* ---- the file ---- */

/* A side: what this run has made of it, and what the file has. */
typedef struct half {
    const char *name, *rated_group, *overlap_group;
    const cf_neighbors *made, *rated;
    const cf_overlap *overlap;
} half;

static void set_sides(const cf_job *job, half s[2])
{
    s[0] = (half){"users",          "/neighbors_ratings/users",
                  "/overlap/users", &job->user_neighbors,
                  &job->user_rated, &job->user_overlap};
    s[1] = (half){"items",          "/neighbors_ratings/items",
                  "/overlap/items", &job->item_neighbors,
                  &job->item_rated, &job->item_overlap};
}

static bool compared(const half *s)
{
    return s->overlap->depths > 0;
}

static bool made_anew(const half *s)
{
    return s->made->lists.gap != NULL;
}

/* Lists of the file on the ratings hold as long as no others on the ratings
 * take their place. */
static bool carries(const cf_job *job, const half *s)
{
    return job->from_file && job->first >= CF_STEP_NEIGHBORS && !compared(s) &&
           !(made_anew(s) && !cf_job_embeds(job)) &&
           cf_h5_has(&job->file, s->rated_group);
}

int cf_job_add_both(const cf_job *job, cf_writer *w)
{
    int status = CF_OK;
    enum cf_similarity by = (enum cf_similarity)job->o->similarity, other;
    half s[2];
    set_sides(job, s);
    for (int i = 0; i < 2; i++) {
        if (!compared(&s[i]))
            continue;
        cf_layout_add_rating_neighbors(w, s[i].name, by, s[i].rated);
        cf_layout_add_overlap(w, s[i].name, by, s[i].overlap);
        if (!carries(job, &s[1 - i]))
            continue;
        CF_TRY(cf_layout_read_similarity(&job->file, s[1 - i].rated_group,
                                         &other));
        if (other != by)
            cf_writer_text(w, "/neighbors_ratings", "similarity", "mixed");
    }
done:
    return status;
}

/* How far two agree holds as long as both are there. */
int cf_job_carry_both(const cf_job *job, cf_writer *w)
{
    int status = CF_OK;
    half s[2];
    set_sides(job, s);
    for (int i = 0; i < 2; i++) {
        if (!carries(job, &s[i]))
            continue;
        CF_TRY(cf_writer_carry(w, &job->file, s[i].rated_group));
        if (!made_anew(&s[i]))
            CF_TRY(cf_writer_carry(w, &job->file, s[i].overlap_group));
    }
done:
    return status;
}

/* ---- on the terminal ---- */

#define SHOWN 3 /* depths */

/* The depths to show: the first, the middle and the last. */
static int choose(const cf_overlap *o, int *depth)
{
    int n = CF_MIN(o->depths, SHOWN);
    for (int i = 0; i < n; i++)
        depth[i] = n > 1 ? i * (o->depths - 1) / (n - 1) : 0;
    return n;
}

/* overlap@d of these depths, and recall@d of all but the last, where it is the
 * same. */
static void add_row(cf_text *t, const char *ratings, int64_t rows,
                    const double *overlap, const double *recall,
                    const int *depth, int depths)
{
    cf_text_add(t, "  %-15s %9" PRId64, ratings, rows);
    for (int i = 0; i < depths; i++)
        cf_text_add(t, " %11.3f", overlap[depth[i]]);
    for (int i = 0; i < depths - 1; i++)
        cf_text_add(t, " %10.3f", recall[depth[i]]);
    cf_text_add(t, "\n");
}

static void add_header(cf_text *t, const cf_overlap *o, const char *side,
                       const int *depth, int depths)
{
    char name[48];
    cf_text_add(t, "  %-15s %9s", "ratings", side);
    for (int i = 0; i < depths; i++) {
        snprintf(name, sizeof name, "overlap@%" CF_PRIgidx, o->depth[depth[i]]);
        cf_text_add(t, " %11s", name);
    }
    for (int i = 0; i < depths - 1; i++) {
        snprintf(name, sizeof name, "recall@%" CF_PRIgidx, o->depth[depth[i]]);
        cf_text_add(t, " %10s", name);
    }
    cf_text_add(t, "\n");
}

static void add_table(cf_text *t, const cf_overlap *o, const char *side,
                      const char *similarity)
{
    int depth[SHOWN], depths = choose(o, depth);
    char bin[48];
    cf_text_add(t,
                "neighbours of %s by %s: those by ratings that the embedding "
                "finds\n",
                side, similarity);
    add_header(t, o, side, depth, depths);
    for (int b = 0; b < o->bins; b++) {
        int64_t at = (int64_t)b * o->depths;
        snprintf(bin, sizeof bin, "%" PRId64, o->from[b]);
        if (o->to[b] > o->from[b])
            snprintf(bin, sizeof bin, "%" PRId64 "-%" PRId64, o->from[b],
                     o->to[b]);
        add_row(t, bin, o->bin_rows[b], o->bin_overlap + at, o->bin_recall + at,
                depth, depths);
    }
    add_row(t, "all", o->rows, o->mean_overlap, o->mean_recall, depth, depths);
    if (o->left_out > 0)
        cf_text_add(t, "  %" PRId64 " %s have no neighbours by ratings\n",
                    o->left_out, side);
}

void cf_job_print_overlap(const cf_job *job)
{
    cf_text t = {0};
    const char *by =
        cf_similarity_about((enum cf_similarity)job->o->similarity)->name;
    if (job->par->rank != 0 || job->o->quiet)
        return;
    if (job->user_overlap.depths > 0)
        add_table(&t, &job->user_overlap, "users", by);
    if (job->item_overlap.depths > 0)
        add_table(&t, &job->item_overlap, "items", by);
    if (t.length > 0)
        fputs(t.data, stdout);
    fflush(stdout);
    cf_text_free(&t);
}
