"""The 10 best items of each user by the mean of its neighbours' ratings, as one
would find them with SciPy; one JSON line each.

    make_recommendations.py scipy RESULT     seconds for all users, taken from
        BLOCKS blocks of USERS; peak memory in bytes
    make_recommendations.py check RESULT     cfmpi's own lists of SAMPLE users
        against the formula in float64, item by item: users, wrong (lists that
        differ), difference (of scores)

RESULT is a file of cfmpi with neighbours; both read its ratings and lists.
"""
import json
import resource
import sys
import time

import h5py
import numpy
import scipy.sparse

TOP = 10
USERS, BLOCKS = 500, 6
SAMPLE = 3000


def read(path):
    """Ratings, and the neighbours' rows and similarities, (n, k) each."""
    with h5py.File(path) as file:
        shape = len(file["users/id"]), len(file["items/id"])
        ratings = scipy.sparse.csr_matrix(
            tuple(file[f"ratings/{name}"][:] for name in ("values", "indices", "indptr")), shape)
        lists = file["neighbors/users"]
        return ratings, lists["index"][:], lists["score"][:]


def weights(index, score, users):
    """The lists as a matrix of users x users; short ones end in -1."""
    good = (index >= 0) & (score > 0)
    begin = numpy.r_[0, numpy.cumsum(good.sum(axis=1))]
    return scipy.sparse.csr_matrix((score[good], index[good], begin), (users, users))


def with_scipy(path):
    ratings, index, score = read(path)
    near = weights(index, score, ratings.shape[0])
    rated = ratings.copy()
    rated.data[:] = 1
    starts = numpy.linspace(0, max(ratings.shape[0] - USERS, 0), BLOCKS).astype(int)
    done, begin = 0, time.perf_counter()
    for start in starts:
        block = slice(start, start + USERS)
        above, below = (near[block] @ ratings).toarray(), (near[block] @ rated).toarray()
        mean = numpy.where(below > 0, above / numpy.maximum(below, 1e-9), 0)
        mean[ratings[block].nonzero()] = -1
        numpy.argpartition(-mean, TOP, axis=1)[:, :TOP]
        done += len(mean)
    seconds = (time.perf_counter() - begin) * ratings.shape[0] / done
    return {"seconds": seconds, "timed": done,
            "peak": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}


def best(ratings, user, index, score):
    """Items and means of one user, summed in the order of the list: higher mean
    as float32 first, then the smaller row."""
    above, below = numpy.zeros(ratings.shape[1]), numpy.zeros(ratings.shape[1])
    for row, similarity in zip(index, score.astype("f8")):
        if row >= 0 and similarity > 0:
            span = slice(ratings.indptr[row], ratings.indptr[row + 1])
            above[ratings.indices[span]] += similarity * ratings.data[span]
            below[ratings.indices[span]] += similarity
    below[ratings[user].indices] = 0
    items = numpy.flatnonzero(below > 0)
    mean = above[items] / below[items]
    order = numpy.lexsort((items, -mean.astype("f4")))[:TOP]
    return items[order], mean[order]


def check(path):
    ratings, index, score = read(path)
    with h5py.File(path) as file:
        listed, given = (file[f"recommendations/{name}"][:] for name in ("index", "score"))
    sample = numpy.random.default_rng(0).permutation(len(listed))[:SAMPLE]
    wrong, difference = 0, 0.0
    for user in sample:
        items, mean = best(ratings, user, index[user], score[user])
        wrong += not numpy.array_equal(listed[user][listed[user] >= 0], items)
        away = numpy.abs(given[user, :len(mean)] - mean)
        difference = max(difference, float(away.max(initial=0.0)))
    return {"users": len(sample), "wrong": wrong, "difference": difference}


STEPS = {"scipy": with_scipy, "check": check}

if __name__ == "__main__":
    print(json.dumps(STEPS[sys.argv[1]](*sys.argv[2:])))
