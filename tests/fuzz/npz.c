/* The reader of npz files. Check sums keep random bytes from getting far, so
 * inputs are recipes: changes to the members of a sound archive, which is then
 * packed with fitting check sums (or not), and bytes changed in the result.
 *
 * Shapes stay below MOST_ROWS, or go beyond what any reader takes: a matrix
 * may have a great many empty rows, and they are users, at 50 bytes each. */
#include "reading.h"

#include <zlib.h>

#include "cfmpi/npz.h"

#define CONTENT 256
#define MOST_ROWS 100000

typedef struct member {
    char name[NAME], dtype[NAME];
    int dims;
    uint64_t size[2];
    uint8_t content[CONTENT]; /* repeated where more is needed */
    size_t length;
    bool fortran, deflated, bad_sum, bad_size, absent;
    int version;
} member;

enum { INDICES, INDPTR, ROW, COL, FORMAT, SHAPE, DATA, MEMBERS };

static member sound[MEMBERS];
static char path[CF_PATH_MAX];

static void add(int at, const char *name, const char *dtype, int dims,
                uint64_t size, const void *content, size_t length)
{
    member *m = &sound[at];
    *m = (member){.dims = dims, .size = {size, 2}, .version = 1};
    snprintf(m->name, NAME, "%s", name);
    snprintf(m->dtype, NAME, "%s", dtype);
    memcpy(m->content, content, length);
    m->length = length;
}

static void prepare(void)
{
    static const int32_t indices[] = {0, 1, 3, 0, 2, 3, 1};
    static const int32_t rows[] = {0, 0, 0, 1, 2, 2, 3};
    static const int32_t indptr[] = {0, 3, 4, 6, 7};
    static const int64_t shape[] = {4, 4};
    static const double data[] = {1, 2.5, 3, 4, 5, 0.5, 1e-3};
    name_file(path, "npz");
    MPI_Bcast(path, CF_PATH_MAX, MPI_BYTE, 0, world.comm);
    add(INDICES, "indices.npy", "<i4", 1, 7, indices, sizeof indices);
    add(INDPTR, "indptr.npy", "<i4", 1, 5, indptr, sizeof indptr);
    add(ROW, "row.npy", "<i4", 1, 7, rows, sizeof rows);
    add(COL, "col.npy", "<i4", 1, 7, indices, sizeof indices);
    add(FORMAT, "format.npy", "|S3", 0, 1, "csr", 3);
    add(SHAPE, "shape.npy", "<i8", 1, 2, shape, sizeof shape);
    add(DATA, "data.npy", "<f8", 1, 7, data, sizeof data);
}

/* ---- changes ---- */

/* One element becomes a small number. */
static void change_element(member *m, bytes *b)
{
    size_t width = (size_t)(m->dtype[2] - '0'), at = take(b) % 32 * width;
    unsigned raw = take(b);
    int64_t whole = raw < 128 ? raw % 8 : (int8_t)raw;
    double number = (double)whole / 2;
    if (width == 0 || width > 8 || at + width > CONTENT)
        return;
    memcpy(m->content + at,
           m->dtype[1] == 'f' ? (const void *)&number : (const void *)&whole,
           width);
    m->length = CF_MAX(m->length, at + width);
}

static void change_content(member *m, bytes *b)
{
    size_t at = take(b) % CONTENT, n = take(b) % 16;
    for (size_t i = at; i < at + n && i < CONTENT; i++) {
        m->content[i] = (uint8_t)take(b);
        m->length = CF_MAX(m->length, i + 1);
    }
}

static void change_member(member *m, bytes *b)
{
    static const char *const dtypes[] = {"<i4", "<i8", "<u4", ">i8", "|b1",
                                         "|u1", "<f4", "<f8", "<f2", ">f4",
                                         "<U3", "|S3", "|O",  "<c8", "<i2"};
    switch (take(b) % 16) {
    case 0: m->size[0] = take_size(b); break;
    case 1: m->size[1] = take_size(b); break;
    case 2: m->dims = (int)(take(b) % 4); break;
    case 3: snprintf(m->dtype, NAME, "%s", dtypes[take(b) % 15]); break;
    case 4: m->deflated = !m->deflated; break;
    case 5: m->absent = !m->absent; break;
    case 6: m->fortran = !m->fortran; break;
    case 7: m->version = (int)(take(b) % 5); break;
    case 8: m->bad_sum = take(b) % 4 == 0; break;
    case 9: m->bad_size = take(b) % 4 == 0; break;
    case 10: change_content(m, b); break;
    default: change_element(m, b);
    }
}

static void change_format(member *m, bytes *b)
{
    static const char formats[][4] = {"csr", "csc", "coo", "bsr"};
    memcpy(m->content, formats[take(b) % 4], 3);
}

