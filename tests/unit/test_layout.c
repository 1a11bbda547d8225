#include "test.h"

#include "cfmpi/layout.h"

static char folder[FOLDER_MAX];

enum { USERS = 40, ITEMS = 30, DIM = 3, NEAR = 4 };

static float rating(cf_gidx user, cf_gidx item)
{
    int64_t at = user * 100 + item;
    bool there = user == item % USERS || (user != 7 && pick(1, at, 4) == 0);
    return there ? (float)(pick(2, at, 10) + 1) / 2 : NAN;
}

/* Everything that a result file holds. */
typedef struct job {
    cf_tables t;
    cf_csr a;
    cf_embedding e;
    cf_neighbors n;
    cf_topk top;
} job;

/* Ids in order: 5, 12, 19, … or strings, the last of which is the longest. */
static void write_id(char out[40], bool text, cf_gidx row, cf_gidx count)
{
    if (text)
        snprintf(out, 40, "\xc3\xa9 %03d%s", (int)(5 + 7 * row),
                 row == count - 1 ? ", the last" : "");
    else
        snprintf(out, 40, "%" PRId64, 5 + 7 * row);
}

/* The ids of rows [begin, begin + n). */
static void make_ids(cf_ids *ids, bool text, cf_gidx begin, int64_t n,
                     cf_gidx count)
{
    char id[40];
    cf_ids_make(ids, text, n, n * 40);
    for (int64_t i = 0; i < n; i++) {
        write_id(id, text, begin + i, count);
        if (text)
            memcpy(ids->bytes + ids->begin[i], id, strlen(id));
        if (text)
            ids->begin[i + 1] = ids->begin[i] + (int64_t)strlen(id);
        else
            ids->number[i] = 5 + 7 * (begin + i);
    }
}

static void make_map(cf_idmap *map, bool text, cf_gidx count)
{
    cf_part_even(&map->part, count, world.size);
    make_ids(&map->ids, text, map->part.begin[world.rank],
             cf_part_count(&map->part, world.rank), count);
}

static void make_embedding(job *j)
{
    int64_t n = j->a.n_loc, m;
    j->e.dim = DIM;
    j->e.orthogonality = 0.125;
    cf_part_copy(&j->e.user_part, &j->a.part);
    cf_part_even(&j->e.item_part, ITEMS, world.size);
    m = cf_part_count(&j->e.item_part, world.rank);
    j->e.users = cf_alloc(n * DIM, sizeof *j->e.users, "test");
    j->e.items = cf_alloc(m * DIM, sizeof *j->e.items, "test");
    j->e.sigma = cf_alloc(4 * DIM, sizeof *j->e.sigma, "test");
    for (int64_t i = 0; i < n * DIM; i++)
        j->e.users[i] = (float)noise(3, j->a.part.begin[world.rank] * DIM + i);
    for (int64_t i = 0; i < m * DIM; i++)
        j->e.items[i] =
            (float)noise(4, j->e.item_part.begin[world.rank] * DIM + i);
    for (int k = 0; k < 4 * DIM; k++)
        j->e.sigma[k] = 9 - k / 3.0;
    j->e.residual = j->e.sigma + DIM;
    j->e.left = j->e.residual + DIM;
    j->e.right = j->e.left + DIM;
}

/* Lists of different lengths over rows below `limit`. */
static void make_lists(cf_topk *t, const cf_part *part, int64_t k,
                       cf_gidx limit)
{
    cf_topk_init(t, cf_part_count(part, world.rank), k);
    for (int64_t i = 0; i < t->rows; i++) {
        cf_gidx row = part->begin[world.rank] + i;
        for (int64_t p = 0; p < row % (k + 2); p++)
            cf_topk_push(t, i, (float)noise(5, row * 100 + p),
                         (row + 1 + p) % limit);
    }
    cf_topk_finish(t);
}

