#define _POSIX_C_SOURCE 200809L
#include "cfmpi/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "temporary.h"

#define PIECE ((int64_t)1 << 28)

static bool to_stdout(const cf_text_file *f)
{
    return f->path[0] == '\0';
}

static int join(cf_text_file *f)
{
    f->fd = open(f->temporary, O_WRONLY);
    return f->fd >= 0 ? CF_OK
                      : cf_fail(CF_CANT_CREATE,
                                "%s: cannot be opened on every "
                                "rank: %s; is the folder shared by all nodes?",
                                f->temporary, strerror(errno));
}

int cf_text_file_begin(cf_text_file *f, const cf_par *par, const char *path,
                       bool force)
{
    int status = CF_OK;
    *f = (cf_text_file){.fd = -1};
    snprintf(f->path, sizeof f->path, "%s", path);
    if (to_stdout(f))
        return CF_OK;
    if (par->rank == 0)
        status = cf_temporary_create(path, force, f->temporary,
                                     sizeof f->temporary, &f->fd);
    CF_TRY(cf_agree(par, status));
    cf_bcast(par, f->temporary, sizeof f->temporary, 0);
    CF_TRY(cf_agree(par, par->rank != 0 ? join(f) : CF_OK));
done:
    if (status != CF_OK)
        cf_text_file_free(f, par);
    return status;
}

static int write_at(const cf_text_file *f, const char *bytes, int64_t length,
                    int64_t offset)
{
    while (length > 0) {
        size_t want = (size_t)CF_MIN(length, PIECE);
        ssize_t n = pwrite(f->fd, bytes, want, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return cf_fail(CF_IO, "%s: cannot be written: %s", f->path,
                           strerror(errno));
        bytes += n;
        length -= n;
        offset += n;
    }
    return CF_OK;
}

static int print(const char *bytes, int64_t length)
{
    if (fwrite(bytes, 1, (size_t)length, stdout) != (size_t)length ||
        fflush(stdout) != 0)
        return cf_fail(CF_IO, "standard output cannot be written: %s",
                       strerror(errno));
    return CF_OK;
}

/* Rank 0 prints its own piece and then the others' as they come in order. */
static int print_in_order(const cf_par *par, const cf_text *piece)
{
    int status = CF_OK;
    for (int r = 0; r < par->size; r++) {
        int64_t length = piece->length;
        MPI_Bcast(&length, 1, MPI_INT64_T, r, par->comm);
        for (int64_t at = 0; at < length; at += CF_COUNT_MAX) {
            int n = (int)CF_MIN(length - at, CF_COUNT_MAX);
            if (par->rank == r && r != 0)
                MPI_Send(piece->data + at, n, MPI_BYTE, 0, 2, par->comm);
            if (par->rank != 0)
                continue;
            char *got = r == 0 ? piece->data + at : cf_alloc(n, 1, "text");
            if (r != 0)
                MPI_Recv(got, n, MPI_BYTE, r, 2, par->comm, MPI_STATUS_IGNORE);
            status = status != CF_OK ? status : print(got, n);
            if (r != 0)
                cf_free(got);
        }
    }
    return status;
}

int cf_text_file_write(cf_text_file *f, const cf_par *par, cf_text *piece)
{
    int status;
    if (to_stdout(f)) {
        status = print_in_order(par, piece);
    } else {
        int64_t offset = f->size + cf_exscan_i64(par, piece->length);
        status = write_at(f, piece->data, piece->length, offset);
    }
    f->size += cf_sum_i64(par, piece->length);
    cf_text_clear(piece);
    return cf_agree(par, status);
}

/* What this rank wrote is on the disk. */
static int finish_own(cf_text_file *f)
{
    int rc = fsync(f->fd);
    if (close(f->fd) != 0)
        rc = -1;
    f->fd = -1;
    return rc == 0 ? CF_OK
                   : cf_fail(CF_IO, "%s: cannot be written: %s", f->path,
                             strerror(errno));
}

static int put_in_place(cf_text_file *f)
{
    if (rename(f->temporary, f->path) != 0)
        return cf_fail(CF_IO, "%s: cannot be put in place: %s", f->path,
                       strerror(errno));
    f->temporary[0] = '\0';
    return CF_OK;
}

int cf_text_file_commit(cf_text_file *f, const cf_par *par)
{
    int status = CF_OK;
    if (to_stdout(f))
        return CF_OK;
    CF_TRY(cf_agree(par, finish_own(f)));
    CF_TRY(cf_agree(par, par->rank == 0 ? put_in_place(f) : CF_OK));
done:
    return status;
}

void cf_text_file_free(cf_text_file *f, const cf_par *par)
{
    if (f->fd > 0)
        close(f->fd);
    if (par->rank == 0 && f->temporary[0] != '\0')
        unlink(f->temporary);
    *f = (cf_text_file){.fd = -1};
}
