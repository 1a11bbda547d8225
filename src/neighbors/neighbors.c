/* Method  Rows are dealt out anew so that like rows lie on one rank (arrange).
 *         Those of a node's ranks are one block in memory that they share, and
 *         so are its codes and lists (caravan); they take parts of the work as
 *         they come to it, so that the slow do less (crew). Blocks go round a
 *         ring of nodes for half a turn: every pair of nodes meets once, and
 *         the visiting rows' lists travel back to where these rows live, to be
 *         merged. With an even number of nodes two meet in the last step, and
 *         share it, so that both end at a time. The next block arrives
 *         meanwhile.
 * Cost    For P ranks on N nodes, n^2/2P pairs a rank; m = n/P rows of
 *         b = 4 dim + 8 bytes, a = N/2 rounded down. Bytes that a rank sends,
 *         e = (P-1)/P of what concerns all:
 *         - order: e 4 dim s for a sample of s rows, 8 l and a sum of 8 l for
 *           the sizes of l leaves, e m b for rows; l the power of two from
 *           n/256 on, 8192 at most, s = 16 l to 65,536 at most;
 *         - rotation: a sum of 8 dim^2, e 4 dim^2 (principal.h says when);
 *         - a steps: m b for a block, 12 m for floors, counts and ties, 12 f m
 *           (k + 1) for candidates;
 *         - owners: e m (12 k + 24);
 *         - a join keeps no lists but 20 bytes a pair on the rank that finds
 *           it, which go to the ranks of both rows in the end (pairs.h).
 *         A sum sends 2 e of its bytes, under 16 KiB log2 P times all. f, how
 *         full lists come home, was 0.10, 0.08 and 0.04 for 8,000 clustered
 *         rows and k = 10 on 4, 16 and 64 nodes; it is 1 at most.
 * Memory  The largest of, in bytes a rank, what a node shares in equal parts:
 *         - tree: 4 dim m as given, 4 dim (s + s/P), 4 (dim + 1) l;
 *         - ring: 4 dim m as given, m b in order, as much for each of a blocks,
 *           2 at most, 8 m for numbers where ranks share; for own rows, and for
 *           visiting ones where a > 0, M (2 dim + 48 + dim/64), M being m in
 *           whole tiles of 256 of the node, and lists of 12 m (k + 2); M/4 for
 *           the order of tiles; 4.6 MB a thread, 4 dim^2 for the rotation; and
 *           where a > 0 either 2048 dim a thread, for codes, or 8 m and 24 f m
 *           (k + 1), lists on their way, f in a step. For distances 4 dim M
 *           more for each of own and visiting rows;
 *         - owners: 4 dim m as given, lists of 24 m (k + 2), m (16 k + 64).
 *         Libraries add 2 to 3 MB, and 0.045 MB for each rank.
 * Scale   1,000,000 rows of 64 dimensions, k = 10, took two cores (AVX-512 with
 *         VNNI) 139 s: 1.8e9 pairs a second and core. 0.5 us a visiting row
 *         went into its codes. At these rates 1,000 cores on 20 nodes need for
 *         10 million rows 28 s for pairs and 0.05 s for codes, in 22 MB each,
 *         sending 50 MB each, 2 MB/s; for 100 million 46 minutes and 0.5 s, in
 *         175 MB, sending 340 MB, 0.1 MB/s.
 *         So blocks are not replicated on c nodes each (1.5 dimensions), which
 *         would leave a/c of the a steps: of those 50 MB 28 go into the ring,
 *         and c = 2 would save 14 MB and 0.03 s of codes in 28 s of pairs, for
 *         7 MB more of memory, and cost 1.3 MB for lists of the copies to be
 *         made one; the ring's messages pass while pairs are looked at anyhow.
 *         For 100 million it is 140 MB in 46 minutes, for 70 MB. A node of p
 *         ranks has what c = p would give them without any copy.
 * References  Driscoll, Georganas, Koanantakool, Solomonik, Yelick: A
 *             communication-optimal n-body algorithm. IPDPS 2013. */
#include "cfmpi/neighbors.h"

#include <math.h>

#include "caravan.h"
#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "comparable.h"
#include "delivery.h"
#include "edges.h"
#include "principal.h"

