/* Method  Rank 0 alone writes the metadata with all space assigned, reserves
 *         the file's size on disk, and only then do all ranks write their
 *         slabs independently through MPI-IO. A full disk is so found before
 *         the data, on one rank, as a plain error: collective writes swallow
 *         it. Attribute `complete` is set last, then fsync and rename. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cfmpi/error.h"
#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "h5_internal.h"
#include "temporary.h"

/* ---- what is to be written ---- */

/* The name is free and its folder takes a file; it is made when its content
 * is known. */
static int choose_temporary(cf_writer *w, bool force)
{
    int fd, status = cf_temporary_create(w->path, force, w->temporary,
                                         sizeof w->temporary, &fd);
    if (status != CF_OK)
        return status;
    close(fd);
    unlink(w->temporary);
    return CF_OK;
}

int cf_writer_begin(cf_writer *w, const cf_par *par, const char *path,
                    bool force)
{
    *w = (cf_writer){.par = par};
    snprintf(w->path, sizeof w->path, "%s", path);
    int status =
        cf_agree(par, par->rank == 0 ? choose_temporary(w, force) : CF_OK);
    if (status == CF_OK)
        cf_bcast(par, w->temporary, sizeof w->temporary, 0);
    return status;
}

static cf_slab *new_slab(cf_writer *w, const char *name)
{
    w->slabs = cf_realloc(w->slabs, w->slab_count + 1, sizeof *w->slabs,
                          "dataset plan");
    cf_slab *s = &w->slabs[w->slab_count++];
    *s = (cf_slab){0};
    snprintf(s->d.name, sizeof s->d.name, "%s", name);
    return s;
}

void cf_writer_add(cf_writer *w, const char *name, enum cf_type type,
                   cf_gidx rows, cf_gidx cols, int dims, cf_gidx begin,
                   cf_gidx count, const void *data, const char *description,
                   const char *units, cf_gidx below)
{
    cf_slab *s = new_slab(w, name);
    s->memory = type;
    s->d.type =
        type == CF_I64 && below > 0 && below <= INT32_MAX ? CF_I32 : type;
    s->d.width = s->d.type == CF_I32 || s->d.type == CF_F32 ? 4 : 8;
    s->d.rows = rows;
    s->d.cols = cols;
    s->d.dims = dims;
    s->begin = begin;
    s->count = count;
    s->data = data;
    s->description = description;
    s->units = units;
}

void cf_writer_add_strings(cf_writer *w, const char *name, size_t width,
                           cf_gidx rows, cf_gidx begin, cf_gidx count,
                           const char *data, const char *description)
{
    cf_slab *s = new_slab(w, name);
    s->memory = s->d.type = CF_STRING;
    s->d.width = width;
    s->d.rows = rows;
    s->d.cols = s->d.dims = 1;
    s->begin = begin;
    s->count = count;
    s->data = data;
    s->description = description;
}

int cf_writer_carry(cf_writer *w, const cf_h5 *file, const char *prefix)
{
    int status = CF_OK, count = 0;
    cf_dataset *list = NULL;
    CF_TRY(cf_h5_list_under(file, prefix, &list, &count));
    for (int i = 0; i < count; i++) {
        if (!list[i].known)
            continue;
        cf_part even = {0};
        cf_slab *s = new_slab(w, list[i].name);
        s->d = list[i];
        s->memory = s->d.type;
        s->from = file;
        cf_part_even(&even, s->d.rows, w->par->size);
        s->begin = even.begin[w->par->rank];
        s->count = cf_part_count(&even, w->par->rank);
        cf_part_free(&even);
    }
done:
    cf_free(list);
    return status;
}

void *cf_writer_keep(cf_writer *w, void *buffer)
{
    w->kept =
        cf_realloc(w->kept, w->kept_count + 1, sizeof *w->kept, "kept buffers");
    return w->kept[w->kept_count++] = buffer;
}

