/* The one table of options. */
#ifndef CFMPI_OPTION_TABLE_H
#define CFMPI_OPTION_TABLE_H

#include <stddef.h>

#include "cfmpi/options.h"

#define CF_CHOICES 20

enum cf_option_kind {
    CF_OPT_PATH,    /* char[CF_PATH_MAX] */
    CF_OPT_FLAG,    /* bool */
    CF_OPT_INTEGER, /* int64_t in [min, max] */
    CF_OPT_SIZE,    /* int64_t bytes */
    CF_OPT_REAL,    /* double in [min, max] */
    CF_OPT_CHOICE   /* int64_t, values[] from 0; NULL values are no choice */
};

typedef struct cf_option {
    const char *name; /* the long option and the configuration key */
    char letter;      /* the short option, 0 for none */
    enum cf_option_kind kind;
    size_t offset;     /* of the field in cf_options */
    unsigned commands; /* bit c set: belongs to command c */
    const char *value; /* default; NULL for none */
    double min, max;
    const char *values[CF_CHOICES];
    const char *meta, *help;
} cf_option;

extern const cf_option cf_option_table[];
extern const int cf_option_count;

/* The row of a long name, NULL when there is none. Local. */
const cf_option *cf_option_find(const char *name);

/* Sets a field from text. CF_USAGE saying what would be accepted; `where`
 * ("--dim" or "my.conf:3: dim") begins the message. Local. */
int cf_option_set(cf_options *o, const cf_option *row, const char *where,
                  const char *value);

/* Notes that an option was given, as on the command line. Local. */
void cf_option_mark(cf_options *o, const cf_option *row);

/* Defaults that follow from other options: similarities of ratings alone are
 * taken of the ratings. Again after any of them was set anew. Local. */
void cf_options_settle(cf_options *o);

/* What a rule compares by, where that was not given. Local. */
void cf_options_settle_rule(cf_options *o);

/* The field as text that cf_option_set takes back. Local. */
void cf_option_text(const cf_options *o, const cf_option *row, cf_text *out);

#endif