static void change(member m[MEMBERS], bytes *b, int patches)
{
    while (b->left > (size_t)patches * 3) {
        unsigned what = take(b);
        if (what < 16)
            change_format(&m[FORMAT], b);
        else
            change_member(&m[what % MEMBERS], b);
    }
    for (int axis = 0; axis < 2; axis++) {
        int64_t rows;
        memcpy(&rows, m[SHAPE].content + 8 * axis, sizeof rows);
        if (rows > MOST_ROWS && rows <= INT32_MAX * (int64_t)world.size)
            rows %= MOST_ROWS;
        memcpy(m[SHAPE].content + 8 * axis, &rows, sizeof rows);
    }
    if (m[SHAPE].dtype[2] != '8')
        memset(m[SHAPE].content + 2, 0, 6);
}

/* ---- the archive ---- */

static void put_number(cf_text *t, uint64_t x, int width)
{
    for (int i = 0; i < width; i++)
        cf_text_bytes(t, &(char){(char)(x >> 8 * i & 255)}, 1);
}

static void put_array(cf_text *t, const member *m)
{
    cf_text head = {0};
    cf_text_add(&head, "{'descr': '%s', 'fortran_order': %s, 'shape': (",
                m->dtype, m->fortran ? "True" : "False");
    for (int i = 0; i < m->dims; i++)
        cf_text_add(&head, "%" PRIu64 ", ", m->size[i % 2]);
    cf_text_add(&head, "), }\n");
    cf_text_bytes(t, "\x93NUMPY", 6);
    put_number(t, (uint64_t)m->version, 2);
    put_number(t, (uint64_t)head.length, m->version == 1 ? 2 : 4);
    cf_text_bytes(t, head.data, head.length);
    cf_text_free(&head);
    uint64_t width = (uint64_t)strtol(m->dtype + 2, NULL, 10), count = 1;
    for (int i = 0; i < m->dims && count < 1000; i++)
        count *= CF_MIN(m->size[i % 2], 1000);
    width *= m->dtype[1] == 'U' ? 4 : 1;
    for (uint64_t i = 0; i < CF_MIN(count, 1000) * width; i++)
        put_number(t, m->length > 0 ? m->content[i % m->length] : 0, 1);
}

/* What a member's two headers have in common. */
static void put_facts(cf_text *t, const member *m, uint64_t sum,
                      uint64_t packed, uint64_t size)
{
    put_number(t, 20, 2);
    put_number(t, 0, 2);
    put_number(t, m->deflated ? 8 : 0, 2);
    put_number(t, 0, 4);
    put_number(t, sum ^ m->bad_sum, 4);
    put_number(t, packed, 4);
    put_number(t, size + m->bad_size, 4);
    put_number(t, strlen(m->name), 2);
    put_number(t, 0, 2);
}

static void put_packed(cf_text *t, const cf_text *array, bool deflated)
{
    z_stream z = {.next_in = (unsigned char *)array->data,
                  .avail_in = (unsigned)array->length};
    if (!deflated) {
        cf_text_bytes(t, array->data, array->length);
        return;
    }
    HOLDS(deflateInit2(&z, 1, Z_DEFLATED, -MAX_WBITS, 1, Z_DEFAULT_STRATEGY) ==
          Z_OK);
    unsigned room = (unsigned)deflateBound(&z, (uLong)array->length);
    char *out = malloc(room);
    z.next_out = (unsigned char *)out;
    z.avail_out = room;
    HOLDS(deflate(&z, Z_FINISH) == Z_STREAM_END);
    cf_text_bytes(t, out, (int64_t)z.total_out);
    deflateEnd(&z);
    free(out);
}

static void put_member(cf_text *zip, cf_text *directory, const member *m)
{
    cf_text array = {0}, packed = {0};
    uint64_t begin = (uint64_t)zip->length;
    put_array(&array, m);
    put_packed(&packed, &array, m->deflated);
    uint64_t sum = crc32(0, (unsigned char *)array.data, (uInt)array.length);
    uint64_t sizes[2] = {(uint64_t)packed.length, (uint64_t)array.length};
    cf_text_bytes(zip, "PK\3\4", 4);
    put_facts(zip, m, sum, sizes[0], sizes[1]);
    cf_text_add(zip, "%s", m->name);
    cf_text_bytes(zip, packed.data, packed.length);
    cf_text_bytes(directory, "PK\1\2\24\0", 6);
    put_facts(directory, m, sum, sizes[0], sizes[1]);
    put_number(directory, 0, 8); /* comment, disk, attributes */
    put_number(directory, 0, 2);
    put_number(directory, begin, 4);
    cf_text_add(directory, "%s", m->name);
    cf_text_free(&array);
    cf_text_free(&packed);
}

