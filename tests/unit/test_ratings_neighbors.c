#include "test.h"

#include "cfmpi/ratings_neighbors.h"

/* ---- ratings ---- */

enum kind {
    STARS,     /* 0.5 .. 5 in halves */
    HUNDRED,   /* whole numbers to 100 */
    FLOATS,    /* -10 .. 10 */
    ZEROS,     /* -1, 0 and 1, all of which are ratings */
    COPIES,    /* of few rows */
    CONSTANTS, /* every row of one value only */
    SPARSE,    /* many rows with no rating or one */
    EXTREMES,  /* a row with everything, some with nothing */
    OFFSET,    /* large numbers that hardly differ */
    KINDS
};

static enum kind kind;
#define MOST_COLS 40

static float cell(cf_gidx row, cf_gidx col)
{
    int64_t at = row * MOST_COLS + col;
    int64_t share = kind == SPARSE ? 30 : 3;
    if (kind == COPIES)
        at = pick(20, row, 3) * MOST_COLS + col;
    if (kind == EXTREMES && row % 5 == 1)
        return NAN;
    if (!(kind == EXTREMES && row == 7) && pick(21, at, share) != 0)
        return NAN;
    switch (kind) {
    case HUNDRED: return (float)(1 + pick(22, at, 100));
    case FLOATS:
        return (float)(20 * cf_random_uniform(7, 23, (uint64_t)at) - 10);
    case ZEROS: return (float)(pick(22, at, 3) - 1);
    case CONSTANTS: return 0.1f * (float)(1 + row % 7);
    case OFFSET: return 1e6f + (float)pick(22, at, 9) / 16;
    default: return (float)(1 + pick(22, at, 10)) / 2;
    }
}

/* The table as a row of NaN and ratings a row, of users or of items. */
typedef struct table {
    cf_gidx rows, cols;
    bool of_items;
    float *cell;
    double *v; /* what stands for the rating */
} table;

static float at(const table *t, cf_gidx i, cf_gidx c)
{
    return t->cell[i * t->cols + c];
}

static double sum_of_row(const table *t, cf_gidx i, int64_t *count)
{
    double sum = 0;
    *count = 0;
    for (cf_gidx c = 0; c < t->cols; c++)
        if (!isnan(at(t, i, c))) {
            sum += (double)at(t, i, c);
            ++*count;
        }
    return sum;
}

static double sum_of_column(const table *t, cf_gidx c, int64_t *count)
{
    double sum = 0;
    *count = 0;
    for (cf_gidx i = 0; i < t->rows; i++)
        if (!isnan(at(t, i, c))) {
            sum += (double)at(t, i, c);
            ++*count;
        }
    return sum;
}

/* ---- the definitions, once more ---- */

/* Biases of rows and columns, items first whichever they are. */
static void baseline(const table *t, double *mean, double *row, double *col)
{
    int64_t count, all = 0;
    *mean = 0;
    /* The sum goes along users. */
    for (cf_gidx u = 0; u < (t->of_items ? t->cols : t->rows); u++) {
        *mean += t->of_items ? sum_of_column(t, u, &count)
                             : sum_of_row(t, u, &count);
        all += count;
    }
    *mean = all > 0 ? *mean / (double)all : 0;
    memset(row, 0, (size_t)t->rows * sizeof *row);
    memset(col, 0, (size_t)t->cols * sizeof *col);
    for (int half = 0; half < 20; half++) {
        bool items = half % 2 == 0, rows = items == t->of_items;
        for (cf_gidx i = 0; i < (rows ? t->rows : t->cols); i++) {
            double sum = 0, weight = items ? 10 : 15;
            for (cf_gidx c = 0; c < (rows ? t->cols : t->rows); c++) {
                float r = rows ? at(t, i, c) : at(t, c, i);
                if (isnan(r))
                    continue;
                sum += ((double)r - *mean) - (rows ? col[c] : row[c]);
                weight += 1;
            }
            *(rows ? &row[i] : &col[i]) = sum / weight;
        }
    }
}

static void stand_in(table *t, const cf_ratings_measure *by)
{
    enum cf_similarity s = by->similarity;
    double *row = cf_calloc(t->rows, sizeof *row, "test"), mean = 0;
    double *col = cf_calloc(t->cols, sizeof *col, "test");
    float least = INFINITY, most = -INFINITY;
    int64_t count;
    for (cf_gidx e = 0; e < t->rows * t->cols; e++) {
        least = fminf(least, t->cell[e]); /* which pass over NaN */
        most = fmaxf(most, t->cell[e]);
    }
    if ((s == CF_PEARSON || s == CF_MSD) && least <= most)
        mean = ((double)least + (double)most) / 2;
    if (s == CF_PEARSON_BASELINE)
        baseline(t, &mean, row, col);
    if (s == CF_CENTERED_COSINE || (s == CF_ADJUSTED_COSINE && !t->of_items))
        for (cf_gidx i = 0; i < t->rows; i++) {
            row[i] = sum_of_row(t, i, &count);
            row[i] /= (double)CF_MAX(count, 1);
        }
    if (s == CF_ADJUSTED_COSINE && t->of_items)
        for (cf_gidx c = 0; c < t->cols; c++) {
            col[c] = sum_of_column(t, c, &count);
            col[c] /= (double)CF_MAX(count, 1);
        }
    for (cf_gidx i = 0; i < t->rows; i++)
        for (cf_gidx c = 0; c < t->cols; c++) {
            double v = (double)at(t, i, c);
            if (s == CF_P3ALPHA || s == CF_RP3BETA) {
                double sum = sum_of_column(t, c, &count);
                v = sum > 0 ? pow(v / sum, by->alpha) : isnan(v) ? v : 0;
            } else {
                v = ((v - mean) - row[i]) - col[c];
            }
            t->v[i * t->cols + c] = v;
        }
    cf_free(row);
    cf_free(col);
}

