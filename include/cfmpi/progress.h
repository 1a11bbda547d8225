/* How far a long stage is: one line on a terminal, redrawn; elsewhere a plain
 * line every 10 s. Rank 0's own share stands for all. */
#ifndef CFMPI_PROGRESS_H
#define CFMPI_PROGRESS_H

#include <stdbool.h>

enum cf_progress_mode {
    CF_PROGRESS_AUTO,
    CF_PROGRESS_ALWAYS,
    CF_PROGRESS_NEVER
};

/* Who shows progress (`speaks` on rank 0 only) and when: `auto` means on a
 * terminal, and elsewhere only for stages of over 10 s. Local. */
void cf_progress_setup(bool speaks, enum cf_progress_mode mode);

/* Starts a stage; `unit` names what is counted ("rows"). Local. */
void cf_progress_begin(const char *stage, const char *unit);

/* `done` of `total` units; cheap enough for once a tile. Local. */
void cf_progress_step(double done, double total);

/* Clears the line. Local. */
void cf_progress_end(void);

#endif
