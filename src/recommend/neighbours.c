/* Method  A user's scores are a sum of rows: of the neighbours' ratings, or of
 *         the neighbour lists of the items that the user has rated. The rows
 *         that any own user needs are fetched once, and added up in the cache.
 * Cost    Σ over users of Σ over their rows of entries additions, shared by
 *         the threads. An entry takes 4 bytes on the wire and in memory, or 8
 *         where values are many, both once a node (gather.c). Each thread has
 *         16 bytes an item.
 * References  Resnick et al.: GroupLens. CSCW 1994. Sarwar et al.: Item-based
 *         collaborative filtering. WWW 2001. */
#include <stdatomic.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "cfmpi/progress.h"
#include "cfmpi/threads.h"
#include "gather.h"
#include "neighbours.h"
#include "sums.h"

#define USERS_AT_A_TIME 64
#define ROWS 64 /* of a list that are looked up together */

/* Where a row of the batch is. */
typedef struct place {
    int64_t begin;
    int32_t leading, count;
} place;

typedef struct work {
    const cf_csr *ratings;
    const cf_words *words;
    const cf_gather *batch;
    const place *places; /* [rows of the batch] */
    cf_sums *sums;       /* of each thread */
    atomic_long next;    /* user of the batch to be taken up */
    cf_topk *out;
    bool items;
} work;

/* ---- one user ---- */

typedef struct row {
    const char *words;
    int64_t leading, count;
} row;

static row row_of(const work *w, cf_gidx which)
{
    const place *p = &w->places[cf_gather_row(w->batch, which)];
    return (row){(const char *)w->batch->words +
                     (size_t)p->begin * w->words->size,
                 p->leading, p->count};
}

static void fetch_early(const work *w, row r)
{
    const char *end = r.words + (size_t)r.count * w->words->size;
    for (const char *line = r.words; line < end; line += 64)
        __builtin_prefetch(line);
}

static void forget_seen(const work *w, cf_sums *s, int64_t user)
{
    const cf_csr *a = w->ratings;
    cf_gidx self = w->batch->from.part->begin[w->batch->par->rank] + user;
    if (w->batch->from.self) {
        row own = row_of(w, self);
        cf_sums_forget(s, own.words, own.count);
        return;
    }
    for (int64_t e = a->indptr[user]; e < a->indptr[user + 1]; e++) {
        cf_lidx at = w->words->position[a->indices[e]];
        if (at >= 0)
            s->at[at] = (cf_sum){0, 0};
    }
}

/* Adds up to ROWS rows from number `first` of the list on. What their places
 * are is asked for all of them together, and a row is on its way while the one
 * before it is added. */
static void add_rows(const work *w, cf_sums *s, int64_t user, int64_t first)
{
    const cf_sources *from = &w->batch->from;
    int64_t n = CF_MIN(cf_sources_count(from, user) - first, ROWS);
    row rows[ROWS];
    for (int64_t i = 0; i < n; i++)
        rows[i] = row_of(w, cf_sources_row(from, user, first + i));
    for (int64_t i = 0; i < n; i++) {
        float weight = cf_sources_weight(from, user, first + i);
        if (i + 1 < n)
            fetch_early(w, rows[i + 1]);
        if (w->items || weight > 0)
            cf_sums_add(s, rows[i].words, rows[i].leading, rows[i].count,
                        weight);
    }
}

static void recommend_user(const work *w, cf_sums *s, int64_t user)
{
    const cf_sources *from = &w->batch->from;
    for (int64_t i = 0; i < cf_sources_count(from, user); i += ROWS)
        add_rows(w, s, user, i);
    forget_seen(w, s, user);
    cf_sums_offer(s, w->out, user,
                  from->part->begin[w->batch->par->rank] + user);
}

static void recommend_some(int thread, void *data)
{
    work *w = data;
    const cf_gather *g = w->batch;
    for (;;) {
        int64_t begin = g->first + atomic_fetch_add(&w->next, USERS_AT_A_TIME);
        if (begin >= g->last)
            return;
        for (int64_t i = begin; i < CF_MIN(begin + USERS_AT_A_TIME, g->last);
             i++)
            recommend_user(w, &w->sums[thread], g->users[i]);
        if (thread == 0)
            cf_progress_step((double)begin, (double)g->count);
    }
}

/* ---- a batch of users ---- */

/* Most words that are apart in the rows of one user. */
static int64_t most_apart(const work *w)
{
    const cf_gather *g = w->batch;
    int64_t most = 0;
    for (int64_t u = g->first; u < g->last; u++) {
        int64_t apart = 0;
        for (int64_t i = 0; i < cf_sources_count(&g->from, g->users[u]); i++) {
            row r = row_of(w, cf_sources_row(&g->from, g->users[u], i));
            apart += r.count - r.leading;
        }
        most = CF_MAX(most, apart);
    }
    return most;
}

