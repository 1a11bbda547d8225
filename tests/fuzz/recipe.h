/* HDF5 files from recipes: a table of a sound file's datasets and attributes,
 * changed step by step as the fuzzer's bytes say, and then written by HDF5
 * itself.
 *
 * Why not bytes of a file: HDF5 1.10.8 crashes by itself on many a damaged
 * superblock, heap or header, which says nothing of the readers here and hides
 * what does. What it is handed so is a sound container with any content: wrong
 * types, shapes, values, links, claims of sizes that nobody has written. */
#ifndef CFMPI_FUZZ_RECIPE_H
#define CFMPI_FUZZ_RECIPE_H

#include "fuzz.h"

#include "cfmpi/digest.h"

#define CONTENT 1024
#define MOST_DATASETS 32
#define MOST_ATTRS 32

/* Kinds of elements: those of sound files first. */
enum kind {
    I32,
    I64,
    F32,
    F64,
    FIXED, /* a string of `width` bytes, null-padded UTF-8 */
    VARIABLE,
    BOOLEAN, /* an enumeration over int8, as h5py and anndata write it */
    I8,
    U32,
    U64,
    BIG, /* int64, the other byte order */
    COMPOUND,
    KINDS
};

/* What stands under a dataset's name. */
enum place { DATASET, NOTHING, GROUP, DANGLING, ALIAS, PLACES };

enum layout { CONTIGUOUS, COMPACT, CHUNKED, DEFLATED, LAYOUTS };

/* The attribute `digest` of a dataset. */
enum seal { FITTING, UNFITTING, NONE };

typedef struct recipe_dataset {
    char name[NAME];
    enum kind kind;
    int dims;
    uint64_t size[2];
    size_t width; /* of a string */
    enum place place;
    enum layout layout;
    enum seal seal;
    uint8_t content[CONTENT]; /* repeated where more is needed */
    size_t length;
} recipe_dataset;

typedef struct recipe_attr {
    char object[NAME], name[NAME];
    enum kind kind; /* VARIABLE, FIXED, I64, F64 */
    int count;
    char text[NAME];
    double number, step; /* of the first element, and to the next */
    bool there;
} recipe_attr;

typedef struct recipe {
    recipe_dataset d[MOST_DATASETS];
    recipe_attr a[MOST_ATTRS];
    int datasets, attrs;
    enum seal seal; /* of datasets to come */
} recipe;

/* ---- a sound file ---- */

static inline size_t kind_width(const recipe_dataset *d)
{
    static const size_t widths[KINDS] = {4, 8, 4, 8, 0, 8, 1, 1, 4, 8, 8, 8};
    return d->kind == FIXED ? d->width : widths[d->kind];
}

/* A dataset of rows x cols; cols 0 makes it a vector. The width of a FIXED one
 * is that of its first string in `content`, which are all as wide. */
static inline recipe_dataset *add_dataset(recipe *r, const char *name,
                                          enum kind kind, uint64_t rows,
                                          uint64_t cols, const void *content)
{
    recipe_dataset *d = &r->d[r->datasets++];
    *d = (recipe_dataset){.kind = kind, .seal = r->seal};
    snprintf(d->name, NAME, "%s", name);
    d->dims = cols > 0 ? 2 : 1;
    d->size[0] = rows;
    d->size[1] = cols > 0 ? cols : 1;
    d->width = kind == FIXED ? strlen(content) + 1 : 8;
    d->length = (size_t)(d->size[0] * d->size[1]) * kind_width(d);
    HOLDS(r->datasets <= MOST_DATASETS && d->length <= CONTENT);
    memcpy(d->content, content, d->length);
    return d;
}

/* `text` NULL for a number. */
static inline recipe_attr *add_attr(recipe *r, const char *object,
                                    const char *name, const char *text,
                                    double number)
{
    recipe_attr *a = &r->a[r->attrs++];
    HOLDS(r->attrs <= MOST_ATTRS);
    *a = (recipe_attr){.kind = text != NULL ? VARIABLE : I64,
                       .count = 1,
                       .number = number,
                       .there = true};
    snprintf(a->object, NAME, "%s", object);
    snprintf(a->name, NAME, "%s", name);
    snprintf(a->text, NAME, "%s", text != NULL ? text : "");
    return a;
}

/* ---- changes ---- */

/* One element becomes a small number. */
static inline void change_element(recipe_dataset *d, bytes *b)
{
    size_t width = kind_width(d), at = take(b) % 32 * width;
    unsigned raw = take(b);
    int64_t whole = raw < 128 ? raw % 8 : (int8_t)raw;
    float single = (float)whole / 2;
    double twice = single;
    const void *from = d->kind == F32   ? (const void *)&single
                       : d->kind == F64 ? (const void *)&twice
                                        : (const void *)&whole;
    if (width > 8 || at + width > CONTENT)
        return;
    memcpy(d->content + at, from, width);
    d->length = CF_MAX(d->length, at + width);
}

