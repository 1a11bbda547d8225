/* Method: rounds of one block of vectors a rank, as with ratings; the pieces
 * go into the file side by side. */
#include "synth_vectors.h"

#include <stdio.h>
#include <string.h>

#include "cfmpi/file.h"
#include "cfmpi/memory.h"
#include "cfmpi/progress.h"
#include "cfmpi/synth.h"
#include "cfmpi/vectors.h"

#define BLOCK_BYTES ((int64_t)4 << 20)
#define NPY_HEADER 128 /* bytes, with the magic */

static int check_request(const cf_options *o)
{
    static const char *const others[] = {"users",  "items",   "ratings",
                                         "titles", "holdout", "holdout-share"};
    const char *given =
        cf_options_any(o, others, sizeof others / sizeof *others);
    if (given != NULL)
        return cf_fail(CF_USAGE,
                       "--%s is for ratings; with --vectors only --dim and "
                       "--seed set something",
                       given);
    if (o->dim > CF_VECTORS_DIM)
        return cf_fail(CF_USAGE, "--dim: a vector has at most %d values",
                       CF_VECTORS_DIM);
    if (!cf_name_ends(o->output, ".npy") && !cf_name_ends(o->output, ".fvecs"))
        return cf_fail(CF_USAGE,
                       "%s: vectors go to a file whose name ends with .npy or "
                       ".fvecs",
                       o->output);
    return CF_OK;
}

static void add_header(cf_text *t, int64_t rows, int dim)
{
    char head[NPY_HEADER + 1];
    int n = snprintf(head + 10, sizeof head - 10,
                     "{'descr': '<f4', 'fortran_order': False, "
                     "'shape': (%" PRId64 ", %d), }",
                     rows, dim);
    memcpy(head, "\x93NUMPY\1\0", 8);
    head[8] = NPY_HEADER - 10;
    head[9] = 0;
    memset(head + 10 + n, ' ', (size_t)(NPY_HEADER - 10 - n));
    head[NPY_HEADER - 1] = '\n';
    cf_text_bytes(t, head, NPY_HEADER);
}

/* Little-endian, whatever the machine. */
static void put_bits(uint32_t bits, char out[4])
{
    for (int i = 0; i < 4; i++)
        out[i] = (char)(bits >> (8 * i) & 0xff);
}

static void add_rows(cf_text *t, const float *rows, int64_t count, int dim,
                     bool marked)
{
    char bytes[4];
    for (int64_t i = 0; i < count; i++) {
        put_bits((uint32_t)dim, bytes);
        if (marked)
            cf_text_bytes(t, bytes, 4);
        for (int k = 0; k < dim; k++) {
            uint32_t bits;
            memcpy(&bits, &rows[i * dim + k], sizeof bits);
            put_bits(bits, bytes);
            cf_text_bytes(t, bytes, 4);
        }
    }
}

static int write_rows(const cf_par *par, const cf_synth_vectors *s,
                      cf_text_file *f, bool marked)
{
    int status = CF_OK;
    cf_text text = {0};
    int64_t block = CF_MAX(BLOCK_BYTES / (4 * s->dim), 1);
    block = CF_MIN(block, (s->rows - 1) / par->size + 1);
    float *rows = cf_alloc(block * s->dim, sizeof *rows, "block of vectors");
    if (par->rank == 0 && !marked)
        add_header(&text, s->rows, s->dim);
    for (int64_t at = 0; at < s->rows; at += block * par->size) {
        int64_t first = CF_MIN(at + block * par->rank, s->rows);
        int64_t n = CF_MIN(block, s->rows - first);
        cf_synth_vectors_fill(s, first, n, rows);
        add_rows(&text, rows, n, s->dim, marked);
        CF_TRY(cf_text_file_write(f, par, &text));
        cf_progress_step((double)CF_MIN(at + block * par->size, s->rows),
                         (double)s->rows);
    }
done:
    cf_free(rows);
    cf_text_free(&text);
    return status;
}

int cf_synth_write_vectors(const cf_par *par, const cf_options *o,
                           cf_report *report)
{
    int status;
    cf_synth_vectors s = {0};
    cf_text_file f = {0};
    CF_TRY(check_request(o));
    CF_TRY(cf_text_file_begin(&f, par, o->output, o->force));
    cf_report_begin(report, "synth", "vectors");
    cf_synth_vectors_open(&s, (uint64_t)o->seed, o->vectors, (int)o->dim);
    CF_TRY(write_rows(par, &s, &f, cf_name_ends(o->output, ".fvecs")));
    CF_TRY(cf_text_file_commit(&f, par));
    cf_report_end(report);
    if (par->rank == 0)
        printf("%s: %" PRId64 " vectors of %d values in %" PRId64 " clusters\n",
               o->output, s.rows, s.dim, s.clusters);
done:
    cf_synth_vectors_free(&s);
    cf_text_file_free(&f, par);
    return status;
}