/* Users of one kind, items of the other. */
static void make_job(job *j, bool text)
{
    make_csr(&j->a, &world, USERS, ITEMS, rating);
    make_map(&j->t.users, text, USERS);
    make_map(&j->t.items, !text, ITEMS);
    cf_tables_fill(&j->t, &j->a, &world);
    make_embedding(j);
    uneven_part(&j->n.part, USERS, world.size);
    make_lists(&j->n.lists, &j->n.part, NEAR, USERS);
    make_lists(&j->top, &j->n.part, NEAR + 1, ITEMS);
}

static void free_job(job *j)
{
    cf_tables_free(&j->t);
    cf_tables_free(&j->t);
    cf_csr_free(&j->a);
    cf_embedding_free(&j->e);
    cf_neighbors_free(&j->n);
    cf_topk_free(&j->top);
}

static void write_job(char path[CF_PATH_MAX], const char *name, const job *j)
{
    const cf_transform plain = {0};
    cf_writer w = {0};
    snprintf(path, CF_PATH_MAX, "%s/%s", folder, name);
    CHECK(cf_writer_begin(&w, &world, path, true) == CF_OK);
    cf_writer_text(&w, "/", "format", "cfmpi");
    cf_writer_integer(&w, "/", "format_version", CF_FORMAT_VERSION);
    cf_layout_add_ratings(&w, &j->t, &j->a);
    cf_layout_add_embedding(&w, &j->e, &plain);
    cf_layout_add_neighbors(&w, "users", "embedding", CF_COSINE, &j->n);
    cf_recommendations top = {j->n.part, j->top, NULL};
    cf_layout_add_recommendations(&w, &top, CF_SCORE_MEAN, ITEMS);
    CHECK(cf_writer_commit(&w) == CF_OK);
    cf_writer_free(&w);
}

static void check_tables(const job *j)
{
    cf_gidx begin = j->a.part.begin[world.rank],
            first = j->t.items.part.begin[world.rank];
    for (int64_t i = 0;
         i < j->a.n_loc + cf_part_count(&j->t.items.part, world.rank); i++) {
        bool user = i < j->a.n_loc;
        int64_t at = user ? i : i - j->a.n_loc, count = 0;
        double sum = 0;
        for (cf_gidx o = 0; o < (user ? ITEMS : USERS); o++) {
            float x = user ? rating(begin + at, o) : rating(o, first + at);
            count += !isnan(x);
            sum += isnan(x) ? 0 : (double)x;
        }
        CHECK((user ? j->t.user_count : j->t.item_count)[at] == count);
        double mean = (user ? j->t.user_mean : j->t.item_mean)[at];
        CHECK(count == 0 ? isnan(mean)
                         : fabs(mean - sum / (double)count) < 1e-12);
    }
}

static void check_ratings(const cf_h5 *f)
{
    cf_csr a = {0};
    CHECK(cf_layout_read_ratings(f, &world, &a) == CF_OK);
    CHECK(a.rows == USERS && a.cols == ITEMS);
    int64_t e = 0;
    for (int64_t i = 0; i < a.n_loc; i++) {
        CHECK(a.indptr[i] == e);
        for (cf_gidx j = 0; j < ITEMS; j++) {
            float x = rating(a.part.begin[world.rank] + i, j);
            if (isnan(x))
                continue;
            CHECK(a.indices[e] == j && same_number(a.values[e], x));
            e++;
        }
    }
    CHECK(a.indptr[a.n_loc] == e && a.nnz_begin == cf_exscan_i64(&world, e));
    CHECK(a.nnz == cf_sum_i64(&world, e));
    cf_csr_free(&a);
}

static void check_embedding(const cf_h5 *f, const char *side, bool scaled)
{
    cf_part part = {0};
    float *rows = NULL;
    int dim = 0;
    bool users = strcmp(side, "users") == 0;
    CHECK(cf_layout_read_embedding(f, &world, side, scaled, &part, &rows,
                                   &dim) == CF_OK);
    CHECK(dim == DIM && cf_part_rows(&part) == (users ? USERS : ITEMS));
    int64_t n = cf_part_count(&part, world.rank) * DIM,
            begin = part.begin[world.rank] * DIM;
    for (int64_t i = 0; i < n; i++) {
        float x = (float)noise(users ? 3 : 4, begin + i);
        double sigma = 9 - (double)((begin + i) % DIM) / 3.0;
        CHECK(same_number(rows[i], scaled ? (float)((double)x * sigma) : x));
    }
    cf_part_free(&part);
    cf_free(rows);
}

