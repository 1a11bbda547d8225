/* Parameters of similarities of ratings, as attributes of their lists. */
#include "cfmpi/layout.h"
#include "layout_internal.h"

void cf_layout_add_measure(cf_writer *w, const char *group,
                           const cf_ratings_measure *by, const cf_transform *t)
{
    int takes = cf_similarity_about(by->similarity)->takes;
    cf_writer_integer(w, group, "min_overlap", by->min_overlap);
    if (takes & CF_TAKES_SIGNIFICANCE)
        cf_writer_integer(w, group, "significance", by->significance);
    if (takes & CF_TAKES_SHRINKAGE)
        cf_writer_real(w, group, "shrinkage", by->shrinkage);
    if (takes & CF_TAKES_ALPHA)
        cf_writer_real(w, group, "alpha", by->alpha);
    if (takes & CF_TAKES_BETA)
        cf_writer_real(w, group, "beta", by->beta);
    cf_writer_text(w, group, "weighting", cf_weighting_names[t->weighting]);
    cf_writer_text(w, group, "center", cf_centring_names[t->centring]);
}

static int64_t whole_number(const cf_h5 *file, const char *group,
                            const char *name, int64_t otherwise)
{
    double value = (double)otherwise;
    cf_h5_number(file, group, name, &value);
    /* As options have it: beyond there is nothing that cfmpi has written. */
    return value >= 0 && value <= 1e9 ? (int64_t)value : -1;
}

int cf_layout_read_measure(const cf_h5 *file, const char *group,
                           cf_ratings_measure *by, cf_transform *t)
{
    int status = cf_layout_read_similarity(file, group, &by->similarity);
    if (status != CF_OK)
        return status;
    by->bounded = false;
    by->shrinkage = 0;
    by->alpha = by->beta = 0.5;
    by->min_overlap = whole_number(file, group, "min_overlap", 1);
    by->significance = whole_number(file, group, "significance", 0);
    cf_h5_number(file, group, "shrinkage", &by->shrinkage);
    cf_h5_number(file, group, "alpha", &by->alpha);
    cf_h5_number(file, group, "beta", &by->beta);
    *t = (cf_transform){.weighting = cf_layout_name_number(
                            file, group, "weighting", cf_weighting_names),
                        .centring = cf_layout_name_number(file, group, "center",
                                                          cf_centring_names)};
    bool known = by->min_overlap >= 1 && by->significance >= 0 &&
                 by->shrinkage >= 0 && by->alpha >= 0 && by->beta >= 0 &&
                 t->weighting >= 0 && t->centring >= 0;
    return known ? CF_OK
                 : cf_fail(CF_BAD_DATA,
                           "%s: %s is by a similarity of parameters that are "
                           "not known",
                           file->path, group);
}
