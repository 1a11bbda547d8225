#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cfmpi/error.h"
#include "cfmpi/exchange.h"
#include "cfmpi/file.h"
#include "cfmpi/memory.h"
#include "h5_internal.h"

static int64_t bytes_read, bytes_written;

int64_t cf_h5_bytes_read(void)
{
    return bytes_read;
}

int64_t cf_h5_bytes_written(void)
{
    return bytes_written;
}

void cf_h5_count(int64_t read, int64_t written)
{
    bytes_read += read;
    bytes_written += written;
}

cf_gidx cf_h5_piece_rows(const cf_dataset *d)
{
    int64_t row = CF_MAX((int64_t)d->width * d->cols, 1);
    return CF_MAX(CF_H5_PIECE / row, 1);
}

hid_t cf_h5_type(const cf_dataset *d)
{
    hid_t type;
    switch (d->type) {
    case CF_I32: return H5Tcopy(H5T_STD_I32LE);
    case CF_I64: return H5Tcopy(H5T_STD_I64LE);
    case CF_F32: return H5Tcopy(H5T_IEEE_F32LE);
    case CF_F64: return H5Tcopy(H5T_IEEE_F64LE);
    case CF_STRING: break;
    }
    type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, d->width);
    H5Tset_cset(type, H5T_CSET_UTF8);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    return type;
}

herr_t cf_h5_transfer(hid_t dataset, const cf_dataset *d, cf_gidx begin,
                      cf_gidx count, void *in, const void *out)
{
    if (count == 0 || d->cols == 0)
        return 0;
    hsize_t start[2] = {(hsize_t)begin, 0};
    hsize_t block[2] = {(hsize_t)count, (hsize_t)d->cols};
    hid_t type = cf_h5_type(d);
    hid_t file_space = H5Dget_space(dataset);
    hid_t memory_space = H5Screate_simple(d->dims, block, NULL);
    herr_t rc = H5Sselect_hyperslab(file_space, H5S_SELECT_SET, start, NULL,
                                    block, NULL);
    if (rc >= 0)
        rc = in != NULL ? H5Dread(dataset, type, memory_space, file_space,
                                  H5P_DEFAULT, in)
                        : H5Dwrite(dataset, type, memory_space, file_space,
                                   H5P_DEFAULT, out);
    H5Sclose(memory_space);
    H5Sclose(file_space);
    H5Tclose(type);
    return rc;
}

bool cf_h5_is_hdf5(const char *path)
{
    static const unsigned char magic[8] = {0x89, 'H',  'D',  'F',
                                           '\r', '\n', 0x1a, '\n'};
    return cf_file_begins(path, magic, sizeof magic);
}

static bool open_file(cf_h5 *file, const char *path)
{
    snprintf(file->path, sizeof file->path, "%s", path);
    H5Eset_auto(H5E_DEFAULT, NULL, NULL);
    file->id = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (file->id < 0)
        file->id = 0;
    return file->id > 0;
}

static bool is_ours(const cf_h5 *file)
{
    cf_text format = {0};
    bool ours = cf_h5_text(file, "/", "format", &format) &&
                strcmp(format.data, "cfmpi") == 0;
    cf_text_free(&format);
    return ours;
}

bool cf_h5_is_result(const char *path)
{
    cf_h5 file = {0};
    if (!cf_h5_is_hdf5(path))
        return false;
    bool foreign = open_file(&file, path) && !is_ours(&file);
    cf_h5_close(&file);
    return !foreign;
}

/* What rank 0 finds out before anybody else opens the file. */
static int inspect(cf_h5 *file, const char *path)
{
    struct stat info;
    double version, complete;
    if (stat(path, &info) != 0)
        return cf_fail(CF_NO_INPUT, "%s: %s", path, strerror(errno));
    if (!cf_h5_is_hdf5(path))
        return cf_fail(CF_BAD_DATA, "%s: not an HDF5 file", path);
    if (!open_file(file, path))
        return cf_fail(CF_BAD_DATA,
                       "%s: damaged or truncated HDF5 file; "
                       "make it again",
                       path);
    if (!is_ours(file) || !cf_h5_number(file, "/", "format_version", &version))
        return cf_fail(CF_BAD_DATA,
                       "%s: an HDF5 file, but not one of "
                       "cfmpi's (no attribute format=\"cfmpi\")",
                       path);
    if (version > CF_FORMAT_VERSION)
        return cf_fail(CF_BAD_DATA,
                       "%s: format_version %.0f is newer than "
                       "this program's %d; use a newer cfmpi",
                       path, version, CF_FORMAT_VERSION);
    if (!cf_h5_number(file, "/", "complete", &complete) || complete != 1)
        return cf_fail(CF_BAD_DATA,
                       "%s: not complete (its writer was "
                       "stopped); make it again",
                       path);
    return CF_OK;
}

