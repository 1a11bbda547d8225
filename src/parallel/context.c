#include "cfmpi/context.h"

#include <stdio.h>

static void abort_job(int status)
{
    MPI_Abort(MPI_COMM_WORLD, status);
}

void cf_par_init(cf_par *par, MPI_Comm comm)
{
    par->comm = comm;
    par->threads = 1;
    MPI_Comm_rank(comm, &par->rank);
    MPI_Comm_size(comm, &par->size);
    MPI_Comm_rank(MPI_COMM_WORLD, &cf_error_rank);
    cf_abort_hook = abort_job;
}

int cf_agree(const cf_par *par, int status)
{
    int failed = status != CF_OK ? par->rank : par->size, first;
    MPI_Allreduce(&failed, &first, 1, MPI_INT, MPI_MIN, par->comm);
    if (first == par->size)
        return CF_OK;
    struct {
        int status;
        char message[CF_ERROR_MAX];
    } report = {.status = status};
    snprintf(report.message, sizeof report.message, "%s", cf_error_message());
    MPI_Bcast(&report, sizeof report, MPI_BYTE, first, par->comm);
    cf_error_set(report.message);
    return report.status;
}

void cf_par_nodes(const cf_par *par, int *nodes, int *node_rank)
{
    MPI_Comm node;
    MPI_Comm_split_type(par->comm, MPI_COMM_TYPE_SHARED, par->rank,
                        MPI_INFO_NULL, &node);
    MPI_Comm_rank(node, node_rank);
    MPI_Comm_free(&node);
    int first = *node_rank == 0;
    MPI_Allreduce(&first, nodes, 1, MPI_INT, MPI_SUM, par->comm);
}
