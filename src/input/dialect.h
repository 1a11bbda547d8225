/* How the rows of a text file look: separator, header, columns. */
#ifndef CFMPI_DIALECT_H
#define CFMPI_DIALECT_H

#include "cfmpi/ratings_text.h"
#include "marks.h"

/* What is looked for in a row. */
enum { CF_USER, CF_ITEM, CF_RATING, CF_TIME, CF_ROLES };

#define CF_HEADER_MAX 512

typedef struct cf_dialect {
    cf_cut cut;
    bool blanks;          /* Matrix Market: any run of blanks separates */
    bool dense;           /* a row a user, a column an item */
    bool counted;         /* dense: the first column counts the others */
    int64_t body;         /* bytes before the first record after a header */
    int64_t body_lines;   /* newlines in them */
    int columns;          /* of every row */
    int column[CF_ROLES]; /* from 0; -1 where there is none */
    char header[CF_HEADER_MAX];  /* as it stands, "" when there is none */
    int64_t entries, rows, cols; /* Matrix Market: as its size line says */
    int mirror;                  /* Matrix Market: 1 symmetric, -1 skew */
} cf_dialect;

/* Names of the roles in messages. */
extern const char *const cf_role_name[CF_ROLES];

/* Whether [s, e) is a name, given in lower case, but for case, blanks, '_' and
 * '-'. Local. */
bool cf_same_name(const char *name, const char *s, const char *e);

/* Place of a column's name among the usual ones of a role, the likeliest
 * first; -1 when it is none. Local. */
int cf_role_alias(int role, const char *s, const char *e);

/* Looks at the first `n` bytes of a text, `all` of it or not. CF_BAD_DATA,
 * CF_USAGE when the options do not fit. Local. */
int cf_dialect_find(cf_dialect *d, const char *path, const char *head,
                    int64_t n, bool all, const cf_text_options *o);

/* CF_BAD_DATA when a further file does not look as the first one does. Local.
 */
int cf_dialect_compare(const cf_dialect *first, const char *first_path,
                       const cf_dialect *d, const char *path);

/* A field without its quotes into `out`: doubled quotes are one, what comes
 * after the closing one is kept as it is. Local. */
void cf_unquote(const char *s, const char *e, cf_text *out);

#endif
