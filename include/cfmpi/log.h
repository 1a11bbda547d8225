/* What goes to the terminal besides results: stderr, from rank 0 only. */
#ifndef CFMPI_LOG_H
#define CFMPI_LOG_H

#include <stdbool.h>

enum cf_log_level { CF_LOG_QUIET, CF_LOG_NORMAL, CF_LOG_VERBOSE };

/* Sets who speaks (`speaks` on rank 0 only) and how much. Local. */
void cf_log_setup(bool speaks, enum cf_log_level level);

/* "cfmpi: error: …", even when quiet. Local. */
void cf_log_error(const char *message);

/* "cfmpi: note: …", not when quiet. Local. */
void cf_log_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "cfmpi: …", only when verbose. Local. */
void cf_log_detail(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* Unprefixed text on stderr, not when quiet. Local. */
void cf_log_plain(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

#endif
