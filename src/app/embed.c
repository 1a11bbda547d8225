/* From ratings to an embedding with its certificate. */
#include <math.h>
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/log.h"
#include "cfmpi/memory.h"
#include "job.h"

/* ---- the matrix ---- */

static bool all_finite(const cf_par *par, const float *values, int64_t count)
{
    int64_t bad = 0;
    for (int64_t i = 0; i < count; i++)
        bad += !isfinite(values[i]);
    return cf_sum_i64(par, bad) == 0;
}

/* How ratings are weighted and centred: as the options say, or as they were
 * for the embedding of the file that they are compared with. */
static int choose_transform(const cf_job *job, int64_t *weighting,
                            int64_t *centring)
{
    int status = CF_OK;
    cf_transform stored = {0};
    *weighting = job->o->weighting;
    *centring = job->o->centring;
    if (job->o->space != CF_SPACE_BOTH || job->first <= CF_STEP_SVD)
        return CF_OK;
    CF_TRY(cf_layout_read_transform(&job->file, job->par, &stored));
    *weighting = stored.weighting;
    *centring = stored.centring;
done:
    cf_transform_free(&stored);
    return status;
}

int cf_job_weigh(const cf_par *par, const cf_transform *t, const cf_csr *a,
                 float *values, const char *what)
{
    int status = CF_OK;
    CF_TRY(cf_transform_check(t, a, par));
    cf_transform_apply(t, a, values);
    /* Centring ratings near the largest float32 may go beyond it. */
    if (!all_finite(par, values, a->indptr[a->n_loc]))
        CF_TRY(cf_fail(CF_BAD_DATA,
                       "%s: ratings are beyond float32 once they are weighted "
                       "and centred; scale them down",
                       what));
done:
    return status;
}

int cf_job_transform(cf_job *job, cf_csr *matrix, float **own)
{
    int status = CF_OK;
    int64_t weighting, centring;
    const cf_csr *a = &job->ratings;
    *matrix = *a;
    cf_transform_free(&job->transform);
    CF_TRY(choose_transform(job, &weighting, &centring));
    CF_TRY(cf_transform_learn(&job->transform, a, job->par,
                              job->learners > 0 ? job->learners : a->rows,
                              weighting, centring));
    if (cf_transform_is_none(&job->transform))
        goto done;
    *own = cf_alloc(a->indptr[a->n_loc], sizeof **own, "weighted ratings");
    CF_TRY(cf_job_weigh(job->par, &job->transform, a, *own, job->o->input));
    matrix->values = *own;
done:
    return status;
}

/* ---- an earlier result ---- */

/* Where the earlier items stand now; -1 for those that are gone. */
static int find_items(cf_job *job, const cf_ids *ids, cf_gidx *index)
{
    int status = CF_OK;
    cf_idmap loaded = {0}, *items = &job->tables.items;
    if (job->from_file) {
        CF_TRY(cf_layout_read_ids(&job->file, job->par, "items", &loaded));
        items = &loaded;
    }
    cf_idmap_find(items, job->par, ids, index);
done:
    cf_idmap_free(&loaded);
    return status;
}

/* Sends rows [count x dim] to the ranks that own the items they are of now;
 * out [own items x dim]. */
static void send_rows(const cf_job *job, const cf_gidx *index,
                      const float *rows, int64_t count, int dim, float *out)
{
    const cf_par *par = job->par;
    cf_part part = {0};
    cf_part_even(&part, job->ratings.cols, par->size);
    int64_t *to = cf_calloc(2 * (int64_t)par->size, sizeof *to, "row counts");
    int64_t *from = to + par->size,
            *at = cf_calloc(par->size, sizeof *at, "row counts"), known = 0,
            arrived = 0;
    for (int64_t i = 0; i < count; i++)
        if (index[i] >= 0) {
            to[cf_part_owner(&part, index[i])]++;
            known++;
        }
    cf_alltoall_counts(par, to, from);
    for (int r = 0; r < par->size; r++) {
        arrived += from[r];
        at[r] = r == 0 ? 0 : at[r - 1] + to[r - 1];
    }
    cf_gidx *places = cf_alloc(known + arrived, sizeof *places, "items");
    float *sent = cf_alloc((known + arrived) * dim, sizeof *sent, "rows");
    for (int64_t i = 0; i < count; i++)
        if (index[i] >= 0) {
            int64_t p = at[cf_part_owner(&part, index[i])]++;
            places[p] = index[i];
            memcpy(sent + p * dim, rows + i * dim, (size_t)dim * sizeof *sent);
        }
    size_t bytes = (size_t)dim * sizeof *sent;
    cf_alltoallv(par, places, to, places + known, from, sizeof *places);
    cf_alltoallv(par, sent, to, sent + known * dim, from, bytes);
    for (int64_t i = 0; i < arrived; i++)
        memcpy(out + (places[known + i] - part.begin[par->rank]) * dim,
               sent + (known + i) * dim, bytes);
    cf_free(places);
    cf_free(sent);
    cf_free(at);
    cf_free(to);
    cf_part_free(&part);
}

