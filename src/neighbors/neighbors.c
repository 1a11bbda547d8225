/* Method  Rows are dealt out anew so that like rows lie on one rank (arrange).
 *         Blocks then go round a ring of ranks for half a turn: every pair of
 *         ranks meets once, and the visiting rows' lists travel back to where
 *         these rows live, to be merged. With an even number of ranks two meet
 *         in the last step, and share it: each takes half of the lower rank's
 *         rows. The next block arrives meanwhile.
 * Cost    (n/P)^2 P/2 pairs a rank. Bytes sent by a rank, with m = n/P rows:
 *         m (4 dim + 8) for the order, P/2 times as much for blocks, for each
 *         step 4 m floors and up to 12 m (k + 1) for lists, 12 m k in the end.
 *         Memory: own rows in order, two blocks, codes of own and visiting
 *         rows (2 dim bytes each), 12 (k + 1) bytes a row of lists, thrice
 *         while they are merged.
 * References  Driscoll, Georganas, Koanantakool, Solomonik, Yelick: A
 *             communication-optimal n-body algorithm. IPDPS 2013. */
#include "cfmpi/neighbors.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "arrange.h"
#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "principal.h"
#include "search.h"

/* Brings every row to a length in [0.5, 1): neither products nor squares can
 * then overflow, and a power of two changes no cosine. */
static void scale_each(float *rows, int64_t count, int dim)
{
    for (int64_t i = 0; i < count; i++) {
        float *x = rows + i * dim;
        int exponent;
        double squared = cf_dot(x, x, dim);
        frexp(sqrt(squared), &exponent);
        for (int c = 0; c < dim && squared > 0; c++)
            x[c] = ldexpf(x[c], -exponent);
    }
}

/* The longest of own rows, squared; names one that is not finite. */
static int check_rows(const float *rows, int64_t count, int dim, cf_gidx begin,
                      const char *what, double *longest)
{
    *longest = 0;
    for (int64_t i = 0; i < count; i++) {
        double squared = cf_dot(rows + i * dim, rows + i * dim, dim);
        if (!isfinite(squared))
            return cf_fail(CF_BAD_DATA,
                           "row %" CF_PRIgidx " of %s has a "
                           "value that is not finite",
                           begin + i, what);
        *longest = fmax(*longest, squared);
    }
    return CF_OK;
}

/* Longer or shorter than 2 to this, rows are compared times a power of two. */
#define FAR 60

/* Whether rows can be compared, and what they are multiplied by for it. */
static int choose_scale(const cf_par *par, float *rows, int64_t count, int dim,
                        cf_gidx begin, enum cf_similarity similarity,
                        const char *what, double *scale)
{
    int status = CF_OK, exponent;
    double longest;
    *scale = 1;
    CF_TRY(cf_agree(par, check_rows(rows, count, dim, begin, what, &longest)));
    MPI_Allreduce(MPI_IN_PLACE, &longest, 1, MPI_DOUBLE, MPI_MAX, par->comm);
    if (similarity == CF_COSINE)
        scale_each(rows, count, dim);
    if (similarity == CF_DOT && longest > (double)FLT_MAX)
        CF_TRY(cf_fail(CF_BAD_DATA,
                       "products of the rows of %s are beyond float32; scale "
                       "them down",
                       what));
    frexp(sqrt(longest), &exponent);
    if (similarity != CF_COSINE && longest > 0 && abs(exponent) > FAR)
        *scale = ldexp(1, -exponent);
done:
    return status;
}

/* ---- blocks ---- */

/* Blocks as they travel: rows, then their numbers. */
typedef struct carousel {
    const cf_par *par;
    cf_part part; /* rows of each rank's slab */
    int dim;
    char *buffer[2];
} carousel;

static int64_t bytes_of(const carousel *c, int64_t rows)
{
    return rows * (c->dim * (int64_t)sizeof(float) + (int64_t)sizeof(cf_gidx));
}

