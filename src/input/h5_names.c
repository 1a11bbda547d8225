#define _POSIX_C_SOURCE 200809L
#include "h5_names.h"

#include <stdio.h>
#include <string.h>

#include "cfmpi/memory.h"
#include "h5_set.h"

#define PIECE ((int64_t)4 << 20) /* bytes of fixed-length names in memory */
#define FRONT 8                  /* bytes that may be read before a name */

bool cf_h5_read_range(hid_t dataset, hid_t type, int64_t begin, int64_t count,
                      void *out)
{
    hsize_t start = (hsize_t)begin, block = (hsize_t)count;
    return cf_h5_set_read(dataset, type, 1, &start, &block, out);
}

/* ---- attributes ---- */

static bool read_text(hid_t attribute, hid_t type, char *out, size_t size)
{
    char *value = NULL;
    bool good = false;
    size_t width = H5Tget_size(type);
    memset(out, 0, size);
    if (H5Tis_variable_str(type) > 0) {
        good = H5Aread(attribute, type, &value) >= 0 && value != NULL &&
               strlen(value) < size;
        if (good)
            memcpy(out, value, strlen(value));
        H5free_memory(value);
    } else if (width < size) {
        good = H5Aread(attribute, type, out) >= 0;
    }
    return good;
}

bool cf_h5_attribute_text(hid_t file, const char *object, const char *name,
                          char *out, size_t size)
{
    if (H5Aexists_by_name(file, object, name, H5P_DEFAULT) <= 0)
        return false;
    hid_t a = H5Aopen_by_name(file, object, name, H5P_DEFAULT, H5P_DEFAULT);
    if (a < 0)
        return false;
    hid_t space = H5Aget_space(a), type = H5Aget_type(a);
    bool good = H5Sget_simple_extent_npoints(space) == 1 &&
                H5Tget_class(type) == H5T_STRING &&
                read_text(a, type, out, size);
    H5Tclose(type);
    H5Sclose(space);
    H5Aclose(a);
    return good;
}

/* ---- finding names ---- */

/* Takes the type of the elements, or of the field named so. */
static bool take_type(cf_h5_names *n, const char *field)
{
    hid_t stored = H5Dget_type(n->dataset), type = stored;
    int place = field != NULL ? H5Tget_member_index(stored, field) : 0;
    if (field != NULL)
        type = place >= 0 ? H5Tget_member_type(stored, (unsigned)place) : -1;
    n->kind = type >= 0 ? H5Tget_class(type) : H5T_NO_CLASS;
    if (n->kind == H5T_STRING) {
        n->variable = H5Tis_variable_str(type) > 0;
        n->padded = H5Tget_strpad(type) == H5T_STR_SPACEPAD;
        n->memory = H5Tcopy(type);
    } else if (n->kind == H5T_INTEGER) {
        n->is_signed = H5Tget_sign(type) == H5T_SGN_2;
        n->memory =
            H5Tcopy(n->is_signed ? H5T_NATIVE_INT64 : H5T_NATIVE_UINT64);
    }
    n->width = n->memory > 0 ? H5Tget_size(n->memory) : 0;
    if (n->memory > 0 && field != NULL) {
        hid_t part = n->memory;
        n->memory = H5Tcreate(H5T_COMPOUND, n->width);
        H5Tinsert(n->memory, field, 0, part);
        H5Tclose(part);
    }
    if (type >= 0 && type != stored)
        H5Tclose(type);
    H5Tclose(stored);
    return n->memory > 0;
}

static bool open_dataset(cf_h5_names *n, const cf_h5 *file, const char *name,
                         const char *field, int64_t count)
{
    hsize_t size = 0;
    n->dataset = H5Dopen2(file->id, name, H5P_DEFAULT);
    if (n->dataset < 0) {
        n->dataset = 0;
        return false;
    }
    hid_t space = H5Dget_space(n->dataset);
    bool good = H5Sget_simple_extent_ndims(space) == 1 &&
                H5Sget_simple_extent_dims(space, &size, NULL) == 1 &&
                size == (hsize_t)count && take_type(n, field);
    H5Sclose(space);
    if (!good)
        cf_h5_names_close(n);
    return good;
}

