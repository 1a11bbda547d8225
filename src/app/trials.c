#include "trials.h"

#include <stdio.h>
#include <string.h>

#include "cfmpi/memory.h"
#include "commands.h"

static bool belongs(const cf_option *row, enum cf_command command)
{
    return row->commands >> command & 1;
}

bool cf_trials_of_model(const cf_option *row)
{
    bool elsewhere = belongs(row, CF_CMD_SVD) || belongs(row, CF_CMD_RUN) ||
                     belongs(row, CF_CMD_RECOMMEND) ||
                     belongs(row, CF_CMD_PREDICT);
    return belongs(row, CF_CMD_EVALUATE) && elsewhere &&
           !belongs(row, CF_CMD_INGEST);
}

/* One "name=value,value" of the grid; cut at its signs. */
static int read_key(cf_trials *t, cf_options *scratch, char *s, int *used)
{
    int status = CF_OK;
    char *equals = strchr(s, '='), where[128];
    if (equals == NULL || equals == s || equals[1] == '\0')
        return cf_fail(CF_USAGE, "--grid: '%s' is no NAME=VALUE,VALUE", s);
    if (t->keys == CF_TRIAL_KEYS)
        return cf_fail(CF_USAGE, "--grid: over %d options", CF_TRIAL_KEYS);
    *equals = '\0';
    cf_trial_key *key = &t->key[t->keys++];
    key->row = cf_option_find(s);
    if (key->row == NULL || !cf_trials_of_model(key->row))
        return cf_fail(CF_USAGE,
                       "--grid: '%s' is no option of the model; neighbors, "
                       "similarity and dim are some",
                       s);
    for (int i = 0; i + 1 < t->keys; i++)
        if (t->key[i].row == key->row)
            return cf_fail(CF_USAGE, "--grid: %s stands there twice", s);
    key->value = t->values + *used;
    snprintf(where, sizeof where, "--grid: %.80s", s);
    for (char *v = equals; v != NULL && status == CF_OK;) {
        char *comma = strchr(v + 1, ',');
        if (comma != NULL)
            *comma = '\0';
        t->values[(*used)++] = v + 1;
        key->count++;
        status = cf_option_set(scratch, key->row, where, v + 1);
        v = comma;
    }
    t->count *= key->count;
    return status;
}

int cf_trials_parse(cf_trials *t, const cf_options *o)
{
    int status = CF_OK, used = 0;
    cf_options *scratch = cf_alloc(1, sizeof *scratch, "options");
    *scratch = *o;
    t->keys = 0;
    t->count = 1;
    snprintf(t->text, sizeof t->text, "%s", o->grid);
    for (char *s = t->text, *next; s != NULL && status == CF_OK; s = next) {
        s += strspn(s, " \t");
        next = strpbrk(s, " \t");
        if (next != NULL)
            *next++ = '\0';
        if (*s != '\0')
            status = read_key(t, scratch, s, &used);
        if (status == CF_OK && t->count > CF_TRIALS_MAX)
            status = cf_fail(CF_USAGE, "--grid: over %d combinations",
                             CF_TRIALS_MAX);
    }
    cf_free(scratch);
    return status;
}

const char *cf_trials_value(const cf_trials *t, int key, int64_t trial)
{
    for (int i = t->keys - 1; i > key; i--)
        trial /= t->key[i].count;
    return t->key[key].value[trial % t->key[key].count];
}

void cf_trials_options(const cf_trials *t, const cf_options *o, int64_t trial,
                       cf_options *out)
{
    *out = *o;
    for (int i = 0; i < t->keys; i++) {
        int status = cf_option_set(out, t->key[i].row, "--grid",
                                   cf_trials_value(t, i, trial));
        CF_ASSERT(status == CF_OK);
        cf_option_mark(out, t->key[i].row);
    }
    cf_options_settle(out);
}

/* Whether an option has its default value. */
static bool is_usual(const cf_options *o, const cf_option *row)
{
    cf_text now = {0}, usual = {0};
    cf_options *other = cf_calloc(1, sizeof *other, "options");
    if (row->value != NULL)
        cf_option_set(other, row, "default", row->value);
    cf_option_text(o, row, &now);
    cf_option_text(other, row, &usual);
    bool is = now.length == usual.length &&
              memcmp(now.data, usual.data, (size_t)now.length) == 0;
    cf_text_free(&now);
    cf_text_free(&usual);
    cf_free(other);
    return is;
}

/* What a rule goes by is another's default where it was not given. */
static bool was_given(const cf_options *o, const cf_option *row)
{
    return o->given[row - cf_option_table] ||
           (row->offset == offsetof(cf_options, similarity) &&
            o->similarity_given) ||
           (row->offset == offsetof(cf_options, space) && o->space_given);
}

/* Whether a trial can be evaluated when this option alone was given; NULL:
 * when none was. The message is left. */
static int check_with(cf_options *o, const cf_option *row,
                      cf_trial_check *check)
{
    bool given[CF_OPTIONS_MAX];
    memcpy(given, o->given, sizeof given);
    memset(o->given, 0, sizeof o->given);
    if (row != NULL)
        o->given[row - cf_option_table] = true;
    cf_error_clear();
    int status = check(o);
    memcpy(o->given, given, sizeof given);
    return status;
}

void cf_trials_print(const cf_trials *t, const cf_options *o, int64_t trial,
                     cf_trial_check *check, cf_text *out)
{
    cf_options *all = cf_alloc(1, sizeof *all, "options");
    cf_trials_options(t, o, trial, all);
    for (int i = 0; i < cf_option_count; i++) {
        const cf_option *row = &cf_option_table[i];
        if (!cf_trials_of_model(row) ||
            (is_usual(all, row) && !was_given(all, row)) ||
            check_with(all, row, check) != CF_OK)
            continue;
        cf_text_add(out, " --%s=", row->name);
        cf_option_text(all, row, out);
    }
    cf_error_clear();
    cf_free(all);
}

int cf_trials_check(const cf_trials *t, const cf_options *base,
                    cf_trial_check *check)
{
    int status = CF_OK;
    bool used[CF_OPTIONS_MAX] = {false};
    cf_options *o = cf_alloc(1, sizeof *o, "options");
    for (int64_t n = 0; n < t->count && status == CF_OK; n++) {
        cf_trials_options(t, base, n, o);
        for (int i = 0; i < cf_option_count; i++)
            used[i] = used[i] || !o->given[i] ||
                      check_with(o, &cf_option_table[i], check) == CF_OK;
        status = check_with(o, NULL, check);
    }
    /* The last trial says why. */
    for (int i = 0; i < cf_option_count && status == CF_OK; i++)
        if (!used[i])
            status = check_with(o, &cf_option_table[i], check);
    if (status == CF_OK)
        cf_error_clear();
    cf_free(o);
    return status;
}