static double over(double a, double b)
{
    return b > 0 ? a / b : 0;
}

static double varies(double n, double x, double xx)
{
    double v = n * xx - x * x;
    return v > n * xx * 0x1p-40 ? v : 0;
}

/* NaN for rows that are no neighbours. */
static float score_of(const table *t, cf_gidx i, cf_gidx j,
                      const cf_ratings_measure *by)
{
    double n = 0, xy = 0, x = 0, y = 0, xx = 0, yy = 0, X = 0, Y = 0, r = 0;
    double nx = 0, ny = 0, h = by->shrinkage, a = by->alpha, b = by->beta;
    bool euclidean = by->similarity == CF_EUCLIDEAN;
    for (cf_gidx c = 0; c < t->cols; c++) {
        double p = t->v[i * t->cols + c], q = t->v[j * t->cols + c];
        X += isnan(p) ? 0 : p * p;
        Y += isnan(q) ? 0 : q * q;
        nx += !isnan(p);
        ny += !isnan(q);
        if (isnan(p) || isnan(q))
            continue;
        n++, x += p, y += q, xx += p * p, yy += q * q, xy += p * q;
    }
    if (n < (double)by->min_overlap && !(euclidean && by->min_overlap == 1))
        return NAN;
    double shrunk = over(n - 1, n - 1 + h);
    switch (by->similarity) {
    case CF_COSINE:
    case CF_CENTERED_COSINE:
    case CF_ADJUSTED_COSINE: r = over(xy, sqrt(X * Y) + h); break;
    case CF_DOT: r = xy; break;
    case CF_EUCLIDEAN: return (float)-sqrt(fmax((X + Y) - 2 * xy, 0));
    case CF_ASYMMETRIC_COSINE:
        r = over(xy, pow(X, a) * pow(Y, 1 - a) + h);
        break;
    case CF_PEARSON:
        r = over(n * xy - x * y, sqrt(varies(n, x, xx) * varies(n, y, yy)));
        r *= shrunk;
        break;
    case CF_PEARSON_BASELINE: r = over(xy, sqrt(xx * yy)) * shrunk; break;
    case CF_MSD: r = 1 / (1 + fmax((xx + yy) - 2 * xy, 0) / n); break;
    case CF_JACCARD: r = n / (nx + ny - n); break;
    case CF_DICE: r = 2 * n / (nx + ny); break;
    case CF_TVERSKY: r = n / (n + (a * (nx - n) + b * (ny - n))); break;
    case CF_P3ALPHA: r = pow(nx, -a) * y; break;
    case CF_RP3BETA: r = pow(nx, -a) * y * pow(ny, -b); break;
    case CF_SIMILARITIES: break;
    }
    if (by->significance > 0)
        r *= fmin(n, (double)by->significance) / (double)by->significance;
    return (float)r;
}

/* ---- lists ---- */

static bool check_list(const cf_topk *l, int64_t row, const table *t, cf_gidx i,
                       const cf_ratings_measure *by, candidate *c,
                       int64_t *scored)
{
    int64_t have = 0, k = l->k, ties = 0, wrong = 0;
    float sign = by->similarity == CF_EUCLIDEAN ? -1 : 1;
    for (cf_gidx j = 0; j < t->rows; j++) {
        float s = j == i ? NAN : score_of(t, i, j, by);
        if (!isnan(s))
            c[have++] = (candidate){s, j};
    }
    *scored += have;
    qsort(c, (size_t)have, sizeof *c, best_first);
    wrong += l->count[row] != CF_MIN(have, k);
    for (int64_t p = 0; p < k; p++) {
        wrong += l->index[row * k + p] != (p < have ? c[p].index : -1);
        wrong += !same_number(l->score[row * k + p],
                              p < have ? sign * c[p].score : NAN);
    }
    for (int64_t p = k; p < have; p++)
        ties += same_number(c[p].score, c[k - 1].score);
    wrong += l->ties[row] != ties;
    wrong +=
        !same_number(l->gap[row], have > k ? c[k - 1].score - c[k].score : NAN);
    if (wrong > 0)
        fprintf(stderr, "%s of %s: kind %d, row %d\n",
                cf_similarity_about(by->similarity)->name,
                t->of_items ? "items" : "users", kind, (int)i);
    CHECK(wrong == 0);
    return ties > 0;
}

