/* Method  A binary tree over a sample of the rows: each node splits its sample
 *         in the middle along its leading principal direction, found by a few
 *         power iterations. A row descends to a leaf; leaves are numbered
 *         from left to right, so that neighbours in the order are alike. The
 *         order is dealt out to the ranks evenly; a leaf may lie on several.
 * Cost    14 dim flops a sampled row and level, 2 dim a row and level. Of each
 *         leaf's size 8 bytes are summed up and 8 sent on; SAMPLED rows a leaf
 *         are on every rank while the tree grows.
 * References  Verma, Kpotufe, Dasgupta: Which spatial partition trees are
 *             adaptive to intrinsic dimension? UAI 2009. */
#include "arrange.h"

#include <math.h>
#include <string.h>

#include "cfmpi/cpu.h"
#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"

#define SAMPLED 16 /* rows of the sample a leaf */
#define SAMPLE_MOST 65536
#define LEVELS_MOST 13
#define POWER_STEPS 3
#define LANES 16

/* A row of the sample and where it lies along a direction. */
typedef struct projected {
    float at;
    int32_t row;
} projected;

CF_VECTORISED static float dot(const float *x, const float *y, int dim)
{
    float lane[LANES] = {0}, sum = 0;
    int whole = dim - dim % LANES;
    for (int i = 0; i < whole; i += LANES)
        for (int l = 0; l < LANES; l++)
            lane[l] += x[i + l] * y[i + l];
    for (int l = 0; l < LANES; l++)
        sum += lane[l];
    for (int i = whole; i < dim; i++)
        sum += x[i] * y[i];
    return sum;
}

CF_VECTORISED static void add_scaled(float *sum, const float *x, float f,
                                     int dim)
{
    for (int c = 0; c < dim; c++)
        sum[c] += f * x[c];
}

/* 1 / length, or 1 where lengths count; 0 for a row of zeros. */
static float scale_of(const float *x, int dim, bool by_direction)
{
    float squared = dot(x, x, dim);
    if (!by_direction)
        return 1;
    return squared > 0 ? 1 / sqrtf(squared) : 0;
}

/* ---- the tree ---- */

/* Direction w in which the sampled rows of a node differ most. */
static void principal(const float *sample, int dim, const projected *of,
                      int64_t count, float *w, float *room)
{
    float *mean = room, *next = room + dim;
    memset(mean, 0, (size_t)dim * sizeof *mean);
    for (int64_t i = 0; i < count; i++)
        add_scaled(mean, sample + (int64_t)of[i].row * dim, 1 / (float)count,
                   dim);
    /* From the row that is farthest from the mean. */
    float most = -1;
    for (int64_t i = 0; i < count; i++) {
        const float *x = sample + (int64_t)of[i].row * dim;
        float away = dot(x, x, dim) - 2 * dot(x, mean, dim);
        if (i == 0 || away > most) {
            most = away;
            for (int c = 0; c < dim; c++)
                w[c] = x[c] - mean[c];
        }
    }
    for (int step = 0; step < POWER_STEPS; step++) {
        float centre = dot(mean, w, dim), total = 0;
        memset(next, 0, (size_t)dim * sizeof *next);
        for (int64_t i = 0; i < count; i++) {
            const float *x = sample + (int64_t)of[i].row * dim;
            float f = dot(x, w, dim) - centre;
            add_scaled(next, x, f, dim);
            total += f;
        }
        add_scaled(next, mean, -total, dim);
        float length = sqrtf(dot(next, next, dim));
        if (!(length > 0))
            return;
        for (int c = 0; c < dim; c++)
            w[c] = next[c] / length;
    }
}

/* Brings the `left` smallest to the front. */
static void select_left(projected *p, int64_t count, int64_t left)
{
    int64_t lo = 0, hi = count - 1;
    while (lo < hi) {
        float pivot = p[(lo + hi) / 2].at;
        int64_t i = lo, j = hi;
        while (i <= j) {
            while (p[i].at < pivot)
                i++;
            while (p[j].at > pivot)
                j--;
            if (i <= j) {
                projected t = p[i];
                p[i++] = p[j];
                p[j--] = t;
            }
        }
        if (left <= j)
            hi = j;
        else if (left >= i)
            lo = i;
        else
            return;
    }
}

static void grow(cf_tree *t, const float *sample, int node, projected *of,
                 int64_t count, float *room)
{
    int64_t left = count / 2;
    float *w = t->direction + (int64_t)node * t->dim;
    if (node >= (1 << t->levels) - 1)
        return;
    memset(w, 0, (size_t)t->dim * sizeof *w);
    t->middle[node] = 0;
    if (count < 2)
        return; /* and nothing below has any either */
    principal(sample, t->dim, of, count, w, room);
    for (int64_t i = 0; i < count; i++)
        of[i].at = dot(sample + (int64_t)of[i].row * t->dim, w, t->dim);
    select_left(of, count, left);
    t->middle[node] = of[left].at;
    grow(t, sample, 2 * node + 1, of, left, room);
    grow(t, sample, 2 * node + 2, of + left, count - left, room);
}

