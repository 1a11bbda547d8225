/* Method  Every rank opens the file by itself and reads its own range of each
 *         dataset in blocks; HDF5 converts types and inflates chunks.
 * Cost    Chunks on the border of two ranks are inflated by both.
 * References  AnnData: on-disk format, version 0.1.0 of csr_matrix and
 *             csc_matrix; h5sparse. */
#define _POSIX_C_SOURCE 200809L
#include "cfmpi/h5ad.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cfmpi/h5.h"
#include "cfmpi/log.h"
#include "h5_names.h"
#include "h5_set.h"
#include "sparse.h"

#define LABEL_MAX (CF_NAME_MAX + 16)

typedef struct matrix {
    cf_h5 file;
    char group[CF_NAME_MAX]; /* "" is the root */
    int format;
    int64_t shape[2];
    hid_t array[CF_SPARSE_ARRAYS]; /* 0: not in this format */
    int64_t count[CF_SPARSE_ARRAYS];
    char label[CF_SPARSE_ARRAYS][LABEL_MAX];
    cf_h5_names names[2];
} matrix;

/* Where the group's name begins in "FILE:/GROUP", NULL where there is none. */
static const char *group_of(const char *path)
{
    const char *found = NULL;
    if (access(path, F_OK) == 0)
        return NULL;
    for (const char *s = path; (s = strstr(s, ":/")) != NULL; s++)
        found = s + 1;
    return found;
}

void cf_h5ad_file(const char *path, char file[CF_PATH_MAX])
{
    const char *group = group_of(path);
    size_t length = group != NULL ? (size_t)(group - 1 - path) : strlen(path);
    snprintf(file, CF_PATH_MAX, "%.*s",
             (int)CF_MIN(length, (size_t)CF_PATH_MAX - 1), path);
}

/* ---- the group ---- */

static int open_file(matrix *m, const char *path)
{
    const char *group = group_of(path);
    cf_h5ad_file(path, m->file.path);
    if (group != NULL && strlen(group) >= CF_NAME_MAX - 16)
        return cf_fail(CF_BAD_DATA, "%s: the group's name is too long", path);
    snprintf(m->group, sizeof m->group, "%s", group != NULL ? group : "/X");
    for (size_t n = strlen(m->group); n > 0 && m->group[n - 1] == '/'; n--)
        m->group[n - 1] = '\0';
    return cf_h5_set_file(&m->file);
}

static const char *object_of(const matrix *m)
{
    return m->group[0] != '\0' ? m->group : "/";
}

static int check_group(const matrix *m)
{
    if (m->group[0] != '\0' && !cf_h5_has(&m->file, m->group))
        return cf_fail(CF_BAD_DATA,
                       "%s: has no group %s; name the one that holds the "
                       "matrix, such as %s:/layers/counts",
                       m->file.path, m->group, m->file.path);
    hid_t object = H5Oopen(m->file.id, object_of(m), H5P_DEFAULT);
    H5I_type_t kind = object < 0 ? H5I_BADID : H5Iget_type(object);
    if (object >= 0)
        H5Oclose(object);
    if (kind == H5I_GROUP)
        return CF_OK;
    return cf_fail(CF_BAD_DATA,
                   "%s: %s is no group with a sparse matrix%s; name one, such "
                   "as %s:/layers/counts",
                   m->file.path, object_of(m),
                   kind == H5I_DATASET ? " but a dense dataset" : "",
                   m->file.path);
}

static int read_format(matrix *m)
{
    char format[32] = "";
    const char *object = object_of(m);
    if (!cf_h5_attribute_text(m->file.id, object, "encoding-type", format,
                              sizeof format) &&
        !cf_h5_attribute_text(m->file.id, object, "h5sparse_format", format,
                              sizeof format))
        return cf_fail(CF_BAD_DATA,
                       "%s: %s has no attribute encoding-type, which says "
                       "whether it is a csr_matrix or a csc_matrix",
                       m->file.path, object);
    m->format = strncmp(format, "csr", 3) == 0   ? CF_SPARSE_CSR
                : strncmp(format, "csc", 3) == 0 ? CF_SPARSE_CSC
                                                 : -1;
    if (m->format >= 0 &&
        (format[3] == '\0' || strcmp(format + 3, "_matrix") == 0))
        return CF_OK;
    return cf_fail(CF_BAD_DATA,
                   "%s: %s is a '%s'; csr_matrix and csc_matrix can be read",
                   m->file.path, object, format);
}

