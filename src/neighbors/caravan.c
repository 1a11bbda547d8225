/* Method  The ranks of a node put their rows into one block, in memory that
 *         they share, and so are their codes and lists. Blocks of other nodes
 *         come into shared memory as well: rows are sent by the ranks of a
 *         node in equal parts, and received in equal parts, from whom it may
 *         be. Between searches each rank looks after whole tiles: it gives
 *         their rows floors, sends their lists home, or merges what comes. A
 *         rank whose node has too little shared memory is a node by itself. */
#include "caravan.h"

#include <math.h>
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/log.h"
#include "cfmpi/memory.h"
#include "travel.h"

enum { OURS, WORK, LISTS };

/* ---- memory ---- */

static int64_t row_bytes(const cf_caravan *c)
{
    return c->dim * (int64_t)sizeof(float) + (int64_t)sizeof(cf_gidx);
}

static int64_t tiles_of(int64_t rows)
{
    return (rows + CF_SIDE - 1) / CF_SIDE;
}

/* Numbers first: they need the stricter alignment. */
static cf_slab slab_at(char *at, int64_t rows)
{
    return (cf_slab){
        .count = rows,
        .id = (cf_gidx *)(void *)at,
        .rows = (float *)(void *)(at + rows * (int64_t)sizeof(cf_gidx))};
}

int cf_caravan_steps(const cf_caravan *c)
{
    return c->nodes.count / 2;
}

static int64_t our_rows(const cf_caravan *c)
{
    return cf_part_count(&c->rows, c->nodes.own);
}

/* Places all that is worked with in an arena, or adds it up. */
static void *place(cf_caravan *c, const cf_measure *u, int64_t k,
                   cf_arena *work, cf_arena *lists)
{
    int64_t workers = (int64_t)c->nodes.here.size * c->par->threads;
    int64_t most = cf_part_largest(&c->rows);
    int32_t *near = cf_arena_take(work, tiles_of(our_rows(c)) * CF_NEAR,
                                  sizeof *near, "order of tiles");
    void *board = cf_arena_take(work, cf_crew_bytes(workers), 1, "threads");
    CF_ASSERT(near == (void *)work->at); /* where cf_caravan_near finds it */
    cf_party_place(&c->own, u, our_rows(c), k, work, lists);
    if (cf_caravan_steps(c) == 0)
        return board;
    cf_party_place(&c->visitors, u, most, k, work, work);
    for (int b = 0; b < CF_MIN(cf_caravan_steps(c), 2); b++)
        c->buffer[b] =
            cf_arena_take(work, most, (size_t)row_bytes(c), "ring block");
    return board;
}

int32_t *cf_caravan_near(const cf_caravan *c)
{
    return (int32_t *)(void *)c->memory[WORK].at;
}

/* Who goes together, and how many rows they have. */
static void gather(cf_caravan *c, int64_t own, bool alone)
{
    cf_part of_ranks = {0};
    cf_nodes_end(&c->nodes);
    cf_nodes_begin(&c->nodes, c->par, alone);
    cf_part_gather(&of_ranks, c->par, own);
    cf_part_even(&c->rows, 0, c->nodes.count);
    for (int v = 0; v < c->nodes.count; v++) {
        c->rows.begin[v + 1] = c->rows.begin[v];
        for (int at = c->nodes.begin[v]; at < c->nodes.begin[v + 1]; at++)
            c->rows.begin[v + 1] +=
                cf_part_count(&of_ranks, c->nodes.ranks[at]);
    }
    cf_part_free(&of_ranks);
    c->first = cf_exscan_i64(&c->nodes.here, own);
}

/* Goes alone where shared memory is too small. */
static void choose(cf_caravan *c, const cf_measure *u, int64_t own, int64_t k)
{
    cf_arena work = {0}, lists = {0};
    gather(c, own, false);
    if (c->nodes.count == c->par->size)
        return;
    place(c, u, k, &work, &lists);
    int64_t bytes = our_rows(c) * row_bytes(c) + lists.used + work.used;
    /* As many buffers as there may be when others go alone. */
    bytes += 2 * cf_part_largest(&c->rows) * row_bytes(c);
    bool fits = cf_shared_fits(c->par, bytes / c->nodes.here.size + 1);
    int64_t alone = cf_sum_i64(c->par, fits ? 0 : 1);
    if (alone > 0)
        gather(c, own, !fits);
    if (alone > 0)
        cf_log_detail("%" PRId64 " ranks have a block each: their nodes' "
                      "shared memory is too small",
                      alone);
    else
        cf_log_detail("the ranks of a node share blocks: %d nodes",
                      c->nodes.count);
}

