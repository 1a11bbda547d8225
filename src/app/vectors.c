/* Dense vectors in place of ratings: `cfmpi neighbors x.npy`. Their numbers
 * from 0 are the ids, and their lists stand where those of users do. */
#include <string.h>

#include "cfmpi/exchange.h"
#include "cfmpi/file.h"
#include "cfmpi/log.h"
#include "cfmpi/memory.h"
#include "commands.h"
#include "job.h"

/* Local. */
static int check_use(const cf_job *job)
{
    const cf_options *o = job->o;
    if (o->command != CF_CMD_NEIGHBORS)
        return cf_fail(CF_USAGE,
                       "%s: holds vectors, not ratings; `cfmpi neighbors` "
                       "takes them",
                       o->input);
    if (o->side == CF_SIDE_BOTH)
        return cf_fail(CF_USAGE,
                       "--side: vectors are the rows (users) or the columns "
                       "(items) of %s; make a file of each",
                       o->input);
    if (strcmp(job->source.file, o->output) == 0)
        return cf_fail(CF_USAGE, "%s: is the input and the output", o->output);
    return CF_OK;
}

/* The similarity that a benchmark's file is for, unless the user has chosen. */
static int take_distance(cf_job *job)
{
    static const struct {
        const char *name;
        enum cf_similarity by;
    } known[] = {{"angular", CF_COSINE},
                 {"cosine", CF_COSINE},
                 {"dot", CF_DOT},
                 {"ip", CF_DOT},
                 {"euclidean", CF_EUCLIDEAN},
                 {"l2", CF_EUCLIDEAN}};
    const size_t names = sizeof known / sizeof *known;
    const char *name = job->source.distance;
    size_t i = 0;
    if (name[0] == '\0' || job->o->similarity_given)
        return CF_OK;
    while (i < names && strcmp(known[i].name, name) != 0)
        i++;
    if (i == names)
        return cf_fail(CF_USAGE,
                       "%s: its attribute distance is '%s', which is not "
                       "known; choose a --similarity",
                       job->source.file, name);
    cf_log_note("%s: its attribute distance is '%s', so --similarity is %s",
                job->source.file, name, cf_similarity_about(known[i].by)->name);
    job->bent = cf_alloc(1, sizeof *job->bent, "options");
    *job->bent = *job->o;
    job->bent->similarity = known[i].by;
    job->o = job->bent;
    return CF_OK;
}

/* Where ratings are wanted, their reader says what is wrong with a dataset
 * that was named. Rank 0. */
static bool find(cf_job *job)
{
    const cf_vectors_source *s = &job->source;
    return cf_vectors_find(&job->source, job->o->input) &&
           (job->o->command == CF_CMD_NEIGHBORS ||
            s->format != CF_VECTORS_HDF5 || s->found);
}

int cf_job_find_vectors(cf_job *job)
{
    int status = CF_OK;
    int64_t found = job->par->rank == 0 && find(job);
    job->from_vectors = cf_max_i64(job->par, found) == 1;
    cf_bcast(job->par, &job->source, sizeof job->source, 0);
    if (!job->from_vectors)
        return CF_OK;
    CF_TRY(cf_agree(job->par, check_use(job)));
    CF_TRY(cf_agree(job->par, take_distance(job)));
done:
    return status;
}

/* The attribute `input` of the result. */
static void describe(cf_job *job)
{
    const cf_vectors *v = &job->vectors;
    cf_text *t = &job->input;
    cf_text_add(t, "{\"name\": ");
    cf_text_json(t, cf_base_name(job->source.file));
    if (job->source.set[0] != '\0') {
        cf_text_add(t, ", \"dataset\": ");
        cf_text_json(t, job->source.set);
    }
    cf_text_add(t,
                ", \"bytes\": %" PRId64 ", \"digest\": \"%s\", \"vectors\": "
                "%" CF_PRIgidx ", \"dim\": %d, \"columns\": %s}",
                v->bytes, v->digest, cf_part_rows(&v->part), v->dim,
                job->o->side == CF_SIDE_ITEMS ? "true" : "false");
}

int cf_job_read_vectors(cf_job *job)
{
    int status = CF_OK;
    cf_report *r = job->report;
    cf_report_begin(r, "ingest", "bytes");
    CF_TRY(cf_vectors_read(&job->vectors, job->par, &job->source,
                           job->o->side == CF_SIDE_ITEMS));
    cf_report_read(job->vectors.bytes / job->par->size);
    r->input.bytes = job->vectors.bytes;
    r->input.users = cf_part_rows(&job->vectors.part);
    r->input.items = job->vectors.dim;
    describe(job);
done:
    cf_report_end(r);
    return status;
}

void cf_job_add_numbers(const cf_job *job, cf_writer *w)
{
    cf_part part = {0};
    cf_part_even(&part, job->report->input.users, job->par->size);
    cf_gidx begin = part.begin[job->par->rank];
    int64_t n = cf_part_count(&part, job->par->rank);
    int64_t *number = cf_alloc(n, sizeof *number, "row numbers");
    for (int64_t i = 0; i < n; i++)
        number[i] = begin + i;
    cf_writer_keep(w, number);
    cf_writer_add(w, "/users/id", CF_I64, cf_part_rows(&part), 1, 1, begin, n,
                  number, "numbers of the vectors in the input, from 0", NULL,
                  0);
    cf_part_free(&part);
}