int cf_h5_open(cf_h5 *file, const cf_par *par, const char *path)
{
    int status = CF_OK;
    cf_h5_close(file);
    CF_TRY(cf_agree(par, par->rank == 0 ? inspect(file, path) : CF_OK));
    if (par->rank != 0 && !open_file(file, path))
        status = cf_fail(CF_NO_INPUT,
                         "%s: rank %d cannot open it; is the "
                         "folder shared by all nodes?",
                         path, par->rank);
    CF_TRY(cf_agree(par, status));
done:
    if (status != CF_OK)
        cf_h5_close(file);
    return status;
}

void cf_h5_close(cf_h5 *file)
{
    if (file->id > 0)
        H5Fclose(file->id);
    file->id = 0;
}

bool cf_h5_has(const cf_h5 *file, const char *name)
{
    char part[CF_NAME_MAX];
    /* H5Lexists wants every parent to exist. */
    for (size_t i = 1; i <= strlen(name); i++)
        if (name[i] == '/' || name[i] == '\0') {
            snprintf(part, CF_MIN(sizeof part, i + 1), "%s", name);
            if (H5Lexists(file->id, part, H5P_DEFAULT) <= 0)
                return false;
        }
    return true;
}

static bool known_type(hid_t type, cf_dataset *d)
{
    d->width = H5Tget_size(type);
    switch (H5Tget_class(type)) {
    case H5T_INTEGER:
        d->type = d->width == 4 ? CF_I32 : CF_I64;
        return (d->width == 4 || d->width == 8) &&
               H5Tget_order(type) == H5T_ORDER_LE &&
               H5Tget_sign(type) == H5T_SGN_2;
    case H5T_FLOAT:
        d->type = d->width == 4 ? CF_F32 : CF_F64;
        return (d->width == 4 || d->width == 8) &&
               H5Tget_order(type) == H5T_ORDER_LE;
    case H5T_STRING: d->type = CF_STRING; return H5Tis_variable_str(type) == 0;
    default: return false;
    }
}

static void stored_digest(const cf_h5 *file, cf_dataset *d)
{
    cf_text digest = {0};
    d->digest[0] = '\0';
    if (cf_h5_text(file, d->name, "digest", &digest) &&
        digest.length == CF_DIGEST_HEX - 1)
        memcpy(d->digest, digest.data, CF_DIGEST_HEX);
    cf_text_free(&digest);
}

/* A dataset without a digest that no layout of ours can name. */
static bool is_foreign(const cf_dataset *d)
{
    static const char *const own[] = {
        "/users/",     "/items/",           "/ratings/",    "/embedding/",
        "/neighbors/", "/recommendations/", "/predictions/"};
    for (size_t i = 0; d->known && i < sizeof own / sizeof *own; i++)
        if (strncmp(d->name, own[i], strlen(own[i])) == 0)
            return false;
    return d->digest[0] == '\0';
}

/* Whether the file can hold what the dataset claims, be it packed by deflate,
 * which at best makes 1 byte of 1032. */
static bool holds(hid_t file, hid_t dataset, const cf_dataset *d)
{
    const int64_t most_packed = 1032;
    int64_t row, bytes;
    hsize_t whole = 0, stored = H5Dget_storage_size(dataset);
    if (d->rows < 0 || d->cols < 0 ||
        __builtin_mul_overflow(d->cols, (int64_t)d->width, &row) ||
        __builtin_mul_overflow(d->rows, row, &bytes))
        return false;
    return H5Fget_filesize(file, &whole) >= 0 && stored <= whole &&
           (hsize_t)(bytes / most_packed) <= stored &&
           (bytes == 0 || stored > 0);
}

/* Fills all of `d`. CF_BAD_DATA when it is missing or damaged. */
static int describe(const cf_h5 *file, const char *name, cf_dataset *d)
{
    hsize_t size[2] = {0, 1};
    *d = (cf_dataset){0};
    if (!cf_h5_has(file, name))
        return cf_fail(CF_BAD_DATA, "%s: has no dataset %s", file->path, name);
    snprintf(d->name, sizeof d->name, "%s", name);
    hid_t dataset = H5Dopen2(file->id, name, H5P_DEFAULT);
    if (dataset < 0)
        return cf_fail(CF_BAD_DATA, "%s: %s is damaged", file->path, name);
    hid_t space = H5Dget_space(dataset), type = H5Dget_type(dataset);
    d->dims = H5Sget_simple_extent_ndims(space);
    d->known = (d->dims == 1 || d->dims == 2) && known_type(type, d) &&
               H5Sget_simple_extent_dims(space, size, NULL) == d->dims;
    d->rows = (cf_gidx)size[0];
    d->cols = (cf_gidx)size[1];
    d->hollow = d->known && !holds(file->id, dataset, d);
    d->known = d->known && !d->hollow;
    if (!d->known)
        d->rows = d->cols = 0;
    H5Tclose(type);
    H5Sclose(space);
    H5Dclose(dataset);
    stored_digest(file, d);
    d->foreign = is_foreign(d);
    return CF_OK;
}

