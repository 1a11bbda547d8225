/* Shares of a text that begin and end anywhere: every row is read once, by the
 * rank in whose share it begins, and every byte goes into the digest once. */
#include "text_check.h"

#include "../../src/input/feed.h"

static char folder[FOLDER_MAX];

/* ---- texts ---- */

typedef struct sheet {
    const char *text, *rows;
} sheet;

static const char three[] = "1 10 4.5\n2 -20 3\n7 30 0.5\n";

#define QUOTES "\"\"\"\"\"\"\"\"\"\"\"\""
#define MANY_QUOTES QUOTES "\n9,9,9,\"\"\n" QUOTES QUOTES "\n8,8\n" QUOTES

static const sheet sheets[] = {
    {"1,10,4.5\n2,-20,3\n7,30,0.5\n", three},
    {"\xef\xbb\xbf"
     "1,10,4.5\r\n2,-20,3\r\n7,30,0.5",
     three},
    {"userId,movieId,rating,timestamp\n1,10,4.5,9\n\n\n2,-20,3,\r\n\r\n"
     "7,30,0.5,x\n\n",
     three},
    {"1::10::4.5::\n2::-20::3::::\n7::30::0.5::9\n", "1 10 4.5\n7 30 0.5\n"},
    {"1,10,4.5,\"9,9,9,\n9,9,9,\n\"\n2,-20,3,\"\n\n\"\n7,30,0.5,\"\"\n", three},
    {"1,10,4.5,\"\"\"\n\"\"9,9,9\n\"\"\"\n2,-20,3,\"\"\"\"\r\n"
     "7,30,0.5,\"a\"\"\n\"\"\"\n",
     three},
    /* quotes that open nothing */
    {"1,10,4.5,a\"\n2,-20,3,\"b\"c\"\n7,30,0.5,\"\"d\"\n", three},
    {"a\"\",b,\"1\"\n\"\"\"\",\"\n\",2\n\"\",c,3\n", "a\"\" b 1\n\" \n 2\n"},
    /* first fields in quotes, behind a header, a mark or nothing */
    {"x,\"user\",\"item\",\"rating\"\n\"a,\",1,10,4.5\n\"\n\",2,-20,3\n"
     "\"\"\",\"\"\",7,30,0.5\n",
     three},
    {"\xef\xbb\xbf"
     "\",\",\"\nuser\",user,item,rating\n\",\",\"\n\",1,10,4.5\n"
     "\"a\n,\",\",\",2,-20,3\n,\"\",7,30,0.5\n",
     three},
    {"\xef\xbb\xbf\",\",x,4.5\n\"\n,\n\",\",\"\"\",3\n",
     ", x 4.5\n\n,\n ,\" 3\n"},
    {"\",\",x,4.5\n\"\n,\n\",\",\"\"\",3\n", ", x 4.5\n\n,\n ,\" 3\n"},
    {"1,2,3\n", "1 2 3\n"},
    {"1,2,3", "1 2 3\n"},
    /* several blocks of the tiny build, quotes at all their borders */
    {"1,10,4.5,\"" MANY_QUOTES "\"\n2,-20,3,\"" MANY_QUOTES MANY_QUOTES
     "\"\n7,30,0.5,\n",
     three},
};

/* One of them as a file, and how it is read. Collective. */
typedef struct file {
    cf_source source;
    cf_dialect d;
    int64_t n;
} file;

static void open_sheet(file *f, const sheet *s)
{
    *f = (file){.n = (int64_t)strlen(s->text)};
    write_text(f->source.path, folder, "sheet", s->text);
    f->source.size = f->n;
    CHECK(cf_dialect_find(&f->d, "sheet", s->text, f->n, true, &usual) ==
          CF_OK);
}

/* ---- reading shares ---- */

/* What one rank has read so far. */
typedef struct share {
    cf_intake in;
    cf_rows rows;
    int64_t lines;
} share;

static void begin_share(share *s, const file *f)
{
    *s = (share){.in = {.bad_row = CF_BAD_ROW_SKIP}};
    s->rows = (cf_rows){.d = &f->d, .in = &s->in, .missing = usual.missing};
}

