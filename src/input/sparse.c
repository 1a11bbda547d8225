/* Method  The compressed axis (or the list of entries) is split evenly. A
 *         rank takes its part in blocks: the pointer is spread out to one
 *         index an entry, so that all formats go the same way from there.
 *         Where an axis has names, ratings first get places as ids.
 * Cost    One pass over the own part of each array. */
#include "sparse.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"

#define BLOCK ((int64_t)1 << 16) /* elements of an array in memory */

/* Every row and column takes memory, which a few bytes of a damaged shape must
 * not use up: so many are taken in any case, and so many for each entry. */
#define ALWAYS ((int64_t)1 << 21)
#define AN_ENTRY 1024

static const char *const axis_word[2] = {"rows", "columns"};

/* This rank's reading. */
typedef struct reading {
    const cf_sparse *m;
    cf_intake *in;
    cf_entries *to;     /* of `in`, or one whose ids are places */
    int64_t begin, end; /* own entries */
    int64_t first;      /* own row of the compressed axis */
    int64_t *pointer;   /* [own rows + 1] */
    int64_t *index[2];  /* [BLOCK] user and item of each entry */
    double *value;      /* [BLOCK] */
    cf_bad_rows bad;
} reading;

/* The axis that is compressed, 2 for none. */
static int major_axis(const cf_sparse *m)
{
    return m->format == CF_SPARSE_CSR ? 0 : m->format == CF_SPARSE_CSC ? 1 : 2;
}

static int array_of(int axis)
{
    return axis == 0 ? CF_SPARSE_ROW : CF_SPARSE_COL;
}

/* ---- the matrix as a whole ---- */

static int check_counts(const cf_sparse *m)
{
    int major = major_axis(m);
    int64_t nnz = m->count[CF_SPARSE_DATA];
    if (major < 2 && m->count[CF_SPARSE_POINTER] - 1 != m->size[major])
        return cf_fail(CF_BAD_DATA,
                       "%s: %s has %" PRId64 " elements, but a matrix of "
                       "%" PRId64 " %s needs one more than that",
                       m->path, m->label[CF_SPARSE_POINTER],
                       m->count[CF_SPARSE_POINTER], m->size[major],
                       axis_word[major]);
    for (int axis = 0; axis < 2; axis++)
        if (axis != major && m->count[array_of(axis)] != nnz)
            return cf_fail(CF_BAD_DATA,
                           "%s: %s has %" PRId64 " elements, but %s has "
                           "%" PRId64 "; they must have as many",
                           m->path, m->label[array_of(axis)],
                           m->count[array_of(axis)], m->label[CF_SPARSE_DATA],
                           nnz);
    return CF_OK;
}

static int check_size(const cf_sparse *m, const cf_intake *in)
{
    if (cf_intake_needs_time(in))
        return cf_fail(CF_USAGE,
                       "%s: a matrix holds no times; leave out --time-range "
                       "and --keep-time",
                       m->path);
    for (int axis = 0; axis < 2; axis++)
        if (m->size[axis] < 0)
            return cf_fail(CF_BAD_DATA,
                           "%s: its shape is %" PRId64 " x %" PRId64
                           ", which no matrix has",
                           m->path, m->size[0], m->size[1]);
    if (m->size[1] > INT32_MAX)
        return cf_fail(CF_BAD_DATA,
                       "%s: its shape has %" PRId64 " columns; at most "
                       "%" PRId32 " items can be read",
                       m->path, m->size[1], INT32_MAX);
    int64_t nnz = CF_MIN(m->count[CF_SPARSE_DATA], INT64_MAX / AN_ENTRY / 2);
    for (int axis = 0; axis < 2; axis++)
        if (m->size[axis] > ALWAYS + AN_ENTRY * nnz)
            return cf_fail(CF_BAD_DATA,
                           "%s: its shape has %" PRId64 " %s for %" PRId64
                           " entries; cut off the empty ones",
                           m->path, m->size[axis], axis_word[axis], nnz);
    return check_counts(m);
}

/* All ranks go on with what rank 0 has found, or none does: a file that
 * differs between them must not lead them different ways. */
static int agree_on_matrix(const cf_sparse *m, const cf_par *par)
{
    int64_t mine[CF_SPARSE_ARRAYS + 5], first[CF_SPARSE_ARRAYS + 5];
    memcpy(mine, m->count, sizeof m->count);
    mine[CF_SPARSE_ARRAYS] = m->format;
    for (int axis = 0; axis < 2; axis++) {
        mine[CF_SPARSE_ARRAYS + 1 + axis] = m->size[axis];
        mine[CF_SPARSE_ARRAYS + 3 + axis] = m->names_label[axis] != NULL;
    }
    memcpy(first, mine, sizeof first);
    cf_bcast(par, first, sizeof first, 0);
    return cf_agree(par, memcmp(first, mine, sizeof first) == 0
                             ? CF_OK
                             : cf_fail(CF_IO,
                                       "%s: rank %d sees another matrix "
                                       "than rank 0; did it change "
                                       "while it was read?",
                                       m->path, par->rank));
}

