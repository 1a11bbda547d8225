/* cfmpi synth: ratings of a known structure as CSV files.
 *
 * Method: rounds of one block of users a rank. Each rank puts its block into
 * text, learns from a prefix sum where the text goes, and writes it there, so
 * the files do not depend on the rank count and no rank holds more than a
 * block. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "cfmpi/options.h"
#include "cfmpi/progress.h"
#include "cfmpi/synth.h"
#include "commands.h"

#define WRITE_MAX ((size_t)1 << 30)

/* A file that ranks write together, beside its final name until it is whole.
 * Without a path it is not asked for and all of this does nothing. */
typedef struct sink {
    const char *path;
    char temporary[CF_PATH_MAX];
    int fd;
    int64_t size;    /* bytes so far, over all ranks */
    int64_t ratings; /* rows so far, over all ranks */
    cf_text text;    /* this rank's next piece */
    int64_t rows;    /* in it */
} sink;

typedef struct job {
    const cf_options *options;
    cf_synth synth;
    cf_synth_block block;
    sink ratings, holdout, titles;
    uint8_t *rated; /* [items] 1 where this rank wrote a rating of the item */
} job;

static int check_request(const cf_options *o)
{
    if (o->users < 1 || o->items < 1 || o->ratings < 1)
        return cf_fail(CF_USAGE, "synth needs --users N --items M "
                       "--ratings Z; %s is missing",
                       o->users < 1 ? "--users"
                       : o->items < 1 ? "--items" : "--ratings");
    const char *paths[] = {o->output, o->titles, o->holdout};
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < i; j++)
            if (paths[i][0] != '\0' && strcmp(paths[i], paths[j]) == 0)
                return cf_fail(CF_USAGE, "%s is asked for twice: --output, "
                               "--titles and --holdout are files of their "
                               "own", paths[i]);
    return CF_OK;
}

