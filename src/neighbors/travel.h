/* Blocks and lists on their way between ranks: blocks go round the ring, and
 * the lists of rows that visit another rank go back to where the rows live. */
#ifndef CFMPI_TRAVEL_H
#define CFMPI_TRAVEL_H

#include <stddef.h>

#include "cfmpi/context.h"
#include "cfmpi/partition.h"
#include "cfmpi/ring.h"
#include "cfmpi/topk.h"

/* Entries of lists that a rank sends, or gets, at a time. */
#ifndef CF_TRAVEL_ROUND
#define CF_TRAVEL_ROUND (1 << 18)
#endif

/* Blocks of bytes that go round the ring. */
typedef struct cf_travel {
    const cf_par *par;
    cf_part bytes;   /* of each rank's own block */
    char *buffer[2]; /* of the largest of them, or NULL */
} cf_travel;

/* Local blocks of so many bytes; two buffers, or as many as there will be turns
 * where fewer, for those who want no room. Collective. */
void cf_travel_begin(cf_travel *c, const cf_par *par, int64_t bytes,
                     int buffers);
void cf_travel_end(cf_travel *c);

/* Room for the own block of a caller who has it nowhere in one piece. */
char *cf_travel_room(const cf_travel *c);

/* The block in hand at a step from 1 on. Local. */
char *cf_travel_block(const cf_travel *c, int step);
int64_t cf_travel_bytes(const cf_travel *c, int step);

/* Starts moving on from the block of `step`, `own` at the first, to that of
 * the next. Collective. */
void cf_travel_turn(const cf_travel *c, cf_ring *ring, const char *own,
                    int step);

/* Rows' data that go to rank + step while those of rank - step come; counts in
 * rows of `size` bytes. Collective. */
void cf_travel_swap(const cf_par *par, int step, const void *send, int64_t sent,
                    void *recv, int64_t got, size_t size);

/* Offers an entry for a row of own lists. */
typedef void cf_travel_offer(void *to, int64_t row, float score, cf_gidx index);

/* Sends lists home, those of `to` [ranks] rows to each rank in their order, and
 * merges into `own` those of own rows that come back, `from` of each rank:
 * entries by `offer`, which may know of a floor. Returns how many went.
 * Collective; 12 bytes an entry, 6 MiB or so of them at a time. */
int64_t cf_travel_lists(const cf_par *par, const cf_topk *away,
                        const int64_t *to, cf_topk *own, const int64_t *from,
                        cf_travel_offer *offer, void *data);

/* The same for the lists of the visitors of a step. */
int64_t cf_travel_home(const cf_par *par, int step, const cf_topk *away,
                       cf_topk *own, cf_travel_offer *offer, void *data);

#endif
