"""Weights, centring, scales, sizes and starts of the embedding, from their
definitions in float64."""
import json

import h5py
import numpy as np
import pytest
import reference
import scipy.sparse as sparse
from conftest import together
from reference import digests, load, text
from scipy.sparse.linalg import svds

WEIGHTINGS = ["none", "log", "binary", "tfidf", "bm25"]
CENTRES = ["none", "user", "item", "both"]
VECTORS = ("embedding/users", "embedding/items", "embedding/singular_values")


# Definitions. N users, df of whom rated the item; what is rated stays stored,
# zeros included.

def weighted(matrix, weighting):
    a = matrix.tocoo()
    r, users = a.data.astype(float), a.shape[0]
    length = np.bincount(a.row, r, users)
    idf = np.log(users) - np.log(1 + np.bincount(a.col, minlength=a.shape[1]))
    values = {
        "none": lambda: r,
        "log": lambda: np.log(1 + r),
        "binary": lambda: np.ones_like(r),
        "tfidf": lambda: np.sqrt(r) * idf[a.col],
        "bm25": lambda: r * 2.2 / (1.2 * (0.25 + 0.75 * length[a.row]
                                          / length.mean()) + r) * idf[a.col],
    }[weighting]()
    return a, values, idf, length.mean()


def means(group, values, groups):
    count = np.bincount(group, minlength=groups)
    return np.bincount(group, values, groups) / np.maximum(count, 1)


def transformed(matrix, weighting="none", center="none"):
    """The matrix that is decomposed, and the means taken from the items."""
    a, values, _, _ = weighted(matrix, weighting)
    item_mean = means(a.col, values, a.shape[1])
    if center in ("item", "both"):
        values = values - item_mean[a.col]
    if center in ("user", "both"):
        values = values - means(a.row, values, a.shape[0])[a.row]
    return sparse.csr_matrix((values, (a.row, a.col)), a.shape), item_mean


def attributes(path):
    with h5py.File(path, "r") as file:
        return {name: text(value) if isinstance(value, (bytes, str)) else value
                for name, value in file["embedding"].attrs.items()}


def save_csv(path, dense):
    user, item = np.nonzero(dense)
    np.savetxt(path, np.c_[user, item, dense[user, item]], "%.9g", ",",
               header="userId,movieId,rating", comments="")
    return path


# Weights and centring

def check_embedding(path, matrix):
    """Triplets and certificate of the file are those of this matrix, but for
    its rounding to float32."""
    users, v, sigma = load(path, *VECTORS)
    exact = np.sort(svds(matrix, k=len(sigma), tol=0,
                         return_singular_vectors=False))[::-1]
    assert np.allclose(sigma, exact, rtol=1e-6, atol=0)
    left, right, orthogonality = reference.residuals(matrix, users, sigma, v)
    residual = load(path, "embedding/residuals")
    rounding = 1e-7 * np.linalg.norm(matrix.data) / sigma
    assert residual.max() <= 1e-5
    assert np.all(np.abs(np.maximum(left, right) - residual) <= rounding)
    stored = attributes(path)["orthogonality"]
    assert abs(stored - orthogonality) <= rounding.max()
    share = load(path, "embedding/explained_variance")
    assert np.allclose(share, exact**2 / (matrix.data**2).sum(), rtol=3e-6, atol=0)


def check_learned(path, matrix, weighting, center):
    _, _, idf, mean_length = weighted(matrix, weighting)
    told = attributes(path)
    assert (told["weighting"], told["center"]) == (weighting, center)
    assert told["mean_length"] == pytest.approx(
        mean_length if weighting == "bm25" else 0, rel=1e-12, abs=0)
    with h5py.File(path, "r") as file:
        stored = set(file["embedding"])
    assert ("idf" in stored) == (weighting in ("tfidf", "bm25"))
    assert ("item_mean" in stored) == (center in ("item", "both"))
    if "idf" in stored:
        assert np.allclose(load(path, "embedding/idf"), idf, rtol=0, atol=1e-13)
    if "item_mean" in stored:
        exact = transformed(matrix, weighting, center)[1]
        assert np.allclose(load(path, "embedding/item_mean"), exact, rtol=1e-6,
                           atol=1e-6)


# Ones less their mean leave nothing: see the matrices of zeros below.
PAIRS = [(weighting, center) for weighting in WEIGHTINGS for center in CENTRES
         if weighting != "binary" or center == "none"]


@pytest.mark.parametrize("dataset, pairs", [
    ("ml-100k", PAIRS),
    ("ml-latest-small", [("none", "both"), ("tfidf", "user"), ("bm25", "item")]),
], indirect=["dataset"], ids=["more_users", "more_items"])
def test_weights_and_centring(cfmpi, dataset, tmp_path, pairs):
    def one(pair):
        path = tmp_path / f"{'-'.join(pair)}.h5"
        cfmpi("svd", dataset.ratings, "-o", path, "--dim", 6, "--tol", 1e-5,
              "--weighting", pair[0], "--center", pair[1], ranks=0)
        verdict = cfmpi("verify", path, ranks=0).stdout
        assert "DIFFERENT" not in verdict and "residuals of 6" in verdict
        return path
    for pair, path in zip(pairs, together(one, pairs)):
        check_learned(path, dataset.matrix, *pair)
        check_embedding(path, transformed(dataset.matrix, *pair)[0])


@pytest.mark.parametrize("options", [("tfidf", "both"), ("bm25", "item"),
                                     ("log", "both")], ids="-".join)
def test_what_is_learned_does_not_depend_on_the_ranks(cfmpi, data, tmp_path, options):
    ratings = data / "ml-latest-small/ratings.csv"

    def one(ranks):
        path = tmp_path / f"{ranks}.h5"
        cfmpi("svd", ratings, "-o", path, "--dim", 4, "--weighting", options[0],
              "--center", options[1], ranks=ranks)
        return path
    first, *others = together(one, [1, 2, 3, 7])
    learned = digests(first, "embedding/idf", "embedding/item_mean")
    assert len(learned) == (1 if options[0] == "log" else 2)
    for path in others:
        assert digests(path, "embedding/idf", "embedding/item_mean") == learned
        assert attributes(path)["mean_length"] == attributes(first)["mean_length"]
        assert np.allclose(load(path, VECTORS[2]), load(first, VECTORS[2]),
                           rtol=1e-6, atol=0)
