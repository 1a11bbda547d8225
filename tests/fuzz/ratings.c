/* The reader of ratings in text, from files to matrix. What it gives must not
 * depend on the number of ranks nor on the packing: one rank reads the plain
 * files, then all ranks do, then both again with a file packed. Under mpirun
 * the rows, quotes and streams are cut at the ranks' borders:
 *
 *   mpirun -n 3 build-fuzz/ratings …
 *
 * An input is OPTIONS characters that choose options, then the text; byte 1
 * begins the next file. */
#include "fuzz.h"

#include <math.h>
#include <zlib.h>

#include "cfmpi/csr.h"
#include "cfmpi/ratings_text.h"

enum { OPTIONS = 4, FILES = 3 };

static char path[FILES][CF_PATH_MAX];
static cf_text inputs; /* a line each */

static void prepare(void)
{
    for (int i = 0; i < FILES; i++) {
        char kind[8];
        snprintf(kind, sizeof kind, "%d.txt", i);
        name_file(path[i], kind);
        MPI_Bcast(path[i], CF_PATH_MAX, MPI_BYTE, 0, world.comm);
    }
}

/* ---- options ---- */

typedef struct trial {
    cf_text_options text;
    cf_keep keep;
    enum cf_bad_row bad_row;
    enum cf_duplicates duplicates;
    bool build; /* also the matrix */
    int packed; /* number of the file that gets packed */
} trial;

static void choose(trial *t, const uint8_t *o)
{
    static const char *const columns[] = {
        "", "user=2,item=1", "user=1,item=2,rating=none",
        "user=userId,item=1,rating=3", "user=1,item=3,rating=2,time=4"};
    static const enum cf_ratings_format formats[] = {
        CF_FORMAT_AUTO, CF_FORMAT_AUTO, CF_FORMAT_CSV,  CF_FORMAT_TSV,
        CF_FORMAT_DAT,  CF_FORMAT_MTX,  CF_FORMAT_DENSE};
    *t = (trial){.text = {.format = formats[o[0] % 7],
                          .columns = columns[o[1] % 5],
                          .missing = o[1] % 2 ? 99 : (double)NAN,
                          .times = o[2] & 1,
                          .pairs = (o[2] & 30) == 30},
                 .bad_row = o[2] & 32 ? CF_BAD_ROW_SKIP : CF_BAD_ROW_STOP,
                 .duplicates = (enum cf_duplicates)(o[3] % 5),
                 .build = o[3] & 32,
                 .packed = o[3] / 64 % FILES};
    t->keep.keep_time = t->text.times;
    t->keep.has_scale = (o[2] & 6) == 6;
    t->keep.scale[1] = 5;
    t->keep.has_threshold = (o[2] & 24) == 8;
    t->keep.threshold = 3;
    t->keep.has_times = t->text.times && o[2] & 128;
    t->keep.times[0] = 1000000;
    t->keep.times[1] = 2000000000;
}

/* ---- files ---- */

static void write_file(const char *name, const uint8_t *data, size_t size,
                       bool packed)
{
    const char mode[] = {'w', 'b', packed ? '1' : 'T', '\0'};
    gzFile f = gzopen(name, mode);
    HOLDS(f != NULL);
    HOLDS(gzwrite(f, data, (unsigned)size) == (int)size);
    HOLDS(gzclose(f) == Z_OK);
}

static bool all_plain(const uint8_t *data, size_t size)
{
    for (const uint8_t *s = data, *end = data + size; s != NULL;) {
        size_t n = (size_t)(end - s);
        if (!is_plain(s, n))
            return false;
        s = memchr(s, 1, n);
        s = s != NULL ? s + 1 : NULL;
    }
    return true;
}

/* Writes the files and lists them in `inputs`. Collective. */
static void write_files(const uint8_t *data, size_t size, int packed)
{
    cf_text_clear(&inputs);
    for (int i = 0; i < FILES; i++) {
        const uint8_t *end = i + 1 < FILES ? memchr(data, 1, size) : NULL;
        size_t n = end != NULL ? (size_t)(end - data) : size;
        if (world.rank == 0)
            write_file(path[i], data, n, i == packed);
        cf_text_add(&inputs, "%s\n", path[i]);
        if (end == NULL)
            break;
        data = end + 1;
        size -= n + 1;
    }
    cf_text_add(&inputs, "");
    MPI_Barrier(world.comm);
}

/* ---- what a reading gives, as text ---- */

static void put_ids(cf_text *out, const cf_ids *ids)
{
    for (int64_t i = 0; i < ids->count; i++) {
        cf_ids_print(ids, i, out);
        cf_text_bytes(out, "\n", 1);
    }
}

static void put_value(cf_text *out, float value, const int64_t *time)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    cf_text_add(out, " %08x", bits);
    if (time != NULL)
        cf_text_add(out, "@%" PRId64, *time);
}

/* Ratings in the order of the input. */
static void put_entries(cf_text *out, const cf_entries *e)
{
    for (int64_t i = 0; i < e->count; i++) {
        const cf_chunk *c = &e->chunk[i / CF_ENTRIES_CHUNK];
        int64_t at = i % CF_ENTRIES_CHUNK;
        cf_ids_print(&e->users.ids, c->user[at], out);
        cf_text_add(out, " ");
        cf_ids_print(&e->items.ids, c->item[at], out);
        put_value(out, c->value[at], e->timed ? &c->time[at] : NULL);
        cf_text_add(out, "\n");
    }
}

