/* Values of a dataset, read by one rank for itself. */
#ifndef CFMPI_COLUMN_H
#define CFMPI_COLUMN_H

#include "cfmpi/h5.h"

/* {0} is empty, and what comes of a dataset that is not there. */
typedef struct cf_column {
    int64_t count;  /* values */
    int64_t *whole; /* where integers are asked for: ids do not fit float64 */
    double *real;   /* else */
} cf_column;

/* Rows [begin, begin + count) of a dataset, all when count < 0. CF_BAD_DATA
 * when it holds text, or no integers though `whole`; CF_IO. Local. */
int cf_column_read(const cf_h5 *f, const char *name, cf_gidx begin,
                   cf_gidx count, bool whole, cf_column *c);

/* Safe on {0} and twice. Local. */
void cf_column_free(cf_column *c);

#endif
