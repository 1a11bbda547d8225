"""What the program computes, written plainly in Python to compare with."""
import csv
import ctypes
import functools
import io
import json
from pathlib import Path
from typing import NamedTuple, Optional

import h5py
import numpy as np
import scipy.sparse as sparse

MIB = 1 << 20


# Input files

class Format(NamedTuple):
    ratings: str
    titles: Optional[str]
    separator: str
    header: int
    options: tuple
    ranks: int


DATASETS = {
    "ml-100k": Format("u.data", None, "\t", 0,
                      ("--dim", 64, "--tol", 1e-5, "--side", "both"), 2),
    "ml-1m": Format("ratings.dat", "movies.dat", "::", 0,
                    ("--dim", 128, "--tol", 1e-5), 4),
    "ml-latest-small": Format("ratings.csv", "movies.csv", ",", 1,
                              ("--dim", 32, "--tol", 1e-5), 3),
    "ml-latest-small-2016": Format("ratings.csv", "movies.csv", ",", 1,
                                   ("--dim", 32, "--tol", 1e-5), 1),
}


class Dataset(NamedTuple):
    """Paths and run options of a data set, and what its files say."""
    name: str
    ratings: Path
    titles: Optional[Path]
    options: tuple
    ranks: int
    users: np.ndarray
    items: np.ndarray
    matrix: sparse.csr_matrix


@functools.lru_cache(None)
def dataset(folder, name):
    form = DATASETS[name]
    path = folder / name / form.ratings
    titles = folder / name / form.titles if form.titles else None
    return Dataset(name, path, titles, form.options, form.ranks,
                   *read_ratings(path, form.separator, form.header))


def read_ratings(path, separator=",", header=1):
    """User ids, item ids (both ascending) and the matrix between them."""
    text = path.read_bytes().replace(separator.encode(), b",")
    rows = np.loadtxt(io.BytesIO(text), delimiter=",", skiprows=header,
                      usecols=(0, 1, 2), ndmin=2)
    users, user = np.unique(rows[:, 0].astype(np.int64), return_inverse=True)
    items, item = np.unique(rows[:, 1].astype(np.int64), return_inverse=True)
    matrix = sparse.csr_matrix((rows[:, 2], (user, item)),
                               shape=(len(users), len(items)))
    matrix.sort_indices()
    return users, items, matrix


def read_titles(path):
    """{item id: title} of a movies.csv (UTF-8) or movies.dat (Latin-1)."""
    if path.suffix == ".dat":
        lines = path.read_text(encoding="latin-1").splitlines()
        rows = [line.split("::") for line in lines]
    else:
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))[1:]
    return {int(row[0]): row[1] for row in rows}


# Result files

def datasets(path):
    """Names of all datasets in an HDF5 file."""
    names = []
    with h5py.File(path, "r") as file:
        file.visititems(lambda name, node: names.append(name)
                        if isinstance(node, h5py.Dataset) else None)
    return sorted(names)


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def digests(path, *prefixes):
    """{dataset: digest attribute}, of the groups named only."""
    with h5py.File(path, "r") as file:
        return {name: text(file[name].attrs["digest"])
                for name in datasets(path) if not prefixes
                or name.startswith(tuple(prefixes))}


def input_of(path):
    """The root attribute that tells about the input."""
    with h5py.File(path, "r") as file:
        return json.loads(file.attrs["input"])


def stored_bytes(path, name):
    """A dataset's bytes as they stand in the file, which is contiguous."""
    with h5py.File(path, "r") as file:
        offset = file[name].id.get_offset()
        size = file[name].id.get_storage_size()
    if not size:
        return b""
    with open(path, "rb") as file:
        file.seek(offset)
        return file.read(size)


def load(path, *names):
    with h5py.File(path, "r") as file:
        values = [file[name][()] for name in names]
    return values[0] if len(names) == 1 else values


class Hash128(ctypes.Structure):
    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]


@functools.lru_cache(None)
def xxhash():
    library = ctypes.CDLL("libxxhash.so.0")
    for name, result in (("XXH3_64bits", ctypes.c_uint64),
                         ("XXH3_128bits", Hash128)):
        function = getattr(library, name)
        function.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
        function.restype = result
    return library


def digest(content):
    """XXH3-128 of the concatenated XXH3-64 of the pieces of 1 MiB, each in its
    canonical form, which is big-endian."""
    pieces = [content[at:at + MIB] for at in range(0, len(content), MIB)]
    joined = b"".join(
        xxhash().XXH3_64bits(piece, len(piece)).to_bytes(8, "big")
        for piece in pieces)
    whole = xxhash().XXH3_128bits(joined, len(joined))
    return f"{whole.high:016x}{whole.low:016x}"


# Embedding

