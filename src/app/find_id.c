#include "find_id.h"

#include <stdio.h>
#include <string.h>

int cf_find_id(const cf_job *job, const cf_idmap *map, const char *option,
               const char *what, const char *wanted, cf_gidx *row)
{
    int status = CF_OK;
    char shown[128];
    cf_ids id = {0};
    cf_text utf8 = {0};
    cf_text_utf8(wanted, (int64_t)strlen(wanted), &utf8);
    cf_ids_make(&id, true, 1, utf8.length);
    memcpy(id.bytes, utf8.data, (size_t)utf8.length);
    id.begin[1] = utf8.length;
    cf_idmap_find(map, job->par, &id, row);
    snprintf(shown, sizeof shown, "%.100s", wanted);
    cf_text_defuse(shown);
    if (*row < 0)
        CF_TRY(cf_fail(CF_BAD_DATA, "--%s: there is no %s '%s' in %s", option,
                       what, shown, job->o->input));
done:
    cf_ids_free(&id);
    cf_text_free(&utf8);
    return status;
}
