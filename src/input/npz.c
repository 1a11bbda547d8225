/* Method  Every rank opens the archive and reads its own range of each array,
 *         side by side, in blocks. The ranges' checksums are combined over
 *         the ranks, since nobody sees a whole member.
 * Cost    Stored members: the own share. Deflated ones: inflated up to the
 *         end of the own share.
 * References  PKWARE: .ZIP File Format Specification; NumPy Enhancement
 *             Proposal 1; scipy.sparse.save_npz. */
#include "cfmpi/npz.h"

#include <stdio.h>
#include <string.h>
#include <zip.h>
#include <zlib.h>

#include "cfmpi/exchange.h"
#include "cfmpi/file.h"
#include "cfmpi/memory.h"
#include "npy.h"
#include "sparse.h"

#define BLOCK ((int64_t)1 << 19) /* bytes of a member in memory */

/* A member of the archive, open. */
typedef struct member {
    const char *name;
    zip_file_t *file;
    bool stored;
    int64_t size; /* of the whole, inflated */
    int64_t at;   /* the next byte */
    cf_npy npy;
    uint32_t stored_crc;
    uint32_t own_crc; /* of the own bytes: those no lower rank reads */
    int64_t own_bytes;
    int64_t shared; /* bytes to come that a lower rank reads too */
} member;

typedef struct archive {
    const char *path;
    int rank;
    zip_t *zip;
    char *block;
    int format;
    int64_t shape[2];
    member array[CF_SPARSE_ARRAYS]; /* name NULL: not in this format */
} archive;

/* "file: member", to begin messages with. */
typedef struct where {
    char text[CF_ERROR_MAX / 2];
} where;

static where where_of(const archive *z, const member *m)
{
    where w;
    snprintf(w.text, sizeof w.text, "%.400s: %s", z->path, m->name);
    return w;
}

bool cf_npz_is(const char *path)
{
    return cf_file_begins(path, "PK\3\4", 4);
}

/* ---- the archive ---- */

static int open_archive(archive *z)
{
    int code = 0;
    z->zip = zip_open(z->path, ZIP_RDONLY, &code);
    if (z->zip != NULL)
        return CF_OK;
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    cf_fail(CF_BAD_DATA,
            "%s: is no npz file, or is cut short (%s); make the file again",
            z->path, zip_error_strerror(&error));
    zip_error_fini(&error);
    return CF_BAD_DATA;
}

static int damaged(const archive *z, const member *m)
{
    const char *why =
        m->file != NULL ? zip_file_strerror(m->file) : zip_strerror(z->zip);
    return cf_fail(CF_BAD_DATA, "%s is damaged (%s); make the file again",
                   where_of(z, m).text, why);
}

static int corrupt(const archive *z, const member *m)
{
    return cf_fail(CF_BAD_DATA,
                   "%s is corrupt (its checksum does not fit); make the file "
                   "again",
                   where_of(z, m).text);
}

static int open_member(const archive *z, member *m)
{
    zip_stat_t s;
    const zip_uint64_t needed =
        ZIP_STAT_SIZE | ZIP_STAT_CRC | ZIP_STAT_COMP_METHOD;
    zip_int64_t i = zip_name_locate(z->zip, m->name, 0);
    if (i < 0)
        return cf_fail(CF_BAD_DATA,
                       "%s: has no member %s; a matrix saved with "
                       "scipy.sparse.save_npz has one",
                       z->path, m->name);
    if (zip_stat_index(z->zip, (zip_uint64_t)i, 0, &s) != 0 ||
        (s.valid & needed) != needed || s.size > INT64_MAX)
        return damaged(z, m);
    if ((s.valid & ZIP_STAT_ENCRYPTION_METHOD) != 0 &&
        s.encryption_method != ZIP_EM_NONE)
        return cf_fail(CF_BAD_DATA,
                       "%s is encrypted; save it without a password",
                       where_of(z, m).text);
    m->size = (int64_t)s.size;
    m->stored = s.comp_method == ZIP_CM_STORE;
    m->stored_crc = s.crc;
    m->own_crc = (uint32_t)crc32(0, NULL, 0);
    m->file = zip_fopen_index(z->zip, (zip_uint64_t)i, 0);
    return m->file != NULL ? CF_OK : damaged(z, m);
}