static cf_attr *new_attr(cf_writer *w, const char *object, const char *name)
{
    w->attrs = cf_realloc(w->attrs, w->attr_count + 1, sizeof *w->attrs,
                          "attribute plan");
    cf_attr *a = &w->attrs[w->attr_count++];
    *a = (cf_attr){0};
    snprintf(a->object, sizeof a->object, "%s", object);
    snprintf(a->name, sizeof a->name, "%s", name);
    return a;
}

void cf_writer_text(cf_writer *w, const char *object, const char *name,
                    const char *text)
{
    cf_attr *a = new_attr(w, object, name);
    a->text = cf_alloc((int64_t)strlen(text) + 1, 1, "attribute");
    memcpy(a->text, text, strlen(text) + 1);
}

void cf_writer_integer(cf_writer *w, const char *object, const char *name,
                       int64_t value)
{
    cf_attr *a = new_attr(w, object, name);
    a->integer = value;
    a->is_integer = true;
}

void cf_writer_real(cf_writer *w, const char *object, const char *name,
                    double value)
{
    new_attr(w, object, name)->number = value;
}

/* ---- the metadata, by rank 0 ---- */

static herr_t put_text(hid_t object, const char *name, const char *text)
{
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    hid_t a = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    herr_t rc = a < 0 ? -1 : H5Awrite(a, type, &text);
    if (a >= 0)
        H5Aclose(a);
    H5Sclose(space);
    H5Tclose(type);
    return rc;
}

/* `value` is an int64_t or a double, as `type` says. */
static herr_t put_number(hid_t object, const char *name, hid_t type,
                         const void *value)
{
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t a = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    herr_t rc = a < 0 ? -1 : H5Awrite(a, type, value);
    if (a >= 0)
        H5Aclose(a);
    H5Sclose(space);
    return rc;
}

