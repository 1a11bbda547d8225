/* The reader of titles. What an item gets must not depend on which other items
 * are asked for with it, on the packing of the file, nor under mpirun on the
 * rank that asks. The first byte of an input chooses the items' ids. */
#include "fuzz.h"

#include <zlib.h>

#include "cfmpi/titles.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

static char path[CF_PATH_MAX];

/* Ascending, as the readers want them. */
static const char *const texts[] = {"\"",   "007", "1",   "A::B", "B,C",
                                    "ISBN", "a b", "a;b", "id",   "\xc3\xa4"};
static const int64_t numbers[] = {-3, 0, 1, 2, 3, 10, 11, 100, INT64_MAX};

static void prepare(void)
{
    name_file(path, "txt");
    MPI_Bcast(path, CF_PATH_MAX, MPI_BYTE, 0, world.comm);
}

/* Collective. */
static void write_file(const uint8_t *data, size_t size, bool packed)
{
    MPI_Barrier(world.comm);
    if (world.rank == 0) {
        gzFile f = gzopen(path, packed ? "wb1" : "wbT");
        HOLDS(f != NULL && gzwrite(f, data, (unsigned)size) == (int)size);
        HOLDS(gzclose(f) == Z_OK);
    }
    MPI_Barrier(world.comm);
}

/* Ids [begin, end) of one of the lists. */
static void make_ids(cf_ids *ids, bool text, int begin, int end)
{
    cf_ids_make(ids, text, end - begin, 100);
    for (int i = begin; i < end && !text; i++)
        ids->number[i - begin] = numbers[i];
    for (int i = begin; i < end && text; i++) {
        int64_t at = ids->begin[i - begin], n = (int64_t)strlen(texts[i]);
        memcpy(ids->bytes + at, texts[i], (size_t)n);
        ids->begin[i - begin + 1] = at + n;
    }
}

/* What a reading gives. */
typedef struct outcome {
    char message[CF_ERROR_MAX];
    cf_titles t;
} outcome;

static void read_titles(outcome *o, const cf_par *par, bool text, int begin,
                        int end)
{
    cf_ids ids = {0};
    make_ids(&ids, text, begin, end);
    int status = cf_titles_read(&o->t, par, path, &ids);
    snprintf(o->message, sizeof o->message, "%s", cf_error_message());
    HOLDS(succeeded(status) == (o->message[0] == '\0'));
    cf_ids_free(&ids);
}

/* The titles of `part` are those of `whole` from `begin` on. */
static void compare(const outcome *whole, const outcome *part, int begin)
{
    HOLDS(strcmp(whole->message, part->message) == 0);
    for (int64_t i = 0; whole->message[0] == '\0' && i < part->t.count; i++) {
        const char *a = whole->t.data + (begin + i) * (int64_t)whole->t.width;
        const char *b = part->t.data + i * (int64_t)part->t.width;
        size_t n = strnlen(a, whole->t.width);
        HOLDS(strnlen(b, part->t.width) == n && same_bytes(a, b, n));
        for (size_t c = n; c < part->t.width; c++)
            HOLDS(b[c] == '\0');
    }
}

static void attempt(const uint8_t *data, size_t size)
{
    outcome whole = {0}, part = {0};
    if (size == 0 || !is_plain(data + 1, size - 1))
        return;
    bool text = data[0] & 1;
    int count = text ? COUNT(texts) : COUNT(numbers);
    int middle = data[0] / 2 % count;
    write_file(data + 1, size - 1, false);
    read_titles(&whole, &self, text, 0, count);
    read_titles(&part, &self, text, 0, middle);
    compare(&whole, &part, 0);
    int64_t found = part.t.found;
    read_titles(&part, &self, text, middle, count);
    compare(&whole, &part, middle);
    HOLDS(whole.message[0] != '\0' || found + part.t.found == whole.t.found);
    write_file(data + 1, size - 1, true);
    int begin = count * world.rank / world.size;
    read_titles(&part, &world, text, begin,
                count * (world.rank + 1) / world.size);
    compare(&whole, &part, begin);
    MPI_Barrier(world.comm);
    if (world.rank == 0)
        unlink(path);
    cf_titles_free(&whole.t);
    cf_titles_free(&part.t);
}
