/* Vectors of a known structure as a file. */
#ifndef CFMPI_SYNTH_VECTORS_H
#define CFMPI_SYNTH_VECTORS_H

#include "cfmpi/options.h"
#include "report.h"

/* Writes --vectors of --dim values to --output, NumPy's format or .fvecs as
 * the name ends. CF_USAGE, CF_CANT_CREATE, CF_IO, agreed. Collective; a block
 * of 4 MiB a rank in memory. */
int cf_synth_write_vectors(const cf_par *par, const cf_options *o,
                           cf_report *report);

#endif
