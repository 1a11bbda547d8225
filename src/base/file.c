#define _POSIX_C_SOURCE 200809L
#include "cfmpi/file.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

const char *cf_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
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
