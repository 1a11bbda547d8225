#include "test.h"

#include <inttypes.h>

#include "cfmpi/idmap.h"

/* ---- ids that any rank can make ---- */

/* What the ids are: integers, strings, of both sorts on each rank, or of one
 * sort on a rank and of the other on its neighbours. */
enum kind { NUMBERS, WORDS, BOTH, BY_RANK, KINDS };

/* How they are dealt out. */
enum deal { ONE_EACH, SOME_TWICE, ALL_EVERYWHERE, ONE_RANK, DEALS };

typedef struct setup {
    enum kind kind;
    enum deal deal;
    int64_t n; /* below 4096 */
} setup;

#define WRITTEN (CF_ID_MAX + 1)

/* Numbers that look like nothing in particular, extremes among them; the low
 * bits make them distinct. */
static int64_t nth_number(int64_t i)
{
    static const int64_t special[] = {
        0, -1, 1, INT64_MIN, INT64_MAX, INT64_MIN + 1, 1 << 20};
    if (i < COUNT(special))
        return special[i];
    int64_t bits = (int64_t)cf_random_bits(7, 1, (uint64_t)i);
    int shift = (int)pick(2, i, 3) * 20; /* small, large and huge ones */
    return ((bits >> shift) & ~(int64_t)8191) | i;
}

/* Strings, among them what is nearly a number, one that begins another, bytes
 * above ASCII, and the longest there can be. */
static void write_id(char out[WRITTEN], bool word, int64_t i)
{
    static const char *const stem[] = {"00", "-0", "user ", "\xc3\xa9", "a,b"};
    if (!word)
        snprintf(out, WRITTEN, "%" PRId64, nth_number(i));
    else if (i % 97 == 5)
        snprintf(out, WRITTEN, "%0*" PRId64, CF_ID_MAX, i);
    else
        snprintf(out, WRITTEN, "%s%" PRId64, stem[i % COUNT(stem)], i);
}

static bool is_word(const setup *s, int64_t i)
{
    return s->kind == WORDS || (s->kind != NUMBERS && i % 2 == 1);
}

static bool holds(const setup *s, int64_t i, int rank)
{
    if (s->kind == BY_RANK && is_word(s, i) != (rank % 2 == 1))
        return false;
    switch (s->deal) {
    case ONE_EACH: return i / 2 % world.size == rank;
    case SOME_TWICE:
        return i % world.size == rank || pick(3, i * 64 + rank, 3) == 0;
    case ALL_EVERYWHERE: return true;
    case ONE_RANK: return rank == world.size / 2;
    case DEALS: break;
    }
    return false;
}

/* Ratings of an id on a rank that holds it; none for some. */
static int64_t ratings_of(const setup *s, int64_t i, int rank)
{
    return holds(s, i, rank) ? pick(4, i * 64 + rank, 5) : 0;
}

/* ---- what the map should be ---- */

typedef struct known {
    char written[WRITTEN];
    int64_t number, nth;
} known;

typedef struct reference {
    bool text;
    int64_t count;
    known *id;   /* [count] of all ranks, in order */
    int64_t *at; /* [n] position of each, -1 where no rank holds it */
} reference;

static int by_bytes(const void *a, const void *b)
{
    const known *x = a, *y = b;
    return strcmp(x->written, y->written);
}

