#include "cfmpi/topk.h"

#include <math.h>
#include <string.h>

static bool better(float s, cf_gidx i, float t, cf_gidx j)
{
    return s > t || (s == t && i < j);
}

static void take(cf_topk *t, int64_t rows, int64_t k, cf_arena *in)
{
    int64_t places = rows * (k + 1);
    *t = (cf_topk){.rows = rows, .k = k, .stride = k + 1, .placed = in != NULL};
    t->score = cf_arena_take(in, places, sizeof *t->score, "top-k scores");
    t->index = cf_arena_take(in, places, sizeof *t->index, "top-k lists");
    t->count = cf_arena_take(in, rows, sizeof *t->count, "top-k counts");
    t->ties = cf_arena_take(in, rows, sizeof *t->ties, "top-k ties");
    t->gap = cf_arena_take(in, rows, sizeof *t->gap, "top-k gaps");
}

void cf_topk_init(cf_topk *t, int64_t rows, int64_t k)
{
    cf_topk_free(t);
    take(t, rows, k, NULL);
    cf_topk_clear(t);
}

void cf_topk_place(cf_topk *t, int64_t rows, int64_t k, cf_arena *arena)
{
    take(t, rows, k, arena);
}

cf_topk cf_topk_part(const cf_topk *t, int64_t first, int64_t rows)
{
    cf_topk part = *t;
    part.placed = true;
    part.rows = rows;
    part.score += first * t->stride;
    part.index += first * t->stride;
    part.count += first;
    part.ties += first;
    part.gap += first;
    return part;
}

void cf_topk_clear(cf_topk *t)
{
    if (t->rows == 0)
        return;
    memset(t->count, 0, (size_t)t->rows * sizeof *t->count);
    memset(t->ties, 0, (size_t)t->rows * sizeof *t->ties);
}

float cf_topk_floor(const cf_topk *t, int64_t row)
{
    return t->count[row] < t->stride ? -INFINITY : t->score[row * t->stride];
}

cf_gidx cf_topk_last(const cf_topk *t, int64_t row)
{
    return t->count[row] < t->stride ? INT64_MAX : t->index[row * t->stride];
}

/* Lets (s, i) sink from place `at` of a heap of n with the worst on top. */
static void sink(float *score, cf_gidx *index, int64_t n, int64_t at, float s,
                 cf_gidx i)
{
    for (int64_t child; (child = 2 * at + 1) < n; at = child) {
        int64_t next = CF_MIN(child + 1, n - 1);
        /* Added, as which of two is the worse cannot be predicted. */
        if (__builtin_expect(score[next] == score[child], 0))
            child = index[next] > index[child] ? next : child;
        else
            child += score[next] < score[child];
        if (!better(s, i, score[child], index[child]))
            break;
        score[at] = score[child];
        index[at] = index[child];
    }
    score[at] = s;
    index[at] = i;
}

static void rise(float *score, cf_gidx *index, int64_t at, float s, cf_gidx i)
{
    for (int64_t parent; at > 0; at = parent) {
        parent = (at - 1) / 2;
        if (!better(score[parent], index[parent], s, i))
            break;
        score[at] = score[parent];
        index[at] = index[parent];
    }
    score[at] = s;
    index[at] = i;
}

/* `ties` counts candidates outside the heap that score as its worst does. */
void cf_topk_push(cf_topk *t, int64_t row, float s, cf_gidx i)
{
    float *score = t->score + row * t->stride;
    cf_gidx *index = t->index + row * t->stride;
    if (t->count[row] < t->stride) {
        rise(score, index, t->count[row]++, s, i);
        return;
    }
    if (!better(s, i, score[0], index[0])) {
        t->ties[row] += s == score[0];
        return;
    }
    float worst = score[0];
    sink(score, index, t->stride, 0, s, i);
    /* The old worst is outside now; once the worst has risen, nothing outside
     * equals it. */
    t->ties[row] = score[0] == worst ? t->ties[row] + 1 : 0;
}

void cf_topk_add_ties(cf_topk *t, int64_t row, float score, int32_t ties)
{
    if (t->count[row] == t->stride && t->score[row * t->stride] <= score)
        t->ties[row] += ties;
}

static void sort_heap(float *score, cf_gidx *index, int64_t n)
{
    for (int64_t end = n - 1; end > 0; end--) {
        float s = score[end];
        cf_gidx i = index[end];
        score[end] = score[0];
        index[end] = index[0];
        sink(score, index, end, 0, s, i);
    }
}

static void finish_row(cf_topk *t, int64_t row)
{
    float *score = t->score + row * t->stride;
    cf_gidx *index = t->index + row * t->stride;
    int64_t have = t->count[row];
    sort_heap(score, index, have);
    t->gap[row] = NAN;
    if (have > t->k && t->k > 0) {
        t->gap[row] = score[t->k - 1] - score[t->k];
        t->ties[row] = score[t->k - 1] == score[t->k] ? t->ties[row] + 1 : 0;
    } else {
        t->ties[row] = 0;
    }
    t->count[row] = (int32_t)CF_MIN(have, t->k);
    for (int64_t c = have; c < t->k; c++) {
        score[c] = NAN;
        index[c] = -1;
    }
    memmove(t->score + row * t->k, score, (size_t)t->k * sizeof *score);
    memmove(t->index + row * t->k, index, (size_t)t->k * sizeof *index);
}

void cf_topk_finish(cf_topk *t)
{
    for (int64_t row = 0; row < t->rows; row++)
        finish_row(t, row);
    t->stride = t->k;
}

void cf_topk_free(cf_topk *t)
{
    void *const all[] = {t->score, t->index, t->count, t->ties, t->gap};
    for (size_t k = 0; k < sizeof all / sizeof *all && !t->placed; k++)
        cf_free(all[k]);
    *t = (cf_topk){0};
}
