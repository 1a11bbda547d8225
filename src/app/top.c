#include "top.h"

#include <stdio.h>
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "only.h"

static enum cf_score score_of(const cf_job *job)
{
    return (enum cf_score)job->o->score;
}

static enum cf_score_needs needs_of(const cf_job *job)
{
    return cf_score_about(score_of(job))->needs;
}

static const char *lists_of(const cf_job *job)
{
    switch (needs_of(job)) {
    case CF_SCORE_NEEDS_USER_LISTS: return "/neighbors/users";
    case CF_SCORE_NEEDS_ITEM_LISTS: return "/neighbors/items";
    default: return NULL;
    }
}

/* ---- whether it can be done ---- */

const char *cf_top_missing(const cf_job *job)
{
    const cf_h5 *f = &job->file;
    switch (needs_of(job)) {
    case CF_SCORE_NEEDS_USER_LISTS:
        return cf_h5_has(f, "/neighbors/users/index")
                   ? NULL
                   : "/neighbors/users; make them with `cfmpi neighbors`";
    case CF_SCORE_NEEDS_ITEM_LISTS:
        return cf_h5_has(f, "/neighbors/items/index")
                   ? NULL
                   : "/neighbors/items; make them with `cfmpi neighbors "
                     "--side=items`";
    case CF_SCORE_NEEDS_EMBEDDING:
        return cf_h5_has(f, "/embedding/users")
                   ? NULL
                   : "/embedding; make one with `cfmpi svd`";
    case CF_SCORE_NEEDS_NOTHING: break;
    }
    return NULL;
}

/* Of lists that are made on the way. */
static int check_steps(const cf_job *job)
{
    const cf_options *o = job->o;
    const char *name = cf_score_about(score_of(job))->name;
    enum cf_score_needs needs = needs_of(job);
    if (needs == CF_SCORE_NEEDS_USER_LISTS && !(o->side & CF_SIDE_USERS))
        return cf_fail(CF_USAGE,
                       "--side: %s needs neighbours of users; run with "
                       "--side=both, or with --score=item-sum",
                       name);
    if (needs == CF_SCORE_NEEDS_ITEM_LISTS && !(o->side & CF_SIDE_ITEMS))
        return cf_fail(CF_USAGE,
                       "--score: %s needs neighbours of items; run with "
                       "--side=items or --side=both",
                       name);
    if (needs == CF_SCORE_NEEDS_EMBEDDING && o->space == CF_SPACE_RATINGS)
        return cf_fail(CF_USAGE,
                       "--score: %s needs an embedding; leave out "
                       "--space=ratings",
                       name);
    if (lists_of(job) != NULL && o->similarity == CF_EUCLIDEAN)
        return cf_fail(CF_USAGE,
                       "--similarity: a distance is no weight for "
                       "neighbours' ratings; run with cosine or dot, or use "
                       "`cfmpi neighbors`");
    return CF_OK;
}

int cf_top_check(const cf_job *job)
{
    if (job->last < CF_STEP_RECOMMEND)
        return CF_OK;
    if (job->o->baseline_weight > 0 && score_of(job) != CF_SCORE_MEAN)
        return cf_fail(CF_USAGE,
                       "--baseline-weight: is for --score=mean; add that, or "
                       "leave it out");
    if (job->first < CF_STEP_RECOMMEND)
        return check_steps(job);
    return lists_of(job) == NULL ? CF_OK
                                 : cf_job_check_weights(job, lists_of(job));
}

/* ---- users and items that are named ---- */

/* The rows of "users" or "items" that a file names. */
static int read_rows(const cf_job *job, const char *path, const char *side,
                     bool items, cf_rows_named *out)
{
    int status = CF_OK;
    char whose[CF_PATH_MAX + 64];
    cf_idmap map = {0};
    cf_ids ids = {0};
    const cf_idmap *known = items ? &job->tables.items : &job->tables.users;
    cf_gidx rows = items ? job->ratings.cols : job->ratings.rows;
    if (path[0] == '\0')
        return CF_OK;
    snprintf(whose, sizeof whose, "the %s of %s", side, job->o->input);
    if (job->from_file) {
        CF_TRY(cf_layout_read_ids(&job->file, job->par, side, &map));
        known = &map;
    }
    CF_TRY(cf_only_read(job->par, path, known, rows, whose, &out->row,
                        &out->count, &ids));
done:
    cf_ids_free(&ids);
    cf_idmap_free(&map);
    return status;
}

