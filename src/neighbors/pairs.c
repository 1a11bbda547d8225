#include "pairs.h"

#include "cfmpi/memory.h"
#include "edges.h"

void cf_pairs_begin(cf_pairs *p)
{
    *p = (cf_pairs){0};
    pthread_mutex_init(&p->lock, NULL);
}

void cf_pairs_end(cf_pairs *p)
{
    for (int64_t c = 0; c < p->chunks; c++)
        cf_free(p->chunk[c]);
    cf_free(p->chunk);
    cf_free(p->begin);
    pthread_mutex_destroy(&p->lock);
    *p = (cf_pairs){0};
}

static cf_pairs_chunk *add_chunk(cf_pairs *p)
{
    static const char what[] = "pairs that are similar enough";
    pthread_mutex_lock(&p->lock);
    if (p->chunks == p->room) {
        p->room = 2 * p->room + 16;
        p->chunk = cf_realloc(p->chunk, p->room, sizeof(void *), what);
    }
    cf_pairs_chunk *chunk = cf_alloc(1, sizeof *chunk, what);
    chunk->count = 0;
    p->chunk[p->chunks++] = chunk;
    pthread_mutex_unlock(&p->lock);
    return chunk;
}

cf_pairs_chunk *cf_pairs_add(cf_pairs *p, cf_pairs_chunk *chunk, cf_gidx one,
                             cf_gidx other, float score)
{
    if (chunk == NULL || chunk->count == CF_PAIRS_CHUNK)
        chunk = add_chunk(p);
    chunk->one[chunk->count] = one;
    chunk->other[chunk->count] = other;
    chunk->score[chunk->count++] = score;
    return chunk;
}

/* Every pair is two entries: edge 2i is pair i one way, 2i + 1 the other. */
static void take_both_ways(const void *from, int64_t begin, int64_t n,
                           cf_edge *out)
{
    const cf_pairs *p = from;
    int64_t c = n > 0 ? cf_edges_place(p->begin, p->chunks, begin / 2) : 0;
    for (int64_t e = begin; e < begin + n; e++) {
        while (e / 2 >= p->begin[c + 1])
            c++;
        const cf_pairs_chunk *chunk = p->chunk[c];
        int64_t at = e / 2 - p->begin[c];
        cf_gidx one = chunk->one[at], other = chunk->other[at];
        *out++ = e % 2 == 0 ? (cf_edge){one, other, chunk->score[at]}
                            : (cf_edge){other, one, chunk->score[at]};
    }
}

static void take_one_way(const void *from, int64_t begin, int64_t n,
                         cf_edge *out)
{
    const cf_pairs *p = from;
    int64_t c = n > 0 ? cf_edges_place(p->begin, p->chunks, begin) : 0;
    for (int64_t e = begin; e < begin + n; e++) {
        while (e >= p->begin[c + 1])
            c++;
        const cf_pairs_chunk *chunk = p->chunk[c];
        int64_t at = e - p->begin[c];
        *out++ = (cf_edge){chunk->one[at] - p->first, chunk->other[at],
                           chunk->score[at]};
    }
}

/* Returns how many pairs there are. */
static int64_t find_begins(cf_pairs *p)
{
    p->begin = cf_alloc(p->chunks + 1, sizeof *p->begin, "pairs");
    p->begin[0] = 0;
    for (int64_t c = 0; c < p->chunks; c++)
        p->begin[c + 1] = p->begin[c] + p->chunk[c]->count;
    return p->begin[p->chunks];
}

void cf_pairs_to_graph(cf_graph *out, const cf_par *par, const cf_part *part,
                       cf_pairs *p)
{
    int64_t pairs = find_begins(p);
    cf_edges_deliver(out, par, part, take_both_ways, p, 2 * pairs);
}

void cf_pairs_to_rows(cf_graph *out, const cf_par *par, const cf_part *part,
                      cf_pairs *p, cf_gidx first)
{
    int64_t entries = find_begins(p);
    p->first = first;
    cf_edges_deliver(out, par, part, take_one_way, p, entries);
}
