/* What a reader of ratings gives, written down as text, so that readings by
 * one rank and by several can be compared. */
#ifndef CFMPI_FUZZ_READING_H
#define CFMPI_FUZZ_READING_H

#include "fuzz.h"

#include "cfmpi/csr.h"
#include "cfmpi/intake.h"

static inline void put_ids(cf_text *out, const cf_ids *ids)
{
    for (int64_t i = 0; i < ids->count; i++) {
        cf_ids_print(ids, i, out);
        cf_text_bytes(out, "\n", 1);
    }
}

static inline void put_value(cf_text *out, float value, const int64_t *time)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    cf_text_add(out, " %08x", bits);
    if (time != NULL)
        cf_text_add(out, "@%" PRId64, *time);
}

/* Ratings in the order of the input. */
static inline void put_entries(cf_text *out, const cf_entries *e)
{
    for (int64_t i = 0; i < e->count; i++) {
        cf_entry x = cf_entries_at(e, i);
        cf_ids_print(&e->users.ids, x.user, out);
        cf_text_add(out, " ");
        cf_ids_print(&e->items.ids, x.item, out);
        put_value(out, x.value, e->timed ? &x.time : NULL);
        cf_text_add(out, "\n");
    }
}

static inline void put_rows(cf_text *out, const cf_csr *a)
{
    for (int64_t i = 0; i < a->n_loc; i++) {
        for (int64_t e = a->indptr[i]; e < a->indptr[i + 1]; e++) {
            HOLDS(a->indices[e] >= 0 && a->indices[e] < a->cols);
            HOLDS(e == a->indptr[i] || a->indices[e] > a->indices[e - 1]);
            cf_text_add(out, " %d:", (int)a->indices[e]);
            put_value(out, a->values[e], a->time != NULL ? &a->time[e] : NULL);
        }
        cf_text_add(out, "\n");
    }
}

/* Everything about the matrix, this rank's part of each list. */
static inline void put_matrix(cf_text part[3], cf_text *common,
                              const cf_par *par, cf_entries *e,
                              enum cf_duplicates rule)
{
    cf_idmap users = {0}, items = {0};
    cf_placement user_at = {0}, item_at = {0};
    cf_csr a = {0};
    int64_t merged = 0;
    cf_gidx place[2] = {0, 0};
    cf_idmap_build(&users, par, &e->users, &user_at);
    cf_idmap_build(&items, par, &e->items, &item_at);
    put_ids(&part[0], &users.ids);
    put_ids(&part[1], &items.ids);
    cf_numbering n = {&users, &user_at, &item_at, cf_part_rows(&items.part)};
    int status = cf_csr_build(&a, par, e, &n, rule, &merged, place);
    cf_text_add(common, "csr %d, %" PRId64 " merged\n", status, merged);
    if (status == CF_OK)
        put_rows(&part[2], &a);
    else
        cf_text_add(common, "twice: %" PRId64 " %" PRId64 "\n", place[0],
                    place[1]);
    cf_error_clear();
    cf_csr_free(&a);
    cf_placement_free(&user_at);
    cf_placement_free(&item_at);
    cf_idmap_free(&users);
    cf_idmap_free(&items);
}

/* Appends all ranks' texts, one after the other, on rank 0. Collective. */
static inline void gather(cf_text *out, const cf_par *par, const cf_text *mine)
{
    int n = (int)mine->length, total = 0;
    int *counts = calloc((size_t)par->size, 2 * sizeof *counts);
    int *at = counts + par->size;
    MPI_Allgather(&n, 1, MPI_INT, counts, 1, MPI_INT, par->comm);
    for (int r = 0; r < par->size; r++) {
        at[r] = total;
        total += counts[r];
    }
    char *all = malloc((size_t)total + 1);
    MPI_Gatherv(mine->data, n, MPI_BYTE, all, counts, at, MPI_BYTE, 0,
                par->comm);
    if (par->rank == 0)
        cf_text_bytes(out, all, total);
    free(all);
    free(counts);
}

static inline void put_counts(cf_text *common, const cf_par *par,
                              const cf_intake *in)
{
    cf_text_add(common, "skipped %" PRId64 ", implicit %d\n", in->skipped,
                in->implicit);
    for (int i = 0; i < in->shown_count; i++)
        cf_text_add(common, "%s\n", in->shown[i]);
    for (int v = 1; v < CF_VERDICTS; v++)
        cf_text_add(common, "left %" PRId64 "\n", cf_sum_i64(par, in->left[v]));
}