int cf_top_read(cf_job *job)
{
    int status = CF_OK;
    const cf_options *o = job->o;
    if (job->last < CF_STEP_RECOMMEND)
        return CF_OK;
    CF_TRY(read_rows(job, o->only, "users", false, &job->only));
    CF_TRY(read_rows(job, o->allow, "items", true, &job->allow));
    CF_TRY(read_rows(job, o->exclude, "items", true, &job->exclude));
done:
    return status;
}

/* A mask of all rows on every rank: `value` at those that are named, what it
 * was before elsewhere. */
static void put(const cf_job *job, const cf_rows_named *named, cf_gidx rows,
                uint8_t *mask, uint8_t value)
{
    uint8_t *at = cf_calloc(rows, sizeof *at, "rows named");
    for (int64_t i = 0; i < named->count; i++)
        at[named->row[i]] = 1;
    cf_allreduce(job->par, at, rows, MPI_UINT8_T, MPI_MAX);
    for (cf_gidx i = 0; i < rows; i++)
        if (at[i] != 0)
            mask[i] = value;
    cf_free(at);
}

static uint8_t *new_mask(cf_gidx rows, uint8_t value)
{
    uint8_t *mask = cf_alloc(rows, sizeof *mask, "rows named");
    for (cf_gidx i = 0; i < rows; i++)
        mask[i] = value;
    return mask;
}

/* NULL where all items may be recommended. */
static uint8_t *candidates(const cf_job *job)
{
    cf_gidx items = job->ratings.cols;
    if (job->allow.row == NULL && job->exclude.row == NULL)
        return NULL;
    uint8_t *mask = new_mask(items, job->allow.row == NULL);
    if (job->allow.row != NULL)
        put(job, &job->allow, items, mask, 1);
    if (job->exclude.row != NULL)
        put(job, &job->exclude, items, mask, 0);
    return mask;
}

/* ---- what the score is made from ---- */

/* Neighbours of this run, or of the file. */
static int find_lists(cf_job *job, bool items, cf_user_lists *lists)
{
    cf_neighbors *n = items ? &job->item_neighbors : &job->user_neighbors;
    cf_gidx rows = items ? job->ratings.cols : job->ratings.rows;
    *lists = (cf_user_lists){&n->part, &n->lists};
    return n->lists.gap != NULL
               ? CF_OK
               : cf_layout_read_lists(&job->file, job->par, lists_of(job), rows,
                                      rows, &n->part, &n->lists);
}

/* Rows as the file has them become A·V. */
static int unscale(const cf_job *job, float *rows, int dim)
{
    int status = CF_OK;
    cf_dataset d;
    cf_embedding e = {.dim = dim};
    e.scale = cf_layout_embedding_scale(&job->file);
    e.sigma = cf_alloc(dim, sizeof *e.sigma, "singular values");
    CF_TRY(cf_h5_dataset(&job->file, "/embedding/singular_values", &d));
    if (d.rows != dim || d.cols != 1 || d.type != CF_F64)
        CF_TRY(cf_fail(CF_BAD_DATA,
                       "%s: /embedding/singular_values has the wrong shape",
                       job->o->input));
    CF_TRY(cf_h5_read(&job->file, &d, 0, dim, e.sigma));
    cf_embedding_to_product(&e, job->ratings.n_loc, rows);
done:
    cf_free(e.sigma);
    return cf_agree(job->par, status);
}

/* The embedding of the file, users split as the ratings. */
static int read_factors(const cf_job *job, cf_factors *f)
{
    int status = CF_OK, dim = 0;
    cf_part even = {0};
    float *rows = NULL;
    CF_TRY(cf_layout_read_embedding(&job->file, job->par, "users", false, &even,
                                    &rows, &f->dim));
    CF_TRY(cf_layout_read_embedding(&job->file, job->par, "items", false,
                                    &f->item_part, &f->items, &dim));
    if (cf_part_rows(&even) != job->ratings.rows ||
        cf_part_rows(&f->item_part) != job->ratings.cols || dim != f->dim)
        CF_TRY(cf_fail(CF_BAD_DATA,
                       "%s: /embedding and /ratings do not fit each other",
                       job->o->input));
    f->users = cf_alloc(job->ratings.n_loc * f->dim, sizeof *f->users,
                        "embedding rows");
    cf_repartition_rows(job->par, &even, rows, &job->ratings.part, f->users,
                        (size_t)f->dim * sizeof *rows);
    CF_TRY(unscale(job, f->users, f->dim));
done:
    cf_free(rows);
    cf_part_free(&even);
    return status;
}

