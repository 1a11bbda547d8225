/* Rows of the usual kinds are taken in quick ways; the same rows written such
 * that only the general way can take them give the same. */
#include "text_check.h"

static char folder[FOLDER_MAX];

/* ---- rows ---- */

enum { ROWS = 2000, FIELD = 32 };

/* Writes a field of row i. */
typedef void field_fn(char out[FIELD], int64_t i);

typedef struct source {
    const char *name;
    field_fn *user, *item, *rating;
} source;

static void any_digits(char out[FIELD], uint64_t stream, int64_t i,
                       int64_t most)
{
    int64_t length = 1 + pick(stream, i, most);
    for (int64_t k = 0; k < length; k++)
        out[k] = (char)((k == 0 && length > 1 ? '1' : '0') +
                        pick(stream + 1, i * 32 + k, 9));
    out[length] = '\0';
}

/* 50 users that have 40 ratings each, one after the other. */
static void in_runs(char out[FIELD], int64_t i)
{
    snprintf(out, FIELD, "%" PRId64, i / 40 + 1);
}

/* Another user in every row, few of them. */
static void changing(char out[FIELD], int64_t i)
{
    snprintf(out, FIELD, "%" PRId64, i % 9 * 37);
}

/* The like, with neighbours that differ in little: 1, 11, 111, … */
static void alike(char out[FIELD], int64_t i)
{
    snprintf(out, FIELD, "%.*s", (int)(1 + i % 19), "11111111111111111111");
}

static void any_user(char out[FIELD], int64_t i)
{
    any_digits(out, 10, i / 3, 20);
}

/* New ones come up all the time, also in the middle of a user's run. */
static void growing(char out[FIELD], int64_t i)
{
    snprintf(out, FIELD, "%" PRId64, pick(20, i, i / 7 + 1));
}

/* All that fit the quick way of reading digits, and some that do not. */
static void any_item(char out[FIELD], int64_t i)
{
    any_digits(out, 30, i % 700, 10);
}

static void very_long(char out[FIELD], int64_t i)
{
    any_digits(out, 40, i % 300, 20);
}

/* The other forms of integers and what looks like one. */
static void odd_item(char out[FIELD], int64_t i)
{
    static const char *const odd[] = {"-1", "007", "0",    "00", "1a",
                                      "+1", "1 ",  "12/3", "a:", "-"};
    snprintf(out, FIELD, "%s", odd[pick(50, i, COUNT(odd))]);
}

static void short_rating(char out[FIELD], int64_t i)
{
    if (i % 3)
        snprintf(out, FIELD, "%d", (int)pick(60, i, 10));
    else
        snprintf(out, FIELD, "%d.%d", (int)pick(61, i, 10),
                 (int)pick(62, i, 10));
}

static void any_rating(char out[FIELD], int64_t i)
{
    static const char *const forms[] = {"%.0f", "%.1f", "%.2f",
                                        "%.7f", "%.9g", "%.3e"};
    if (i % 50)
        short_rating(out, i);
    else
        snprintf(out, FIELD, forms[pick(70, i, COUNT(forms))],
                 30 * noise(71, i));
}

/* How the rows are written; the wanted fields stand where `order` has them,
 * 'x' is another. */
typedef struct style {
    const char *order, *separator, *end;
    bool quoted, blanks;
} style;

static void put_field(cf_text *t, const style *s, char kind, const source *from,
                      int64_t i)
{
    char field[FIELD] = "note";
    if (kind == 'u')
        from->user(field, i);
    if (kind == 'i')
        from->item(field, i);
    if (kind == 'r')
        from->rating(field, i);
    bool padded = s->blanks && kind == 'r';
    cf_text_add(t, "%s%s%s%s%s", s->quoted ? "\"" : "", padded ? " " : "",
                field, padded ? " " : "", s->quoted ? "\"" : "");
}

static void put_rows(cf_text *t, const style *s, const source *from)
{
    for (int64_t i = 0; i < ROWS; i++)
        for (const char *o = s->order; *o != '\0'; o++) {
            put_field(t, s, *o, from, i);
            cf_text_add(t, "%s", o[1] != '\0' ? s->separator : s->end);
        }
}

static void put_expected(cf_text *t, const source *from, bool rated)
{
    char user[FIELD], item[FIELD], rating[FIELD] = "1";
    for (int64_t i = 0; i < ROWS; i++) {
        from->user(user, i);
        from->item(item, i);
        if (rated)
            from->rating(rating, i);
        cf_text_add(t, "%s %s %.9g\n", user, item, strtof(rating, NULL));
    }
}

