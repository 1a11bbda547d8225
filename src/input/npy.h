/* The headers of NumPy's .npy files, and the numbers behind them. */
#ifndef CFMPI_NPY_H
#define CFMPI_NPY_H

#include <stdbool.h>
#include <stdint.h>

#define CF_NPY_START 12       /* bytes that cf_npy_start looks at */
#define CF_NPY_HEADER 0x10000 /* bytes a header has at most */

typedef struct cf_npy {
    char kind;      /* b, i, u, f (numbers), S, U (text) */
    int width;      /* bytes of an element */
    bool swapped;   /* other byte order than this machine's */
    int dims;       /* 0, 1 or more */
    int64_t count;  /* elements; of a matrix: of its first axis */
    int64_t second; /* of a matrix: of its second axis */
    bool fortran;   /* the first axis runs fastest */
    int64_t begin;  /* of the elements in the file */
    char dtype[32]; /* as it is written, for messages */
} cf_npy;

/* Where the header's text stands, from the first CF_NPY_START bytes of a file.
 * `where` names it in messages. CF_BAD_DATA. Local. */
int cf_npy_start(const char *where, const unsigned char *start, int64_t *begin,
                 int64_t *length);

/* Takes the header's text apart. CF_BAD_DATA when it is damaged, or its
 * elements are of a kind that cannot be read. Local. */
int cf_npy_parse(const char *where, const char *text, int64_t length,
                 cf_npy *a);

/* Elements of kind b, i, u as int64 (saturated), and of any number kind as
 * doubles whose float32 is that of the element. Local. */
void cf_npy_integers(const cf_npy *a, const void *raw, int64_t count,
                     int64_t *out);
void cf_npy_values(const cf_npy *a, const void *raw, int64_t count,
                   double *out);

/* Text of kind S or U in plain ASCII into out[size]; anything else becomes
 * '?'. Local. */
void cf_npy_text(const cf_npy *a, const void *raw, char *out, int size);

#endif
