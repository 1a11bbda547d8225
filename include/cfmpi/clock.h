/* Wall clock. */
#ifndef CFMPI_CLOCK_H
#define CFMPI_CLOCK_H

/* Seconds since some fixed moment, monotonic. Local. */
double cf_clock(void);

#endif
