#include "column.h"

#include "cfmpi/memory.h"

static int64_t whole_at(const cf_dataset *d, const void *raw, int64_t i)
{
    return d->type == CF_I32 ? ((const int32_t *)raw)[i]
                             : ((const int64_t *)raw)[i];
}

static double real_at(const cf_dataset *d, const void *raw, int64_t i)
{
    switch (d->type) {
    case CF_F32: return (double)((const float *)raw)[i];
    case CF_F64: return ((const double *)raw)[i];
    default: return (double)whole_at(d, raw, i);
    }
}

static void convert(cf_column *c, const cf_dataset *d, const void *raw,
                    bool whole)
{
    if (whole) {
        c->whole = cf_alloc(c->count, sizeof *c->whole, "values");
        for (int64_t i = 0; i < c->count; i++)
            c->whole[i] = whole_at(d, raw, i);
        return;
    }
    c->real = cf_alloc(c->count, sizeof *c->real, "values");
    for (int64_t i = 0; i < c->count; i++)
        c->real[i] = real_at(d, raw, i);
}

int cf_column_read(const cf_h5 *f, const char *name, cf_gidx begin,
                   cf_gidx count, bool whole, cf_column *c)
{
    int status = CF_OK;
    cf_dataset d;
    void *raw = NULL;
    *c = (cf_column){0};
    if (!cf_h5_has(f, name))
        return CF_OK;
    CF_TRY(cf_h5_dataset(f, name, &d));
    count = count < 0 ? d.rows : count;
    bool integers = d.type == CF_I32 || d.type == CF_I64;
    if (begin < 0 || count > d.rows - begin || d.type == CF_STRING ||
        (whole && !integers))
        CF_TRY(cf_fail(CF_BAD_DATA, "%s: %s has the wrong type or shape",
                       f->path, name));
    raw = cf_alloc(count * d.cols, d.width, "values");
    CF_TRY(cf_h5_read(f, &d, begin, count, raw));
    c->count = count * d.cols;
    convert(c, &d, raw, whole);
done:
    cf_free(raw);
    return status;
}

void cf_column_free(cf_column *c)
{
    cf_free(c->whole);
    cf_free(c->real);
    *c = (cf_column){0};
}
