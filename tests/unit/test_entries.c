/* Ratings come out of their chunks as they went in, however they are packed
 * there: users in runs or not, values by codes or not. */
#include "test.h"

#include "cfmpi/entries.h"

/* From which row on users change with every row, and values are all
 * different; before, they are packed as well as can be. */
typedef struct form {
    int64_t rows, users_from, values_from;
    bool timed;
} form;

static int32_t nth_user(const form *f, int64_t i)
{
    return (int32_t)(i < f->users_from ? i / 50 % 30
                                       : i % 2 * 7 + i / 1000 % 9);
}

static int32_t nth_item(int64_t i)
{
    return (int32_t)pick(1, i, 200);
}

/* Zero and minus zero are two of few. */
static float nth_value(const form *f, int64_t i)
{
    if (i >= f->values_from)
        return (float)i + 0.25F;
    return i % 11 == 3 ? -0.0F : (float)(i % 11) / 2;
}

static void fill(cf_entries *e, const form *f)
{
    e->timed = f->timed;
    for (int64_t u = 0; u < 30; u++)
        cf_dictionary_add_number(&e->users, u);
    for (int64_t i = 0; i < 200; i++)
        cf_dictionary_add_number(&e->items, i);
    for (int64_t i = 0; i < f->rows; i++)
        cf_entries_add(e, nth_user(f, i), nth_item(i), nth_value(f, i), 3 * i);
}

static bool same_bits(float a, float b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

static void check_each(const cf_entries *e, const form *f)
{
    int64_t wrong = 0;
    for (int64_t i = 0; i < f->rows; i += 1 + f->rows / 100000) {
        cf_entry x = cf_entries_at(e, i);
        wrong += x.user != nth_user(f, i) || x.item != nth_item(i) ||
                 !same_bits(x.value, nth_value(f, i)) ||
                 x.time != (f->timed ? 3 * i : 0);
    }
    CHECK(wrong == 0);
}

/* Any part of a chunk at once. */
static void check_parts(const cf_entries *e, const form *f)
{
    int64_t wrong = 0;
    for (int64_t c = 0; c < e->chunks; c++) {
        int64_t from = c * CF_ENTRIES_CHUNK, begin = 0;
        int64_t end = CF_MIN(CF_ENTRIES_CHUNK, f->rows - from);
        for (int64_t k = 0; begin < end; k++) {
            int64_t n = CF_MIN(pick(2, k, k % 5 ? 300 : 30000), end - begin);
            int32_t *user = cf_alloc(n, sizeof *user, "test");
            float *value = cf_alloc(n, sizeof *value, "test");
            cf_entries_unpack(e, &e->chunk[c], begin, n, user, value);
            for (int64_t i = 0; i < n; i++)
                wrong += user[i] != nth_user(f, from + begin + i) ||
                         !same_bits(value[i], nth_value(f, from + begin + i));
            cf_free(user);
            cf_free(value);
            begin += n;
        }
    }
    CHECK(wrong == 0);
}

static void check_counts(const cf_entries *e, const form *f)
{
    int64_t count[30] = {0};
    for (int64_t i = 0; i < f->rows; i++)
        count[nth_user(f, i)]++;
    CHECK(memcmp(e->users.entries, count, sizeof count) == 0);
}

/* Packed while it pays, and not in chunks made after that. */
static void check_packing(const cf_entries *e, const form *f)
{
    for (int64_t c = 0; c < e->chunks; c++) {
        const cf_chunk *k = &e->chunk[c];
        int64_t begin = c * CF_ENTRIES_CHUNK, end = begin + CF_ENTRIES_CHUNK;
        CHECK((k->code == NULL) != (k->value == NULL));
        CHECK((k->run == NULL) != (k->user == NULL));
        CHECK((k->time != NULL) == f->timed);
        if (end <= f->values_from || f->rows <= f->values_from)
            CHECK(k->code != NULL);
        if (begin > f->values_from + 256)
            CHECK(k->value != NULL);
        if (end <= f->users_from || f->rows <= f->users_from)
            CHECK(k->run != NULL);
        if (begin > f->users_from + CF_ENTRIES_CHUNK / 4)
            CHECK(k->user != NULL);
    }
}

static void check_form(const form *f)
{
    cf_entries e = {0};
    fill(&e, f);
    CHECK(e.count == f->rows);
    CHECK(e.chunks == (f->rows + CF_ENTRIES_CHUNK - 1) / CF_ENTRIES_CHUNK);
    check_each(&e, f);
    check_parts(&e, f);
    check_counts(&e, f);
    check_packing(&e, f);
    cf_entries_free(&e);
    cf_entries_free(&e);
    CHECK(e.count == 0 && e.chunk == NULL);
}

/* The packing ends in the middle of a chunk, with its last row, with the first
 * of the next; 256 values still have codes, the 257th has none. */
static void test_forms(void)
{
    const int64_t chunk = CF_ENTRIES_CHUNK, most = 2 * chunk + 500;
    const int64_t turns[] = {0,         1,           chunk / 2,   chunk - 257,
                             245,       chunk - 246, chunk - 245, chunk - 244,
                             chunk - 1, chunk,       chunk + 1,   chunk * 5 / 4,
                             most};
    for (int i = world.rank; i < COUNT(turns); i += world.size) {
        check_form(&(form){most, turns[i], most, false});
        check_form(&(form){most, most, turns[i], true});
        check_form(&(form){most, turns[i], turns[COUNT(turns) - 1 - i], false});
    }
    for (int64_t values = 250; values < 260; values++)
        check_form(&(form){values, values, 0, false});
    check_form(&(form){0, 0, 0, true});
    check_form(&(form){chunk, chunk, chunk, true});
}

/* The same code for the same bits, as long as there are codes. */
static void test_codes(void)
{
    cf_entries e = {0};
    CHECK(cf_entries_code(&e, 3.5F) == -1);
    for (int i = 0; i < 256; i++) {
        float value = i == 0 ? -0.0F : i == 1 ? 0.0F : (float)i * 1e-3F;
        CHECK(cf_entries_code(&e, value) == -1);
        CHECK(cf_entries_new_code(&e, value) == i);
        CHECK(cf_entries_code(&e, value) == i);
    }
    for (int i = 2; i < 256; i++)
        CHECK(cf_entries_code(&e, (float)i * 1e-3F) == i);
    CHECK(cf_entries_code(&e, 0.0F) == 1 && cf_entries_code(&e, -0.0F) == 0);
    CHECK(cf_entries_code(&e, 1.0F) == -1);
    cf_entries_free(&e);
}

static void run_tests(void)
{
    test_codes();
    test_forms();
}
