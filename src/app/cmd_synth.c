/* cfmpi synth: ratings of a known structure as CSV files; vectors have a file
 * of their own.
 *
 * Method: rounds of one block of users a rank. Each rank puts its block into
 * text, and the pieces go into the file in the order of the blocks, so the
 * files do not depend on the rank count and no rank holds more than a
 * block. */
#include <stdio.h>
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/memory.h"
#include "cfmpi/options.h"
#include "cfmpi/progress.h"
#include "cfmpi/synth.h"
#include "cfmpi/text_file.h"
#include "commands.h"
#include "synth_vectors.h"

/* A file to write; without a path it is not asked for. */
typedef struct sink {
    const char *path;
    cf_text_file file;
    cf_text text;    /* this rank's next piece */
    int64_t ratings; /* rows that this rank put into it */
} sink;

typedef struct job {
    const cf_par *par;
    const cf_options *options;
    cf_synth synth;
    cf_synth_block block;
    sink ratings, holdout, titles;
    uint8_t *rated; /* [items] 1 where this rank wrote a rating of the item */
} job;

static int check_request(const cf_options *o)
{
    if (cf_options_given(o, "dim"))
        return cf_fail(CF_USAGE, "--dim is for --vectors only; ratings have "
                                 "users and items");
    if (o->users < 1 || o->items < 1 || o->ratings < 1)
        return cf_fail(CF_USAGE,
                       "synth needs --users N --items M --ratings Z, or "
                       "--vectors N; %s is missing",
                       o->users < 1   ? "--users"
                       : o->items < 1 ? "--items"
                                      : "--ratings");
    const char *paths[] = {o->output, o->titles, o->holdout};
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < i; j++)
            if (paths[i][0] != '\0' && strcmp(paths[i], paths[j]) == 0)
                return cf_fail(CF_USAGE,
                               "%s is asked for twice: --output, "
                               "--titles and --holdout are files of their "
                               "own",
                               paths[i]);
    return CF_OK;
}

static int begin(job *j, sink *f)
{
    return f->path == NULL ? CF_OK
                           : cf_text_file_begin(&f->file, j->par, f->path,
                                                j->options->force);
}

static int flush(job *j, sink *f)
{
    return f->path == NULL ? CF_OK
                           : cf_text_file_write(&f->file, j->par, &f->text);
}

static int commit(job *j, sink *f)
{
    return f->path == NULL ? CF_OK : cf_text_file_commit(&f->file, j->par);
}

static void close_sink(job *j, sink *f)
{
    cf_text_free(&f->text);
    cf_text_file_free(&f->file, j->par);
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
    f->ratings++;
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

static int write_titles(job *j)
{
    cf_text title = {0}, *text = &j->titles.text;
    if (j->titles.path == NULL)
        return CF_OK;
    if (j->par->rank == 0)
        cf_text_add(text, "movieId,title,genres\n");
    for (int64_t i = 1; i <= j->options->items && j->par->rank == 0; i++) {
        cf_text_clear(&title);
        cf_synth_title(&j->synth, i, &title);
        cf_text_add(text, "%" PRId64 ",", i);
        cf_text_csv(text, title.data, title.length, ',');
        cf_text_add(text, ",%s\n", cf_synth_genre(&j->synth, i));
    }
    cf_text_free(&title);
    int status = flush(j, &j->titles);
    cf_text_free(text);
    return status;
}

static int write_round(job *j, int64_t block)
{
    int status;
    if (block < j->synth.blocks) {
        cf_synth_fill(&j->synth, block, &j->block);
        for (int64_t u = 0; u < j->block.users; u++)
            add_user(j, u);
    }
    CF_TRY(flush(j, &j->ratings));
    CF_TRY(flush(j, &j->holdout));
done:
    return status;
}

static int write_ratings(job *j)
{
    int64_t blocks = j->synth.blocks, step = j->par->size;
    int status = CF_OK;
    if (j->par->rank == 0) {
        cf_text_add(&j->ratings.text, "userId,movieId,rating,timestamp\n");
        if (j->holdout.path != NULL)
            cf_text_add(&j->holdout.text, "user,item,rating\n");
    }
    for (int64_t first = 0; first < blocks && status == CF_OK; first += step) {
        status = write_round(j, first + j->par->rank);
        int64_t done = (first + step) * j->synth.block_users;
        cf_progress_step((double)CF_MIN(done, j->options->users),
                         (double)j->options->users);
    }
    return status;
}

static void say_result(job *j)
{
    int64_t items = j->options->items, rated = 0;
    int64_t kept = cf_sum_i64(j->par, j->ratings.ratings);
    int64_t held = cf_sum_i64(j->par, j->holdout.ratings);
    cf_allreduce(j->par, j->rated, items, MPI_UINT8_T, MPI_MAX);
    for (int64_t i = 0; i < items; i++)
        rated += j->rated[i];
    if (j->par->rank != 0)
        return;
    printf("%s: %" PRId64 " ratings of %" PRId64 " users and %" PRId64 " items",
           j->ratings.path, kept, j->options->users, items);
    if (rated < items)
        printf(", %" PRId64 " of them rated", rated);
    printf("\n");
    if (j->holdout.path != NULL)
        printf("%s: %" PRId64 " ratings held out\n", j->holdout.path, held);
    if (j->titles.path != NULL)
        printf("%s: %" PRId64 " titles\n", j->titles.path, items);
}

static int write_all(job *j)
{
    int status;
    CF_TRY(begin(j, &j->titles));
    CF_TRY(begin(j, &j->holdout));
    CF_TRY(begin(j, &j->ratings));
    CF_TRY(write_titles(j));
    CF_TRY(write_ratings(j));
    CF_TRY(commit(j, &j->titles));
    CF_TRY(commit(j, &j->holdout));
    CF_TRY(commit(j, &j->ratings));
done:
    return status;
}

int cf_cmd_synth(const cf_par *par, const cf_options *o, cf_report *report)
{
    cf_synth_shape shape = {(uint64_t)o->seed, o->users, o->items, o->ratings};
    job j = {.par = par, .options = o};
    int status;
    if (o->vectors > 0)
        return cf_synth_write_vectors(par, o, report);
    j.ratings.path = o->output;
    j.holdout.path = o->holdout[0] != '\0' ? o->holdout : NULL;
    j.titles.path = o->titles[0] != '\0' ? o->titles : NULL;
    CF_TRY(check_request(o));
    CF_TRY(cf_synth_open(&j.synth, par, shape));
    j.rated = cf_calloc(o->items, 1, "rated items");
    cf_report_begin(report, "synth", "users");
    CF_TRY(write_all(&j));
    cf_report_end(report);
    say_result(&j);
done:
    cf_free(j.rated);
    close_sink(&j, &j.ratings);
    close_sink(&j, &j.holdout);
    close_sink(&j, &j.titles);
    cf_synth_block_free(&j.block);
    cf_synth_free(&j.synth);
    return status;
}