/* Every stride-th row of all ranks, directions where these count. */
static float *take_sample(const cf_par *par, const cf_part *part,
                          const float *rows, int dim, bool by_direction,
                          cf_gidx stride, int64_t *count)
{
    cf_part sampled = {0};
    cf_gidx begin = part->begin[par->rank], end = part->begin[par->rank + 1];
    cf_gidx first = (begin + stride - 1) / stride * stride;
    int64_t own = first < end ? (end - 1 - first) / stride + 1 : 0, kept = 0;
    float *mine = cf_alloc(own * dim, sizeof *mine, "sampled rows");
    for (cf_gidx i = first; i < end; i += stride) {
        const float *x = rows + (i - begin) * dim;
        float scale = scale_of(x, dim, by_direction);
        for (int c = 0; c < dim && scale > 0; c++)
            mine[kept * dim + c] = scale * x[c];
        kept += scale > 0;
    }
    cf_part_gather(&sampled, par, kept);
    *count = cf_part_rows(&sampled);
    float *all = cf_alloc(*count * dim, sizeof *all, "sampled rows");
    cf_allgather_rows(par, &sampled, mine, all, (size_t)dim * sizeof *all);
    cf_free(mine);
    cf_part_free(&sampled);
    return all;
}

void cf_tree_grow(cf_tree *t, const cf_par *par, const cf_part *part,
                  const float *rows, int dim, bool by_direction, int cell)
{
    int64_t count, leaves;
    *t = (cf_tree){.dim = dim, .by_direction = by_direction};
    cf_gidx n = cf_part_rows(part), cells = (n + cell - 1) / cell;
    while (t->levels < LEVELS_MOST && (cf_gidx)1 << t->levels < cells)
        t->levels++;
    leaves = (int64_t)1 << t->levels;
    t->direction = cf_calloc(leaves * t->dim, sizeof *t->direction, "tree");
    t->middle = cf_calloc(leaves, sizeof *t->middle, "tree");
    cf_gidx stride =
        CF_MAX(1, n / CF_MIN(SAMPLED * leaves, (int64_t)SAMPLE_MOST));
    float *sample =
        take_sample(par, part, rows, t->dim, t->by_direction, stride, &count);
    projected *of = cf_alloc(count, sizeof *of, "sampled rows");
    float *room = cf_alloc(2 * t->dim, sizeof *room, "tree");
    for (int64_t i = 0; i < count; i++)
        of[i].row = (int32_t)i;
    grow(t, sample, 0, of, count, room);
    cf_free(room);
    cf_free(of);
    cf_free(sample);
}

/* -1 for a row that has no direction. */
static int32_t leaf_of(const cf_tree *t, const float *x)
{
    float scale = scale_of(x, t->dim, t->by_direction);
    int node = 0;
    if (!(scale > 0))
        return -1;
    for (int level = 0; level < t->levels; level++) {
        const float *w = t->direction + (int64_t)node * t->dim;
        node = 2 * node + 1 + (scale * dot(x, w, t->dim) >= t->middle[node]);
    }
    return node + 1 - (1 << t->levels);
}

/* ---- dealing out ---- */

/* to[r]: rows of this rank, which lie by leaf, for rank r. A leaf's rows come
 * in the order of the ranks that have them. */
static void choose_ranks(const cf_par *par, const int64_t *own, int leaves,
                         int64_t *to)
{
    int64_t *all = cf_calloc(2 * (int64_t)leaves, sizeof *all, "leaf sizes");
    int64_t *lower = all + leaves; /* rows of lower ranks */
    int64_t begin = 0, total = 0;
    cf_part even = {0};
    memcpy(all, own, (size_t)leaves * sizeof *all);
    cf_allreduce(par, all, leaves, MPI_INT64_T, MPI_SUM);
    MPI_Exscan(own, lower, leaves, MPI_INT64_T, MPI_SUM, par->comm);
    cf_traffic_add(leaves * (int64_t)sizeof *own);
    for (int f = 0; f < leaves; f++)
        total += all[f];
    cf_part_even(&even, total, par->size);
    for (int f = 0; f < leaves; begin += all[f++]) {
        int64_t at = begin + lower[f];
        for (int64_t end = at + own[f]; at < end;) {
            int r = cf_part_owner(&even, at);
            int64_t rows = CF_MIN(end, even.begin[r + 1]) - at;
            to[r] += rows;
            at += rows;
        }
    }
    cf_part_free(&even);
    cf_free(all);
}

/* place[i]: where row i goes when rows lie by leaf; rows without one nowhere,
 * -1. `begin` [leaves + 1] of zeros gets the first place of each leaf. */