/* ---- the compressed axis ---- */

static int check_pointer(const reading *r, int64_t rows, bool last)
{
    const cf_sparse *m = r->m;
    const char *label = m->label[CF_SPARSE_POINTER];
    int64_t nnz = m->count[CF_SPARSE_DATA];
    if (r->first == 0 && r->pointer[0] != 0)
        return cf_fail(CF_BAD_DATA, "%s: %s[0] is %" PRId64 ", not 0", m->path,
                       label, r->pointer[0]);
    for (int64_t i = 0; i < rows; i++)
        if (r->pointer[i + 1] < r->pointer[i])
            return cf_fail(CF_BAD_DATA,
                           "%s: %s[%" PRId64 "] is %" PRId64 ", less than "
                           "%" PRId64 " before it",
                           m->path, label, r->first + i + 1, r->pointer[i + 1],
                           r->pointer[i]);
    if (r->pointer[0] < 0 || r->pointer[rows] > nnz ||
        (last && r->pointer[rows] != nnz))
        return cf_fail(CF_BAD_DATA,
                       "%s: %s[%" PRId64 "] is %" PRId64 ", but %s has "
                       "%" PRId64 " elements",
                       m->path, label, r->first + rows, r->pointer[rows],
                       m->label[CF_SPARSE_DATA], nnz);
    return CF_OK;
}

/* Own rows of the pointer and the one after; memory grows with what really
 * comes, not with what a header says. */
static int read_pointer(reading *r, const cf_part *rows, int rank)
{
    int status = CF_OK;
    int64_t count = cf_part_count(rows, rank) + 1, room = 0;
    r->first = rows->begin[rank];
    for (int64_t at = 0; at < count; at += BLOCK) {
        int64_t n = CF_MIN(BLOCK, count - at);
        if (at + n > room) {
            room = CF_MIN(count, CF_MAX(2 * room, BLOCK));
            r->pointer =
                cf_realloc(r->pointer, room, sizeof *r->pointer, "matrix rows");
        }
        CF_TRY(r->m->integers(r->m->source, CF_SPARSE_POINTER, r->first + at, n,
                              r->pointer + at));
    }
    CF_TRY(check_pointer(r, count - 1, rank == rows->size - 1));
    r->begin = r->pointer[0];
    r->end = r->pointer[count - 1];
done:
    return status;
}

/* Which entries are this rank's. */
static int find_share(reading *r, const cf_par *par)
{
    int major = major_axis(r->m), status = CF_OK;
    cf_part share = {0};
    cf_part_even(&share,
                 major < 2 ? r->m->size[major] : r->m->count[CF_SPARSE_DATA],
                 par->size);
    if (major < 2) {
        status = read_pointer(r, &share, par->rank);
    } else {
        r->begin = share.begin[par->rank];
        r->end = share.begin[par->rank + 1];
    }
    cf_part_free(&share);
    return cf_agree(par, status);
}

/* ---- ids ---- */

static int add_ids_of(const cf_par *par, const cf_sparse *m, int axis,
                      cf_dictionary *d, int64_t entries)
{
    cf_part share = {0};
    cf_part_even(&share, m->size[axis], par->size);
    int64_t begin = share.begin[par->rank], end = share.begin[par->rank + 1];
    cf_part_free(&share);
    int64_t most = CF_MIN(m->size[axis], end - begin + entries);
    if (most > INT32_MAX - 1 - d->ids.count)
        return cf_fail(CF_BAD_DATA,
                       "%s: its %" PRId64 " %s are too many for %d ranks; use "
                       "more ranks",
                       m->path, m->size[axis], axis_word[axis], par->size);
    for (int64_t i = begin; i < end; i++)
        cf_dictionary_add_number(d, i);
    return CF_OK;
}

/* Ids of the even share of both axes: empty rows and columns count too. */
static int add_ids(const reading *r, const cf_par *par)
{
    int64_t entries = r->end - r->begin;
    int status = add_ids_of(par, r->m, 0, &r->to->users, entries);
    if (status == CF_OK)
        status = add_ids_of(par, r->m, 1, &r->to->items, entries);
    return cf_agree(par, status);
}

/* ---- entries ---- */