static bool read_shape_attribute(matrix *m, const char *name)
{
    if (H5Aexists_by_name(m->file.id, object_of(m), name, H5P_DEFAULT) <= 0)
        return false;
    hid_t a = H5Aopen_by_name(m->file.id, object_of(m), name, H5P_DEFAULT,
                              H5P_DEFAULT);
    if (a < 0)
        return false;
    hid_t space = H5Aget_space(a), type = H5Aget_type(a);
    bool good = H5Sget_simple_extent_npoints(space) == 2 &&
                H5Tget_class(type) == H5T_INTEGER &&
                H5Aread(a, H5T_NATIVE_INT64, m->shape) >= 0;
    H5Tclose(type);
    H5Sclose(space);
    H5Aclose(a);
    return good;
}

/* ---- the datasets ---- */

static const char *label_of(const matrix *m, int array)
{
    return m->label[array];
}

static bool is_number(H5T_class_t kind, bool value)
{
    return kind == H5T_INTEGER ||
           (value && (kind == H5T_FLOAT || kind == H5T_ENUM));
}

static int open_array(matrix *m, int array, const char *name)
{
    hsize_t size = 0;
    char *label = m->label[array];
    snprintf(label, LABEL_MAX, "%.*s/%s", CF_NAME_MAX - 1, m->group, name);
    hid_t d =
        cf_h5_has(&m->file, label) ? cf_h5_set_open(m->file.id, label, 0) : -1;
    if (d < 0)
        return cf_fail(CF_BAD_DATA,
                       "%s: has no dataset %s; a sparse matrix has data, "
                       "indices and indptr",
                       m->file.path, label);
    m->array[array] = d;
    hid_t space = H5Dget_space(d), type = H5Dget_type(d);
    int dims = H5Sget_simple_extent_ndims(space);
    H5T_class_t kind = H5Tget_class(type);
    if (dims == 1)
        H5Sget_simple_extent_dims(space, &size, NULL);
    H5Tclose(type);
    H5Sclose(space);
    m->count[array] = (int64_t)size;
    if (dims != 1)
        return cf_fail(CF_BAD_DATA, "%s: %s has %d dimensions, not 1",
                       m->file.path, label, dims);
    if (!is_number(kind, array == CF_SPARSE_DATA))
        return cf_fail(CF_BAD_DATA, "%s: %s holds no %s", m->file.path, label,
                       array == CF_SPARSE_DATA ? "numbers" : "whole numbers");
    return cf_h5_set_check(d, m->file.path, label);
}

/* Names of an axis, where there are as many as the axis is long. Those of
 * /raw have their own items. */
static int open_names(matrix *m, int axis)
{
    const char *base = axis == 0                            ? "/obs"
                       : strncmp(m->group, "/raw/", 5) == 0 ? "/raw/var"
                                                            : "/var";
    if (cf_h5_names_open(&m->names[axis], &m->file, base, m->shape[axis]))
        return CF_OK;
    cf_log_note("%s: %s holds no names of the %" PRId64 " %s; numbers from 0 "
                "stand for them",
                m->file.path, base, m->shape[axis],
                axis == 0 ? "users" : "items");
    return CF_OK;
}

