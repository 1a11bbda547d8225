#define _POSIX_C_SOURCE 200809L
#include "cfmpi/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "cfmpi/clock.h"

#define REDRAW_SECONDS 0.2
#define PLAIN_SECONDS 10.0

static struct {
    bool active, terminal, drawn, at_once;
    const char *stage, *unit;
    double begun, last;
} show;

void cf_progress_setup(bool speaks, enum cf_progress_mode mode)
{
    show.active = speaks && mode != CF_PROGRESS_NEVER;
    show.at_once = mode == CF_PROGRESS_ALWAYS;
    show.terminal = isatty(STDERR_FILENO) != 0;
}

void cf_progress_begin(const char *stage, const char *unit)
{
    show.stage = stage;
    show.unit = unit;
    show.begun = show.last = cf_clock();
    show.drawn = false;
    if (show.active && show.at_once && !show.terminal)
        fprintf(stderr, "cfmpi: %s\n", stage);
}

static void draw(double done, double total, double seconds)
{
    double left = done > 0 ? seconds * (total - done) / done : 0;
    fprintf(stderr, "%scfmpi: %-10s %3.0f %%  %.3g %s/s  %.0f s left%s",
            show.terminal ? "\r" : "", show.stage, 100 * done / total,
            done / seconds, show.unit, left, show.terminal ? "   " : "\n");
    fflush(stderr);
    show.drawn = true;
}

void cf_progress_step(double done, double total)
{
    if (!show.active || show.stage == NULL || total <= 0)
        return;
    double now = cf_clock();
    if (now - show.last < (show.terminal ? REDRAW_SECONDS : PLAIN_SECONDS))
        return;
    show.last = now;
    draw(done, total, now - show.begun);
}

void cf_progress_end(void)
{
    if (show.active && show.terminal && show.drawn)
        fprintf(stderr, "\r%72s\r", "");
    show.drawn = false;
    show.stage = NULL;
}
