/* Method  Every file is a matrix as lines of equal length: rows, or columns
 *         where NumPy has written them in Fortran order. Vectors are lines, of
 *         which each rank reads its own, or stand across the lines: then there
 *         are as many lines as a vector has values, few, and each rank reads
 *         its own part of every line, block by block, and turns the block
 *         round. So nothing is exchanged in either case.
 * Cost    The own share of the file; across the lines one read per line and
 *         block of 4 MiB. HDF5 chunks on the border of two ranks are inflated
 *         by both.
 * References  NumPy Enhancement Proposal 1; Jégou, Douze, Schmid 2011: Product
 *             quantization for nearest neighbor search (its data sets, for
 *             .fvecs); ann-benchmarks (for HDF5). */
#define _POSIX_C_SOURCE 200809L
#include "cfmpi/vectors.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cfmpi/exchange.h"
#include "cfmpi/file.h"
#include "cfmpi/h5ad.h"
#include "cfmpi/intake.h"
#include "cfmpi/log.h"
#include "cfmpi/memory.h"
#include "cfmpi/progress.h"
#include "h5_names.h"
#include "h5_set.h"
#include "npy.h"

#ifndef CF_VECTORS_BLOCK
#define CF_VECTORS_BLOCK ((int64_t)4 << 20) /* bytes read at a time */
#endif
#define PIECE 512 /* elements converted at a time */

/* A matrix, open. */
typedef struct matrix {
    const char *name;
    const char *path; /* of the file */
    int64_t lines, length;
    bool across;    /* vectors stand across the lines */
    cf_npy element; /* kind and width of what is read */
    int64_t tiny;   /* numbers too small for float32 */

    int fd; /* a file: below 0 where there is none */
    int64_t size, begin;
    bool marked; /* each line comes after its length */

    cf_h5 h5; /* or a dataset */
    hid_t set, memory;
} matrix;

/* ---- what is there ---- */

static const struct {
    const char *suffix;
    enum cf_vectors_format format;
} suffixes[] = {{".npy", CF_VECTORS_NPY},
                {".fvecs", CF_VECTORS_FVECS},
                {".bvecs", CF_VECTORS_BVECS},
                {".ivecs", CF_VECTORS_IVECS}};

static bool is_dataset(const cf_h5 *file, const char *name)
{
    if (!cf_h5_has(file, name))
        return false;
    hid_t object = H5Oopen(file->id, name, H5P_DEFAULT);
    bool is = object >= 0 && H5Iget_type(object) == H5I_DATASET;
    if (object >= 0)
        H5Oclose(object);
    return is;
}

bool cf_vectors_find(cf_vectors_source *s, const char *path)
{
    cf_h5 file = {0};
    *s = (cf_vectors_source){0};
    cf_h5ad_file(path, s->file);
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
        if (cf_name_ends(path, suffixes[i].suffix) &&
            strcmp(path, s->file) == 0) {
            s->format = suffixes[i].format;
            return true;
        }
    s->format = CF_VECTORS_HDF5;
    s->found = strcmp(path, s->file) == 0;
    snprintf(s->set, sizeof s->set, "%s",
             s->found ? "/train" : path + strlen(s->file) + 1);
    memcpy(file.path, s->file, sizeof file.path);
    if (strlen(s->set) >= CF_NAME_MAX || !cf_h5_is_hdf5(s->file))
        return false;
    if (cf_h5_set_file(&file) != CF_OK) {
        cf_error_clear();
        return false;
    }
    bool is = is_dataset(&file, s->set);
    if (is && !cf_h5_attribute_text(file.id, "/", "distance", s->distance,
                                    sizeof s->distance))
        s->distance[0] = '\0';
    cf_h5_close(&file);
    return is;
}

/* ---- .npy ---- */

static int open_file(matrix *m)
{
    struct stat info;
    m->fd = open(m->path, O_RDONLY);
    if (m->fd < 0 || fstat(m->fd, &info) != 0)
        return cf_fail(CF_NO_INPUT, "%s: %s", m->path, strerror(errno));
    m->size = (int64_t)info.st_size;
    return CF_OK;
}

static int cut_short(const matrix *m, int64_t wanted)
{
    return cf_fail(CF_BAD_DATA,
                   "%s: ends early, at byte %" PRId64 " of %" PRId64
                   "; make the file again",
                   m->path, m->size, wanted);
}

