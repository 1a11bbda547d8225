#include "cfmpi/log.h"

#include <stdarg.h>
#include <stdio.h>

#include "cfmpi/text.h"

static bool speaking = true;
static enum cf_log_level at = CF_LOG_NORMAL;

void cf_log_setup(bool speaks, enum cf_log_level level)
{
    speaking = speaks;
    at = level;
}

static void say(const char *prefix, const char *format, va_list args,
                const char *end)
{
    char line[2048];
    vsnprintf(line, sizeof line, format, args);
    if (*end == '\n')
        cf_text_defuse(line); /* one line, whatever it quotes */
    fprintf(stderr, "%s%s%s", prefix, line, end);
    fflush(stderr);
}

void cf_log_error(const char *message)
{
    if (speaking)
        fprintf(stderr, "cfmpi: error: %s\n", message);
    fflush(stderr);
}

void cf_log_note(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (speaking && at >= CF_LOG_NORMAL)
        say("cfmpi: note: ", format, args, "\n");
    va_end(args);
}

void cf_log_detail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (speaking && at >= CF_LOG_VERBOSE)
        say("cfmpi: ", format, args, "\n");
    va_end(args);
}

void cf_log_plain(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (speaking && at >= CF_LOG_NORMAL)
        say("", format, args, "");
    va_end(args);
}