int cf_h5_dataset(const cf_h5 *file, const char *name, cf_dataset *d)
{
    int status = describe(file, name, d);
    if (status == CF_OK && d->hollow)
        return cf_fail(CF_BAD_DATA,
                       "%s: %s claims more values than the file can hold",
                       file->path, name);
    if (status == CF_OK && !d->known)
        status = cf_fail(CF_BAD_DATA,
                         "%s: %s has a type or shape that "
                         "format_version 1 does not know",
                         file->path, name);
    return status;
}

struct names {
    const char *prefix;
    cf_text text; /* names, each with its terminator */
    int count;
};

/* `name` has no slash in front. */
static bool is_under(const char *name, const char *prefix)
{
    size_t n = strlen(prefix);
    return n == 0 || (strncmp(name, prefix + 1, n - 1) == 0 &&
                      (name[n - 1] == '/' || name[n - 1] == '\0'));
}

static herr_t collect(hid_t id, const char *name, const H5O_info_t *info,
                      void *arg)
{
    struct names *n = arg;
    (void)id;
    if (info->type == H5O_TYPE_DATASET && strlen(name) + 2 < CF_NAME_MAX &&
        is_under(name, n->prefix)) {
        cf_text_add(&n->text, "/%s", name);
        cf_text_bytes(&n->text, "", 1);
        n->count++;
    }
    return 0;
}

int cf_h5_list_under(const cf_h5 *file, const char *prefix, cf_dataset **list,
                     int *count)
{
    int status = CF_OK;
    struct names n = {.prefix = prefix};
    *list = NULL;
    *count = 0;
    if (H5Ovisit(file->id, H5_INDEX_NAME, H5_ITER_INC, collect, &n) < 0)
        CF_TRY(cf_fail(CF_BAD_DATA, "%s: damaged HDF5 file", file->path));
    *list = cf_calloc(n.count, sizeof **list, "dataset list");
    for (const char *s = n.text.data; *count < n.count; s += strlen(s) + 1)
        CF_TRY(describe(file, s, &(*list)[(*count)++]));
done:
    cf_text_free(&n.text);
    return status;
}

int cf_h5_list(const cf_h5 *file, cf_dataset **list, int *count)
{
    return cf_h5_list_under(file, "", list, count);
}

int cf_h5_read(const cf_h5 *file, const cf_dataset *d, cf_gidx begin,
               cf_gidx count, void *out)
{
    cf_gidx step = cf_h5_piece_rows(d);
    int64_t row = (int64_t)d->width * d->cols;
    if (begin < 0 || count < 0 || begin > d->rows - count)
        return cf_fail(CF_BAD_DATA,
                       "%s: %s has %" CF_PRIgidx " rows; rows %" CF_PRIgidx
                       " to %" CF_PRIgidx " are not among them",
                       file->path, d->name, d->rows, begin, begin + count);
    if (count == 0 || row == 0)
        return CF_OK;
    hid_t dataset = H5Dopen2(file->id, d->name, H5P_DEFAULT);
    herr_t rc = dataset < 0 ? -1 : 0;
    for (cf_gidx at = 0; rc >= 0 && at < count; at += step)
        rc = cf_h5_transfer(dataset, d, begin + at, CF_MIN(step, count - at),
                            (char *)out + at * row, NULL);
    if (dataset >= 0)
        H5Dclose(dataset);
    cf_h5_count(count * row, 0);
    return rc < 0 ? cf_fail(CF_IO, "%s: cannot read %s", file->path, d->name)
                  : CF_OK;
}

/* Streams own rows through `sink` and digests them on the way. */
typedef void piece_sink(const void *piece, cf_gidx at, cf_gidx rows,
                        const cf_dataset *d, void *arg);

static int stream(const cf_h5 *file, const cf_par *par, const cf_dataset *d,
                  cf_gidx begin, cf_gidx count, piece_sink *take, void *arg,
                  char hex[CF_DIGEST_HEX])
{
    int status = CF_OK;
    int64_t row = (int64_t)d->width * d->cols;
    cf_gidx step = CF_MIN(cf_h5_piece_rows(d), count);
    char *piece = cf_alloc(step * row, 1, "dataset piece");
    cf_digest digest;
    cf_digest_begin(&digest, begin * row, count * row);
    for (cf_gidx at = 0; status == CF_OK && at < count; at += step) {
        cf_gidx rows = CF_MIN(step, count - at);
        status = cf_h5_read(file, d, begin + at, rows, piece);
        cf_digest_update(&digest, piece, rows * row);
        if (take != NULL && status == CF_OK)
            take(piece, at, rows, d, arg);
    }
    cf_free(piece);
    status = cf_agree(par, status);
    cf_digest_end(&digest, par, hex);
    return status;
}