static void end_share(share *s)
{
    cf_rows_free(&s->rows);
    cf_rows_free(&s->rows);
    cf_intake_free(&s->in);
}

static void feed(share *s, const file *f, cf_piece *piece, cf_digest *digest)
{
    CHECK(cf_feed_piece(&s->rows, &f->source, piece, f->d.body, f->d.body_lines,
                        digest) == CF_OK);
    s->lines += piece->lines;
}

/* The first byte from `at` on where a share can begin: without a quote at
 * either side. */
static int64_t cleared(const char *text, int64_t n, int64_t at)
{
    while (at > 0 && at < n && (text[at - 1] == '"' || text[at] == '"'))
        at++;
    return at;
}

/* Whether byte `at` lies within quotes, by going there from the first row. */
static bool is_open(const file *f, const char *text, int64_t at)
{
    bool open = false, begins = true;
    for (int64_t i = f->d.body; i < at && f->d.cut.quotes; i++) {
        bool quote = text[i] == '"', first = begins;
        begins = false;
        if (open && quote && text[i + 1] == '"')
            i++;
        else if (quote)
            open = open ? false : first;
        else if (!open)
            begins = text[i] == f->d.cut.separator || text[i] == '\n';
    }
    return open;
}

static int64_t newlines_in(const char *s)
{
    int64_t lines = 0;
    for (; *s != '\0'; s++)
        lines += *s == '\n';
    return lines;
}

/* The text in pieces that begin at `cut`, one reader after the other. */
static void check_pieces(const file *f, const sheet *s, const int64_t *cut,
                         int pieces)
{
    share reader;
    cf_digest digest;
    cf_par self = one_rank();
    cf_text all = {(char *)(uintptr_t)s->text, f->n, 0}, got = {0};
    char hex[CF_DIGEST_HEX], expected[CF_DIGEST_HEX];
    begin_share(&reader, f);
    cf_digest_begin(&digest, 0, f->n);
    cf_text_bytes(&got, "", 0);
    for (int i = 0; i < pieces; i++) {
        cf_piece piece = {.begin = cut[i],
                          .end = i + 1 < pieces ? cut[i + 1] : f->n};
        piece.open = is_open(f, s->text, cleared(s->text, f->n, cut[i]));
        feed(&reader, f, &piece, &digest);
    }
    cf_digest_end(&digest, &self, hex);
    digest_of(&all, expected);
    put_entries(&got, &reader.in.entries);
    bool same = strcmp(got.data, s->rows) == 0;
    CHECK(same && strcmp(hex, expected) == 0);
    CHECK(reader.lines ==
          newlines_in(s->text) + (f->n > 0 && s->text[f->n - 1] != '\n'));
    if (!same)
        fprintf(stderr, "  cut at %d of %d: %s\n  gave %s\n",
                (int)cut[pieces - 1], (int)f->n, s->text, got.data);
    cf_text_free(&got);
    end_share(&reader);
}

/* Two pieces with every border, and as many as there are bytes. */
static void test_pieces(void)
{
    for (int i = 0; i < COUNT(sheets); i++) {
        file f;
        open_sheet(&f, &sheets[i]);
        int64_t *every = cf_alloc(f.n, sizeof *every, "test");
        for (int64_t at = 0; at < f.n; at++)
            every[at] = at;
        if (i % world.size == world.rank) {
            check_pieces(&f, &sheets[i], every, (int)f.n);
            for (int64_t at = 1; at < f.n; at++)
                check_pieces(&f, &sheets[i], (int64_t[]){0, at}, 2);
        }
        cf_free(every);
        MPI_Barrier(world.comm);
    }
}

/* ---- where quotes are open, found by all ranks ---- */

