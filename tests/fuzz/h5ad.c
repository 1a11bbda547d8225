/* The reader of AnnData's HDF5 groups. See recipe.h for how files come about.
 * Shapes stay below MOST_ROWS, or go beyond what any reader takes, as in the
 * target npz. */
#include "reading.h"

#include "cfmpi/h5ad.h"
#include "recipe.h"

#define MOST_ROWS 100000

static recipe sound;
static recipe_attr *shape;
static char path[CF_PATH_MAX];

static void prepare(void)
{
    static const int32_t indices[] = {0, 1, 3, 0, 2, 3, 1};
    static const int32_t indptr[] = {0, 3, 4, 6, 7};
    static const float data[] = {1, 2.5f, 3, 4, 5, 0.5f, 1e-3f};
    static const char users[] = "ann\0\0\0\0\0bob\0\0\0\0\0007\0\0\0\0\0\0\0"
                                "42\0\0\0\0\0";
    static const char items[] = "ab\0cd\0ef\0\xc3\xa4";
    static const int64_t numbers[] = {5, 6, 7, 8};
    name_file(path, "h5ad");
    MPI_Bcast(path, CF_PATH_MAX, MPI_BYTE, 0, world.comm);
    sound.seal = NONE;
    add_dataset(&sound, "/X/data", F32, 7, 0, data);
    add_dataset(&sound, "/X/indices", I32, 7, 0, indices);
    add_dataset(&sound, "/X/indptr", I32, 5, 0, indptr);
    add_dataset(&sound, "/obs/_index", VARIABLE, 4, 0, users);
    recipe_dataset *d = add_dataset(&sound, "/var/_index", FIXED, 1, 0, items);
    d->size[0] = 4;
    d->length = sizeof items;
    memcpy(d->content, items, sizeof items);
    add_dataset(&sound, "/obs/number", I64, 4, 0, numbers);
    add_attr(&sound, "/X", "encoding-type", "csr_matrix", 0);
    shape = add_attr(&sound, "/X", "shape", NULL, 4);
    shape->count = 2;
    add_attr(&sound, "/obs", "_index", "_index", 0);
    add_attr(&sound, "/var", "_index", "_index", 0);
    add_attr(&sound, "/X", "h5sparse_format", "csc", 0);
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

static int read_h5ad(cf_intake *in, const cf_par *par, const void *options)
{
    const uint8_t *o = options;
    in->bad_row = *o & 1 ? CF_BAD_ROW_SKIP : CF_BAD_ROW_STOP;
    in->keep.has_scale = *o & 2;
    in->keep.scale[1] = 5;
    return cf_h5ad_read(in, par, path);
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
    bound_shape(&r.a[shape - sound.a]);
    if (world.rank == 0)
        write_recipe(&r, path);
    MPI_Barrier(world.comm);
    int rule = data[0] & 32 ? CF_DUP_SUM : NO_MATRIX;
    if (world.rank == 0)
        read_once(&one, &self, read_h5ad, data, rule);
    read_once(&all, &world, read_h5ad, data, rule);
    HOLDS(world.rank != 0 || size > 1 || one.text.data[0] == '0');
    compare(&one, &all, SEALS, "all ranks");
    MPI_Barrier(world.comm);
    if (world.rank == 0)
        unlink(path);
    cf_text_free(&one.text);
    cf_text_free(&all.text);
}
