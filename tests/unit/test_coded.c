#include "test.h"

#include "cfmpi/ratings_neighbors.h"

/* Ratings times a power of two below the finest step that has codes: their
 * scores are those of the codes, times a power of two, but sums are made in
 * another way. */
#define SHIFT 0x1p-8f

/* More rows than a panel has, more columns than a band; a few rows so long that
 * sums pass 16 bits, some with one rating, some the same. */
#define ROWS 2300
#define COLS 2100

static int64_t code_of(cf_gidx row, cf_gidx col, int64_t most)
{
    cf_gidx like = row % 9 == 4 ? 4 : row; /* copies */
    int64_t at = like * COLS + col;
    if (row % 10 == 7)
        return col == row % 50 ? 1 + pick(32, at, most) : 0;
    int64_t share = row % 60 == 1 ? 2 : 19;
    return pick(31, at, share) == 0 ? 1 + pick(32, at, most) : 0;
}

static void make_rows(cf_csr *a, const cf_par *par, int64_t most, float scale)
{
    *a = (cf_csr){.rows = ROWS, .cols = COLS};
    cf_part_even(&a->part, ROWS, par->size);
    cf_gidx begin = a->part.begin[par->rank];
    int64_t n = cf_part_count(&a->part, par->rank), entries = 0;
    a->indptr = cf_alloc(n + 1, sizeof *a->indptr, "test");
    a->indptr[0] = 0;
    for (int64_t i = 0; i < n; i++) {
        for (cf_gidx c = 0; c < COLS; c++)
            entries += code_of(begin + i, c, most) > 0;
        a->indptr[i + 1] = entries;
    }
    a->indices = cf_alloc(entries, sizeof *a->indices, "test");
    a->values = cf_alloc(entries, sizeof *a->values, "test");
    for (int64_t i = 0, e = 0; i < n; i++)
        for (cf_gidx c = 0; c < COLS; c++) {
            int64_t code = code_of(begin + i, c, most);
            if (code == 0)
                continue;
            a->indices[e] = (cf_lidx)c;
            a->values[e++] = (float)code * scale;
        }
    cf_csr_seal(a, par);
}

static void find(cf_neighbors *out, const cf_par *par, const cf_csr *a,
                 enum cf_similarity similarity, double shrinkage)
{
    cf_ratings_measure by = {
        .similarity = similarity, .min_overlap = 1, .shrinkage = shrinkage};
    cf_compared compared = {a, NULL, false, "test", NULL};
    CHECK(cf_ratings_neighbors(out, par, &compared, 10, &by) == CF_OK);
}

/* Whether x, times a scale, is y. */
static bool same_lists(const cf_topk *x, const cf_topk *y, float scale)
{
    int64_t n = x->rows, wrong = n != y->rows || x->k != y->k;
    for (int64_t e = 0; e < n * x->k && wrong == 0; e++)
        wrong += x->index[e] != y->index[e] ||
                 !same_number(x->score[e] * scale, y->score[e]);
    for (int64_t i = 0; i < n && wrong == 0; i++)
        wrong += x->count[i] != y->count[i] || x->ties[i] != y->ties[i] ||
                 !same_number(x->gap[i] * scale, y->gap[i]);
    return wrong == 0;
}

static void check(enum cf_similarity similarity, int64_t most, float scale,
                  float to)
{
    static const char *const sets[] = {"portable", "avx2", "avx512",
                                       "avx512vnni"};
    cf_csr plain = {0}, codes = {0};
    cf_neighbors right = {0}, got = {0};
    double h = similarity == CF_COSINE ? 100 : 0;
    make_rows(&plain, &world, most, SHIFT);
    make_rows(&codes, &world, most, scale);
    find(&right, &world, &plain, similarity, h * (double)(SHIFT * SHIFT));
    for (int set = 0; set < COUNT(sets); set++) {
        setenv("CFMPI_ISA", sets[set], 1);
        find(&got, &world, &codes, similarity, h * (double)(scale * scale));
        CHECK(same_lists(&right.lists, &got.lists, to));
        CHECK(got.rows_tied == right.rows_tied);
        CHECK(got.skipped > 0 && right.skipped < got.skipped);
    }
    unsetenv("CFMPI_ISA");
    cf_neighbors_free(&right);
    cf_neighbors_free(&got);
    cf_csr_free(&plain);
    cf_csr_free(&codes);
}

static void run_tests(void)
{
    check(CF_COSINE, 31, 1, 1);
    check(CF_COSINE, 10, 0.5f, 1);
    check(CF_DOT, 31, 0.125f, 0x1p10f);
    check(CF_DOT, 5, 1, 0x1p16f);
}
