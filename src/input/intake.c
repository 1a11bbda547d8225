#define _POSIX_C_SOURCE 200809L
#include "cfmpi/intake.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"

#define BLOCK ((int64_t)1 << 20)

/* Bounds are rounded as ratings are, or 3.3 would be below 3.3. */
static bool within(float value, const double range[2])
{
    return value >= (float)range[0] && value <= (float)range[1];
}

enum cf_verdict cf_intake_judge(cf_intake *in, float *value, int64_t time)
{
    const cf_keep *k = &in->keep;
    enum cf_verdict verdict = CF_KEPT;
    if (k->has_scale && !within(*value, k->scale))
        return CF_OFF_SCALE;
    if (k->has_ratings && !within(*value, k->ratings))
        verdict = CF_LEFT_RATING;
    else if (k->has_times && (time < k->times[0] || time > k->times[1]))
        verdict = CF_LEFT_TIME;
    else if (k->has_threshold && !(*value >= (float)k->threshold))
        verdict = CF_LEFT_THRESHOLD;
    else if (k->has_threshold)
        *value = 1;
    in->left[verdict] += verdict != CF_KEPT;
    return verdict;
}

bool cf_intake_needs_time(const cf_intake *in)
{
    return in->keep.has_times || in->keep.keep_time;
}

/* ---- bad rows ---- */

void cf_bad_rows_add(cf_bad_rows *bad, const char *format, ...)
{
    if (bad->count < CF_BAD_ROWS_SHOWN) {
        va_list args;
        va_start(args, format);
        vsnprintf(bad->first[bad->count], sizeof bad->first[0], format, args);
        va_end(args);
    }
    bad->count++;
}

void cf_intake_add_bad_rows(cf_intake *in, const cf_par *par,
                            const cf_bad_rows *bad)
{
    char fresh[CF_BAD_ROWS_SHOWN][sizeof in->shown[0]] = {{0}};
    int64_t at = in->shown_count + cf_exscan_i64(par, bad->count);
    for (int i = 0; i < bad->count && at + i < CF_BAD_ROWS_SHOWN; i++)
        memcpy(fresh[at + i], bad->first[i], sizeof fresh[0]);
    cf_allreduce(par, fresh, sizeof fresh, MPI_BYTE, MPI_BOR);
    int64_t all = cf_sum_i64(par, bad->count);
    int end = (int)CF_MIN(in->shown_count + all, CF_BAD_ROWS_SHOWN);
    for (int i = in->shown_count; i < end; i++)
        memcpy(in->shown[i], fresh[i], sizeof fresh[0]);
    in->shown_count = end;
    in->skipped += all;
}

/* ---- files ---- */

cf_input_file *cf_intake_add_file(cf_intake *in, const char *path)
{
    if (in->file_count == in->file_room) {
        in->file_room = CF_MAX(2 * in->file_room, 4);
        in->files = cf_realloc(in->files, in->file_room, sizeof *in->files,
                               "input files");
    }
    cf_input_file *f = &in->files[in->file_count++];
    *f = (cf_input_file){0};
    snprintf(f->path, sizeof f->path, "%s", path);
    return f;
}

static int changed(const char *path)
{
    return cf_fail(CF_IO,
                   "%s: changed while it was read; try again when it is "
                   "whole",
                   path);
}

static int open_file(const char *path, int *fd, int64_t *size)
{
    struct stat info;
    *fd = open(path, O_RDONLY | O_NONBLOCK); /* or a pipe would wait */
    if (*fd < 0 || fstat(*fd, &info) != 0)
        return cf_fail(CF_NO_INPUT, "%s: %s", path, strerror(errno));
    if (S_ISDIR(info.st_mode))
        return cf_fail(CF_NO_INPUT, "%s: is a folder; name a file in it", path);
    if (!S_ISREG(info.st_mode))
        return cf_fail(CF_NO_INPUT,
                       "%s: is no ordinary file, which this format needs",
                       path);
    *size = (int64_t)info.st_size;
    return CF_OK;
}

static int digest_range(cf_digest *d, const char *path, int fd, int64_t at,
                        int64_t end)
{
    int status = CF_OK;
    char *block = cf_alloc(CF_MIN(BLOCK, end - at), 1, "file block");
    while (at < end) {
        ssize_t n = pread(fd, block, (size_t)CF_MIN(BLOCK, end - at), at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            CF_TRY(cf_fail(CF_IO, "%s: %s at byte %" PRId64, path,
                           strerror(errno), at));
        if (n == 0)
            CF_TRY(changed(path));
        cf_digest_update(d, block, n);
        at += n;
    }
done:
    cf_free(block);
    return status;
}

int cf_intake_file(cf_intake *in, const cf_par *par, const char *path)
{
    int status = CF_OK, fd = -1;
    int64_t size = 0;
    cf_part share = {0};
    cf_digest d;
    CF_TRY(cf_agree(par, open_file(path, &fd, &size)));
    if (cf_min_i64(par, size) != cf_max_i64(par, size))
        CF_TRY(changed(path));
    cf_part_even(&share, size, par->size);
    int64_t begin = share.begin[par->rank], end = share.begin[par->rank + 1];
    cf_digest_begin(&d, begin, end - begin);
    status = cf_agree(par, digest_range(&d, path, fd, begin, end));
    if (status == CF_OK) {
        cf_digest_end(&d, par, in->digest);
        cf_intake_add_file(in, path)->bytes = size;
        in->bytes += size;
    }
    cf_digest_free(&d);
done:
    cf_part_free(&share);
    if (fd >= 0)
        close(fd);
    return status;
}

int cf_intake_check_file(const cf_intake *in)
{
    const cf_input_file *f = &in->files[in->file_count - 1];
    struct stat info;
    if (stat(f->path, &info) != 0 || (int64_t)info.st_size != f->bytes)
        return changed(f->path);
    return CF_OK;
}

void cf_intake_free(cf_intake *in)
{
    cf_entries_free(&in->entries);
    cf_free(in->files);
    *in = (cf_intake){0};
}
