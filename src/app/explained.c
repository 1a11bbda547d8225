#include "explained.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cfmpi/memory.h"
#include "names.h"

#define SHOWN 30 /* neighbours on the terminal */

/* As JSON and on the terminal; by enum cf_explained_by. */
static const struct {
    const char *key, *words;
} parts[] = {
    [CF_BY_GLOBAL_MEAN] = {"global-mean", "mean of all ratings"},
    [CF_BY_USER_MEAN] = {"user-mean", "mean of the user's ratings"},
    [CF_BY_ITEM_MEAN] = {"item-mean", "mean of the item's ratings"},
    [CF_BY_USER_BIAS] = {"user-bias", "what the user gives above that"},
    [CF_BY_ITEM_BIAS] = {"item-bias", "what the item gets above that"},
    [CF_BY_BASELINE] = {"baseline", "what is usual for user and item, as one "
                                    "more neighbour"},
    [CF_BY_POPULARITY] = {"popularity", "ratings of the item"},
    [CF_BY_ROUNDING] = {"rounding", "rounding of the stored vectors"},
};

static const char *side_of(const cf_explained *x)
{
    return x->why.of_items ? "items" : "users";
}

/* ---- text ---- */

static void add_counted(cf_text *out, int64_t count, bool items)
{
    cf_text_add(out, "%" PRId64 " %s%s %s", count, items ? "item" : "neighbour",
                count == 1 ? "" : "s",
                items ? "that the user rated" : "who rated the item");
}

/* Why there is nothing by the rule itself. */
static void print_lack(const cf_explained *x, cf_text *out)
{
    if (x->by_score) {
        cf_text_add(out,
                    "%s: it has no score, and is not recommended unless "
                    "--fill lists it without one\n",
                    x->score == CF_SCORE_ITEM_SUM
                        ? "it is among the neighbours of no item that the "
                          "user rated"
                        : "none of the user's neighbours rated it");
        return;
    }
    if (x->why.near > 0) {
        cf_text_add(out, "only ");
        add_counted(out, x->why.near, x->why.of_items);
        cf_text_add(out, ", fewer than --min-neighbors=%" PRId64,
                    x->rule.min_k);
    } else {
        cf_text_add(out, "no neighbours: %s",
                    x->why.of_items ? "none of the item's rated by the user"
                                    : "none of the user's rated the item");
    }
    cf_text_add(out, "%s\n",
                x->from == CF_BY_NONE ? "; there is no prediction"
                                      : "; the fallback stands for them");
}

/* Whether the user's own rating of the item has no part in it. */
static bool is_left_out(const cf_explained *x)
{
    return x->by_score
               ? x->score != CF_SCORE_PURESVD && x->score != CF_SCORE_POPULARITY
               : (cf_rule_about(x->rule.rule)->needs &
                  (CF_NEEDS_LISTS | CF_NEEDS_SIMILARITY)) != 0;
}

static void print_value(const cf_explained *x, cf_text *out)
{
    if (x->by_score) {
        const cf_score_text *about = cf_score_about(x->score);
        cf_text_add(out, "score %.7g by --score=%s", (double)x->rating,
                    about->name);
        if (x->place > 0)
            cf_text_add(out,
                        ", number %" PRId64 " of the user's list of %" PRId64,
                        x->place, x->places);
    } else {
        const cf_rule_text *about = cf_rule_about(x->rule.rule);
        cf_text_add(out, "prediction %.7g by --rule=%s: %s", (double)x->rating,
                    about->name, about->formula);
    }
    cf_text_add(out, "\n");
    if (!isnan(x->rated))
        cf_text_add(out, "the user rated it %.7g%s%s\n", (double)x->rated,
                    is_left_out(x) ? ", which does not count" : "",
                    x->by_score ? "; what was rated is not recommended" : "");
}

static void print_sum(const cf_explained *x, cf_text *out)
{
    const cf_explanation *e = &x->why;
    double sum = 0;
    for (int i = 0; i < e->parts; i++)
        if (!isnan(e->part[i].amount))
            cf_text_add(out, "%12.6g  %s\n", e->part[i].amount,
                        parts[e->part[i].by].words);
    for (int64_t i = 0; i < e->count; i++)
        sum += e->term[i].amount;
    if (e->count > 0) {
        cf_text_add(out, "%12.6g  ", sum);
        add_counted(out, e->count, e->of_items);
        cf_text_add(out, "\n");
    }
    if (!x->by_score && x->from != CF_BY_NONE && (float)e->value != x->rating &&
        e->parts + e->count > 0)
        cf_text_add(out, "%12.6g  in all, which --clip brings to %.7g\n",
                    e->value, (double)x->rating);
}

typedef struct place {
    double share;
    int64_t at;
} place;