static void carousel_begin(carousel *c, const cf_par *par, const cf_slab *own,
                           int dim)
{
    *c = (carousel){.par = par, .dim = dim};
    cf_part_gather(&c->part, par, own->count);
    int64_t most = cf_part_largest(&c->part);
    for (int b = 0; b < 2; b++)
        c->buffer[b] =
            cf_alloc(par->size > 1 ? bytes_of(c, most) : 0, 1, "ring block");
}

static void carousel_end(carousel *c)
{
    cf_part_free(&c->part);
    cf_free(c->buffer[0]);
    cf_free(c->buffer[1]);
}

static int rank_after(const carousel *c, int step)
{
    return (c->par->rank + step) % c->par->size;
}

/* Numbers first: they need the stricter alignment. */
static cf_slab slab_in(const carousel *c, int step)
{
    int64_t count = cf_part_count(&c->part, rank_after(c, step));
    char *at = c->buffer[(step + 1) % 2];
    return (cf_slab){
        .count = count,
        .id = (cf_gidx *)(void *)at,
        .rows = (float *)(void *)(at + count * (int64_t)sizeof(cf_gidx))};
}

/* Starts moving on from the block of `step` to that of the next; own rows are
 * packed for the first. */
static void carousel_turn(const carousel *c, cf_ring *ring, const cf_slab *own,
                          int step)
{
    int64_t now = cf_part_count(&c->part, rank_after(c, step));
    int64_t next = cf_part_count(&c->part, rank_after(c, step + 1));
    char *send = c->buffer[(step + 1) % 2];
    if (step == 0) {
        int64_t ids = own->count * (int64_t)sizeof(cf_gidx);
        memcpy(send, own->id, (size_t)ids);
        memcpy(send + ids, own->rows, (size_t)(bytes_of(c, own->count) - ids));
    }
    cf_ring_begin(ring, c->par, send, bytes_of(c, now), c->buffer[step % 2],
                  bytes_of(c, next));
}

/* ---- lists of visitors ---- */

/* Rows' data that go to rank + step while those of rank - step come; counts in
 * rows of `size` bytes. */
static void swap(const cf_par *par, int step, const void *send, int64_t sent,
                 void *recv, int64_t got, size_t size)
{
    int64_t *counts =
        cf_calloc(2 * (int64_t)par->size, sizeof *counts, "row counts");
    counts[(par->rank + step) % par->size] = sent;
    counts[par->size + (par->rank - step + par->size) % par->size] = got;
    cf_alltoallv(par, send, counts, recv, counts + par->size, size);
    cf_free(counts);
}

static int64_t total_of(const cf_topk *t)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < t->rows; i++)
        sum += t->count[i];
    return sum;
}

/* Entries of all rows one after the other. */
static void pack(const cf_topk *t, float *score, cf_gidx *index)
{
    for (int64_t i = 0; i < t->rows; i++) {
        size_t count = (size_t)t->count[i];
        memcpy(score, t->score + i * t->stride, count * sizeof *score);
        memcpy(index, t->index + i * t->stride, count * sizeof *index);
        score += count;
        index += count;
    }
}

/* Sends the lists of the visitors of a step home, and merges those of own rows
 * that come back. */
static void send_home(const cf_measure *u, cf_party *own,
                      const cf_party *visitors, const cf_par *par, int step)
{
    const cf_topk *away = &visitors->lists;
    int64_t rows = own->lists.rows, sent = total_of(away), got = 0;
    int32_t *count = cf_alloc(2 * rows, sizeof *count, "travelling lists");
    int32_t *ties = count + rows;
    swap(par, step, away->count, away->rows, count, rows, sizeof *count);
    swap(par, step, away->ties, away->rows, ties, rows, sizeof *ties);
    for (int64_t i = 0; i < rows; i++)
        got += count[i];
    float *score = cf_alloc(sent + got, sizeof *score, "travelling lists");
    cf_gidx *index = cf_alloc(sent + got, sizeof *index, "travelling lists");
    pack(away, score, index);
    swap(par, step, score, sent, score + sent, got, sizeof *score);
    swap(par, step, index, sent, index + sent, got, sizeof *index);
    for (int64_t i = 0, at = sent; i < rows; at += count[i++]) {
        for (int64_t e = at; e < at + count[i]; e++)
            cf_party_offer(u, own, i, score[e], index[e]);
        if (count[i] == away->k + 1)
            cf_topk_add_ties(&own->lists, i, score[at], ties[i]);
    }
    cf_free(score);
    cf_free(index);
    cf_free(count);
}

