/* Errors. Three kinds only:
 *   a bug               CF_ASSERT: names rank, file and line, then aborts;
 *   unrecoverable       cf_die: out of memory and the like, aborts;
 *   user or environment a nonzero status handed up with CF_TRY, its message
 *                       kept here until the command prints it once.
 * A status is the process's exit code, so nothing is translated on the way. */
#ifndef CFMPI_ERROR_H
#define CFMPI_ERROR_H

#include <stddef.h>

enum cf_status {
    CF_OK = 0,
    CF_DIFFERENT = 1,    /* `verify` found a difference */
    CF_USAGE = 64,       /* command line or configuration */
    CF_BAD_DATA = 65,    /* input is there but wrong */
    CF_NO_INPUT = 66,    /* input is missing or cannot be opened */
    CF_INTERNAL = 70,    /* a bug */
    CF_NO_MEMORY = 71,   /* out of memory, or over --memory-limit */
    CF_CANT_CREATE = 73, /* output exists or cannot be created */
    CF_IO = 74,          /* reading or writing failed */
    CF_TOLERANCE = 76    /* finished, but a tolerance was not reached */
};

#define CF_ERROR_MAX 1024 /* bytes of a message, terminator included */

/* Records a message and returns `status`, so that a function can say
 * `return cf_fail(CF_NO_INPUT, "%s: %s", path, strerror(errno));`.
 * Local. The first message wins until cf_error_clear(). */
int cf_fail(int status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The recorded message, "" when there is none. Local. */
const char *cf_error_message(void);

/* Replaces the recorded message (an agreement hands round the message of
 * another rank). Local. */
void cf_error_set(const char *message);

/* Forgets the recorded message. Local. */
void cf_error_clear(void);

/* What cf_die and CF_ASSERT call after printing; the parallel layer sets it
 * to MPI_Abort. Never returns. */
extern void (*cf_abort_hook)(int status);

/* The rank that messages of cf_die and CF_ASSERT name; set once. */
extern int cf_error_rank;

/* Prints one line naming the rank and ends the whole job. Local. */
void cf_die(int status, const char *format, ...)
    __attribute__((noreturn, format(printf, 2, 3)));

/* Hands a nonzero status to the caller through the function's `done:` label;
 * needs a local `int status`. */
#define CF_TRY(call)                                                           \
    do {                                                                       \
        status = (call);                                                       \
        if (status != CF_OK)                                                   \
            goto done;                                                         \
    } while (0)

#define CF_ASSERT(condition)                                                   \
    ((condition) ? (void)0                                                     \
                 : cf_die(CF_INTERNAL, "%s:%d: '%s' does not hold", __FILE__,  \
                          __LINE__, #condition))

#endif
