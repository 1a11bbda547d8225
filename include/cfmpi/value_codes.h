/* Numbers in place of the values of a matrix that has few of them. */
#ifndef CFMPI_VALUE_CODES_H
#define CFMPI_VALUE_CODES_H

#include <stdint.h>
#include <string.h>

#define CF_CODES 16 /* values at most */

/* Values by their bits, in the order in which they came. */
typedef struct cf_value_codes {
    int count;
    uint32_t bits[CF_CODES];
    uint8_t slot[64]; /* number + 1, 0 where empty */
} cf_value_codes;

/* The number of a value; CF_CODES where there is no room for another. Local. */
static inline unsigned cf_value_code(cf_value_codes *c, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    unsigned at = (bits * 2654435761u) >> 26;
    while (c->slot[at] != 0) {
        unsigned code = c->slot[at] - 1u;
        if (c->bits[code] == bits)
            return code;
        at = (at + 1) & 63;
    }
    if (c->count == CF_CODES)
        return CF_CODES;
    c->bits[c->count] = bits;
    c->slot[at] = (uint8_t)++c->count;
    return (unsigned)c->count - 1;
}

/* The value with a number. Local. */
static inline float cf_code_value(const cf_value_codes *c, int code)
{
    float value;
    memcpy(&value, &c->bits[code], sizeof value);
    return value;
}

#endif
