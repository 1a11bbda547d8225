#include "party.h"

#include <float.h>
#include <math.h>

#include "cfmpi/cpu.h"
#include "cfmpi/memory.h"

#define UNIT 0x1p-24f     /* rounding of a float32 */
#define SMALLEST 0x1p-149 /* positive float32 */
#define LANES 16          /* values looked at side by side */

static void take(cf_party *p, const cf_measure *u, int64_t capacity,
                 cf_arena *in)
{
    *p = (cf_party){0};
    int64_t tiles = (capacity + CF_SIDE - 1) / CF_SIDE, rows = tiles * CF_SIDE;
    cf_tiles_begin(&p->tiles, capacity, u->dim, u->similarity, u->rotation, in);
    p->floor = cf_arena_take(in, rows, sizeof *p->floor, "list floors");
    p->least = cf_arena_take(in, rows, sizeof *p->least, "list floors");
    p->tile_least = cf_arena_take(in, tiles, sizeof *p->tile_least, "floors");
}

void cf_party_begin(cf_party *p, const cf_measure *u, int64_t capacity)
{
    take(p, u, capacity, NULL);
}

void cf_party_place(cf_party *p, const cf_measure *u, int64_t capacity,
                    int64_t k, cf_arena *arena, cf_arena *lists)
{
    take(p, u, capacity, arena);
    cf_topk_place(&p->lists, capacity, k, lists);
}

void cf_party_end(cf_party *p)
{
    if (!p->tiles.placed) {
        cf_free(p->floor);
        cf_free(p->least);
        cf_free(p->tile_least);
    }
    cf_tiles_end(&p->tiles);
    cf_topk_free(&p->lists);
    *p = (cf_party){0};
}

/* What is compared: a product, or -distance²/2, of rows times `scale`. Those
 * under it belong to scores below `floor`, which is within its rounding of the
 * exact value. */
static float least_of(const cf_measure *u, float floor)
{
    if (isinf(floor))
        return floor;
    if (u->similarity == CF_EUCLIDEAN && floor > 0)
        return FLT_MAX; /* no distance is that small */
    if (u->similarity == CF_COSINE)
        return floor - 4 * UNIT * (1 + fabsf(floor));
    double x =
        (double)floor - 2 * (double)UNIT * fabs((double)floor) - SMALLEST;
    x *= u->scale;
    x = u->similarity == CF_DOT ? x * u->scale : -0.5 * x * x;
    x -= 8 * (double)UNIT * fabs(x);
    return nextafterf((float)fmax(fmin(x, (double)FLT_MAX), (double)-FLT_MAX),
                      -INFINITY);
}

float cf_floor_of(const cf_measure *u, float least)
{
    double x = (double)least;
    if (isinf(least))
        return least;
    if (u->similarity == CF_COSINE)
        return least - 4 * UNIT * (1 + fabsf(least));
    x = u->similarity == CF_DOT ? x / u->scale : -sqrt(fmax(-2 * x, 0));
    x /= u->scale;
    return nextafterf((float)(x - 8 * (double)UNIT * fabs(x) - SMALLEST),
                      -INFINITY);
}

float cf_floor_of_bound(enum cf_similarity similarity, float bound)
{
    switch (similarity) {
    case CF_DOT: return bound;
    case CF_EUCLIDEAN: return -bound;
    default: break;
    }
    /* Beyond all cosines one is like the other. */
    return fminf(fmaxf(bound, -2), 2);
}

static float first_floor(const cf_measure *u)
{
    return u->bounded ? u->floor : -INFINITY;
}

int64_t cf_party_first(int64_t rows, int rank, int size)
{
    int64_t tiles = (rows + CF_SIDE - 1) / CF_SIDE;
    return CF_MIN(cf_threads_begin(tiles, rank, size) * CF_SIDE, rows);
}

/* Empty lists of rows [first, last). */
static void clear_lists(cf_party *p, int64_t first, int64_t last)
{
    cf_topk part = cf_topk_part(&p->lists, first, last - first);
    cf_topk_clear(&part);
}

void cf_party_set(cf_party *p, const cf_measure *u, const cf_slab *slab,
                  int64_t k, const float *floor)
{
    const cf_par *here = &u->crew->here;
    int64_t first = cf_party_first(slab->count, here->rank, here->size);
    int64_t last = cf_party_first(slab->count, here->rank + 1, here->size);
    int64_t end = (last + CF_SIDE - 1) / CF_SIDE * CF_SIDE;
    cf_tiles_set(&p->tiles, slab, (float)u->scale, u->kernel, u->crew);
    if (p->lists.placed) {
        p->lists.rows = slab->count;
        clear_lists(p, first, last);
    } else {
        cf_topk_init(&p->lists, slab->count, k);
    }
    for (int64_t i = first; i < end; i++) {
        p->floor[i] =
            floor != NULL && i < last ? floor[i - first] : first_floor(u);
        p->least[i] = least_of(u, p->floor[i]);
    }
    for (int64_t tile = first / CF_SIDE; tile < end / CF_SIDE; tile++)
        cf_party_note_least(p, tile);
    cf_crew_meet(u->crew);
}

void cf_party_raise(const cf_measure *u, cf_party *p, int64_t i, float floor)
{
    if (floor > p->floor[i]) {
        p->floor[i] = floor;
        p->least[i] = least_of(u, floor);
    }
}

float cf_party_score(const cf_measure *u, const float *x, double nx,
                     const float *y, double ny)
{
    float score = cf_score(u->similarity, x, nx, y, ny, u->dim);
    return u->similarity == CF_EUCLIDEAN ? -score : score;
}

void cf_party_offer(const cf_measure *u, cf_party *p, int64_t i, float score,
                    cf_gidx index)
{
    if (!(score >= p->floor[i]))
        return;
    cf_topk_push(&p->lists, i, score, index);
    cf_party_raise(u, p, i, cf_topk_floor(&p->lists, i));
}

CF_VECTORISED static float smallest_of(const float *x, int n)
{
    float lane[LANES], least;
    int whole = n - n % LANES;
    for (int l = 0; l < LANES; l++)
        lane[l] = INFINITY;
    for (int i = 0; i < whole; i += LANES)
        for (int l = 0; l < LANES; l++)
            lane[l] = x[i + l] < lane[l] ? x[i + l] : lane[l];
    for (int i = whole; i < n; i++)
        lane[i - whole] = fminf(x[i], lane[i - whole]);
    least = lane[0];
    for (int l = 1; l < LANES; l++)
        least = fminf(least, lane[l]);
    return least;
}

void cf_party_note_least(cf_party *p, int64_t tile)
{
    p->tile_least[tile] =
        smallest_of(p->least + tile * CF_SIDE, cf_tile_rows(&p->tiles, tile));
}
