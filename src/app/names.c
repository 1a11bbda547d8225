#include "names.h"

#include "cfmpi/layout.h"
#include "cfmpi/memory.h"

int cf_name_id(const cf_h5 *file, const char *side, cf_gidx row, cf_text *out,
               bool json)
{
    cf_ids id = {0};
    cf_text text = {0};
    int status = cf_layout_load_ids(file, side, row, 1, &id);
    if (status == CF_OK) {
        cf_ids_print(&id, 0, &text);
        if (json && id.text)
            cf_text_json(out, text.data);
        else
            cf_text_bytes(out, text.data, text.length);
    }
    cf_text_free(&text);
    cf_ids_free(&id);
    return status;
}

int cf_name_title(const cf_h5 *file, cf_gidx item, char **title)
{
    static const char set[] = "/items/title";
    int status = CF_OK;
    cf_dataset d = {.width = 0};
    *title = NULL;
    if (cf_h5_has(file, set)) {
        CF_TRY(cf_h5_dataset(file, set, &d));
        if (d.type != CF_STRING || d.cols != 1)
            CF_TRY(
                cf_fail(CF_BAD_DATA, "%s: %s holds no text", file->path, set));
    }
    *title = cf_calloc((int64_t)d.width + 1, 1, "title");
    if (d.width > 0)
        CF_TRY(cf_h5_read(file, &d, item, 1, *title));
done:
    return status;
}
