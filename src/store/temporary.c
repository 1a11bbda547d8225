#define _POSIX_C_SOURCE 200809L
#include "temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cfmpi/error.h"

/* In a container every run may have the same process number, and each that
 * was killed has left a file. */
#define TRIES 1000

static int may_replace(const char *path, bool force)
{
    struct stat old;
    if (stat(path, &old) != 0)
        return CF_OK;
    if (!S_ISREG(old.st_mode))
        return cf_fail(CF_CANT_CREATE,
                       "%s: is no regular file; name another "
                       "one with --output",
                       path);
    if (!force)
        return cf_fail(CF_CANT_CREATE,
                       "%s: exists; pass --force to replace "
                       "it",
                       path);
    return CF_OK;
}

int cf_temporary_create(const char *path, bool force, char *name, size_t size,
                        int *fd)
{
    int status = CF_OK;
    const char *job = getenv("SLURM_JOB_ID");
    char suffix[16] = "";
    *fd = -1;
    CF_TRY(may_replace(path, force));
    for (int i = 0; *fd < 0 && i < TRIES; i++) {
        if (i > 0)
            snprintf(suffix, sizeof suffix, ".%d", i);
        snprintf(name, size, "%s.tmp.%.20s%s%ld%s", path,
                 job != NULL ? job : "", job != NULL ? "." : "", (long)getpid(),
                 suffix);
        *fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0666);
        if (*fd < 0 && errno != EEXIST)
            break;
    }
    if (*fd < 0) {
        status = cf_fail(CF_CANT_CREATE,
                         "%s: cannot be created: %s "
                         "(temporary file %s)",
                         path, strerror(errno), name);
        name[0] = '\0';
    }
done:
    return status;
}
