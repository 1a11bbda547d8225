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

#include "cfmpi/ratings_text.h"
#include "reading.h"

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

/* The sizes of a matrix are rows and columns that it has, however few of them
 * have entries; seven digits are more than a test can wait for. */
static bool has_long_number(const uint8_t *data, size_t size)
{
    int digits = 0;
    bool matrix = size > 2 && memmem(data, size, "%%", 2) != NULL;
    for (size_t i = 0; i < size && matrix && digits < 7; i++)
        digits = data[i] >= '0' && data[i] <= '9' ? digits + 1 : 0;
    return digits >= 7;
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

/* ---- readings ---- */

static int read_text(cf_intake *in, const cf_par *par, const void *trial_of)
{
    const trial *t = trial_of;
    in->keep = t->keep;
    in->bad_row = t->bad_row;
    return cf_ratings_read(in, par, inputs.data, &t->text);
}

static void attempt(const uint8_t *data, size_t size)
{
    outcome plain = {0}, packed = {0}, all = {0};
    trial t;
    if (size < OPTIONS || !all_plain(data + OPTIONS, size - OPTIONS) ||
        has_long_number(data + OPTIONS, size - OPTIONS))
        return;
    choose(&t, data);
    int rule = t.build ? (int)t.duplicates : NO_MATRIX;
    write_files(data + OPTIONS, size - OPTIONS, -1);
    if (world.rank == 0)
        read_once(&plain, &self, read_text, &t, rule);
    read_once(&all, &world, read_text, &t, rule);
    compare(&plain, &all, SEALS | MESSAGES, "all ranks");
    write_files(data + OPTIONS, size - OPTIONS, t.packed);
    if (world.rank == 0)
        read_once(&packed, &self, read_text, &t, rule);
    compare(&plain, &packed, MESSAGES, "packed");
    read_once(&all, &world, read_text, &t, rule);
    compare(&packed, &all, SEALS | MESSAGES, "packed, all ranks");
    for (int i = 0; i < FILES && world.rank == 0; i++)
        unlink(path[i]);
    MPI_Barrier(world.comm);
    cf_text_free(&plain.text);
    cf_text_free(&packed.text);
    cf_text_free(&all.text);
    cf_text_free(&inputs);
}