static void check_lists(const cf_h5 *f, const char *group, int64_t k,
                        cf_gidx limit)
{
    cf_part part = {0};
    cf_topk got = {0}, expected = {0};
    CHECK(cf_layout_read_lists(f, &world, group, USERS, limit, &part, &got) ==
          CF_OK);
    make_lists(&expected, &part, k, limit);
    CHECK(got.rows == expected.rows && got.k == k && got.stride == k);
    for (int64_t i = 0; i < got.rows; i++)
        CHECK(got.count[i] == expected.count[i]);
    for (int64_t i = 0; i < got.rows * k; i++)
        CHECK(got.index[i] == expected.index[i] &&
              same_number(got.score[i], expected.score[i]));
    cf_part_free(&part);
    cf_topk_free(&got);
    cf_topk_free(&expected);
}

static void check_list(const cf_ids *ids, bool text, cf_gidx begin, int64_t n,
                       cf_gidx count)
{
    cf_ids expected = {0};
    make_ids(&expected, text, begin, n, count);
    CHECK(ids->text == text && ids->count == n);
    for (int64_t i = 0; i < CF_MIN(n, ids->count); i++)
        CHECK(cf_ids_compare(ids, i, &expected, i) == 0);
    cf_ids_free(&expected);
}

static void check_ids(const cf_h5 *f, const char *side, bool text,
                      cf_gidx count)
{
    cf_idmap map = {0};
    cf_ids ids = {0};
    char name[CF_NAME_MAX];
    cf_dataset d;
    cf_gidx index[3];
    CHECK(cf_layout_read_ids(f, &world, side, &map) == CF_OK);
    CHECK(cf_part_rows(&map.part) == count);
    check_list(&map.ids, text, map.part.begin[world.rank],
               cf_part_count(&map.part, world.rank), count);
    make_ids(&ids, text, count - 3, 3, count);
    cf_idmap_find(&map, &world, &ids, index);
    CHECK(index[0] == count - 3 && index[2] == count - 1);
    CHECK(cf_layout_load_ids(f, side, 0, -1, &ids) == CF_OK);
    check_list(&ids, text, 0, count, count);
    CHECK(cf_layout_load_ids(f, side, 3 + world.rank, 5, &ids) == CF_OK);
    check_list(&ids, text, 3 + world.rank, 5, count);
    CHECK(cf_layout_load_ids(f, side, 0, 0, &ids) == CF_OK);
    check_list(&ids, text, 0, 0, count);
    CHECK(cf_layout_load_ids(f, side, count - 1, 2, &ids) == CF_BAD_DATA);
    cf_error_clear();
    snprintf(name, sizeof name, "/%s/id", side);
    CHECK(cf_h5_dataset(f, name, &d) == CF_OK);
    CHECK(d.type == (text ? CF_STRING : CF_I64) && d.cols == 1 && d.dims == 1);
    CHECK(d.width == (text ? strlen("\xc3\xa9 005, the last") : 8));
    cf_ids_free(&ids);
    cf_idmap_free(&map);
}

static void check_round_trip(bool text)
{
    char path[CF_PATH_MAX];
    job j = {0};
    cf_h5 f = {0};
    make_job(&j, text);
    check_tables(&j);
    write_job(path, "job.h5", &j);
    CHECK(cf_h5_open(&f, &world, path) == CF_OK);
    check_ratings(&f);
    check_ids(&f, "users", text, USERS);
    check_ids(&f, "items", !text, ITEMS);
    check_embedding(&f, "users", false);
    check_embedding(&f, "items", false);
    check_embedding(&f, "items", true);
    check_lists(&f, "/neighbors/users", NEAR, USERS);
    check_lists(&f, "/recommendations", NEAR + 1, ITEMS);
    CHECK(!cf_h5_has(&f, "/items/title"));
    cf_h5_close(&f);
    free_job(&j);
}