static int check_npy(const matrix *m)
{
    const cf_npy *e = &m->element;
    int64_t elements, bytes;
    if (e->kind == 'S' || e->kind == 'U')
        return cf_fail(CF_BAD_DATA,
                       "%s: holds text (dtype '%s'), not vectors of numbers",
                       m->path, e->dtype);
    if (e->dims != 2)
        return cf_fail(CF_BAD_DATA,
                       "%s: has %d dimension%s, not 2; save a matrix with a "
                       "row a vector",
                       m->path, e->dims, e->dims == 1 ? "" : "s");
    if (__builtin_mul_overflow(e->count, e->second, &elements) ||
        __builtin_mul_overflow(elements, (int64_t)e->width, &bytes) ||
        bytes > INT64_MAX - m->begin)
        return cf_fail(CF_BAD_DATA,
                       "%s: %" PRId64 " rows of %" PRId64
                       " values are more than any file can hold",
                       m->path, e->count, e->second);
    if (m->size < m->begin + bytes)
        return cut_short(m, m->begin + bytes);
    if (m->size > m->begin + bytes)
        return cf_fail(CF_BAD_DATA,
                       "%s: goes on for %" PRId64 " bytes after the matrix "
                       "that its header describes; make the file again",
                       m->path, m->size - m->begin - bytes);
    return CF_OK;
}

static int open_npy(matrix *m)
{
    int status = CF_OK;
    int64_t length;
    unsigned char *head =
        cf_calloc(CF_NPY_START + CF_NPY_HEADER, 1, "array header");
    CF_TRY(open_file(m));
    CF_TRY(
        cf_file_read(m->fd, m->path, head, CF_MIN(CF_NPY_START, m->size), 0));
    CF_TRY(cf_npy_start(m->path, head, &m->begin, &length));
    if (m->size < m->begin + length)
        CF_TRY(cut_short(m, m->begin + length));
    CF_TRY(cf_file_read(m->fd, m->path, head, length, m->begin));
    CF_TRY(cf_npy_parse(m->path, (char *)head, length, &m->element));
    m->begin += length;
    CF_TRY(check_npy(m));
    m->lines = m->element.fortran ? m->element.second : m->element.count;
    m->length = m->element.fortran ? m->element.count : m->element.second;
done:
    cf_free(head);
    return status;
}

/* ---- .fvecs and its like ---- */

