/* Names of an axis in HDF5: a dataset of strings or integers, or such a field
 * of a table. */
#ifndef CFMPI_H5_NAMES_H
#define CFMPI_H5_NAMES_H

#include "cfmpi/h5.h"
#include "cfmpi/ids.h"

/* {0} is closed. */
typedef struct cf_h5_names {
    hid_t dataset, memory; /* memory: what elements are read as */
    H5T_class_t kind;      /* string or integer */
    bool variable, is_signed, padded;
    size_t width; /* of an element in memory */
    char label[2 * CF_NAME_MAX];
} cf_h5_names;

/* Text of a small attribute into out[size]; false when it is absent, none, or
 * longer. Local. */
bool cf_h5_attribute_text(hid_t file, const char *object, const char *name,
                          char *out, size_t size);

/* Elements [begin, begin + count) of a dataset with one dimension. Local. */
bool cf_h5_read_range(hid_t dataset, hid_t type, int64_t begin, int64_t count,
                      void *out);

/* Finds the names in the group or table `base`: what its attribute _index
 * tells, _index, or index. False when there are none, or not `count`. Local. */
bool cf_h5_names_open(cf_h5_names *n, const cf_h5 *file, const char *base,
                      int64_t count);

/* Names [begin, begin + count) into `out`; 8 bytes in front of each string can
 * be read; of strings over CF_ID_MAX only that much and a byte comes. `path`
 * is for messages. CF_BAD_DATA. Local. */
int cf_h5_names_read(const cf_h5_names *n, const char *path, int64_t begin,
                     int64_t count, cf_ids *out);

/* Safe on {0} and twice. Local. */
void cf_h5_names_close(cf_h5_names *n);

#endif
