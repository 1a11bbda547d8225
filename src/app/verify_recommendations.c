/* The recommendations of a sample of users, item by item. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cfmpi/layout.h"
#include "cfmpi/memory.h"
#include "verify.h"

/* A rating row that is read along as the item number goes up. */
typedef struct cursor {
    const cf_lidx *col, *end;
    const float *value;
} cursor;

static cursor open_row(const cf_csr_copy *copy, int64_t row)
{
    return (cursor){copy->indices + copy->indptr[row],
                    copy->indices + copy->indptr[row + 1],
                    copy->values + copy->indptr[row]};
}

/* Value of `col`, NaN when it is not rated; columns asked must ascend. */
static float rating(cursor *c, cf_lidx col)
{
    for (; c->col < c->end && *c->col < col; c->col++)
        c->value++;
    return c->col < c->end && *c->col == col ? *c->value : NAN;
}

static int by_row(const void *a, const void *b)
{
    const cf_gidx *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* The definition, item by item: Σ s·r / Σ s in list order. */
static void best_items(const cf_csr *a, const cf_csr_copy *copy,
                       const cf_gidx *rows, int64_t row_count, cf_gidx user,
                       const cf_gidx *neighbor, const float *similarity,
                       int32_t count, cf_topk *out)
{
    cursor *at = cf_alloc(count + 1, sizeof *at, "row cursors");
    for (int32_t i = 0; i <= count; i++) {
        cf_gidx row = i < count ? neighbor[i] : user;
        const cf_gidx *p =
            bsearch(&row, rows, (size_t)row_count, sizeof row, by_row);
        at[i] = open_row(copy, p - rows);
    }
    for (cf_lidx j = 0; j < a->cols; j++) {
        double sum = 0, weight = 0;
        for (int32_t i = 0; i < count; i++) {
            float r = similarity[i] > 0 ? rating(&at[i], j) : NAN;
            if (isnan(r))
                continue;
            sum += (double)similarity[i] * (double)r;
            weight += (double)similarity[i];
        }
        if (isnan(rating(&at[count], j)) && weight > 0)
            cf_topk_push(out, 0, (float)(sum / weight), j);
    }
    cf_free(at);
    cf_topk_finish(out);
}

/* A user's neighbours as the file lists them. */
typedef struct neighbours {
    cf_gidx *index, *rows; /* rows: the same and the user, ascending */
    float *score;
    int32_t count;
} neighbours;

/* `good` when the list names users. */
static int read_neighbours(cf_check *c, cf_gidx user, int64_t k, neighbours *n,
                           bool *good)
{
    static const char group[] = "/neighbors/users";
    int status = CF_OK;
    n->index = cf_alloc(k, sizeof *n->index, "list");
    n->rows = cf_alloc(k + 1, sizeof *n->rows, "list");
    n->score = cf_alloc(k, sizeof *n->score, "list");
    CF_TRY(cf_check_row(c, group, "index", CF_I64, k, user, n->index));
    CF_TRY(cf_check_row(c, group, "score", CF_F32, k, user, n->score));
    CF_TRY(cf_check_row(c, group, "count", CF_I32, 1, user, &n->count));
    *good = n->count >= 0 && n->count <= k;
    for (int32_t i = 0; *good && i < n->count; i++)
        *good = n->index[i] >= 0 && n->index[i] < c->ratings.rows;
    if (!*good)
        goto done;
    memcpy(n->rows, n->index, (size_t)n->count * sizeof *n->rows);
    n->rows[n->count] = user;
    qsort(n->rows, (size_t)n->count + 1, sizeof *n->rows, by_row);
done:
    return status;
}

/* One user, on every rank alike. */
static int check_user(cf_check *c, cf_gidx user, int64_t k, int64_t top,
                      bool *same)
{
    int status = CF_OK;
    cf_topk right = {0};
    cf_csr_copy copy = {0};
    neighbours n = {0};
    CF_TRY(read_neighbours(c, user, k, &n, same));
    if (!*same)
        goto done;
    cf_csr_fetch(&copy, &c->ratings, c->par, n.rows, n.count + 1);
    cf_topk_init(&right, 1, top);
    best_items(&c->ratings, &copy, n.rows, n.count + 1, user, n.index, n.score,
               n.count, &right);
    CF_TRY(cf_check_list(c, "/recommendations", user, &right, false, same));
done:
    cf_csr_copy_free(&copy);
    cf_topk_free(&right);
    cf_free(n.index);
    cf_free(n.rows);
    cf_free(n.score);
    return status;
}

int cf_check_recommendations(cf_check *c)
{
    int status = CF_OK;
    char line[128];
    cf_dataset lists, top;
    int64_t samples = 0, differ = 0;
    bool same = true;
    cf_gidx *sample = NULL;
    CF_TRY(cf_h5_dataset(&c->file, "/neighbors/users/index", &lists));
    CF_TRY(cf_h5_dataset(&c->file, "/recommendations/index", &top));
    sample = cf_check_sample(c, c->ratings.rows, &samples);
    for (int64_t s = 0; s < samples; s++) {
        CF_TRY(check_user(c, sample[s], lists.cols, top.cols, &same));
        differ += !same;
    }
    snprintf(line, sizeof line,
             " of %" PRId64 " users by brute force, %" PRId64 " differ",
             samples, differ);
    cf_check_tell(c, differ == 0, "recommendations", line);
done:
    cf_free(sample);
    return status;
}
