#include "job.h"

#include "cfmpi/memory.h"
#include "version.h"

bool cf_job_embeds(const cf_job *job)
{
    return job->o->space != CF_SPACE_RATINGS || job->last == CF_STEP_SVD;
}

bool cf_job_compares_ratings(const cf_job *job)
{
    return job->o->space != CF_SPACE_EMBEDDING && job->last != CF_STEP_SVD;
}

void cf_job_add_root(cf_writer *w, const cf_options *o, const char *command)
{
    cf_writer_text(w, "/", "format", "cfmpi");
    cf_writer_integer(w, "/", "format_version", CF_FORMAT_VERSION);
    cf_writer_text(w, "/", "program", "cfmpi " CF_VERSION);
    cf_writer_text(w, "/", "command", command);
    cf_writer_integer(w, "/", "seed", o->seed);
    cf_writer_integer(w, "/", "ranks", w->par->size);
}

int cf_job_load(cf_job *job)
{
    int status = CF_OK;
    if (!cf_h5_has(&job->file, "/ratings/indptr"))
        CF_TRY(cf_fail(CF_BAD_DATA, "%s: has no /ratings", job->o->input));
    cf_report_begin(job->report, "ingest", "bytes");
    CF_TRY(cf_layout_read_ratings(&job->file, job->par, &job->ratings));
    CF_TRY(
        cf_layout_read_ids(&job->file, job->par, "users", &job->tables.users));
    CF_TRY(
        cf_layout_read_ids(&job->file, job->par, "items", &job->tables.items));
    cf_report_end(job->report);
    job->report->input.users = job->ratings.rows;
    job->report->input.items = job->ratings.cols;
    job->report->input.ratings = job->ratings.nnz;
done:
    return status;
}

static int load_sigma(cf_job *job)
{
    int status = CF_OK;
    cf_dataset d;
    cf_embedding *e = &job->embedding;
    CF_TRY(cf_agree(
        job->par, cf_h5_dataset(&job->file, "/embedding/singular_values", &d)));
    e->sigma = cf_alloc(e->dim, sizeof *e->sigma, "singular values");
    CF_TRY(cf_agree(job->par, cf_h5_read(&job->file, &d, 0, e->dim, e->sigma)));
done:
    return status;
}

int cf_job_load_embedding(cf_job *job)
{
    int status = CF_OK, dim = 0;
    cf_embedding *e = &job->embedding;
    CF_TRY(cf_layout_read_embedding(&job->file, job->par, "users", false,
                                    &e->user_part, &e->users, &e->dim));
    CF_TRY(cf_layout_read_embedding(&job->file, job->par, "items", false,
                                    &e->item_part, &e->items, &dim));
    if (dim != e->dim || cf_part_rows(&e->user_part) != job->ratings.rows ||
        cf_part_rows(&e->item_part) != job->ratings.cols)
        CF_TRY(cf_fail(CF_BAD_DATA, "%s: /embedding does not fit /ratings",
                       job->o->input));
    e->scale = cf_layout_embedding_scale(&job->file);
    CF_TRY(load_sigma(job));
    CF_TRY(cf_layout_read_transform(&job->file, job->par, &job->transform));
done:
    return status;
}

int cf_job_check_weights(const cf_job *job, const char *group)
{
    enum cf_similarity by;
    int status = cf_layout_read_similarity(&job->file, group, &by);
    if (status == CF_OK && by == CF_EUCLIDEAN)
        status = cf_fail(CF_USAGE,
                         "%s: its neighbours are by distance, which is no "
                         "weight for their ratings; make them with `cfmpi "
                         "neighbors --similarity cosine`",
                         job->o->input);
    return status;
}

void cf_job_free(cf_job *job)
{
    cf_free(job->bent);
    cf_h5_close(&job->file);
    cf_text_free(&job->input);
    cf_vectors_free(&job->vectors);
    cf_tables_free(&job->tables);
    cf_csr_free(&job->ratings);
    cf_transform_free(&job->transform);
    cf_embedding_free(&job->embedding);
    cf_neighbors_free(&job->user_neighbors);
    cf_neighbors_free(&job->item_neighbors);
    cf_neighbors_free(&job->user_rated);
    cf_neighbors_free(&job->item_rated);
    cf_overlap_free(&job->user_overlap);
    cf_overlap_free(&job->item_overlap);
    cf_queries_free(&job->queries);
    cf_graph_free(&job->user_graph);
    cf_graph_free(&job->item_graph);
    cf_free(job->only.row);
    cf_free(job->allow.row);
    cf_free(job->exclude.row);
    cf_recommendations_free(&job->recommendations);
}