static int by_number(const void *a, const void *b)
{
    const known *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

static void make_reference(reference *r, const setup *s)
{
    *r = (reference){0};
    r->id = cf_alloc(s->n, sizeof *r->id, "test");
    r->at = cf_alloc(s->n, sizeof *r->at, "test");
    for (int64_t i = 0; i < s->n; i++) {
        bool held = false;
        r->at[i] = -1;
        for (int rank = 0; rank < world.size; rank++)
            held |= holds(s, i, rank);
        if (!held)
            continue;
        known *k = &r->id[r->count++];
        r->text |= is_word(s, i);
        write_id(k->written, is_word(s, i), i);
        k->number = nth_number(i);
        k->nth = i;
    }
    if (r->count > 0)
        qsort(r->id, (size_t)r->count, sizeof *r->id,
              r->text ? by_bytes : by_number);
    for (int64_t p = 0; p < r->count; p++)
        r->at[r->id[p].nth] = p;
}

static void free_reference(reference *r)
{
    cf_free(r->id);
    cf_free(r->at);
}

static bool prints(const cf_ids *ids, int64_t i, const char *expected)
{
    cf_text t = {0};
    cf_ids_print(ids, i, &t);
    bool same = t.length == (int64_t)strlen(expected) &&
                memcmp(t.data, expected, strlen(expected)) == 0;
    cf_text_free(&t);
    return same;
}

/* ---- building ---- */

/* Where each id of this rank stands in its table. */
typedef struct table {
    cf_dictionary d;
    int64_t *nth; /* [d.ids.count] */
} table;

/* In another random order on each rank. */
static void make_table(table *t, const setup *s)
{
    int64_t *order = cf_alloc(s->n, sizeof *order, "test");
    *t = (table){0};
    t->nth = cf_alloc(s->n, sizeof *t->nth, "test");
    for (int64_t i = 0; i < s->n; i++) {
        int64_t j = pick(5, i * 64 + world.rank, i + 1);
        order[i] = order[j];
        order[j] = i;
    }
    for (int64_t o = 0; o < s->n; o++) {
        char before[8 + WRITTEN] = {0}, *id = before + 8;
        if (!holds(s, order[o], world.rank))
            continue;
        write_id(id, is_word(s, order[o]), order[o]);
        int32_t number = cf_dictionary_add(&t->d, id, id + strlen(id));
        CHECK(number == t->d.ids.count - 1);
        t->nth[number] = order[o];
        t->d.entries[number] = ratings_of(s, order[o], world.rank);
    }
    cf_free(order);
}

static void free_table(table *t)
{
    cf_dictionary_free(&t->d);
    cf_free(t->nth);
}

static void check_ids(const cf_idmap *map, const reference *r)
{
    CHECK(map->part.size == world.size && cf_part_rows(&map->part) == r->count);
    CHECK(same_on_all(map->part.begin,
                      (world.size + 1) * (int64_t)sizeof *map->part.begin));
    CHECK(map->ids.text == r->text);
    CHECK(map->ids.count == cf_part_count(&map->part, world.rank));
    for (int64_t i = 0; i < map->ids.count; i++)
        CHECK(prints(&map->ids, i,
                     r->id[map->part.begin[world.rank] + i].written));
}

static void check_entries(const cf_idmap *map, const setup *s,
                          const reference *r)
{
    for (int64_t i = 0; i < map->ids.count; i++) {
        int64_t all = 0, nth = r->id[map->part.begin[world.rank] + i].nth;
        for (int rank = 0; rank < world.size; rank++)
            all += ratings_of(s, nth, rank);
        CHECK(map->entries[i] == all);
    }
}

/* Ratings in order of id, then of the rank that has read them. */
static void check_placement(const cf_placement *at, const table *t,
                            const setup *s, const reference *r)
{
    int64_t *first = cf_alloc(s->n, sizeof *first, "test"), before = 0;
    for (int64_t p = 0; p < r->count; p++)
        for (int rank = 0; rank < world.size; rank++) {
            if (rank == world.rank)
                first[r->id[p].nth] = before;
            before += ratings_of(s, r->id[p].nth, rank);
        }
    CHECK(t->d.ids.text == r->text);
    for (int64_t i = 0; i < t->d.ids.count; i++) {
        CHECK(at->index[i] == r->at[t->nth[i]]);
        CHECK(at->first[i] == first[t->nth[i]]);
    }
    cf_free(first);
}

static void build(cf_idmap *map, const setup *s, const reference *r)
{
    table t;
    cf_placement at = {0};
    make_table(&t, s);
    cf_idmap_build(map, &world, &t.d, &at);
    check_ids(map, r);
    check_entries(map, s, r);
    check_placement(&at, &t, s, r);
    cf_placement_free(&at);
    cf_placement_free(&at);
    free_table(&t);
}

/* ---- asking ---- */

/* A list of ids: integers where `text` is false, else as they are written. */
static void make_list(cf_ids *ids, bool text, char (*written)[WRITTEN],
                      int64_t count)
{
    *ids = (cf_ids){0};
    if (text) {
        cf_ids_from_fields(ids, (const char *)written, count, WRITTEN);
        return;
    }
    cf_ids_make(ids, false, count, 0);
    for (int64_t i = 0; i < count; i++)
        ids->number[i] = strtoll(written[i], NULL, 10);
}

/* Asks for known ids and others, some of them twice, as integers or as
 * strings; where it goes by ranks, some ask in the kind that others do not
 * and the last one asks nothing. */
static void check_find(const cf_idmap *map, const setup *s, const reference *r,
                       int mode)
{
    int64_t count = 0, room = 4 * s->n + 16;
    bool text = mode == 2 ? world.rank % 2 == 1 : mode == 1;
    char(*ask)[WRITTEN] = cf_alloc(room, sizeof *ask, "test");
    cf_gidx *expected = cf_alloc(room, sizeof *expected, "test");
    cf_gidx *index = cf_alloc(room, sizeof *index, "test");
    cf_ids ids;
    for (int64_t i = 2 * s->n + 3; i >= 0; i -= world.rank + 1)
        for (int word = 0; word <= text; word++) {
            bool held = i < s->n && is_word(s, i) == (word == 1);
            expected[count] = held ? r->at[i] : -1;
            write_id(ask[count++], word == 1, i);
        }
    memcpy(ask[count], ask[0], WRITTEN);
    expected[count++] = expected[0];
    if (mode == 2 && world.rank == world.size - 1)
        count = 0;
    make_list(&ids, text, ask, count);
    cf_idmap_find(map, &world, &ids, index);
    for (int64_t i = 0; i < count; i++)
        CHECK(index[i] == expected[i]);
    cf_ids_free(&ids);
    cf_free(ask);
    cf_free(expected);
    cf_free(index);
}

/* What reads like a number is one only as the program writes it. */
static void check_written(const cf_idmap *map, const setup *s,
                          const reference *r)
{
    char ask[][WRITTEN] = {"0", "1", "00", "01", "+1", "-0", "1 ", "", "-1"};
    cf_gidx index[COUNT(ask)];
    cf_ids ids;
    make_list(&ids, true, ask, COUNT(ask));
    cf_idmap_find(map, &world, &ids, index);
    for (int i = 0; i < COUNT(ask); i++) {
        int nth = i == 0 ? 0 : i == 1 ? 2 : i == 8 ? 1 : -1;
        bool held = nth >= 0 && nth < s->n && !is_word(s, nth);
        CHECK(index[i] == (held ? r->at[nth] : -1));
    }
    cf_ids_free(&ids);
}

static void check_print(const cf_idmap *map, const reference *r)
{
    for (int64_t p = 0; p < r->count; p += 1 + r->count / 20) {
        cf_text t = {0};
        cf_text_add(&t, "user ");
        cf_idmap_print(map, &world, p, &t);
        CHECK(strncmp(t.data, "user ", 5) == 0);
        CHECK(strcmp(t.data + 5, r->id[p].written) == 0);
        CHECK(t.length == (int64_t)strlen(t.data));
        cf_text_free(&t);
    }
}

static void check_questions(const cf_idmap *map, const setup *s,
                            const reference *r)
{
    for (int mode = 0; mode < 3; mode++)
        check_find(map, s, r, mode);
    check_written(map, s, r);
    check_print(map, r);
}

/* ---- keeping some ---- */

/* Nothing, everything, a few, or the upper half. */
static bool keep(int mode, int64_t position, int64_t count)
{
    return mode == 1 || (mode == 2 && pick(6, position, 3) == 0) ||
           (mode == 3 && position >= count / 2);
}

static void check_filter(cf_idmap *map, const setup *s, reference *r, int mode)
{
    cf_gidx begin = map->part.begin[world.rank], kept = 0;
    int64_t own = map->ids.count;
    bool *marks = cf_alloc(own, sizeof *marks, "test");
    cf_gidx *number = cf_alloc(own, sizeof *number, "test");
    for (int64_t i = 0; i < own; i++)
        marks[i] = keep(mode, begin + i, r->count);
    cf_idmap_filter(map, &world, marks, number);
    for (int64_t p = 0; p < r->count; p++) {
        bool in = keep(mode, p, r->count);
        if (p >= begin && p < begin + own)
            CHECK(number[p - begin] == (in ? kept : -1));
        r->at[r->id[p].nth] = in ? kept : -1;
        if (in)
            r->id[kept++] = r->id[p];
    }
    r->count = kept;
    check_ids(map, r);
    CHECK(map->entries == NULL);
    check_questions(map, s, r);
    cf_free(marks);
    cf_free(number);
}

/* ---- all of it ---- */

static void check_map(const setup *s)
{
    reference r;
    cf_idmap map = {0};
    make_reference(&r, s);
    build(&map, s, &r);
    build(&map, s, &r); /* over a map that there was */
    check_questions(&map, s, &r);
    check_filter(&map, s, &r, (int)(s->n + (int64_t)s->deal) % 4);
    free_reference(&r);
    cf_idmap_free(&map);
    cf_idmap_free(&map);
}

static void test_maps(void)
{
    static const int64_t sizes[] = {0, 1, 2, 3, 7, 100, 4000};
    for (int kind = 0; kind < KINDS; kind++)
        for (int deal = 0; deal < DEALS; deal++)
            for (int n = 0; n < COUNT(sizes); n++)
                check_map(&(setup){(enum kind)kind, (enum deal)deal, sizes[n]});
}

/* A map as it is read from a file: evenly split, with ranks that have none. */
static void test_even_split(void)
{
    static const int64_t sizes[] = {0, 1, 2, 5, 64};
    for (int n = 0; n < COUNT(sizes); n++)
        for (int kind = 0; kind < BY_RANK; kind++) {
            setup s = {(enum kind)kind, ALL_EVERYWHERE, sizes[n]};
            reference r;
            cf_idmap map = {0};
            make_reference(&r, &s);
            cf_part_even(&map.part, r.count, world.size);
            int64_t own = cf_part_count(&map.part, world.rank);
            char(*mine)[WRITTEN] = cf_alloc(own, sizeof *mine, "test");
            for (int64_t i = 0; i < own; i++)
                memcpy(mine[i], r.id[map.part.begin[world.rank] + i].written,
                       WRITTEN);
            make_list(&map.ids, r.text, mine, own);
            check_ids(&map, &r);
            check_questions(&map, &s, &r);
            cf_free(mine);
            free_reference(&r);
            cf_idmap_free(&map);
        }
}

/* No rank gets much more than its share, whatever ranges the ranks know. */
static void test_balance(void)
{
    const int64_t n = 20000;
    cf_idmap map = {0};
    cf_dictionary d = {0};
    cf_placement at = {0};
    for (int64_t i = 0; i < n; i++)
        cf_dictionary_add_number(&d, world.rank * n + i * i);
    cf_idmap_build(&map, &world, &d, &at);
    cf_gidx rows = cf_part_rows(&map.part);
    CHECK(cf_part_largest(&map.part) <= 2 * rows / world.size);
    cf_dictionary_free(&d);
    cf_placement_free(&at);
    cf_idmap_free(&map);
}

static void run_tests(void)
{
    test_maps();
    test_even_split();
    test_balance();
}