/* What one reading gives. */
typedef struct outcome {
    cf_text text;
    char seal[64]; /* digest and size of the files as they lie */
    char message[CF_ERROR_MAX];
} outcome;

/* A reader; `options` are the target's. */
typedef int read_fn(cf_intake *in, const cf_par *par, const void *options);

#define NO_MATRIX (-1)

/* One reading by the ranks of `par`; rank 0 gets the outcome. `rule` for
 * duplicates makes a matrix of it. Collective over `par`. */
static inline void read_once(outcome *o, const cf_par *par, read_fn *reader,
                             const void *options, int rule)
{
    cf_text *out = &o->text;
    cf_intake in = {0};
    cf_text part[3] = {{0}, {0}, {0}}, common = {0};
    o->seal[0] = '\0';
    cf_text_clear(out);
    int status = reader(&in, par, options);
    cf_text_add(&common, "%d\n", status);
    snprintf(o->message, sizeof o->message, "%s", cf_error_message());
    if (succeeded(status)) {
        put_counts(&common, par, &in);
        snprintf(o->seal, sizeof o->seal, "%s %" PRId64, in.digest, in.bytes);
        if (rule != NO_MATRIX)
            put_matrix(part, &common, par, &in.entries,
                       (enum cf_duplicates)rule);
        else
            put_entries(&part[0], &in.entries);
    }
    if (par->rank == 0)
        cf_text_bytes(out, common.data, common.length);
    for (int i = 0; i < 3; i++) {
        gather(out, par, &part[i]);
        cf_text_free(&part[i]);
    }
    cf_text_free(&common);
    cf_intake_free(&in);
}

/* ---- sparse matrices ---- */

/* A matrix as a target has written it: what was read can be held against it.
 * Arrays in the order of the readers': pointer, row, col, data. */
typedef struct matrix {
    char form[4]; /* csr, csc, coo */
    int64_t size[2];
    int64_t count[4];
    int64_t (*integer)(const void *source, int array, int64_t i);
    const void *source;
} matrix;

/* What `in` holds is that matrix, entry by entry; ids are places unless the
 * axes have names. Which entries were skipped the matrix does not say: then
 * only their number is held against it. */
static inline void check_matrix(const cf_intake *in, const matrix *m,
                                bool names)
{
    const cf_entries *e = &in->entries;
    int major = strcmp(m->form, "csr") == 0   ? 0
                : strcmp(m->form, "csc") == 0 ? 1
                                              : 2;
    HOLDS(e->users.ids.count == m->size[0]);
    HOLDS(e->items.ids.count == m->size[1]);
    HOLDS(in->skipped >= 0 && e->count + in->skipped == m->count[3]);
    HOLDS(major == 2 || m->count[0] == m->size[major] + 1);
    for (int64_t i = 0, row = 0; in->skipped == 0 && i < e->count; i++) {
        cf_entry x = cf_entries_at(e, i);
        int64_t place[2];
        while (major < 2 && m->integer(m->source, 0, row + 1) <= i)
            row++;
        HOLDS(major == 2 || m->integer(m->source, 0, row) <= i);
        for (int axis = 0; axis < 2; axis++) {
            place[axis] =
                axis == major ? row : m->integer(m->source, 1 + axis, i);
            HOLDS(place[axis] >= 0 && place[axis] < m->size[axis]);
        }
        HOLDS(names || e->users.ids.number[x.user] == place[0]);
        HOLDS(names || e->items.ids.number[x.item] == place[1]);
    }
    for (int64_t i = 1; major < 2 && i < m->count[0]; i++)
        HOLDS(m->integer(m->source, 0, i) >= m->integer(m->source, 0, i - 1));
}

/* ---- comparing ---- */

/* Which of these must be the same, too. */
enum { SEALS = 1, MESSAGES = 2 };

static inline void compare(const outcome *a, const outcome *b, int also,
                           const char *what)
{
    if (world.rank != 0 ||
        (strcmp(a->text.data, b->text.data) == 0 &&
         (!(also & SEALS) || strcmp(a->seal, b->seal) == 0) &&
         (!(also & MESSAGES) || strcmp(a->message, b->message) == 0)))
        return;
    fprintf(stderr, "---- expected:\n%s%s%s\n---- %s:\n%s%s%s\n", a->text.data,
            a->message, a->seal, what, b->text.data, b->message, b->seal);
    broken(__FILE__, __LINE__, what);
}

#endif
