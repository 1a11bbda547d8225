/* The readers of the program's own files: whatever a file holds, they say what
 * is wrong with it, or give a matrix, ids, an embedding and lists that are
 * what they must be. See recipe.h for how files come about. */
#include "fuzz.h"

#include <math.h>

#include "cfmpi/layout.h"
#include "recipe.h"

enum { USERS = 5, ITEMS = 4, NNZ = 9, DIM = 2, NEAR = 2 };

static recipe sound;
static char path[CF_PATH_MAX];

static void add_ids(void)
{
    static const int64_t users[USERS] = {-3, 1, 2, 40, 500};
    static const int64_t items[ITEMS] = {7, 8, 9, 1000000000000};
    static const int64_t counts[USERS] = {3, 2, 1, 2, 1};
    static const double means[USERS] = {3, 2.5, 4, 1, 5};
    static const char titles[ITEMS][8] = {"Heat", "\xc3\x84on", "", "A, B"};
    add_dataset(&sound, "/users/id", I64, USERS, 0, users);
    add_dataset(&sound, "/users/count", I64, USERS, 0, counts);
    add_dataset(&sound, "/users/mean", F64, USERS, 0, means);
    add_dataset(&sound, "/items/id", I64, ITEMS, 0, items);
    add_dataset(&sound, "/items/count", I64, ITEMS, 0, counts);
    add_dataset(&sound, "/items/mean", F64, ITEMS, 0, means);
    recipe_dataset *d =
        add_dataset(&sound, "/items/title", FIXED, 1, 0, "1234567");
    d->size[0] = ITEMS;
    d->length = sizeof titles;
    memcpy(d->content, titles, sizeof titles);
}

static void add_matrix(void)
{
    static const int64_t indptr[USERS + 1] = {0, 3, 5, 6, 8, 9};
    static const int32_t indices[NNZ] = {0, 1, 3, 0, 2, 3, 1, 2, 0};
    static const float values[NNZ] = {1, 3, 5, 2, 3, 4, 0.5f, 1.5f, 5};
    add_dataset(&sound, "/ratings/indptr", I64, USERS + 1, 0, indptr);
    add_dataset(&sound, "/ratings/indices", I32, NNZ, 0, indices);
    add_dataset(&sound, "/ratings/values", F32, NNZ, 0, values);
}

static void add_embedding(void)
{
    static const float rows[USERS * DIM] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    static const double sigma[DIM] = {7.5, 2};
    add_dataset(&sound, "/embedding/users", F32, USERS, DIM, rows);
    add_dataset(&sound, "/embedding/items", F32, ITEMS, DIM, rows);
    add_dataset(&sound, "/embedding/singular_values", F64, DIM, 0, sigma);
    add_dataset(&sound, "/embedding/residuals", F64, DIM, 0, sigma);
}

static void add_lists(const char *group)
{
    static const int32_t index[USERS * NEAR] = {1, 2, 0, 2, 3, -1, 2, 0, 1, 0};
    static const float score[USERS * NEAR] = {2, 1, 2, 1, 2, 1, 2, 1, 2, 1};
    static const int32_t count[USERS] = {2, 2, 1, 2, 2};
    char name[NAME];
    snprintf(name, NAME, "%.40s/index", group);
    add_dataset(&sound, name, I32, USERS, NEAR, index);
    snprintf(name, NAME, "%.40s/score", group);
    add_dataset(&sound, name, F32, USERS, NEAR, score);
    snprintf(name, NAME, "%.40s/count", group);
    add_dataset(&sound, name, I32, USERS, 0, count);
}

static void add_graph(void)
{
    static const int64_t indptr[USERS + 1] = {0, 2, 3, 5, 6, 6};
    static const int32_t indices[6] = {1, 2, 0, 0, 3, 2};
    static const float weight[6] = {2, 1, 2, 1, 0.5f, 0.5f};
    add_dataset(&sound, "/graph/users/indptr", I64, USERS + 1, 0, indptr);
    add_dataset(&sound, "/graph/users/indices", I32, 6, 0, indices);
    add_dataset(&sound, "/graph/users/weight", F32, 6, 0, weight);
}

static void prepare(void)
{
    name_file(path, "h5");
    add_ids();
    add_matrix();
    add_embedding();
    add_lists("/neighbors/users");
    add_lists("/recommendations");
    add_graph();
    add_attr(&sound, "/", "format", "cfmpi", 0);
    add_attr(&sound, "/", "format_version", NULL, 1);
    add_attr(&sound, "/", "complete", NULL, 1);
    add_attr(&sound, "/", "input", "{\"name\": \"x.csv\"}", 0);
    add_attr(&sound, "/neighbors/users", "order", "ascending", 0);
    add_attr(&sound, "/neighbors/users", "similarity", "euclidean", 0);
    add_attr(&sound, "/neighbors", "space", "embedding", 0);
    add_attr(&sound, "/graph/users", "form", "mutual", 0);
}