/* For all ranks of the node. */
static void find_places(work *w, cf_gather *g)
{
    int64_t first, last;
    cf_shared *s = &g->memory[CF_GATHER_MADE];
    cf_shared_begin(s, &g->nodes.here, g->taken.count * (int64_t)sizeof(place),
                    "places of rows");
    place *p = (place *)s->at;
    cf_gather_share(g, &first, &last);
    for (int64_t i = first; i < last; i++) {
        int64_t count = g->begin[i + 1] - g->begin[i];
        const char *words =
            (const char *)g->words + (size_t)g->begin[i] * w->words->size;
        p[i] = (place){g->begin[i],
                       (int32_t)cf_words_leading(w->words, words, count),
                       (int32_t)count};
    }
    cf_shared_meet(s, &g->nodes.here);
    w->places = p;
}

static void recommend_batch(work *w, cf_gather *g, int threads)
{
    find_places(w, g);
    int64_t apart = most_apart(w);
    for (int t = 0; t < threads; t++)
        cf_sums_reserve(&w->sums[t], apart);
    atomic_store(&w->next, 0);
    cf_threads_run(threads, recommend_some, w);
}

/* ---- what is added up ---- */

/* How many entries a user's sums are made from, about. */
static double usual_entries(const cf_par *par, const cf_sources *from,
                            const cf_csr *rows)
{
    int64_t n = cf_part_count(from->part, par->rank), count = 0;
    for (int64_t u = 0; u < n; u++)
        count += cf_sources_count(from, u);
    count = cf_sum_i64(par, count);
    return (double)count / (double)CF_MAX(cf_part_rows(from->part), 1) *
           (double)rows->nnz / (double)CF_MAX(rows->rows, 1);
}

/* The baseline's part of means, by position. */
static void make_rule(cf_sum_rule *rule, const cf_recommend_from *from,
                      const cf_recommend_how *how, const cf_words *w)
{
    *rule = (cf_sum_rule){.mean = how->score == CF_SCORE_MEAN,
                          .by_value = how->score == CF_SCORE_ITEM_SUM};
    if (!rule->mean || !(how->baseline_weight > 0))
        return;
    rule->baseline = how->baseline_weight;
    rule->from = from->baseline;
    rule->item_sum =
        cf_calloc(cf_sums_padded(w), sizeof *rule->item_sum, "item biases");
    for (int64_t at = 0; at < w->used; at++) {
        double x = rule->baseline * from->baseline->item[w->column[at]];
        rule->item_sum[at] = x;
        rule->largest = CF_MAX(rule->largest, CF_MAX(x, -x));
    }
}

static int64_t *asked_users(const cf_par *par, const cf_part *part,
                            const uint8_t *asked, int64_t *count)
{
    int64_t n = cf_part_count(part, par->rank);
    cf_gidx begin = part->begin[par->rank];
    int64_t *users = cf_alloc(n, sizeof *users, "users");
    *count = 0;
    for (int64_t u = 0; u < n; u++)
        if (asked == NULL || asked[begin + u] != 0)
            users[(*count)++] = u;
    return users;
}

static void recommend_all(work *w, const cf_par *par, const cf_sources *from,
                          const cf_sum_rule *rule, const uint8_t *asked,
                          int threads)
{
    int64_t count;
    int64_t *users = asked_users(par, from->part, asked, &count);
    cf_stock stock = {&w->words->rows, w->words->words, w->words->size};
    cf_gather g;
    w->batch = &g;
    w->sums = cf_alloc(threads, sizeof *w->sums, "threads");
    for (int t = 0; t < threads; t++)
        cf_sums_begin(&w->sums[t], w->words, rule);
    cf_gather_begin(&g, par, &stock, from, users, count);
    while (cf_gather_next(&g))
        recommend_batch(w, &g, threads);
    cf_gather_end(&g);
    for (int t = 0; t < threads; t++)
        cf_sums_end(&w->sums[t]);
    cf_free(w->sums);
    cf_free(users);
}

void cf_recommend_by_lists(cf_recommendations *out, const cf_par *par,
                           const cf_recommend_from *from,
                           const cf_recommend_how *how,
                           const uint8_t *candidate)
{
    bool items = how->score == CF_SCORE_ITEM_SUM;
    cf_csr lists = {0};
    const cf_csr *rows = items ? &lists : from->ratings;
    const cf_csr *users = cf_recommended_users(from);
    cf_sources of = {.part = items ? &users->part : from->users->part,
                     .lists = items ? NULL : from->users->lists,
                     .rated = users,
                     .self = !items && users == from->ratings};
    cf_words words;
    cf_sum_rule rule;
    work w = {
        .ratings = users, .words = &words, .out = &out->lists, .items = items};
    if (items)
        cf_lists_matrix(&lists, par, from->items);
    cf_words_begin(&words, rows, par, candidate, usual_entries(par, &of, rows));
    make_rule(&rule, from, how, &words);
    cf_part_copy(&out->part, of.part);
    cf_topk_init(&out->lists, cf_part_count(of.part, par->rank), how->top);
    recommend_all(&w, par, &of, &rule, how->asked, CF_MAX(how->threads, 1));
    cf_topk_finish(&out->lists);
    cf_free(rule.item_sum);
    cf_words_free(&words);
    cf_csr_free(&lists);
}
