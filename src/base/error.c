#include "cfmpi/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cfmpi/text.h"

static char message[CF_ERROR_MAX];

static void exit_hook(int status)
{
    exit(status);
}

void (*cf_abort_hook)(int status) = exit_hook;
int cf_error_rank = 0;

int cf_fail(int status, const char *format, ...)
{
    if (message[0] == '\0') {
        va_list args;
        va_start(args, format);
        vsnprintf(message, sizeof message, format, args);
        va_end(args);
        cf_text_defuse(message); /* it may quote a file */
    }
    return status;
}

const char *cf_error_message(void)
{
    return message;
}

void cf_error_set(const char *text)
{
    snprintf(message, sizeof message, "%s", text);
}

void cf_error_clear(void)
{
    message[0] = '\0';
}

void cf_die(int status, const char *format, ...)
{
    char text[CF_ERROR_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fprintf(stderr, "cfmpi: error: rank %d: %s\n", cf_error_rank, text);
    fflush(stderr);
    cf_abort_hook(status);
    abort();
}