static void widen(const void *piece, cf_gidx at, cf_gidx rows,
                  const cf_dataset *d, void *arg)
{
    int64_t *out = (int64_t *)arg + at * d->cols;
    const int32_t *in = piece;
    for (int64_t i = 0; i < rows * d->cols; i++)
        out[i] = in[i];
}

static void copy(const void *piece, cf_gidx at, cf_gidx rows,
                 const cf_dataset *d, void *arg)
{
    int64_t row = (int64_t)d->width * d->cols;
    memcpy((char *)arg + at * row, piece, (size_t)(rows * row));
}

int cf_h5_compare(const cf_h5 *file, const cf_dataset *d, const char *hex)
{
    if (strcmp(d->digest, hex) == 0)
        return CF_OK;
    return cf_fail(CF_BAD_DATA,
                   "%s: %s is damaged (its digest is not "
                   "the stored one); `cfmpi verify` shows all",
                   file->path, d->name);
}

int cf_h5_read_slab(const cf_h5 *file, const cf_par *par, const char *name,
                    enum cf_type type, cf_gidx cols, cf_gidx begin,
                    cf_gidx count, void *out)
{
    int status = CF_OK;
    cf_dataset d;
    char hex[CF_DIGEST_HEX];
    CF_TRY(cf_agree(par, cf_h5_dataset(file, name, &d)));
    bool wide = type == CF_I64 && d.type == CF_I32;
    if ((d.type != type && !wide) || d.cols != cols)
        CF_TRY(cf_fail(CF_BAD_DATA, "%s: %s has the wrong type or shape",
                       file->path, name));
    if (d.rows != cf_sum_i64(par, count))
        CF_TRY(cf_fail(CF_BAD_DATA,
                       "%s: %s has %" CF_PRIgidx " rows, which "
                       "does not fit the other datasets",
                       file->path, name, d.rows));
    CF_TRY(stream(file, par, &d, begin, count, wide ? widen : copy, out, hex));
    if (d.digest[0] != '\0')
        CF_TRY(cf_h5_compare(file, &d, hex));
done:
    return status;
}

int cf_h5_digest(const cf_h5 *file, const cf_par *par, const cf_dataset *d,
                 char hex[CF_DIGEST_HEX])
{
    cf_part even = {0};
    cf_part_even(&even, d->rows, par->size);
    int status = stream(file, par, d, even.begin[par->rank],
                        cf_part_count(&even, par->rank), NULL, NULL, hex);
    cf_part_free(&even);
    return status;
}

/* An attribute of one value only, else -1. */
static hid_t open_attribute(const cf_h5 *file, const char *object,
                            const char *name)
{
    if (H5Aexists_by_name(file->id, object, name, H5P_DEFAULT) <= 0)
        return -1;
    hid_t a = H5Aopen_by_name(file->id, object, name, H5P_DEFAULT, H5P_DEFAULT);
    if (a < 0)
        return -1;
    hid_t space = H5Aget_space(a);
    bool one = H5Sget_simple_extent_npoints(space) == 1;
    H5Sclose(space);
    if (one)
        return a;
    H5Aclose(a);
    return -1;
}

bool cf_h5_text(const cf_h5 *file, const char *object, const char *name,
                cf_text *out)
{
    hid_t attribute = open_attribute(file, object, name);
    if (attribute < 0)
        return false;
    hid_t type = H5Aget_type(attribute);
    char *value = NULL;
    bool good =
        H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) > 0;
    hid_t memory = H5Tcopy(H5T_C_S1);
    H5Tset_size(memory, H5T_VARIABLE);
    H5Tset_cset(memory, H5T_CSET_UTF8);
    if (good && H5Aread(attribute, memory, &value) >= 0 && value != NULL) {
        cf_text_bytes(out, value, (int64_t)strlen(value));
        H5free_memory(value);
    } else {
        good = false;
    }
    H5Tclose(memory);
    H5Tclose(type);
    H5Aclose(attribute);
    return good;
}

bool cf_h5_number(const cf_h5 *file, const char *object, const char *name,
                  double *value)
{
    hid_t attribute = open_attribute(file, object, name);
    if (attribute < 0)
        return false;
    hid_t type = H5Aget_type(attribute);
    H5T_class_t kind = H5Tget_class(type);
    bool good = (kind == H5T_INTEGER || kind == H5T_FLOAT) &&
                H5Aread(attribute, H5T_NATIVE_DOUBLE, value) >= 0;
    H5Tclose(type);
    H5Aclose(attribute);
    return good;
}