static void close_member(member *m)
{
    if (m->file != NULL)
        zip_fclose(m->file);
    m->file = NULL;
}

static int read_bytes(const archive *z, member *m, void *out, int64_t bytes)
{
    char *to = out;
    while (bytes > 0) {
        zip_int64_t n = zip_fread(m->file, to, (zip_uint64_t)bytes);
        if (n < 0)
            return damaged(z, m);
        if (n == 0)
            return cf_fail(CF_BAD_DATA,
                           "%s ends early, at byte %" PRId64 " of %" PRId64
                           "; make the file again",
                           where_of(z, m).text, m->at, m->size);
        to += n;
        bytes -= n;
        m->at += n;
    }
    return CF_OK;
}

static void count_own(member *m, const void *bytes, int64_t count)
{
    int64_t shared = CF_MIN(m->shared, count);
    m->shared -= shared;
    m->own_bytes += count - shared;
    m->own_crc =
        (uint32_t)crc32_z(m->own_crc, (const unsigned char *)bytes + shared,
                          (size_t)(count - shared));
}

/* Stored members can be sought in; others are read and dropped. */
static int go_to(const archive *z, member *m, int64_t at)
{
    int status = CF_OK;
    if (m->stored && at > m->at && zip_fseek(m->file, at, SEEK_SET) == 0)
        m->at = at;
    while (status == CF_OK && m->at < at)
        status = read_bytes(z, m, z->block, CF_MIN(BLOCK, at - m->at));
    return status;
}

/* ---- members ---- */

/* Opens a member and reads its header. */
static int open_array(const archive *z, member *m)
{
    int status = CF_OK;
    int64_t length;
    where w = where_of(z, m);
    unsigned char *head =
        cf_alloc(CF_NPY_START + CF_NPY_HEADER, 1, "array header");
    CF_TRY(open_member(z, m));
    CF_TRY(read_bytes(z, m, head, CF_NPY_START));
    CF_TRY(cf_npy_start(w.text, head, &m->npy.begin, &length));
    m->npy.begin += length;
    CF_TRY(read_bytes(z, m, head + CF_NPY_START,
                      CF_MAX(m->npy.begin - CF_NPY_START, 0)));
    CF_TRY(cf_npy_parse(w.text, (char *)head + m->npy.begin - length, length,
                        &m->npy));
    if (m->npy.fortran)
        CF_TRY(cf_fail(CF_BAD_DATA,
                       "%s is stored in Fortran order; save it in C order",
                       w.text));
    int64_t bytes = m->size - m->npy.begin;
    if (m->npy.width > 0
            ? m->npy.count != bytes / m->npy.width || bytes % m->npy.width != 0
            : bytes != 0)
        CF_TRY(cf_fail(CF_BAD_DATA,
                       "%s holds %" PRId64 " bytes, which is not what its "
                       "header says; make the file again",
                       w.text, bytes));
    if (z->rank == 0)
        count_own(m, head, m->npy.begin);
done:
    cf_free(head);
    return status;
}

/* All of a small array, `dims` dimensional with `count` elements. */
static int read_small(const archive *z, member *m, int dims, int64_t count,
                      void *out, int64_t room)
{
    int status = CF_OK;
    char more;
    CF_TRY(open_array(z, m));
    int64_t bytes = m->size - m->npy.begin;
    if (m->npy.dims != dims || m->npy.count != count || bytes > room)
        CF_TRY(cf_fail(CF_BAD_DATA,
                       "%s has %d dimensions and %" PRId64 " elements, not %d "
                       "and %" PRId64,
                       where_of(z, m).text, m->npy.dims, m->npy.count, dims,
                       count));
    CF_TRY(read_bytes(z, m, out, bytes));
    /* The checksum is compared at the end. */
    if (zip_fread(m->file, &more, 1) != 0)
        CF_TRY(corrupt(z, m));
done:
    close_member(m);
    return status;
}