/* Local. */
static int open_all(matrix *m, const char *path)
{
    int status = CF_OK;
    CF_TRY(open_file(m, path));
    CF_TRY(check_group(m));
    CF_TRY(read_format(m));
    if (!read_shape_attribute(m, "shape") &&
        !read_shape_attribute(m, "h5sparse_shape"))
        CF_TRY(cf_fail(CF_BAD_DATA,
                       "%s: %s has no attribute shape with its two sizes",
                       m->file.path, object_of(m)));
    CF_TRY(open_array(m, CF_SPARSE_POINTER, "indptr"));
    CF_TRY(open_array(
        m, m->format == CF_SPARSE_CSR ? CF_SPARSE_COL : CF_SPARSE_ROW,
        "indices"));
    CF_TRY(open_array(m, CF_SPARSE_DATA, "data"));
    for (int axis = 0; axis < 2; axis++)
        CF_TRY(open_names(m, axis));
done:
    return status;
}

static void close_all(matrix *m)
{
    for (int a = 0; a < CF_SPARSE_ARRAYS; a++)
        if (m->array[a] > 0)
            H5Dclose(m->array[a]);
    for (int axis = 0; axis < 2; axis++)
        cf_h5_names_close(&m->names[axis]);
    cf_h5_close(&m->file);
}

/* ---- elements ---- */

static int read_elements(const matrix *m, int array, int64_t begin,
                         int64_t count, hid_t type, void *out)
{
    if (cf_h5_read_range(m->array[array], type, begin, count, out))
        return CF_OK;
    return cf_fail(CF_BAD_DATA,
                   "%s: %s cannot be read, it is damaged; make the file again",
                   m->file.path, label_of(m, array));
}

static int take_integers(void *source, int array, int64_t begin, int64_t count,
                         int64_t *out)
{
    return read_elements(source, array, begin, count, H5T_NATIVE_INT64, out);
}

/* Integers go to float32 directly: by way of a double they would be rounded
 * twice. They are read in the place of the doubles. */
static void widen(double *x, int64_t count, bool is_signed)
{
    for (int64_t i = 0; i < count; i++) {
        int64_t number;
        memcpy(&number, &x[i], sizeof number);
        x[i] = (double)(is_signed ? (float)number : (float)(uint64_t)number);
    }
}

static int take_values(void *source, int64_t begin, int64_t count, double *out)
{
    const matrix *m = source;
    hid_t stored = H5Dget_type(m->array[CF_SPARSE_DATA]);
    H5T_class_t kind = H5Tget_class(stored);
    bool is_signed = kind == H5T_ENUM || H5Tget_sign(stored) == H5T_SGN_2;
    H5Tclose(stored);
    if (kind == H5T_FLOAT)
        return read_elements(m, CF_SPARSE_DATA, begin, count, H5T_NATIVE_DOUBLE,
                             out);
    int status =
        read_elements(m, CF_SPARSE_DATA, begin, count,
                      is_signed ? H5T_NATIVE_INT64 : H5T_NATIVE_UINT64, out);
    if (status == CF_OK)
        widen(out, count, is_signed);
    return status;
}

static int take_names(void *source, int axis, int64_t begin, int64_t count,
                      cf_ids *out)
{
    const matrix *m = source;
    return cf_h5_names_read(&m->names[axis], m->file.path, begin, count, out);
}

int cf_h5ad_read(cf_intake *in, const cf_par *par, const char *path)
{
    int status = CF_OK;
    char file[CF_PATH_MAX];
    matrix m = {0};
    cf_h5ad_file(path, file);
    CF_TRY(cf_intake_file(in, par, file));
    CF_TRY(cf_agree(par, open_all(&m, path)));
    cf_sparse s = {.path = m.file.path,
                   .format = m.format,
                   .size = {m.shape[0], m.shape[1]},
                   .integers = take_integers,
                   .values = take_values,
                   .names = take_names,
                   .source = &m};
    for (int a = 0; a < CF_SPARSE_ARRAYS; a++) {
        s.count[a] = m.count[a];
        s.label[a] = m.label[a];
    }
    for (int axis = 0; axis < 2; axis++)
        if (m.names[axis].dataset > 0)
            s.names_label[axis] = m.names[axis].label;
    CF_TRY(cf_sparse_read(in, par, &s));
    CF_TRY(cf_agree(par, cf_intake_check_file(in)));
done:
    close_all(&m);
    return status;
}
