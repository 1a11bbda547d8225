#define _POSIX_C_SOURCE 200809L
#include "cfmpi/file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cfmpi/error.h"

const char *cf_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

bool cf_name_ends(const char *path, const char *end)
{
    size_t n = strlen(path), m = strlen(end);
    return n >= m && strcmp(path + n - m, end) == 0;
}

bool cf_file_same(const char *a, const char *b)
{
    struct stat x, y;
    if (strcmp(a, b) == 0)
        return true;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && S_ISREG(x.st_mode) &&
           x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

bool cf_file_begins(const char *path, const void *magic, size_t n)
{
    char head[16];
    struct stat info;
    /* Opening a pipe that nobody writes to would wait for ever. */
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode))
        return false;
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        return false;
    bool begins = fread(head, 1, n, f) == n && memcmp(head, magic, n) == 0;
    fclose(f);
    return begins;
}

int cf_file_read(int fd, const char *path, void *out, int64_t bytes, int64_t at)
{
    char *to = out;
    while (bytes > 0) {
        ssize_t n = pread(fd, to, (size_t)bytes, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return cf_fail(CF_IO, "%s: %s at byte %" PRId64, path,
                           n < 0 ? strerror(errno)
                                 : "ended early, it changed while it was read,",
                           at);
        to += n;
        bytes -= n;
        at += n;
    }
    return CF_OK;
}