static void test_round_trip(void)
{
    check_round_trip(false);
    check_round_trip(true);
}

/* Ids that only some ranks have, in no order: as pairs are given. */
static void test_add_ids(void)
{
    static const char *const words[] = {"x", "a, b", "x"};
    char path[CF_PATH_MAX], fields[3][4] = {{0}};
    cf_h5 f = {0};
    cf_writer w = {0};
    cf_ids ids = {0}, none = {0};
    bool mine = world.rank == world.size / 2;
    cf_gidx begin = world.rank > world.size / 2 ? 3 : 0;
    for (int i = 0; i < 3; i++)
        memcpy(fields[i], words[i], strlen(words[i]));
    if (mine)
        cf_ids_from_fields(&ids, fields[0], 3, 4);
    snprintf(path, sizeof path, "%s/ids.h5", folder);
    CHECK(cf_writer_begin(&w, &world, path, true) == CF_OK);
    cf_writer_text(&w, "/", "format", "cfmpi");
    cf_writer_integer(&w, "/", "format_version", CF_FORMAT_VERSION);
    cf_layout_add_ids(&w, "/users/id", 3, begin, &ids, "words");
    cf_layout_add_ids(&w, "/items/id", 0, 0, &none, "nobody");
    CHECK(cf_writer_commit(&w) == CF_OK);
    cf_writer_free(&w);
    cf_ids_free(&ids);
    CHECK(cf_h5_open(&f, &world, path) == CF_OK);
    char got[3][4];
    int64_t n = world.rank == 0 ? 3 : 0;
    CHECK(cf_h5_read_slab(&f, &world, "/users/id", CF_STRING, 1,
                          world.rank == 0 ? 0 : 3, n, got) == CF_OK);
    CHECK(n == 0 || memcmp(got, fields, sizeof got) == 0);
    CHECK(cf_layout_load_ids(&f, "items", 0, -1, &ids) == CF_OK);
    CHECK(ids.count == 0 && !ids.text);
    cf_ids_free(&ids);
    cf_h5_close(&f);
}

/* ---- files whose digests are right and whose content is not ---- */

/* Damages the own data of one rank before writing. */
typedef void damage_fn(job *j);

static void column_too_large(job *j)
{
    j->a.indices[j->a.indptr[1] - 1] = ITEMS;
}

static void column_negative(job *j)
{
    j->a.indices[0] = -1;
}

static void columns_descend(job *j)
{
    j->a.indices[0] = j->a.indices[1];
}

static void pointers_descend(job *j)
{
    j->a.indptr[1] = j->a.indptr[2] + 1;
}

static void pointers_too_far(job *j)
{
    j->a.indptr[0] = 1;
}

static void list_too_far(job *j)
{
    j->n.lists.index[NEAR] = USERS;
}

static void count_too_large(job *j)
{
    j->n.lists.count[1] = NEAR + 1;
}

enum part { RATINGS, LISTS, IDS };

/* Writes a job of which one rank, that has rows enough, is damaged. */
static void check_damage(damage_fn *damage, enum part part, bool text)
{
    char path[CF_PATH_MAX];
    job j = {0};
    cf_h5 f = {0};
    cf_csr a = {0};
    cf_part rows = {0};
    cf_topk t = {0};
    cf_idmap map = {0};
    make_job(&j, text);
    int64_t enough = part == LISTS ? j.n.lists.rows > 1
                     : part == IDS ? j.t.users.ids.count > 1
                                   : j.a.n_loc > 1;
    int first = (int)cf_min_i64(&world, enough ? world.rank : world.size);
    if (world.rank == first)
        damage(&j);
    write_job(path, "damage.h5", &j);
    CHECK(cf_h5_open(&f, &world, path) == CF_OK);
    CHECK(failed_with(
        part == LISTS ? cf_layout_read_lists(&f, &world, "/neighbors/users",
                                             USERS, USERS, &rows, &t)
        : part == IDS ? cf_layout_read_ids(&f, &world, "users", &map)
                      : cf_layout_read_ratings(&f, &world, &a),
        CF_BAD_DATA, path));
    cf_h5_close(&f);
    cf_csr_free(&a);
    cf_part_free(&rows);
    cf_topk_free(&t);
    cf_idmap_free(&map);
    free_job(&j);
}

