/* The reader of AnnData's HDF5 groups. See recipe.h for how files come about.
 * Shapes stay below MOST_ROWS, or go beyond what any reader takes, as in the
 * target npz. */
#include "reading.h"

#include "cfmpi/h5ad.h"
#include "recipe.h"

#define MOST_ROWS 100000

enum { DATA, INDICES, INDPTR };
enum { ENCODING, SHAPE };

static recipe sound;
static char path[CF_PATH_MAX];

static void prepare(void)
{
    static const int32_t indices[] = {0, 1, 3, 0, 2, 3, 1};
    static const int32_t indptr[] = {0, 3, 4, 6, 7};
    static const float data[] = {1, 2.5f, 3, 4, 5, 0.5f, 1e-3f};
    static const char users[] = "ann\0\0\0\0\0bob\0\0\0\0\0007\0\0\0\0\0\0\0"
                                "42\0\0\0\0\0";
    static const char items[] = "abcde\xc3\xa4ghijk";
    static const int64_t numbers[] = {5, 6, 7, 8};
    name_file(path, "h5ad");
    MPI_Bcast(path, CF_PATH_MAX, MPI_BYTE, 0, world.comm);
    sound.seal = NONE;
    add_dataset(&sound, "/X/data", F32, 7, 0, data);
    add_dataset(&sound, "/X/indices", I32, 7, 0, indices);
    add_dataset(&sound, "/X/indptr", I32, 5, 0, indptr);
    add_dataset(&sound, "/obs/_index", VARIABLE, 4, 0, users);
    recipe_dataset *d = add_dataset(&sound, "/var/_index", FIXED, 1, 0, "ab");
    d->size[0] = 4;
    d->length = sizeof items - 1;
    memcpy(d->content, items, d->length);
    add_dataset(&sound, "/obs/number", I64, 4, 0, numbers);
    add_attr(&sound, "/X", "encoding-type", "csr_matrix", 0);
    recipe_attr *shape = add_attr(&sound, "/X", "shape", NULL, 4);
    shape->count = 2;
    add_attr(&sound, "/obs", "_index", "_index", 0);
    add_attr(&sound, "/var", "_index", "_index", 0);
    add_attr(&sound, "/X", "h5sparse_format", "csc", 0);
}

static const recipe_attr *shape_of(const recipe *r)
{
    return &r->a[SHAPE];
}

/* Whether the arrays are the datasets of the recipe themselves. */
static bool is_direct(const recipe *r)
{
    for (int i = DATA; i <= INDPTR; i++)
        if (r->d[i].place != DATASET || r->d[i].length == 0)
            return false;
    return true;
}

static double bounded(double rows)
{
    double most = (double)INT32_MAX * world.size;
    return rows > MOST_ROWS && rows <= most ? MOST_ROWS : rows;
}

static void bound_shape(recipe_attr *a)
{
    a->number = bounded(a->number);
    a->step = bounded(a->number + a->step) - a->number;
}

/* Element i of a dataset of whole numbers, as the reader must see it. */
static int64_t element_of(const void *source, int array, int64_t i)
{
    const recipe *r = source;
    const recipe_dataset *d = &r->d[array == 0 ? INDPTR : INDICES];
    size_t width = kind_width(d);
    uint8_t raw[8];
    int64_t x = 0;
    for (size_t k = 0; k < width; k++)
        raw[k] = d->content[((size_t)i * width + k) % d->length];
    for (size_t k = 0; k < width; k++)
        x |= (int64_t)((uint64_t)raw[d->kind == BIG ? width - 1 - k : k]
                       << 8 * k);
    switch (d->kind) {
    case I8: return (int8_t)x;
    case I32: return (int32_t)x;
    case U64: return x < 0 ? INT64_MAX : x;
    default: return x;
    }
}

/* Holds the reading against the recipe. */
static void check(const cf_intake *in, const recipe *r)
{
    matrix x = {.integer = element_of, .source = r};
    memcpy(x.form, r->a[0].there ? r->a[0].text : r->a[4].text, 3);
    x.size[0] = (int64_t)shape_of(r)->number;
    x.size[1] = (int64_t)(shape_of(r)->number + shape_of(r)->step);
    x.count[0] = (int64_t)r->d[INDPTR].size[0];
    x.count[3] = (int64_t)r->d[DATA].size[0];
    check_matrix(in, &x, true);
}

typedef struct trial {
    uint8_t options;
    const recipe *r;
} trial;

static int read_h5ad(cf_intake *in, const cf_par *par, const void *options)
{
    const trial *t = options;
    const uint8_t *o = &t->options;
    in->bad_row = *o & 1 ? CF_BAD_ROW_SKIP : CF_BAD_ROW_STOP;
    in->keep.has_scale = *o & 2;
    in->keep.scale[1] = 5;
    int status = cf_h5ad_read(in, par, path);
    if (status == CF_OK && par->size == 1 && is_direct(t->r))
        check(in, t->r);
    return status;
}

/* The first byte chooses options. */
static void attempt(const uint8_t *data, size_t size)
{
    outcome one = {0}, all = {0};
    recipe r = sound;
    if (size == 0)
        return;
    bytes b = {data + 1, size - 1};
    if (data[0] & 4)
        snprintf(r.a[0].text, NAME, "csc_matrix");
    change(&r, &b);
    bound_shape(&r.a[SHAPE]);
    if (world.rank == 0)
        write_recipe(&r, path);
    MPI_Barrier(world.comm);
    trial t = {data[0], &r};
    int rule = data[0] & 32 ? CF_DUP_SUM : NO_MATRIX;
    if (world.rank == 0)
        read_once(&one, &self, read_h5ad, &t, rule);
    read_once(&all, &world, read_h5ad, &t, rule);
    HOLDS(world.rank != 0 || size > 1 || one.text.data[0] == '0');
    compare(&one, &all, SEALS, "all ranks");
    MPI_Barrier(world.comm);
    if (world.rank == 0)
        unlink(path);
    cf_text_free(&one.text);
    cf_text_free(&all.text);
}