static int read_format(archive *z)
{
    static const char *const names[] = {"csr", "csc", "coo"};
    member m = {.name = "format.npy"};
    char raw[256], format[16];
    int status = CF_OK;
    CF_TRY(read_small(z, &m, 0, 1, raw, sizeof raw));
    if (m.npy.kind != 'S' && m.npy.kind != 'U')
        CF_TRY(cf_fail(CF_BAD_DATA, "%s has dtype '%s', which is no text",
                       where_of(z, &m).text, m.npy.dtype));
    cf_npy_text(&m.npy, raw, format, sizeof format);
    for (z->format = 0; z->format < 3; z->format++)
        if (strcmp(format, names[z->format]) == 0)
            return CF_OK;
    CF_TRY(cf_fail(CF_BAD_DATA,
                   "%s says '%s'; csr, csc and coo can be read, so save it "
                   "after .tocsr()",
                   where_of(z, &m).text, format));
done:
    return status;
}

static int read_shape(archive *z)
{
    member m = {.name = "shape.npy"};
    char raw[16];
    int status = CF_OK;
    CF_TRY(read_small(z, &m, 1, 2, raw, sizeof raw));
    if (strchr("iu", m.npy.kind) == NULL)
        CF_TRY(cf_fail(CF_BAD_DATA, "%s has dtype '%s', not whole numbers",
                       where_of(z, &m).text, m.npy.dtype));
    cf_npy_integers(&m.npy, raw, 2, z->shape);
done:
    return status;
}

static int open_numbers(const archive *z, member *m, const char *name,
                        const char *kinds, const char *wanted)
{
    m->name = name;
    int status = open_array(z, m);
    if (status != CF_OK)
        return status;
    if (m->npy.dims != 1)
        return cf_fail(CF_BAD_DATA, "%s has %d dimensions, not 1",
                       where_of(z, m).text, m->npy.dims);
    if (strchr(kinds, m->npy.kind) == NULL)
        return cf_fail(CF_BAD_DATA, "%s has dtype '%s', not %s",
                       where_of(z, m).text, m->npy.dtype, wanted);
    return CF_OK;
}

/* Opens what the format has. Local. */
static int open_all(archive *z)
{
    static const char *const names[3][CF_SPARSE_DATA] = {
        {"indptr.npy", NULL, "indices.npy"},
        {"indptr.npy", "indices.npy", NULL},
        {NULL, "row.npy", "col.npy"}};
    int status = CF_OK;
    CF_TRY(open_archive(z));
    CF_TRY(read_format(z));
    CF_TRY(read_shape(z));
    for (int i = 0; i < CF_SPARSE_DATA; i++)
        if (names[z->format][i] != NULL)
            CF_TRY(open_numbers(z, &z->array[i], names[z->format][i], "iu",
                                "whole numbers"));
    CF_TRY(open_numbers(z, &z->array[CF_SPARSE_DATA], "data.npy", "biuf",
                        "numbers"));
    /* Each rank also reads where the next one's rows begin. */
    member *pointer = &z->array[CF_SPARSE_POINTER];
    pointer->shared = z->rank > 0 ? pointer->npy.width : 0;
done:
    return status;
}

static void close_all(archive *z)
{
    for (int i = 0; i < CF_SPARSE_ARRAYS; i++)
        close_member(&z->array[i]);
    if (z->zip != NULL)
        zip_discard(z->zip);
    cf_free(z->block);
}

/* ---- elements ---- */

static int read_elements(archive *z, int array, int64_t begin, int64_t count,
                         int64_t *integers, double *values)
{
    member *m = &z->array[array];
    int64_t step = BLOCK / m->npy.width;
    int status = CF_OK;
    CF_TRY(go_to(z, m, m->npy.begin + begin * m->npy.width));
    for (int64_t at = 0; at < count; at += step) {
        int64_t n = CF_MIN(step, count - at), bytes = n * m->npy.width;
        CF_TRY(read_bytes(z, m, z->block, bytes));
        count_own(m, z->block, bytes);
        if (integers != NULL)
            cf_npy_integers(&m->npy, z->block, n, integers + at);
        else
            cf_npy_values(&m->npy, z->block, n, values + at);
    }
done:
    return status;
}

static int take_integers(void *source, int array, int64_t begin, int64_t count,
                         int64_t *out)
{
    return read_elements(source, array, begin, count, out, NULL);
}

