"""How right lists of neighbours are; one JSON line each.

    check_neighbors.py recall RESULT FILE   of a peer's lists (.npz) against
        those in cfmpi's RESULT: recall, the share of neighbours whose cosine
        reaches the last one's in cfmpi's list less 1e-6, whichever rows they
        are; difference, the largest of the scores, place by place
    check_neighbors.py exact RESULT         of cfmpi's lists of a sample of
        rows against all cosines in float64: rows, wrong (lists that differ),
        difference (of scores)
"""
import json
import sys

import h5py
import numpy

SLACK = 1e-6
SAMPLE = 500
AT_ONCE = 1024, 50  # rows, for the sake of memory: of lists, of the sample


def read_result(path):
    """Rows in float64 of length 1 (NaN without direction), lists, scores."""
    with h5py.File(path) as file:
        rows = file["embedding/users"][:].astype("f8")
        lists = file["neighbors/users"]
        index, score = lists["index"][:], lists["score"][:]
    with numpy.errstate(invalid="ignore"):
        rows /= numpy.linalg.norm(rows, axis=1, keepdims=True)
    return rows, index, score


def parts(count, step):
    return (slice(at, min(at + step, count)) for at in range(0, count, step))


def recall(result, path):
    rows, index, score = read_result(result)
    peer = numpy.load(path)
    found = numpy.sort(peer["index"], axis=1)
    again = numpy.zeros(found.shape, bool)
    again[:, 1:] = found[:, 1:] == found[:, :-1]
    least = numpy.fmin.reduce(score, axis=1, keepdims=True) - SLACK
    hits = 0
    for part in parts(len(rows), AT_ONCE[0]):
        cosine = numpy.matmul(rows[found[part]], rows[part, :, None])[:, :, 0]
        hits += numpy.count_nonzero((cosine >= least[part]) & (found[part] >= 0) & ~again[part])
    return {"recall": hits / numpy.count_nonzero(index >= 0),
            "difference": float(numpy.nanmax(numpy.abs(peer["score"] - score)))}


def nearest(cosines, row, k):
    """By score as float32, of equal ones the first."""
    rounded = numpy.nan_to_num(cosines, nan=-numpy.inf).astype("f4")
    rounded[row] = -numpy.inf
    k = min(k, numpy.count_nonzero(rounded > -numpy.inf))
    if k == 0:
        return numpy.zeros(0, int)
    near = numpy.flatnonzero(rounded >= numpy.partition(rounded, -k)[-k])
    return near[numpy.lexsort((near, -rounded[near]))][:k]


def exact(result):
    rows, index, score = read_result(result)
    sample = numpy.random.default_rng(0).permutation(len(rows))[:SAMPLE]
    wrong, difference = 0, 0.0
    for part in parts(len(sample), AT_ONCE[1]):
        for row, cosines in zip(sample[part], rows[sample[part]] @ rows.T):
            listed = index[row][index[row] >= 0]
            wrong += not numpy.array_equal(listed, nearest(cosines, row, index.shape[1]))
            away = numpy.abs(score[row, :len(listed)] - cosines[listed])
            difference = max(difference, away.max(initial=0.0))
    return {"rows": len(sample), "wrong": wrong, "difference": float(difference)}


STEPS = {"recall": recall, "exact": exact}

print(json.dumps(STEPS[sys.argv[1]](*sys.argv[2:])))
