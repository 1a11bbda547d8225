#define _POSIX_C_SOURCE 200809L
#include "sources.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"

static cf_source *append(cf_sources *s, const char *path)
{
    if (s->count == s->room) {
        s->room = CF_MAX(2 * s->room, 4);
        s->file = cf_realloc(s->file, s->room, sizeof *s->file, "input files");
    }
    cf_source *f = &s->file[s->count++];
    *f = (cf_source){.size = -1};
    snprintf(f->path, sizeof f->path, "%s", path);
    return f;
}

/* How a file is packed. */
static int look(cf_source *f)
{
    char head[4];
    int fd = open(f->path, O_RDONLY);
    ssize_t n = fd < 0 ? -1 : pread(fd, head, sizeof head, 0);
    if (n < 0)
        cf_fail(CF_NO_INPUT, "%s: %s", f->path, strerror(errno));
    else
        f->packing = cf_packing_of(head, (int64_t)n);
    if (fd >= 0)
        close(fd);
    return n < 0 ? CF_NO_INPUT : CF_OK;
}

static int add_file(cf_sources *s, const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return cf_fail(CF_NO_INPUT, "%s: %s", path, strerror(errno));
    if (!S_ISREG(info.st_mode))
        return cf_fail(CF_NO_INPUT,
                       "%s: is no regular file; name the input - and pipe it "
                       "in",
                       path);
    cf_source *f = append(s, path);
    f->size = (int64_t)info.st_size;
    return look(f);
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static bool is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static int add_folder(cf_sources *s, const char *path)
{
    struct dirent **entry;
    int status = CF_OK, n = scandir(path, &entry, visible, by_bytes);
    int64_t before = s->count;
    if (n < 0)
        return cf_fail(CF_NO_INPUT, "%s: %s", path, strerror(errno));
    for (int i = 0; i < n; i++) {
        char name[CF_PATH_MAX];
        int length =
            snprintf(name, sizeof name, "%s/%s", path, entry[i]->d_name);
        if (status == CF_OK && length < CF_PATH_MAX && !is_folder(name))
            status = add_file(s, name);
        free(entry[i]);
    }
    free(entry);
    if (status == CF_OK && s->count == before)
        status =
            cf_fail(CF_NO_INPUT, "%s: there are no files in this folder", path);
    return status;
}

static int add_pattern(cf_sources *s, const char *pattern)
{
    glob_t found = {0};
    int status = CF_OK;
    if (glob(pattern, 0, NULL, &found) != 0)
        status = cf_fail(CF_NO_INPUT, "%s: %s", pattern,
                         strpbrk(pattern, "*?[") == NULL
                             ? strerror(ENOENT)
                             : "no file has such a name");
    for (size_t i = 0; status == CF_OK && i < found.gl_pathc; i++)
        status = is_folder(found.gl_pathv[i]) ? add_folder(s, found.gl_pathv[i])
                                              : add_file(s, found.gl_pathv[i]);
    globfree(&found);
    return status;
}

static int add_input(cf_sources *s, const char *input)
{
    struct stat info;
    if (strcmp(input, "-") == 0) {
        append(s, input);
        return CF_OK;
    }
    if (stat(input, &info) != 0)
        return add_pattern(s, input);
    return S_ISDIR(info.st_mode) ? add_folder(s, input) : add_file(s, input);
}

static int find(cf_sources *s, const char *inputs)
{
    int status = CF_OK;
    char input[CF_PATH_MAX];
    while (status == CF_OK && *inputs != '\0') {
        size_t n = strcspn(inputs, "\n");
        snprintf(input, sizeof input, "%.*s", (int)n, inputs);
        status = add_input(s, input);
        inputs += n + (inputs[n] == '\n');
    }
    for (int64_t i = 0; i < s->count && status == CF_OK; i++) {
        cf_source *f = &s->file[i];
        f->begin = s->bytes;
        if (f->size >= 0 && s->bytes >= 0)
            s->bytes += f->size;
        else
            s->bytes = -1;
        if (f->size < 0 && s->count > 1)
            status = cf_fail(CF_USAGE,
                             "%s: a pipe can only be read alone; give it no "
                             "other inputs beside it",
                             f->path);
    }
    return status;
}

int cf_sources_find(cf_sources *s, const cf_par *par, const char *inputs)
{
    int status = CF_OK;
    *s = (cf_sources){0};
    CF_TRY(cf_agree(par, par->rank == 0 ? find(s, inputs) : CF_OK));
    cf_source *mine = s->file;
    cf_bcast(par, s, sizeof *s, 0);
    s->file = par->rank == 0
                  ? mine
                  : cf_alloc(s->count, sizeof *s->file, "input files");
    cf_bcast(par, s->file, s->count * (int64_t)sizeof *s->file, 0);
done:
    return status;
}

bool cf_source_is_stream(const cf_source *f)
{
    return f->size < 0 || f->packing != CF_PLAIN;
}

void cf_sources_free(cf_sources *s)
{
    cf_free(s->file);
    *s = (cf_sources){0};
}