static inline void change_content(recipe_dataset *d, bytes *b)
{
    size_t at = take(b) * (take(b) % 4 + 1), n = take(b) % 16;
    for (size_t i = at; i < at + n && i < CONTENT; i++) {
        d->content[i] = (uint8_t)take(b);
        d->length = CF_MAX(d->length, i + 1);
    }
}

static inline void change_dataset(recipe_dataset *d, bytes *b)
{
    switch (take(b) % 16) {
    case 0: d->size[0] = take_size(b); break;
    case 1: d->size[1] = take_size(b); break;
    case 2: d->dims = (int)(take(b) % 4); break;
    case 3: d->kind = (enum kind)(take(b) % KINDS); break;
    case 4: d->width = take(b) % 32 * 10 + 1; break;
    case 5: d->place = (enum place)(take(b) % PLACES); break;
    case 6: d->layout = (enum layout)(take(b) % LAYOUTS); break;
    case 7: d->seal = (enum seal)(take(b) % 3); break;
    case 8: change_content(d, b); break;
    case 9: d->length = take(b) % 64 + 1; break;
    default: change_element(d, b);
    }
}

static inline void change_attr(recipe_attr *a, bytes *b)
{
    switch (take(b) % 5) {
    case 0: a->there = !a->there; break;
    case 1: a->kind = (enum kind)(take(b) % (VARIABLE + 1)); break;
    case 2: a->count = (int)(take(b) % 4); break;
    case 3: a->number = (double)take_size(b) / (take(b) % 4 + 1); break;
    default: take_text(b, a->text);
    }
}

/* One more dataset, under a name of the fuzzer's. */
static inline void add_other(recipe *r, bytes *b)
{
    char name[NAME];
    take_text(b, name);
    if (r->datasets < MOST_DATASETS)
        add_dataset(r, name, F32, 2, 0, "01234567");
}

/* Each change is what it is about, how, and to what. */
static inline void change(recipe *r, bytes *b)
{
    for (int i = 0; b->left > 0 && i < 64; i++) {
        unsigned what = take(b);
        if (what < 160)
            change_dataset(&r->d[what % (unsigned)r->datasets], b);
        else if (what < 250)
            change_attr(&r->a[what % (unsigned)r->attrs], b);
        else
            add_other(r, b);
    }
}

/* ---- writing ---- */

static inline hid_t make_type(const recipe_dataset *d)
{
    hid_t t;
    const int8_t no = 0, yes = 1;
    switch (d->kind) {
    case I32: return H5Tcopy(H5T_STD_I32LE);
    case I64: return H5Tcopy(H5T_STD_I64LE);
    case F32: return H5Tcopy(H5T_IEEE_F32LE);
    case F64: return H5Tcopy(H5T_IEEE_F64LE);
    case I8: return H5Tcopy(H5T_STD_I8LE);
    case U32: return H5Tcopy(H5T_STD_U32LE);
    case U64: return H5Tcopy(H5T_STD_U64LE);
    case BIG: return H5Tcopy(H5T_STD_I64BE);
    case BOOLEAN:
        t = H5Tenum_create(H5T_STD_I8LE);
        H5Tenum_insert(t, "FALSE", &no);
        H5Tenum_insert(t, "TRUE", &yes);
        return t;
    case COMPOUND:
        t = H5Tcreate(H5T_COMPOUND, 8);
        H5Tinsert(t, "a", 0, H5T_STD_I32LE);
        H5Tinsert(t, "b", 4, H5T_IEEE_F32LE);
        return t;
    default:
        t = H5Tcopy(H5T_C_S1);
        H5Tset_size(t, d->kind == VARIABLE ? H5T_VARIABLE : d->width);
        H5Tset_cset(t, H5T_CSET_UTF8);
        H5Tset_strpad(t, H5T_STR_NULLPAD);
        return t;
    }
}