/* The rows of all of us in one block. */
static void unite(cf_caravan *c, cf_slab *slab)
{
    int64_t rows = our_rows(c);
    if (c->nodes.here.size == 1) {
        c->ours = *slab;
        return;
    }
    cf_shared_begin(&c->memory[OURS], &c->nodes.here, rows * row_bytes(c),
                    "rows of a node");
    c->ours = slab_at(c->memory[OURS].at, rows);
    if (slab->count > 0) {
        memcpy(c->ours.id + c->first, slab->id,
               (size_t)slab->count * sizeof *slab->id);
        memcpy(c->ours.rows + c->first * c->dim, slab->rows,
               (size_t)(slab->count * c->dim) * sizeof *slab->rows);
    }
    cf_free(slab->rows);
    slab->rows = NULL;
}

void cf_caravan_begin(cf_caravan *c, const cf_par *par, cf_slab *slab,
                      cf_measure *u, int64_t k)
{
    cf_arena work = {0}, lists = {0};
    *c = (cf_caravan){.par = par, .dim = u->dim, .brought = slab->count};
    choose(c, u, slab->count, k);
    cf_memory_peak_keep(0);
    cf_memory_peak_again();
    unite(c, slab);
    place(c, u, k, &work, &lists);
    cf_shared_begin(&c->memory[WORK], &c->nodes.here, work.used,
                    "codes of a node's rows");
    cf_shared_begin(&c->memory[LISTS], &c->nodes.here, lists.used,
                    "lists of a node's rows");
    work = (cf_arena){.at = c->memory[WORK].at};
    lists = (cf_arena){.at = c->memory[LISTS].at};
    void *board = place(c, u, k, &work, &lists);
    cf_crew_begin(&c->crew, &c->nodes.here, board, c->memory, 3);
    u->crew = &c->crew;
    cf_crew_meet(&c->crew);
    cf_party_set(&c->own, u, &c->ours, k, NULL);
}

/* ---- blocks ---- */

static int node_after(const cf_caravan *c, int step)
{
    return (c->nodes.own + step) % c->nodes.count;
}

static cf_slab block_of(const cf_caravan *c, int step)
{
    if (step == 0)
        return c->ours;
    return slab_at(c->buffer[(step + 1) % 2],
                   cf_part_count(&c->rows, node_after(c, step)));
}

/* Rows [first, last) of a block that `count` ranks have, which are even parts
 * of it; those of rank `rank`. */
typedef struct stretch {
    int64_t first, last;
} stretch;

static stretch even(int64_t rows, int rank, int size)
{
    return (stretch){cf_threads_begin(rows, rank, size),
                     cf_threads_begin(rows, rank + 1, size)};
}

static stretch both(stretch a, stretch b)
{
    stretch s = {CF_MAX(a.first, b.first), CF_MIN(a.last, b.last)};
    s.last = CF_MAX(s.first, s.last);
    return s;
}

/* A block comes from, or goes to, the ranks of `node`. */
static void move(const cf_caravan *c, cf_ring *ring, cf_slab block, int node,
                 bool comes)
{
    const cf_nodes *n = &c->nodes;
    int64_t rows = block.count;
    stretch own = even(rows, n->here.rank, n->here.size);
    int size = cf_nodes_size(n, node);
    for (int r = 0; r < size; r++) {
        int rank = n->ranks[n->begin[node] + r];
        stretch s = both(own, even(rows, r, size));
        int64_t count = s.last - s.first;
        cf_gidx *id = block.id + s.first;
        float *x = block.rows + s.first * c->dim;
        int64_t ids = count * (int64_t)sizeof *id;
        int64_t xs = count * c->dim * (int64_t)sizeof *x;
        if (comes) {
            cf_ring_recv(ring, c->par, id, ids, rank);
            cf_ring_recv(ring, c->par, x, xs, rank);
        } else {
            cf_ring_send(ring, c->par, id, ids, rank);
            cf_ring_send(ring, c->par, x, xs, rank);
        }
    }
}

void cf_caravan_turn(cf_caravan *c, cf_ring *ring, int step)
{
    move(c, ring, block_of(c, step + 1), node_after(c, 1), true);
    move(c, ring, block_of(c, step), node_after(c, c->nodes.count - 1), false);
}

void cf_caravan_arrive(cf_caravan *c, cf_ring *ring)
{
    cf_ring_end(ring);
    cf_crew_meet(&c->crew);
}

/* Pairs that a node has looked at before the last step. */
static double done_before(const cf_caravan *c, int node)
{
    double own = (double)cf_part_count(&c->rows, node), pairs = 0.5 * own * own;
    for (int step = 1; step < cf_caravan_steps(c); step++)
        pairs += own * (double)cf_part_count(&c->rows,
                                             (node + step) % c->nodes.count);
    return pairs;
}

/* In the last step of an even number of nodes two have each other's block: each
 * takes part of the lower one's rows, so that all of their ranks end at the
 * same time. */