/* One index an entry from the pointer; `row` is the own row at hand. */
static void spread_pointer(reading *r, int64_t at, int64_t n, int64_t *row)
{
    int64_t *out = r->index[major_axis(r->m)];
    for (int64_t i = 0; i < n; i++) {
        while (r->pointer[*row + 1] <= at + i)
            (*row)++;
        out[i] = r->first + *row;
    }
}

static int check_indices(const reading *r, int64_t at, int64_t n)
{
    const cf_sparse *m = r->m;
    for (int axis = 0; axis < 2; axis++)
        for (int64_t i = 0; axis != major_axis(m) && i < n; i++)
            if ((uint64_t)r->index[axis][i] >= (uint64_t)m->size[axis])
                return cf_fail(CF_BAD_DATA,
                               "%s: %s[%" PRId64 "] is %" PRId64 ", but the "
                               "matrix has %" PRId64 " %s, counted from 0",
                               m->path, m->label[array_of(axis)], at + i,
                               r->index[axis][i], m->size[axis],
                               axis_word[axis]);
    return CF_OK;
}

static int bad_value(reading *r, int64_t entry, double value, bool off_scale)
{
    const cf_sparse *m = r->m;
    const char *label = m->label[CF_SPARSE_DATA];
    const double *scale = r->in->keep.scale;
    char why[80] = "not a rating";
    if (off_scale)
        snprintf(why, sizeof why, "outside the scale of %g to %g", scale[0],
                 scale[1]);
    cf_bad_rows_add(&r->bad, "%.100s: %s[%" PRId64 "] is %g, %s", m->path,
                    label, entry, value, why);
    if (r->in->bad_row == CF_BAD_ROW_SKIP)
        return CF_OK;
    return cf_fail(CF_BAD_DATA,
                   "%s: %s[%" PRId64 "] is %g, %s; pass --on-bad-row=skip to "
                   "go on without such entries",
                   m->path, label, entry, value, why);
}

static int take_block(reading *r, int64_t at, int64_t n)
{
    int status = CF_OK;
    CF_TRY(check_indices(r, at, n));
    for (int64_t i = 0; i < n; i++) {
        float value = (float)r->value[i];
        bool finite = isfinite(value);
        enum cf_verdict verdict =
            finite ? cf_intake_judge(r->in, &value, 0) : CF_OFF_SCALE;
        if (verdict == CF_KEPT)
            cf_entries_add(
                r->to, cf_dictionary_add_number(&r->to->users, r->index[0][i]),
                cf_dictionary_add_number(&r->to->items, r->index[1][i]), value,
                0);
        else if (verdict == CF_OFF_SCALE)
            CF_TRY(bad_value(r, at + i, r->value[i], finite));
    }
done:
    return status;
}

static int read_entries(reading *r)
{
    const cf_sparse *m = r->m;
    int status = CF_OK, major = major_axis(m);
    int64_t row = 0, most = CF_MIN(BLOCK, r->end - r->begin);
    for (int axis = 0; axis < 2; axis++)
        r->index[axis] = cf_alloc(most, sizeof *r->index[axis], "matrix block");
    r->value = cf_alloc(most, sizeof *r->value, "matrix block");
    for (int64_t at = r->begin; at < r->end; at += BLOCK) {
        int64_t n = CF_MIN(BLOCK, r->end - at);
        for (int axis = 0; axis < 2; axis++)
            if (axis != major)
                CF_TRY(m->integers(m->source, array_of(axis), at, n,
                                   r->index[axis]));
        if (major < 2)
            spread_pointer(r, at, n, &row);
        CF_TRY(m->values(m->source, at, n, r->value));
        CF_TRY(take_block(r, at, n));
    }
done:
    return status;
}

int cf_sparse_read(cf_intake *in, const cf_par *par, const cf_sparse *m)
{
    int status = CF_OK;
    bool named = m->names_label[0] != NULL || m->names_label[1] != NULL;
    cf_entries places = {.timed = in->entries.timed};
    reading r = {.m = m, .in = in, .to = named ? &places : &in->entries};
    CF_TRY(cf_agree(par, check_size(m, in)));
    CF_TRY(agree_on_matrix(m, par));
    CF_TRY(find_share(&r, par));
    CF_TRY(add_ids(&r, par));
    CF_TRY(cf_agree(par, read_entries(&r)));
    cf_intake_add_bad_rows(in, par, &r.bad);
    if (named)
        CF_TRY(cf_sparse_rename(in, par, m, &places));
done:
    cf_entries_free(&places);
    cf_free(r.pointer);
    cf_free(r.index[0]);
    cf_free(r.index[1]);
    cf_free(r.value);
    return status;
}