/* Returns how many candidates went home from here. */
static int64_t go_round(cf_search *s, cf_caravan *c, int64_t k)
{
    const cf_measure *u = &s->measure;
    cf_slab visiting;
    int64_t travelled = 0;
    int steps = cf_caravan_steps(c);
    cf_tile_range a = {0, c->own.tiles.tiles}, b;
    for (int step = 0; step <= steps; step++) {
        if (step < steps)
            cf_caravan_turn(c, &s->ring, step);
        if (step == 0) {
            cf_search_pairs(s, &c->own, a, &c->own, a);
        } else {
            cf_caravan_visit(c, u, step, k, &visiting);
            cf_caravan_meeting(c, step, &a, &b);
            cf_search_pairs(s, &c->own, a, &c->visitors, b);
        }
        if (step < steps)
            cf_caravan_arrive(c, &s->ring);
        if (step > 0)
            travelled += cf_caravan_send_home(c, u, step);
    }
    return travelled;
}

/* Lists of k rows whose scores reach `floor`, or all pairs that do. */
static int find(cf_neighbors *out, const cf_par *par, const cf_part *part,
                float *rows, int dim, int64_t k, enum cf_similarity similarity,
                float floor, cf_pairs *pairs, const char *what)
{
    int status = CF_OK;
    cf_gidx n = cf_part_rows(part);
    cf_points points = {part, rows, what};
    cf_origin origin = {part, cf_part_count(part, par->rank), NULL};
    cf_measure measure = {.similarity = similarity,
                          .dim = dim,
                          .kernel = cf_screen_kernel_of_cpu(),
                          .bounded = floor > -INFINITY,
                          .floor = floor,
                          .pairs = pairs};
    float *rotation = NULL;
    cf_slab slab = {0};
    cf_search search;
    cf_caravan caravan = {0};
    cf_topk lists;
    cf_neighbors_free(out);
    CF_TRY(cf_make_comparable(par, &points, &points, dim, similarity,
                              &measure.scale));
    cf_part_copy(&out->part, part);
    cf_arrange(&slab, par, part, rows, dim, similarity == CF_COSINE, CF_SIDE);
    rotation = cf_principal(par, &slab, dim, CF_SIDE,
                            similarity == CF_COSINE ? 0 : (float)measure.scale);
    measure.rotation = rotation;
    cf_caravan_begin(&caravan, par, &slab, &measure, k);
    cf_search_begin(&search, &measure);
    search.near = cf_caravan_near(&caravan);
    search.total = 0.5 * (double)slab.count * (double)n;
    out->travelled = cf_sum_i64(par, go_round(&search, &caravan, k));
    out->skipped = n * (n - 1) - 2 * cf_sum_i64(par, cf_search_exact(&search));
    cf_search_end(&search);
    lists = cf_caravan_lists(&caravan);
    cf_free(slab.rows);
    slab.rows = NULL;
    if (pairs == NULL)
        cf_deliver_lists(out, par, &origin, &slab, &lists, similarity);
    out->kernel = measure.kernel->name;
    out->pairs = n * (n - 1);
done:
    cf_caravan_end(&caravan);
    cf_slab_free(&slab);
    cf_free(rotation);
    return status;
}

int cf_neighbors_find(cf_neighbors *out, const cf_par *par, const cf_part *part,
                      float *rows, int dim, int64_t k,
                      enum cf_similarity similarity, const char *what)
{
    return find(out, par, part, rows, dim, k, similarity, -INFINITY, NULL,
                what);
}

int cf_neighbors_within(cf_neighbors *out, const cf_par *par,
                        const cf_part *part, float *rows, int dim, int64_t k,
                        enum cf_similarity similarity, float bound,
                        const char *what)
{
    return find(out, par, part, rows, dim, k, similarity,
                cf_floor_of_bound(similarity, bound), NULL, what);
}

/* The graph is made when the rest has been freed. */
int cf_neighbors_join(cf_neighbors *out, cf_graph *graph, const cf_par *par,
                      const cf_part *part, float *rows, int dim,
                      enum cf_similarity similarity, float bound,
                      const char *what)
{
    cf_pairs pairs;
    cf_pairs_begin(&pairs);
    int status = find(out, par, part, rows, dim, 0, similarity,
                      cf_floor_of_bound(similarity, bound), &pairs, what);
    if (status == CF_OK)
        cf_pairs_to_graph(graph, par, part, &pairs);
    if (status == CF_OK && similarity == CF_EUCLIDEAN)
        cf_graph_drop_signs(graph, par);
    cf_pairs_end(&pairs);
    return status;
}

void cf_neighbors_free(cf_neighbors *n)
{
    cf_part_free(&n->part);
    cf_topk_free(&n->lists);
    *n = (cf_neighbors){0};
}
