/* The reader of dense vectors, of files that hold them alone: the first byte
 * chooses the format, the others are the file. One rank and all must find the
 * same, and columns be the rows the other way round. */
#include "fuzz.h"

#include "cfmpi/vectors.h"

static fuzz_file file;

static void prepare(void)
{
    make_file(&file);
}

/* Whether it can be read; `v` is to be freed. */
static bool read_with(const cf_par *par, const cf_vectors_source *s,
                      bool columns, cf_vectors *v)
{
    *v = (cf_vectors){0};
    bool good = succeeded(cf_vectors_read(v, par, s, columns));
    HOLDS(good == (v->rows != NULL));
    HOLDS(!good || (v->dim >= 1 && v->dim <= CF_VECTORS_DIM));
    return good;
}

static void same_on_all(const cf_vectors_source *s, bool columns,
                        const cf_vectors *one)
{
    cf_vectors v;
    bool good = read_with(&world, s, columns, &v);
    HOLDS(good == (one->rows != NULL));
    if (good) {
        int64_t begin = v.part.begin[world.rank];
        int64_t n = cf_part_count(&v.part, world.rank);
        HOLDS(v.dim == one->dim);
        HOLDS(cf_part_rows(&v.part) == cf_part_rows(&one->part));
        HOLDS(same_bytes(v.rows, one->rows + begin * v.dim,
                         (size_t)(n * v.dim) * sizeof *v.rows));
        HOLDS(strcmp(v.digest, one->digest) == 0);
    }
    cf_vectors_free(&v);
}

static void same_across(const cf_vectors *rows, const cf_vectors *columns)
{
    int64_t n = cf_part_rows(&rows->part), dim = rows->dim;
    HOLDS(cf_part_rows(&columns->part) == dim && columns->dim == n);
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < dim; k++)
            HOLDS(same_bytes(&rows->rows[i * dim + k],
                             &columns->rows[k * n + i], sizeof(float)));
}

static void attempt(const uint8_t *data, size_t size)
{
    cf_vectors_source s = {0};
    cf_vectors rows, columns;
    if (size == 0)
        return;
    s.format = (enum cf_vectors_format)(data[0] % CF_VECTORS_HDF5);
    snprintf(s.file, sizeof s.file, "%s", file.path);
    fill_file(&file, data + 1, size - 1);
    bool good = read_with(&self, &s, false, &rows);
    /* Small files: no vector is too long the other way. */
    if (read_with(&self, &s, true, &columns) && good)
        same_across(&rows, &columns);
    same_on_all(&s, false, &rows);
    same_on_all(&s, true, &columns);
    cf_vectors_free(&rows);
    cf_vectors_free(&columns);
}