static void put_archive(cf_text *zip, const member m[MEMBERS])
{
    cf_text directory = {0};
    uint64_t count = 0;
    for (int i = 0; i < MEMBERS; i++)
        if (!m[i].absent) {
            put_member(zip, &directory, &m[i]);
            count++;
        }
    uint64_t begin = (uint64_t)zip->length, size = (uint64_t)directory.length;
    if (size > 0)
        cf_text_bytes(zip, directory.data, directory.length);
    cf_text_bytes(zip, "PK\5\6\0\0\0\0", 8);
    put_number(zip, count, 2);
    put_number(zip, count, 2);
    put_number(zip, size, 4);
    put_number(zip, begin, 4);
    put_number(zip, 0, 2);
    cf_text_free(&directory);
}

/* ---- reading ---- */

/* Element i as the reader must see it. */
static int64_t element(const member *m, int64_t i)
{
    int width = m->dtype[2] - '0';
    uint64_t x = 0;
    for (int k = 0; k < width; k++) {
        size_t at = (size_t)(i * width + k) % m->length;
        int place = m->dtype[0] == '>' ? width - 1 - k : k;
        x |= (uint64_t)m->content[at] << 8 * place;
    }
    if (m->dtype[1] == 'i' && width < 8 && x >> (8 * width - 1))
        x |= ~(uint64_t)0 << 8 * width;
    return (int64_t)x;
}

static int64_t element_of(const void *source, int array, int64_t i)
{
    static const int members[2][4] = {{INDPTR, INDICES, INDICES, DATA},
                                      {INDPTR, ROW, COL, DATA}};
    const member *m = source;
    bool coo = memcmp(m[FORMAT].content, "coo", 3) == 0;
    return element(&m[members[coo][array]], i);
}

/* Holds the reading against the recipe. */
static void check(const cf_intake *in, const member *m)
{
    matrix x = {.integer = element_of, .source = m};
    memcpy(x.form, m[FORMAT].content, 3);
    for (int axis = 0; axis < 2; axis++)
        x.size[axis] = element(&m[SHAPE], axis);
    x.count[0] = (int64_t)m[INDPTR].size[0];
    x.count[3] = (int64_t)m[DATA].size[0];
    check_matrix(in, &x, false);
}

typedef struct trial {
    uint8_t options;
    const member *m; /* NULL: bytes of the archive were changed */
} trial;

static int read_npz(cf_intake *in, const cf_par *par, const void *options)
{
    const trial *t = options;
    const uint8_t *o = &t->options;
    in->bad_row = *o & 1 ? CF_BAD_ROW_SKIP : CF_BAD_ROW_STOP;
    in->keep.has_scale = *o & 2;
    in->keep.scale[1] = 5;
    in->keep.has_times = (*o & 28) == 28;
    int status = cf_npz_read(in, par, path);
    if (status == CF_OK && par->size == 1 && t->m != NULL)
        check(in, t->m);
    return status;
}

static void write_file(const cf_text *zip)
{
    FILE *f = world.rank == 0 ? fopen(path, "wb") : NULL;
    HOLDS(f != NULL || world.rank != 0);
    if (f != NULL) {
        size_t size = (size_t)zip->length;
        HOLDS(fwrite(zip->data, 1, size, f) == size && fclose(f) == 0);
    }
    MPI_Barrier(world.comm);
}

/* The first byte chooses options, the second how many bytes are changed in
 * the archive. */
static void attempt(const uint8_t *data, size_t size)
{
    outcome one = {0}, all = {0};
    cf_text zip = {0};
    member m[MEMBERS];
    if (size < 2)
        return;
    bytes b = {data + 2, size - 2};
    int patches = data[1] % 4;
    memcpy(m, sound, sizeof m);
    change(m, &b, patches);
    put_archive(&zip, m);
    for (int i = 0; i < patches && b.left >= 3; i++) {
        int64_t at = take(&b) << 8 | take(&b);
        zip.data[at % zip.length] = (char)take(&b);
    }
    write_file(&zip);
    trial t = {data[0], patches == 0 ? m : NULL};
    int rule = data[0] & 32 ? CF_DUP_SUM : NO_MATRIX;
    if (world.rank == 0)
        read_once(&one, &self, read_npz, &t, rule);
    read_once(&all, &world, read_npz, &t, rule);
    HOLDS(world.rank != 0 || size > 2 || data[0] >= 4 ||
          one.text.data[0] == '0');
    compare(&one, &all, SEALS, "all ranks");
    MPI_Barrier(world.comm);
    if (world.rank == 0)
        unlink(path);
    cf_text_free(&one.text);
    cf_text_free(&all.text);
    cf_text_free(&zip);
}
