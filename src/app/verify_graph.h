/* Graphs of neighbours by themselves and the lists that they were made of. */
#ifndef CFMPI_VERIFY_GRAPH_H
#define CFMPI_VERIFY_GRAPH_H

#include "cfmpi/h5.h"
#include "cfmpi/neighbors.h"

/* Looks through the graph of a side ("users"): that it is symmetric, unless its
 * similarity is directed or it is that of "queries", that it has the edges that
 * its form, mutual or union, makes of the lists, with their scores, or that all
 * reach the bound that the file names. `wrong` is how many rows, and entries
 * seen from the other end, do not fit, over all ranks. `graph` is what was
 * read. CF_BAD_DATA when the datasets do not fit each other, CF_IO, agreed.
 * Collective; an entry of the lists or of the graph is sent once, 24 bytes. */
int cf_verify_graph(const cf_par *par, const cf_h5 *file, const char *side,
                    cf_graph *graph, int64_t *wrong);

/* Compares a column of a symmetric graph, that of row `row`, with the scores of
 * own rows with it, NaN where there is none: every one that reaches the bound
 * stands there, and nothing else. Returns how many do not fit. Local. */
int64_t cf_verify_column(const cf_graph *graph, const cf_par *par, cf_gidx row,
                         const float *score, enum cf_similarity by,
                         float bound);

/* Compares row `row` of a graph of queries with the scores of all `columns`
 * with it, as above; 0 on ranks that do not have it. Local. */
int64_t cf_verify_row(const cf_graph *graph, const cf_par *par, cf_gidx row,
                      const float *score, cf_gidx columns,
                      enum cf_similarity by, float bound);

#endif