/* That of this run, lent where it is A·V as it is. */
static void lend_factors(const cf_job *job, cf_factors *f,
                         cf_recommend_from *from)
{
    const cf_embedding *e = &job->embedding;
    int64_t n = cf_part_count(&e->user_part, job->par->rank);
    from->user_rows = e->users;
    from->item_rows = e->items;
    from->item_part = &e->item_part;
    from->dim = e->dim;
    if (e->scale == CF_EMBEDDING_US)
        return;
    f->users = cf_alloc(n * e->dim, sizeof *f->users, "embedding rows");
    if (n > 0)
        memcpy(f->users, e->users,
               (size_t)n * (size_t)e->dim * sizeof *f->users);
    cf_embedding_to_product(e, n, f->users);
    from->user_rows = f->users;
}

static int find_factors(const cf_job *job, cf_top_from *top)
{
    int status = CF_OK;
    cf_factors *f = &top->factors;
    cf_recommend_from *from = &top->from;
    if (job->embedding.dim > 0) {
        lend_factors(job, f, from);
        return CF_OK;
    }
    CF_TRY(read_factors(job, f));
    from->user_rows = f->users;
    from->item_rows = f->items;
    from->item_part = &f->item_part;
    from->dim = f->dim;
done:
    return status;
}

static void fit_baseline(const cf_job *job, cf_baseline *b)
{
    cf_csr items = {0};
    cf_csr_transpose(&items, &job->ratings, job->par);
    cf_baseline_fit(b, job->par, &job->ratings, &items, NULL);
    cf_csr_free(&items);
}

int cf_top_find(cf_job *job, cf_top_from *top)
{
    int status = CF_OK;
    const cf_options *o = job->o;
    top->from = (cf_recommend_from){.ratings = &job->ratings,
                                    .users = &top->lists,
                                    .items = &top->lists,
                                    .baseline = &top->baseline};
    top->how = (cf_recommend_how){.score = score_of(job),
                                  .top = o->top,
                                  .baseline_weight = o->baseline_weight,
                                  .min_popularity = o->min_popularity,
                                  .fill = o->fill,
                                  .threads = job->par->threads};
    if (lists_of(job) != NULL)
        CF_TRY(find_lists(job, needs_of(job) == CF_SCORE_NEEDS_ITEM_LISTS,
                          &top->lists));
    if (needs_of(job) == CF_SCORE_NEEDS_EMBEDDING)
        CF_TRY(find_factors(job, top));
    if (o->baseline_weight > 0)
        fit_baseline(job, &top->baseline);
    top->candidate = candidates(job);
    top->how.candidate = top->candidate;
done:
    return status;
}

void cf_top_free(cf_top_from *top)
{
    cf_free(top->candidate);
    cf_baseline_free(&top->baseline);
    cf_part_free(&top->factors.item_part);
    cf_free(top->factors.users);
    cf_free(top->factors.items);
    *top = (cf_top_from){0};
}

int cf_top_recommend(cf_job *job)
{
    int status = CF_OK;
    cf_top_from top = {0};
    uint8_t *asked = NULL;
    cf_report_begin(job->report, "recommend", "users");
    CF_TRY(cf_top_find(job, &top));
    if (job->only.row != NULL) {
        asked = new_mask(job->ratings.rows, 0);
        put(job, &job->only, job->ratings.rows, asked, 1);
    }
    top.how.asked = asked;
    cf_recommend(&job->recommendations, job->par, &top.from, &top.how);
done:
    cf_free(asked);
    cf_top_free(&top);
    cf_report_end(job->report);
    return status;
}

/* ---- writing ---- */

static void add_rows(cf_writer *w, const char *name, const cf_rows_named *named,
                     const char *description)
{
    if (named->row == NULL)
        return;
    cf_writer_add(w, name, CF_I64, cf_sum_i64(w->par, named->count), 1, 1,
                  cf_exscan_i64(w->par, named->count), named->count, named->row,
                  description, NULL, 0);
}

void cf_top_add(const cf_job *job, cf_writer *w)
{
    const cf_options *o = job->o;
    cf_layout_add_recommendations(w, &job->recommendations, score_of(job),
                                  job->ratings.cols);
    if (o->baseline_weight > 0)
        cf_writer_real(w, "/recommendations", "baseline_weight",
                       o->baseline_weight);
    if (o->min_popularity > 0)
        cf_writer_integer(w, "/recommendations", "min_popularity",
                          o->min_popularity);
    add_rows(w, "/recommendations/only", &job->only,
             "rows of the users that were asked for; the others have no list");
    add_rows(w, "/recommendations/allow", &job->allow,
             "rows of the items of which alone items were recommended");
    add_rows(w, "/recommendations/exclude", &job->exclude,
             "rows of the items that were not to be recommended");
}