static int take_values(void *source, int64_t begin, int64_t count, double *out)
{
    return read_elements(source, CF_SPARSE_DATA, begin, count, NULL, out);
}

/* ---- checksums ---- */

/* Combines what the ranks have read of each array. Collective; every rank
 * returns the same. */
static int check_sums(const archive *z, const cf_par *par)
{
    enum { SUMS = 2 * CF_SPARSE_ARRAYS };
    int64_t mine[SUMS], *all;
    int status = CF_OK;
    all = cf_alloc((int64_t)SUMS * par->size, sizeof *all, "checksums");
    for (int a = 0; a < CF_SPARSE_ARRAYS; a++) {
        mine[2 * a] = z->array[a].own_crc;
        mine[2 * a + 1] = z->array[a].own_bytes;
    }
    MPI_Allgather(mine, SUMS, MPI_INT64_T, all, SUMS, MPI_INT64_T, par->comm);
    for (int a = 0; a < CF_SPARSE_ARRAYS && status == CF_OK; a++) {
        uLong crc = crc32(0, NULL, 0);
        for (int r = 0; r < par->size; r++) {
            const int64_t *sum = all + r * SUMS + 2 * a;
            crc = crc32_combine(crc, (uLong)sum[0], sum[1]);
        }
        if (z->array[a].name != NULL && crc != z->array[a].stored_crc)
            status = corrupt(z, &z->array[a]);
    }
    cf_free(all);
    return status;
}

/* Reads all of every array, which shows whether its checksum fits. Local. */
static int read_through(archive *z)
{
    int status = CF_OK;
    for (int a = 0; a < CF_SPARSE_ARRAYS && status == CF_OK; a++) {
        member m = {.name = z->array[a].name};
        zip_int64_t n = 1;
        if (m.name == NULL)
            continue;
        status = open_member(z, &m);
        while (status == CF_OK && n > 0)
            n = zip_fread(m.file, z->block, (zip_uint64_t)BLOCK);
        if (n < 0)
            status = corrupt(z, &m);
        close_member(&m);
    }
    return status;
}

/* Wrong content can come from a file that is damaged or has changed, which
 * is then the better message. Collective. */
static int explain(archive *z, const cf_par *par, const cf_intake *in,
                   int status)
{
    char message[CF_ERROR_MAX];
    if (par->rank == 0) {
        snprintf(message, sizeof message, "%s", cf_error_message());
        cf_error_clear();
        int cause = cf_intake_check_file(in);
        if (cause == CF_OK)
            cause = read_through(z);
        if (cause == CF_OK)
            cf_error_set(message);
        else
            status = cause;
    }
    return cf_agree(par, status);
}

/* ---- the matrix ---- */

static const char *const labels[3][CF_SPARSE_ARRAYS] = {
    {"indptr", NULL, "indices", "data"},
    {"indptr", "indices", NULL, "data"},
    {NULL, "row", "col", "data"}};

static int read_matrix(archive *z, const cf_par *par, cf_intake *in)
{
    cf_sparse m = {.path = z->path,
                   .format = z->format,
                   .size = {z->shape[0], z->shape[1]},
                   .integers = take_integers,
                   .values = take_values,
                   .source = z};
    for (int a = 0; a < CF_SPARSE_ARRAYS; a++) {
        m.label[a] = labels[z->format][a];
        m.count[a] = z->array[a].npy.count;
    }
    int status = cf_sparse_read(in, par, &m);
    if (status == CF_BAD_DATA)
        return explain(z, par, in, status);
    return status == CF_OK ? check_sums(z, par) : status;
}

int cf_npz_read(cf_intake *in, const cf_par *par, const char *path)
{
    int status = CF_OK;
    archive z = {.path = path, .rank = par->rank};
    z.block = cf_alloc(BLOCK, 1, "file block");
    CF_TRY(cf_intake_file(in, par, path));
    CF_TRY(cf_agree(par, open_all(&z)));
    CF_TRY(read_matrix(&z, par, in));
    CF_TRY(cf_agree(par, cf_intake_check_file(in)));
done:
    close_all(&z);
    return status;
}