/* The share of this rank among borders that lie anywhere; a few are empty. */
static cf_piece random_share(int64_t n, int round)
{
    int64_t border[64] = {0};
    for (int r = 1; r < world.size; r++)
        border[r] = pick(1, round * 64 + r, n + 1);
    for (int r = 1; r < world.size; r++) /* in order */
        for (int q = r; q > 1 && border[q] < border[q - 1]; q--) {
            int64_t swap = border[q];
            border[q] = border[q - 1];
            border[q - 1] = swap;
        }
    border[world.size] = n;
    return (cf_piece){.begin = border[world.rank],
                      .end = border[world.rank + 1]};
}

static void check_shares(const file *f, const sheet *s, int round)
{
    share mine;
    int status;
    cf_text rows = {0}, all = {0};
    int64_t body[2] = {f->d.body, f->d.body_lines};
    cf_source source = f->source;
    cf_sources sources = {.file = &source, .count = 1, .bytes = f->n};
    cf_piece piece = random_share(f->n, round);
    bool some = piece.begin < piece.end;
    begin_share(&mine, f);
    if (some)
        feed(&mine, f, &piece, NULL);
    if (cf_feed_find_quotes(&world, &sources, body, &f->d.cut, &piece, some,
                            &status)) {
        end_share(&mine);
        begin_share(&mine, f);
        feed(&mine, f, &piece, NULL);
    }
    CHECK(status == CF_OK);
    put_entries(&rows, &mine.in.entries);
    gather_text(&all, &world, &rows);
    bool same = strcmp(all.data, s->rows) == 0;
    CHECK(same);
    if (!same)
        fprintf(stderr, "  %d to %d of %s\n  gave %s\n", (int)piece.begin,
                (int)piece.end, s->text, all.data);
    cf_text_free(&rows);
    cf_text_free(&all);
    end_share(&mine);
}

static void test_shares(void)
{
    for (int i = 0; i < COUNT(sheets); i++) {
        file f;
        open_sheet(&f, &sheets[i]);
        for (int round = 0; round < 12; round++)
            check_shares(&f, &sheets[i], round * COUNT(sheets) + i);
    }
}

/* ---- who reads what ---- */

/* Files of many sizes, packed ones among them, over any number of ranks: the
 * pieces follow each other and cover everything; a packed file has one reader.
 */
static void check_cover(const cf_sources *s, int size)
{
    int64_t f = 0, at = 0, most = 0;
    for (int r = 0; r < size; r++) {
        int64_t count, bytes = 0;
        cf_piece *piece = cf_pieces_of(s, r, size, &count);
        for (int64_t i = 0; i < count; i++) {
            while (f < s->count && at == s->file[f].size) {
                f++;
                at = 0;
            }
            CHECK(piece[i].file == f && piece[i].begin == at);
            CHECK(piece[i].end > at && !piece[i].open);
            CHECK(s->file[f].packing == CF_PLAIN ||
                  piece[i].end == s->file[f].size);
            at = piece[i].end;
            bytes += s->file[f].packing == CF_PLAIN
                         ? piece[i].end - piece[i].begin
                         : 0;
        }
        most = CF_MAX(most, bytes);
        cf_free(piece);
    }
    while (f < s->count && at == s->file[f].size) {
        f++;
        at = 0;
    }
    CHECK(f == s->count && most <= s->bytes / size + 1);
}

static void test_cover(void)
{
    cf_source files[6];
    for (int round = 0; round < 200; round++) {
        cf_sources s = {.file = files, .count = 1 + pick(2, round, 6)};
        for (int64_t i = 0; i < s.count; i++) {
            int64_t at = round * 8 + i, kind = pick(3, at, 4);
            files[i] = (cf_source){
                .size = kind == 0 ? 0 : pick(4, at, kind == 1 ? 5 : 1000),
                .begin = s.bytes,
                .packing = pick(5, at, 3) == 0 ? CF_GZIP : CF_PLAIN};
            s.bytes += files[i].size;
        }
        for (int size = 1; size < 40; size += 1 + size / 5)
            check_cover(&s, size);
    }
}

static void run_tests(void)
{
    make_folder(folder);
    test_cover();
    test_pieces();
    test_shares();
    remove_folder(folder);
}
