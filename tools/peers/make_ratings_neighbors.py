"""The K nearest users, or items, by cosine of the ratings, as a careful user of
these libraries would find them; one JSON line each.

    make_ratings_neighbors.py PROGRAM SIDE MATRIX     similaripy,
        sparse_dot_topn or implicit (items only): seconds, taken for users from
        a sample (timed: how many rows), and peak memory in bytes
    make_ratings_neighbors.py check SIDE RESULT       cfmpi's own lists of SAMPLE
        rows against SciPy's products in float64: rows, wrong (scores that are
        not those of the best), difference (of scores)

MATRIX and RESULT are files of cfmpi; the libraries use all cores.
"""
import json
import os
import resource
import sys
import time

import h5py
import numpy
import scipy.sparse

K = 50
THREADS = len(os.sched_getaffinity(0))
SAMPLE = 500
FEW, MANY = 100, 2000  # users that are timed


def read(path, side):
    with h5py.File(path) as file:
        shape = len(file["users/id"]), len(file["items/id"])
        ratings = scipy.sparse.csr_matrix(
            tuple(file[f"ratings/{name}"][:] for name in ("values", "indices", "indptr")), shape)
    return ratings if side == "users" else ratings.T.tocsr()


def unit(rows):
    lengths = numpy.sqrt(rows.multiply(rows).sum(axis=1)).A1
    return scipy.sparse.diags(1 / numpy.maximum(lengths, 1e-30)) @ rows


def seconds_of(call, *args):
    begin = time.perf_counter()
    call(*args)
    return time.perf_counter() - begin


def timed(search, side, rows):
    """All items, or all users from what some more of them take."""
    if side == "items":
        return {"seconds": seconds_of(search, None), "timed": rows}
    sample = numpy.random.default_rng(0).permutation(rows)[:MANY]
    few, many = (seconds_of(search, part) for part in (sample[:FEW], sample))
    each = (many - few) / (len(sample) - FEW)
    return {"seconds": few + each * (rows - FEW), "timed": len(sample)}


def similaripy(side, path):
    import similaripy as library
    rows = read(path, side).astype("f4")
    return timed(lambda part: library.cosine(rows, k=K, num_threads=THREADS, verbose=False,
                                             target_rows=part), side, rows.shape[0])


def sparse_dot_topn(side, path):
    from sparse_dot_topn import sp_matmul_topn
    rows = unit(read(path, side)).astype("f4").tocsr()
    columns = rows.T.tocsr()
    return timed(lambda part: sp_matmul_topn(rows if part is None else rows[part], columns,
                                             top_n=K + 1, n_threads=THREADS, sort=True),
                 side, rows.shape[0])


def implicit(side, path):
    from implicit.nearest_neighbours import CosineRecommender
    ratings = read(path, "users")
    return timed(lambda _: CosineRecommender(K=K, num_threads=THREADS).fit(
        ratings, show_progress=False), side, ratings.shape[1])


def check(side, path):
    rows = unit(read(path, side).astype("f8")).tocsr()
    with h5py.File(path) as file:
        score = file[f"neighbors/{side}/score"][:]
    sample = numpy.random.default_rng(1).permutation(rows.shape[0])[:SAMPLE]
    wrong, difference = 0, 0.0
    for row in sample:
        all_scores = (rows @ rows[row].T).toarray().ravel()
        all_scores[row] = 0
        best = -numpy.sort(-all_scores)[:K]
        best = best[best > 0]
        listed = score[row][~numpy.isnan(score[row])]
        if len(listed) != len(best):
            wrong += 1
            continue
        away = float(numpy.abs(listed - best).max(initial=0.0))
        wrong += away > 1e-6
        difference = max(difference, away)
    return {"rows": len(sample), "wrong": wrong, "difference": difference}


STEPS = {"similaripy": similaripy, "sparse_dot_topn": sparse_dot_topn, "implicit": implicit,
         "check": check}

if __name__ == "__main__":
    told = STEPS[sys.argv[1]](*sys.argv[2:])
    if sys.argv[1] != "check":
        told["peak"] = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps(told))