/* Rank 0. */
static int create(sink *f, bool force)
{
    struct stat old;
    if (f->path == NULL)
        return CF_OK;
    bool there = stat(f->path, &old) == 0;
    if (there && !S_ISREG(old.st_mode))
        return cf_fail(CF_CANT_CREATE, "%s is there and is no regular file",
                       f->path);
    if (there && !force)
        return cf_fail(CF_CANT_CREATE, "%s is there already; pass --force to "
                       "replace it", f->path);
    int n = snprintf(f->temporary, sizeof f->temporary, "%s.tmp.%ld",
                     f->path, (long)getpid());
    if (n >= (int)sizeof f->temporary) {
        f->temporary[0] = '\0';
        return cf_fail(CF_CANT_CREATE, "%s: the name is too long", f->path);
    }
    f->fd = open(f->temporary, O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (f->fd >= 0)
        return CF_OK;
    int status = cf_fail(CF_CANT_CREATE, "%s cannot be created: %s",
                         f->temporary, strerror(errno));
    f->temporary[0] = '\0';
    return status;
}

/* What rank 0 created. Local. */
static int join(const cf_par *par, sink *f)
{
    if (f->path == NULL || par->rank == 0)
        return CF_OK;
    f->fd = open(f->temporary, O_WRONLY);
    return f->fd >= 0 ? CF_OK
        : cf_fail(CF_CANT_CREATE, "%s cannot be opened on every rank: %s; "
                  "the folder must be one that all nodes share",
                  f->temporary, strerror(errno));
}

static int open_sinks(const cf_par *par, job *j)
{
    sink *all[] = {&j->ratings, &j->holdout, &j->titles};
    int status = CF_OK;
    for (int i = 0; i < 3 && par->rank == 0 && status == CF_OK; i++)
        status = create(all[i], j->options->force);
    status = cf_agree(par, status);
    for (int i = 0; i < 3 && status == CF_OK; i++)
        cf_bcast(par, all[i]->temporary, CF_PATH_MAX, 0);
    if (status != CF_OK)
        return status;
    for (int i = 0; i < 3 && status == CF_OK; i++)
        status = join(par, all[i]);
    return cf_agree(par, status);
}

static int write_at(const sink *f, const char *bytes, int64_t length,
                    int64_t offset)
{
    while (length > 0) {
        ssize_t n = pwrite(f->fd, bytes,
                           CF_MIN((size_t)length, WRITE_MAX), offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return cf_fail(CF_IO, "%s cannot be written: %s", f->path,
                           strerror(errno));
        bytes += n;
        length -= n;
        offset += n;
    }
    return CF_OK;
}

/* Writes the pieces of all ranks one after the other. The status is this
 * rank's own. Collective. */
static int flush(const cf_par *par, sink *f)
{
    if (f->path == NULL)
        return CF_OK;
    int64_t offset = f->size + cf_exscan_i64(par, f->text.length);
    f->size += cf_sum_i64(par, f->text.length);
    f->ratings += cf_sum_i64(par, f->rows);
    int status = write_at(f, f->text.data, f->text.length, offset);
    cf_text_clear(&f->text);
    f->rows = 0;
    return status;
}

/* Puts the digits of x (not negative) at `at` and returns where they end. */
static char *put_number(char *at, int64_t x)
{
    char digits[20];
    int n = 0;
    do {
        digits[n++] = (char)('0' + x % 10);
        x /= 10;
    } while (x > 0);
    while (n > 0)
        *at++ = digits[--n];
    return at;
}

static void add_rating(job *j, sink *f, int64_t user, int64_t i)
{
    char row[80], *at = put_number(row, user);
    int half = j->block.half_stars[i];
    *at++ = ',';
    at = put_number(at, j->block.item[i]);
    *at++ = ',';
    at = put_number(at, half / 2);
    *at++ = '.';
    *at++ = half % 2 != 0 ? '5' : '0';
    if (f == &j->ratings) {
        *at++ = ',';
        at = put_number(at, j->block.time[i]);
    }
    *at++ = '\n';
    cf_text_bytes(&f->text, row, at - row);
    f->rows++;
}

/* A user keeps the last rating in the output if all others are held out. */
static void add_user(job *j, int64_t u)
{
    const cf_synth_block *b = &j->block;
    int64_t user = b->first + u, end = b->begin[u + 1], kept = 0;
    for (int64_t i = b->begin[u]; i < end; i++) {
        bool out = j->holdout.path != NULL && (i + 1 < end || kept > 0) &&
                   cf_synth_held_out(&j->synth, user, b->item[i],
                                     j->options->holdout_share);
        add_rating(j, out ? &j->holdout : &j->ratings, user, i);
        if (!out) {
            j->rated[b->item[i] - 1] = 1;
            kept++;
        }
    }
}

static int write_titles(const cf_par *par, job *j)
{
    cf_text title = {0}, *text = &j->titles.text;
    if (j->titles.path == NULL)
        return CF_OK;
    if (par->rank == 0)
        cf_text_add(text, "movieId,title,genres\n");
    for (int64_t i = 1; i <= j->options->items && par->rank == 0; i++) {
        cf_text_clear(&title);
        cf_synth_title(&j->synth, i, &title);
        cf_text_add(text, "%" PRId64 ",", i);
        cf_text_csv(text, title.data, ',');
        cf_text_add(text, ",%s\n", cf_synth_genre(&j->synth, i));
    }
    cf_text_free(&title);
    int status = cf_agree(par, flush(par, &j->titles));
    cf_text_free(text);
    return status;
}

static int write_round(const cf_par *par, job *j, int64_t block)
{
    if (block < j->synth.blocks) {
        cf_synth_fill(&j->synth, block, &j->block);
        for (int64_t u = 0; u < j->block.users; u++)
            add_user(j, u);
    }
    int status = flush(par, &j->ratings);
    int second = flush(par, &j->holdout);
    return cf_agree(par, status != CF_OK ? status : second);
}

static int write_ratings(const cf_par *par, job *j)
{
    int status = CF_OK;
    if (par->rank == 0) {
        cf_text_add(&j->ratings.text, "userId,movieId,rating,timestamp\n");
        if (j->holdout.path != NULL)
            cf_text_add(&j->holdout.text, "user,item,rating\n");
    }
    cf_progress_begin("synth", "ratings");
    for (int64_t first = 0; first < j->synth.blocks && status == CF_OK;
         first += par->size) {
        status = write_round(par, j, first + par->rank);
        cf_progress_step((double)(j->ratings.ratings + j->holdout.ratings),
                         (double)j->options->ratings);
    }
    cf_progress_end();
    return status;
}

/* Local. */
static int close_sink(sink *f, bool keep)
{
    int status = CF_OK;
    if (f->fd < 0)
        return CF_OK;
    if (keep && fsync(f->fd) != 0)
        status = cf_fail(CF_IO, "%s cannot be written: %s", f->path,
                         strerror(errno));
    if (close(f->fd) != 0 && keep)
        status = cf_fail(CF_IO, "%s cannot be written: %s", f->path,
                         strerror(errno));
    f->fd = -1;
    return status;
}

/* Rank 0. */
static int publish(sink *f)
{
    if (f->path == NULL)
        return CF_OK;
    if (rename(f->temporary, f->path) != 0)
        return cf_fail(CF_CANT_CREATE, "%s cannot be created: %s", f->path,
                       strerror(errno));
    f->temporary[0] = '\0';
    return CF_OK;
}

/* Gives the files their names when all of them are whole, and removes them
 * otherwise. */
static int close_sinks(const cf_par *par, job *j, int status)
{
    sink *all[] = {&j->ratings, &j->holdout, &j->titles};
    int local = CF_OK;
    for (int i = 0; i < 3; i++) {
        int closed = close_sink(all[i], status == CF_OK);
        local = local != CF_OK ? local : closed;
    }
    if (status == CF_OK)
        status = cf_agree(par, local);
    local = status;
    for (int i = 0; i < 3 && par->rank == 0; i++) {
        if (local == CF_OK)
            local = publish(all[i]);
        if (local != CF_OK && all[i]->temporary[0] != '\0')
            unlink(all[i]->temporary);
    }
    return status == CF_OK ? cf_agree(par, local) : status;
}

static void say_result(const cf_par *par, job *j)
{
    int64_t items = j->options->items, rated = 0;
    cf_allreduce(par, j->rated, items, MPI_UINT8_T, MPI_MAX);
    for (int64_t i = 0; i < items; i++)
        rated += j->rated[i];
    if (par->rank != 0)
        return;
    printf("%s: %" PRId64 " ratings of %" PRId64 " users and %" PRId64
           " items", j->ratings.path, j->ratings.ratings, j->options->users,
           items);
    if (rated < items)
        printf(", %" PRId64 " of them rated", rated);
    printf("\n");
    if (j->holdout.path != NULL)
        printf("%s: %" PRId64 " ratings held out\n", j->holdout.path,
               j->holdout.ratings);
    if (j->titles.path != NULL)
        printf("%s: %" PRId64 " titles\n", j->titles.path, items);
}

static void start(job *j, const cf_options *o)
{
    *j = (job){.options = o};
    j->ratings = (sink){.path = o->output, .fd = -1};
    j->holdout = (sink){.path = o->holdout[0] ? o->holdout : NULL, .fd = -1};
    j->titles = (sink){.path = o->titles[0] ? o->titles : NULL, .fd = -1};
}

int cf_cmd_synth(const cf_par *par, const cf_options *o)
{
    cf_synth_shape shape = {(uint64_t)o->seed, o->users, o->items, o->ratings};
    job j;
    int status;
    start(&j, o);
    CF_TRY(check_request(o));
    CF_TRY(cf_synth_open(&j.synth, par, shape));
    j.rated = cf_calloc(o->items, 1, "rated items");
    status = open_sinks(par, &j);
    if (status == CF_OK)
        status = write_titles(par, &j);
    if (status == CF_OK)
        status = write_ratings(par, &j);
    CF_TRY(close_sinks(par, &j, status));
    say_result(par, &j);
done:
    cf_free(j.rated);
    cf_text_free(&j.ratings.text);
    cf_text_free(&j.holdout.text);
    cf_text_free(&j.titles.text);
    cf_synth_block_free(&j.block);
    cf_synth_free(&j.synth);
    return status;
}