/* The value as it is, whatever its type and shape. */
static herr_t copy_value(hid_t from, hid_t to, const char *name, hid_t type)
{
    hid_t space = H5Aget_space(from), a = -1;
    hssize_t count = H5Sget_simple_extent_npoints(space);
    size_t size = H5Tget_size(type);
    /* Elements of variable length stay NULL where nothing is read. */
    void *value = cf_calloc(CF_MAX(count, 1), size, "attribute");
    herr_t rc = count < 0 ? -1 : H5Aread(from, type, value);
    if (rc >= 0)
        a = H5Acreate2(to, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    if (rc >= 0)
        rc = a < 0 ? -1 : H5Awrite(a, type, value);
    if (a >= 0)
        H5Aclose(a);
    if (count > 0)
        H5Dvlen_reclaim(type, space, H5P_DEFAULT, value);
    cf_free(value);
    H5Sclose(space);
    return rc;
}

/* H5Aiterate callback: copies one attribute to the object whose id `arg`
 * points to, unless this run has set it or it refers to objects by their
 * place in the file. */
static herr_t copy_attribute(hid_t from, const char *name,
                             const H5A_info_t *info, void *arg)
{
    hid_t to = *(hid_t *)arg, a = H5Aopen(from, name, H5P_DEFAULT);
    if (a < 0)
        return -1;
    hid_t stored = H5Aget_type(a), type = H5Tcopy(stored);
    herr_t rc = 0;
    (void)info;
    if (H5Aexists(to, name) <= 0 && H5Tdetect_class(type, H5T_REFERENCE) <= 0)
        rc = copy_value(a, to, name, type);
    H5Tclose(type);
    H5Tclose(stored);
    H5Aclose(a);
    return rc;
}

static herr_t copy_attributes(const cf_h5 *from, const char *name, hid_t to)
{
    hid_t source = H5Oopen(from->id, name, H5P_DEFAULT);
    herr_t rc = source < 0 ? -1
                           : H5Aiterate2(source, H5_INDEX_NAME, H5_ITER_INC,
                                         NULL, copy_attribute, &to);
    if (source >= 0)
        H5Oclose(source);
    return rc;
}

/* Makes the group in front of the dataset's name. */
static herr_t make_group(hid_t file, const cf_slab *s)
{
    char group[CF_NAME_MAX];
    herr_t rc = 0;
    for (const char *p = strchr(s->d.name + 1, '/'); p != NULL && rc >= 0;
         p = strchr(p + 1, '/')) {
        snprintf(group, (size_t)(p - s->d.name) + 1, "%s", s->d.name);
        if (H5Lexists(file, group, H5P_DEFAULT) > 0)
            continue;
        hid_t g =
            H5Gcreate2(file, group, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        rc = g < 0 ? -1 : 0;
        if (rc >= 0 && s->from != NULL)
            rc = copy_attributes(s->from, group, g);
        if (g >= 0)
            H5Gclose(g);
    }
    return rc;
}

static herr_t make_dataset(hid_t file, const cf_slab *s)
{
    hsize_t size[2] = {(hsize_t)s->d.rows, (hsize_t)s->d.cols};
    if (make_group(file, s) < 0)
        return -1;
    hid_t type = cf_h5_type(&s->d);
    hid_t space = H5Screate_simple(s->d.dims, size, NULL);
    hid_t plan = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_alloc_time(plan, H5D_ALLOC_TIME_EARLY);
    H5Pset_fill_time(plan, H5D_FILL_TIME_NEVER);
    hid_t set = H5Dcreate2(file, s->d.name, type, space, H5P_DEFAULT, plan,
                           H5P_DEFAULT);
    herr_t rc = set < 0 ? -1 : put_text(set, "digest", s->d.digest);
    if (rc >= 0 && s->description != NULL)
        rc = put_text(set, "description", s->description);
    if (rc >= 0 && s->units != NULL)
        rc = put_text(set, "units", s->units);
    if (rc >= 0 && s->from != NULL)
        rc = copy_attributes(s->from, s->d.name, set);
    if (set >= 0)
        H5Dclose(set);
    H5Pclose(plan);
    H5Sclose(space);
    H5Tclose(type);
    return rc;
}

static herr_t make_attributes(hid_t file, const cf_writer *w)
{
    herr_t rc = 0;
    for (int i = 0; i < w->attr_count && rc >= 0; i++) {
        const cf_attr *a = &w->attrs[i];
        hid_t object = H5Oopen(file, a->object, H5P_DEFAULT);
        if (object < 0)
            return -1;
        if (H5Aexists(object, a->name) > 0)
            H5Adelete(object, a->name);
        rc = a->text != NULL ? put_text(object, a->name, a->text)
             : a->is_integer
                 ? put_number(object, a->name, H5T_STD_I64LE, &a->integer)
                 : put_number(object, a->name, H5T_IEEE_F64LE, &a->number);
        H5Oclose(object);
    }
    return rc;
}

static int io_error(const cf_writer *w, const char *what)
{
    return cf_fail(CF_IO, "%s: %s: %s", w->path, what,
                   errno != 0 ? strerror(errno) : "HDF5 failed");
}

/* The whole file but for the values, its space reserved. */
static int write_metadata(const cf_writer *w)
{
    const int64_t no = 0;
    errno = 0;
    hid_t file =
        H5Fcreate(w->temporary, H5F_ACC_EXCL, H5P_DEFAULT, H5P_DEFAULT);
    if (file < 0)
        return io_error(w, "cannot be created");
    herr_t rc = 0;
    for (int i = 0; i < w->slab_count && rc >= 0; i++)
        rc = make_dataset(file, &w->slabs[i]);
    if (rc >= 0)
        rc = make_attributes(file, w);
    if (rc >= 0)
        rc = put_number(file, "complete", H5T_STD_I64LE, &no);
    if (H5Fclose(file) < 0 || rc < 0)
        return io_error(w, "cannot be written");
    struct stat info;
    int fd = open(w->temporary, O_RDWR);
    if (fd < 0 || fstat(fd, &info) != 0)
        return io_error(w, "cannot be written");
    errno = info.st_size > 0 ? posix_fallocate(fd, 0, info.st_size) : 0;
    close(fd);
    return errno == 0 ? CF_OK : io_error(w, "no room for the result");
}

/* ---- the values, by all ranks ---- */

static const void *as_stored(const cf_slab *s, cf_gidx at, cf_gidx rows,
                             void *piece)
{
    int64_t first = at * s->d.cols, n = rows * s->d.cols;
    if (s->memory == s->d.type)
        return (const char *)s->data + first * (int64_t)s->d.width;
    const int64_t *in = (const int64_t *)s->data + first;
    int32_t *out = piece;
    for (int64_t i = 0; i < n; i++)
        out[i] = (int32_t)in[i];
    return piece;
}

static void digest_slab(cf_slab *s, const cf_par *par)
{
    int64_t row = (int64_t)s->d.width * s->d.cols;
    cf_gidx step = CF_MIN(cf_h5_piece_rows(&s->d), CF_MAX(s->count, 1));
    bool narrow = s->memory != s->d.type;
    void *piece = cf_alloc(narrow ? step * row : 0, 1, "dataset piece");
    cf_digest digest;
    cf_digest_begin(&digest, s->begin * row, s->count * row);
    for (cf_gidx at = 0; at < s->count; at += step) {
        cf_gidx rows = CF_MIN(step, s->count - at);
        cf_digest_update(&digest, as_stored(s, at, rows, piece), rows * row);
    }
    cf_digest_end(&digest, par, s->d.digest);
    cf_free(piece);
}

/* Rows [at, at + rows) of the slab as they go to the file; what comes from
 * another file is digested on the way. */
static int next_piece(const cf_slab *s, cf_gidx at, cf_gidx rows, void *piece,
                      cf_digest *digest, const void **out)
{
    if (s->from == NULL) {
        *out = as_stored(s, at, rows, piece);
        return CF_OK;
    }
    *out = piece;
    int status = cf_h5_read(s->from, &s->d, s->begin + at, rows, piece);
    cf_digest_update(digest, piece, rows * (int64_t)s->d.width * s->d.cols);
    return status;
}

static int write_slab(cf_writer *w, hid_t set, const cf_slab *s,
                      cf_digest *digest)
{
    int status = CF_OK;
    int64_t row = (int64_t)s->d.width * s->d.cols;
    cf_gidx step = CF_MIN(cf_h5_piece_rows(&s->d), CF_MAX(s->count, 1));
    bool buffered = s->from != NULL || s->memory != s->d.type;
    void *piece = cf_alloc(buffered ? step * row : 0, 1, "dataset piece");
    for (cf_gidx at = 0; at < s->count; at += step) {
        cf_gidx rows = CF_MIN(step, s->count - at);
        const void *out;
        CF_TRY(next_piece(s, at, rows, piece, digest, &out));
        errno = 0;
        if (cf_h5_transfer(set, &s->d, s->begin + at, rows, NULL, out) < 0)
            CF_TRY(io_error(w, "cannot be written"));
        cf_h5_count(0, rows * row);
    }
done:
    cf_free(piece);
    return status;
}

static int write_dataset(cf_writer *w, hid_t file, const cf_slab *s)
{
    int64_t row = (int64_t)s->d.width * s->d.cols;
    char hex[CF_DIGEST_HEX];
    cf_digest digest;
    hid_t set = H5Dopen2(file, s->d.name, H5P_DEFAULT);
    int status = set < 0 ? io_error(w, "cannot be written") : CF_OK;
    if (s->from != NULL)
        cf_digest_begin(&digest, s->begin * row, s->count * row);
    if (status == CF_OK)
        status = write_slab(w, set, s, &digest);
    if (set >= 0)
        H5Dclose(set);
    status = cf_agree(w->par, status);
    if (s->from == NULL)
        return status;
    cf_digest_end(&digest, w->par, hex);
    return status != CF_OK ? status : cf_h5_compare(s->from, &s->d, hex);
}

/* A rank that cannot open the file would leave the others waiting for it in
 * the collective opening, so all find out first. */
static int can_open(const cf_writer *w)
{
    int fd = open(w->temporary, O_RDWR);
    if (fd < 0)
        return cf_fail(CF_IO,
                       "%s: rank %d cannot open its temporary file %s: "
                       "%s; is the folder shared by all nodes?",
                       w->path, w->par->rank, w->temporary, strerror(errno));
    close(fd);
    return CF_OK;
}

static int open_together(const cf_writer *w, hid_t *file)
{
    int status = CF_OK;
    CF_TRY(cf_agree(w->par, can_open(w)));
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fapl_mpio(access, w->par->comm, MPI_INFO_NULL);
    errno = 0;
    *file = H5Fopen(w->temporary, H5F_ACC_RDWR, access);
    H5Pclose(access);
    if (*file < 0)
        status = io_error(w, "cannot be opened by all ranks");
    /* Without all ranks the file can neither be used nor be closed. */
    int64_t opened = cf_sum_i64(w->par, *file >= 0);
    if (*file < 0 && opened > 0)
        cf_die(status, "%s", cf_error_message());
    CF_TRY(cf_agree(w->par, status));
done:
    return status;
}

static int write_values(cf_writer *w)
{
    int status = CF_OK;
    hid_t file = -1;
    CF_TRY(open_together(w, &file));
    for (int i = 0; i < w->slab_count && status == CF_OK; i++)
        status = write_dataset(w, file, &w->slabs[i]);
done:
    if (file >= 0 && H5Fclose(file) < 0 && status == CF_OK)
        status = io_error(w, "cannot be closed");
    return cf_agree(w->par, status);
}

/* ---- into place, by rank 0 ---- */

static int sync_path(const char *path, int flags)
{
    int fd = open(path, flags);
    if (fd < 0)
        return -1;
    int rc = fsync(fd);
    close(fd);
    return rc;
}

static int put_in_place(const cf_writer *w)
{
    double one = 1;
    char folder[CF_PATH_MAX];
    hid_t file = H5Fopen(w->temporary, H5F_ACC_RDWR, H5P_DEFAULT);
    if (file < 0)
        return io_error(w, "cannot be finished");
    hid_t a = H5Aopen(file, "complete", H5P_DEFAULT);
    herr_t rc = a < 0 ? -1 : H5Awrite(a, H5T_NATIVE_DOUBLE, &one);
    if (a >= 0)
        H5Aclose(a);
    if (H5Fclose(file) < 0 || rc < 0)
        return io_error(w, "cannot be finished");
    snprintf(folder, sizeof folder, "%s", w->path);
    errno = 0;
    if (sync_path(w->temporary, O_RDWR) != 0 ||
        rename(w->temporary, w->path) != 0)
        return io_error(w, "cannot be put in place");
    sync_path(dirname(folder), O_RDONLY); /* some file systems refuse this */
    return CF_OK;
}

int cf_writer_commit(cf_writer *w)
{
    int status = CF_OK;
    for (int i = 0; i < w->slab_count; i++) {
        cf_slab *s = &w->slabs[i];
        if (s->from == NULL)
            digest_slab(s, w->par);
        else if (s->d.digest[0] == '\0')
            CF_TRY(cf_h5_digest(s->from, w->par, &s->d, s->d.digest));
    }
    H5Eset_auto(H5E_DEFAULT, NULL, NULL);
    CF_TRY(cf_agree(w->par, w->par->rank == 0 ? write_metadata(w) : CF_OK));
    CF_TRY(write_values(w));
    CF_TRY(cf_agree(w->par, w->par->rank == 0 ? put_in_place(w) : CF_OK));
done:
    if (status != CF_OK && w->par->rank == 0)
        unlink(w->temporary);
    return status;
}

void cf_writer_free(cf_writer *w)
{
    for (int i = 0; i < w->attr_count; i++)
        cf_free(w->attrs[i].text);
    for (int i = 0; i < w->kept_count; i++)
        cf_free(w->kept[i]);
    cf_free(w->kept);
    cf_free(w->attrs);
    cf_free(w->slabs);
    *w = (cf_writer){0};
}