/* The number of ratings that each user is said to have. */
static bool counted_right(const cf_entries *e)
{
    int64_t users = e->users.ids.count;
    int64_t *count = cf_calloc(users, sizeof *count, "test");
    for (int64_t i = 0; i < e->count; i++)
        count[cf_entries_at(e, i).user]++;
    bool good = true;
    for (int64_t i = 0; i < users; i++)
        good = good && count[i] == e->users.entries[i];
    cf_free(count);
    return good;
}

static void check_style(const style *s, const source *from)
{
    char path[CF_PATH_MAX], columns[64];
    cf_text text = {0}, expected = {0};
    reading r = {0};
    cf_text_options o = usual;
    const char *rating = strchr(s->order, 'r');
    int n = snprintf(columns, sizeof columns, "user=%d,item=%d,rating=",
                     (int)(strchr(s->order, 'u') - s->order) + 1,
                     (int)(strchr(s->order, 'i') - s->order) + 1);
    if (rating != NULL)
        snprintf(columns + n, sizeof columns - (size_t)n, "%d",
                 (int)(rating - s->order) + 1);
    else
        snprintf(columns + n, sizeof columns - (size_t)n, "none");
    o.columns = columns;
    put_rows(&text, s, from);
    put_expected(&expected, from, rating != NULL);
    write_bytes(path, folder, from->name, text.data, text.length);
    read_inputs(&r, &world, path, &o);
    CHECK(gave(&r, s->order, expected.data));
    CHECK(counted_right(&r.in.entries));
    reading_free(&r);
    cf_text_free(&text);
    cf_text_free(&expected);
}

static void test_styles(void)
{
    static const source sources[] = {
        {"runs", in_runs, growing, short_rating},
        {"changing", changing, any_item, any_rating},
        {"alike", alike, growing, any_rating},
        {"long", any_user, very_long, any_rating},
        {"odd", in_runs, odd_item, short_rating},
    };
    static const style styles[] = {
        {"uir", ",", "\n", false, false},
        {"uir", ",", "\r\n", false, false},
        {"uir", ",", "\n", true, false},
        {"uir", ",", "\r\n", true, true},
        {"uir", ",", "\n", false, true},
        {"uirx", "::", "\n", false, false},
        {"uxrxi", ";", "\r\n", true, false},
        {"riu", ",", "\r\n", false, false},
        {"xuxi", "|", "\n", false, false},
        {"iu", ",", "\r\n", false, false},
        {"ruxi", "::", "\r\n", false, false},
    };
    for (int f = 0; f < COUNT(sources); f++)
        for (int s = 0; s < COUNT(styles); s++)
            if (f != 4 || strcmp(styles[s].separator, "::") != 0)
                check_style(&styles[s], &sources[f]);
}

/* ---- every short rating ---- */

static void add_rating(cf_text *text, cf_text *expected, const char *rating)
{
    cf_text_add(text, "1,2,%s\n", rating);
    cf_text_add(expected, "1 2 %.9g\n", strtof(rating, NULL));
}

static void test_short_ratings(void)
{
    static const char *const others[] = {
        "5.",   ".5",   "0.",  "10",   "99",    "4.50",
        "4.55", "-3",   "-.5", "-0.0", "1e1",   "1e0",
        "2E-1", "0.05", "00",  "05",   "1.00",  "-4.5",
        "100",  "9.99", "1e+", "0e5",  "12345", "3.14159265358979"};
    char path[CF_PATH_MAX], rating[32];
    cf_text text = {0}, expected = {0};
    reading r = {.in = {.bad_row = CF_BAD_ROW_SKIP}};
    for (int whole = 0; whole < 10; whole++) {
        snprintf(rating, sizeof rating, "%d", whole);
        add_rating(&text, &expected, rating);
        for (int tenth = 0; tenth < 10; tenth++) {
            snprintf(rating, sizeof rating, "%d.%d", whole, tenth);
            add_rating(&text, &expected, rating);
        }
    }
    for (int i = 0; i < COUNT(others); i++)
        if (strcmp(others[i], "1e+") != 0)
            add_rating(&text, &expected, others[i]);
    /* Nearly short ones are bad rows. */
    cf_text_add(&text, "1,2,1e+\n1,2,1,5\n1,2,4:5\n1,2,/.5\n1,2,4.:\n1,2,:\n"
                       "1,2,a\n1,2,4-5\n1,2,\xb2\n");
    write_bytes(path, folder, "short", text.data, text.length);
    read_inputs(&r, &world, path, &usual);
    CHECK(gave(&r, "short", expected.data) && r.in.skipped == 9);
    reading_free(&r);
    cf_text_free(&text);
    cf_text_free(&expected);
}

