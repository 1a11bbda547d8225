/* Method  Every rank tells the owners of columns how many entries of each it
 *         has, so that they know where those of each rank are to lie. Entries
 *         then travel in rounds, and are put in place as they come.
 * Cost    12 bytes an entry are sent, and 24 a column; memory: beside the two
 *         matrices 24 bytes a column, and 4 MiB for what is on its way. */
#include <string.h>

#include "cfmpi/csr.h"
#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"

/* Entries that a rank sends at a time. */
#ifndef CF_TRANSPOSE_ROUND
#define CF_TRANSPOSE_ROUND (1 << 17)
#endif

/* An entry on its way to the owner of its column. */
typedef struct traveller {
    cf_lidx row, col;
    float value;
} traveller;

/* What is under way. */
typedef struct transposition {
    const cf_par *par;
    const cf_csr *from;
    cf_csr *to;
    int64_t *next; /* [size][own columns] place of the next entry of each rank's
                      in each of them */
    int64_t *sends, *gets; /* [size] entries of a round */
    int *owner;            /* [CF_TRANSPOSE_ROUND] of its entries */
    int64_t row;           /* of the next entry */
} transposition;

/* Every rank's entries of own columns: [size][own columns], from its own of
 * all columns. */
static int64_t *swap_counts(const transposition *s, const int64_t *own)
{
    const cf_part *part = &s->to->part;
    int size = s->par->size;
    int64_t columns = cf_part_count(part, s->par->rank);
    int64_t *sends =
        cf_alloc(2 * (int64_t)size, sizeof *sends, "column counts");
    int64_t *gets = sends + size;
    for (int r = 0; r < size; r++) {
        sends[r] = cf_part_count(part, r);
        gets[r] = columns;
    }
    int64_t *count = cf_alloc(size * columns, sizeof *count, "column counts");
    cf_alltoallv(s->par, own, sends, count, gets, sizeof *count);
    cf_free(sends);
    return count;
}

/* Entries come by ascending row from each rank, and the ranks' rows ascend, so
 * that columns ascend within the rows of the transpose. */
static void find_places(transposition *s)
{
    cf_csr *t = s->to;
    int64_t columns = cf_part_count(&t->part, s->par->rank), at = 0;
    t->indptr = cf_alloc(columns + 1, sizeof *t->indptr, "row pointers");
    for (int64_t c = 0; c < columns; c++) {
        t->indptr[c] = at;
        for (int r = 0; r < s->par->size; r++) {
            int64_t count = s->next[r * columns + c];
            s->next[r * columns + c] = at;
            at += count;
        }
    }
    t->indptr[columns] = at;
}

/* Splits the columns, so that every rank has about as many entries. */
static void split(transposition *s)
{
    const cf_csr *a = s->from;
    cf_part even = {0};
    int64_t *own = cf_calloc(a->cols, sizeof *own, "column counts");
    int64_t *count = cf_alloc(a->cols, sizeof *count, "column counts");
    for (int64_t e = 0; e < a->indptr[a->n_loc]; e++)
        own[a->indices[e]]++;
    memcpy(count, own, (size_t)a->cols * sizeof *count);
    cf_allreduce(s->par, count, a->cols, MPI_INT64_T, MPI_SUM);
    cf_part_even(&even, a->cols, s->par->size);
    cf_csr_balance(&s->to->part, s->par, &even,
                   count + even.begin[s->par->rank]);
    cf_part_free(&even);
    cf_free(count);
    s->next = swap_counts(s, own);
    cf_free(own);
    find_places(s);
}

/* The entries [first, last) of this rank by the owner of their columns. */
static traveller *sort_entries(transposition *s, int64_t first, int64_t last)
{
    const cf_csr *a = s->from;
    int size = s->par->size;
    traveller *out =
        cf_alloc(last - first, sizeof *out, "entries to transpose");
    int64_t *next = cf_calloc(size, sizeof *next, "entry counts");
    memset(s->sends, 0, (size_t)size * sizeof *s->sends);
    for (int64_t e = first; e < last; e++) {
        int to = cf_part_owner(&s->to->part, a->indices[e]);
        s->owner[e - first] = to;
        s->sends[to]++;
    }
    for (int r = 1; r < size; r++)
        next[r] = next[r - 1] + s->sends[r - 1];
    for (int64_t e = first; e < last; e++) {
        while (e >= a->indptr[s->row + 1])
            s->row++;
        out[next[s->owner[e - first]]++] =
            (traveller){(cf_lidx)(a->part.begin[s->par->rank] + s->row),
                        a->indices[e], a->values[e]};
    }
    cf_free(next);
    return out;
}

/* Puts what came from each rank in its place. */
static void place(transposition *s, const traveller *in)
{
    cf_csr *t = s->to;
    cf_gidx begin = t->part.begin[s->par->rank];
    int64_t columns = cf_part_count(&t->part, s->par->rank);
    for (int r = 0; r < s->par->size; r++) {
        int64_t *next = s->next + r * columns;
        for (const traveller *end = in + s->gets[r]; in < end; in++) {
            int64_t at = next[in->col - begin]++;
            t->indices[at] = in->row;
            t->values[at] = in->value;
        }
    }
}

static void send_round(transposition *s, int64_t first, int64_t last)
{
    int64_t count = 0;
    traveller *out = sort_entries(s, first, last);
    cf_alltoall_counts(s->par, s->sends, s->gets);
    for (int r = 0; r < s->par->size; r++)
        count += s->gets[r];
    traveller *in = cf_alloc(count, sizeof *in, "entries to transpose");
    cf_alltoallv(s->par, out, s->sends, in, s->gets, sizeof *in);
    cf_free(out);
    place(s, in);
    cf_free(in);
}

void cf_csr_transpose(cf_csr *t, const cf_csr *a, const cf_par *par)
{
    transposition s = {.par = par, .from = a, .to = t};
    int64_t first = 0, all = a->indptr[a->n_loc];
    *t = (cf_csr){.rows = a->cols, .cols = a->rows};
    split(&s);
    int64_t count = t->indptr[cf_part_count(&t->part, par->rank)];
    t->indices = cf_alloc(count, sizeof *t->indices, "column numbers");
    t->values = cf_alloc(count, sizeof *t->values, "ratings");
    s.sends = cf_alloc(2 * (int64_t)par->size, sizeof *s.sends, "entry counts");
    s.gets = s.sends + par->size;
    s.owner = cf_alloc(CF_MIN(all, CF_TRANSPOSE_ROUND), sizeof *s.owner,
                       "owners of columns");
    while (cf_max_i64(par, first < all) == 1) {
        int64_t last = CF_MIN(first + CF_TRANSPOSE_ROUND, all);
        send_round(&s, first, last);
        first = last;
    }
    cf_free(s.owner);
    cf_free(s.sends);
    cf_free(s.next);
    cf_csr_seal(t, par);
}