static void ids_repeat(job *j)
{
    j->t.users.ids.number[1] = j->t.users.ids.number[0];
}

static void ids_descend(job *j)
{
    j->t.users.ids.number[0] = 1000000;
}

/* The last own id is that of the next rank's first; where there is no other
 * rank, of the one before. */
static void ids_repeat_over_ranks(job *j)
{
    cf_ids *ids = &j->t.users.ids;
    int64_t last = ids->count - 1;
    ids->number[last] =
        world.size > 1 ? ids->number[last] + 7 : ids->number[last - 1];
}

static void strings_repeat(job *j)
{
    cf_ids *ids = &j->t.users.ids;
    memcpy(ids->bytes + ids->begin[1], ids->bytes, (size_t)ids->begin[1]);
}

static void strings_descend(job *j)
{
    j->t.users.ids.bytes[1] = (char)0xff;
}

static void string_empty(job *j)
{
    cf_ids *ids = &j->t.users.ids;
    memset(ids->bytes, 0, (size_t)ids->begin[1]);
}

static void test_damage(void)
{
    check_damage(column_too_large, RATINGS, false);
    check_damage(column_negative, RATINGS, false);
    check_damage(columns_descend, RATINGS, false);
    check_damage(pointers_descend, RATINGS, false);
    if (world.size == 1)
        check_damage(pointers_too_far, RATINGS, false);
    check_damage(list_too_far, LISTS, true);
    check_damage(count_too_large, LISTS, true);
    check_damage(ids_repeat, IDS, false);
    check_damage(ids_descend, IDS, false);
    check_damage(ids_repeat_over_ranks, IDS, false);
    check_damage(strings_repeat, IDS, true);
    check_damage(strings_descend, IDS, true);
    check_damage(string_empty, IDS, true);
}

/* Ids that are neither integers nor strings, or strings too long. */
static void test_other_types(void)
{
    char path[CF_PATH_MAX], wide[2][CF_ID_MAX + 1] = {"a", "b"};
    const double real[2] = {1, 2};
    cf_h5 f = {0};
    cf_writer w = {0};
    cf_idmap map = {0};
    cf_ids ids = {0};
    int64_t n = world.rank == 0 ? 2 : 0;
    snprintf(path, sizeof path, "%s/types.h5", folder);
    CHECK(cf_writer_begin(&w, &world, path, true) == CF_OK);
    cf_writer_text(&w, "/", "format", "cfmpi");
    cf_writer_integer(&w, "/", "format_version", CF_FORMAT_VERSION);
    cf_writer_add(&w, "/users/id", CF_F64, 2, 1, 1, 2 - n, n, real, "", NULL,
                  0);
    cf_writer_add_strings(&w, "/items/id", sizeof wide[0], 2, 2 - n, n, wide[0],
                          "");
    CHECK(cf_writer_commit(&w) == CF_OK);
    cf_writer_free(&w);
    CHECK(cf_h5_open(&f, &world, path) == CF_OK);
    CHECK(failed_with(cf_layout_read_ids(&f, &world, "users", &map),
                      CF_BAD_DATA, "types.h5: /users/id holds"));
    CHECK(failed_with(cf_layout_load_ids(&f, "users", 0, -1, &ids), CF_BAD_DATA,
                      "types.h5: /users/id holds"));
    CHECK(failed_with(cf_layout_read_ids(&f, &world, "items", &map),
                      CF_BAD_DATA, "types.h5: /items/id holds"));
    cf_idmap_free(&map);
    cf_ids_free(&ids);
    cf_h5_close(&f);
}

static void run_tests(void)
{
    make_folder(folder);
    test_round_trip();
    test_add_ids();
    test_damage();
    test_other_types();
    remove_folder(folder);
}