static inline void write_attr(hid_t object, const recipe_attr *a)
{
    recipe_dataset like = {.kind = a->kind, .width = sizeof a->text};
    hsize_t count = (hsize_t)a->count;
    const char *texts[] = {a->text, a->text, a->text, a->text};
    double numbers[4];
    char fixed[4][NAME];
    const void *data = a->kind == VARIABLE ? (const void *)texts
                       : a->kind == FIXED  ? (const void *)fixed
                                           : numbers;
    for (int i = 0; i < 4; i++)
        memcpy(fixed[i], a->text, NAME);
    for (int i = 0; i < 4; i++)
        numbers[i] = a->number + i * a->step;
    hid_t type = make_type(&like), memory = H5Tcopy(type);
    if (a->kind != VARIABLE && a->kind != FIXED) {
        H5Tclose(memory);
        memory = H5Tcopy(H5T_NATIVE_DOUBLE);
    }
    hid_t space = a->count == 1 ? H5Screate(H5S_SCALAR)
                                : H5Screate_simple(1, &count, NULL);
    hid_t attr =
        H5Acreate2(object, a->name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    if (attr >= 0 && a->count > 0)
        H5Awrite(attr, memory, data);
    if (attr >= 0)
        H5Aclose(attr);
    H5Sclose(space);
    H5Tclose(type);
    H5Tclose(memory);
}

static inline void write_seal(hid_t dataset, enum seal seal, const void *data,
                              size_t length)
{
    recipe_attr a = {.name = "digest", .kind = VARIABLE, .count = 1};
    cf_digest digest;
    char hex[CF_DIGEST_HEX];
    if (seal == NONE)
        return;
    cf_digest_begin(&digest, 0, (int64_t)length);
    cf_digest_update(&digest, data, (int64_t)length);
    cf_digest_end(&digest, &self, hex);
    hex[0] ^= seal == UNFITTING;
    snprintf(a.text, NAME, "%s", hex);
    write_attr(dataset, &a);
}

/* What is too large for an array here stays without data, as HDF5 allows. */
static inline void write_data(hid_t dataset, hid_t type,
                              const recipe_dataset *d)
{
    uint64_t count = d->dims > 0 ? d->size[0] : 1;
    count = d->dims > 1 && count < 10000 ? count * d->size[1] : count;
    count = d->dims > 2 ? count * 2 : count;
    if (count > 10000 || (d->dims > 1 && d->size[1] > 10000))
        return;
    size_t width = kind_width(d), length = (size_t)count * width;
    uint8_t *data = malloc(length + 1);
    for (size_t i = 0; i < length; i++)
        data[i] = d->length > 0 ? d->content[i % d->length] : 0;
    char text[CONTENT + 1];
    char **texts = calloc(count + 1, sizeof *texts);
    memcpy(text, d->content, CONTENT);
    text[CONTENT] = '\0';
    for (size_t i = 0; d->kind == VARIABLE && i < count; i++)
        texts[i] = text + (d->length > 0 ? i * width % d->length : 0);
    if (count > 0)
        H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                 d->kind == VARIABLE ? (void *)texts : (void *)data);
    write_seal(dataset, d->seal, data, length);
    free(texts);
    free(data);
}

static inline hid_t creation_list(const recipe_dataset *d)
{
    const hsize_t chunk[] = {3, 2, 1};
    hid_t list = H5Pcreate(H5P_DATASET_CREATE);
    if (d->layout == COMPACT)
        H5Pset_layout(list, H5D_COMPACT);
    if (d->layout >= CHUNKED && d->dims > 0)
        H5Pset_chunk(list, d->dims, chunk);
    if (d->layout == DEFLATED)
        H5Pset_deflate(list, 1);
    return list;
}

static inline void write_dataset(hid_t file, hid_t links,
                                 const recipe_dataset *d)
{
    hsize_t size[] = {d->size[0], d->size[1], 2};
    hid_t type = make_type(d), list = creation_list(d);
    hid_t space = H5Screate_simple(d->dims, size, NULL);
    hid_t dataset = space < 0 ? space
                              : H5Dcreate2(file, d->name, type, space, links,
                                           list, H5P_DEFAULT);
    if (dataset >= 0) {
        write_data(dataset, type, d);
        H5Dclose(dataset);
    }
    if (space >= 0)
        H5Sclose(space);
    H5Pclose(list);
    H5Tclose(type);
}

static inline void write_place(const recipe *r, hid_t file, hid_t links,
                               const recipe_dataset *d)
{
    hid_t group;
    switch (d->place) {
    case DATASET: write_dataset(file, links, d); break;
    case GROUP:
        group = H5Gcreate2(file, d->name, links, H5P_DEFAULT, H5P_DEFAULT);
        if (group >= 0)
            H5Gclose(group);
        break;
    case DANGLING:
        H5Lcreate_soft("/nowhere", file, d->name, links, H5P_DEFAULT);
        break;
    case ALIAS:
        H5Lcreate_soft(r->d[d->length % (size_t)r->datasets].name, file,
                       d->name, links, H5P_DEFAULT);
        break;
    default: break;
    }
}

/* Groups come with the datasets in them. */
static inline void write_recipe(const recipe *r, const char *path)
{
    hid_t links = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(links, 1);
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    HOLDS(file >= 0);
    for (int i = 0; i < r->datasets; i++)
        write_place(r, file, links, &r->d[i]);
    for (int i = 0; i < r->attrs; i++) {
        hid_t object = H5Oopen(file, r->a[i].object, H5P_DEFAULT);
        if (object >= 0 && r->a[i].there)
            write_attr(object, &r->a[i]);
        if (object >= 0)
            H5Oclose(object);
    }
    H5Fclose(file);
    H5Pclose(links);
}

#endif