bool cf_h5_names_open(cf_h5_names *n, const cf_h5 *file, const char *base,
                      int64_t count)
{
    char told[CF_NAME_MAX] = "";
    const char *const names[] = {told, "_index", "index"};
    bool found = false;
    *n = (cf_h5_names){0};
    if (!cf_h5_has(file, base))
        return false;
    cf_h5_attribute_text(file->id, base, "_index", told, CF_NAME_MAX / 2);
    hid_t object = H5Oopen(file->id, base, H5P_DEFAULT);
    bool table = object >= 0 && H5Iget_type(object) == H5I_DATASET;
    if (object >= 0)
        H5Oclose(object);
    for (int i = told[0] == '\0'; i < 3 && !found; i++) {
        snprintf(n->label, CF_NAME_MAX, "%s/%s", base, names[i]);
        if (table)
            found = open_dataset(n, file, base, names[i], count);
        else if (cf_h5_has(file, n->label))
            found = open_dataset(n, file, n->label, NULL, count);
        if (i == 0 && !found)
            break; /* the others are no names then */
    }
    return found;
}

/* ---- reading ---- */

static int damaged(const cf_h5_names *n, const char *path)
{
    return cf_fail(CF_BAD_DATA,
                   "%s: %s cannot be read, it is damaged; make the file again",
                   path, n->label);
}

/* Appends a name of at most `room` bytes as number i. */
static void append(cf_ids *out, int64_t i, const char *s, size_t room)
{
    size_t length = strnlen(s, CF_MIN(room, (size_t)CF_ID_MAX + 1));
    memcpy(out->bytes + out->begin[i], s, length);
    out->begin[i + 1] = out->begin[i] + (int64_t)length;
}

static int read_variable(const cf_h5_names *n, const char *path, int64_t begin,
                         int64_t count, cf_ids *out)
{
    hsize_t block = (hsize_t)count;
    char **list = cf_calloc(count, sizeof *list, "names");
    int status = CF_OK;
    if (!cf_h5_read_range(n->dataset, n->memory, begin, count, list))
        CF_TRY(damaged(n, path));
    for (int64_t i = 0; i < count; i++)
        append(out, i, list[i] != NULL ? list[i] : "", CF_ID_MAX + 1);
    hid_t space = H5Screate_simple(1, &block, NULL);
    H5Dvlen_reclaim(n->memory, space, H5P_DEFAULT, list);
    H5Sclose(space);
done:
    cf_free(list);
    return status;
}

static int read_fixed(const cf_h5_names *n, const char *path, int64_t begin,
                      int64_t count, cf_ids *out)
{
    int64_t width = (int64_t)n->width;
    int64_t step = CF_MIN(count, CF_MAX(PIECE / CF_MAX(width, 1), 1));
    int status = CF_OK;
    if (width > PIECE)
        return cf_fail(CF_BAD_DATA,
                       "%s: %s has names of %" PRId64 " bytes; "
                       "at most %d can be read",
                       path, n->label, width, CF_ID_MAX);
    char *fields = cf_alloc(step * width, 1, "names");
    for (int64_t at = 0; at < count; at += step) {
        int64_t rows = CF_MIN(step, count - at);
        if (!cf_h5_read_range(n->dataset, n->memory, begin + at, rows, fields))
            CF_TRY(damaged(n, path));
        for (int64_t i = 0; i < rows; i++) {
            const char *s = fields + i * width;
            size_t room = (size_t)width;
            while (n->padded && room > 0 && s[room - 1] == ' ')
                room--;
            append(out, at + i, s, room);
        }
    }
done:
    cf_free(fields);
    return status;
}

static int read_integers(const cf_h5_names *n, const char *path, int64_t begin,
                         int64_t count, cf_ids *out)
{
    cf_ids_make(out, false, count, 0);
    if (!cf_h5_read_range(n->dataset, n->memory, begin, count, out->number))
        return damaged(n, path);
    for (int64_t i = 0; !n->is_signed && i < count; i++)
        if (out->number[i] < 0)
            return cf_fail(CF_BAD_DATA,
                           "%s: %s[%" PRId64 "] is %" PRIu64 ", but ids go to "
                           "%" PRId64 "; store the names as strings",
                           path, n->label, begin + i, (uint64_t)out->number[i],
                           INT64_MAX);
    return CF_OK;
}

int cf_h5_names_read(const cf_h5_names *n, const char *path, int64_t begin,
                     int64_t count, cf_ids *out)
{
    if (n->kind == H5T_INTEGER)
        return read_integers(n, path, begin, count, out);
    cf_ids_make(out, true, count, FRONT + count * (CF_ID_MAX + 1));
    out->begin[0] = FRONT;
    return n->variable ? read_variable(n, path, begin, count, out)
                       : read_fixed(n, path, begin, count, out);
}

void cf_h5_names_close(cf_h5_names *n)
{
    if (n->memory > 0)
        H5Tclose(n->memory);
    if (n->dataset > 0)
        H5Dclose(n->dataset);
    n->memory = n->dataset = 0;
}