static void check_lists(const cf_neighbors *got, table *t,
                        const cf_ratings_measure *by)
{
    candidate *c = cf_alloc(t->rows, sizeof *c, "test");
    int64_t tied = 0, scored = 0;
    stand_in(t, by);
    for (int64_t i = 0; i < got->lists.rows; i++)
        tied += check_list(&got->lists, i, t, got->part.begin[world.rank] + i,
                           by, c, &scored);
    CHECK(got->lists.rows == cf_part_count(&got->part, world.rank));
    CHECK(got->rows_tied == cf_sum_i64(&world, tied));
    CHECK(got->pairs == t->rows * (t->rows - 1));
    scored = cf_sum_i64(&world, scored);
    CHECK(got->pairs - got->skipped <= scored); /* others were screened out */
    cf_free(c);
}

static table make_table(cf_gidx users, cf_gidx items, bool of_items)
{
    table t = {of_items ? items : users, of_items ? users : items, of_items,
               cf_alloc(users * items, sizeof *t.cell, "test"),
               cf_alloc(users * items, sizeof *t.v, "test")};
    for (cf_gidx i = 0; i < users; i++)
        for (cf_gidx c = 0; c < items; c++)
            t.cell[of_items ? c * users + i : i * items + c] = cell(i, c);
    return t;
}

/* All similarities of one side. */
static void check_side(cf_gidx users, cf_gidx items, int64_t k, bool of_items)
{
    cf_csr a = {0}, b = {0};
    cf_neighbors got = {0};
    table t = make_table(users, items, of_items);
    make_csr(&a, &world, users, items, cell);
    cf_csr_transpose(&b, &a, &world);
    for (int s = 0; s < CF_SIMILARITIES; s++)
        for (int variant = 0; variant < (k < 3 ? 1 : 3); variant++) {
            cf_ratings_measure by = {.similarity = (enum cf_similarity)s,
                                     .min_overlap = variant == 1 ? 3 : 1,
                                     .significance = variant == 2 ? 5 : 0,
                                     .shrinkage = variant == 1 ? 10 : 0,
                                     .alpha = variant == 2 ? 1 : 0.3,
                                     .beta = 0.75};
            bool shares = s == CF_P3ALPHA || s == CF_RP3BETA;
            if (shares && (kind == FLOATS || kind == ZEROS))
                continue;
            cf_compared compared = {of_items ? &b : &a, of_items ? &a : &b,
                                    of_items, "test", NULL};
            CHECK(cf_ratings_neighbors(&got, &world, &compared, k, &by) ==
                  CF_OK);
            check_lists(&got, &t, &by);
        }
    cf_neighbors_free(&got);
    cf_csr_free(&a);
    cf_csr_free(&b);
    cf_free(t.cell);
    cf_free(t.v);
}

static void test_kinds(void)
{
    for (int i = 0; i < KINDS; i++) {
        kind = (enum kind)i;
        check_side(60, 23, 7, false);
        check_side(60, 23, 40, true); /* more than there are */
        check_side(1, 1, 1, false);
        check_side(3, MOST_COLS, 2, true);
    }
}

static float bad_value;

static float bad_cell(cf_gidx row, cf_gidx col)
{
    return row == 17 && col == 3 ? bad_value : (float)(1 + (row + col) % 5);
}

static void check_bad(float bad, enum cf_similarity similarity,
                      const char *message)
{
    cf_csr a = {0}, b = {0};
    cf_neighbors got = {0};
    cf_ratings_measure by = {
        .similarity = similarity, .min_overlap = 1, .alpha = 1, .beta = 1};
    bad_value = 1;
    make_csr(&a, &world, 30, 5, bad_cell);
    cf_csr_transpose(&b, &a, &world);
    cf_gidx begin = a.part.begin[world.rank];
    if (begin <= 17 && 17 < begin + a.n_loc)
        a.values[a.indptr[17 - begin] + 3] = bad;
    cf_compared compared = {&a, &b, false, "/the/ratings", NULL};
    CHECK(failed_with(cf_ratings_neighbors(&got, &world, &compared, 3, &by),
                      CF_BAD_DATA, message));
    cf_neighbors_free(&got);
    cf_csr_free(&a);
    cf_csr_free(&b);
}

static void test_bad_ratings(void)
{
    check_bad(NAN, CF_COSINE, "row 17 of /the/ratings");
    check_bad(-INFINITY, CF_JACCARD, "row 17 of /the/ratings");
    check_bad(-1, CF_P3ALPHA, "--similarity=p3alpha");
    check_bad(-1, CF_RP3BETA, "--similarity=rp3beta");
    check_bad(1e19f, CF_DOT, "products of the ratings of /the/ratings");
    check_bad(1e19f, CF_EUCLIDEAN, "products of the ratings");
}

/* What is known of a similarity by its name. */
static void test_names(void)
{
    for (int s = 0; s < CF_SIMILARITIES; s++)
        CHECK(cf_similarity_find(
                  cf_similarity_about((enum cf_similarity)s)->name) == s);
    CHECK(cf_similarity_find("cosines") == -1);
}

static void run_tests(void)
{
    test_names();
    test_kinds();
    test_bad_ratings();
}
