"""128 triplets of the ratings in a matrix file, as one would compute them with
scikit-learn or SciPy, and how exact they are.

    make_svd.py sklearn|svds MATRIX   one JSON line: seconds (reading left
        out), peak memory in bytes, sigma, residual
    make_svd.py check MATRIX FILE     sigma and residual of the embedding in
        cfmpi's FILE

The residual is the largest of |A v - sigma u| and |A'u - sigma v|, over sigma,
in float64.
"""
import json
import resource
import sys
import time

import h5py
import numpy
from scipy.sparse import csr_matrix

DIM = 128
AT_ONCE = 32  # triplets, for the sake of memory


def read_matrix(path, kind):
    with h5py.File(path) as file:
        ratings = file["ratings"]
        return csr_matrix((ratings["values"][:].astype(kind), ratings["indices"][:],
                           ratings["indptr"][:]),
                          shape=(len(file["users/id"]), len(file["items/id"])))


def residual(matrix, users, sigma, items):
    """Of users = U Sigma [n x k], items = V [m x k]."""
    back, most = matrix.T, 0
    for at in range(0, len(sigma), AT_ONCE):
        part = slice(at, at + AT_ONCE)
        s, v = sigma[part], items[:, part].astype("f8")
        u = numpy.divide(users[:, part], s, out=numpy.zeros((len(users), len(s))), where=s > 0)
        left = numpy.linalg.norm(matrix @ v - s * u, axis=0)
        right = numpy.linalg.norm(back @ u - s * v, axis=0)
        worst = numpy.maximum(left, right) / numpy.where(s > 0, s, sigma.max())
        most = numpy.maximum(most, worst.max())  # a NaN wins
    return float(most)


def with_sklearn(matrix):
    from sklearn.decomposition import TruncatedSVD

    def solve():
        model = TruncatedSVD(n_components=DIM, random_state=0)
        users = model.fit_transform(matrix)
        return users, model.singular_values_, model.components_.T
    return solve


def with_svds(matrix):
    from scipy.sparse.linalg import svds

    def solve():
        u, sigma, vt = svds(matrix, k=DIM, tol=1e-6)
        return u * sigma, sigma, vt.T
    return solve


PEERS = {"sklearn": (with_sklearn, "f4"), "svds": (with_svds, "f8")}


def by_peer(peer, path):
    prepare, kind = PEERS[peer]
    solve = prepare(read_matrix(path, kind))
    begin = time.perf_counter()
    result = solve()
    seconds = time.perf_counter() - begin
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return result, {"seconds": seconds, "peak": peak}


def by_cfmpi(path):
    with h5py.File(path) as file:
        embedding = file["embedding"]
        return (embedding["users"][:], embedding["singular_values"][:],
                embedding["items"][:]), {}


def main(step, path, *rest):
    (users, sigma, items), told = by_cfmpi(*rest) if step == "check" else by_peer(step, path)
    sigma = sigma.astype("f8")
    told["residual"] = residual(read_matrix(path, "f8"), users, sigma, items)
    told["sigma"] = sorted(sigma.tolist(), reverse=True)
    print(json.dumps(told))


main(*sys.argv[1:])
