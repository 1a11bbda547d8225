#include "h5_set.h"

#define CHUNK_CACHE ((size_t)1 << 20) /* of HDF5 itself */
#define DIMS 2

int cf_h5_set_file(cf_h5 *file)
{
    if (!cf_h5_is_hdf5(file->path))
        return cf_fail(CF_BAD_DATA, "%s: not an HDF5 file", file->path);
    H5Eset_auto(H5E_DEFAULT, NULL, NULL);
    file->id = H5Fopen(file->path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (file->id >= 0)
        return CF_OK;
    file->id = 0;
    return cf_fail(CF_BAD_DATA,
                   "%s: damaged or truncated HDF5 file; make it again",
                   file->path);
}

/* How a dataset is cut into chunks; one, of its own size, where it is not. */
typedef struct chunks {
    int dims;
    hsize_t size[DIMS], chunk[DIMS], number[DIMS];
    bool chunked;
} chunks;

static bool find_chunks(hid_t dataset, chunks *c)
{
    hid_t plist = H5Dget_create_plist(dataset), space = H5Dget_space(dataset);
    c->dims = H5Sget_simple_extent_ndims(space);
    c->chunked = H5Pget_layout(plist) == H5D_CHUNKED;
    bool good = c->dims >= 1 && c->dims <= DIMS &&
                H5Sget_simple_extent_dims(space, c->size, NULL) == c->dims;
    if (good && c->chunked)
        good = H5Pget_chunk(plist, c->dims, c->chunk) == c->dims;
    for (int i = 0; good && i < c->dims; i++) {
        hsize_t one = c->chunked ? c->chunk[i] : c->size[i];
        good = one > 0 || !c->chunked;
        c->number[i] = one > 0 ? (c->size[i] + one - 1) / one : 0;
    }
    H5Sclose(space);
    H5Pclose(plist);
    return good;
}

hid_t cf_h5_set_open(hid_t file, const char *name, int axis)
{
    chunks c = {0};
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    if (dataset < 0 || !find_chunks(dataset, &c) || !c.chunked)
        return dataset;
    hid_t type = H5Dget_type(dataset);
    size_t bytes = H5Tget_size(type);
    H5Tclose(type);
    for (int i = 0; i < c.dims; i++)
        bytes *= (size_t)(c.chunk[i] * (i != axis ? c.number[i] : 1));
    if (bytes <= CHUNK_CACHE)
        return dataset;
    H5Dclose(dataset);
    hid_t access = H5Pcreate(H5P_DATASET_ACCESS);
    H5Pset_chunk_cache(access, H5D_CHUNK_CACHE_NSLOTS_DEFAULT, bytes, 1);
    dataset = H5Dopen2(file, name, access);
    H5Pclose(access);
    return dataset;
}

static bool filters_known(hid_t dataset, char *name, size_t size)
{
    hid_t plist = H5Dget_create_plist(dataset);
    bool known = true;
    for (int i = 0; known && i < H5Pget_nfilters(plist); i++) {
        unsigned flags;
        size_t values = 0;
        H5Z_filter_t id = H5Pget_filter2(plist, (unsigned)i, &flags, &values,
                                         NULL, size, name, NULL);
        known = id >= 0 && H5Zfilter_avail(id) > 0;
    }
    H5Pclose(plist);
    return known;
}

static bool all_written(hid_t dataset)
{
    chunks c = {0};
    H5D_space_status_t allocated;
    hsize_t wanted = 1, elements = 1, written = 0;
    if (!find_chunks(dataset, &c))
        return false;
    for (int i = 0; i < c.dims; i++) {
        wanted *= c.number[i];
        elements *= c.size[i];
    }
    if (!c.chunked)
        return elements == 0 ||
               (H5Dget_space_status(dataset, &allocated) >= 0 &&
                allocated == H5D_SPACE_STATUS_ALLOCATED);
    hid_t space = H5Dget_space(dataset);
    bool whole =
        H5Dget_num_chunks(dataset, space, &written) >= 0 && written == wanted;
    H5Sclose(space);
    return whole;
}

int cf_h5_set_check(hid_t dataset, const char *path, const char *name)
{
    char filter[64] = "";
    if (!filters_known(dataset, filter, sizeof filter))
        return cf_fail(CF_BAD_DATA,
                       "%s: %s is compressed with the filter '%s', which this "
                       "HDF5 does not have; save it with gzip",
                       path, name, filter);
    if (!all_written(dataset))
        return cf_fail(CF_BAD_DATA,
                       "%s: parts of %s were never written; make the file "
                       "again",
                       path, name);
    return CF_OK;
}

bool cf_h5_set_read(hid_t dataset, hid_t type, int dims, const hsize_t *start,
                    const hsize_t *count, void *out)
{
    for (int i = 0; i < dims; i++)
        if (count[i] == 0)
            return true;
    hid_t space = H5Dget_space(dataset);
    hid_t memory = H5Screate_simple(dims, count, NULL);
    bool good = H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count,
                                    NULL) >= 0 &&
                H5Dread(dataset, type, memory, space, H5P_DEFAULT, out) >= 0;
    H5Sclose(memory);
    H5Sclose(space);
    return good;
}
