#include "cfmpi/intake.h"

#include <stdio.h>

#include "cfmpi/memory.h"

enum cf_verdict cf_intake_judge(cf_intake *in, float *value, int64_t time)
{
    const cf_keep *k = &in->keep;
    enum cf_verdict verdict = CF_KEPT;
    if (k->has_scale && !(*value >= k->scale[0] && *value <= k->scale[1]))
        return CF_OFF_SCALE;
    if (k->has_ratings && !(*value >= k->ratings[0] && *value <= k->ratings[1]))
        verdict = CF_LEFT_RATING;
    else if (k->has_times && (time < k->times[0] || time > k->times[1]))
        verdict = CF_LEFT_TIME;
    else if (k->has_threshold && !(*value >= k->threshold))
        verdict = CF_LEFT_THRESHOLD;
    else if (k->has_threshold)
        *value = 1;
    in->left[verdict] += verdict != CF_KEPT;
    return verdict;
}

bool cf_intake_needs_time(const cf_intake *in)
{
    return in->keep.has_times || in->keep.keep_time;
}

cf_input_file *cf_intake_add_file(cf_intake *in, const char *path)
{
    in->files = cf_realloc(in->files, in->file_count + 1, sizeof *in->files,
                           "input files");
    cf_input_file *f = &in->files[in->file_count++];
    *f = (cf_input_file){0};
    snprintf(f->path, sizeof f->path, "%s", path);
    return f;
}

void cf_intake_free(cf_intake *in)
{
    cf_entries_free(&in->entries);
    cf_free(in->files);
    *in = (cf_intake){0};
}