/* ---- the ring ---- */

/* The tiles of own and visiting rows that meet here in a step. */
static void share(const cf_par *par, int step, const cf_party *own,
                  const cf_party *other, cf_tile_range *a, cf_tile_range *b)
{
    *a = (cf_tile_range){0, own->tiles.tiles};
    *b = (cf_tile_range){0, other->tiles.tiles};
    if (2 * step != par->size)
        return;
    /* The other rank does the same: halves of the lower rank's rows. */
    if (par->rank < step)
        a->last = (a->last + 1) / 2;
    else
        b->first = (b->last + 1) / 2;
}

static void visit(cf_search *s, const carousel *c, cf_party *own,
                  cf_party *other, int64_t k, int step)
{
    cf_tile_range a, b;
    cf_slab slab = slab_in(c, step);
    int back = c->par->size - step; /* the other way round */
    float *floor = cf_alloc(slab.count, sizeof *floor, "list floors");
    swap(c->par, back, own->floor, own->lists.rows, floor, slab.count,
         sizeof *floor);
    cf_party_set(other, &s->measure, &slab, k, floor);
    cf_free(floor);
    share(c->par, step, own, other, &a, &b);
    cf_search_pairs(s, own, a, other, b);
}

static void go_round(cf_search *s, const cf_par *par, const cf_slab *slab,
                     cf_party *own, int64_t k)
{
    carousel c;
    const cf_measure *u = &s->measure;
    cf_party other = {0};
    int steps = par->size / 2;
    cf_tile_range all = {0, own->tiles.tiles};
    carousel_begin(&c, par, slab, u->dim);
    if (steps > 0)
        cf_party_begin(&other, u, cf_part_largest(&c.part));
    for (int step = 0; step <= steps; step++) {
        if (step < steps)
            carousel_turn(&c, &s->ring, slab, step);
        if (step == 0)
            cf_search_pairs(s, own, all, own, all);
        else
            visit(s, &c, own, &other, k, step);
        if (step < steps)
            cf_ring_end(&s->ring);
        if (step > 0)
            send_home(u, own, &other, par, step);
    }
    cf_party_end(&other);
    carousel_end(&c);
}

/* ---- lists to where rows are from ---- */

/* What goes with a finished list. */
typedef struct heading {
    cf_gidx id;
    int32_t count, ties;
    float gap;
} heading;

/* Order of rows by the rank that they are from. */
static int64_t *by_owner(const cf_slab *slab, const cf_part *part,
                         int64_t *counts)
{
    int64_t *next = cf_calloc(part->size + 1, sizeof *next, "row counts");
    int64_t *order = cf_alloc(slab->count, sizeof *order, "order of rows");
    for (int64_t i = 0; i < slab->count; i++)
        counts[cf_part_owner(part, slab->id[i])]++;
    for (int r = 0; r < part->size; r++)
        next[r + 1] = next[r] + counts[r];
    for (int64_t i = 0; i < slab->count; i++)
        order[next[cf_part_owner(part, slab->id[i])]++] = i;
    cf_free(next);
    return order;
}

/* Rows of `size` bytes of `from` in this order to their ranks. */
static void *deliver(const cf_par *par, const void *from, const int64_t *order,
                     const int64_t *to, const int64_t *counts, int64_t rows,
                     int64_t arriving, size_t size)
{
    char *send = cf_alloc(rows, size, "lists for their owners");
    char *got = cf_alloc(arriving, size, "lists from elsewhere");
    for (int64_t i = 0; i < rows; i++)
        memcpy(send + (size_t)i * size,
               (const char *)from + (size_t)order[i] * size, size);
    cf_alltoallv(par, send, to, got, counts, size);
    cf_free(send);
    return got;
}