void cf_caravan_meeting(const cf_caravan *c, int step, cf_tile_range *own,
                        cf_tile_range *visiting)
{
    int us = c->nodes.own, them = node_after(c, step);
    int low = CF_MIN(us, them), high = CF_MAX(us, them);
    *own = (cf_tile_range){0, c->own.tiles.tiles};
    *visiting = (cf_tile_range){0, c->visitors.tiles.tiles};
    if (2 * step != c->nodes.count)
        return;
    double p = cf_nodes_size(&c->nodes, low);
    double q = cf_nodes_size(&c->nodes, high);
    double common = (double)cf_part_count(&c->rows, low) *
                    (double)cf_part_count(&c->rows, high);
    double part = p * (done_before(c, high) + common) - q * done_before(c, low);
    part = common > 0 ? fmin(fmax(part / (common * (p + q)), 0), 1) : 0;
    int64_t cut =
        (int64_t)ceil(part * (double)tiles_of(cf_part_count(&c->rows, low)));
    if (us == low)
        own->last = cut;
    else
        visiting->first = cut;
}

/* ---- lists ---- */

static stretch looked_after(int64_t rows, int rank, int size)
{
    return (stretch){cf_party_first(rows, rank, size),
                     cf_party_first(rows, rank + 1, size)};
}

static stretch by_this_rank(const cf_caravan *c, int64_t rows)
{
    return looked_after(rows, c->nodes.here.rank, c->nodes.here.size);
}

/* counts[r]: rows of a block that this rank looks after on this node and rank r
 * on another. */
static void add_counts(const cf_caravan *c, int64_t rows, int node,
                       int64_t *counts)
{
    const cf_nodes *n = &c->nodes;
    stretch own = by_this_rank(c, rows);
    int size = cf_nodes_size(n, node);
    for (int r = 0; r < size; r++) {
        stretch s = both(own, looked_after(rows, r, size));
        counts[n->ranks[n->begin[node] + r]] = s.last - s.first;
    }
}

void cf_caravan_visit(cf_caravan *c, const cf_measure *u, int step, int64_t k,
                      cf_slab *block)
{
    int size = c->par->size, host = node_after(c, c->nodes.count - step);
    int64_t *to = cf_calloc(2 * (int64_t)size, sizeof *to, "row counts");
    *block = block_of(c, step);
    stretch ours = by_this_rank(c, our_rows(c));
    stretch theirs = by_this_rank(c, block->count);
    float *floor =
        cf_alloc(theirs.last - theirs.first, sizeof *floor, "list floors");
    add_counts(c, our_rows(c), host, to);
    add_counts(c, block->count, node_after(c, step), to + size);
    cf_alltoallv(c->par, c->own.floor + ours.first, to, floor, to + size,
                 sizeof *floor);
    cf_party_set(&c->visitors, u, block, k, floor);
    cf_free(floor);
    cf_free(to);
}

typedef struct home {
    const cf_measure *u;
    cf_party *party;
    int64_t first; /* row that is the first to come */
} home;

static void offer(void *to, int64_t row, float score, cf_gidx index)
{
    home *h = to;
    cf_party_offer(h->u, h->party, h->first + row, score, index);
}

int64_t cf_caravan_send_home(cf_caravan *c, const cf_measure *u, int step)
{
    int size = c->par->size, host = node_after(c, c->nodes.count - step);
    int64_t *to = cf_calloc(2 * (int64_t)size, sizeof *to, "row counts");
    int64_t rows = c->visitors.lists.rows;
    stretch ours = by_this_rank(c, our_rows(c));
    stretch theirs = by_this_rank(c, rows);
    home h = {u, &c->own, ours.first};
    cf_topk away = cf_topk_part(&c->visitors.lists, theirs.first,
                                theirs.last - theirs.first);
    cf_topk own =
        cf_topk_part(&c->own.lists, ours.first, ours.last - ours.first);
    add_counts(c, rows, node_after(c, step), to);
    add_counts(c, our_rows(c), host, to + size);
    int64_t sent =
        cf_travel_lists(c->par, &away, to, &own, to + size, offer, &h);
    cf_free(to);
    cf_crew_meet(&c->crew);
    return sent;
}

/* ---- the end ---- */

static void give_back(cf_caravan *c, bool lists)
{
    int64_t kept = lists ? 0 : c->memory[LISTS].share;
    cf_shared_give_back(c->memory, LISTS + lists,
                        kept * (c->nodes.here.size - 1));
}

cf_topk cf_caravan_lists(cf_caravan *c)
{
    give_back(c, false);
    return cf_topk_part(&c->own.lists, c->first, c->brought);
}

void cf_caravan_end(cf_caravan *c)
{
    if (c->nodes.count == 0)
        return;
    give_back(c, true);
    cf_nodes_end(&c->nodes);
    cf_part_free(&c->rows);
    *c = (cf_caravan){0};
}