def residuals(matrix, scaled_users, sigma, v):
    """Left and right residuals over sigma, and max|U'U - I|."""
    scale = np.where(sigma > np.finfo(float).eps * sigma[0], sigma, sigma[0])
    u, v = scaled_users.astype(float) / scale, v.astype(float)
    left = np.linalg.norm(matrix @ v - u * sigma, axis=0) / scale
    right = np.linalg.norm(matrix.T @ u - v * sigma, axis=0) / scale
    return left, right, np.abs(u.T @ u - np.eye(len(sigma))).max()


def clusters(sigma, dim, relative):
    """[begin, end) of the runs of singular values closer to each other than
    `relative`, as far as they begin below dim; the last may end beyond it."""
    cuts = np.flatnonzero(sigma[:-1] - sigma[1:] > relative * sigma[:-1]) + 1
    begins = np.r_[0, cuts]
    return [(begin, end) for begin, end in zip(begins, np.r_[cuts, len(sigma)])
            if begin < dim]


def gap(sigma, begin, end):
    """From a run of singular values to the nearest other one; values beyond
    the last are zero."""
    above = sigma[begin - 1] - sigma[begin] if begin > 0 else np.inf
    below = sigma[end - 1] - (sigma[end] if end < len(sigma) else 0)
    return min(above, below)


# Neighbours

class Lists(NamedTuple):
    index: np.ndarray
    score: np.ndarray
    count: np.ndarray
    gap: np.ndarray
    ties: np.ndarray


def cosines(q, x):
    norms, own = (x * x).sum(axis=1), (q * q).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        scores = (q @ x.T) / np.sqrt(np.outer(own, norms))
    scores[own == 0] = np.nan
    scores[:, norms == 0] = np.nan
    return scores


def distances(q, x):
    """Below zero, so that the nearest has the highest score."""
    return -np.array([np.sqrt(((x - own) ** 2).sum(axis=1)) for own in q])


SCORES = {"cosine": cosines, "dot": lambda q, x: q @ x.T, "euclidean": distances}


def neighbors(vectors, k, similarity="cosine", queries=None, own=None):
    """Exact lists by brute force in float64; scores rounded to float32,
    nearest first, then the smaller row. The lists are those of all rows, of
    the rows `own`, or of `queries`."""
    x = vectors.astype(float)
    if queries is None:
        own = np.arange(len(x)) if own is None else np.asarray(own)
        queries = x[own]
    q = queries.astype(float)
    n = len(q)
    lists = Lists(np.full((n, k), -1), np.full((n, k), np.nan, np.float32),
                  np.zeros(n, int), np.full(n, np.nan, np.float32),
                  np.zeros(n, int))
    for begin in range(0, n, 1000):
        scores = SCORES[similarity](q[begin:begin + 1000], x).astype(np.float32)
        scores[np.isnan(scores)] = -np.inf
        for row, score in enumerate(scores, begin):
            if own is not None:
                score[own[row]] = -np.inf
            last = (np.partition(score, len(x) - k - 1)[len(x) - k - 1]
                    if k < len(x) else -np.inf)
            found = np.flatnonzero((score >= last) & (score > -np.inf))
            # A stable sort leaves equal scores in row order.
            found = found[np.argsort(-score[found], kind="stable")]
            kept, count = found[:k], min(k, len(found))
            lists.index[row, :count] = kept
            lists.score[row, :count] = score[kept]
            lists.count[row] = count
            if len(found) > k:
                lists.gap[row] = score[kept[-1]] - score[found[k]]
                lists.ties[row] = np.count_nonzero(score[found[k:]] == score[kept[-1]])
    if similarity == "euclidean":
        np.negative(lists.score, out=lists.score)
    return lists


def item_vectors(v, sigma):
    return (v * sigma).astype(np.float32)


# Prediction: sum of s*r over sum of s, over the listed neighbours with s > 0
# who rated the item, in list order

def contributing(index, score):
    """The neighbours of one list that count, with float64 scores."""
    return [(row, float(s)) for row, s in zip(index, score)
            if row >= 0 and s > 0]


def predict(rating_of, index, score, item):
    """rating_of: {(user row, item row): rating}."""
    above = below = 0.0
    for row, s in contributing(index, score):
        rating = rating_of.get((row, item))
        if rating is not None:
            above += s * rating
            below += s
    return np.float32(above / below) if below > 0 else np.float32(0)


def top_items(matrix, user, index, score, top):
    """Item rows and scores of the best unseen items of one user."""
    above, below = np.zeros(matrix.shape[1]), np.zeros(matrix.shape[1])
    for row, s in contributing(index, score):
        span = slice(matrix.indptr[row], matrix.indptr[row + 1])
        items = matrix.indices[span]
        above[items] += s * matrix.data[span]
        below[items] += s
    below[matrix[user].indices] = 0
    found = np.flatnonzero(below > 0)
    scores = (above[found] / below[found]).astype(np.float32)
    order = np.argsort(-scores, kind="stable")[:top]
    return found[order], scores[order]