static int by_share(const void *a, const void *b)
{
    const place *x = a, *y = b;
    if (x->share > y->share || x->share < y->share)
        return x->share > y->share ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

/* Neighbours, the largest shares first. */
static int print_terms(const cf_explained *x, const cf_job *job, cf_text *out)
{
    int status = CF_OK;
    const cf_explanation *e = &x->why;
    char *title = NULL;
    place *order = cf_alloc(e->count, sizeof *order, "neighbours");
    for (int64_t i = 0; i < e->count; i++)
        order[i] = (place){fabs(e->term[i].share), i};
    qsort(order, (size_t)e->count, sizeof *order, by_share);
    if (e->count > 0)
        cf_text_add(out, "\n%12s %10s %10s %12s  %s\n", "similarity", "rating",
                    "share", "adds", e->of_items ? "item" : "user");
    for (int64_t i = 0; i < CF_MIN(e->count, SHOWN); i++) {
        const cf_explained_term *t = &e->term[order[i].at];
        cf_text_add(out, "%12.6g %10.6g ", t->similarity, (double)t->rating);
        if (isfinite(t->share))
            cf_text_add(out, "%10.6f", t->share);
        else
            cf_text_add(out, "%10s", "-"); /* of a sum that is 0 */
        cf_text_add(out, " %12.6g  ", t->amount);
        CF_TRY(cf_name_id(&job->file, side_of(x), t->row, out, false));
        if (e->of_items) {
            CF_TRY(cf_name_title(&job->file, t->row, &title));
            cf_text_add(out, "%s%s", title[0] != '\0' ? "  " : "", title);
            cf_free(title);
            title = NULL;
        }
        cf_text_add(out, "\n");
    }
    if (e->count > SHOWN)
        cf_text_add(out, "and %" PRId64 " more, which -o FILE.json lists\n",
                    e->count - SHOWN);
done:
    cf_free(title);
    cf_free(order);
    return status;
}

static int print_text(const cf_explained *x, const cf_job *job, cf_text *out)
{
    int status = CF_OK;
    char *title = NULL;
    CF_TRY(cf_name_title(&job->file, x->item, &title));
    cf_text_add(out, "user ");
    CF_TRY(cf_name_id(&job->file, "users", x->user, out, false));
    cf_text_add(out, ", item ");
    CF_TRY(cf_name_id(&job->file, "items", x->item, out, false));
    cf_text_add(out, "%s%s\n", title[0] != '\0' ? ": " : "", title);
    if (!isnan(x->rating))
        print_value(x, out);
    if (x->from != CF_BY_RULE)
        print_lack(x, out);
    print_sum(x, out);
    CF_TRY(print_terms(x, job, out));
done:
    cf_free(title);
    return status;
}

/* ---- JSON ---- */

static void add_number(cf_text *json, const char *key, double x, int digits)
{
    if (isfinite(x))
        cf_text_add(json, "\"%s\": %.*g", key, digits, x);
    else
        cf_text_add(json, "\"%s\": null", key);
}

static void json_value(const cf_explained *x, cf_text *json)
{
    static const char *const from[] = {"none", "rule", "fallback"};
    cf_text_add(json, ",\n \"%s\": \"%s\",\n ", x->by_score ? "score" : "rule",
                x->by_score ? cf_score_about(x->score)->name
                            : cf_rule_about(x->rule.rule)->name);
    add_number(json, "value", (double)x->rating, 9);
    cf_text_add(json, ",\n \"from\": \"%s\",\n ",
                x->by_score && x->from == CF_BY_RULE ? "score" : from[x->from]);
    add_number(json, "sum", x->from == CF_BY_NONE ? (double)NAN : x->why.value,
               17);
    cf_text_add(json, ",\n ");
    add_number(json, "rated", (double)x->rated, 9);
    cf_text_add(json, ",\n ");
    add_number(json, "place", x->place > 0 ? (double)x->place : (double)NAN,
               17);
}

static int json_terms(const cf_explained *x, const cf_job *job, cf_text *json)
{
    int status = CF_OK;
    const cf_explanation *e = &x->why;
    cf_text_add(json, ",\n \"parts\": [");
    for (int i = 0; i < e->parts; i++) {
        cf_text_add(json, "%s\n  {\"name\": \"%s\", ", i > 0 ? "," : "",
                    parts[e->part[i].by].key);
        add_number(json, "adds", e->part[i].amount, 17);
        if (!isnan(e->part[i].share))
            cf_text_add(json, ", \"share\": %.17g", e->part[i].share);
        cf_text_add(json, "}");
    }
    cf_text_add(json, "],\n \"among\": \"%s\",\n \"neighbors\": [", side_of(x));
    for (int64_t i = 0; i < e->count; i++) {
        const cf_explained_term *t = &e->term[i];
        cf_text_add(json, "%s\n  {\"id\": ", i > 0 ? "," : "");
        CF_TRY(cf_name_id(&job->file, side_of(x), t->row, json, true));
        cf_text_add(json, ", ");
        add_number(json, "similarity", t->similarity, 17);
        cf_text_add(json, ", ");
        add_number(json, "rating", (double)t->rating, 9);
        cf_text_add(json, ", ");
        add_number(json, "share", t->share, 17);
        cf_text_add(json, ", ");
        add_number(json, "adds", t->amount, 17);
        cf_text_add(json, "}");
    }
    cf_text_add(json, "]}\n");
done:
    return status;
}

static int print_json(const cf_explained *x, const cf_job *job, cf_text *json)
{
    int status = CF_OK;
    char *title = NULL;
    CF_TRY(cf_name_title(&job->file, x->item, &title));
    cf_text_add(json, "{\"user\": ");
    CF_TRY(cf_name_id(&job->file, "users", x->user, json, true));
    cf_text_add(json, ",\n \"item\": ");
    CF_TRY(cf_name_id(&job->file, "items", x->item, json, true));
    if (title[0] != '\0') {
        cf_text_add(json, ",\n \"title\": ");
        cf_text_json(json, title);
    }
    json_value(x, json);
    CF_TRY(json_terms(x, job, json));
done:
    cf_free(title);
    return status;
}

int cf_explained_print(const cf_explained *x, const cf_job *job, cf_text *out,
                       cf_text *json)
{
    int status = CF_OK;
    CF_TRY(print_text(x, job, out));
    CF_TRY(print_json(x, job, json));
done:
    return status;
}