/* ---- what must hold of what was read ---- */

static void read_matrix(const cf_h5 *f)
{
    cf_csr a = {0};
    if (succeeded(cf_layout_read_ratings(f, &self, &a))) {
        HOLDS(a.n_loc == a.rows && a.indptr[0] == 0);
        HOLDS(a.indptr[a.rows] == a.nnz);
        for (int64_t i = 0; i < a.rows; i++)
            for (int64_t e = a.indptr[i]; e < a.indptr[i + 1]; e++) {
                HOLDS(a.indices[e] >= 0 && a.indices[e] < a.cols);
                HOLDS(e == a.indptr[i] || a.indices[e] > a.indices[e - 1]);
                HOLDS(isfinite(a.values[e]));
            }
    }
    cf_csr_free(&a);
}

static void read_graph(const cf_h5 *f)
{
    cf_graph g = {0};
    enum cf_graph_form form;
    if (succeeded(cf_layout_read_graph_form(f, "users", &form)))
        HOLDS(form > CF_GRAPH_DIRECTED && form <= CF_GRAPH_THRESHOLD);
    if (succeeded(cf_layout_read_graph(f, &self, "users", &g))) {
        cf_gidx rows = cf_part_rows(&g.part);
        HOLDS(g.indptr[0] == 0 && g.indptr[rows] == g.entries);
        for (int64_t i = 0; i < rows; i++)
            for (int64_t e = g.indptr[i]; e < g.indptr[i + 1]; e++) {
                HOLDS(g.indices[e] >= 0 && g.indices[e] < rows);
                HOLDS(g.indices[e] != i && !isnan(g.weight[e]));
                HOLDS(e == g.indptr[i] || g.indices[e] > g.indices[e - 1]);
            }
    }
    cf_graph_free(&g);
}

static void read_ids(const cf_h5 *f, const char *side)
{
    cf_idmap m = {0};
    if (succeeded(cf_layout_read_ids(f, &self, side, &m)))
        for (int64_t i = 1; i < cf_part_rows(&m.part); i++)
            HOLDS(cf_ids_compare(&m.ids, i, &m.ids, i - 1) > 0);
    cf_idmap_free(&m);
}

static void read_embedding(const cf_h5 *f, const char *side, bool scaled)
{
    cf_part part = {0};
    float *rows = NULL, sum = 0;
    int dim = 0;
    if (succeeded(cf_layout_read_embedding(f, &self, side, scaled, &part, &rows,
                                           &dim)))
        for (int64_t i = 0; i < cf_part_rows(&part) * dim; i++)
            sum += rows[i];
    (void)sum;
    cf_part_free(&part);
    cf_free(rows);
}

static void read_lists(const cf_h5 *f, const char *group, cf_gidx limit)
{
    cf_part part = {0};
    cf_topk t = {0};
    if (succeeded(
            cf_layout_read_lists(f, &self, group, USERS, limit, &part, &t)))
        for (int64_t i = 0; i < USERS; i++)
            for (int64_t c = 0; c < t.count[i]; c++) {
                HOLDS(t.index[i * t.k + c] >= 0);
                HOLDS(t.index[i * t.k + c] < limit);
            }
    cf_part_free(&part);
    cf_topk_free(&t);
}

static void read_all(const cf_h5 *f)
{
    cf_dataset *list = NULL;
    cf_text text = {0};
    char hex[CF_DIGEST_HEX];
    double number;
    int count = 0;
    enum cf_similarity by;
    if (succeeded(cf_h5_list(f, &list, &count)))
        for (int i = 0; i < count; i++) {
            HOLDS(cf_h5_has(f, list[i].name));
            if (list[i].known)
                succeeded(cf_h5_digest(f, &self, &list[i], hex));
        }
    cf_free(list);
    if (succeeded(cf_layout_read_similarity(f, "/neighbors/users", &by))) {
        HOLDS(by >= CF_COSINE && by <= CF_EUCLIDEAN);
        cf_layout_order_fits(f, "/neighbors/users", by);
    }
    cf_h5_text(f, "/", "input", &text);
    cf_h5_number(f, "/neighbors", "space", &number);
    cf_text_free(&text);
    read_matrix(f);
    read_graph(f);
    read_ids(f, "users");
    read_ids(f, "items");
    read_embedding(f, "users", false);
    read_embedding(f, "items", true);
    read_lists(f, "/neighbors/users", USERS);
    read_lists(f, "/recommendations", ITEMS);
}

static void attempt(const uint8_t *data, size_t size)
{
    recipe r = sound;
    bytes b = {data, size};
    cf_h5 f = {0};
    change(&r, &b);
    write_recipe(&r, path);
    if (succeeded(cf_h5_open(&f, &self, path)))
        read_all(&f);
    else
        HOLDS(size > 0);
    cf_h5_close(&f);
    unlink(path);
}
