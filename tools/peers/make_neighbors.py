"""The nearest rows of each row of cfmpi's embedding, as one would find them
with other programs.

    make_neighbors.py version PEER   whether it can be used, and its version or
        the reason why not, in a line of JSON
    make_neighbors.py PEER FILE THREADS K OUT   one JSON line: seconds of
        building and asking for K + 1 (reading and normalising the rows left
        out), threads that were busy on average, peak memory in bytes; the
        lists, without the row itself, in OUT (.npz: index, score)

PEER is faiss, hnswlib, scann, or scann-25, which searches 25 leaves of 800 in
place of 80.
"""
import json
import os
import resource
import sys
import time
from functools import partial
from importlib import import_module
from importlib.metadata import version

import h5py
import numpy


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


def with_scann(leaves, rows, k, threads):
    from scann import scann_ops_pybind

    def find():
        builder = scann_ops_pybind.builder(rows, k, "dot_product")
        builder.set_n_training_threads(threads)
        builder.tree(num_leaves=800, num_leaves_to_search=leaves, training_sample_size=100000)
        builder.score_ah(2, anisotropic_quantization_threshold=0.2).reorder(200)
        searcher = builder.build()
        searcher.set_num_threads(threads)
        return searcher.search_batched_parallel(rows)
    return find


# Module, package, program.
PEERS = {"faiss": ("faiss", "faiss-cpu", with_faiss),
         "hnswlib": ("hnswlib", "hnswlib", with_hnswlib),
         "scann": ("scann", "scann", partial(with_scann, 80)),
         "scann-25": ("scann", "scann", partial(with_scann, 25))}


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
    *_, prepare = PEERS[peer]
    find = prepare(read_rows(path), int(k) + 1, int(threads))
    used, begin = time.process_time(), time.perf_counter()
    index, score = find()
    seconds, used = time.perf_counter() - begin, time.process_time() - used
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    numpy.savez(out, **without_self(index, score, int(k)))
    print(json.dumps({"seconds": seconds, "peak": peak, "busy": used / seconds}))


def usable(peer):
    module, package, _ = PEERS[peer]
    try:
        import_module(module)
    except ImportError as error:
        return {"usable": False, "told": str(error)}
    return {"usable": True, "told": version(package)}


if sys.argv[1] == "version":
    print(json.dumps(usable(sys.argv[2])))
else:
    main(*sys.argv[1:])