static void note_strangers(const cf_job *job, const cf_gidx *index,
                           int64_t count)
{
    int64_t known = 0;
    for (int64_t i = 0; i < count; i++)
        known += index[i] >= 0;
    if (cf_sum_i64(job->par, known) == 0)
        cf_log_note("--start: %s has none of these items, and is no help",
                    job->o->start);
}

/* V of the earlier result for the items of now, zeros for new ones; rows of
 * own items to the caller. */
static int read_start(cf_job *job, float **rows, int *dim)
{
    int status = CF_OK;
    const char *path = job->o->start;
    cf_h5 file = {0};
    cf_idmap items = {0};
    cf_part part = {0}, even = {0};
    float *stored = NULL;
    cf_gidx *index = NULL;
    CF_TRY(cf_h5_open(&file, job->par, path));
    if (!cf_h5_has(&file, "/embedding/items"))
        CF_TRY(cf_fail(CF_BAD_DATA,
                       "--start: %s has no /embedding; make it with `cfmpi "
                       "svd`",
                       path));
    CF_TRY(cf_layout_read_ids(&file, job->par, "items", &items));
    CF_TRY(cf_layout_read_embedding(&file, job->par, "items", false, &part,
                                    &stored, dim));
    if (cf_part_rows(&part) != cf_part_rows(&items.part))
        CF_TRY(cf_fail(CF_BAD_DATA,
                       "--start: %s: /embedding and /items do not fit each "
                       "other",
                       path));
    if (!all_finite(job->par, stored,
                    cf_part_count(&part, job->par->rank) * *dim))
        CF_TRY(cf_fail(CF_BAD_DATA,
                       "--start: %s has vectors that are no numbers", path));
    index = cf_alloc(items.ids.count, sizeof *index, "items");
    CF_TRY(find_items(job, &items.ids, index));
    note_strangers(job, index, items.ids.count);
    cf_part_even(&even, job->ratings.cols, job->par->size);
    *rows = cf_calloc(cf_part_count(&even, job->par->rank) * *dim,
                      sizeof **rows, "start vectors");
    send_rows(job, index, stored, items.ids.count, *dim, *rows);
done:
    cf_h5_close(&file);
    cf_idmap_free(&items);
    cf_part_free(&part);
    cf_part_free(&even);
    cf_free(stored);
    cf_free(index);
    return status;
}

/* ---- dimensions ---- */

#define FIRST_DIM 32 /* where --variance begins to look */

/* The first number of dimensions, and the most that may follow. */
static int choose_dim(const cf_job *job, int *dim, int *most)
{
    cf_gidx smaller = CF_MIN(job->ratings.rows, job->ratings.cols);
    bool by_variance = job->o->variance > 0;
    *most = (int)CF_MIN(smaller, INT32_MAX);
    if (job->o->dim_given || !by_variance)
        *most = (int)CF_MIN(job->o->dim, smaller);
    *dim = by_variance ? CF_MIN(FIRST_DIM, *most) : *most;
    if (*most == job->o->dim || (by_variance && !job->o->dim_given))
        return CF_OK;
    if (job->o->dim_given)
        return cf_fail(CF_USAGE,
                       "--dim: %" PRId64 " is over min(users, "
                       "items) = %" CF_PRIgidx,
                       job->o->dim, smaller);
    cf_log_note("--dim is %d, the smaller of %" CF_PRIgidx
                " users and %" CF_PRIgidx " items",
                *dim, job->ratings.rows, job->ratings.cols);
    return CF_OK;
}

/* Of the squares: what rounding may take from the sum of all σ². */
#define SHARE_ROUNDING 1e-10

/* The leading triplets that explain the share, 0 when all do not. */
static int enough(const cf_embedding *e, double squares, double share)
{
    double sum = 0;
    for (int k = 0; k < e->dim; k++) {
        sum += e->sigma[k] * e->sigma[k];
        if (sum >= (share - SHARE_ROUNDING) * squares)
            return k + 1;
    }
    return 0;
}

/* ---- solve ---- */

