/* Method  Rows that have pairs are spread over the ranks by the work that they
 *         are, and get their pairs. As the rows of all ranks come by with their
 *         similarities, those who rated a pair's column are offered to the
 *         heap of the pair. This goes on for as many pairs at a time as there
 *         is memory for heaps, so that nothing is ever rows x rows.
 * Cost    For a batch, that of similarity_rows.h, and of a pair the ratings of
 *         its column. Memory: 16 bytes for each of the k of a pair, or of the
 *         ratings of its column where these are fewer: 64 MiB a batch, or four
 *         times own ratings, but at least those of a row; 24 bytes a pair.
 * References  Herlocker et al.: An algorithmic framework for performing
 *         collaborative filtering. SIGIR 1999. */
#include "nearest.h"

#include <math.h>
#include <stdlib.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"

#ifndef CF_NEAREST_BUDGET
#define CF_NEAREST_BUDGET ((int64_t)4 << 20) /* neighbours: 64 MiB */
#endif

/* ---- who answers ---- */

/* Pairs of each row over all ranks. */
static int64_t *pairs_of_rows(const cf_par *par, const cf_csr *a,
                              const cf_gidx *row, int64_t count)
{
    int64_t *pairs = cf_calloc(a->rows, sizeof *pairs, "pairs of rows");
    for (int64_t i = 0; i < count; i++)
        if (row[i] >= 0)
            pairs[row[i]]++;
    cf_allreduce(par, pairs, a->rows, MPI_INT64_T, MPI_SUM);
    return pairs;
}

/* What own rows that have pairs will take, in the order of rows. */
static int64_t *work_of_rows(const cf_par *par, const cf_csr *a,
                             const int64_t *pairs, int64_t *rows)
{
    int64_t *ratings = cf_alloc(a->cols, sizeof *ratings, "column counts");
    int64_t *work = cf_alloc(a->n_loc, sizeof *work, "work of rows");
    cf_csr_col_counts(a, par, ratings);
    *rows = 0;
    for (int64_t i = 0; i < a->n_loc; i++) {
        int64_t of = pairs[a->part.begin[par->rank] + i], sum = a->rows;
        int64_t entries = a->indptr[i + 1] - a->indptr[i];
        if (of == 0)
            continue;
        for (int64_t e = a->indptr[i]; e < a->indptr[i + 1]; e++)
            sum += ratings[a->indices[e]];
        work[(*rows)++] = sum + of * (sum / (entries + 1));
    }
    cf_free(ratings);
    return work;
}

void cf_nearest_route(cf_route *r, const cf_par *par, const cf_nearest *n,
                      const cf_gidx *row, const cf_gidx *column, int64_t count)
{
    const cf_csr *a = n->compared->rows;
    int64_t *pairs = pairs_of_rows(par, a, row, count), rows;
    int64_t *work = work_of_rows(par, a, pairs, &rows);
    int *rank = cf_alloc(count, sizeof *rank, "ranks of pairs");
    cf_part given = {0}, part = {0};
    /* Rows that have pairs are numbered anew, and dealt out in this order. */
    cf_part_gather(&given, par, rows);
    cf_csr_balance(&part, par, &given, work);
    for (cf_gidx i = 0, at = 0; i < a->rows; i++)
        pairs[i] = pairs[i] > 0 ? cf_part_owner(&part, at++) : -1;
    for (int64_t i = 0; i < count; i++)
        rank[i] = row[i] < 0 || column[i] < 0 ? -1 : (int)pairs[row[i]];
    cf_route_begin(r, par, row, column, count, rank);
    cf_part_free(&given);
    cf_part_free(&part);
    cf_free(work);
    cf_free(pairs);
}

/* ---- heaps ---- */

static bool worse(const cf_near *a, const cf_near *b)
{
    return a->score < b->score || (a->score == b->score && a->row > b->row);
}

static int nearest_first(const void *a, const void *b)
{
    const cf_near *x = a, *y = b;
    return worse(y, x) ? -1 : worse(x, y);
}

/* The worst stands first. */
static void sink(cf_near *heap, int64_t count, int64_t at)
{
    cf_near moved = heap[at];
    for (int64_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && worse(&heap[child + 1], &heap[child]))
            child++;
        if (!worse(&heap[child], &moved))
            break;
        heap[at] = heap[child];
    }
    heap[at] = moved;
}

/* ---- a batch ---- */

typedef struct batch {
    const cf_pair *pairs; /* ascending by row */
    int64_t first, last;  /* of them */
    cf_gidx *asked;       /* their rows */
    int64_t *begin;       /* [rows + 1] pairs of each row */
    int64_t rows;
    int64_t *heap;  /* [pairs + 1] where the heap of a pair begins */
    int64_t *count; /* [pairs] in it */
    float *floor;   /* [pairs] a score that is of no use below */
    cf_near *near;
} batch;

