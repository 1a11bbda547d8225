"""The nearest rows of each row of cfmpi's embedding, as one would find them
with other programs.

    make_neighbors.py version PEER   faiss, hnswlib or scann: whether it can be
        used, and its version or the reason why not, in a line of JSON
    make_neighbors.py PEER FILE THREADS K OUT   one JSON line: seconds of
        building and asking for K + 1 (reading and normalising the rows left
        out), peak memory in bytes; the lists, without the row itself, in OUT
        (.npz: index, score)
"""
import json
import os
import resource
import sys
import time
from importlib.metadata import version

import h5py
import numpy

PACKAGES = {"faiss": "faiss-cpu", "hnswlib": "hnswlib", "scann": "scann"}


def with_faiss(rows, k, threads):
    import faiss
    faiss.omp_set_num_threads(threads)

    def find():
        index = faiss.IndexFlatIP(rows.shape[1])
        index.add(rows)
        score, found = index.search(rows, k)
        return found, score
    return find


def with_hnswlib(rows, k, threads):
    import hnswlib

    def find():
        index = hnswlib.Index(space="cosine", dim=rows.shape[1])
        index.set_num_threads(threads)
        index.init_index(max_elements=len(rows), ef_construction=200, M=32)
        index.add_items(rows, num_threads=threads)
        index.set_ef(128)
        found, distance = index.knn_query(rows, k, num_threads=threads)
        return found, 1 - distance
    return find


def with_scann(rows, k, threads):
    from scann import scann_ops_pybind

    def find():
        builder = scann_ops_pybind.builder(rows, k, "dot_product")
        builder.set_n_training_threads(threads)
        builder.tree(num_leaves=800, num_leaves_to_search=80, training_sample_size=100000)
        builder.score_ah(2, anisotropic_quantization_threshold=0.2).reorder(200)
        searcher = builder.build()
        searcher.set_num_threads(threads)
        return searcher.search_batched_parallel(rows)
    return find


PEERS = {"faiss": with_faiss, "hnswlib": with_hnswlib, "scann": with_scann}


def read_rows(path):
    """Of length 1, or 0 where there is no direction."""
    with h5py.File(path) as file:
        rows = file["embedding/users"][:]
    length = numpy.sqrt(numpy.einsum("ij,ij->i", rows, rows, dtype="f8"))[:, None]
    rows /= numpy.where(length > 0, length, 1).astype("f4")
    return rows


def without_self(index, score, k):
    """The first k of each row that are not the row; all but the last where
    the row was not found."""
    own = index == numpy.arange(len(index))[:, None]
    order = numpy.argsort(own, axis=1, kind="stable")[:, :k]
    return {"index": numpy.take_along_axis(index, order, axis=1).astype("i4"),
            "score": numpy.take_along_axis(score, order, axis=1)}


def main(peer, path, threads, k, out):
    # Before the libraries are loaded.
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = threads
    find = PEERS[peer](read_rows(path), int(k) + 1, int(threads))
    begin = time.perf_counter()
    index, score = find()
    seconds = time.perf_counter() - begin
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    numpy.savez(out, **without_self(index, score, int(k)))
    print(json.dumps({"seconds": seconds, "peak": peak}))


def usable(peer):
    try:
        __import__(peer)
    except ImportError as error:
        return {"usable": False, "told": str(error)}
    return {"usable": True, "told": version(PACKAGES[peer])}


if sys.argv[1] == "version":
    print(json.dumps(usable(sys.argv[2])))
else:
    main(*sys.argv[1:])