/* ---- bad rows among quick ones ---- */

/* Whatever row in a run is bad, blank or of another width, the others are
 * taken, and its line is right. */
static void test_interrupted(void)
{
    static const char *const rows[] = {"x,y\n",  "\n",       "1,2,3,4\n",
                                       "1,,3\n", ",2,3\n",   "1,2,\n",
                                       "1,2\n",  "3,4,5,\n", "\r\n"};
    char path[CF_PATH_MAX], where[32];
    for (int k = 0; k < COUNT(rows); k++)
        for (int at = 1; at < 40; at += 13) {
            cf_text text = {0}, expected = {0};
            reading r = {.in = {.bad_row = CF_BAD_ROW_SKIP}};
            for (int i = 0; i < 40; i++) {
                cf_text_add(&text, "%s%d,%d,%d\n", i == at ? rows[k] : "",
                            i / 4, i % 5, i % 6);
                cf_text_add(&expected, "%d %d %d\n", i / 4, i % 5, i % 6);
            }
            write_bytes(path, folder, "among", text.data, text.length);
            read_inputs(&r, &world, path, &usual);
            bool blank = strpbrk(rows[k], ",") == NULL;
            CHECK(gave(&r, rows[k], expected.data));
            CHECK(r.in.skipped == !blank);
            snprintf(where, sizeof where, "among:%d:", at + 1);
            CHECK(blank || strstr(r.in.shown[0], where) != NULL);
            reading_free(&r);
            cf_text_free(&text);
            cf_text_free(&expected);
        }
}

/* ---- more rows than a chunk holds ---- */

static void test_chunks(void)
{
    char path[CF_PATH_MAX];
    cf_par self = one_rank();
    cf_text text = {0};
    cf_intake in = {0};
    int64_t rows = CF_ENTRIES_CHUNK + 1000, wrong = 0;
    for (int64_t i = 0; i < rows && world.rank == 0; i++) {
        char row[] = "0,0,0\n";
        row[0] = (char)('0' + i / 100 % 10);
        row[2] = (char)('0' + i % 7);
        row[4] = (char)('0' + i % 5);
        cf_text_bytes(&text, row, 6);
    }
    write_bytes(path, folder, "chunks", text.data, text.length);
    if (world.rank == 0) {
        CHECK(cf_ratings_read(&in, &self, path, &usual) == CF_OK);
        const cf_entries *e = &in.entries;
        CHECK(e->count == rows && e->chunks == 2 && counted_right(e));
        for (int64_t i = 0; i < e->count; i++) {
            const cf_entry x = cf_entries_at(e, i);
            wrong += e->users.ids.number[x.user] != i / 100 % 10 ||
                     e->items.ids.number[x.item] != i % 7 ||
                     !same_number(x.value, (double)(i % 5));
        }
        CHECK(wrong == 0);
    }
    cf_intake_free(&in);
    cf_text_free(&text);
}

/* After so many ids, integers of eight digits are in the table that the
 * quickest way looks at, and longer ones may end in the same digits. */
static void test_same_ends(void)
{
    char path[CF_PATH_MAX];
    cf_par self = one_rank();
    cf_text text = {0};
    cf_intake in = {0};
    enum { IDS = 700000, TURNS = 9 };
    for (int i = 0; i < IDS && world.rank == 0; i++)
        cf_text_add(&text, "%d,1,1\n", i);
    for (int i = 0; i < TURNS; i++)
        cf_text_add(&text, "11111111,1,1\n911111111,1,1\n");
    write_bytes(path, folder, "ends", text.data, text.length);
    if (world.rank == 0) {
        CHECK(cf_ratings_read(&in, &self, path, &usual) == CF_OK);
        const cf_dictionary *users = &in.entries.users;
        CHECK(cf_dictionary_known(users, 11111111) == IDS);
        CHECK(users->ids.count == IDS + 2 && users->entries[IDS] == TURNS &&
              users->entries[IDS + 1] == TURNS);
        CHECK(counted_right(&in.entries));
    }
    cf_intake_free(&in);
    cf_text_free(&text);
}

static void run_tests(void)
{
    make_folder(folder);
    test_styles();
    test_short_ratings();
    test_interrupted();
    test_chunks();
    test_same_ends();
    remove_folder(folder);
}
