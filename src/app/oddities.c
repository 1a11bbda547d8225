/* Rows of which a similarity can say little: they are counted, which is said
 * once and stands beside the lists. */
#include "cfmpi/exchange.h"
#include "cfmpi/log.h"
#include "job.h"

/* ---- vectors ---- */

static bool is_zero(const float *x, int dim)
{
    int c = 0;
    while (c < dim && !(x[c] < 0 || x[c] > 0 || x[c] != x[c]))
        c++;
    return c == dim;
}

/* Rows of zeros, of all or of some; cosine is of directions, which they have
 * none of. */
static int64_t count_zeros(const cf_par *par, const cf_points *p, int dim,
                           const cf_gidx *some, int64_t count)
{
    int64_t zeros = 0;
    cf_gidx begin = p->part->begin[par->rank];
    for (int64_t i = 0; i < count; i++) {
        int64_t row = some != NULL ? some[i] - begin : i;
        zeros += is_zero(p->rows + row * dim, dim);
    }
    return cf_sum_i64(par, zeros);
}

static int64_t note_zeros(const cf_par *par, const cf_points *p, int dim)
{
    int64_t zeros =
        count_zeros(par, p, dim, NULL, cf_part_count(p->part, par->rank));
    if (zeros > 0)
        cf_log_note("%" PRId64 " rows of %s are zeros, which have no direction "
                    "and so no neighbours by cosine",
                    zeros, p->what);
    return zeros;
}

void cf_job_count_zeros(cf_job *job, const cf_points *points, int dim,
                        cf_oddities *of)
{
    const cf_par *par = job->par;
    cf_queries *q = &job->queries;
    if (job->o->similarity != CF_COSINE)
        return;
    of->zeros = note_zeros(par, points, dim);
    if (q->others) {
        cf_points asked = {&q->vectors.part, q->vectors.rows, q->vectors.name};
        job->query_oddities.zeros = note_zeros(par, &asked, q->vectors.dim);
    } else if (q->some) {
        job->query_oddities.zeros =
            count_zeros(par, points, dim, q->chosen, q->count);
    }
}

/* ---- ratings ---- */

/* Whether ratings that are all equal make every score 0. */
static bool needs_differences(enum cf_similarity by, bool items)
{
    return by == CF_PEARSON || by == CF_CENTERED_COSINE ||
           (by == CF_ADJUSTED_COSINE && !items);
}

static bool all_equal(const cf_csr *a, int64_t i)
{
    int64_t e = a->indptr[i], end = a->indptr[i + 1];
    float first = a->values[e];
    while (e < end && !(a->values[e] < first || a->values[e] > first))
        e++;
    return e == end;
}

static void tell_ratings(const cf_job *job, bool items, const cf_oddities *o)
{
    enum cf_similarity by = (enum cf_similarity)job->o->similarity;
    const char *side = items ? "items" : "users";
    bool all = by == CF_EUCLIDEAN && job->o->min_overlap == 1;
    if (o->empty > 0 && !all)
        cf_log_note("%" PRId64 " %s have no ratings and so no neighbours by "
                    "them",
                    o->empty, side);
    if (o->constant > 0)
        cf_log_note("%" PRId64 " %s have ratings that are all equal: by %s "
                    "they are 0 to everyone",
                    o->constant, side, cf_similarity_about(by)->name);
}

void cf_job_count_flat(cf_job *job, const cf_csr *rows, bool items)
{
    enum cf_similarity by = (enum cf_similarity)job->o->similarity;
    cf_oddities *o = items ? &job->item_oddities : &job->user_oddities;
    int64_t empty = 0, constant = 0;
    for (int64_t i = 0; i < rows->n_loc; i++)
        if (rows->indptr[i] == rows->indptr[i + 1])
            empty++;
        else if (needs_differences(by, items))
            constant += all_equal(rows, i);
    o->empty = cf_sum_i64(job->par, empty);
    o->constant = cf_sum_i64(job->par, constant);
    tell_ratings(job, items, o);
}

/* ---- the file ---- */

/* Of a group that this run has made, on the ratings or not; `asks` are the
 * oddities of the rows that lists are of. */
static void add(const cf_job *job, cf_writer *w, const char *group,
                const cf_neighbors *made, bool rated, bool items,
                const cf_oddities *asks)
{
    enum cf_similarity by = (enum cf_similarity)job->o->similarity;
    if (made->lists.gap == NULL)
        return;
    if (!rated && by == CF_COSINE)
        cf_writer_integer(w, group, "zero_rows", asks->zeros);
    if (rated)
        cf_writer_integer(w, group, "empty_rows", asks->empty);
    if (rated && needs_differences(by, items))
        cf_writer_integer(w, group, "constant_rows", asks->constant);
}

void cf_job_add_oddities(const cf_job *job, cf_writer *w)
{
    const cf_oddities *users = &job->user_oddities,
                      *items = &job->item_oddities;
    bool rated = !cf_job_embeds(job) && !job->from_vectors;
    add(job, w, "/neighbors/users", &job->user_neighbors, rated, false, users);
    add(job, w, "/neighbors/items", &job->item_neighbors, rated, true, items);
    if (!rated)
        add(job, w, "/neighbors/queries", &job->queries.found, false, false,
            &job->query_oddities);
    add(job, w, "/neighbors_ratings/users", &job->user_rated, true, false,
        users);
    add(job, w, "/neighbors_ratings/items", &job->item_rated, true, true,
        items);
}