static void certify(cf_job *job, cf_svd *solver)
{
    cf_report_begin(job->report, "certify", "dimensions");
    cf_svd_complete(solver, &job->embedding);
    cf_report_end(job->report);
}

static void tell(cf_job *job, const cf_svd *solver)
{
    const cf_embedding *e = &job->embedding;
    cf_svd_times t = job->report->svd.seconds = cf_svd_seconds(solver);
    job->report->svd.passes += e->passes;
    cf_log_detail("seconds of rank 0: packing %.2f, products %.2f, exchange "
                  "%.2f, basis %.2f, eigenvalues %.2f, vectors %.2f",
                  t.pack, t.products, t.exchange, t.basis, t.eigen, t.vectors);
    cf_log_detail("%d triplets in %" PRId64 " passes, largest residual %.1e, "
                  "max|U'U-I| %.1e",
                  e->dim, e->passes, e->max_residual, e->orthogonality);
}

/* Certificates that fell short are tried again with a smaller target: the
 * solver's own estimate knows nothing of the rounding to float32. */
#define TRIES 3

static int solve(cf_job *job, cf_csr *matrix, const cf_svd_options *options)
{
    int status = CF_OK;
    bool more = true;
    cf_svd *solver = NULL;
    cf_embedding *e = &job->embedding;
    for (int attempt = 0; attempt < TRIES && more; attempt++) {
        double target = options->tol * (attempt == 0 ? 0.95 : 0.05 / attempt);
        cf_report_begin(job->report, "svd", "passes");
        if (solver == NULL)
            solver = cf_svd_begin(matrix, job->par, options);
        status = cf_svd_solve(solver, target, e, &more);
        cf_report_end(job->report);
        CF_TRY(status);
        certify(job, solver);
        if (!isfinite(e->max_residual))
            CF_TRY(cf_fail(CF_BAD_DATA,
                           "%s: the embedding of these ratings is beyond "
                           "float32; scale them down",
                           job->o->input));
        if (e->max_residual <= options->tol)
            break;
    }
    tell(job, solver);
done:
    cf_svd_end(solver);
    return status;
}

/* Solves for more and more dimensions until they explain enough. */
static int solve_for_variance(cf_job *job, cf_csr *matrix,
                              cf_svd_options *options, int most, double squares)
{
    int status = CF_OK, needed = 0, rank = job->par->rank;
    cf_embedding *e = &job->embedding;
    for (;;) {
        CF_TRY(solve(job, matrix, options));
        needed = enough(e, squares, job->o->variance);
        if (needed > 0 || options->dim == most)
            break;
        options->dim = (int)CF_MIN(2 * (int64_t)options->dim, most);
    }
    if (needed == 0) {
        cf_log_note("%d dimensions explain less than --variance=%g", e->dim,
                    job->o->variance);
    } else if (needed < e->dim) {
        cf_embedding_cut(e, cf_part_count(&e->user_part, rank),
                         cf_part_count(&e->item_part, rank), needed);
        /* The orthogonality was of all of them. */
        cf_report_begin(job->report, "certify", "dimensions");
        cf_svd_certify(e, matrix, job->par);
        cf_report_end(job->report);
    }
done:
    return status;
}

int cf_job_embed(cf_job *job)
{
    int status = CF_OK, dim, most, start_dim = 0;
    cf_csr matrix;
    float *values = NULL, *start = NULL;
    cf_embedding *e = &job->embedding;
    if (job->o->svd == CF_SVD_GRAM && job->o->start[0] != '\0')
        CF_TRY(cf_fail(CF_USAGE, "--start: --svd=gram begins from nothing; "
                                 "leave one of them out"));
    CF_TRY(choose_dim(job, &dim, &most));
    CF_TRY(cf_job_transform(job, &matrix, &values));
    if (job->o->start[0] != '\0')
        CF_TRY(read_start(job, &start, &start_dim));
    cf_svd_options options = {.method = job->o->svd,
                              .scale = job->o->embedding,
                              .dim = dim,
                              .tol = job->o->tol,
                              .max_passes = job->o->max_passes,
                              .seed = (uint64_t)job->o->seed,
                              .start = start,
                              .start_dim = start_dim};
    double squares = cf_csr_squares(&matrix, job->par);
    if (job->o->variance > 0)
        CF_TRY(solve_for_variance(job, &matrix, &options, most, squares));
    else
        CF_TRY(solve(job, &matrix, &options));
    e->squares = squares;
    job->report->svd.dim = e->dim;
    job->report->svd.max_residual = e->max_residual;
    job->short_of_tol = e->max_residual > options.tol;
done:
    cf_free(values);
    cf_free(start);
    return status;
}
