/* Arrays of whole large pages. What is given back is kept for the next one:
 * memory that the system hands out for the first time is cleared page by page,
 * at no more than some GB/s. */
#ifndef CFMPI_PAGES_H
#define CFMPI_PAGES_H

#include <stdbool.h>
#include <stdint.h>

#define CF_PAGE ((int64_t)2 << 20)

/* `bytes` on a page boundary, NULL when there are none; where not `large`, as
 * small pages. `*cleared` tells whether they are zeros. Local. */
void *cf_pages_take(int64_t bytes, bool large, bool *cleared);

/* Gives back what cf_pages_take gave, and returns its bytes; -1, and nothing
 * happens, for any other address. Local. */
int64_t cf_pages_give(void *p);

/* The bytes that such an array was taken with; -1 for any other. Local. */
int64_t cf_pages_size(const void *p);

/* Lets the system have what is kept beyond `most` bytes. Local. */
void cf_pages_trim(int64_t most);

#endif