static void offer(batch *b, int64_t pair, cf_near near)
{
    cf_near *heap = b->near + b->heap[pair];
    int64_t room = b->heap[pair + 1] - b->heap[pair];
    if (b->count[pair] < room) {
        heap[b->count[pair]++] = near;
        if (b->count[pair] < room)
            return;
        for (int64_t i = room / 2; i-- > 0;)
            sink(heap, room, i);
    } else if (worse(heap, &near)) {
        heap[0] = near;
        sink(heap, room, 0);
    }
    b->floor[pair] = heap[0].score;
}

static void meet(void *to, int64_t i, const float *score,
                 const cf_rows_here *here)
{
    batch *b = to;
    for (int64_t p = b->begin[i]; p < b->begin[i + 1]; p++) {
        cf_gidx c = b->pairs[b->first + p].column;
        for (int32_t e = here->begin[c]; e < here->begin[c + 1]; e++) {
            float s = score[here->row[e]];
            if (s >= b->floor[p])
                offer(
                    b, p,
                    (cf_near){s, here->rating[e], here->first + here->row[e]});
        }
    }
}

/* The heap of a pair has room for all who rated, or for k. */
static int64_t room_of(const cf_nearest *n, const int64_t *ratings,
                       const cf_pair *pair)
{
    return CF_MAX(CF_MIN(n->k, ratings[pair->column]), 1);
}

/* Takes rows until the budget is used up; one at least, where there is one. */
static void take(batch *b, const cf_nearest *n, const cf_route *r,
                 const int64_t *ratings, int64_t budget)
{
    int64_t room = 0, end = b->last;
    b->first = b->last;
    for (; end < r->arrived; b->last = end) {
        int64_t more = 0;
        for (cf_gidx row = r->pairs[end].row;
             end < r->arrived && r->pairs[end].row == row; end++)
            more += room_of(n, ratings, &r->pairs[end]);
        if (room > 0 && room + more > budget)
            break;
        room += more;
    }
    int64_t pairs = b->last - b->first;
    b->rows = 0;
    b->asked = cf_alloc(pairs, sizeof *b->asked, "rows of pairs");
    b->begin = cf_alloc(pairs + 1, sizeof *b->begin, "rows of pairs");
    b->heap = cf_alloc(pairs + 1, sizeof *b->heap, "neighbours of pairs");
    b->count = cf_calloc(pairs, sizeof *b->count, "neighbours of pairs");
    b->floor = cf_alloc(pairs, sizeof *b->floor, "neighbours of pairs");
    b->near = cf_alloc(room, sizeof *b->near, "neighbours of pairs");
    b->heap[0] = 0;
    for (int64_t p = 0; p < pairs; p++) {
        const cf_pair *pair = &b->pairs[b->first + p];
        if (p == 0 || pair->row != pair[-1].row) {
            b->asked[b->rows] = pair->row;
            b->begin[b->rows++] = p;
        }
        b->heap[p + 1] = b->heap[p] + room_of(n, ratings, pair);
        b->floor[p] = n->floor;
    }
    b->begin[b->rows] = pairs;
}

static void batch_free(batch *b)
{
    cf_free(b->asked);
    cf_free(b->begin);
    cf_free(b->heap);
    cf_free(b->count);
    cf_free(b->floor);
    cf_free(b->near);
}

static int64_t rows_of(const cf_route *r)
{
    int64_t rows = 0;
    for (int64_t p = 0; p < r->arrived; p++)
        rows += p == 0 || r->pairs[p].row != r->pairs[p - 1].row;
    return rows;
}

int cf_nearest_find(const cf_par *par, const cf_nearest *n, const cf_route *r,
                    cf_nearest_fn *answer, void *to)
{
    int status = CF_OK;
    const cf_csr *a = n->compared->rows;
    int64_t budget = CF_MAX(2 * a->indptr[a->n_loc], CF_NEAREST_BUDGET);
    int64_t *ratings = cf_alloc(a->cols, sizeof *ratings, "column counts");
    cf_similarity_rows *s = NULL;
    batch b = {.pairs = r->pairs};
    cf_csr_col_counts(a, par, ratings);
    CF_TRY(cf_similarity_rows_begin(&s, par, n->compared,
                                    (double)rows_of(r) * (double)a->rows));
    while (cf_max_i64(par, r->arrived - b.last) > 0) {
        take(&b, n, r, ratings, budget);
        cf_similarity_rows_meet(s, b.asked, b.rows, meet, &b);
        for (int64_t p = 0; p < b.last - b.first; p++) {
            cf_near *near = b.near + b.heap[p];
            qsort(near, (size_t)b.count[p], sizeof *near, nearest_first);
            answer(to, &b.pairs[b.first + p], near, b.count[p]);
        }
        batch_free(&b);
    }
done:
    cf_similarity_rows_end(s);
    cf_free(ratings);
    return status;
}