static void places_by_leaf(const int32_t *leaf, int64_t count, int leaves,
                           int64_t *begin, int64_t *place)
{
    for (int64_t i = 0; i < count; i++)
        if (leaf[i] >= 0)
            begin[leaf[i] + 1]++;
    for (int f = 0; f < leaves; f++)
        begin[f + 1] += begin[f];
    int64_t *next = cf_alloc(leaves, sizeof *next, "leaf places");
    memcpy(next, begin, (size_t)leaves * sizeof *next);
    for (int64_t i = 0; i < count; i++)
        place[i] = leaf[i] >= 0 ? next[leaf[i]]++ : -1;
    cf_free(next);
}

/* A slab with row i of `rows` at place[i] and its number from `id`, or counted
 * from `first` where that is NULL. */
static void put_rows(cf_slab *slab, const float *rows, const cf_gidx *id,
                     cf_gidx first, const int64_t *place, int64_t count,
                     int64_t kept, int dim)
{
    slab->count = kept;
    slab->rows = cf_alloc(kept * dim, sizeof *slab->rows, "ordered rows");
    slab->id = cf_alloc(kept, sizeof *slab->id, "ordered rows");
    for (int64_t i = 0; i < count; i++) {
        if (place[i] < 0)
            continue;
        memcpy(slab->rows + place[i] * dim, rows + i * dim,
               (size_t)dim * sizeof *rows);
        slab->id[place[i]] = id == NULL ? first + i : id[i];
    }
}

/* Puts rows in the order of their leaves; counts those of each. */
static void order_rows(cf_slab *out, const cf_tree *t, const float *rows,
                       const cf_gidx *id, cf_gidx first, int64_t count,
                       int64_t *begin)
{
    int leaves = 1 << t->levels;
    int32_t *leaf = cf_alloc(count, sizeof *leaf, "leaves of rows");
    int64_t *place = cf_alloc(count, sizeof *place, "leaves of rows");
    for (int64_t i = 0; i < count; i++)
        leaf[i] = leaf_of(t, rows + i * t->dim);
    memset(begin, 0, (size_t)(leaves + 1) * sizeof *begin);
    places_by_leaf(leaf, count, leaves, begin, place);
    put_rows(out, rows, id, first, place, count, begin[leaves], t->dim);
    cf_free(leaf);
    cf_free(place);
}

/* Sends the rows of `from`, which lie by leaf, to the ranks of their leaves. */
static void deal_out(cf_slab *slab, const cf_par *par, const cf_tree *t,
                     cf_slab *from, int64_t *begin)
{
    int leaves = 1 << t->levels;
    int64_t *to = cf_calloc(2 * (int64_t)par->size, sizeof *to, "row counts");
    int64_t *counts = to + par->size, arrived = 0;
    for (int f = 0; f < leaves; f++)
        begin[f] = begin[f + 1] - begin[f];
    choose_ranks(par, begin, leaves, to);
    cf_alltoall_counts(par, to, counts);
    for (int r = 0; r < par->size; r++)
        arrived += counts[r];
    cf_slab got = {.count = arrived};
    got.rows = cf_alloc(arrived * t->dim, sizeof *got.rows, "ordered rows");
    got.id = cf_alloc(arrived, sizeof *got.id, "ordered rows");
    cf_alltoallv(par, from->rows, to, got.rows, counts,
                 (size_t)t->dim * sizeof *got.rows);
    cf_alltoallv(par, from->id, to, got.id, counts, sizeof *got.id);
    cf_slab_free(from);
    order_rows(slab, t, got.rows, got.id, 0, arrived, begin);
    cf_slab_free(&got);
    cf_free(to);
}

void cf_tree_deal(cf_slab *slab, const cf_par *par, const cf_tree *t,
                  const float *rows, const cf_gidx *id, cf_gidx first,
                  int64_t count)
{
    cf_slab own = {0};
    int64_t *begin =
        cf_alloc(((int64_t)1 << t->levels) + 1, sizeof *begin, "leaf places");
    order_rows(&own, t, rows, id, first, count, begin);
    if (par->size == 1)
        *slab = own;
    else
        deal_out(slab, par, t, &own, begin);
    cf_free(begin);
}

void cf_tree_free(cf_tree *t)
{
    cf_free(t->direction);
    cf_free(t->middle);
    *t = (cf_tree){0};
}

void cf_arrange(cf_slab *slab, const cf_par *par, const cf_part *part,
                const float *rows, int dim, bool by_direction, int cell)
{
    cf_tree t;
    cf_tree_grow(&t, par, part, rows, dim, by_direction, cell);
    cf_tree_deal(slab, par, &t, rows, NULL, part->begin[par->rank],
                 cf_part_count(part, par->rank));
    cf_tree_free(&t);
}

void cf_slab_free(cf_slab *slab)
{
    cf_free(slab->rows);
    cf_free(slab->id);
    *slab = (cf_slab){0};
}