static void put_rows(cf_text *out, const cf_csr *a)
{
    for (int64_t i = 0; i < a->n_loc; i++) {
        for (int64_t e = a->indptr[i]; e < a->indptr[i + 1]; e++) {
            HOLDS(a->indices[e] >= 0 && a->indices[e] < a->cols);
            HOLDS(e == a->indptr[i] || a->indices[e] > a->indices[e - 1]);
            cf_text_add(out, " %d:", (int)a->indices[e]);
            put_value(out, a->values[e], a->time != NULL ? &a->time[e] : NULL);
        }
        cf_text_add(out, "\n");
    }
}

/* Everything about the matrix, this rank's part of each list. */
static void put_matrix(cf_text part[3], cf_text *common, const cf_par *par,
                       cf_entries *e, enum cf_duplicates rule)
{
    cf_idmap users = {0}, items = {0};
    cf_placement user_at = {0}, item_at = {0};
    cf_csr a = {0};
    int64_t merged = 0;
    cf_gidx place[2] = {0, 0};
    cf_idmap_build(&users, par, &e->users, &user_at);
    cf_idmap_build(&items, par, &e->items, &item_at);
    put_ids(&part[0], &users.ids);
    put_ids(&part[1], &items.ids);
    cf_numbering n = {&users, &user_at, &item_at, cf_part_rows(&items.part)};
    int status = cf_csr_build(&a, par, e, &n, rule, &merged, place);
    cf_text_add(common, "csr %d, %" PRId64 " merged\n", status, merged);
    if (status == CF_OK)
        put_rows(&part[2], &a);
    else
        cf_text_add(common, "twice: %" PRId64 " %" PRId64 "\n", place[0],
                    place[1]);
    cf_error_clear();
    cf_csr_free(&a);
    cf_placement_free(&user_at);
    cf_placement_free(&item_at);
    cf_idmap_free(&users);
    cf_idmap_free(&items);
}

/* Appends all ranks' texts, one after the other, on rank 0. Collective. */
static void gather(cf_text *out, const cf_par *par, const cf_text *mine)
{
    int n = (int)mine->length, total = 0;
    int *counts = calloc((size_t)par->size, 2 * sizeof *counts);
    int *at = counts + par->size;
    MPI_Allgather(&n, 1, MPI_INT, counts, 1, MPI_INT, par->comm);
    for (int r = 0; r < par->size; r++) {
        at[r] = total;
        total += counts[r];
    }
    char *all = malloc((size_t)total + 1);
    MPI_Gatherv(mine->data, n, MPI_BYTE, all, counts, at, MPI_BYTE, 0,
                par->comm);
    if (par->rank == 0)
        cf_text_bytes(out, all, total);
    free(all);
    free(counts);
}

static void put_counts(cf_text *common, const cf_par *par, const cf_intake *in)
{
    cf_text_add(common, "skipped %" PRId64 ", implicit %d\n", in->skipped,
                in->implicit);
    for (int i = 0; i < in->shown_count; i++)
        cf_text_add(common, "%s\n", in->shown[i]);
    for (int v = 1; v < CF_VERDICTS; v++)
        cf_text_add(common, "left %" PRId64 "\n", cf_sum_i64(par, in->left[v]));
}

/* What one reading gives. */
typedef struct outcome {
    cf_text text;
    char seal[64]; /* digest and size of the files as they lie */
} outcome;

/* One reading by the ranks of `par`; rank 0 gets the outcome. Collective over
 * `par`. */
static void read_once(outcome *o, const cf_par *par, const trial *t)
{
    cf_text *out = &o->text;
    cf_intake in = {.keep = t->keep, .bad_row = t->bad_row};
    cf_text part[3] = {{0}, {0}, {0}}, common = {0};
    o->seal[0] = '\0';
    cf_text_clear(out);
    int status = cf_ratings_read(&in, par, inputs.data, &t->text);
    cf_text_add(&common, "%d %s\n", status, cf_error_message());
    if (succeeded(status)) {
        put_counts(&common, par, &in);
        snprintf(o->seal, sizeof o->seal, "%s %" PRId64, in.digest, in.bytes);
        if (t->build)
            put_matrix(part, &common, par, &in.entries, t->duplicates);
        else
            put_entries(&part[0], &in.entries);
    }
    if (par->rank == 0)
        cf_text_bytes(out, common.data, common.length);
    for (int i = 0; i < 3; i++) {
        gather(out, par, &part[i]);
        cf_text_free(&part[i]);
    }
    cf_text_free(&common);
    cf_intake_free(&in);
}

static void compare(const outcome *a, const outcome *b, bool seals,
                    const char *what)
{
    if (world.rank != 0 || (strcmp(a->text.data, b->text.data) == 0 &&
                            (!seals || strcmp(a->seal, b->seal) == 0)))
        return;
    fprintf(stderr, "---- expected:\n%s%s\n---- %s:\n%s%s\n", a->text.data,
            a->seal, what, b->text.data, b->seal);
    broken(__FILE__, __LINE__, what);
}

static void attempt(const uint8_t *data, size_t size)
{
    outcome plain = {0}, packed = {0}, all = {0};
    trial t;
    if (size < OPTIONS || !all_plain(data + OPTIONS, size - OPTIONS))
        return;
    choose(&t, data);
    write_files(data + OPTIONS, size - OPTIONS, -1);
    if (world.rank == 0)
        read_once(&plain, &self, &t);
    read_once(&all, &world, &t);
    compare(&plain, &all, true, "all ranks");
    write_files(data + OPTIONS, size - OPTIONS, t.packed);
    if (world.rank == 0)
        read_once(&packed, &self, &t);
    compare(&plain, &packed, false, "packed");
    read_once(&all, &world, &t);
    compare(&packed, &all, true, "packed, all ranks");
    for (int i = 0; i < FILES && world.rank == 0; i++)
        unlink(path[i]);
    MPI_Barrier(world.comm);
    cf_text_free(&plain.text);
    cf_text_free(&packed.text);
    cf_text_free(&all.text);
    cf_text_free(&inputs);
}
