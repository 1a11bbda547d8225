#include "cfmpi/csr.h"
#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"

/* An entry on its way to the owner of its column. */
typedef struct traveller {
    cf_gidx row;
    cf_lidx col;
    float value;
} traveller;

/* Splits the columns, and counts the entries for each rank. */
static void split(cf_csr *t, const cf_csr *a, const cf_par *par, int64_t *to)
{
    cf_part even = {0};
    int64_t *count = cf_alloc(a->cols, sizeof *count, "column counts");
    cf_csr_col_counts(a, par, count);
    cf_part_even(&even, a->cols, par->size);
    cf_csr_balance(&t->part, par, &even, count + even.begin[par->rank]);
    cf_part_free(&even);
    cf_free(count);
    for (int64_t e = 0; e < a->indptr[a->n_loc]; e++)
        to[cf_part_owner(&t->part, a->indices[e])]++;
}

/* The entries of this rank by the owner of their columns, in row order. */
static traveller *sort_entries(const cf_csr *a, const cf_par *par,
                               const cf_part *part, const int64_t *to)
{
    traveller *out =
        cf_alloc(a->indptr[a->n_loc], sizeof *out, "entries to transpose");
    int64_t *next = cf_calloc(par->size, sizeof *next, "entry counts");
    for (int r = 1; r < par->size; r++)
        next[r] = next[r - 1] + to[r - 1];
    for (int64_t i = 0; i < a->n_loc; i++)
        for (int64_t e = a->indptr[i]; e < a->indptr[i + 1]; e++)
            out[next[cf_part_owner(part, a->indices[e])]++] = (traveller){
                a->part.begin[par->rank] + i, a->indices[e], a->values[e]};
    cf_free(next);
    return out;
}

/* Entries come by ascending row, so that columns ascend within the rows of
 * the transpose. */
static void place(cf_csr *t, const cf_par *par, const traveller *in,
                  int64_t count)
{
    cf_gidx first = t->part.begin[par->rank];
    int64_t rows = cf_part_count(&t->part, par->rank);
    t->indptr = cf_calloc(rows + 1, sizeof *t->indptr, "row pointers");
    t->indices = cf_alloc(count, sizeof *t->indices, "column numbers");
    t->values = cf_alloc(count, sizeof *t->values, "ratings");
    for (int64_t i = 0; i < count; i++)
        t->indptr[in[i].col - first + 1]++;
    for (int64_t i = 0; i < rows; i++)
        t->indptr[i + 1] += t->indptr[i];
    int64_t *next = cf_alloc(rows, sizeof *next, "row pointers");
    for (int64_t i = 0; i < rows; i++)
        next[i] = t->indptr[i];
    for (int64_t i = 0; i < count; i++) {
        int64_t at = next[in[i].col - first]++;
        t->indices[at] = (cf_lidx)in[i].row;
        t->values[at] = in[i].value;
    }
    cf_free(next);
}

void cf_csr_transpose(cf_csr *t, const cf_csr *a, const cf_par *par)
{
    int64_t *to = cf_calloc(2 * (int64_t)par->size, sizeof *to, "entry counts");
    int64_t *from = to + par->size, count = 0;
    *t = (cf_csr){.rows = a->cols, .cols = a->rows};
    split(t, a, par, to);
    cf_alltoall_counts(par, to, from);
    for (int r = 0; r < par->size; r++)
        count += from[r];
    traveller *out = sort_entries(a, par, &t->part, to);
    traveller *in = cf_alloc(count, sizeof *in, "entries to transpose");
    cf_alltoallv(par, out, to, in, from, sizeof *in);
    cf_free(out);
    place(t, par, in, count);
    cf_free(in);
    cf_free(to);
    cf_csr_seal(t, par);
}