static void return_lists(cf_topk *out, const cf_par *par, const cf_part *part,
                         const cf_slab *slab, cf_topk *lists)
{
    int64_t *to = cf_calloc(2 * (int64_t)par->size, sizeof *to, "row counts");
    int64_t *counts = to + par->size, arriving = 0, k = lists->k;
    int64_t *order = by_owner(slab, part, to);
    heading *head = cf_alloc(slab->count, sizeof *head, "list headings");
    cf_alltoall_counts(par, to, counts);
    for (int r = 0; r < par->size; r++)
        arriving += counts[r];
    for (int64_t i = 0; i < slab->count; i++)
        head[i] = (heading){slab->id[i], lists->count[i], lists->ties[i],
                            lists->gap[i]};
    heading *heads = deliver(par, head, order, to, counts, slab->count,
                             arriving, sizeof *head);
    float *score = deliver(par, lists->score, order, to, counts, slab->count,
                           arriving, (size_t)k * sizeof *score);
    cf_gidx *index = deliver(par, lists->index, order, to, counts, slab->count,
                             arriving, (size_t)k * sizeof *index);
    cf_free(order);
    cf_free(head);
    cf_free(to);
    for (int64_t i = 0; i < arriving; i++) {
        int64_t row = heads[i].id - part->begin[par->rank];
        out->count[row] = heads[i].count;
        out->ties[row] = heads[i].ties;
        out->gap[row] = heads[i].gap;
        memcpy(out->score + row * k, score + i * k, (size_t)k * sizeof *score);
        memcpy(out->index + row * k, index + i * k, (size_t)k * sizeof *index);
    }
    cf_free(heads);
    cf_free(score);
    cf_free(index);
}

/* Distances as they are; the gap between two is the same either way. */
static void turn_signs(cf_topk *lists)
{
    for (int64_t i = 0; i < lists->rows * lists->k; i++)
        lists->score[i] = lists->score[i] < 0    ? -lists->score[i]
                          : lists->index[i] >= 0 ? 0
                                                 : lists->score[i];
}

int cf_neighbors_find(cf_neighbors *out, const cf_par *par, const cf_part *part,
                      float *rows, int dim, int64_t k,
                      enum cf_similarity similarity, const char *what)
{
    int status = CF_OK;
    cf_gidx n = cf_part_rows(part);
    int64_t count = cf_part_count(part, par->rank), tied = 0;
    cf_measure measure = {similarity, dim,         1, cf_screen_kernel_of_cpu(),
                          NULL,       par->threads};
    float *rotation = NULL;
    cf_slab slab = {0};
    cf_search search = {0};
    cf_party own = {0};
    cf_neighbors_free(out);
    CF_TRY(choose_scale(par, rows, count, dim, part->begin[par->rank],
                        similarity, what, &measure.scale));
    cf_part_copy(&out->part, part);
    cf_arrange(&slab, par, part, rows, dim, similarity == CF_COSINE, CF_SIDE);
    rotation = cf_principal(par, &slab, dim, CF_SIDE,
                            similarity == CF_COSINE ? 0 : (float)measure.scale);
    measure.rotation = rotation;
    cf_search_begin(&search, &measure);
    search.total = 0.5 * (double)slab.count * (double)n;
    cf_party_begin(&own, &measure, slab.count);
    cf_party_set(&own, &measure, &slab, k, NULL);
    go_round(&search, par, &slab, &own, k);
    cf_topk_finish(&own.lists);
    cf_topk_init(&out->lists, count, k);
    cf_topk_finish(&out->lists);
    return_lists(&out->lists, par, part, &slab, &own.lists);
    for (int64_t i = 0; i < count; i++)
        tied += out->lists.ties[i] > 0;
    if (similarity == CF_EUCLIDEAN)
        turn_signs(&out->lists);
    out->pairs = n * (n - 1);
    out->skipped = out->pairs - 2 * cf_sum_i64(par, cf_search_exact(&search));
    out->rows_tied = cf_sum_i64(par, tied);
done:
    cf_party_end(&own);
    cf_search_end(&search);
    cf_slab_free(&slab);
    cf_free(rotation);
    return status;
}

void cf_neighbors_free(cf_neighbors *n)
{
    cf_part_free(&n->part);
    cf_topk_free(&n->lists);
    *n = (cf_neighbors){0};
}