static int32_t length_at(const unsigned char *p)
{
    return (int32_t)((uint32_t)p[0] | (uint32_t)p[1] << 8 |
                     (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);
}

static int64_t line_bytes(const matrix *m)
{
    return m->length * m->element.width + (m->marked ? 4 : 0);
}

static int check_mark(const matrix *m, int64_t line, const unsigned char *mark)
{
    int64_t length = length_at(mark);
    return length == m->length
               ? CF_OK
               : cf_fail(CF_BAD_DATA,
                         "%s: row %" PRId64 " says it has %" PRId64
                         " values, row 0 has %" PRId64
                         "; all must be of one length",
                         m->path, line, length, m->length);
}

/* A last line that is cut short counts too, so that a line before it whose
 * length is another is what is told of. */
static int open_marked(matrix *m, char kind, int width)
{
    int status = CF_OK;
    unsigned char mark[4];
    m->marked = true;
    m->element = (cf_npy){.kind = kind, .width = width};
    m->element.swapped = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ && width > 1;
    CF_TRY(open_file(m));
    if (m->size == 0)
        CF_TRY(cf_fail(CF_BAD_DATA, "%s: is empty", m->path));
    if (m->size < 4)
        CF_TRY(cut_short(m, 4));
    CF_TRY(cf_file_read(m->fd, m->path, mark, 4, 0));
    m->length = length_at(mark);
    if (m->length < 1)
        CF_TRY(cf_fail(CF_BAD_DATA,
                       "%s: row 0 says it has %" PRId64
                       " values; it must be at least 1",
                       m->path, m->length));
    if (m->size < line_bytes(m))
        CF_TRY(cut_short(m, line_bytes(m)));
    m->lines = (m->size - 1) / line_bytes(m) + 1;
done:
    return status;
}

/* ---- HDF5 ---- */

static bool is_signed(hid_t type)
{
    return H5Tget_sign(type) == H5T_SGN_2;
}

/* What elements are read as: what loses nothing before float32. */
static int choose_memory(matrix *m, const char *set)
{
    hid_t type = H5Dget_type(m->set);
    H5T_class_t kind = H5Tget_class(type);
    int width = (int)H5Tget_size(type);
    bool negative = kind == H5T_INTEGER && is_signed(type);
    H5Tclose(type);
    if (kind != H5T_INTEGER && kind != H5T_FLOAT)
        return cf_fail(CF_BAD_DATA, "%s: %s holds no numbers", m->path, set);
    if (kind == H5T_INTEGER) {
        m->memory = negative ? H5T_NATIVE_INT64 : H5T_NATIVE_UINT64;
        m->element = (cf_npy){.kind = negative ? 'i' : 'u', .width = 8};
    } else {
        m->memory = width <= 4 ? H5T_NATIVE_FLOAT : H5T_NATIVE_DOUBLE;
        m->element = (cf_npy){.kind = 'f', .width = width <= 4 ? 4 : 8};
    }
    snprintf(m->element.dtype, sizeof m->element.dtype, "<%c%d",
             kind == H5T_FLOAT ? 'f'
             : negative        ? 'i'
                               : 'u',
             width);
    return CF_OK;
}

static int open_set(matrix *m, const char *set, bool columns)
{
    int status = CF_OK;
    hsize_t size[2] = {0};
    memcpy(m->h5.path, m->path, strlen(m->path) + 1);
    CF_TRY(cf_h5_set_file(&m->h5));
    if (!is_dataset(&m->h5, set))
        CF_TRY(cf_fail(CF_BAD_DATA, "%s: has no dataset %s", m->path, set));
    m->set = cf_h5_set_open(m->h5.id, set, columns);
    if (m->set < 0)
        CF_TRY(cf_fail(CF_BAD_DATA, "%s: %s is damaged", m->path, set));
    hid_t space = H5Dget_space(m->set);
    int dims = H5Sget_simple_extent_ndims(space);
    if (dims == 2)
        H5Sget_simple_extent_dims(space, size, NULL);
    H5Sclose(space);
    if (dims != 2)
        CF_TRY(cf_fail(CF_BAD_DATA,
                       "%s: %s has %d dimension%s, not 2; a row is a vector",
                       m->path, set, dims, dims == 1 ? "" : "s"));
    CF_TRY(choose_memory(m, set));
    CF_TRY(cf_h5_set_check(m->set, m->path, set));
    m->lines = (int64_t)size[0];
    m->length = (int64_t)size[1];
done:
    return status;
}

/* ---- opening ---- */

static int check_sizes(const matrix *m, bool columns)
{
    int64_t n = m->across ? m->length : m->lines;
    int64_t dim = m->across ? m->lines : m->length;
    const char *what = columns ? "columns" : "rows";
    if (n < 1)
        return cf_fail(CF_BAD_DATA, "%s: has no %s", m->name, what);
    if (dim < 1)
        return cf_fail(CF_BAD_DATA, "%s: its %s have no values", m->name, what);
    if (dim > CF_VECTORS_DIM)
        return cf_fail(CF_BAD_DATA,
                       "%s: %s of %" PRId64 " values; a vector has at most %d",
                       m->name, what, dim, CF_VECTORS_DIM);
    return CF_OK;
}

/* Local. */
static int open_matrix(matrix *m, const cf_vectors_source *s, bool columns)
{
    int status = CF_OK;
    switch (s->format) {
    case CF_VECTORS_NPY: CF_TRY(open_npy(m)); break;
    case CF_VECTORS_FVECS: CF_TRY(open_marked(m, 'f', 4)); break;
    case CF_VECTORS_BVECS: CF_TRY(open_marked(m, 'u', 1)); break;
    case CF_VECTORS_IVECS: CF_TRY(open_marked(m, 'i', 4)); break;
    case CF_VECTORS_HDF5: CF_TRY(open_set(m, s->set, columns)); break;
    }
    m->across = m->element.fortran != columns;
    status = check_sizes(m, columns);
done:
    return status;
}

static void close_matrix(matrix *m)
{
    if (m->fd >= 0)
        close(m->fd);
    if (m->set > 0)
        H5Dclose(m->set);
    cf_h5_close(&m->h5);
}

/* ---- elements ---- */

/* Lines [line, line + lines) of a file, whole, as raw[lines x length]. */
static int get_lines(const matrix *m, int64_t line, int64_t lines,
                     unsigned char *raw)
{
    int status = CF_OK;
    int64_t stride = line_bytes(m), at = m->begin + line * stride;
    int64_t bytes = CF_MIN(lines * stride, m->size - at);
    CF_TRY(cf_file_read(m->fd, m->path, raw, bytes, at));
    for (int64_t i = 0; m->marked && i < lines; i++) {
        unsigned char *from = raw + i * stride;
        if ((i + 1) * stride > bytes && i * stride + 4 > bytes)
            CF_TRY(cut_short(m, m->begin + (line + i + 1) * stride));
        CF_TRY(check_mark(m, line + i, from));
        if ((i + 1) * stride > bytes)
            CF_TRY(cut_short(m, m->begin + (line + i + 1) * stride));
        memmove(raw + i * (stride - 4), from + 4, (size_t)(stride - 4));
    }
done:
    return status;
}

/* Elements [begin, begin + count) of a line of a file. */
static int get_part(const matrix *m, int64_t line, int64_t begin, int64_t count,
                    unsigned char *raw)
{
    int status = CF_OK;
    unsigned char mark[4];
    int64_t stride = line_bytes(m), at = m->begin + line * stride;
    if (m->marked) {
        if (m->size < at + 4)
            CF_TRY(cut_short(m, at + stride));
        CF_TRY(cf_file_read(m->fd, m->path, mark, 4, at));
        CF_TRY(check_mark(m, line, mark));
        if (m->size < at + stride)
            CF_TRY(cut_short(m, at + stride));
        at += 4;
    }
    status = cf_file_read(m->fd, m->path, raw, count * m->element.width,
                          at + begin * m->element.width);
done:
    return status;
}

/* Elements [begin, begin + count) of lines [line, line + lines) as
 * raw[lines x count]; a file's lines are whole, or it is one of them. */
static int get(const matrix *m, int64_t line, int64_t lines, int64_t begin,
               int64_t count, unsigned char *raw)
{
    if (m->fd >= 0)
        return count == m->length ? get_lines(m, line, lines, raw)
                                  : get_part(m, line, begin, count, raw);
    hsize_t start[2] = {(hsize_t)line, (hsize_t)begin};
    hsize_t block[2] = {(hsize_t)lines, (hsize_t)count};
    if (cf_h5_set_read(m->set, m->memory, 2, start, block, raw))
        return CF_OK;
    return cf_fail(CF_BAD_DATA,
                   "%s: cannot be read, it is damaged; make the file again",
                   m->name);
}

/* The first element that is beyond float32, or -1; then all are converted. */
static int64_t convert(matrix *m, const unsigned char *raw, int64_t count,
                       float *out)
{
    const cf_npy *e = &m->element;
    double wide[PIECE];
    if (e->kind == 'f' && e->width == 4 && !e->swapped) {
        memcpy(out, raw, (size_t)count * sizeof *out);
        return -1;
    }
    for (int64_t at = 0; at < count; at += PIECE) {
        int64_t n = CF_MIN(PIECE, count - at);
        cf_npy_values(e, raw + at * e->width, n, wide);
        for (int64_t i = 0; i < n; i++) {
            float x = (float)wide[i];
            if (isinf(x) && isfinite(wide[i]))
                return at + i;
            m->tiny +=
                fpclassify(x) == FP_ZERO && fpclassify(wide[i]) != FP_ZERO;
            out[at + i] = x;
        }
    }
    return -1;
}

static int out_of_range(const matrix *m, int64_t vector)
{
    return cf_fail(CF_BAD_DATA,
                   "row %" PRId64 " of %s has a value beyond the range of "
                   "float32",
                   vector, m->name);
}

static int read_along(matrix *m, int64_t begin, int64_t end, float *rows)
{
    int status = CF_OK;
    int64_t step = CF_MAX(CF_VECTORS_BLOCK / line_bytes(m), 1);
    step = CF_MIN(step, end - begin);
    unsigned char *raw = cf_alloc(step, (size_t)line_bytes(m), "file block");
    for (int64_t at = begin; at < end; at += step) {
        int64_t n = CF_MIN(step, end - at);
        CF_TRY(get(m, at, n, 0, m->length, raw));
        int64_t bad =
            convert(m, raw, n * m->length, rows + (at - begin) * m->length);
        if (bad >= 0)
            CF_TRY(out_of_range(m, at + bad / m->length));
        cf_progress_step((double)((at + n - begin) * line_bytes(m)),
                         (double)((end - begin) * line_bytes(m)));
    }
done:
    cf_free(raw);
    return status;
}

/* from[lines x n] to to[n x lines], a tile at a time. */
static void turn(const float *from, int64_t lines, int64_t n, float *to)
{
    enum { TILE = 16 };
    for (int64_t i = 0; i < n; i += TILE)
        for (int64_t l = 0; l < lines; l += TILE)
            for (int64_t j = i; j < CF_MIN(i + TILE, n); j++)
                for (int64_t c = l; c < CF_MIN(l + TILE, lines); c++)
                    to[j * lines + c] = from[c * n + j];
}

static int read_across(matrix *m, int64_t begin, int64_t end, float *rows)
{
    int status = CF_OK;
    int64_t width = m->element.width, lines = m->lines;
    int64_t step = CF_MAX(CF_VECTORS_BLOCK / (lines * width), 128);
    step = CF_MIN(step, end - begin);
    unsigned char *raw = cf_alloc(step * lines, (size_t)width, "file block");
    float *block = cf_alloc(step * lines, sizeof *block, "block of vectors");
    for (int64_t at = begin; at < end; at += step) {
        int64_t n = CF_MIN(step, end - at);
        if (m->fd < 0)
            CF_TRY(get(m, 0, lines, at, n, raw));
        for (int64_t l = 0; m->fd >= 0 && l < lines; l++)
            CF_TRY(get_part(m, l, at, n, raw + l * n * width));
        int64_t bad = convert(m, raw, n * lines, block);
        if (bad >= 0)
            CF_TRY(out_of_range(m, at + bad % n));
        turn(block, lines, n, rows + (at - begin) * lines);
        cf_progress_step((double)((at + n - begin) * lines * width),
                         (double)((end - begin) * lines * width));
    }
done:
    cf_free(raw);
    cf_free(block);
    return status;
}

/* ---- all of it ---- */

/* "float64", from a dtype such as '<f8' and from kind and width. */
static void tell_conversion(const matrix *m, int64_t tiny)
{
    static const char *const names[] = {"bool", "int", "uint", "float"};
    const cf_npy *e = &m->element;
    char kind = e->kind, lost[64] = "";
    int width = e->width;
    if (e->dtype[0] != '\0')
        sscanf(e->dtype + 1, "%c%d", &kind, &width);
    if (kind == 'f' && width == 4)
        return;
    if (tiny > 0)
        snprintf(lost, sizeof lost,
                 "; %" PRId64 " values too small for it became 0", tiny);
    const char *name = names[strchr("biuf", kind) - "biuf"];
    if (kind == 'b')
        cf_log_note("%s: %s converted to float32", m->name, name);
    else
        cf_log_note("%s: %s%d converted to float32%s", m->name, name, 8 * width,
                    lost);
}

static int read_rows(cf_vectors *v, const cf_par *par, matrix *m)
{
    int status = CF_OK;
    cf_part_even(&v->part, m->across ? m->length : m->lines, par->size);
    v->dim = (int)(m->across ? m->lines : m->length);
    int64_t begin = v->part.begin[par->rank];
    int64_t end = v->part.begin[par->rank + 1];
    v->rows = cf_alloc((end - begin) * v->dim, sizeof *v->rows, "vectors");
    if (begin < end)
        status = m->across ? read_across(m, begin, end, v->rows)
                           : read_along(m, begin, end, v->rows);
    CF_TRY(cf_agree(par, status));
    tell_conversion(m, cf_sum_i64(par, m->tiny));
done:
    return status;
}

int cf_vectors_read(cf_vectors *v, const cf_par *par,
                    const cf_vectors_source *s, bool columns)
{
    int status = CF_OK;
    cf_intake in = {0};
    matrix m = {.name = v->name, .path = s->file, .fd = -1};
    cf_vectors_free(v);
    bool set = s->format == CF_VECTORS_HDF5;
    snprintf(v->name, sizeof v->name, "%s%s%s%s", s->file, set ? ":" : "",
             set ? s->set : "", columns ? " (its columns)" : "");
    if (s->found)
        cf_log_note("%s: no dataset is named, so %s is taken", s->file, s->set);
    CF_TRY(cf_intake_file(&in, par, s->file));
    CF_TRY(cf_agree(par, open_matrix(&m, s, columns)));
    CF_TRY(read_rows(v, par, &m));
    CF_TRY(cf_agree(par, cf_intake_check_file(&in)));
    v->bytes = in.bytes;
    memcpy(v->digest, in.digest, sizeof v->digest);
done:
    close_matrix(&m);
    cf_intake_free(&in);
    if (status != CF_OK)
        cf_vectors_free(v);
    return status;
}

void cf_vectors_free(cf_vectors *v)
{
    cf_part_free(&v->part);
    cf_free(v->rows);
    *v = (cf_vectors){0};
}
